use std::{borrow::Cow, fmt};

use axum::http::StatusCode;
use lmq_auth::request::OpenApiError;

use crate::{http::public::request::Incomplete, registry::Fault};

/// Why a request is not carried out: `Code`, `Message` and HTTP status of the answer.
pub(super) enum Failure {
    /// The gateway's codes.
    Front(OpenApiError),
    /// The body did not arrive.
    Body(Incomplete),
    /// A value that no action can use; the text says which.
    Check(String),
    /// There is no such instance for this key.
    Instance,
    /// Something belongs to another account.
    Permission,
    /// An object is not there.
    Missing(String),
    /// There are as many as may be.
    Full(String),
    /// It stands in the configuration file.
    ReadOnly(String),
    /// There is no room for another revocation.
    Overflow,
    /// Our fault.
    Internal,
}

impl Failure {
    pub(super) fn check(text: impl Into<String>) -> Self {
        Self::Check(text.into())
    }

    pub(super) const fn of_body(incomplete: Incomplete) -> Self {
        Self::Body(incomplete)
    }

    pub(super) fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Front(error) => return error.code(),
            Self::Body(Incomplete::Unreadable) => "InvalidParameter.Format",
            Self::Body(Incomplete::Late) => "RequestTimeout",
            Self::Check(_) | Self::Missing(_) => "ParameterCheckFailed",
            Self::Instance => "InstancePermissionCheckFailed",
            Self::Permission | Self::ReadOnly(_) => "PermissionCheckFailed",
            Self::Full(_) => "Customauth.over.capacity",
            Self::Overflow => "SystemOverFlow",
            Self::Internal => "InternalError",
        })
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Front(error) => StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::BAD_REQUEST),
            Self::Body(incomplete) => incomplete.status(),
            Self::Internal | Self::Overflow => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Front(error) => error.fmt(f),
            Self::Body(Incomplete::Unreadable) => f.write_str("The body is too long, or broken."),
            Self::Body(Incomplete::Late) => f.write_str("The body did not arrive in time."),
            Self::Check(text) | Self::Missing(text) | Self::Full(text) | Self::ReadOnly(text) => f.write_str(text),
            Self::Instance => f.write_str("There is no such instance, or it is not yours."),
            Self::Permission => f.write_str("This belongs to another account."),
            Self::Overflow => f.write_str("There is no room for another revoked token."),
            Self::Internal => f.write_str("The server failed; its log says why."),
        }
    }
}

impl From<OpenApiError> for Failure {
    fn from(error: OpenApiError) -> Self {
        Self::Front(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let text = fault.to_string();
        match fault {
            Fault::Invalid { .. } | Fault::Exists { .. } | Fault::InUse { .. } => Self::Check(text),
            Fault::Missing { .. } => Self::Missing(text),
            Fault::ReadOnly { .. } => Self::ReadOnly(text),
            Fault::Full { .. } => Self::Full(text),
            Fault::Store(_) => Self::Internal,
        }
    }
}
