//! `gateway sign`: the user name and the password of one client.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use lmq_auth::{SecretKey, Signature, mac_signature};
use lmq_id::{ClientId, InstanceId};

use crate::{
    cli::SignArgs,
    config::{self, environment},
    demo,
    error::Error,
};

/// The most bytes read from standard input in search of a secret.
const INPUT_BYTES_MAX: u64 = 4096;

/// What a client puts into its CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

impl Credentials {
    /// The signature of 2019 and later: over the whole client id, which may be any text.
    pub(crate) fn new(client_id: &str, access_key: &str, secret_key: &SecretKey, instance: &InstanceId) -> Self {
        let username = format!("Signature|{access_key}|{instance}");
        Self { username, password: mac_signature(client_id, secret_key) }
    }

    /// The signature of the 2018 edition: over the group id.
    fn legacy(client_id: &ClientId, access_key: &str, secret_key: &SecretKey) -> Self {
        let password = Signature::sign_legacy(secret_key, client_id).to_base64();
        Self { username: access_key.to_owned(), password }
    }
}

/// The two lines that are printed.
pub(crate) fn run(args: &SignArgs) -> Result<String, Error> {
    let client_id = given(args.client_id.clone(), "client-id")?;
    let access_key = given(args.access_key.clone(), "access-key")?;
    config::check_access_key(&access_key).map_err(|e| Error::new(format_args!("--access-key: {e}")))?;
    let instance = match args.instance.clone().map_or_else(|| environment::text("instance"), |id| Ok(Some(id)))? {
        Some(id) => id.parse().map_err(|e| Error::new(format_args!("--instance: {e}")))?,
        None => demo::instance_id(),
    };
    let secret_key = secret_key(args)?;
    let credentials = if is_legacy(args)? {
        let client_id: ClientId = client_id.parse().map_err(|e| Error::new(format_args!("--client-id: {e}")))?;
        Credentials::legacy(&client_id, &access_key, &secret_key)
    } else {
        Credentials::new(&client_id, &access_key, &secret_key, &instance)
    };
    Ok(format!("username {}\npassword {}\n", credentials.username, credentials.password))
}

fn is_legacy(args: &SignArgs) -> Result<bool, Error> {
    match args.legacy.as_deref() {
        Some(text) => environment::parse_boolean("--legacy", text),
        None => Ok(environment::boolean("legacy")?.unwrap_or(false)),
    }
}

fn given(flag: Option<String>, name: &str) -> Result<String, Error> {
    let value = flag.map_or_else(|| environment::text(name), |text| Ok(Some(text)))?;
    value
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Error::new(format_args!("gateway sign needs --{name} or {}", environment::variable(name))))
}

fn secret_key(args: &SignArgs) -> Result<SecretKey, Error> {
    let wrong = |place: &str, e: &dyn std::fmt::Display| Error::new(format_args!("{place}: {e}"));
    if let Some(secret) = &args.secret_key {
        let text = secret.to_str().ok_or_else(|| wrong("--secret-key", &"the value is not UTF-8"))?;
        return text.parse().map_err(|e| wrong("--secret-key", &e));
    }
    if let Some(text) = environment::text("secret-key")? {
        return text.parse().map_err(|e| wrong("LMQ_SECRET_KEY", &e));
    }
    if io::stdin().is_terminal() {
        drop(io::stderr().write_all(b"secret key: "));
    }
    let mut line = Vec::new();
    let read = io::stdin().lock().take(INPUT_BYTES_MAX).read_until(b'\n', &mut line);
    read.map_err(|e| Error::io("cannot read the secret key from standard input", &e))?;
    let text = std::str::from_utf8(&line).map_err(|_| wrong("standard input", &"the secret key is not UTF-8"))?;
    text.trim_end_matches(['\r', '\n']).parse().map_err(|e| wrong("standard input", &e))
}
