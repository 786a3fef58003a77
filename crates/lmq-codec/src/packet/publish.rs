use nom::Err;

use crate::encode::{EncodeError, EncodeErrorKind, Encoder, Form, Sink, Sizes, properties_exist};
use crate::property::On;
use crate::wire::{self, Fail, fail};
use crate::{DecodeError, Delivery, Properties, QoS, TopicName, Version, Violation};
#[cfg(feature = "alloc")]
use crate::{Frame, encode::BufSink};

/// PUBLISH: a message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// QoS, packet identifier and DUP.
    pub delivery: Delivery,
    /// To the server: keep it. From the server: it was kept.
    pub retain: bool,
    /// Where it goes. `None` only in MQTT 5.0 and only together with a topic alias in the properties.
    pub topic: Option<TopicName<'a>>,
    /// MQTT 5.0 only.
    pub properties: Properties<'a>,
    /// What it says; any bytes, also none.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    #[inline(always)]
    pub(super) fn read(first: u8, body: &'a [u8], version: Version) -> Result<Self, Err<Fail<'a>>> {
        let dup = first & 0x08 != 0;
        // [MQTT-3.3.1-4], [MQTT-3.3.1-2]: the first byte first, as it may have come alone.
        match first & 0x06 {
            0x06 => return Err(at_first_byte(Violation::PublishQoS3)),
            0 if dup => return Err(at_first_byte(Violation::DupAtQoS0)),
            _ => {}
        }
        let (i, topic) = match body {
            [0, 0, rest @ ..] if version.has_properties() => (rest, None),
            _ => {
                let (rest, topic) = wire::topic_name(body)?;
                (rest, Some(topic))
            }
        };
        let (i, delivery) = if first & 0x06 == 0 {
            (i, Delivery::AtMostOnce)
        } else {
            let (i, id) = wire::packet_id(i)?;
            (i, if first & 0x02 == 0 { Delivery::ExactlyOnce { id, dup } } else { Delivery::AtLeastOnce { id, dup } })
        };
        let (payload, properties) =
            if version.has_properties() { Properties::read(i, On::Publish)? } else { (i, Properties::EMPTY) };
        if topic.is_none() && properties.topic_alias().is_none() {
            return Err(fail(body, Violation::TopicMissing));
        }
        Ok(Self { delivery, retain: first & 0x01 != 0, topic, properties, payload })
    }

    /// Reads a frame that is known to be a PUBLISH.
    #[cfg(feature = "alloc")]
    #[inline(always)]
    pub(crate) fn decode(frame: &Frame<'a>, version: Version) -> Result<Self, DecodeError> {
        Self::read(frame.first_byte(), frame.body(), version)
            .map_err(|error| super::place_at(frame.bytes().len(), Some(version), error))
    }

    /// Reads everything before the payload, which `head` ends with. `header_len` bytes came before it.
    pub(crate) fn decode_head(
        first: u8,
        head: &'a [u8],
        header_len: usize,
        version: Version,
    ) -> Result<Self, DecodeError> {
        Self::read(first, head, version).map_err(|error| super::place_at(header_len + head.len(), Some(version), error))
    }

    /// Checks once that the packet can be written in this edition and measures it.
    ///
    /// # Errors
    /// The caller's: properties the edition does not have, neither topic nor alias, more than 268,435,455 bytes.
    #[inline]
    pub fn encoder(&self, version: Version) -> Result<Encoder<'_>, EncodeError> {
        Ok(Encoder::new(Form::Publish(self), version, self.sizes(version)?))
    }

    #[inline(always)]
    pub(crate) fn sizes(&self, version: Version) -> Result<Sizes, EncodeError> {
        let properties = if version.has_properties() {
            Some(if self.properties.is_empty() { 0 } else { self.properties.measure(On::Publish)? })
        } else {
            properties_exist(self.properties.is_empty(), version)?;
            None
        };
        let topic = match self.topic {
            Some(topic) => topic.as_bytes().len(),
            None if version.has_properties() && self.properties.topic_alias().is_some() => 0,
            None => {
                return Err(EncodeError::new(EncodeErrorKind::Packet(Violation::TopicMissing)));
            }
        };
        let id = if self.delivery.qos() == QoS::AtMostOnce { 0 } else { 2 };
        // A topic has at most 65,535 bytes and a payload less than half of what there is to address.
        Sizes::new(2 + topic + id + self.payload.len(), properties)
    }

    #[inline]
    pub(crate) fn first_byte(&self) -> u8 {
        0x30 | self.delivery.flags() | u8::from(self.retain)
    }

    /// Checks the packet and appends it to `dst`.
    #[cfg(feature = "alloc")]
    #[inline(always)]
    pub(super) fn encode(&self, version: Version, dst: &mut impl bytes::BufMut) -> Result<(), EncodeError> {
        // An error is looked for once more where there is one, so that no result of its size is moved where there is none.
        if self.write_checked(version, dst) { Ok(()) } else { self.refused(version) }
    }

    #[cfg(feature = "alloc")]
    #[cold]
    fn refused(&self, version: Version) -> Result<(), EncodeError> {
        self.sizes(version).map(|_| ())
    }

    /// Whether the packet could be written.
    #[cfg(feature = "alloc")]
    #[inline(always)]
    fn write_checked(&self, version: Version, dst: &mut impl bytes::BufMut) -> bool {
        let Ok(sizes) = self.sizes(version) else { return false };
        self.write_head(version, &sizes, &mut BufSink(dst));
        dst.put_slice(self.payload);
        true
    }

    /// Everything but the payload.
    #[inline(always)]
    pub(crate) fn write_head(&self, version: Version, sizes: &Sizes, sink: &mut impl Sink) {
        let topic = self.topic.map_or(&[][..], |topic| topic.as_bytes());
        sink.header_u16(self.first_byte(), sizes.remaining, topic.len() as u16);
        sink.bytes(topic);
        if let Some(id) = self.delivery.packet_id() {
            sink.u16(id.value());
        }
        if version.has_properties() {
            self.properties.write(sizes.properties, sink);
        }
    }
}

/// The fault is in the first byte, wherever the parser stands.
#[cold]
fn at_first_byte<'a>(violation: Violation) -> Err<Fail<'a>> {
    Err::Failure(Fail { rest: &[], violation })
}
