//! The command line. Values stay text here: flags, variables and the file are read by the same code in `config`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::admin::AdminArgs;

/// An MQTT gateway in one process.
///
/// Without arguments it serves a demo instance on loopback: MQTT on 1883, WebSocket on 8083, HTTP on 8080.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway (what happens without a command, too)
    Serve(Box<ServeArgs>),
    /// Print the user name and the password of a client, or a signed request
    Sign(SignArgs),
    /// Make, show and revoke tokens, as an application server does
    Token(TokenArgs),
    /// List and change instances, accounts, keys, groups, topics and more of a running gateway
    Admin(AdminArgs),
    /// Say what is wrong with a configuration file, and on which line
    Check(CheckArgs),
    /// Write a development CA and a server certificate for localhost
    Cert(CertArgs),
    /// Look after the store of a gateway that does not run
    #[command(subcommand)]
    Store(StoreCommand),
}

/// Every flag has a key in the configuration file and a variable LMQ_...; flags win over variables over the file.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Configuration file (TOML) [env: LMQ_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The rules: the product's or plain MQTT's; lmq or mqtt [env: LMQ_PROFILE] [default: lmq]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// MQTT over TCP; port 0 picks one, `off` turns the listener off [env: LMQ_MQTT] [default: 127.0.0.1:1883]
    #[arg(long, value_name = "ADDR")]
    pub(crate) mqtt: Option<String>,
    /// MQTT over TLS [env: LMQ_MQTTS]
    #[arg(long, value_name = "ADDR")]
    pub(crate) mqtts: Option<String>,
    /// MQTT over WebSocket, path /mqtt; other requests are those of --https [env: LMQ_WS] [default: 127.0.0.1:8083]
    #[arg(long, value_name = "ADDR")]
    pub(crate) ws: Option<String>,
    /// MQTT over WebSocket over TLS [env: LMQ_WSS]
    #[arg(long, value_name = "ADDR")]
    pub(crate) wss: Option<String>,
    /// HTTP for operators; on loopback also token server and OpenAPI [env: LMQ_HTTP] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<String>,
    /// Token server and OpenAPI over TLS [env: LMQ_HTTPS]
    #[arg(long, value_name = "ADDR")]
    pub(crate) https: Option<String>,
    /// HTTP for operators over TLS [env: LMQ_ADMIN_HTTPS]
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin_https: Option<String>,
    /// Where listeners are that are not named: default, or product (1883, 8883, and 80 and 443 for WebSocket and HTTP)
    /// [env: LMQ_PORTS] [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) ports: Option<String>,
    /// Token server and OpenAPI without TLS on --ws and --http even where other machines can listen in [env: LMQ_OPEN_HTTP]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) open_http: Option<String>,
    /// Certificate chain (PEM), the server's first [env: LMQ_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key (PEM) [env: LMQ_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Where the gateway keeps its files [env: LMQ_DATA] [default: ./lmq-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Keep no files [env: LMQ_MEMORY]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) memory: Option<String>,
    /// Threads, and shards of the broker: 1 to 64 [env: LMQ_THREADS] [default: one per core]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<String>,
    /// Profile mqtt only: accept clients without user name [env: LMQ_ALLOW_ANONYMOUS]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) allow_anonymous: Option<String>,
    /// File that holds the token of the admin API and nothing else; LMQ_ADMIN_TOKEN is the token itself
    /// [env: LMQ_ADMIN_TOKEN_FILE] [default: DIR/admin-token, which is made]
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Serve the admin API also on listeners that other machines reach [env: LMQ_ADMIN_REMOTE]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) admin_remote: Option<String>,
    /// What is logged to stderr: off, error, warn, info, debug or trace [env: LMQ_LOG_LEVEL] [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// How: text or json [env: LMQ_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// The client's id, such as GID_Test@@@0001 [env: LMQ_CLIENT_ID]
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// The account's AccessKeyId [env: LMQ_ACCESS_KEY]
    #[arg(long, value_name = "AK")]
    pub(crate) access_key: Option<String>,
    /// Its secret; other users of the machine see it in the process list, so prefer the variable or standard input
    /// [env: LMQ_SECRET_KEY] [default: one line of standard input]
    #[arg(long, value_name = "SK")]
    pub(crate) secret_key: Option<OsString>,
    /// The instance the client connects to [env: LMQ_INSTANCE] [default: the demo instance]
    #[arg(long, value_name = "ID")]
    pub(crate) instance: Option<String>,
    /// Print path and parameters of a signed request instead [env: LMQ_REQUEST]
    #[arg(long, value_name = "NAME")]
    pub(crate) request: Option<Signed>,
    /// With --request apply: topic filters with commas between them [env: LMQ_RESOURCES]
    #[arg(long, value_name = "TOPICS")]
    pub(crate) resources: Option<String>,
    /// With --request apply: R, W, or both as R,W [env: LMQ_ACTIONS] [default: R,W]
    #[arg(long, value_name = "ACTIONS")]
    pub(crate) actions: Option<String>,
    /// With --request apply: how long the token lives, 60s to 720h [env: LMQ_LIFE] [default: 1h]
    #[arg(long, value_name = "DURATION")]
    pub(crate) life: Option<String>,
    /// With --request query or revoke: the token [env: LMQ_TOKEN]
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// The signature of the 2018 edition: over the group id, user name without instance [env: LMQ_LEGACY]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) legacy: Option<String>,
}

