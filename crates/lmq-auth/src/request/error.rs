use core::fmt;

/// Why a request to the token server or a status query is refused. The sender's fault, always.
///
/// **Attacker's view.** Parameters are named by our own constants, no value is repeated, and nothing tells how close a signature was. All
/// but [`Signature`](Self::Signature) is decided without a key, so it can be had by anybody and tells the server's time at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestError {
    /// A parameter is absent or empty.
    Missing(&'static str),
    /// A parameter is not what it has to be.
    Invalid(&'static str),
    /// The signature is not the one that parameters and key call for.
    Signature,
    /// The time of a status query is more than five minutes away from now.
    Expired,
}

impl RequestError {
    /// The `code` of the token server's answer, which has HTTP status 200 whatever happened: 400 or 407.
    #[must_use]
    pub const fn token_code(self) -> u16 {
        match self {
            Self::Missing(_) | Self::Invalid(_) | Self::Expired => 400,
            Self::Signature => 407,
        }
    }

    /// The `code` of the status query's answer: 1 for a parameter, 2 for the signature, 4 for the time.
    #[must_use]
    pub const fn status_code(self) -> u16 {
        match self {
            Self::Missing(_) | Self::Invalid(_) => 1,
            Self::Signature => 2,
            Self::Expired => 4,
        }
    }

    /// The HTTP status of the status query's answer: 400 for a parameter, else 403.
    #[must_use]
    pub const fn status_http_status(self) -> u16 {
        match self {
            Self::Missing(_) | Self::Invalid(_) => 400,
            Self::Signature | Self::Expired => 403,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "parameter {name} is missing"),
            Self::Invalid(name) => write!(f, "parameter {name} is invalid"),
            Self::Signature => f.write_str("signature does not match the parameters and the access key"),
            Self::Expired => f.write_str("timestamp is more than 5 minutes away from the server's time"),
        }
    }
}

impl core::error::Error for RequestError {}
