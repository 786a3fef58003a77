//! `gateway sign`: the user name and the password of one client.

use std::{
    ffi::OsString,
    io::{self, BufRead, IsTerminal, Read, Write},
};

use clap::ValueEnum;
use lmq_auth::{
    SecretKey, Signature, mac_signature,
    request::{StatusQuery, TokenQuery, TokenRevoke},
};
use lmq_id::{ClientId, InstanceId};

use crate::{
    cli::{SignArgs, Signed},
    clock::now_ms,
    config::{self, environment},
    demo,
    error::Error,
    token,
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
    if let Some(request) = args.request.map_or_else(variable, |request| Ok(Some(request)))? {
        return self::request(args, request);
    }
    let client_id = given(args.client_id.clone(), "client-id")?;
    let access_key = given(args.access_key.clone(), "access-key")?;
    config::check_access_key(&access_key).map_err(|e| Error::new(format_args!("--access-key: {e}")))?;
    let instance = match args.instance.clone().map_or_else(|| environment::text("instance"), |id| Ok(Some(id)))? {
        Some(id) => id.parse().map_err(|e| Error::new(format_args!("--instance: {e}")))?,
        None => demo::instance_id(),
    };
    let secret_key = secret_key(args.secret_key.as_ref())?;
    let credentials = if is_legacy(args)? {
        let client_id: ClientId = client_id.parse().map_err(|e| Error::new(format_args!("--client-id: {e}")))?;
        Credentials::legacy(&client_id, &access_key, &secret_key)
    } else {
        Credentials::new(&client_id, &access_key, &secret_key, &instance)
    };
    Ok(format!("username {}\npassword {}\n", credentials.username, credentials.password))
}

fn variable() -> Result<Option<Signed>, Error> {
    let parse = |text: String| {
        let wrong = |_| Error::new(format_args!("LMQ_REQUEST: {text:?} is not apply, query, revoke or status"));
        Signed::from_str(&text, false).map_err(wrong)
    };
    environment::text("request")?.map(parse).transpose()
}

/// Path and parameters of a signed request.
fn request(args: &SignArgs, request: Signed) -> Result<String, Error> {
    let access_key = given(args.access_key.clone(), "access-key")?;
    let secret_key = secret_key(args.secret_key.as_ref())?;
    let optional = |flag: &Option<String>, name| flag.clone().map_or_else(|| environment::text(name), |t| Ok(Some(t)));
    let instance = optional(&args.instance, "instance")?;
    let (path, pairs) = match request {
        Signed::Apply => {
            let resources = [given(args.resources.clone(), "resources")?];
            let (actions, life) = (optional(&args.actions, "actions")?, optional(&args.life, "life")?);
            let apply = token::apply(&resources, actions.as_deref(), life.as_deref(), instance.as_deref())?;
            ("/token/apply", apply.sign(&access_key, &secret_key))
        }
        Signed::Query => {
            let query = TokenQuery::new(&given(args.token.clone(), "token")?).map_err(token::of_token)?;
            ("/token/query", query.sign(&access_key, &secret_key))
        }
        Signed::Revoke => {
            let revoke = TokenRevoke::new(&given(args.token.clone(), "token")?).map_err(token::of_token)?;
            ("/token/revoke", revoke.sign(&access_key, &secret_key))
        }
        Signed::Status => {
            let client_id = given(args.client_id.clone(), "client-id")?;
            let client: ClientId = client_id.parse().map_err(|e| Error::new(format_args!("--client-id: {e}")))?;
            let instance = match instance {
                Some(id) => id.parse().map_err(|e| Error::new(format_args!("--instance: {e}")))?,
                None => demo::instance_id(),
            };
            let query = StatusQuery::new(client, now_ms()).for_instance(instance);
            ("/route/clientId/get", query.sign(&access_key, &secret_key))
        }
    };
    Ok(format!("path {path}\nparameters {}\n", token::encoded(&pairs)?))
}

fn is_legacy(args: &SignArgs) -> Result<bool, Error> {
    match args.legacy.as_deref() {
        Some(text) => environment::parse_boolean("--legacy", text),
        None => Ok(environment::boolean("legacy")?.unwrap_or(false)),
    }
}

/// A value that there has to be, by flag or variable.
pub(crate) fn given(flag: Option<String>, name: &str) -> Result<String, Error> {
    let value = flag.map_or_else(|| environment::text(name), |text| Ok(Some(text)))?;
    value
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Error::new(format_args!("--{name} or {} is needed", environment::variable(name))))
}

/// The secret: by flag, variable, or the first line of standard input.
pub(crate) fn secret_key(flag: Option<&OsString>) -> Result<SecretKey, Error> {
    let wrong = |place: &str, e: &dyn std::fmt::Display| Error::new(format_args!("{place}: {e}"));
    if let Some(secret) = flag {
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