/// A request with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Signed {
    /// Apply for a token, with resources, actions and life
    Apply,
    /// Ask what a token is good for
    Query,
    /// Revoke a token
    Revoke,
    /// Ask whether a client is online
    Status,
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) action: TokenAction,
    /// Where a token server is: HOST:PORT, without TLS [env: LMQ_ADDRESS] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", global = true)]
    pub(crate) address: Option<String>,
    /// The account's AccessKeyId [env: LMQ_ACCESS_KEY]
    #[arg(long, value_name = "AK", global = true)]
    pub(crate) access_key: Option<String>,
    /// Its secret; prefer the variable or standard input [env: LMQ_SECRET_KEY] [default: one line of standard input]
    #[arg(long, value_name = "SK", global = true)]
    pub(crate) secret_key: Option<OsString>,
    /// The instance the token is for [env: LMQ_INSTANCE] [default: the demo instance]
    #[arg(long, value_name = "ID", global = true)]
    pub(crate) instance: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenAction {
    /// Make a token for topics, such as `mint TopicA/+ 'TopicB/#'`, and print it
    Mint {
        /// Topic filters, at most 100
        #[arg(value_name = "TOPIC", required = true)]
        resources: Vec<String>,
        /// What it allows: R, W, or both as R,W [env: LMQ_ACTIONS] [default: R,W]
        #[arg(long)]
        actions: Option<String>,
        /// How long it lives: 60s to 720h [env: LMQ_LIFE] [default: 1h]
        #[arg(long)]
        life: Option<String>,
    },
    /// Say what a token grants and until when
    Show { token: String },
    /// Make a token worthless and close whoever holds it
    Revoke { token: String },
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Configuration file (TOML) [env: LMQ_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CertArgs {
    /// Folder for ca.pem, ca.key, server.pem and server.key; it is made if it does not exist [env: LMQ_OUT]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// One more name or IP address for the server's certificate; may be repeated [env: LMQ_NAME]
    #[arg(long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Read the whole file and say what is wrong with it
    Check(StoreArgs),
    /// Say how much is in it
    Stats(StoreArgs),
    /// Give room that is not needed back to the disk
    Compact(StoreArgs),
    /// Print sessions, waiting messages and retained messages, one JSON object a line
    Export(StoreArgs),
    /// Remove the sessions of a client or a group, or the messages of a topic filter
    Purge(PurgeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The gateway's data folder [env: LMQ_DATA] [default: ./lmq-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Only what belongs to this instance [env: LMQ_INSTANCE] [default: all]
    #[arg(long, value_name = "ID")]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) what: PurgeWhat,
}

/// Exactly one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct PurgeWhat {
    /// The session of this client with everything that waits for it
    #[arg(long, value_name = "ID")]
    pub(crate) client: Option<String>,
    /// The sessions of all clients of this group
    #[arg(long, value_name = "GID")]
    pub(crate) group: Option<String>,
    /// Waiting and retained messages whose topic matches; sessions stay
    #[arg(long, value_name = "FILTER")]
    pub(crate) topic: Option<String>,
}
