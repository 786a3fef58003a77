//! The admin API: everything in the registry over HTTP, below `/admin/v1`, for whoever has the token.
//!
//! `admin.openapi.json` beside `Cargo.toml` describes it; a test holds it against [`routes`].

mod failure;
mod instances;
mod objects;
mod request;
mod resource;
mod routes;
mod token_keys;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tracing::info;

use self::{failure::Failure, routes::Routes};
use crate::{
    admin::Token,
    registry::{Fault, Registry},
    tokens::Tokens,
};

/// Who may use the API, and what it changes.
pub(crate) struct Access {
    /// `None`: nobody.
    pub(crate) token: Option<Token>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) tokens: Arc<Tokens>,
}

impl Access {
    /// Carries out a change on a thread that may wait for the disk.
    async fn change<R: Send + 'static>(
        &self,
        change: impl FnOnce(&Registry) -> Result<R, Fault> + Send + 'static,
    ) -> Result<R, Failure> {
        let registry = self.registry.clone();
        let changed = tokio::task::spawn_blocking(move || change(&registry)).await;
        let failed = |_| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the change failed; the log says why");
        Ok(changed.map_err(failed)??)
    }
}

/// All paths, below `/admin/v1`.
pub(super) fn router(access: Arc<Access>) -> Router {
    let missing =
        || async { Failure::new(StatusCode::NOT_FOUND, "there is no such path; openapi.json says what is here") };
    let wrong = || async { Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not know the method") };
    let Routes { router, .. } = routes::all();
    router
        .fallback(missing)
        .method_not_allowed_fallback(wrong)
        .layer(middleware::from_fn_with_state(access.clone(), guard))
        .with_state(access)
}

/// Lets in who has the token, and logs what was changed.
async fn guard(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    if let Err(failure) = check(&access, &request) {
        return failure.into_response();
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    if method != Method::GET {
        info!(%method, path, status = response.status().as_u16(), "admin");
    }
    response
}

fn check(access: &Access, request: &Request) -> Result<(), Failure> {
    let Some(token) = &access.token else {
        let text = "the admin API is off: nobody has its token; start with --admin-token-file or LMQ_ADMIN_TOKEN";
        return Err(Failure::new(StatusCode::FORBIDDEN, text));
    };
    let Some(value) = request.headers().get(header::AUTHORIZATION) else {
        let text = "the header Authorization: Bearer TOKEN is missing";
        return Err(Failure::new(StatusCode::UNAUTHORIZED, text));
    };
    let (scheme, presented) = value.as_bytes().split_at_checked(7).unwrap_or_default();
    if scheme.eq_ignore_ascii_case(b"Bearer ") && token.is(presented) {
        return Ok(());
    }
    Err(Failure::new(StatusCode::UNAUTHORIZED, "this is not the token"))
}
