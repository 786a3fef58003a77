//! Control topics: what a client and the gateway say to each other under `$SYS/`.
//!
//! A client publishes to a control topic at any QoS and gets the ordinary acknowledgement; the message is neither forwarded nor stored.
//! With feature `json` this module also reads and writes the payloads.

#[cfg(feature = "json")]
mod error;
#[cfg(feature = "json")]
mod notice;
#[cfg(feature = "json")]
mod object;
#[cfg(feature = "json")]
mod offline;
#[cfg(feature = "json")]
mod order;
#[cfg(feature = "json")]
mod token;

use core::fmt;

#[cfg(feature = "json")]
pub use self::error::PayloadError;
#[cfg(feature = "json")]
pub use self::notice::{TokenExpireNotice, TokenInvalidNotice};
#[cfg(feature = "json")]
pub use self::offline::{GetOfflineMsg, PushOrder};
#[cfg(feature = "json")]
pub use self::order::EnableOrderMsg;
#[cfg(feature = "json")]
pub use self::token::UploadToken;

/// The most bytes of a control payload that are looked at: the product's limit for every payload.
pub const PAYLOAD_BYTES_MAX: usize = 65_536;

/// A topic with a meaning of its own. Compared exactly, case included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ControlTopic {
    /// `$SYS/uploadToken`, client to gateway: gives or replaces a token of this connection.
    UploadToken,
    /// `$SYS/getOfflineMsg`, client to gateway: asks for a batch of offline messages.
    GetOfflineMsg,
    /// `$SYS/enableOrderMsg`, client to gateway: later publishes of this connection keep their order up to MQ.
    EnableOrderMsg,
    /// `$SYS/tokenExpireNotice`, gateway to client: a token of this connection expires in about five minutes.
    TokenExpireNotice,
    /// `$SYS/tokenInvalidNotice`, gateway to client: a token is not valid, the connection is about to be closed.
    TokenInvalidNotice,
}

impl ControlTopic {
    /// All control topics.
    pub const ALL: [Self; 5] = [
        Self::UploadToken,
        Self::GetOfflineMsg,
        Self::EnableOrderMsg,
        Self::TokenExpireNotice,
        Self::TokenInvalidNotice,
    ];

    /// The control topic with this name. Returns at the first byte for every topic that does not begin with `$`.
    ///
    /// `None` for an unknown name below `$SYS/` too; [`is_reserved`] tells those from ordinary topics.
    #[must_use]
    pub fn from_topic(topic: &str) -> Option<Self> {
        if !is_reserved(topic) {
            return None;
        }
        Self::ALL.into_iter().find(|control| control.as_str() == topic)
    }

    /// The topic name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UploadToken => "$SYS/uploadToken",
            Self::GetOfflineMsg => "$SYS/getOfflineMsg",
            Self::EnableOrderMsg => "$SYS/enableOrderMsg",
            Self::TokenExpireNotice => "$SYS/tokenExpireNotice",
            Self::TokenInvalidNotice => "$SYS/tokenInvalidNotice",
        }
    }

    /// Whether clients publish to it; the others are published to clients without a subscription.
    #[must_use]
    pub const fn is_request(self) -> bool {
        matches!(self, Self::UploadToken | Self::GetOfflineMsg | Self::EnableOrderMsg)
    }
}

impl fmt::Display for ControlTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a topic name or filter lies in the gateway's own space: `$SYS` and everything below it.
#[must_use]
pub fn is_reserved(topic: &str) -> bool {
    topic.strip_prefix("$SYS").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
