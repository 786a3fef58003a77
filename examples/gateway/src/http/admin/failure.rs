use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::registry::Fault;

/// A request that is not carried out: `{"error": TEXT}`, with `"field"` where one part of the request is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    status: StatusCode,
    text: String,
    field: Option<&'static str>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), field: None }
    }

    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let status = match &fault {
            Fault::Invalid { .. } => StatusCode::BAD_REQUEST,
            Fault::Missing { .. } => StatusCode::NOT_FOUND,
            Fault::Exists { .. } | Fault::ReadOnly { .. } | Fault::InUse { .. } | Fault::Full { .. } => {
                StatusCode::CONFLICT
            }
            Fault::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let field = match &fault {
            Fault::Invalid { field, .. } => Some(*field),
            _ => None,
        };
        Self { field, ..Self::new(status, fault.to_string()) }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = match self.field {
            Some(field) => json!({ "error": self.text, "field": field }),
            None => json!({ "error": self.text }),
        };
        let mut response = answer(self.status, &body);
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// An answer in JSON. It may hold a secret: nobody may keep a copy.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{body}\n")).into_response()
}
