use crate::frame::header;
use crate::{DecodeError, Packet, Publish, ReasonCode, Split, Version, Violation, split};

/// Reads one direction of one connection, packet by packet.
///
/// It keeps the version, which a server takes from CONNECT, and what is left of a payload that is handed out in
/// chunks; it keeps no bytes. Beyond [`Packet::decode`] it sees what only an order and a direction show: CONNECT
/// comes first and once, a client sends no CONNACK, and so on. After an error the connection is over.
///
/// ```
/// use lmq_codec::{Decoder, Packet, Step};
///
/// let mut decoder = Decoder::server(65_536);
/// let stream = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a\xc0\0";
/// let Step::Packet { packet: Packet::Connect(connect), rest } = decoder.step(stream)? else { panic!() };
/// assert_eq!((connect.client_id, connect.keep_alive), ("a", 60));
/// assert!(matches!(decoder.step(rest)?, Step::Packet { packet: Packet::PingReq, rest: [] }));
/// # Ok::<(), lmq_codec::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    sender: Sender,
    /// Of the packets to come; a server does not know it before CONNECT.
    version: Option<Version>,
    /// CONNECT or CONNACK was seen.
    begun: bool,
    packet_bytes_max: u32,
    chunks_over: u32,
    payload_left: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
    /// Not known: order and direction are not judged.
    Any,
}

/// What a [`Decoder`] finds at the front of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A whole packet.
    Packet {
        /// The packet.
        packet: Packet<'a>,
        /// What follows it.
        rest: &'a [u8],
    },
    /// A PUBLISH whose payload comes in chunks.
    Head {
        /// Everything but the payload, which is empty here.
        publish: Publish<'a>,
        /// Bytes of payload to come; with 0 no [`Step::Payload`] follows.
        payload_len: u32,
        /// What follows the head.
        rest: &'a [u8],
    },
    /// A piece of the payload of the last [`Step::Head`], never empty.
    Payload {
        /// The piece.
        bytes: &'a [u8],
        /// Bytes of payload behind it; 0 with the last piece.
        left: u32,
        /// What follows the piece.
        rest: &'a [u8],
    },
    /// At least so many more bytes are needed, never 0.
    Need(usize),
}

impl Decoder {
    /// Reads what a client sends to a server, CONNECT first.
    ///
    /// `packet_bytes_max` limits a packet with its fixed header in bytes, 2 to 268,435,460, and so what a peer can
    /// make its receiver hold for one packet.
    #[must_use]
    pub const fn server(packet_bytes_max: u32) -> Self {
        Self::new(Sender::Client, None, packet_bytes_max)
    }

    /// Reads what a server sends to a client that connected with this version, CONNACK first.
    ///
    /// `packet_bytes_max` as in [`Decoder::server`].
    #[must_use]
    pub const fn client(version: Version, packet_bytes_max: u32) -> Self {
        Self::new(Sender::Server, Some(version), packet_bytes_max)
    }

    /// Reads packets of this version from either side, in any order: for a proxy or a capture. A CONNECT changes the version.
    ///
    /// `packet_bytes_max` as in [`Decoder::server`].
    #[must_use]
    pub const fn any(version: Version, packet_bytes_max: u32) -> Self {
        let mut decoder = Self::new(Sender::Any, Some(version), packet_bytes_max);
        decoder.begun = true;
        decoder
    }

    const fn new(sender: Sender, version: Option<Version>, packet_bytes_max: u32) -> Self {
        Self { sender, version, begun: false, packet_bytes_max, chunks_over: u32::MAX, payload_left: 0 }
    }

    /// Hands out every PUBLISH larger than `bytes` (with its fixed header) as [`Step::Head`] and [`Step::Payload`],
    /// so that its receiver holds topic and properties but never the whole payload. Without this call: never.
    #[must_use]
    pub const fn chunks_over(mut self, bytes: u32) -> Self {
        self.chunks_over = bytes;
        self
    }

