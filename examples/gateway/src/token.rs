//! `gateway token`: what an application server does with tokens, from a command line, over the token server of a running gateway.

use std::time::Duration;

use lmq_auth::{
    SecretKey,
    request::{Pairs, RequestError, TokenApply, TokenQuery, TokenRevoke},
};
use lmq_id::{Access, InstanceId};
use serde_json::Value;
use ureq::Agent;

use crate::{
    cli::{TokenAction, TokenArgs},
    clock::now_ms,
    config::{environment, token_life},
    demo,
    error::Error,
    sign::{given, secret_key},
};

const ADDRESS: &str = "127.0.0.1:8080";
/// For one request with its answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest token has 8 KiB.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
const LIFE: &str = "1h";

/// What an account signs with.
struct Account {
    access_key: String,
    secret_key: SecretKey,
}

/// What is printed.
pub(crate) fn run(args: &TokenArgs) -> Result<String, Error> {
    let access_key = given(args.access_key.clone(), "access-key")?;
    let account = Account { access_key, secret_key: secret_key(args.secret_key.as_ref())? };
    let (path, form) = match &args.action {
        TokenAction::Mint { resources, actions, life } => {
            ("/token/apply", application(args, &account, resources, actions.as_deref(), life.as_deref())?)
        }
        TokenAction::Show { token } => ("/token/query", account.query(token)?),
        TokenAction::Revoke { token } => ("/token/revoke", account.revoke(token)?),
    };
    let answer = post(args, path, &form)?;
    Ok(match (&args.action, answer) {
        (TokenAction::Revoke { .. }, _) => "revoked\n".to_owned(),
        (_, text) => format!("{text}\n"),
    })
}

fn application(
    args: &TokenArgs,
    account: &Account,
    resources: &[String],
    actions: Option<&str>,
    life: Option<&str>,
) -> Result<String, Error> {
    let or_variable =
        |flag: Option<&str>, name| flag.map_or_else(|| environment::text(name), |text| Ok(Some(text.to_owned())));
    let instance = or_variable(args.instance.as_deref(), "instance")?;
    let (actions, life) = (or_variable(actions, "actions")?, or_variable(life, "life")?);
    account.apply(resources, actions.as_deref(), life.as_deref(), instance.as_deref())
}

impl Account {
    fn apply(
        &self,
        resources: &[String],
        actions: Option<&str>,
        life: Option<&str>,
        instance: Option<&str>,
    ) -> Result<String, Error> {
        let application = apply(resources, actions, life, instance)?;
        encoded(&application.sign(&self.access_key, &self.secret_key))
    }

    fn query(&self, token: &str) -> Result<String, Error> {
        encoded(&TokenQuery::new(token).map_err(of_token)?.sign(&self.access_key, &self.secret_key))
    }

    fn revoke(&self, token: &str) -> Result<String, Error> {
        encoded(&TokenRevoke::new(token).map_err(of_token)?.sign(&self.access_key, &self.secret_key))
    }
}

/// An application for a token; `life` from now on.
pub(crate) fn apply(
    resources: &[String],
    actions: Option<&str>,
    life: Option<&str>,
    instance: Option<&str>,
) -> Result<TokenApply, Error> {
    let actions = match actions.unwrap_or("R,W") {
        "R" => Access::Read,
        "W" => Access::Write,
        "R,W" | "W,R" => Access::ReadWrite,
        other => return Err(Error::new(format_args!("--actions: {other:?} is not R, W or R,W"))),
    };
    let life = token_life("--life", life.unwrap_or(LIFE))?;
    let expires = now_ms().saturating_add(u64::try_from(life.as_millis()).unwrap_or(u64::MAX));
    let resources = resources.iter().flat_map(|list| list.split(','));
    let apply =
        TokenApply::new(actions, resources, expires).map_err(|e| Error::new(format_args!("--resources: {e}")))?;
    let instance: InstanceId = match instance {
        Some(id) => id.parse().map_err(|e| Error::new(format_args!("--instance: {e}")))?,
        None => demo::instance_id(),
    };
    Ok(apply.for_instance(instance))
}

pub(crate) fn encoded(pairs: &[(&'static str, String)]) -> Result<String, Error> {
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| (*key, value.as_str())).collect();
    Ok(Pairs::from_list(&pairs).map_err(Error::new)?.to_encoded())
}

pub(crate) fn of_token(error: RequestError) -> Error {
    Error::new(format_args!("the token: {error}"))
}

/// The `tokenData` of the answer.
fn post(args: &TokenArgs, path: &str, form: &str) -> Result<String, Error> {
    let address = args.address.clone().map_or_else(|| environment::text("address"), |text| Ok(Some(text)))?;
    let url = format!("http://{}{path}", address.as_deref().unwrap_or(ADDRESS));
    let failed = |e: ureq::Error| Error::new(format_args!("{url}: {e}"));
    let config = Agent::config_builder().max_redirects(0).proxy(None).timeout_global(Some(TIMEOUT));
    let agent = Agent::new_with_config(config.build());
    let sent = agent.post(&url).content_type("application/x-www-form-urlencoded").send(form);
    let mut response = sent.map_err(failed)?;
    let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().map_err(failed)?;
    let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let member = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    match answer.get("code").and_then(Value::as_u64) {
        Some(200) => Ok(member("tokenData")),
        Some(code) => Err(Error::new(format_args!("refused with code {code}: {}", member("message")))),
        None => Err(Error::new(format_args!("{url}: no token server here"))),
    }
}
