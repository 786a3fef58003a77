//! `gateway admin`: the admin API from a command line.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    TOKEN_FILE, Token,
    args::{AdminArgs, Command, Kind},
    client::{Client, encoded},
    fields, print,
};
use crate::{config::environment, error::Error};

const ADDRESS: &str = "127.0.0.1:8080";
/// Items asked for at once.
const PAGE_ITEMS: usize = 1_000;

/// What is printed.
pub(crate) fn run(args: &AdminArgs) -> Result<String, Error> {
    let address =
        args.admin_address.clone().map_or_else(|| environment::text("admin-address"), |text| Ok(Some(text)))?;
    let client = Client::new(address.as_deref().unwrap_or(ADDRESS), &token(args)?);
    match &args.command {
        Command::List { kind } => list(&client, &path(args, *kind)?, *kind),
        Command::Show { kind, name } => shown(*kind, client.get(&one(args, *kind, name)?)?),
        Command::Create { kind, fields } => {
            let body = fields::object(fields)?;
            shown(*kind, client.post(&path(args, *kind)?, &body)?)
        }
        Command::Change { kind, name, fields } => {
            let body = fields::object(fields)?;
            shown(*kind, client.patch(&one(args, *kind, name)?, &body)?)
        }
        Command::Delete { kind, name } => {
            client.delete(&one(args, *kind, name)?)?;
            Ok("deleted\n".to_owned())
        }
        Command::TokenKeys => {
            let mut keys = client.get("/token-keys")?;
            let items = keys.get_mut("items").map(Value::take);
            Ok(print::table(items.as_ref().and_then(Value::as_array).map_or(&[], Vec::as_slice), "id"))
        }
        Command::RotateTokenKey => Ok(print::object(&client.post("/token-keys", &Value::Null)?, "id")),
        Command::Refresh { client_id } => {
            let kind = Kind::DeviceCredentials;
            let path = format!("{}/refresh", one(args, kind, client_id)?);
            shown(kind, client.post(&path, &Value::Null)?)
        }
    }
}

fn shown(kind: Kind, answer: Value) -> Result<String, Error> {
    Ok(print::object(&answer, kind.name_field()))
}

fn list(client: &Client, path: &str, kind: Kind) -> Result<String, Error> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let mut page = client.get(&format!("{path}?limit={PAGE_ITEMS}&after={}", encoded(&after)))?;
        if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
            items.extend(more);
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = next.to_owned(),
            None => return Ok(print::table(&items, kind.name_field())),
        }
    }
}

fn one(args: &AdminArgs, kind: Kind, name: &str) -> Result<String, Error> {
    Ok(format!("{}/{}", path(args, kind)?, encoded(name)))
}

/// The path of the list of a kind.
fn path(args: &AdminArgs, kind: Kind) -> Result<String, Error> {
    if kind == Kind::Instances {
        return Ok("/instances".to_owned());
    }
    let instance = args.instance.clone().map_or_else(|| environment::text("instance"), |id| Ok(Some(id)))?;
    let missing = || Error::new(format_args!("{} are in an instance; give --instance or LMQ_INSTANCE", kind.path()));
    Ok(format!("/instances/{}/{}", encoded(&instance.ok_or_else(missing)?), kind.path()))
}

/// The token in a variable wins over all but a flag, as it does for the gateway.
fn token(args: &AdminArgs) -> Result<Token, Error> {
    if let Some(path) = &args.admin_token_file {
        return Token::read(path);
    }
    if let Some(text) = environment::text("admin-token")? {
        return Token::parse(&text).map_err(|text| Error::new(format_args!("LMQ_ADMIN_TOKEN: {text}")));
    }
    let file = environment::path("admin-token-file").unwrap_or_else(|| folder(args).join(TOKEN_FILE));
    Token::read(&file)
}

fn folder(args: &AdminArgs) -> PathBuf {
    let given = args.data.clone().or_else(|| environment::path("data"));
    given.unwrap_or_else(|| Path::new("lmq-data").to_owned())
}
