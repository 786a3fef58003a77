//! The command line. Values stay text here: flags, variables and the file are read by the same code in `config`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand};

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
    /// Print the user name and the password of a client
    Sign(SignArgs),
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
    /// MQTT over WebSocket, path /mqtt [env: LMQ_WS] [default: 127.0.0.1:8083]
    #[arg(long, value_name = "ADDR")]
    pub(crate) ws: Option<String>,
    /// MQTT over WebSocket over TLS [env: LMQ_WSS]
    #[arg(long, value_name = "ADDR")]
    pub(crate) wss: Option<String>,
    /// HTTP for operators [env: LMQ_HTTP] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<String>,
    /// The same over TLS [env: LMQ_HTTPS]
    #[arg(long, value_name = "ADDR")]
    pub(crate) https: Option<String>,
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
    /// The signature of the 2018 edition: over the group id, user name without instance [env: LMQ_LEGACY]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) legacy: Option<String>,
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
