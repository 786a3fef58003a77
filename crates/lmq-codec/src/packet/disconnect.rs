use nom::IResult;

use crate::encode::{EncodeError, EncodeErrorKind, Encoder, Form, Sink, Sizes, properties_exist};
use crate::property::On;
use crate::wire::{self, Fail, fail};
use crate::{Properties, ReasonCode, Version, Violation, reason};

/// DISCONNECT: the last packet of a connection. Before MQTT 5.0 only clients send it, and it has no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why; [`ReasonCode::Success`] is the normal end and the only one before MQTT 5.0.
    pub reason: ReasonCode,
    /// MQTT 5.0 only.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    /// A disconnection for this reason, without properties.
    #[must_use]
    pub const fn new(reason: ReasonCode) -> Self {
        Self { reason, properties: Properties::EMPTY }
    }

    pub(super) fn read(i: &'a [u8], version: Version) -> IResult<&'a [u8], Self, Fail<'a>> {
        if i.is_empty() || !version.has_properties() {
            return Ok((i, Self::new(ReasonCode::Success)));
        }
        let code_at = i;
        let (i, code) = wire::u8(i)?;
        let reason = ReasonCode::decode(code, reason::On::DISCONNECT);
        let reason = reason.ok_or_else(|| fail(code_at, Violation::UnknownReasonCode))?;
        // A remaining length below 2 leaves the property length out.
        let (i, properties) = if i.is_empty() { (i, Properties::EMPTY) } else { Properties::read(i, On::Disconnect)? };
        Ok((i, Self { reason, properties }))
    }

    /// Checks once that the packet can be written in this edition and measures it.
    ///
    /// # Errors
    /// The caller's: a reason or properties the edition does not have.
    pub fn encoder(&self, version: Version) -> Result<Encoder<'_>, EncodeError> {
        properties_exist(self.properties.is_empty(), version)?;
        let known = if version.has_properties() {
            self.reason.allowed(reason::On::DISCONNECT)
        } else {
            self.reason == ReasonCode::Success
        };
        if !known {
            return Err(EncodeError::new(EncodeErrorKind::Reason(self.reason, version)));
        }
        let sizes = if !self.properties.is_empty() {
            Sizes::new(1, Some(self.properties.measure(On::Disconnect)?))?
        } else {
            Sizes { remaining: u32::from(self.reason != ReasonCode::Success), ..Sizes::default() }
        };
        Ok(Encoder::new(Form::Disconnect(self), version, sizes))
    }

    pub(crate) fn write(&self, sizes: &Sizes, sink: &mut impl Sink) {
        sink.header(0xe0, sizes.remaining);
        if sizes.remaining > 0 {
            sink.u8(self.reason.value());
        }
        if sizes.remaining > 1 {
            self.properties.write(sizes.properties, sink);
        }
    }
}