    /// Takes the next packet, or piece of a packet, off the front of `src`.
    ///
    /// # Errors
    /// The peer's: those of [`split`] and [`Packet::decode`], a packet out of order or in the wrong direction.
    #[inline]
    pub fn step<'a>(&mut self, src: &'a [u8]) -> Result<Step<'a>, DecodeError> {
        if self.payload_left > 0 || !self.begun {
            return self.step_special(src);
        }
        self.step_packet(src)
    }

    /// The version of the connection, once it is known: also from a CONNECT that could not be read to its end, as the
    /// refusal is written in it.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        self.version
    }

    fn step_special<'a>(&mut self, src: &'a [u8]) -> Result<Step<'a>, DecodeError> {
        if self.payload_left > 0 {
            return Ok(self.take_payload(src));
        }
        let allowed = match (src.first(), self.sender) {
            (None, _) => true,
            // [MQTT-3.1.0-1]: seen before the packet is complete, whatever it claims to be.
            (Some(first), Sender::Client) => *first == 0x10,
            // [MQTT-3.2.0-1]; an AUTH may come before CONNACK.
            (Some(first), Sender::Server) => *first == 0x20 || *first == 0xf0 && self.version == Some(Version::V5_0),
            (Some(_), Sender::Any) => true,
        };
        if !allowed {
            return Err(DecodeError::new(Violation::FirstPacket, self.version, 0));
        }
        let step = self.step_packet(src);
        if let (Err(error), None) = (&step, self.version) {
            self.version = error.version();
        }
        step
    }

    #[inline]
    fn step_packet<'a>(&mut self, src: &'a [u8]) -> Result<Step<'a>, DecodeError> {
        // The version is only unknown before CONNECT, which ignores it.
        let version = self.version.unwrap_or(Version::V3_1_1);
        match split(src, self.packet_bytes_max)? {
            Split::Frame { frame, rest } if frame.bytes().len() <= self.chunks_over as usize => {
                let packet = Packet::decode(frame, version)?;
                self.check(&packet)?;
                Ok(Step::Packet { packet, rest })
            }
            // A header that is long enough for chunks and says PUBLISH.
            _ if matches!(src.first(), Some(0x30..=0x3f)) => self.step_large(src, version),
            Split::Frame { frame, rest } => {
                let packet = Packet::decode(frame, version)?;
                self.check(&packet)?;
                Ok(Step::Packet { packet, rest })
            }
            Split::Need(more) => Ok(Step::Need(more)),
        }
    }

    /// A PUBLISH that is incomplete or larger than the chunk limit.
    fn step_large<'a>(&mut self, src: &'a [u8], version: Version) -> Result<Step<'a>, DecodeError> {
        let Some(header) = header(src)? else {
            return Ok(Step::Need(1));
        };
        if header.total() <= self.chunks_over as usize {
            return Ok(Step::Need(header.total().saturating_sub(src.len()).max(1)));
        }
        let body = src.get(header.header_len..).unwrap_or_default();
        let head_len = match head_len(header.first, body, version) {
            HeadLen::Known(len) if len <= header.remaining as usize => len,
            HeadLen::Need(len) if len <= header.remaining as usize => {
                return Ok(Step::Need(len - body.len()));
            }
            _ => {
                return Err(DecodeError::new(Violation::Truncated, Some(version), header.total()));
            }
        };
        let Some((head, rest)) = body.split_at_checked(head_len) else {
            return Ok(Step::Need(head_len - body.len()));
        };
        let publish = Publish::decode_head(header.first, head, header.header_len, version)?;
        self.check(&Packet::Publish(publish))?;
        let payload_len = header.remaining - head_len as u32;
        self.payload_left = payload_len;
        Ok(Step::Head { publish, payload_len, rest })
    }

    fn take_payload<'a>(&mut self, src: &'a [u8]) -> Step<'a> {
        if src.is_empty() {
            return Step::Need(1);
        }
        let (bytes, rest) = src.split_at_checked(self.payload_left as usize).unwrap_or((src, &[]));
        self.payload_left -= bytes.len() as u32;
        Step::Payload { bytes, left: self.payload_left, rest }
    }

    /// What the order and the direction of packets show.
    #[inline]
    fn check(&mut self, packet: &Packet<'_>) -> Result<(), DecodeError> {
        let found = match (self.sender, packet) {
            (_, Packet::PubAck(_) | Packet::PubRec(_) | Packet::PubRel(_) | Packet::PubComp(_)) => Ok(()),
            (Sender::Client, Packet::Publish(p)) => match p.properties.is_empty() {
                true => Ok(()),
                false => publish_from_client(p),
            },
            (Sender::Any, Packet::Publish(_)) => Ok(()),
            (Sender::Server, Packet::Publish(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp)
            | (Sender::Client, Packet::Subscribe(_) | Packet::Unsubscribe(_) | Packet::PingReq) => Ok(()),
            _ => self.check_rare(packet),
        };
        found.map_err(|violation| DecodeError::new(violation, self.version, 0))
    }

    fn check_rare(&mut self, packet: &Packet<'_>) -> Result<(), Violation> {
        match (self.sender, packet) {
            (Sender::Any, packet) => {
                if let Packet::Connect(connect) = packet {
                    self.version = Some(connect.version);
                }
                Ok(())
            }
            // [MQTT-3.1.0-2]; CONNACK once likewise: [MQTT-3.2.0-2]
            (Sender::Client, Packet::Connect(_)) | (Sender::Server, Packet::ConnAck(_)) if self.begun => {
                Err(Violation::SecondConnect)
            }
            (Sender::Client, Packet::Connect(connect)) => {
                self.version = Some(connect.version);
                self.begun = true;
                Ok(())
            }
            (Sender::Server, Packet::ConnAck(_)) => {
                self.begun = true;
                Ok(())
            }
            (sender, Packet::Disconnect(p)) => {
                let from_server = sender == Sender::Server;
                if from_server && self.version != Some(Version::V5_0) {
                    Err(Violation::WrongDirection)
                } else if from_server && p.properties.session_expiry_interval().is_some() {
                    // [MQTT-3.14.2-2]
                    Err(Violation::SessionExpiryFromServer)
                } else if disconnect_reason(p.reason, sender) {
                    Ok(())
                } else {
                    Err(Violation::ReasonDirection)
                }
            }
            (sender, Packet::Auth(p)) => match (p.reason, sender) {
                (ReasonCode::Success, Sender::Client) | (ReasonCode::ReAuthenticate, Sender::Server) => {
                    Err(Violation::ReasonDirection)
                }
                _ => Ok(()),
            },
            _ => Err(Violation::WrongDirection),
        }
    }
}

