use crate::{DecodeError, Violation};

/// The largest remaining length: four bytes of seven bits.
pub(crate) const REMAINING_MAX: u32 = 268_435_455;

/// The type of a packet: the upper four bits of its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PacketType {
    /// The client asks for a connection.
    Connect = 1,
    /// The server answers.
    ConnAck = 2,
    /// A message.
    Publish = 3,
    /// A QoS 1 message was received.
    PubAck = 4,
    /// A QoS 2 message was received.
    PubRec = 5,
    /// Its identifier is free.
    PubRel = 6,
    /// Its identifier is free on both sides.
    PubComp = 7,
    /// The client subscribes.
    Subscribe = 8,
    /// The server answers.
    SubAck = 9,
    /// The client takes subscriptions back.
    Unsubscribe = 10,
    /// The server answers.
    UnsubAck = 11,
    /// The client is alive.
    PingReq = 12,
    /// The server is too.
    PingResp = 13,
    /// The end of the connection, announced.
    Disconnect = 14,
    /// A step of an authentication; MQTT 5.0.
    Auth = 15,
}

impl PacketType {
    #[inline]
    const fn from_first_byte(first: u8) -> Option<Self> {
        Some(match first >> 4 {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }
}

/// One complete packet, not yet read: where it begins, and where its body begins.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    body: &'a [u8],
    first: u8,
}

impl<'a> Frame<'a> {
    /// The type of the packet; `None` for type 0, which does not exist.
    #[must_use]
    #[inline]
    pub const fn packet_type(&self) -> Option<PacketType> {
        PacketType::from_first_byte(self.first)
    }

    /// The first byte: type and flags.
    #[must_use]
    #[inline]
    pub const fn first_byte(&self) -> u8 {
        self.first
    }

    /// What follows the fixed header.
    #[must_use]
    #[inline]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The whole packet with its fixed header.
    #[must_use]
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// What the front of a buffer holds.
#[derive(Clone, Copy, Debug)]
pub enum Split<'a> {
    /// A whole packet, and the bytes behind it.
    Frame {
        /// The packet.
        frame: Frame<'a>,
        /// What follows it.
        rest: &'a [u8],
    },
    /// The packet is not complete: at least so many more bytes, never 0.
    Need(usize),
}

/// Takes one packet off the front of `src`: the only function that can say "need more".
///
/// `packet_bytes_max` limits the whole packet with its fixed header. It is compared with the declared length as
/// soon as the header is there, so an oversized packet costs its receiver five bytes.
///
/// # Errors
/// The peer's: an endless or non-minimal remaining length, a packet type or flags no edition has, a packet over the limit.
#[inline]
pub fn split(src: &[u8], packet_bytes_max: u32) -> Result<Split<'_>, DecodeError> {
    // Most packets have a remaining length of one to three bytes.
    let (first, length, tail) = match src {
        [first, length @ 0..0x80, tail @ ..] => (*first, usize::from(*length), tail),
        [first, low @ 0x80..=0xff, high @ 1..0x80, tail @ ..] => {
            (*first, usize::from(*low & 0x7f) | usize::from(*high) << 7, tail)
        }
        [first, low @ 0x80..=0xff, middle @ 0x80..=0xff, high @ 1..0x80, tail @ ..] => {
            let length = usize::from(*low & 0x7f) | usize::from(*middle & 0x7f) << 7 | usize::from(*high) << 14;
            (*first, length, tail)
        }
        _ => return split_any(src, packet_bytes_max),
    };
    let total = src.len() - tail.len() + length;
    if total <= packet_bytes_max as usize {
        if let (Some((body, rest)), Some((bytes, _))) = (tail.split_at_checked(length), src.split_at_checked(total)) {
            return Ok(Split::Frame { frame: Frame { bytes, body, first }, rest });
        }
    }
    split_any(src, packet_bytes_max)
}

