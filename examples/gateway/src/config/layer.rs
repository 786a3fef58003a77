//! One source of settings: the flags, the variables, or the file.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use tracing::level_filters::LevelFilter;

use super::{LogFormat, Ports, ProfileName, value};
use crate::{
    cli::ServeArgs,
    listen::{Address, ListenerKind},
};

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// By the flag of this name.
    Flag(&'static str),
    /// By the variable that belongs to the flag of this name.
    Variable(&'static str),
    /// In a file; lines count from 1.
    File { path: Arc<Path>, line: usize },
}

#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(super) origin: Option<Origin>,
    pub(super) text: String,
}

#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) profile: Option<Placed<ProfileName>>,
    /// No address means that the listener is off.
    pub(super) listeners: BTreeMap<ListenerKind, Placed<Vec<Address>>>,
    pub(super) ports: Option<Placed<Ports>>,
    pub(super) open_http: Option<Placed<bool>>,
    pub(super) tls_cert: Option<Placed<PathBuf>>,
    pub(super) tls_key: Option<Placed<PathBuf>>,
    pub(super) data: Option<Placed<PathBuf>>,
    pub(super) memory: Option<Placed<bool>>,
    pub(super) threads: Option<Placed<u16>>,
    pub(super) allow_anonymous: Option<Placed<bool>>,
    /// The first instance of the file whose clients may upload a token.
    pub(super) awaits_tokens: Option<Placed<bool>>,
    pub(super) admin_token_file: Option<Placed<PathBuf>>,
    pub(super) admin_remote: Option<Placed<bool>>,
    pub(super) log_level: Option<Placed<LevelFilter>>,
    pub(super) log_format: Option<Placed<LogFormat>>,
}

impl Layer {
    /// Reads `args`; `origin` makes a place of a flag's name.
    pub(super) fn of_texts(args: &ServeArgs, origin: fn(&'static str) -> Origin, problems: &mut Vec<Problem>) -> Self {
        let mut texts = Texts { origin, problems };
        let mut listeners = BTreeMap::new();
        for (kind, text) in [
            (ListenerKind::Mqtt, &args.mqtt),
            (ListenerKind::Mqtts, &args.mqtts),
            (ListenerKind::Ws, &args.ws),
            (ListenerKind::Wss, &args.wss),
            (ListenerKind::Http, &args.http),
            (ListenerKind::Https, &args.https),
            (ListenerKind::AdminHttps, &args.admin_https),
        ] {
            if let Some(addresses) = texts.parse(kind.as_str(), text.as_deref(), value::addresses) {
                listeners.insert(kind, addresses);
            }
        }
        Self {
            profile: texts.parse("profile", args.profile.as_deref(), ProfileName::from_str),
            listeners,
            ports: texts.parse("ports", args.ports.as_deref(), Ports::from_str),
            open_http: texts.parse("open-http", args.open_http.as_deref(), value::boolean),
            tls_cert: texts.path("tls-cert", args.tls_cert.as_ref()),
            tls_key: texts.path("tls-key", args.tls_key.as_ref()),
            data: texts.path("data", args.data.as_ref()),
            memory: texts.parse("memory", args.memory.as_deref(), value::boolean),
            threads: texts.parse("threads", args.threads.as_deref(), value::threads),
            allow_anonymous: texts.parse("allow-anonymous", args.allow_anonymous.as_deref(), value::boolean),
            awaits_tokens: None,
            admin_token_file: texts.path("admin-token-file", args.admin_token_file.as_ref()),
            admin_remote: texts.parse("admin-remote", args.admin_remote.as_deref(), value::boolean),
            log_level: texts.parse("log-level", args.log_level.as_deref(), value::log_level),
            log_format: texts.parse("log-format", args.log_format.as_deref(), LogFormat::from_str),
        }
    }
}

struct Texts<'a> {
    origin: fn(&'static str) -> Origin,
    problems: &'a mut Vec<Problem>,
}

impl Texts<'_> {
    fn parse<T>(
        &mut self,
        name: &'static str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        let origin = (self.origin)(name);
        match parse(text?) {
            Ok(value) => Some(Placed { value, origin }),
            Err(text) => {
                self.problems.push(Problem { origin: Some(origin), text });
                None
            }
        }
    }

    fn path(&mut self, name: &'static str, path: Option<&PathBuf>) -> Option<Placed<PathBuf>> {
        Some(Placed { value: path?.clone(), origin: (self.origin)(name) })
    }
}

impl Problem {
    pub(super) fn line(&self) -> usize {
        match self.origin {
            Some(Origin::File { line, .. }) => line,
            Some(Origin::Flag(_) | Origin::Variable(_)) | None => 0,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => write!(f, "{}", super::environment::variable(name)),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}