#[cfg(feature = "alloc")]
mod owned {
    use super::{Decoder, Sender, Step};
    use crate::owned::{Detached, OwnedPacket};
    use crate::{DecodeError, Frame, Packet, Publish, Split, Version, split};
    use bytes::{Buf, Bytes, BytesMut};

    /// What [`Decoder::decode`] takes out of a buffer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Decoded {
        /// A whole packet.
        Packet(OwnedPacket),
        /// A PUBLISH whose payload comes in chunks.
        Head {
            /// Everything but the payload, which is empty here.
            publish: OwnedPacket,
            /// Bytes of payload to come; with 0 no [`Decoded::Payload`] follows.
            payload_len: u32,
        },
        /// A piece of the payload of the last [`Decoded::Head`], never empty.
        Payload {
            /// The piece.
            bytes: Bytes,
            /// Bytes of payload behind it; 0 with the last piece.
            left: u32,
        },
    }

    impl Decoder {
        /// Takes the next packet, or piece of a packet, out of `src`; `None` while it is not complete.
        ///
        /// The packet shares the buffer and copies nothing. Nothing is reserved: `src` grows by what is received.
        ///
        /// # Errors
        /// Those of [`Decoder::step`].
        #[inline]
        pub fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Decoded>, DecodeError> {
            if self.payload_left > 0 || !self.begun {
                return self.decode_any(src);
            }
            // The shortest packets are read where the caller stands.
            match self.short(src) {
                Some((len, parts)) => Ok(Some(Decoded::Packet(take(src, len, parts)))),
                None => self.decode_whole(src),
            }
        }

        /// The ping or plain acknowledgement at the front, if there is one and this side may get it.
        #[inline(always)]
        fn short(&self, src: &[u8]) -> Option<(usize, Detached)> {
            let [first, len @ (0 | 2), tail @ ..] = src else { return None };
            match (*first, self.sender) {
                (0x40 | 0x50 | 0x62 | 0x70, _)
                | (0xc0, Sender::Client | Sender::Any)
                | (0xd0, Sender::Server | Sender::Any) => {}
                _ => return None,
            }
            let body = tail.get(..usize::from(*len))?;
            let total = 2 + body.len();
            if total > self.packet_bytes_max as usize {
                return None;
            }
            Detached::short(*first, body).map(|parts| (total, parts))
        }

        /// A packet that is there as a whole goes straight into its parts, so that nothing of the enum's size is moved.
        #[inline(never)]
        fn decode_whole(&mut self, src: &mut BytesMut) -> Result<Option<Decoded>, DecodeError> {
            if let Split::Frame { frame, .. } = split(src, self.packet_bytes_max)? {
                let len = frame.bytes().len();
                let parts = match frame.first_byte() {
                    0x30..=0x3f if len > self.chunks_over as usize => None,
                    0x30..=0x3f => self.decode_publish(&frame)?,
                    _ => self.decode_other(frame)?,
                };
                if let Some(parts) = parts {
                    return Ok(Some(Decoded::Packet(take(src, len, parts))));
                }
            }
            self.decode_any(src)
        }

        #[inline(always)]
        fn decode_publish(&mut self, frame: &Frame<'_>) -> Result<Option<Detached>, DecodeError> {
            let publish = Publish::decode(frame, self.version.unwrap_or(Version::V3_1_1))?;
            if !publish.properties.is_empty() {
                self.check(&Packet::Publish(publish))?;
            }
            Ok(Detached::publish(&publish, frame.bytes()))
        }

        #[inline(always)]
        fn decode_other(&mut self, frame: Frame<'_>) -> Result<Option<Detached>, DecodeError> {
            let packet = Packet::decode(frame, self.version.unwrap_or(Version::V3_1_1))?;
            self.check(&packet)?;
            Ok(Detached::new(&packet, frame.bytes()))
        }

        #[inline(never)]
        fn decode_any(&mut self, src: &mut BytesMut) -> Result<Option<Decoded>, DecodeError> {
            let len = src.len();
            let (parts, taken, payload_len) = match self.step(src)? {
                Step::Packet { packet, rest } => (Detached::new(&packet, src), len - rest.len(), None),
                Step::Head { publish, payload_len, rest } => {
                    (Detached::new(&Packet::Publish(publish), src), len - rest.len(), Some(payload_len))
                }
                Step::Payload { bytes, left, .. } => {
                    let taken = bytes.len();
                    return Ok(Some(Decoded::Payload { bytes: src.split_to(taken).freeze(), left }));
                }
                Step::Need(_) => return Ok(None),
            };
            let Some(parts) = parts else {
                debug_assert!(false, "a packet borrows from the bytes it was read from");
                return Ok(None);
            };
            let packet = take(src, taken, parts);
            Ok(Some(match payload_len {
                Some(payload_len) => Decoded::Head { publish: packet, payload_len },
                None => Decoded::Packet(packet),
            }))
        }
    }

    /// Takes the bytes of a packet out of the buffer, with a handle if the packet needs one.
    #[inline(always)]
    fn take(src: &mut BytesMut, len: usize, parts: Detached) -> OwnedPacket {
        if parts.needs_bytes() {
            parts.attach(Some(src.split_to(len).freeze()))
        } else {
            src.advance(len);
            parts.attach(None)
        }
    }
}

