use core::fmt;

use nom::IResult;

use crate::encode::{EncodeError, EncodeErrorKind, Encoder, Form, Sink, Sizes, properties_exist};
use crate::property::On;
use crate::wire::{self, Fail, fail};
use crate::{PacketId, Properties, ReasonCode, Version, Violation, reason};

/// SUBACK: one code per filter of the SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// The identifier of the SUBSCRIBE.
    pub id: PacketId,
    /// MQTT 5.0 only.
    pub properties: Properties<'a>,
    /// At least one. Before MQTT 5.0 the granted QoS or [`ReasonCode::UnspecifiedError`], which is 0x80.
    pub reasons: ReasonCodes<'a>,
}

/// UNSUBACK: one code per filter of the UNSUBSCRIBE in MQTT 5.0, none before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsubAck<'a> {
    /// The identifier of the UNSUBSCRIBE.
    pub id: PacketId,
    /// MQTT 5.0 only.
    pub properties: Properties<'a>,
    /// At least one in MQTT 5.0, none before.
    pub reasons: ReasonCodes<'a>,
}

impl<'a> SubAck<'a> {
    pub(super) fn read(i: &'a [u8], version: Version) -> IResult<&'a [u8], Self, Fail<'a>> {
        let (i, id) = wire::packet_id(i)?;
        let (i, properties) =
            if version.has_properties() { Properties::read(i, On::Ack)? } else { (i, Properties::EMPTY) };
        let (i, reasons) = codes(i, |reason| subscribe_code(reason, version))?;
        Ok((i, Self { id, properties, reasons }))
    }

    /// Checks once that the packet can be written in this edition and measures it.
    ///
    /// # Errors
    /// The caller's: no code, a code or properties the edition does not have.
    pub fn encoder(&self, version: Version) -> Result<Encoder<'_>, EncodeError> {
        properties_exist(self.properties.is_empty(), version)?;
        let properties = if version.has_properties() { Some(self.properties.measure(On::Ack)?) } else { None };
        let count = self.reasons.measure(version, |reason| subscribe_code(reason, version))?;
        Ok(Encoder::new(Form::SubAck(self), version, Sizes::new(2 + count, properties)?))
    }

    pub(crate) fn write(&self, version: Version, sizes: &Sizes, sink: &mut impl Sink) {
        sink.header(0x90, sizes.remaining);
        sink.u16(self.id.value());
        if version.has_properties() {
            self.properties.write(sizes.properties, sink);
        }
        self.reasons.write(sink);
    }
}

impl<'a> UnsubAck<'a> {
    pub(super) fn read(i: &'a [u8], version: Version) -> IResult<&'a [u8], Self, Fail<'a>> {
        let (i, id) = wire::packet_id(i)?;
        if !version.has_properties() {
            return Ok((i, Self { id, properties: Properties::EMPTY, reasons: ReasonCodes::EMPTY }));
        }
        let (i, properties) = Properties::read(i, On::Ack)?;
        let (i, reasons) = codes(i, |reason| reason.allowed(reason::On::UNSUBACK))?;
        Ok((i, Self { id, properties, reasons }))
    }

    /// Checks once that the packet can be written in this edition and measures it.
    ///
    /// # Errors
    /// The caller's: no code in MQTT 5.0 or one before, a code or properties the edition does not have.
    pub fn encoder(&self, version: Version) -> Result<Encoder<'_>, EncodeError> {
        properties_exist(self.properties.is_empty(), version)?;
        let sizes = if version.has_properties() {
            let count = self.reasons.measure(version, |reason| reason.allowed(reason::On::UNSUBACK))?;
            Sizes::new(2 + count, Some(self.properties.measure(On::Ack)?))?
        } else if self.reasons.is_empty() {
            Sizes::new(2, None)?
        } else {
            return Err(EncodeError::new(EncodeErrorKind::NotIn("codes in UNSUBACK", version)));
        };
        Ok(Encoder::new(Form::UnsubAck(self), version, sizes))
    }

    pub(crate) fn write(&self, version: Version, sizes: &Sizes, sink: &mut impl Sink) {
        sink.header(0xb0, sizes.remaining);
        sink.u16(self.id.value());
        if version.has_properties() {
            self.properties.write(sizes.properties, sink);
            self.reasons.write(sink);
        }
    }
}

