//! The words of the management API (`AddCustomAuthIdentity`, `AddCustomAuthPermission` of 2020-04-20).

use core::fmt;
use core::str::FromStr;

use lmq_id::Access;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* } $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The word of the management API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $name {
            type Err = WordError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $($word => Ok(Self::$variant),)* _ => Err(WordError { expected: $expected }) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// Whom an identity or a permission means.
    IdentityType {
        /// `USER`: whoever connects with the user name.
        User = "USER",
        /// `CLIENT`: the client with the client id.
        Client = "CLIENT",
    } "USER or CLIENT"
}

words! {
    /// What the password of a custom identity is.
    SignMode {
        /// `ORIGIN`: the secret itself.
        Origin = "ORIGIN",
        /// `SIGNED`: Base64(HMAC-SHA1(secret, client id)).
        Signed = "SIGNED",
    } "ORIGIN or SIGNED"
}

words! {
    /// Whether a permission allows or forbids.
    Effect {
        /// `ALLOW`.
        Allow = "ALLOW",
        /// `DENY`: wins over every `ALLOW`.
        Deny = "DENY",
    } "ALLOW or DENY"
}

words! {
    /// What a permission is about.
    PermitAction {
        /// `PUB`: publishing.
        Pub = "PUB",
        /// `SUB`: subscribing.
        Sub = "SUB",
        /// `PUB_SUB`: both.
        PubSub = "PUB_SUB",
    } "PUB, SUB or PUB_SUB"
}

impl From<PermitAction> for Access {
    fn from(action: PermitAction) -> Self {
        match action {
            PermitAction::Pub => Self::Write,
            PermitAction::Sub => Self::Read,
            PermitAction::PubSub => Self::ReadWrite,
        }
    }
}

/// The text is none of the words of its parameter. The fault of who called the management API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordError {
    expected: &'static str,
}

impl fmt::Display for WordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown word; expected {} in upper case", self.expected)
    }
}

impl core::error::Error for WordError {}
