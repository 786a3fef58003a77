//! `[[instance]]` of the file: a tenant and what belongs to it.

use std::{collections::BTreeSet, path::Path, str::FromStr};

use lmq_auth::SecretKey;
use lmq_id::{GroupId, InstanceId, ParentTopic};

use super::{Account, Instance, file::path_in, layer::Placed, quota, rule, section::Section, value};
use crate::{
    files,
    registry::{GroupStatus, TopicKind, check_account_name, check_mq_topic},
};

/// Names that stand in one instance once.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) topics: BTreeSet<String>,
    pub(super) groups: BTreeSet<String>,
    access_keys: BTreeSet<String>,
    accounts: BTreeSet<String>,
}

/// `ids` are those of the instances before; `awaits` is where the first of them said that its clients upload tokens. `None` if the instance has no id that could be used; what is wrong was said.
pub(super) fn read(
    mut section: Section<'_, '_>,
    folder: &Path,
    ids: &mut BTreeSet<InstanceId>,
    awaits: &mut Option<Placed<bool>>,
) -> Option<Instance> {
    let had_id = section.has("id");
    let id = section.text("id", |text| {
        let id: InstanceId = text.parse().map_err(|e| format!("{e}"))?;
        if ids.insert(id.clone()) { Ok(id) } else { Err(format!("{text:?} is used by another instance")) }
    });
    if !had_id {
        section.missing("id", "\"mqtt-cn-0123abcd\"");
    }
    let mut taken = Taken::default();
    let topics = topics(&mut section, &mut taken);
    let mut seen = BTreeSet::new();
    let event_topics = section.texts("event-topics", |text| {
        check_mq_topic(text)?;
        if seen.insert(text.to_owned()) { Ok(text.to_owned()) } else { Err(format!("{text:?} stands here twice")) }
    });
    let awaits_here = section.boolean("awaits-tokens").filter(|placed| placed.value);
    let awaits_tokens = awaits_here.is_some();
    *awaits = awaits.take().or(awaits_here);
    let limits = section.section("quota", "instance.quota").map(quota::read).unwrap_or_default();
    let thresholds = section.section("thresholds", "instance.thresholds").map(quota::thresholds).unwrap_or_default();
    let sections = section.sections("account", "instance.account");
    let accounts = sections.into_iter().filter_map(|section| account(section, folder, &mut taken)).collect();
    let rules = rule::read(section.sections("rule", "instance.rule"), &taken);
    section.finish();
    Some(Instance {
        id: id?.value,
        topics,
        event_topics: event_topics
            .map(|list| list.value.into_iter().map(|item| item.value).collect())
            .unwrap_or_default(),
        accounts,
        rules,
        quota: limits,
        thresholds,
        awaits_tokens,
    })
}

fn topics(section: &mut Section<'_, '_>, taken: &mut Taken) -> Vec<(ParentTopic, TopicKind)> {
    let mut topics = Vec::new();
    for (key, kind) in [
        ("topics", TopicKind::Normal),
        ("partition-ordered-topics", TopicKind::PartitionOrdered),
        ("globally-ordered-topics", TopicKind::GloballyOrdered),
    ] {
        let found = section.texts(key, |text| {
            let topic: ParentTopic = text.parse().map_err(|e| format!("{e}"))?;
            let fresh = taken.topics.insert(text.to_owned());
            if fresh { Ok(topic) } else { Err(format!("{text:?} stands here twice")) }
        });
        topics.extend(found.into_iter().flat_map(|list| list.value).map(|item| (item.value, kind)));
    }
    topics
}

fn account(mut section: Section<'_, '_>, folder: &Path, taken: &mut Taken) -> Option<Account> {
    let (has_name, has_key) = (section.has("name"), section.has("access-key"));
    let name = section.text("name", |text| {
        check_account_name(text)?;
        Ok(text.to_owned())
    });
    let parent = section.text("parent", |text| match taken.accounts.contains(text) {
        true => Ok(text.to_owned()),
        false => Err(format!("no account {text:?} stands before this one")),
    });
    let sections = section.sections("key", "instance.account.key");
    let mut keys = Vec::new();
    if has_key || sections.is_empty() {
        keys.extend(key(&mut section, folder, taken));
    } else if !has_name {
        section.missing("name", "\"...\"");
    }
    for mut section in sections {
        keys.extend(key(&mut section, folder, taken));
        section.finish();
    }
    let groups = groups(&mut section, taken);
    // Without a name of its own an account is called by its key.
    let name = match name {
        Some(name) => name.value,
        None => keys.first()?.0.clone(),
    };
    if !taken.accounts.insert(name.clone()) {
        section.problem(format!("there is an account {name:?} already"));
    }
    section.finish();
    Some(Account { name, parent: parent.map(|parent| parent.value), keys, groups })
}

fn groups(section: &mut Section<'_, '_>, taken: &mut Taken) -> Vec<(GroupId, GroupStatus)> {
    let mut groups = Vec::new();
    for (key, status) in [
        ("groups", GroupStatus::Serving),
        ("frozen-groups", GroupStatus::Frozen),
        ("paused-groups", GroupStatus::Paused),
    ] {
        let found = section.texts(key, |text| {
            let group: GroupId = text.parse().map_err(|e| format!("{e}"))?;
            let fresh = taken.groups.insert(text.to_owned());
            if fresh { Ok(group) } else { Err(format!("{text:?} belongs to an account of this instance already")) }
        });
        groups.extend(found.into_iter().flat_map(|list| list.value).map(|item| (item.value, status)));
    }
    groups
}

/// A key pair: in the account's own section, or in one below it.
fn key(section: &mut Section<'_, '_>, folder: &Path, taken: &mut Taken) -> Option<(String, SecretKey)> {
    let had_access_key = section.has("access-key");
    let access_key = section.text("access-key", |text| {
        value::access_key(text)?;
        let fresh = taken.access_keys.insert(text.to_owned());
        if fresh { Ok(text.to_owned()) } else { Err("is used by another account of this instance".to_owned()) }
    });
    if !had_access_key {
        section.missing("access-key", "\"...\"");
    }
    let secret_key = secret_key(section, folder);
    Some((access_key?.value, secret_key?))
}

fn secret_key(section: &mut Section<'_, '_>, folder: &Path) -> Option<SecretKey> {
    let parse = |text: &str| SecretKey::from_str(text).map_err(|e| format!("{e}"));
    let (given, given_file) = (section.has("secret-key"), section.has("secret-key-file"));
    let inline = section.text("secret-key", parse);
    let from_file = section.text("secret-key-file", |text| {
        let path = path_in(folder, text)?;
        let content = files::read_text(&path).map_err(|e| e.to_string())?;
        parse(content.trim_end_matches(['\r', '\n']))
    });
    match (given, given_file) {
        (true, true) => section.problem("secret-key and secret-key-file exclude each other"),
        (false, false) => section.problem("an account needs secret-key or secret-key-file"),
        (true, false) | (false, true) => return inline.or(from_file).map(|placed| placed.value),
    }
    None
}
