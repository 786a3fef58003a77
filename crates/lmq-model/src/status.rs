//! Status events: what the gateway tells the MQ side about a client's connections.
//!
//! `connect` says that a CONNECT was accepted, `disconnect` that a DISCONNECT packet arrived, `tcpclean` that the connection is gone.
//! Every connection that had a `connect` has exactly one `tcpclean` in the end; a graceful one has a `disconnect` before it. A
//! channel id names one TCP connection, and an offline event says something about the `connect` of the same channel only: events
//! of an old and a new connection may arrive in any order.

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;

use lmq_id::{ClientId, GroupId};
use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::UnixMillis;
#[cfg(feature = "json")]
use crate::json;

/// What stands behind a group id in the name of its event topic.
const TOPIC_SUFFIX: &str = "_MQTT";

/// The MQ topic that carries the events of a group: `<GroupID>_MQTT`. It has to be created before events can be sent.
#[must_use]
pub fn topic(group: &GroupId) -> String {
    format!("{group}{TOPIC_SUFFIX}")
}

/// One event of one connection.
///
/// As JSON: `clientId`, `time`, `eventType`, `channelId` and, from 2019 on, `clientIp`. Keys not known here are skipped when reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusEvent {
    /// The client the connection belongs to.
    pub client_id: ClientId,
    /// When it happened, by the gateway's wall clock.
    pub time: UnixMillis,
    /// What happened.
    pub event_type: EventType,
    /// The TCP connection it happened to.
    pub channel_id: ChannelId,
    /// The client's address, written `ip:port`. `None` only for events of gateways of the 2018 edition, which did not send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<SocketAddr>,
}

impl StatusEvent {
    /// The MQ topic the event is sent to: `<GroupID>_MQTT` of its client.
    #[must_use]
    pub fn topic(&self) -> String {
        format!("{}{TOPIC_SUFFIX}", self.client_id.group())
    }

    /// The MQ tag the event is sent with: the name of its type.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        self.event_type.as_str()
    }

    /// The body of the MQ message.
    #[cfg(feature = "json")]
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text keys and plain values always make JSON")
    }

    /// Reads the body of an MQ message.
    ///
    /// # Errors
    /// When `body` is not a JSON object with the keys above, or a value is not valid.
    #[cfg(feature = "json")]
    pub fn from_json(body: &[u8]) -> Result<Self, EventError> {
        if !json::is_object(body) {
            return Err(EventError("not a JSON object; expected {..}".into()));
        }
        serde_json::from_slice(body).map_err(|error| EventError(format!("{error}")))
    }
}

/// Why a text is not a [`StatusEvent`].
#[cfg(feature = "json")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventError(String);

#[cfg(feature = "json")]
impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status event: {}", self.0)
    }
}

#[cfg(feature = "json")]
impl core::error::Error for EventError {}

/// The kind of a [`StatusEvent`], also the tag of its MQ message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EventType {
    /// A CONNECT was accepted.
    Connect,
    /// The client sent DISCONNECT.
    Disconnect,
    /// The TCP connection is gone, however it ended. The one to judge "offline" by.
    TcpClean,
}

impl EventType {
    /// `connect`, `disconnect` or `tcpclean`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Disconnect => "disconnect",
            Self::TcpClean => "tcpclean",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The name of one TCP connection: 128 bits, written as 32 hexadecimal digits in lower case.
///
/// Unique among all connections of all gateways of an instance for as long as events about it are around; the caller sees to that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(u128);

impl ChannelId {
    /// Characters of a channel id as text.
    pub const TEXT_LEN: usize = 32;

    /// The channel id with these bits.
    #[must_use]
    pub const fn new(bits: u128) -> Self {
        Self(bits)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelId({self})")
    }
}

impl FromStr for ChannelId {
    type Err = ChannelIdError;

    /// Reads 32 hexadecimal digits, upper or lower case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bits = 0;
        for (index, found) in text.chars().enumerate().take(Self::TEXT_LEN) {
            let digit = found.to_digit(16).ok_or(ChannelIdError(Kind::Digit { index, found }))?;
            bits = bits << 4 | u128::from(digit);
        }
        match text.chars().count() {
            Self::TEXT_LEN => Ok(Self(bits)),
            len => Err(ChannelIdError(Kind::Length { len })),
        }
    }
}

impl Serialize for ChannelId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChannelId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = ChannelId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a channel id as 32 hexadecimal digits")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ChannelId, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Why a text is not a [`ChannelId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelIdError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Length { len: usize },
    Digit { index: usize, found: char },
}

impl fmt::Display for ChannelIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Length { len } => {
                write!(f, "channel id has {len} characters; expected {} hexadecimal digits", ChannelId::TEXT_LEN)
            }
            Kind::Digit { index, found } => {
                write!(f, "character {} of the channel id is {found:?}; expected a hexadecimal digit", index + 1)
            }
        }
    }
}

impl core::error::Error for ChannelIdError {}
