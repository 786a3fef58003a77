//! What a request says: names in its path, a JSON object in its body, a page in its query.

use axum::{
    body,
    extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request, rejection::QueryRejection},
    http::{StatusCode, header, request::Parts},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::failure::Failure;

/// The most bytes of a body; the largest object needs less than 2 KiB.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Items of a page, by default and at most.
const PAGE_ITEMS: usize = 100;
const PAGE_ITEMS_MAX: usize = 1_000;

/// The names in the path, decoded.
pub(super) struct Names<const N: usize>(pub(super) [String; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Names<N> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Failure::bad_request("a name in the path is not UTF-8"))?;
        let names: Vec<_> = params.iter().map(|(_, name)| name.to_owned()).collect();
        names.try_into().map(Self).map_err(|_| Failure::new(StatusCode::NOT_FOUND, "there is no such path"))
    }
}

/// The object in the body.
pub(super) struct Body(pub(super) Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let essence = kind.split(';').next().unwrap_or("").trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let text = "the body must be of the content type application/json";
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let bytes = body::to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|_| {
            let text = format!("the body must arrive whole and have at most {BODY_BYTES_MAX} bytes");
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, text)
        })?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(_) => Err(Failure::bad_request("the body must be a JSON object")),
            Err(error) => Err(Failure::bad_request(format!("the body is not JSON: {error}"))),
        }
    }
}

/// Which part of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    after: String,
    #[serde(default = "page_items")]
    limit: usize,
}

const fn page_items() -> usize {
    PAGE_ITEMS
}

impl Page {
    /// Behind which name it begins.
    pub(super) fn after(&self) -> &str {
        &self.after
    }

    /// How many items it has at most.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let wrong = |error: QueryRejection| Failure::bad_request(format!("the query: {}", error.body_text()));
        let Query(page) = Query::<Self>::from_request_parts(parts, state).await.map_err(wrong)?;
        if !(1..=PAGE_ITEMS_MAX).contains(&page.limit) {
            return Err(Failure::bad_request(format!("the query: limit must be from 1 to {PAGE_ITEMS_MAX}")));
        }
        Ok(page)
    }
}
