//! The kinds of values a property can have.

use core::num::{NonZeroU16, NonZeroU32};

use nom::IResult;

use crate::encode::{Sink, varint_len};
use crate::frame::REMAINING_MAX;
use crate::text::{FIELD_BYTES_MAX, has_nul, is_plain};
use crate::wire::{self, Fail, fail};
use crate::{QoS, TopicName, Violation};

use super::error::PropertyErrorKind;

/// A subscription identifier, 1 to 268,435,455; zero does not exist (section 3.8.2.1.2 of MQTT 5.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(try_from = "u32", into = "u32"))]
pub struct SubscriptionId(NonZeroU32);

impl From<SubscriptionId> for u32 {
    fn from(id: SubscriptionId) -> Self {
        id.value()
    }
}

impl TryFrom<u32> for SubscriptionId {
    type Error = SubscriptionIdError;

    fn try_from(value: u32) -> Result<Self, SubscriptionIdError> {
        Self::new(value).ok_or(SubscriptionIdError { value })
    }
}

/// A number that is no subscription identifier; the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionIdError {
    value: u32,
}

impl core::fmt::Display for SubscriptionIdError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "subscription identifier {} does not exist: 1 to {REMAINING_MAX}", self.value)
    }
}

impl core::error::Error for SubscriptionIdError {}

impl SubscriptionId {
    /// The identifier with this value; `None` outside 1 to 268,435,455.
    #[must_use]
    pub const fn new(value: u32) -> Option<Self> {
        match NonZeroU32::new(value) {
            Some(id) if value <= REMAINING_MAX => Some(Self(id)),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0.get()
    }
}

/// A name and a value whose meaning the applications agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserProperty<'a> {
    /// The name; may be empty and may repeat.
    pub name: &'a str,
    /// The value; may be empty.
    pub value: &'a str,
}

/// How a kind of value is read, measured, written and checked.
pub(super) trait Value<'a>: Sized {
    fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>>;

    /// Checks a value that nobody asks for yet.
    fn skip(i: &'a [u8]) -> IResult<&'a [u8], (), Fail<'a>> {
        Self::read(i).map(|(rest, _)| (rest, ()))
    }

    fn encoded_len(&self) -> usize;
    fn write(&self, sink: &mut impl Sink);

    fn check(&self) -> Result<(), PropertyErrorKind> {
        Ok(())
    }
}

fn flag(i: &[u8]) -> IResult<&[u8], bool, Fail<'_>> {
    let (rest, byte) = wire::u8(i)?;
    match byte {
        0 => Ok((rest, false)),
        1 => Ok((rest, true)),
        _ => Err(fail(i, Violation::PropertyValue)),
    }
}

impl<'a> Value<'a> for bool {
    fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
        flag(i)
    }

    fn encoded_len(&self) -> usize {
        1
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.u8(u8::from(*self));
    }
}

/// Only "maximum QoS" has a value of this kind, and only 0 and 1 exist.
impl<'a> Value<'a> for QoS {
    fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
        let (rest, one) = flag(i)?;
        Ok((rest, if one { Self::AtLeastOnce } else { Self::AtMostOnce }))
    }

    fn encoded_len(&self) -> usize {
        1
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.u8(u8::from(*self));
    }

    fn check(&self) -> Result<(), PropertyErrorKind> {
        if *self == Self::ExactlyOnce { Err(PropertyErrorKind::MaximumQoS2) } else { Ok(()) }
    }
}

impl<'a> Value<'a> for u16 {
    fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
        wire::u16(i)
    }

    fn encoded_len(&self) -> usize {
        2
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.u16(*self);
    }
}

impl<'a> Value<'a> for u32 {
    fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
        wire::u32(i)
    }

    fn encoded_len(&self) -> usize {
        4
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.bytes(&self.to_be_bytes());
    }
}

impl<'a> Value<'a> for NonZeroU16 {
    fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
        let (rest, value) = wire::u16(i)?;
        Self::new(value).map(|value| (rest, value)).ok_or_else(|| fail(i, Violation::PropertyValue))
    }

    fn encoded_len(&self) -> usize {
        2
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.u16(self.get());
    }
}

impl<'a> Value<'a> for NonZeroU32 {
    fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
        let (rest, value) = wire::u32(i)?;
        Self::new(value).map(|value| (rest, value)).ok_or_else(|| fail(i, Violation::PropertyValue))
    }

    fn encoded_len(&self) -> usize {
        4
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.bytes(&self.get().to_be_bytes());
    }
}

impl<'a> Value<'a> for SubscriptionId {
    fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
        let (rest, value) = wire::varint(i)?;
        Self::new(value).map(|value| (rest, value)).ok_or_else(|| fail(i, Violation::PropertyValue))
    }

    fn encoded_len(&self) -> usize {
        varint_len(self.value())
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.varint(self.value());
    }
}

impl<'a> Value<'a> for &'a [u8] {
    fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
        wire::binary(i)
    }

    fn encoded_len(&self) -> usize {
        2 + self.len()
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.field(self);
    }

    fn check(&self) -> Result<(), PropertyErrorKind> {
        if self.len() > FIELD_BYTES_MAX { Err(PropertyErrorKind::TooLong) } else { Ok(()) }
    }
}

impl<'a> Value<'a> for &'a str {
    fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
        wire::text(i)
    }

    fn skip(i: &'a [u8]) -> IResult<&'a [u8], (), Fail<'a>> {
        match wire::checked_field(i) {
            Some((bytes, rest)) if is_plain(bytes) => Ok((rest, ())),
            _ => Self::read(i).map(|(rest, _)| (rest, ())),
        }
    }

    fn encoded_len(&self) -> usize {
        2 + self.len()
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.field(self.as_bytes());
    }

    fn check(&self) -> Result<(), PropertyErrorKind> {
        if self.len() > FIELD_BYTES_MAX {
            Err(PropertyErrorKind::TooLong)
        } else if has_nul(self.as_bytes()) {
            Err(PropertyErrorKind::Nul)
        } else {
            Ok(())
        }
    }
}

impl<'a> Value<'a> for UserProperty<'a> {
    fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
        let (i, name) = wire::text(i)?;
        let (i, value) = wire::text(i)?;
        Ok((i, Self { name, value }))
    }

    fn skip(i: &'a [u8]) -> IResult<&'a [u8], (), Fail<'a>> {
        let (i, ()) = <&str>::skip(i)?;
        <&str>::skip(i)
    }

    fn encoded_len(&self) -> usize {
        self.name.encoded_len() + self.value.encoded_len()
    }

    fn write(&self, sink: &mut impl Sink) {
        self.name.write(sink);
        self.value.write(sink);
    }

    fn check(&self) -> Result<(), PropertyErrorKind> {
        self.name.check()?;
        self.value.check()
    }
}

/// Only "response topic" has a value of this kind.
impl<'a> Value<'a> for TopicName<'a> {
    fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
        wire::topic_name(i).map_err(|error| {
            error.map(|e| match e.violation {
                Violation::WildcardInTopicName => Fail { violation: Violation::WildcardInResponseTopic, ..e },
                _ => e,
            })
        })
    }

    fn encoded_len(&self) -> usize {
        2 + self.as_bytes().len()
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.field(self.as_bytes());
    }
}
