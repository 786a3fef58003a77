//! Tokens.

use lmq_auth::TokenRequest;
use lmq_id::Access;
use lmq_model::openapi::{ApplyToken, ApplyTokenReply, Done, QueryToken, QueryTokenReply, RevokeToken};
use tokio::task::spawn_blocking;

use super::{call::Call, failure::Failure};
use crate::{
    clock::now_ms,
    http::public::{Services, token_server},
    tokens::Refused,
};

pub(super) async fn apply(services: &Services, call: &Call, ask: ApplyToken) -> Result<ApplyTokenReply, Failure> {
    let place = call.instance(&ask.instance_id)?;
    let resources: Vec<_> = ask.resources.split(',').collect();
    services.check_topics(place.instance, &resources).map_err(Failure::check)?;
    let request = TokenRequest {
        account: call.access_key(),
        instance: &ask.instance_id,
        actions: actions(&ask.actions)?,
        resources: &resources,
        expires: ask.expire_time,
    };
    let id = token_server::token_id().ok_or(Failure::Internal)?;
    let token = services.tokens().mint(&request, id, now_ms()).map_err(|e| Failure::check(e.to_string()))?;
    Ok(ApplyTokenReply { token: token.expose().into() })
}

/// False for every token that is not good, whatever is wrong with it.
pub(super) async fn query(services: &Services, call: &Call, ask: QueryToken) -> Result<QueryTokenReply, Failure> {
    call.instance(&ask.instance_id)?;
    let (text, instance) = (ask.token.expose(), Some(ask.instance_id.as_str()));
    let token_status = services.tokens().query(text, call.access_key(), instance, now_ms()).is_ok();
    Ok(QueryTokenReply { token_status })
}

pub(super) async fn revoke(services: &Services, call: &Call, ask: RevokeToken) -> Result<Done, Failure> {
    call.instance(&ask.instance_id)?;
    let (tokens, account) = (services.tokens().clone(), call.access_key().to_owned());
    let revoked = spawn_blocking(move || tokens.revoke(ask.token.expose(), &account, Some(&ask.instance_id), now_ms()));
    match revoked.await {
        Ok(Ok(())) => Ok(Done {}),
        Ok(Err(Refused::Token(lmq_auth::RevokeError::Full(_)))) => Err(Failure::Overflow),
        Ok(Err(Refused::Token(error))) => Err(Failure::check(format!("Token: {error}"))),
        Ok(Err(Refused::Store | Refused::KeysFull)) | Err(_) => Err(Failure::Internal),
    }
}

fn actions(text: &str) -> Result<Access, Failure> {
    match text {
        "R" => Ok(Access::Read),
        "W" => Ok(Access::Write),
        "R,W" | "W,R" => Ok(Access::ReadWrite),
        _ => Err(Failure::check("Actions must be R, W or R,W")),
    }
}
