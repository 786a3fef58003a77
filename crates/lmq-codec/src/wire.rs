//! The primitives of the wire as nom parsers over complete slices: an end inside a field is an error, never a wait.

use nom::error::{ErrorKind, ParseError};
use nom::number::complete::{be_u8, be_u16, be_u32};
use nom::{Err, IResult};

use crate::text::has_nul;
use crate::{PacketId, TopicName, Violation};

/// What went wrong, and how much of the packet was left at that point.
pub(crate) struct Fail<'a> {
    pub(crate) rest: &'a [u8],
    pub(crate) violation: Violation,
}

impl<'a> ParseError<&'a [u8]> for Fail<'a> {
    fn from_error_kind(rest: &'a [u8], _: ErrorKind) -> Self {
        Self { rest, violation: Violation::Truncated }
    }

    fn append(_: &'a [u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

#[cold]
pub(crate) fn fail(rest: &[u8], violation: Violation) -> Err<Fail<'_>> {
    Err::Error(Fail { rest, violation })
}

#[inline(always)]
pub(crate) fn u8(i: &[u8]) -> IResult<&[u8], u8, Fail<'_>> {
    be_u8(i)
}

#[inline(always)]
pub(crate) fn u16(i: &[u8]) -> IResult<&[u8], u16, Fail<'_>> {
    be_u16(i)
}

#[inline(always)]
pub(crate) fn u32(i: &[u8]) -> IResult<&[u8], u32, Fail<'_>> {
    be_u32(i)
}

/// Two length bytes and so many bytes.
#[inline(always)]
pub(crate) fn binary(i: &[u8]) -> IResult<&[u8], &[u8], Fail<'_>> {
    let Some((len, rest)) = i.split_first_chunk::<2>() else {
        return Err(fail(i, Violation::Truncated));
    };
    match rest.split_at_checked(usize::from(u16::from_be_bytes(*len))) {
        Some((bytes, rest)) => Ok((rest, bytes)),
        None => Err(fail(rest, Violation::Truncated)),
    }
}

/// A string: well-formed UTF-8 without U+0000. [MQTT-1.5.3-1], [MQTT-1.5.3-2]; [MQTT-1.5.4-1], [MQTT-1.5.4-2]
#[inline(always)]
pub(crate) fn text(i: &[u8]) -> IResult<&[u8], &str, Fail<'_>> {
    let (rest, bytes) = binary(i)?;
    match check_text(bytes) {
        Ok(text) => Ok((rest, text)),
        Err(violation) => Err(fail(i, violation)),
    }
}

#[inline]
pub(crate) fn check_text(bytes: &[u8]) -> Result<&str, Violation> {
    match core::str::from_utf8(bytes) {
        Ok(text) if !has_nul(bytes) => Ok(text),
        Ok(_) => Err(Violation::NulInText),
        Err(_) => Err(Violation::NotUtf8),
    }
}

/// A topic name, which is not empty; errors point at its first byte or length.
#[inline(always)]
pub(crate) fn topic_name(i: &[u8]) -> IResult<&[u8], TopicName<'_>, Fail<'_>> {
    let (rest, bytes) = binary(i)?;
    match TopicName::from_field(bytes) {
        Ok(name) => Ok((rest, name)),
        Err(violation) => Err(fail(i, violation)),
    }
}

#[inline(always)]
pub(crate) fn packet_id(i: &[u8]) -> IResult<&[u8], PacketId, Fail<'_>> {
    let (rest, id) = u16(i)?;
    // [MQTT-2.3.1-1] (3.1.1), [MQTT-2.2.1-3] (5.0)
    match PacketId::new(id) {
        Some(id) => Ok((rest, id)),
        None => Err(fail(i, Violation::PacketIdZero)),
    }
}

/// A variable byte integer: 0 to 268,435,455 in the fewest bytes. [MQTT-1.5.5-1]
#[inline(always)]
pub(crate) fn varint(i: &[u8]) -> IResult<&[u8], u32, Fail<'_>> {
    match i {
        [byte @ 0..0x80, rest @ ..] => Ok((rest, u32::from(*byte))),
        _ => varint_long(i),
    }
}

fn varint_long(i: &[u8]) -> IResult<&[u8], u32, Fail<'_>> {
    let mut rest = i;
    let mut value = 0;
    for at in 0..4_u32 {
        let (tail, byte) = u8(rest)?;
        value |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            if byte == 0 && at > 0 {
                return Err(fail(rest, Violation::VarIntNotMinimal));
            }
            return Ok((tail, value));
        }
        rest = tail;
    }
    Err(fail(i, Violation::VarIntTooLong))
}

/// The bytes of a field and what follows it, if it is complete.
#[inline(always)]
pub(crate) fn checked_field(i: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = i.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}
