use core::fmt;

use lmq_auth::Denial;
use lmq_codec::{DecodeError, ReasonCode};
use lmq_id::Access;

use crate::Refusal;

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client sent DISCONNECT.
    Disconnected,
    /// The client sent DISCONNECT and wants its will published; MQTT 5.0.
    DisconnectedWithWill,
    /// The peer, or the network, closed the connection.
    PeerClosed,
    /// A packet was malformed.
    Malformed(DecodeError),
    /// The first packet was not CONNECT [MQTT-3.1.0-1].
    NotConnect,
    /// A second CONNECT came [MQTT-3.1.0-2], or a packet that only a server sends.
    Unexpected(&'static str),
    /// No whole CONNECT came in time.
    ConnectTimeout,
    /// The CONNECT was refused.
    Refused(Refusal),
    /// Nothing came for one and a half times the keep-alive [MQTT-3.1.2-24].
    KeepAlive,
    /// The same client id connected again [MQTT-3.1.4-2].
    TakenOver,
    /// A PUBLISH to, or a SUBSCRIBE for, a topic without the right to it.
    NotAuthorized,
    /// A token of the client is not valid, or not enough for what it asked. It was told so with `$SYS/tokenInvalidNotice`.
    TokenInvalid {
        /// Why.
        denial: Denial,
        /// The type of the token.
        access: Access,
    },
    /// No valid token was uploaded in time by a client without credentials.
    TokenTimeout,
    /// A topic breaks a rule of the profile.
    InvalidTopic(&'static str),
    /// A rule of MQTT 5.0 was broken that more than one packet shows: the code of DISCONNECT, and what was wrong.
    Protocol(ReasonCode, &'static str),
    /// An effect that this connection waited for failed.
    EffectFailed,
    /// The connection was paused for too long.
    PausedTooLong,
    /// The peer takes nothing of what is sent to it.
    Stalled,
    /// An operator closed it.
    Kicked,
    /// The server goes away.
    Draining,
}

impl CloseReason {
    /// A short, stable name: for counters and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::DisconnectedWithWill => "disconnected_with_will",
            Self::PeerClosed => "peer_closed",
            Self::Malformed(_) => "malformed",
            Self::NotConnect => "not_connect",
            Self::Unexpected(_) => "unexpected_packet",
            Self::ConnectTimeout => "connect_timeout",
            Self::Refused(_) => "refused",
            Self::KeepAlive => "keep_alive",
            Self::TakenOver => "taken_over",
            Self::NotAuthorized => "not_authorized",
            Self::TokenInvalid { .. } => "token_invalid",
            Self::TokenTimeout => "token_timeout",
            Self::InvalidTopic(_) => "invalid_topic",
            Self::Protocol(..) => "protocol_error",
            Self::EffectFailed => "effect_failed",
            Self::PausedTooLong => "paused_too_long",
            Self::Stalled => "stalled",
            Self::Kicked => "kicked",
            Self::Draining => "draining",
        }
    }

    /// What a client of MQTT 5.0 is told with DISCONNECT before the connection closes; `None` where it is told nothing, because
    /// it left by itself or was answered with CONNACK.
    pub fn disconnect_code(&self) -> Option<ReasonCode> {
        Some(match self {
            Self::Disconnected
            | Self::DisconnectedWithWill
            | Self::PeerClosed
            | Self::ConnectTimeout
            | Self::Refused(_) => return None,
            Self::Malformed(error) => ReasonCode::from(error),
            Self::NotConnect | Self::Unexpected(_) => ReasonCode::ProtocolError,
            Self::KeepAlive => ReasonCode::KeepAliveTimeout,
            Self::TakenOver => ReasonCode::SessionTakenOver,
            Self::NotAuthorized | Self::TokenInvalid { .. } | Self::TokenTimeout => ReasonCode::NotAuthorized,
            Self::InvalidTopic(_) => ReasonCode::TopicNameInvalid,
            Self::Protocol(code, _) => *code,
            Self::EffectFailed => ReasonCode::UnspecifiedError,
            Self::PausedTooLong | Self::Stalled => ReasonCode::ServerBusy,
            Self::Kicked => ReasonCode::AdministrativeAction,
            Self::Draining => ReasonCode::ServerShuttingDown,
        })
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "{error}"),
            Self::Unexpected(packet) => write!(f, "unexpected {packet}"),
            Self::Refused(refusal) => {
                write!(f, "refused with return code {}", refusal.return_code())
            }
            Self::TokenInvalid { denial, access } => write!(f, "{denial}: {access}"),
            Self::InvalidTopic(why) => write!(f, "invalid topic: {why}"),
            Self::Protocol(code, why) => write!(f, "{code}: {why}"),
            _ => f.write_str(self.name()),
        }
    }
}
