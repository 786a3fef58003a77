//! The configuration file: which keys there are and what they mean. `gateway.example.toml` shows all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use super::{
    Instance, Limits, LogFormat, Ports, ProfileName, instance,
    layer::{Layer, Placed, Problem},
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
        let awaits = &mut layer.awaits_tokens;
        let read = |section| instance::read(section, folder, &mut ids, awaits);
        let instances = sections.into_iter().filter_map(read).collect();
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

pub(super) fn path_in(folder: &Path, text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(folder.join(text)) }
}
