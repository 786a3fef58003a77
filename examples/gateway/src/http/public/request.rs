use std::time::Duration;

use axum::{
    body::{self, Bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, request::Parts},
};
use lmq_auth::request::RequestParts;
use tokio::time::timeout;

/// The most bytes of a body.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;
/// For the whole body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A request as a whole.
pub(super) struct Whole {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

/// Why a body is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incomplete {
    /// It is too long, or broken.
    Unreadable,
    /// It took too long.
    Late,
}

impl Incomplete {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Unreadable => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

impl Whole {
    pub(super) async fn read(request: Request) -> Result<Self, (Parts, Incomplete)> {
        let (parts, body) = request.into_parts();
        match timeout(BODY_TIMEOUT, body::to_bytes(body, BODY_BYTES_MAX)).await {
            Ok(Ok(body)) => Ok(Self { parts, body }),
            Ok(Err(_)) => Err((parts, Incomplete::Unreadable)),
            Err(_) => Err((parts, Incomplete::Late)),
        }
    }

    /// What there is to be signed.
    pub(super) fn signable<R>(&self, use_it: impl FnOnce(&RequestParts<'_>) -> R) -> R {
        let headers = text_headers(&self.parts.headers);
        use_it(&RequestParts {
            method: self.parts.method.as_str(),
            path: self.parts.uri.path(),
            query: self.parts.uri.query().unwrap_or_default(),
            headers: &headers,
            body: &self.body,
        })
    }
}

/// Those whose value is text; nobody uses the others.
fn text_headers(headers: &HeaderMap) -> Vec<(&str, &str)> {
    headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
}
