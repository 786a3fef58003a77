use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{fmt, num::NonZeroU64};

use bytes::Bytes;
use lmq_auth::{Denial, Permissions, TokenTerm};
use lmq_codec::ReasonCode;
use lmq_id::Access;
use lmq_model::status::StatusEvent;

use crate::{
    ClientKey, ConnId, InstanceIndex, Message, Peer, Resource, ShardId, SourceId, StoreOp, close::CloseReason,
    route::RouteMessage,
};

/// Names one question of a shard to the world outside; the answer carries it back. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a shard wants done. Drain it with [`Shard::poll_output`](crate::Shard::poll_output) and carry everything out in this order.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// [`Shard::outgoing`](crate::Shard::outgoing) has bytes for this connection. Said once; keep writing until nothing remains.
    Transmit(ConnId),
    /// Read from this connection again.
    Resume(ConnId),
    /// Write what remains, shut the write side down, read to the end, then call [`Shard::handle_closed`](crate::Shard::handle_closed).
    Close {
        /// Which connection.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
        /// Give up writing and reading after so long.
        linger: core::time::Duration,
    },
    /// Decide whether a client may come in; answer with [`Shard::handle_verdict`](crate::Shard::handle_verdict).
    Authenticate {
        /// For the answer.
        ticket: Ticket,
        /// Who asks, with what credentials.
        request: Box<AuthRequest>,
    },
    /// Carry out a store operation; answer with [`Shard::handle_done`](crate::Shard::handle_done).
    Store {
        /// For the answer.
        ticket: Ticket,
        /// What to do.
        op: StoreOp,
    },
    /// Hand a copy of a message to the MQ side; answer with [`Shard::handle_done`](crate::Shard::handle_done).
    Uplink {
        /// For the answer.
        ticket: Ticket,
        /// The message.
        message: Arc<Message>,
    },
    /// Record that a client came or went; answer with [`Shard::handle_done`](crate::Shard::handle_done).
    Status {
        /// For the answer.
        ticket: Ticket,
        /// The instance of the client.
        instance: InstanceIndex,
        /// What happened.
        event: Box<StatusEvent>,
    },
    /// Give this to a sibling with [`Shard::handle_route`](crate::Shard::handle_route). Links are FIFO and lose nothing.
    Route {
        /// Which sibling.
        to: ShardId,
        /// What to tell it.
        message: RouteMessage,
    },
    /// Everything that downlink messages of a source caused is done, up to this position: they need not be offered again.
    Consumed {
        /// Which source.
        source: SourceId,
        /// The position.
        upto: u64,
    },
    /// What a downlink message caused failed: offer it again, later. Positions behind it are not consumed before it is.
    Rejected {
        /// Which source.
        source: SourceId,
        /// The position.
        position: u64,
    },
    /// An instance uses more of something than its quota. Said once, and again after it had come down.
    Exceeded {
        /// Which instance.
        instance: InstanceIndex,
        /// What it uses too much of.
        resource: Resource,
        /// How much, with what was asked for last.
        used: u32,
        /// How much it may.
        max: u32,
    },
    /// Messages were given up. At most one per session and drain.
    Dropped {
        /// Whose messages.
        client: ClientKey,
        /// Why the last of them was.
        reason: DropReason,
        /// How many.
        count: u32,
    },
}

/// Why a message did not reach a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The session's queue in memory is full.
    QueueFull,
    /// The session is away, and a message of this kind is not kept.
    Away,
    /// Its time was over before the session could take it [MQTT-3.3.2-5].
    Expired,
    /// The client takes no packet so large [MQTT-3.1.2-24].
    TooLarge,
    /// The store gave it up to stay within its quota.
    Evicted,
    /// The store could not keep it.
    StoreFailed,
}

/// A client that wants to come in, or to prove once more who it is.
pub struct AuthRequest {
    /// The client id, and the instance it asks for.
    pub client: ClientKey,
    /// The user name of its CONNECT.
    pub username: Option<Box<str>>,
    /// The password of its CONNECT.
    pub password: Option<Password>,
    /// The authentication method of MQTT 5.0, one of [`Profile::authentication_methods`](crate::Profile::authentication_methods).
    pub method: Option<Box<str>>,
    /// What the method says; not shown by `Debug`.
    pub data: Option<Bytes>,
    /// The token that is uploaded, and the type it is given as; [`AuthStage::Token`] only.
    pub token: Option<(Access, TokenText)>,
    /// Whom an earlier verdict on this connection said it is: [`Grant::principal`]. `None` at [`AuthStage::Connect`].
    pub principal: Option<NonZeroU64>,
    /// Where in the exchange this is.
    pub stage: AuthStage,
    /// Where it comes from.
    pub peer: Peer,
}

impl fmt::Debug for AuthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRequest")
            .field("client", &self.client)
            .field("username", &self.username)
            .field("password", &self.password)
            .field("method", &self.method)
            .field("data", &self.data.as_ref().map(|_| ".."))
            .field("token", &self.token)
            .field("principal", &self.principal)
            .field("stage", &self.stage)
            .field("peer", &self.peer)
            .finish()
    }
}

/// Where in an authentication a question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthStage {
    /// A CONNECT came.
    Connect,
    /// An AUTH answers what [`Verdict::Continue`] asked.
    Continue,
    /// An AUTH begins a new exchange on a connection that is in.
    Again,
    /// `$SYS/uploadToken` came. To be answered with [`Verdict::Allow`], the rights of this token and its term in the [`Grant`], or with
    /// [`Verdict::Invalid`]. [`Refusal::Unavailable`] closes without blaming the token; anything else counts as `Invalid` with
    /// [`Denial::Account`].
    Token,
}

