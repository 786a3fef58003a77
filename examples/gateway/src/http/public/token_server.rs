//! The token server: `/token/apply`, `/token/revoke`, `/token/query`, with GET and POST, parameters in the query, a form or
//! `multipart/form-data`.
//!
//! Every answer has HTTP status 200 and the JSON that the product's sample programs read; its `code` says what happened:
//!
//! | code | |
//! |---|---|
//! | 200 | done; `tokenData` is the token (apply) or what it grants (query) |
//! | 400 | a parameter is missing or wrong, or there are too many calls |
//! | 407 | the signature is wrong, or there is no such access key |
//! | 409, 410 | no token could be made, or revoked |
//! | 1, 2, 3 | the token in question is forged, expired, revoked |

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use lmq_auth::{
    SecretKey, TokenCode, TokenId, TokenRequest,
    request::{Pairs, RequestError, SignedRequest, TokenApply, TokenQuery, TokenRevoke},
};
use serde::Serialize;
use tokio::task::spawn_blocking;
use tracing::{error, info};

use super::{Services, caller::Caller, parameters, rate::Rate, request::Whole};
use crate::{clock::now_ms, tokens::Refused};

/// Calls a second of each account, of the product's documents.
const APPLY: Rate = Rate { kind: "/token/apply", per_sec: 1_000 };
const QUERY: Rate = Rate { kind: "/token/query", per_sec: 1_000 };
/// They are silent about this one; each waits for the disk.
const REVOKE: Rate = Rate { kind: "/token/revoke", per_sec: 100 };

/// What every answer says.
#[derive(Serialize)]
struct Answer {
    success: bool,
    message: String,
    code: u16,
    #[serde(rename = "tokenData", skip_serializing_if = "Option::is_none")]
    token_data: Option<String>,
}

/// Another answer than 200.
struct Failure {
    code: TokenCode,
    text: String,
}

pub(super) async fn apply(State(services): State<Arc<Services>>, request: Request) -> Response {
    let outcome = async {
        let pairs = parameters(request).await?;
        let now_ms = now_ms();
        let (caller, access_key, apply) = verified(&services, APPLY, || TokenApply::parse(&pairs, now_ms))?;
        let instance = caller.instance(apply.instance().map(|id| id.as_str())).ok_or_else(|| invalid("instanceId"))?;
        let resources: Vec<_> = apply.resources().collect();
        services.check_topics(instance, &resources).map_err(|text| Failure::new(TokenCode::Parameter, text))?;
        let (actions, expires) = (apply.actions(), apply.expire_at_ms());
        let request =
            TokenRequest { account: &access_key, instance: &instance.id, actions, resources: &resources, expires };
        let id =
            token_id().ok_or_else(|| Failure::new(TokenCode::NotGenerated, "the server failed; its log says why"))?;
        let token = services.tokens().mint(&request, id, now_ms);
        token.map(|token| Some(token.expose().to_owned())).map_err(|e| Failure::new(e.code(), e.to_string()))
    };
    answer("apply", outcome.await)
}

pub(super) async fn query(State(services): State<Arc<Services>>, request: Request) -> Response {
    let outcome = async {
        let pairs = parameters(request).await?;
        let (_, access_key, ask) = verified(&services, QUERY, || TokenQuery::parse(&pairs))?;
        match services.tokens().query(ask.token(), &access_key, None, now_ms()) {
            Ok(claims) => Ok(Some(claims.to_string())),
            Err(denial) => Err(denial.into()).map_err(|code: TokenCode| Failure::new(code, code.to_string())),
        }
    };
    answer("query", outcome.await)
}

pub(super) async fn revoke(State(services): State<Arc<Services>>, request: Request) -> Response {
    let outcome = async {
        let pairs = parameters(request).await?;
        let (_, access_key, ask) = verified(&services, REVOKE, || TokenRevoke::parse(&pairs))?;
        let tokens = services.tokens().clone();
        let revoked = spawn_blocking(move || tokens.revoke(ask.token(), &access_key, None, now_ms())).await;
        match revoked {
            Ok(Ok(())) => Ok(None),
            Ok(Err(Refused::Token(error))) => Err(Failure::new(error.code(), error.to_string())),
            Ok(Err(Refused::Store | Refused::KeysFull)) | Err(_) => {
                Err(Failure::new(TokenCode::NotRevoked, "the server failed; its log says why"))
            }
        }
    };
    answer("revoke", outcome.await)
}

/// The parameters of query and body together.
async fn parameters(request: Request) -> Result<Pairs, Failure> {
    let whole =
        Whole::read(request).await.map_err(|_| Failure::new(TokenCode::Parameter, "the body cannot be read"))?;
    parameters::of(&whole).await.map_err(|text| Failure::new(TokenCode::Parameter, text))
}

/// Who made a request, and the request, which may be used now.
fn verified<T>(
    services: &Services,
    rate: Rate,
    parse: impl Fn() -> Result<SignedRequest<T>, RequestError>,
) -> Result<(Caller, String, T), Failure> {
    let access_key = parse()?.access_key().to_owned();
    let verify = |secret: &SecretKey| parse()?.verify(secret);
    let (caller, request) = match services.caller(&access_key, verify) {
        Ok(found) => found,
        Err(Some(error)) => return Err(error.into()),
        // As much is computed, and the same said, as for a key that exists.
        Err(None) => return Err(verify(services.decoy()).err().unwrap_or(RequestError::Signature).into()),
    };
    if !services.allows(caller.account(), rate) {
        return Err(Failure::new(TokenCode::Parameter, "too many calls; try again in a second"));
    }
    Ok((caller, access_key, request))
}

/// A name for a new token. `None`: the log says why.
pub(super) fn token_id() -> Option<TokenId> {
    let mut bytes = [0; TokenId::LEN];
    getrandom::fill(&mut bytes).inspect_err(|error| error!(%error, "the system has no randomness")).ok()?;
    Some(TokenId::new(bytes))
}

fn answer(what: &str, outcome: Result<Option<String>, Failure>) -> Response {
    let answer = match outcome {
        Ok(token_data) => {
            Answer { success: true, message: "success".to_owned(), code: TokenCode::Success.value(), token_data }
        }
        Err(Failure { code, text }) => Answer { success: false, message: text, code: code.value(), token_data: None },
    };
    info!(what, code = answer.code, "token server");
    ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

fn invalid(name: &'static str) -> Failure {
    RequestError::Invalid(name).into()
}

impl Failure {
    fn new(code: TokenCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let code = if error == RequestError::Signature { TokenCode::Signature } else { TokenCode::Parameter };
        Self::new(code, error.to_string())
    }
}
