//! The management API of the product `OnsMqtt`, version 2020-04-20, at `/`: RPC with signature 1.0, and ACS3-HMAC-SHA256.
//!
//! | file | what is in it |
//! |---|---|
//! | `call` | [`Call`]: a request that was admitted, and what an action needs of it |
//! | `dispatch` | which actions there are, and how often they may be called |
//! | `token`, `device`, `custom_auth` | the actions |
//! | `failure` | [`Failure`]: the errors of gateway and product |
//! | `reply` | answers in JSON and XML |

mod call;
mod custom_auth;
mod device;
mod dispatch;
mod failure;
mod reply;
mod token;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    response::Response,
};
use lmq_auth::request::{OpenApiError, OpenApiRequest, ReplyFormat};
use tracing::{debug, info};

use self::{call::Call, failure::Failure, reply::Shape};
use super::{Services, request::Whole};
use crate::clock::now_ms;

/// Answers a request, whatever it is.
pub(super) async fn answer(State(services): State<Arc<Services>>, request: Request) -> Response {
    let host = host_of(request.headers());
    let mut shape = Shape { request_id: reply::request_id(), host, format: None };
    let whole = match Whole::read(request).await {
        Ok(whole) => whole,
        Err((_, incomplete)) => return shape.failure(&Failure::of_body(incomplete)),
    };
    match admitted(&services, &whole, &mut shape) {
        Err(failure) => {
            debug!(code = %failure.code(), "OpenAPI request refused");
            shape.failure(&failure)
        }
        Ok(call) => carried_out(&services, call, &shape).await,
    }
}

async fn carried_out(services: &Services, call: Call, shape: &Shape) -> Response {
    let (action, access_key) = (call.action().to_owned(), call.access_key().to_owned());
    let answer = dispatch::carry_out(services, call).await;
    let code = answer.as_ref().map_or_else(|failure| failure.code().into_owned(), |_| "ok".to_owned());
    info!(action, access_key, code, request_id = shape.request_id, "OpenAPI");
    match answer {
        Ok(answer) => shape.success(&action, answer),
        Err(failure) => shape.failure(&failure),
    }
}

/// Reads, verifies and admits a request; sets the form of the answer as soon as it is known.
fn admitted(services: &Services, whole: &Whole, shape: &mut Shape) -> Result<Call, Failure> {
    let now_ms = now_ms();
    let parse = || whole.signable(|parts| OpenApiRequest::parse(parts, now_ms));
    let request = parse().inspect_err(|_| shape.format = asked_format(whole))?;
    shape.format = request.format();
    let mut first = Some(request);
    let access_key = first.as_ref().map(|request| request.access_key_id().to_owned()).unwrap_or_default();
    let found = services.caller(&access_key, |secret| match first.take() {
        Some(request) => request.verify(secret),
        None => parse()?.verify(secret),
    });
    let (caller, verified) = found.map_err(|refused| refused.unwrap_or(OpenApiError::AccessKeyNotFound))?;
    let call = verified.admit(&mut services.nonces(), now_ms)?;
    Ok(Call::new(call, caller))
}

/// The form asked for by a request that cannot be read: RPC only, and only in the query.
fn asked_format(whole: &Whole) -> Option<ReplyFormat> {
    let query = whole.parts.uri.query()?;
    let format = query.split('&').find_map(|pair| pair.strip_prefix("Format="))?;
    format.eq_ignore_ascii_case("xml").then_some(ReplyFormat::Xml)
}

/// What the request calls this host; for the error.
fn host_of(headers: &HeaderMap) -> String {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned()
}
