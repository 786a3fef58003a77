use nom::IResult;

use crate::encode::{EncodeError, EncodeErrorKind, Encoder, Form, Sink, Sizes};
use crate::property::On;
use crate::wire::{self, Fail, fail};
use crate::{Properties, ReasonCode, Version, Violation, reason};

/// AUTH: a step of an enhanced authentication. MQTT 5.0 only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Success, continue or again.
    pub reason: ReasonCode,
    /// With the authentication method, unless the packet is the two bytes that only say success.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    pub(super) fn read(i: &'a [u8]) -> IResult<&'a [u8], Self, Fail<'a>> {
        // Section 3.15.2.1: success without properties is written without a body.
        if i.is_empty() {
            return Ok((i, Self { reason: ReasonCode::Success, properties: Properties::EMPTY }));
        }
        let code_at = i;
        let (i, code) = wire::u8(i)?;
        let reason = ReasonCode::decode(code, reason::On::AUTH);
        let reason = reason.ok_or_else(|| fail(code_at, Violation::UnknownReasonCode))?;
        let (rest, properties) = Properties::read(i, On::Auth)?;
        if properties.is_empty() {
            return Err(fail(i, Violation::AuthMethodMissing));
        }
        Ok((rest, Self { reason, properties }))
    }

    /// Checks once that the packet can be written in this edition and measures it.
    ///
    /// # Errors
    /// The caller's: an edition before MQTT 5.0, a reason or properties AUTH does not have, no authentication method.
    pub fn encoder(&self, version: Version) -> Result<Encoder<'_>, EncodeError> {
        if !version.has_properties() {
            return Err(EncodeError::new(EncodeErrorKind::NotIn("AUTH", version)));
        }
        if !self.reason.allowed(reason::On::AUTH) {
            return Err(EncodeError::new(EncodeErrorKind::Reason(self.reason, version)));
        }
        let sizes = if !self.properties.is_empty() {
            Sizes::new(1, Some(self.properties.measure(On::Auth)?))?
        } else if self.reason == ReasonCode::Success {
            Sizes::default()
        } else {
            return Err(EncodeError::new(EncodeErrorKind::Packet(Violation::AuthMethodMissing)));
        };
        Ok(Encoder::new(Form::Auth(self), version, sizes))
    }

    pub(crate) fn write(&self, sizes: &Sizes, sink: &mut impl Sink) {
        sink.header(0xf0, sizes.remaining);
        if sizes.remaining > 0 {
            sink.u8(self.reason.value());
            self.properties.write(sizes.properties, sink);
        }
    }
}
