use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Changed, Kind, Object};
use crate::registry::{Fault, Instance, Order, Table, name};

/// How something of the MQTT side and a topic of the MQ side belong together. Carried out where the MQ side is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) kind: RuleKind,
    /// A parent topic; for [`RuleKind::Status`] a group.
    pub(crate) resource: Arc<str>,
    /// A RocketMQ topic.
    pub(crate) mq_topic: Arc<str>,
}

/// Which way a [`Rule`] leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RuleKind {
    /// From the MQ topic to the parent topic.
    Inflow,
    /// From the parent topic to the MQ topic.
    Outflow,
    /// Events of the group's clients go to the MQ topic.
    Status,
}

impl Object for Rule {
    const KIND: Kind = Kind::Rule;
    const WHAT: &'static str = "rule";
    const FIELD: &'static str = "rule";
    /// The product's limit.
    const MAX: usize = 100;

    fn check_name(name: &str) -> Result<(), String> {
        name::rule(name)
    }

    fn check(&self, own: &str, instance: &Instance) -> Result<(), Fault> {
        name::mq_topic(&self.mq_topic).map_err(|text| Fault::invalid("mq_topic", text))?;
        let (what, there) = match self.kind {
            RuleKind::Inflow | RuleKind::Outflow => ("topic", instance.topics.contains(&self.resource)),
            RuleKind::Status => ("group", instance.groups.contains(&self.resource)),
        };
        if !there {
            return Err(Fault::invalid("resource", format_args!("there is no {what} {:?}", self.resource)));
        }
        // Each resource is in one rule of a kind, those of the MQ side as well.
        for (other, rule) in instance.rules.iter().filter(|(other, _)| ***other != *own) {
            let rule = &rule.value;
            let twice =
                |field, text: &str| Err(Fault::invalid(field, format_args!("{text:?} is in the rule {other:?}")));
            if rule.kind == self.kind && rule.resource == self.resource {
                return twice("resource", &self.resource);
            }
            if rule.kind == self.kind && rule.mq_topic == self.mq_topic {
                return twice("mq_topic", &self.mq_topic);
            }
        }
        Ok(())
    }

    fn table(instance: &Instance) -> &Table<Self> {
        &instance.rules
    }

    fn table_mut(instance: &mut Instance) -> &mut Table<Self> {
        &mut instance.rules
    }

    fn orders(_change: &Changed<'_, Self>, _orders: &mut Vec<Order>) {}
}

/// The rule of one of `kinds` that needs `resource`, in words.
pub(super) fn of_resource(resource: &str, kinds: &[RuleKind], instance: &Instance) -> Option<String> {
    let needs = |rule: &Rule| kinds.contains(&rule.kind) && *rule.resource == *resource;
    let (name, _) = instance.rules.iter().find(|(_, rule)| needs(&rule.value))?;
    Some(format!("the rule {name:?}"))
}
