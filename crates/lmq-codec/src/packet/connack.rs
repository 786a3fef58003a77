use nom::IResult;

use crate::encode::{EncodeError, EncodeErrorKind, Encoder, Form, Sink, Sizes, properties_exist};
use crate::property::On;
use crate::wire::{self, Fail, fail};
use crate::{Properties, ReasonCode, Version, Violation, reason};

/// CONNACK: the server's answer to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// The server kept a session for the client. Not in MQTT 3.1, where it is never set.
    pub session_present: bool,
    /// Success or the refusal. Before MQTT 5.0 only codes with a [`ReasonCode::connack_code`].
    pub reason: ReasonCode,
    /// MQTT 5.0 only.
    pub properties: Properties<'a>,
}

impl<'a> ConnAck<'a> {
    pub(super) fn read(i: &'a [u8], version: Version) -> IResult<&'a [u8], Self, Fail<'a>> {
        let flags_at = i;
        let (code_at, flags) = wire::u8(i)?;
        // MQTT 3.1 has no flags here: "not used".
        let flags = if version == Version::V3_1 { 0 } else { flags };
        // [MQTT-3.2.2-1] (5.0)
        if flags > 1 {
            return Err(fail(flags_at, Violation::ReservedConnAckFlags));
        }
        let (i, code) = wire::u8(code_at)?;
        let reason = if version.has_properties() {
            ReasonCode::decode(code, reason::On::CONNACK)
        } else {
            ReasonCode::from_connack_code(code)
        };
        let reason = reason.ok_or_else(|| fail(code_at, Violation::UnknownReasonCode))?;
        // [MQTT-3.2.2-4] (3.1.1), [MQTT-3.2.2-6] (5.0)
        if flags == 1 && reason != ReasonCode::Success {
            return Err(fail(flags_at, Violation::SessionPresentOnFailure));
        }
        let (i, properties) =
            if version.has_properties() { Properties::read(i, On::ConnAck)? } else { (i, Properties::EMPTY) };
        Ok((i, Self { session_present: flags == 1, reason, properties }))
    }

    /// Checks once that the packet can be written in this edition and measures it.
    ///
    /// # Errors
    /// The caller's: a code or property the edition does not have, session present together with a refusal.
    pub fn encoder(&self, version: Version) -> Result<Encoder<'_>, EncodeError> {
        let known = match version {
            Version::V5_0 => self.reason.allowed(reason::On::CONNACK),
            Version::V3_1 | Version::V3_1_1 => self.reason.connack_code().is_some(),
        };
        if !known {
            return Err(EncodeError::new(EncodeErrorKind::Reason(self.reason, version)));
        }
        if self.session_present && self.reason != ReasonCode::Success {
            return Err(EncodeError::new(EncodeErrorKind::Packet(Violation::SessionPresentOnFailure)));
        }
        if self.session_present && version == Version::V3_1 {
            return Err(EncodeError::new(EncodeErrorKind::NotIn("session present", version)));
        }
        properties_exist(self.properties.is_empty(), version)?;
        let properties = if version.has_properties() { Some(self.properties.measure(On::ConnAck)?) } else { None };
        Ok(Encoder::new(Form::ConnAck(self), version, Sizes::new(2, properties)?))
    }

    pub(crate) fn write(&self, version: Version, sizes: &Sizes, sink: &mut impl Sink) {
        sink.header(0x20, sizes.remaining);
        sink.u8(u8::from(self.session_present));
        if version.has_properties() {
            sink.u8(self.reason.value());
            self.properties.write(sizes.properties, sink);
        } else {
            sink.u8(self.reason.connack_code().unwrap_or(ReasonCode::Success.value()));
        }
    }
}
