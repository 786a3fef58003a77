//! The product's services: what clients and application servers ask over HTTP.
//!
//! | path | what |
//! |---|---|
//! | `/token/apply`, `/token/revoke`, `/token/query` | the [token server](token_server) |
//! | `/` | the management API: [`openapi`] |
//!
//! | file | what is in it |
//! |---|---|
//! | `services` | [`Services`]: what all handlers share |
//! | `caller` | `Caller`: whose key signed a request, and where it is good |
//! | `rate` | `Rates`: how often an account may call |
//! | `request` | a request, read as a whole within limits |
//! | `parameters` | the parameters of a request, wherever they stand |
//!
//! **Attacker's view.** Anybody may connect. A request has 16 KiB of head, 64 KiB of body and 10 s for each; what it says is bounded by
//! [`Pairs`](lmq_auth::request::Pairs). Until a signature was checked nothing is kept of a request, nothing is counted for an account and
//! nothing of the registry is told, but for the OpenAPI, which says whether an access key exists, as the product does.

mod caller;
mod openapi;
mod parameters;
mod rate;
mod request;
mod services;
mod token_server;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{Method, StatusCode},
    routing::{any, get},
};
use tower::ServiceExt;

pub(super) use self::services::Services;

const FRONT: &str = "\
lmq gateway: the services of MQ for IoT.

  /token/apply, /token/revoke, /token/query   token server
  /   management API: POST, or GET with parameters; RPC with signature 1.0, or ACS3
  /livez   200 while the process runs

MQTT over WebSocket: path /mqtt of the ws and wss listeners.
";
const CLOSED: &str = "this service is answered over TLS only; --open-http opens it here\n";

/// Every service.
pub(super) fn router(services: Arc<Services>) -> Router {
    let root = any(|services, request: Request| async move {
        if is_openapi(&request) { openapi::answer(services, request).await } else { front() }
    });
    Router::new()
        .route("/", root)
        .route("/token/apply", any(token_server::apply))
        .route("/token/query", any(token_server::query))
        .route("/token/revoke", any(token_server::revoke))
        .route("/livez", get("ok\n"))
        .fallback((StatusCode::NOT_FOUND, "not found; / says what is here\n"))
        .with_state(services)
}

fn front() -> axum::response::Response {
    axum::response::IntoResponse::into_response(FRONT)
}

/// In place of every service, on a listener that is not for them.
pub(super) fn closed() -> Router {
    Router::new().fallback((StatusCode::FORBIDDEN, CLOSED))
}

/// `services` on the same listener as `operators`, whose pages come first.
pub(super) fn beside(services: Router, operators: Router) -> Router {
    Router::new().fallback(|request: Request| async move {
        let router = if is_for_services(&request) { services } else { operators };
        router.oneshot(request).await
    })
}

fn is_for_services(request: &Request) -> bool {
    match request.uri().path() {
        "/" => is_openapi(request),
        path => path.starts_with("/token/") || path.starts_with("/route/"),
    }
}

/// Whoever only looks at `/` has neither parameters nor a body.
fn is_openapi(request: &Request) -> bool {
    let looks = request.method() == Method::GET || request.method() == Method::HEAD;
    !looks || request.headers().contains_key("x-acs-action") || request.uri().query().is_some()
}