/// The text of a token as uploaded. Not shown by `Debug`; its bytes are overwritten when it is dropped.
pub struct TokenText(zeroize::Zeroizing<Box<str>>);

impl TokenText {
    /// Takes a copy of `text`.
    pub fn new(text: &str) -> Self {
        Self(zeroize::Zeroizing::new(text.into()))
    }

    /// The text as uploaded; never empty where a shard asks.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(..)")
    }
}

/// A password as received. Not shown by `Debug`; its bytes are overwritten when it is dropped.
pub struct Password(zeroize::Zeroizing<Box<[u8]>>);

impl Password {
    /// Takes a copy of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        Self(zeroize::Zeroizing::new(bytes.into()))
    }

    /// The bytes as received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The answer to [`Output::Authenticate`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// The client may come in, with these rights.
    Allow(Grant),
    /// The client may not.
    Deny(Refusal),
    /// A token of the client is not valid. At CONNECT: return code 4 where the token itself is at fault, 5 where it is good for something
    /// else. Later: `$SYS/tokenInvalidNotice` with the code of the denial, then the connection is closed.
    Invalid(Denial),
    /// The client has no credentials and is to upload a token first, where [`Instance::awaits_tokens`](crate::Instance::awaits_tokens) is on
    /// and the CONNECT has neither user name, password nor method; else it is refused with return code 4.
    AwaitToken,
    /// The client is sent this and asked for more, if it named a method; else it is denied. MQTT 5.0.
    Continue(Bytes),
}

/// What a client that came in may do.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The topics it may publish to and subscribe to.
    pub permissions: Permissions,
    /// The last words of the authentication method, for a client that named one.
    pub authentication_data: Option<Bytes>,
    /// From what the client may build response topics, if it asks; MQTT 5.0.
    pub response_information: Option<Box<str>>,
    /// Who the client is to the driver, such as the number of its account or key; [`Selector::Principal`](crate::Selector::Principal) finds its
    /// connections by it.
    pub principal: Option<NonZeroU64>,
    /// The tokens that `permissions` come from, at most one of each type; of two of a type the last one counts. When one of them expires or is
    /// revoked, the client is told and closed, and nothing more is stored for a session that is away.
    pub tokens: Vec<TokenTerm>,
}

impl Grant {
    /// These rights and nothing else.
    pub const fn new(permissions: Permissions) -> Self {
        Self { permissions, authentication_data: None, response_information: None, principal: None, tokens: Vec::new() }
    }

    /// The same, for this principal.
    #[must_use]
    pub const fn of_principal(mut self, principal: NonZeroU64) -> Self {
        self.principal = Some(principal);
        self
    }

    /// The same, as long as this token is valid too.
    #[must_use]
    pub fn with_token(mut self, token: TokenTerm) -> Self {
        self.tokens.push(token);
        self
    }
}

/// Why a client is not let in: the return code of its CONNACK [MQTT-3.2.2-4], a reason code in MQTT 5.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Return code 1: this version of MQTT is not spoken here.
    ProtocolVersion,
    /// Return code 2: the client id is malformed, or its group is unknown.
    Identifier,
    /// Return code 3: a failure or a limit on our side.
    Unavailable,
    /// Return code 4: user name, password or signature is wrong.
    Credentials,
    /// Return code 5: known, but without the right to be here.
    NotAuthorized,
    /// On the black list; return code 5 before MQTT 5.0.
    Banned,
    /// The authentication method of MQTT 5.0 is not known here.
    AuthenticationMethod,
    /// A quota is used up; return code 3 before MQTT 5.0.
    QuotaExceeded,
    /// Connections come too fast; return code 3 before MQTT 5.0.
    ConnectionRate,
    /// The client takes no packet as large as the CONNACK it would get; MQTT 5.0 only.
    PacketTooLarge,
    /// A will with RETAIN, which is not kept here; MQTT 5.0 only.
    RetainNotSupported,
}

impl Refusal {
    /// What CONNACK says of a token.
    pub(crate) const fn of_token(denial: Denial) -> Self {
        match denial {
            Denial::Resource | Denial::Action | Denial::Account => Self::NotAuthorized,
            _ => Self::Credentials,
        }
    }

    /// The return code of the CONNACK before MQTT 5.0.
    pub const fn return_code(self) -> u8 {
        match self {
            Self::ProtocolVersion => 1,
            Self::Identifier => 2,
            Self::Unavailable | Self::QuotaExceeded | Self::ConnectionRate => 3,
            Self::PacketTooLarge | Self::RetainNotSupported => 3,
            Self::Credentials => 4,
            Self::NotAuthorized | Self::Banned | Self::AuthenticationMethod => 5,
        }
    }

    /// The reason code of the CONNACK in MQTT 5.0.
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Self::ProtocolVersion => ReasonCode::UnsupportedProtocolVersion,
            Self::Identifier => ReasonCode::ClientIdentifierNotValid,
            Self::Unavailable => ReasonCode::ServerUnavailable,
            Self::Credentials => ReasonCode::BadUserNameOrPassword,
            Self::NotAuthorized => ReasonCode::NotAuthorized,
            Self::Banned => ReasonCode::Banned,
            Self::AuthenticationMethod => ReasonCode::BadAuthenticationMethod,
            Self::QuotaExceeded => ReasonCode::QuotaExceeded,
            Self::ConnectionRate => ReasonCode::ConnectionRateExceeded,
            Self::PacketTooLarge => ReasonCode::PacketTooLarge,
            Self::RetainNotSupported => ReasonCode::RetainNotSupported,
        }
    }
}

#[cfg(test)]
mod tests {
    /// Every `Transmit` and `Resume` is moved twice: a variant that grows costs all of them.
    #[test]
    fn an_output_stays_small() {
        assert!(size_of::<super::Output>() <= 80);
    }
}
