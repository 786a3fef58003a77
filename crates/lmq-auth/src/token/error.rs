use core::fmt;

use lmq_id::InstanceIdError;

use super::TokenClaims;
use crate::{Denial, ResourceError};

/// Why no token was made. The fault of who applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MintError(pub(super) MintKind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MintKind {
    Account,
    Instance(InstanceIdError),
    NoResource,
    TooMany,
    Resource { at: usize, error: ResourceError },
    TooShort,
    TooLarge { len: usize },
}

impl MintError {
    /// The code of the token server's reply: 400 for a parameter, 409 for a token that would be too large.
    #[must_use]
    pub const fn code(&self) -> TokenCode {
        match self.0 {
            MintKind::TooLarge { .. } => TokenCode::NotGenerated,
            _ => TokenCode::Parameter,
        }
    }
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            MintKind::Account => f.write_str("account is not 1 to 128 characters without '|' and control characters"),
            MintKind::Instance(error) => error.fmt(f),
            MintKind::NoResource => f.write_str("no resource; expected 1 to 100 topic filters"),
            MintKind::TooMany => write!(f, "more than {} resources", TokenClaims::RESOURCES_MAX),
            MintKind::Resource { at, error } => write!(f, "resource {at}: {error}"),
            MintKind::TooShort => {
                write!(f, "token would expire too soon; expected at least {} s ahead", TokenClaims::LIFE_MS_MIN / 1000)
            }
            MintKind::TooLarge { len } => {
                write!(f, "token would have {len} characters; at most {} are allowed", super::Token::LEN_MAX)
            }
        }
    }
}

impl core::error::Error for MintError {}

/// Why a token was not revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokeError {
    /// There is nothing to revoke: forged, or of another account or instance (both [`Denial::Forged`]: nobody learns which), or expired.
    /// The fault of who asks.
    Token(Denial),
    /// No room to remember it: the operator's limit, or too many revocations.
    Full(RevocationsFull),
}

impl RevokeError {
    /// The code of the token server's reply.
    #[must_use]
    pub fn code(&self) -> TokenCode {
        match *self {
            Self::Token(denial) => denial.into(),
            Self::Full(_) => TokenCode::NotRevoked,
        }
    }
}

impl fmt::Display for RevokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(denial) => denial.fmt(f),
            Self::Full(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RevokeError {}

/// A [`Revocations`](super::Revocations) had no room for this many ids. Nothing was forgotten for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationsFull {
    /// How many ids were not taken.
    pub refused: usize,
}

impl fmt::Display for RevocationsFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "revocation list is full; {} not taken", self.refused)
    }
}

impl core::error::Error for RevocationsFull {}

/// The `code` in a reply of the token server (`/token/apply`, `/token/revoke`, `/token/query`), which is always HTTP 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TokenCode {
    /// 200: done.
    Success,
    /// 400: a parameter is missing or wrong.
    Parameter,
    /// 407: the request's signature is wrong.
    Signature,
    /// 409: the token could not be made.
    NotGenerated,
    /// 410: the token could not be revoked.
    NotRevoked,
    /// 1: forged or unreadable.
    Forged,
    /// 2: expired.
    Expired,
    /// 3: revoked.
    Revoked,
}

impl TokenCode {
    /// All values, in the order of declaration.
    pub const ALL: [Self; 8] = [
        Self::Success,
        Self::Parameter,
        Self::Signature,
        Self::NotGenerated,
        Self::NotRevoked,
        Self::Forged,
        Self::Expired,
        Self::Revoked,
    ];

    /// The number in the reply.
    #[must_use]
    pub const fn value(self) -> u16 {
        match self {
            Self::Success => 200,
            Self::Parameter => 400,
            Self::Signature => 407,
            Self::NotGenerated => 409,
            Self::NotRevoked => 410,
            Self::Forged => 1,
            Self::Expired => 2,
            Self::Revoked => 3,
        }
    }

    /// The `success` of the reply.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Success)
    }
}

impl From<Denial> for TokenCode {
    /// What is no code of the token server is 1: a token of another account is none for who asks.
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Expired => Self::Expired,
            Denial::Revoked => Self::Revoked,
            Denial::Forged | Denial::Resource | Denial::Action | Denial::Signature | Denial::Account => Self::Forged,
        }
    }
}

impl fmt::Display for TokenCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Success => "success",
            Self::Parameter => "parameter error",
            Self::Signature => "signature error",
            Self::NotGenerated => "token not generated",
            Self::NotRevoked => "token not revoked",
            Self::Forged => "token is forged or unreadable",
            Self::Expired => "token has expired",
            Self::Revoked => "token was revoked",
        })
    }
}
