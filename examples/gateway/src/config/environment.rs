//! The `LMQ_...` variables. An empty one counts as not set.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use super::value;
use crate::{cli::ServeArgs, error::Error};

/// The flags of all commands, and the token of the admin API, which is no flag: those are seen in the process list.
const FLAGS: [&str; 36] = [
    "config",
    "profile",
    "mqtt",
    "mqtts",
    "ws",
    "wss",
    "http",
    "https",
    "admin-https",
    "ports",
    "open-http",
    "tls-cert",
    "tls-key",
    "data",
    "memory",
    "threads",
    "allow-anonymous",
    "log-level",
    "log-format",
    "admin-token",
    "admin-token-file",
    "admin-remote",
    "admin-address",
    "address",
    "request",
    "resources",
    "actions",
    "life",
    "token",
    "client-id",
    "access-key",
    "secret-key",
    "instance",
    "legacy",
    "out",
    "name",
];

/// The variable of a flag: `tls-cert` is `LMQ_TLS_CERT`.
pub(crate) fn variable(flag: &str) -> String {
    format!("LMQ_{}", flag.to_ascii_uppercase().replace('-', "_"))
}

/// The variables of `gateway serve`.
pub(super) fn serve_args() -> Result<ServeArgs, Error> {
    Ok(ServeArgs {
        config: path("config"),
        profile: text("profile")?,
        mqtt: text("mqtt")?,
        mqtts: text("mqtts")?,
        ws: text("ws")?,
        wss: text("wss")?,
        http: text("http")?,
        https: text("https")?,
        admin_https: text("admin-https")?,
        ports: text("ports")?,
        open_http: text("open-http")?,
        tls_cert: path("tls-cert"),
        tls_key: path("tls-key"),
        data: path("data"),
        memory: text("memory")?,
        threads: text("threads")?,
        allow_anonymous: text("allow-anonymous")?,
        admin_token_file: path("admin-token-file"),
        admin_remote: text("admin-remote")?,
        log_level: text("log-level")?,
        log_format: text("log-format")?,
    })
}

/// The text of a flag's variable.
pub(crate) fn text(flag: &str) -> Result<Option<String>, Error> {
    let not_text = |_| Error::new(format_args!("{}: the value is not UTF-8", variable(flag)));
    value_of(flag).map(|value| value.into_string().map_err(not_text)).transpose()
}

pub(crate) fn path(flag: &str) -> Option<PathBuf> {
    value_of(flag).map(PathBuf::from)
}

pub(crate) fn boolean(flag: &str) -> Result<Option<bool>, Error> {
    text(flag)?.map(|text| parse_boolean(&variable(flag), &text)).transpose()
}

/// `true` or `false` as given by the flag or variable `place`.
pub(crate) fn parse_boolean(place: &str, text: &str) -> Result<bool, Error> {
    value::boolean(text).map_err(|problem| Error::new(format_args!("{place}: {problem}")))
}

/// Variables that begin with `LMQ_` and mean nothing here. They are no error: orchestrators add some of their own
/// (Kubernetes sets `LMQ_PORT` beside a service called `lmq`).
pub(crate) fn unknown_variables() -> Vec<String> {
    let is_known = |name: &OsStr| FLAGS.iter().any(|flag| name == OsStr::new(&variable(flag)));
    let ours = |name: &OsString| name.to_string_lossy().starts_with("LMQ_") && !is_known(name);
    let mut names: Vec<_> = env::vars_os().map(|(name, _)| name).filter(ours).collect();
    names.sort();
    names.iter().map(|name| name.to_string_lossy().into_owned()).collect()
}

fn value_of(flag: &str) -> Option<OsString> {
    env::var_os(variable(flag)).filter(|value| !value.is_empty())
}
