//! `[[instance.rule]]` of the file: what of the MQTT side belongs to which topic of the MQ side.

use std::{collections::BTreeSet, str::FromStr};

use super::{instance::Taken, section::Section};
use crate::registry::{Rule, RuleKind, check_mq_topic, check_rule_name};

/// The rules with their names; `taken` has the topics and groups that there are.
pub(super) fn read(sections: Vec<Section<'_, '_>>, taken: &Taken) -> Vec<(String, Rule)> {
    let mut used = Used::default();
    sections.into_iter().filter_map(|section| rule(section, taken, &mut used)).collect()
}

/// What can stand in one rule, or in one of a kind.
#[derive(Default)]
struct Used {
    names: BTreeSet<String>,
    resources: BTreeSet<(&'static str, String)>,
    mq_topics: BTreeSet<(&'static str, String)>,
}

fn rule(mut section: Section<'_, '_>, taken: &Taken, used: &mut Used) -> Option<(String, Rule)> {
    for (key, example) in [("name", "\"r1\""), ("kind", "\"inflow\""), ("resource", "\"...\""), ("mq-topic", "\"...\"")]
    {
        if !section.has(key) {
            section.missing(key, example);
        }
    }
    let name = section.text("name", |text| {
        check_rule_name(text)?;
        if used.names.insert(text.to_owned()) { Ok(text.to_owned()) } else { Err(format!("{text:?} is used twice")) }
    });
    let kind = section.text("kind", Word::from_str);
    let word = kind.as_ref().map_or("", |kind| kind.value.0);
    let resource = section.text("resource", |text| {
        let (there, what) = match word {
            "status" => (taken.groups.contains(text), "group"),
            _ => (taken.topics.contains(text), "topic"),
        };
        if !there {
            return Err(format!("there is no {what} {text:?} in this instance"));
        }
        let fresh = used.resources.insert((word, text.to_owned()));
        if fresh { Ok(text.to_owned()) } else { Err(format!("{text:?} is in another rule of this kind")) }
    });
    let mq_topic = section.text("mq-topic", |text| {
        check_mq_topic(text)?;
        let fresh = used.mq_topics.insert((word, text.to_owned()));
        if fresh { Ok(text.to_owned()) } else { Err(format!("{text:?} is in another rule of this kind")) }
    });
    section.finish();
    let rule = Rule { kind: kind?.value.1, resource: resource?.value.into(), mq_topic: mq_topic?.value.into() };
    Some((name?.value, rule))
}

/// A kind and how it is written.
struct Word(&'static str, RuleKind);

impl FromStr for Word {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "inflow" => Ok(Self("inflow", RuleKind::Inflow)),
            "outflow" => Ok(Self("outflow", RuleKind::Outflow)),
            "status" => Ok(Self("status", RuleKind::Status)),
            _ => Err(format!("{text:?} is not a kind of rule; write inflow, outflow or status")),
        }
    }
}