#[cfg(feature = "alloc")]
pub use owned::Decoded;

enum HeadLen {
    Known(usize),
    /// The head has at least so many bytes.
    Need(usize),
}

/// How long everything before the payload is.
fn head_len(first: u8, body: &[u8], version: Version) -> HeadLen {
    let Some((len, _)) = body.split_first_chunk::<2>() else {
        return HeadLen::Need(2);
    };
    let id = if first & 0x06 == 0 { 0 } else { 2 };
    let at = 2 + usize::from(u16::from_be_bytes(*len)) + id;
    if !version.has_properties() {
        return HeadLen::Known(at);
    }
    let mut len = 0;
    for digit in 0..4 {
        let Some(byte) = body.get(at + digit) else {
            return HeadLen::Need(at + digit + 1);
        };
        len |= usize::from(byte & 0x7f) << (7 * digit);
        if byte & 0x80 == 0 {
            return HeadLen::Known(at + digit + 1 + len);
        }
    }
    // An endless length: the parser of the properties says so.
    HeadLen::Known(at + 4)
}

/// A client has no subscription identifiers to tell. [MQTT-3.3.4-6]
fn publish_from_client(publish: &Publish<'_>) -> Result<(), Violation> {
    if publish.properties.subscription_identifier().is_some() {
        return Err(Violation::SubscriptionIdFromClient);
    }
    Ok(())
}

