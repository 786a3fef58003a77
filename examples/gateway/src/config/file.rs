//! The configuration file: which keys there are and what they mean. `gateway.example.toml` shows all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use lmq_auth::SecretKey;
use lmq_id::{GroupId, InstanceId, ParentTopic};

use super::{
    Account, Instance, Limits, LogFormat, Ports, ProfileName,
    layer::{Layer, Placed, Problem},
    quota,
    section::{Document, Section},
    value,
};
use crate::{
    error::Error,
    files,
    listen::{Address, ListenerKind},
};

/// What a configuration file says.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(super) layer: Layer,
    pub(super) limits: Limits,
    pub(super) instances: Vec<Instance>,
}

impl File {
    /// Reads the file at `path`. The second part is what is wrong with it; then the first is incomplete.
    pub(crate) fn read(path: &Path) -> Result<(Self, Vec<Problem>), Error> {
        let text = files::read_text(path)?;
        Ok(Self::parse(path, &text))
    }

    /// Paths in `text` are relative to the folder of `path`.
    pub(super) fn parse(path: &Path, text: &str) -> (Self, Vec<Problem>) {
        let document = Document::new(Arc::from(path), text);
        let folder = path.parent().unwrap_or(Path::new(""));
        let Some(mut root) = document.root() else {
            return (Self::default(), document.into_problems());
        };
        let mut layer = Layer {
            profile: root.text("profile", ProfileName::from_str),
            threads: root.number("threads", &value::THREADS),
            allow_anonymous: root.boolean("allow-anonymous"),
            ports: root.text("ports", Ports::from_str),
            open_http: root.boolean("open-http"),
            ..Layer::default()
        };
        if let Some(section) = root.section("listeners", "listeners") {
            layer.listeners = listeners(section);
        }
        if let Some(mut section) = root.section("tls", "tls") {
            layer.tls_cert = section.text("cert", |text| path_in(folder, text));
            layer.tls_key = section.text("key", |text| path_in(folder, text));
            section.finish();
        }
        if let Some(mut section) = root.section("data", "data") {
            layer.data = section.text("dir", |text| path_in(folder, text));
            layer.memory = section.boolean("memory");
            section.finish();
        }
        if let Some(mut section) = root.section("admin", "admin") {
            layer.admin_token_file = section.text("token-file", |text| path_in(folder, text));
            layer.admin_remote = section.boolean("remote");
            section.finish();
        }
        if let Some(mut section) = root.section("log", "log") {
            layer.log_level = section.text("level", value::log_level);
            layer.log_format = section.text("format", LogFormat::from_str);
            section.finish();
        }
        let limits = root.section("limits", "limits").map(Limits::read).unwrap_or_default();
        let mut ids = BTreeSet::new();
        let sections = root.sections("instance", "instance");
        let instances = sections.into_iter().filter_map(|section| instance(section, folder, &mut ids)).collect();
        root.finish();
        (Self { layer, limits, instances }, document.into_problems())
    }
}

fn listeners(mut section: Section<'_, '_>) -> BTreeMap<ListenerKind, Placed<Vec<Address>>> {
    let mut found = BTreeMap::new();
    for kind in ListenerKind::ALL {
        let Some(placed) = section.texts(kind.as_str(), value::addresses) else {
            continue;
        };
        let addresses = placed.value.into_iter().flat_map(|item| item.value).collect();
        found.insert(kind, Placed { value: addresses, origin: placed.origin });
    }
    section.finish();
    found
}

fn instance(mut section: Section<'_, '_>, folder: &Path, ids: &mut BTreeSet<InstanceId>) -> Option<Instance> {
    let had_id = section.has("id");
    let id = section.text("id", |text| {
        let id: InstanceId = text.parse().map_err(|e| format!("{e}"))?;
        if ids.insert(id.clone()) { Ok(id) } else { Err(format!("{text:?} is used by another instance")) }
    });
    if !had_id {
        section.missing("id", "\"mqtt-cn-0123abcd\"");
    }
    let mut seen = BTreeSet::new();
    let topics = section.texts("topics", |text| {
        let topic: ParentTopic = text.parse().map_err(|e| format!("{e}"))?;
        if seen.insert(topic.clone()) { Ok(topic) } else { Err(format!("{text:?} stands here twice")) }
    });
    let topics = topics.map(|list| list.value.into_iter().map(|item| item.value).collect());
    let mut taken = Taken::default();
    let quota = section.section("quota", "instance.quota").map(quota::read).unwrap_or_default();
    let sections = section.sections("account", "instance.account");
    let accounts = sections.into_iter().filter_map(|section| account(section, folder, &mut taken)).collect();
    section.finish();
    Some(Instance { id: id?.value, topics: topics.unwrap_or_default(), accounts, quota })
}

/// What belongs to one account and to no other of the instance.
#[derive(Default)]
struct Taken {
    access_keys: BTreeSet<String>,
    groups: BTreeSet<GroupId>,
}

fn account(mut section: Section<'_, '_>, folder: &Path, taken: &mut Taken) -> Option<Account> {
    let had_access_key = section.has("access-key");
    let access_key = section.text("access-key", |text| {
        value::access_key(text)?;
        let fresh = taken.access_keys.insert(text.to_owned());
        if fresh { Ok(text.to_owned()) } else { Err("is used by another account of this instance".to_owned()) }
    });
    if !had_access_key {
        section.missing("access-key", "\"...\"");
    }
    let secret_key = secret_key(&mut section, folder);
    let groups = section.texts("groups", |text| {
        let group: GroupId = text.parse().map_err(|e| format!("{e}"))?;
        let fresh = taken.groups.insert(group.clone());
        if fresh { Ok(group) } else { Err(format!("{text:?} belongs to an account of this instance already")) }
    });
    let groups = groups.map(|list| list.value.into_iter().map(|item| item.value).collect());
    section.finish();
    Some(Account { access_key: access_key?.value, secret_key: secret_key?, groups: groups.unwrap_or_default() })
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

fn path_in(folder: &Path, text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(folder.join(text)) }
}