fn split_any(src: &[u8], packet_bytes_max: u32) -> Result<Split<'_>, DecodeError> {
    let Some(header) = header(src)? else {
        return Ok(Split::Need(2_usize.saturating_sub(src.len()).max(1)));
    };
    let total = header.total();
    if total > packet_bytes_max as usize {
        return Err(DecodeError::new(Violation::PacketTooLarge, None, 1));
    }
    let Some((bytes, rest)) = src.split_at_checked(total) else {
        return Ok(Split::Need(total - src.len()));
    };
    let body = bytes.get(header.header_len..).unwrap_or_default();
    Ok(Split::Frame { frame: Frame { bytes, body, first: header.first }, rest })
}

/// A fixed header.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) first: u8,
    pub(crate) header_len: usize,
    pub(crate) remaining: u32,
}

impl Header {
    pub(crate) const fn total(&self) -> usize {
        self.header_len + self.remaining as usize
    }
}

/// Reads a fixed header; `None` while it is cut.
pub(crate) fn header(src: &[u8]) -> Result<Option<Header>, DecodeError> {
    let Some((first, tail)) = src.split_first() else {
        return Ok(None);
    };
    if let Some(violation) = first_byte_violation(*first) {
        return Err(DecodeError::new(violation, None, 0));
    }
    let mut remaining = 0;
    for (at, byte) in tail.iter().take(4).enumerate() {
        remaining |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            // [MQTT-1.5.5-1]
            if *byte == 0 && at > 0 {
                return Err(DecodeError::new(Violation::RemainingLengthNotMinimal, None, 1 + at));
            }
            return Ok(Some(Header { first: *first, header_len: at + 2, remaining }));
        }
    }
    if tail.len() >= 4 {
        return Err(DecodeError::new(Violation::RemainingLengthTooLong, None, 4));
    }
    Ok(None)
}

/// What is wrong with a first byte in every edition.
pub(crate) fn first_byte_violation(first: u8) -> Option<Violation> {
    match (first >> 4, first & 0x0f) {
        (0, _) => Some(Violation::ReservedPacketType),
        // [MQTT-3.3.1-4]
        (3, 6 | 7 | 14 | 15) => Some(Violation::PublishQoS3),
        // [MQTT-3.3.1-2]
        (3, 8 | 9) => Some(Violation::DupAtQoS0),
        // MQTT 3.1 marks these when they are sent again.
        (3, _) | (6 | 8 | 10, 2 | 10) => None,
        // [MQTT-2.2.2-2] (3.1.1), [MQTT-2.1.3-1] (5.0)
        (6 | 8 | 10, _) => Some(Violation::ReservedFlags),
        (_, 0) => None,
        _ => Some(Violation::ReservedFlags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn every_length_of_header_is_read_alike() {
        for remaining in [0, 1, 127, 128, 16_383, 16_384, 65_560, 2_097_151, 2_097_152] {
            let (bytes, len) = crate::encode::varint_bytes(remaining);
            let mut packet = vec![0x30];
            packet.extend_from_slice(&bytes[..len]);
            packet.resize(1 + len + remaining as usize, b'x');
            let total = packet.len();
            packet.extend_from_slice(b"rest");
            for max in [total as u32 - 1, total as u32, u32::MAX] {
                let (quick, slow) = (split(&packet, max), split_any(&packet, max));
                if (max as usize) < total {
                    assert!(quick.is_err() && slow.is_err(), "{remaining} with {max}");
                    continue;
                }
                for found in [quick, slow] {
                    let Ok(Split::Frame { frame, rest }) = found else { panic!("{remaining} with {max}") };
                    assert_eq!((frame.bytes().len(), frame.body().len()), (total, remaining as usize));
                    assert_eq!((frame.first_byte(), rest), (0x30, &b"rest"[..]));
                }
            }
            let cut = split(&packet[..total - 1], u32::MAX);
            assert!(matches!(cut, Ok(Split::Need(1))), "{remaining}");
        }
        for wrong in [&b"\x30\x80\0"[..], b"\x30\x80\x80\0", b"\x30\x80\x80\x80\0", b"\x30\xff\xff\xff\xff\x01"] {
            assert!(split(wrong, u32::MAX).is_err(), "{wrong:?}");
        }
    }
}
