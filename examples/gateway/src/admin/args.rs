//! The command line of `gateway admin`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Change a running gateway.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    #[command(subcommand)]
    pub(super) command: Command,
    /// Where its HTTP listener is: HOST:PORT, without TLS [env: LMQ_ADMIN_ADDRESS] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", global = true)]
    pub(super) admin_address: Option<String>,
    /// File that holds the token; LMQ_ADMIN_TOKEN is the token itself [env: LMQ_ADMIN_TOKEN_FILE] [default: DIR/admin-token]
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) admin_token_file: Option<PathBuf>,
    /// Where the gateway keeps its files [env: LMQ_DATA] [default: ./lmq-data]
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) data: Option<PathBuf>,
    /// The instance that objects are in [env: LMQ_INSTANCE]
    #[arg(long, value_name = "ID", global = true)]
    pub(super) instance: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what there is of a kind
    List { kind: Kind },
    /// Show one
    Show { kind: Kind, name: String },
    /// Make one, such as `create groups group=GID_Test account=acme`
    Create {
        kind: Kind,
        /// What it is; what belongs to something else has dots: limits.connections.max=100
        #[arg(value_name = "FIELD=VALUE", required = true)]
        fields: Vec<String>,
    },
    /// Change one, such as `change groups GID_Test status=frozen`
    Change {
        kind: Kind,
        name: String,
        /// What it is from now on
        #[arg(value_name = "FIELD=VALUE", required = true)]
        fields: Vec<String>,
    },
    /// Delete one, with what cannot be without it
    Delete { kind: Kind, name: String },
    /// List the keys that tokens are made with
    TokenKeys,
    /// Make a new key for tokens; those made before stay good
    RotateTokenKey,
    /// Give a device another secret
    Refresh { client_id: String },
}

/// The kinds, as their paths have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    Instances,
    Accounts,
    Keys,
    Groups,
    Topics,
    EventTopics,
    Rules,
    DeviceCredentials,
    Identities,
    Permissions,
    BlackList,
}

impl Kind {
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Accounts => "accounts",
            Self::Keys => "keys",
            Self::Groups => "groups",
            Self::Topics => "topics",
            Self::EventTopics => "event-topics",
            Self::Rules => "rules",
            Self::DeviceCredentials => "device-credentials",
            Self::Identities => "identities",
            Self::Permissions => "permissions",
            Self::BlackList => "black-list",
        }
    }

    /// The member that names one.
    pub(super) const fn name_field(self) -> &'static str {
        match self {
            Self::Instances => "instance",
            Self::Accounts => "account",
            Self::Keys => "access_key",
            Self::Groups => "group",
            Self::Topics | Self::EventTopics => "topic",
            Self::Rules => "rule",
            Self::DeviceCredentials | Self::BlackList => "client_id",
            Self::Identities | Self::Permissions => "name",
        }
    }
}
