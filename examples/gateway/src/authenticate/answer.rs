use lmq_auth::Denial;
use lmq_broker::{Refusal, Verdict};

/// Why a client does not come in, or not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum No {
    /// It may not.
    Refused(Refusal),
    /// A token of it is not good.
    Token(Denial),
    /// It has to upload a token first.
    NotYet,
}

impl No {
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Refused(refusal) => Verdict::Deny(refusal),
            Self::Token(denial) => Verdict::Invalid(denial),
            Self::NotYet => Verdict::AwaitToken,
        }
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Denial> for No {
    fn from(denial: Denial) -> Self {
        Self::Token(denial)
    }
}
