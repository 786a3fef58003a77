use core::fmt;

use crate::frame::REMAINING_MAX;
use crate::packet::{
    Ack, AckKind, Auth, ConnAck, Connect, Disconnect, Publish, SubAck, Subscribe, UnsubAck, Unsubscribe,
};
use crate::text::{FIELD_BYTES_MAX, has_nul};
use crate::{ReasonCode, Version, Violation};

/// A packet that was found encodable: its length is known and writing it cannot fail.
#[derive(Clone, Copy, Debug)]
pub struct Encoder<'a> {
    form: Form<'a>,
    version: Version,
    sizes: Sizes,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Form<'a> {
    Connect(&'a Connect<'a>),
    ConnAck(&'a ConnAck<'a>),
    Publish(&'a Publish<'a>),
    Ack(AckKind, &'a Ack<'a>),
    Subscribe(&'a Subscribe<'a>),
    SubAck(&'a SubAck<'a>),
    Unsubscribe(&'a Unsubscribe<'a>),
    UnsubAck(&'a UnsubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(&'a Disconnect<'a>),
    Auth(&'a Auth<'a>),
}

/// What measuring a packet finds out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    pub(crate) remaining: u32,
    pub(crate) properties: u32,
    pub(crate) will_properties: u32,
}

impl Sizes {
    /// `body` counts everything but the properties and their length field.
    pub(crate) fn new(body: usize, properties: Option<usize>) -> Result<Self, EncodeError> {
        Self::with_will(body, properties, None)
    }

    pub(crate) fn with_will(body: usize, properties: Option<usize>, will: Option<usize>) -> Result<Self, EncodeError> {
        let block = |len: usize| len.saturating_add(varint_len(u32::try_from(len).unwrap_or(u32::MAX)));
        let total = body.saturating_add(properties.map_or(0, block)).saturating_add(will.map_or(0, block));
        match u32::try_from(total) {
            // The parts are not longer than the total, so they fit as well.
            Ok(remaining) if remaining <= REMAINING_MAX => Ok(Self {
                remaining,
                properties: properties.unwrap_or(0) as u32,
                will_properties: will.unwrap_or(0) as u32,
            }),
            _ => Err(EncodeError::new(EncodeErrorKind::TooLarge(total))),
        }
    }
}

impl<'a> Encoder<'a> {
    pub(crate) const fn new(form: Form<'a>, version: Version, sizes: Sizes) -> Self {
        Self { form, version, sizes }
    }

    /// The exact length of the packet in bytes, with its fixed header: 2 to 268,435,460.
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        1 + varint_len(self.sizes.remaining) + self.sizes.remaining as usize
    }

    /// Writes the packet.
    ///
    /// # Panics
    /// As every `BufMut` does when it has no room for [`Encoder::encoded_len`] bytes; `Vec` and `BytesMut` grow.
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn write(&self, dst: &mut impl bytes::BufMut) {
        self.write_to(&mut BufSink(dst));
    }

    /// Writes everything but the payload of a PUBLISH, which is returned: write it behind, it is not copied.
    /// Of every other packet the whole is written and nothing is left.
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn write_head(&self, dst: &mut impl bytes::BufMut) -> &'a [u8] {
        if let Form::Publish(p) = self.form {
            p.write_head(self.version, &self.sizes, &mut BufSink(dst));
            return p.payload;
        }
        self.write(dst);
        &[]
    }

    /// Writes the packet to the front of `dst` and returns the bytes written; `None`, with nothing of use in `dst`,
    /// if there is no room for [`Encoder::encoded_len`] bytes.
    pub fn write_to_slice<'d>(&self, dst: &'d mut [u8]) -> Option<&'d mut [u8]> {
        let out = dst.get_mut(..self.encoded_len())?;
        let mut sink = SliceSink { out, at: 0 };
        self.write_to(&mut sink);
        let SliceSink { out, at } = sink;
        debug_assert_eq!(at, out.len(), "encoded_len is exact");
        Some(out)
    }

    #[inline]
    fn write_to(&self, sink: &mut impl Sink) {
        let Self { form, version, sizes } = self;
        match form {
            Form::Connect(p) => p.write(*version, sizes, sink),
            Form::ConnAck(p) => p.write(*version, sizes, sink),
            Form::Publish(p) => {
                p.write_head(*version, sizes, sink);
                sink.bytes(p.payload);
            }
            Form::Ack(kind, p) => p.write(*kind, sizes, sink),
            Form::Subscribe(p) => p.write(*version, sizes, sink),
            Form::SubAck(p) => p.write(*version, sizes, sink),
            Form::Unsubscribe(p) => p.write(*version, sizes, sink),
            Form::UnsubAck(p) => p.write(*version, sizes, sink),
            Form::PingReq => sink.bytes(&[0xc0, 0]),
            Form::PingResp => sink.bytes(&[0xd0, 0]),
            Form::Disconnect(p) => p.write(sizes, sink),
            Form::Auth(p) => p.write(sizes, sink),
        }
    }
}

/// Where bytes go: a `BufMut`, or a slice that is known to be long enough.
pub(crate) trait Sink {
    fn bytes(&mut self, bytes: &[u8]);

