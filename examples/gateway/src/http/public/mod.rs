//! The product's services: what clients and application servers ask over HTTP.
//!
//! | path | what |
//! |---|---|
//! | `/token/apply`, `/token/revoke`, `/token/query` | the token server: [`token`] |

use axum::{
    Router,
    extract::Request,
    http::{Method, StatusCode},
    routing::get,
};
use tower::ServiceExt;

const FRONT: &str = "\
lmq gateway: the services of MQ for IoT.

  /token/apply, /token/revoke, /token/query   token server
  /                                           OpenAPI: RPC with signature 1.0, and ACS3
";
const CLOSED: &str = "this service is answered over TLS only; --open-http opens it here\n";

/// Every service.
pub(super) fn router() -> Router {
    Router::new().route("/", get(FRONT)).route("/livez", get("ok\n")).fallback((StatusCode::NOT_FOUND, "not found\n"))
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

/// Operators only look at `/`.
fn is_openapi(request: &Request) -> bool {
    request.method() == Method::POST
        || request.headers().contains_key("x-acs-action")
        || request.uri().query().is_some()
}