/// Who may give this reason for leaving: the column "sent by" of table 3-10 of MQTT 5.0. [MQTT-3.14.2-1]
const fn disconnect_reason(reason: ReasonCode, sender: Sender) -> bool {
    match (sender, reason) {
        (Sender::Any, _) => true,
        (Sender::Server, reason) => !matches!(reason, ReasonCode::DisconnectWithWill),
        (Sender::Client, reason) => !matches!(
            reason,
            ReasonCode::NotAuthorized
                | ReasonCode::ServerBusy
                | ReasonCode::ServerShuttingDown
                | ReasonCode::KeepAliveTimeout
                | ReasonCode::SessionTakenOver
                | ReasonCode::TopicFilterInvalid
                | ReasonCode::RetainNotSupported
                | ReasonCode::QoSNotSupported
                | ReasonCode::UseAnotherServer
                | ReasonCode::ServerMoved
                | ReasonCode::SharedSubscriptionsNotSupported
                | ReasonCode::ConnectionRateExceeded
                | ReasonCode::MaximumConnectTime
                | ReasonCode::SubscriptionIdentifiersNotSupported
                | ReasonCode::WildcardSubscriptionsNotSupported
        ),
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use bytes::BytesMut;

    #[test]
    fn the_shortest_packets_obey_limit_and_direction() {
        let begun = |mut decoder: Decoder| {
            decoder.begun = true;
            decoder
        };
        let frames: [&[u8]; 9] = [
            b"\xc0\0",
            b"\xd0\0",
            b"\x40\x02\0\x07",
            b"\x40\x02\0\0",
            b"\x62\x02\0\x07",
            b"\x60\x02\0\x07",
            b"\x40\0",
            b"\xc0\x02\0\x07",
            b"\x40\x02\0",
        ];
        for max in 2..=4 {
            for decoder in
                [Decoder::server(max), Decoder::client(Version::V3_1_1, max), Decoder::any(Version::V5_0, max)]
            {
                for frame in frames {
                    let mut src = BytesMut::from(frame);
                    let owned = begun(decoder.clone()).decode(&mut src);
                    match (begun(decoder.clone()).step(frame), owned) {
                        (Ok(Step::Packet { packet, rest }), Ok(Some(Decoded::Packet(owned)))) => {
                            assert_eq!((owned.packet(), &src[..]), (packet, rest));
                        }
                        (Ok(Step::Need(_)), Ok(None)) => assert_eq!(&src[..], frame),
                        (Err(expected), Err(error)) => assert_eq!(error, expected),
                        other => panic!("{frame:?}, {max}: {other:?}"),
                    }
                }
            }
        }
    }
}