    #[inline]
    fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    #[inline]
    fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    #[inline]
    fn varint(&mut self, value: u32) {
        if value < 0x80 {
            self.u8(value as u8);
        } else {
            let (bytes, len) = varint_bytes(value);
            self.bytes(bytes.get(..len).unwrap_or_default());
        }
    }

    /// First byte and remaining length.
    #[inline]
    fn header(&mut self, first: u8, remaining: u32) {
        if remaining < 0x80 {
            self.bytes(&[first, remaining as u8]);
        } else {
            self.u8(first);
            self.varint(remaining);
        }
    }

    /// The header and two bytes behind it, in as few pieces as there are.
    #[inline(always)]
    fn header_u16(&mut self, first: u8, remaining: u32, value: u16) {
        let [high, low] = value.to_be_bytes();
        match remaining {
            0..0x80 => self.bytes(&[first, remaining as u8, high, low]),
            0x80..0x4000 => self.bytes(&[first, remaining as u8 | 0x80, (remaining >> 7) as u8, high, low]),
            _ => {
                self.header(first, remaining);
                self.u16(value);
            }
        }
    }

    /// Two length bytes and the bytes; the encoder has checked that there are at most 65,535.
    #[inline]
    fn field(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= FIELD_BYTES_MAX);
        self.u16(bytes.len() as u16);
        self.bytes(bytes);
    }
}

#[cfg(feature = "alloc")]
pub(crate) struct BufSink<'d, B>(pub(crate) &'d mut B);

#[cfg(feature = "alloc")]
impl<B: bytes::BufMut> Sink for BufSink<'_, B> {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.put_slice(bytes);
    }
}

struct SliceSink<'d> {
    out: &'d mut [u8],
    at: usize,
}

impl Sink for SliceSink<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len();
        if let Some(room) = self.out.get_mut(self.at..end) {
            room.copy_from_slice(bytes);
        }
        self.at = end;
    }
}

#[inline]
pub(crate) const fn varint_len(value: u32) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// A variable byte integer of at most 268,435,455 and its length.
#[inline]
pub(crate) fn varint_bytes(value: u32) -> ([u8; 4], usize) {
    let digit = |shift: u32| (value >> shift) as u8 & 0x7f;
    let more = |shift: u32| digit(shift) | 0x80;
    let bytes = match varint_len(value) {
        1 => [digit(0), 0, 0, 0],
        2 => [more(0), digit(7), 0, 0],
        3 => [more(0), more(7), digit(14), 0],
        _ => [more(0), more(7), more(14), digit(21)],
    };
    (bytes, varint_len(value))
}

/// A packet that cannot be written in the edition asked for; the caller's fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EncodeError {
    kind: EncodeErrorKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum EncodeErrorKind {
    TooLarge(usize),
    FieldTooLong(&'static str, usize),
    FieldNul(&'static str),
    NotIn(&'static str, Version),
    Reason(ReasonCode, Version),
    Property(&'static str, Violation),
    Packet(Violation),
}

impl EncodeError {
    #[cold]
    pub(crate) const fn new(kind: EncodeErrorKind) -> Self {
        Self { kind }
    }
}

/// An error if an edition without properties is to write some.
#[inline]
pub(crate) fn properties_exist(empty: bool, version: Version) -> Result<(), EncodeError> {
    if !empty && !version.has_properties() {
        return Err(EncodeError::new(EncodeErrorKind::NotIn("properties", version)));
    }
    Ok(())
}

#[inline(always)]
pub(crate) fn check_binary(name: &'static str, bytes: &[u8]) -> Result<(), EncodeError> {
    if bytes.len() > FIELD_BYTES_MAX {
        return Err(EncodeError::new(EncodeErrorKind::FieldTooLong(name, bytes.len())));
    }
    Ok(())
}

#[inline(always)]
pub(crate) fn check_text(name: &'static str, text: &str) -> Result<(), EncodeError> {
    check_binary(name, text.as_bytes())?;
    if has_nul(text.as_bytes()) {
        return Err(EncodeError::new(EncodeErrorKind::FieldNul(name)));
    }
    Ok(())
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            EncodeErrorKind::TooLarge(bytes) => {
                write!(f, "packet body has {bytes} bytes: at most {REMAINING_MAX}")
            }
            EncodeErrorKind::FieldTooLong(name, bytes) => {
                write!(f, "{name} has {bytes} bytes: at most {FIELD_BYTES_MAX}")
            }
            EncodeErrorKind::FieldNul(name) => {
                write!(f, "{name} contains U+0000: no MQTT text does")
            }
            EncodeErrorKind::NotIn(what, version) => write!(f, "{version} has no {what}"),
            EncodeErrorKind::Reason(reason, version) => {
                write!(f, "{version} cannot say \"{reason}\" in this packet")
            }
            EncodeErrorKind::Property(name, violation) => {
                write!(f, "property {name}: {}", violation.text())
            }
            EncodeErrorKind::Packet(violation) => write!(f, "{}", violation.text()),
        }
    }
}

impl fmt::Debug for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodeError({self})")
    }
}

impl core::error::Error for EncodeError {}
