use core::fmt;

use crate::{TokenPasswordError, UsernameError};

/// Why user name and password of a CONNECT cannot be read. The peer's fault. Never repeats a part of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// There is a password and no user name.
    NoUsername,
    /// There is a user name and no password.
    NoPassword,
    /// The user name has none of the shapes.
    Username(UsernameError),
    /// The password behind `Token|..` is no list of tokens.
    Tokens(TokenPasswordError),
}

impl From<UsernameError> for CredentialsError {
    fn from(error: UsernameError) -> Self {
        Self::Username(error)
    }
}

impl From<TokenPasswordError> for CredentialsError {
    fn from(error: TokenPasswordError) -> Self {
        Self::Tokens(error)
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUsername => f.write_str("password without a user name"),
            Self::NoPassword => f.write_str("user name without a password"),
            Self::Username(error) => error.fmt(f),
            Self::Tokens(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for CredentialsError {}