const fn subscribe_code(reason: ReasonCode, version: Version) -> bool {
    match version {
        Version::V5_0 => reason.allowed(reason::On::SUBACK),
        // [MQTT-3.9.3-2] (3.1.1); servers answer 0x80 to clients of MQTT 3.1 as well.
        Version::V3_1 | Version::V3_1_1 => matches!(reason.value(), 0 | 1 | 2 | 0x80),
    }
}

fn codes<'a>(i: &'a [u8], allowed: impl Fn(ReasonCode) -> bool) -> IResult<&'a [u8], ReasonCodes<'a>, Fail<'a>> {
    if i.is_empty() {
        return Err(fail(i, Violation::SubAckEmpty));
    }
    if let Some(at) = i.iter().position(|code| !ReasonCode::from_value(*code).is_some_and(&allowed)) {
        return Err(fail(i.get(at..).unwrap_or_default(), Violation::UnknownReasonCode));
    }
    Ok((&[], ReasonCodes(Repr::Wire(i))))
}

/// The codes of a SUBACK or UNSUBACK: read from the wire, or a list of the caller's.
#[derive(Clone, Copy)]
pub struct ReasonCodes<'a>(Repr<'a>);

#[derive(Clone, Copy)]
enum Repr<'a> {
    /// Checked bytes.
    Wire(&'a [u8]),
    List(&'a [ReasonCode]),
}

impl<'a> ReasonCodes<'a> {
    /// No codes, as in UNSUBACK before MQTT 5.0.
    pub const EMPTY: Self = Self(Repr::Wire(&[]));

    /// Codes from a list, in its order. Whether a packet may carry them is checked by its encoder.
    #[must_use]
    pub const fn new(list: &'a [ReasonCode]) -> Self {
        Self(Repr::List(list))
    }

    #[cfg(feature = "alloc")]
    pub(crate) const fn wire(&self) -> Option<&'a [u8]> {
        match self.0 {
            Repr::Wire(bytes) => Some(bytes),
            Repr::List([]) => Some(&[]),
            Repr::List(_) => None,
        }
    }

    #[cfg(feature = "alloc")]
    pub(crate) const fn from_checked(bytes: &'a [u8]) -> Self {
        Self(Repr::Wire(bytes))
    }

    /// The codes one by one, in the order of the packet.
    #[must_use]
    pub const fn iter(&self) -> ReasonCodes<'a> {
        *self
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        match self.0 {
            Repr::Wire(codes) => codes.is_empty(),
            Repr::List(codes) => codes.is_empty(),
        }
    }

    fn measure(&self, version: Version, allowed: impl Fn(ReasonCode) -> bool) -> Result<usize, EncodeError> {
        let mut count = 0;
        for reason in *self {
            if !allowed(reason) {
                return Err(EncodeError::new(EncodeErrorKind::Reason(reason, version)));
            }
            count += 1;
        }
        if count == 0 {
            return Err(EncodeError::new(EncodeErrorKind::Packet(Violation::SubAckEmpty)));
        }
        Ok(count)
    }

    fn write(&self, sink: &mut impl Sink) {
        match self.0 {
            Repr::Wire(codes) => sink.bytes(codes),
            Repr::List(codes) => codes.iter().for_each(|code| sink.u8(code.value())),
        }
    }
}

impl Iterator for ReasonCodes<'_> {
    type Item = ReasonCode;

    fn next(&mut self) -> Option<ReasonCode> {
        match &mut self.0 {
            Repr::Wire(codes) => {
                let (code, rest) = codes.split_first()?;
                *codes = rest;
                ReasonCode::from_value(*code)
            }
            Repr::List(codes) => {
                let (code, rest) = codes.split_first()?;
                *codes = rest;
                Some(*code)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = match self.0 {
            Repr::Wire(codes) => codes.len(),
            Repr::List(codes) => codes.len(),
        };
        (len, Some(len))
    }
}

impl ExactSizeIterator for ReasonCodes<'_> {}

impl fmt::Debug for ReasonCodes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for ReasonCodes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for ReasonCodes<'_> {}
