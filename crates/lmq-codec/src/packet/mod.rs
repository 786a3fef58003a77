//! The packets of all editions, as views that borrow the frame.

mod ack;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod entries;
mod publish;
mod suback;
mod subscribe;
mod unsubscribe;

use nom::{Err, IResult};

use crate::encode::{EncodeError, Encoder, Form, Sizes};
use crate::frame::{PacketType, first_byte_violation};
use crate::wire::Fail;
use crate::{DecodeError, Frame, PacketId, Version, Violation};

pub use ack::Ack;
pub(crate) use ack::AckKind;
pub use auth::Auth;
pub use connack::ConnAck;
pub use connect::{Connect, Will};
pub use disconnect::Disconnect;
pub use publish::Publish;
pub use suback::{ReasonCodes, SubAck, UnsubAck};
pub use subscribe::{RetainHandling, Subscribe, SubscribeFilters, SubscribeOptions};
pub use unsubscribe::{Unsubscribe, UnsubscribeFilters};

/// A packet that borrows the bytes it was read from, or the values it was built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// The client asks for a connection.
    Connect(Connect<'a>),
    /// The server answers.
    ConnAck(ConnAck<'a>),
    /// A message.
    Publish(Publish<'a>),
    /// A QoS 1 message was received.
    PubAck(Ack<'a>),
    /// A QoS 2 message was received.
    PubRec(Ack<'a>),
    /// Its identifier is free.
    PubRel(Ack<'a>),
    /// Its identifier is free on both sides.
    PubComp(Ack<'a>),
    /// The client subscribes.
    Subscribe(Subscribe<'a>),
    /// The server answers, code by code.
    SubAck(SubAck<'a>),
    /// The client takes subscriptions back.
    Unsubscribe(Unsubscribe<'a>),
    /// The server answers.
    UnsubAck(UnsubAck<'a>),
    /// The client is alive.
    PingReq,
    /// The server is too.
    PingResp,
    /// The end of the connection, announced.
    Disconnect(Disconnect<'a>),
    /// A step of an authentication, from MQTT 5.0 on.
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    /// Reads the packet in a frame. CONNECT says its version itself and ignores the argument.
    ///
    /// # Errors
    /// The peer's: what the edition calls malformed, or a protocol error that one packet alone shows.
    #[inline]
    pub fn decode(frame: Frame<'a>, version: Version) -> Result<Self, DecodeError> {
        // The shortest packets are read where the caller stands; what is longer is worth a call, of its own so that
        // nothing of the enum's size is moved.
        match (frame.first_byte(), frame.body()) {
            (first @ 0x30..=0x3f, body) => Self::decode_publish(first, body, frame.bytes().len(), version),
            (0xc0, []) => Ok(Self::PingReq),
            (0xd0, []) => Ok(Self::PingResp),
            (first @ (0x40 | 0x50 | 0x62 | 0x70), [high, low]) if *high | *low != 0 => {
                let Some(ack) = PacketId::new(u16::from_be_bytes([*high, *low])).map(Ack::new) else {
                    return Self::decode_other(frame, version);
                };
                Ok(match first {
                    0x40 => Self::PubAck(ack),
                    0x50 => Self::PubRec(ack),
                    0x62 => Self::PubRel(ack),
                    _ => Self::PubComp(ack),
                })
            }
            _ => Self::decode_other(frame, version),
        }
    }

    #[inline(never)]
    fn decode_publish(first: u8, body: &'a [u8], end: usize, version: Version) -> Result<Self, DecodeError> {
        match Publish::read(first, body, version) {
            Ok(publish) => Ok(Self::Publish(publish)),
            Err(error) => Err(place_at(end, Some(version), error)),
        }
    }

    #[inline(never)]
    fn decode_other(frame: Frame<'a>, version: Version) -> Result<Self, DecodeError> {
        let body = frame.body();
        let resent = matches!((frame.first_byte(), version), (0x6a | 0x8a | 0xaa, Version::V3_1));
        // [MQTT-2.2.2-2] (3.1.1), [MQTT-2.1.3-1] (5.0); MQTT 3.1 sets DUP where these three are sent again.
        let first = if resent { frame.first_byte() & !0x08 } else { frame.first_byte() };
        match first {
            0x10 => Connect::decode(frame).map(Self::Connect),
            0x20 => whole(frame, version, ConnAck::read(body, version)).map(Self::ConnAck),
            0x40 => whole(frame, version, Ack::read(body, version, AckKind::Ack)).map(Self::PubAck),
            0x50 => whole(frame, version, Ack::read(body, version, AckKind::Rec)).map(Self::PubRec),
            0x62 => whole(frame, version, Ack::read(body, version, AckKind::Rel)).map(Self::PubRel),
            0x70 => whole(frame, version, Ack::read(body, version, AckKind::Comp)).map(Self::PubComp),
            0x82 => whole(frame, version, Subscribe::read(body, version)).map(Self::Subscribe),
            0x90 => whole(frame, version, SubAck::read(body, version)).map(Self::SubAck),
            0xa2 => whole(frame, version, Unsubscribe::read(body, version)).map(Self::Unsubscribe),
            0xb0 => whole(frame, version, UnsubAck::read(body, version)).map(Self::UnsubAck),
            0xc0 => whole(frame, version, Ok((body, Self::PingReq))),
            0xd0 => whole(frame, version, Ok((body, Self::PingResp))),
            0xe0 => whole(frame, version, Disconnect::read(body, version)).map(Self::Disconnect),
            0xf0 if version.has_properties() => whole(frame, version, Auth::read(body)).map(Self::Auth),
            _ => {
                let otherwise = match frame.packet_type() {
                    Some(PacketType::Auth) => Violation::ReservedPacketType,
                    _ => Violation::ReservedFlags,
                };
                let violation = first_byte_violation(frame.first_byte()).unwrap_or(otherwise);
                Err(DecodeError::new(violation, Some(version), 0))
            }
        }
    }

    /// Checks once that the packet can be written in this edition and measures it.
    ///
    /// # Errors
    /// The caller's: a packet, code or property the edition does not have, a text over 65,535 bytes or with U+0000,
    /// a body over 268,435,455 bytes, a list without entries. CONNECT has a version of its own, which must be the one asked for.
    #[inline]
    pub fn encoder(&self, version: Version) -> Result<Encoder<'_>, EncodeError> {
        match self {
            Self::Connect(p) => p.encoder(version),
            Self::ConnAck(p) => p.encoder(version),
            Self::Publish(p) => p.encoder(version),
            Self::PubAck(p) => p.encoder(AckKind::Ack, version),
            Self::PubRec(p) => p.encoder(AckKind::Rec, version),
            Self::PubRel(p) => p.encoder(AckKind::Rel, version),
            Self::PubComp(p) => p.encoder(AckKind::Comp, version),
            Self::Subscribe(p) => p.encoder(version),
            Self::SubAck(p) => p.encoder(version),
            Self::Unsubscribe(p) => p.encoder(version),
            Self::UnsubAck(p) => p.encoder(version),
            Self::PingReq => Ok(Encoder::new(Form::PingReq, version, Sizes::default())),
            Self::PingResp => Ok(Encoder::new(Form::PingResp, version, Sizes::default())),
            Self::Disconnect(p) => p.encoder(version),
            Self::Auth(p) => p.encoder(version),
        }
    }

    /// Checks the packet and appends it to `dst`: [`Packet::encoder`] and [`Encoder::write`] in one.
    ///
    /// # Errors
    /// Those of [`Packet::encoder`]; nothing is written then.
    ///
    /// # Panics
    /// As [`Encoder::write`] does, for a `dst` that has no room and does not grow.
    #[cfg(feature = "alloc")]
    #[inline(always)]
    pub fn encode(&self, version: Version, dst: &mut impl bytes::BufMut) -> Result<(), EncodeError> {
        // The shortest packets, which are most of them, need no measuring.
        match self {
            Self::PingReq => dst.put_slice(&[0xc0, 0]),
            Self::PingResp => dst.put_slice(&[0xd0, 0]),
            Self::PubAck(p) if p.is_short() => dst.put_slice(&Ack::puback(p.id)),
            Self::PubRec(p) if p.is_short() => dst.put_slice(&Ack::pubrec(p.id)),
            Self::PubRel(p) if p.is_short() => dst.put_slice(&Ack::pubrel(p.id)),
            Self::PubComp(p) if p.is_short() => dst.put_slice(&Ack::pubcomp(p.id)),
            Self::Publish(p) => return p.encode(version, dst),
            Self::Connect(p) => return p.encode(version, dst),
            _ => return self.encode_other(version, dst),
        }
        Ok(())
    }

    #[cfg(feature = "alloc")]
    #[inline(never)]
    fn encode_other(&self, version: Version, dst: &mut impl bytes::BufMut) -> Result<(), EncodeError> {
        self.encoder(version).map(|encoder| encoder.write(dst))
    }

    /// The type of the packet.
    #[must_use]
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }
}

/// Accepts what a body parser found only if nothing is left behind it.
#[inline(always)]
fn whole<'a, T>(frame: Frame<'a>, version: Version, found: IResult<&'a [u8], T, Fail<'a>>) -> Result<T, DecodeError> {
    match found {
        Ok(([], packet)) => Ok(packet),
        Ok((rest, _)) => Err(place(frame, Some(version), crate::wire::fail(rest, Violation::TrailingBytes))),
        Err(error) => Err(place(frame, Some(version), error)),
    }
}

/// Turns "so much was left" into "at this byte".
#[cold]
fn place(frame: Frame<'_>, version: Option<Version>, error: Err<Fail<'_>>) -> DecodeError {
    place_at(frame.bytes().len(), version, error)
}

/// The same for a packet, or the front of one, that ends at `end`.
#[cold]
fn place_at(end: usize, version: Option<Version>, error: Err<Fail<'_>>) -> DecodeError {
    match error {
        Err::Error(fail) => DecodeError::new(fail.violation, version, end.saturating_sub(fail.rest.len())),
        // The fixed header is at fault.
        Err::Failure(fail) => DecodeError::new(fail.violation, version, 0),
        // The parsers are those for complete input, which never ask for more.
        Err::Incomplete(_) => DecodeError::new(Violation::Truncated, version, end),
    }
}
