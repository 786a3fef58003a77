//! What the gateway was told: flags over `LMQ_...` variables over the file over defaults.

pub(crate) mod environment;
mod file;
mod instance;
mod layer;
mod limits;
mod merge;
mod quota;
mod rule;
mod section;
mod value;

use std::{fmt, path::PathBuf};

use lmq_auth::SecretKey;
use lmq_broker::InstanceQuota;
use lmq_id::{GroupId, InstanceId, ParentTopic};

pub(crate) use limits::Limits;
pub(crate) use merge::{load, merge_file};
pub(crate) use value::{access_key as check_access_key, token_life};

use crate::{
    admin::Token,
    listen::{Address, ListenerKind},
    registry::{GroupStatus, Rule, Thresholds, TopicKind},
};

/// Everything the gateway runs with.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The rules.
    pub(crate) profile: ProfileName,
    /// Where to listen, sorted by kind.
    pub(crate) listeners: Vec<(ListenerKind, Address)>,
    /// The product's services are on WebSocket and HTTP ports without TLS, too, wherever these are.
    pub(crate) open_http: bool,
    /// The certificate; there if a listener needs it.
    pub(crate) tls: Option<TlsFiles>,
    /// Where files go.
    pub(crate) storage: Storage,
    /// Threads, and shards of the broker: 1 to 64.
    pub(crate) threads: u16,
    /// Clients without user name are accepted; only with `ProfileName::Mqtt`.
    pub(crate) allow_anonymous: bool,
    /// Who may use the admin API, and from where.
    pub(crate) admin: Admin,
    /// What is logged, and how.
    pub(crate) log: Log,
    /// What the file says of limits; `None` leaves the default.
    pub(crate) limits: Limits,
    /// The tenants; the first is the default one. Empty only if `allow_anonymous`.
    pub(crate) instances: Vec<Instance>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProfileName {
    /// `lmq_broker::Profile::lmq()`.
    Lmq,
    /// `lmq_broker::Profile::mqtt()`.
    Mqtt,
}

/// Where listeners are that have no address of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ports {
    /// As [`Address::default_of`] says; none once an address is named anywhere.
    #[default]
    Default,
    /// Those of the product's endpoints: 1883, 8883, 80 and 443, and the operators' own.
    Product,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Memory,
    Data(PathBuf),
}

/// One tenant.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) id: InstanceId,
    /// The parent topics that exist.
    pub(crate) topics: Vec<(ParentTopic, TopicKind)>,
    /// The topics of the MQ side that take status events.
    pub(crate) event_topics: Vec<String>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) rules: Vec<(String, Rule)>,
    /// What its clients may use together.
    pub(crate) quota: InstanceQuota,
    /// From where on somebody is warned.
    pub(crate) thresholds: Thresholds,
    /// Clients without credentials may upload a token; only with `ProfileName::Lmq`.
    pub(crate) awaits_tokens: bool,
}

/// Key pairs and the groups that belong to whoever has them. An access key is unique in its instance, a group as well.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// An account that stands before this one.
    pub(crate) parent: Option<String>,
    /// Access keys with their secrets.
    pub(crate) keys: Vec<(String, SecretKey)>,
    pub(crate) groups: Vec<(GroupId, GroupStatus)>,
}

/// Who may use the admin API, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    pub(crate) token: AdminToken,
    /// Also on listeners that other machines reach.
    pub(crate) remote: bool,
}

/// Where the token of the admin API comes from.
#[derive(Clone, Debug)]
pub(crate) enum AdminToken {
    /// From the variable.
    Given(Token),
    /// From this file.
    File(PathBuf),
    /// From the data directory, where it is made; without one there is no token.
    OfData,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) level: tracing::level_filters::LevelFilter,
    pub(crate) format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// Nothing was configured that could check a client: the demo instance is served.
    pub(crate) fn wants_demo(&self) -> bool {
        self.instances.is_empty() && !self.allow_anonymous
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lmq => "lmq",
            Self::Mqtt => "mqtt",
        })
    }
}
