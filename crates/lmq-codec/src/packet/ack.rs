use nom::IResult;

use crate::encode::{EncodeError, EncodeErrorKind, Encoder, Form, Sink, Sizes, properties_exist};
use crate::property::On;
use crate::wire::{self, Fail, fail};
use crate::{PacketId, Properties, ReasonCode, Version, Violation, reason};

/// PUBACK, PUBREC, PUBREL or PUBCOMP: the steps that follow a PUBLISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// Which message.
    pub id: PacketId,
    /// How it went; always success before MQTT 5.0.
    pub reason: ReasonCode,
    /// MQTT 5.0 only.
    pub properties: Properties<'a>,
}

/// Which of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AckKind {
    Ack,
    Rec,
    Rel,
    Comp,
}

impl AckKind {
    const fn first_byte(self) -> u8 {
        match self {
            Self::Ack => 0x40,
            Self::Rec => 0x50,
            Self::Rel => 0x62,
            Self::Comp => 0x70,
        }
    }

    const fn reasons(self) -> reason::On {
        match self {
            Self::Ack | Self::Rec => reason::On::PUBACK,
            Self::Rel | Self::Comp => reason::On::PUBREL,
        }
    }
}

impl<'a> Ack<'a> {
    /// The acknowledgement that everything is well.
    #[must_use]
    #[inline]
    pub const fn new(id: PacketId) -> Self {
        Self { id, reason: ReasonCode::Success, properties: Properties::EMPTY }
    }

    /// PUBACK as its four bytes, the same in every edition.
    #[must_use]
    #[inline]
    pub const fn puback(id: PacketId) -> [u8; 4] {
        short(0x40, id)
    }

    /// PUBREC as its four bytes, the same in every edition.
    #[must_use]
    #[inline]
    pub const fn pubrec(id: PacketId) -> [u8; 4] {
        short(0x50, id)
    }

    /// PUBREL as its four bytes, the same in every edition.
    #[must_use]
    #[inline]
    pub const fn pubrel(id: PacketId) -> [u8; 4] {
        short(0x62, id)
    }

    /// PUBCOMP as its four bytes, the same in every edition.
    #[must_use]
    #[inline]
    pub const fn pubcomp(id: PacketId) -> [u8; 4] {
        short(0x70, id)
    }

    #[inline]
    pub(super) fn read(i: &'a [u8], version: Version, kind: AckKind) -> IResult<&'a [u8], Self, Fail<'a>> {
        let (i, id) = wire::packet_id(i)?;
        if i.is_empty() || !version.has_properties() {
            return Ok((i, Self::new(id)));
        }
        let code_at = i;
        let (i, code) = wire::u8(i)?;
        let Some(reason) = ReasonCode::decode(code, kind.reasons()) else {
            return Err(fail(code_at, Violation::UnknownReasonCode));
        };
        // A remaining length below 4 leaves the property length out.
        let (i, properties) = if i.is_empty() { (i, Properties::EMPTY) } else { Properties::read(i, On::Ack)? };
        Ok((i, Self { id, reason, properties }))
    }

    #[inline]
    pub(crate) fn encoder(&self, kind: AckKind, version: Version) -> Result<Encoder<'_>, EncodeError> {
        let form = Form::Ack(kind, self);
        if self.properties.is_empty() {
            if self.reason == ReasonCode::Success {
                return Ok(Encoder::new(form, version, Sizes { remaining: 2, ..Sizes::default() }));
            }
        } else {
            properties_exist(false, version)?;
        }
        if !version.has_properties() || !self.reason.allowed(kind.reasons()) {
            return Err(EncodeError::new(EncodeErrorKind::Reason(self.reason, version)));
        }
        let properties = if self.properties.is_empty() { None } else { Some(self.properties.measure(On::Ack)?) };
        Ok(Encoder::new(form, version, Sizes::new(3, properties)?))
    }

    /// Whether it says only its identifier: four bytes, the same in every edition.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn is_short(&self) -> bool {
        self.reason == ReasonCode::Success && self.properties.is_empty()
    }

    #[inline]
    pub(crate) fn write(&self, kind: AckKind, sizes: &Sizes, sink: &mut impl Sink) {
        if sizes.remaining == 2 {
            return sink.bytes(&short(kind.first_byte(), self.id));
        }
        sink.header(kind.first_byte(), sizes.remaining);
        sink.u16(self.id.value());
        sink.u8(self.reason.value());
        if sizes.remaining > 3 {
            self.properties.write(sizes.properties, sink);
        }
    }
}

#[inline]
const fn short(first: u8, id: PacketId) -> [u8; 4] {
    let [high, low] = id.value().to_be_bytes();
    [first, 2, high, low]
}
