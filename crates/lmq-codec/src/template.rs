use core::num::NonZeroU16;

use alloc::vec::Vec;
use bytes::BufMut;

use crate::encode::{BufSink, EncodeError, EncodeErrorKind, Sink, varint_len};
use crate::frame::REMAINING_MAX;
use crate::{Delivery, Property, Publish, QoS, SubscriptionId, Version};

/// A PUBLISH encoded once, to be sent to many receivers: where the parts are that differ from one to the next.
///
/// Most receivers differ in packet identifier and DUP alone: [`Template::patch`] sets them in the frame. What MQTT 5.0 adds for one
/// receiver (topic alias, remaining expiry, subscription identifiers) changes lengths: [`Template::write_for`] puts it
/// between the parts, which are copied and not encoded again.
///
/// ```
/// use lmq_codec::{Delivery, PacketId, Properties, Publish, Receiver, SubscriptionId, Template, TopicName, Version};
///
/// let id = |n| PacketId::new(n).expect("not zero");
/// let publish = Publish {
///     delivery: Delivery::AtLeastOnce { id: id(1), dup: false },
///     retain: false,
///     topic: Some(TopicName::new("a")?),
///     properties: Properties::EMPTY,
///     payload: b"x",
/// };
/// let mut frame = Vec::new();
/// let template = Template::write(&publish, Version::V5_0, &mut frame)?;
/// template.patch(&mut frame, Delivery::AtLeastOnce { id: id(0x0102), dup: true });
/// assert_eq!(frame, b"\x3a\x07\0\x01a\x01\x02\0x");
///
/// let ids = [SubscriptionId::new(7).expect("in range")];
/// let receiver = Receiver { subscription_ids: &ids, ..Receiver::new(publish.delivery) };
/// let mut out = Vec::new();
/// template.write_for(&frame, &receiver, &mut out)?;
/// assert_eq!(out, b"\x32\x09\0\x01a\0\x01\x02\x0b\x07x");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    version: Version,
    has_id: bool,
    /// Bytes of the fixed header.
    header: u8,
    topic: u16,
    /// Bytes of the shared properties, without their length field.
    properties: u32,
    /// Bytes of the payload, whether or not they are in the frame.
    payload: u32,
}

/// What is different for one receiver of a [`Template`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receiver<'a> {
    /// QoS, packet identifier and DUP.
    pub delivery: Delivery,
    /// RETAIN.
    pub retain: bool,
    /// How the topic is told. Anything but [`TopicForm::Name`] in MQTT 5.0 only.
    pub topic: TopicForm,
    /// Seconds until the message is worth nothing; MQTT 5.0 only.
    pub message_expiry: Option<u32>,
    /// The subscriptions it comes by; MQTT 5.0 only.
    pub subscription_ids: &'a [SubscriptionId],
}

/// How a PUBLISH tells its topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TopicForm {
    /// By its name.
    #[default]
    Name,
    /// By its name, and this number means it from now on.
    Introduce(NonZeroU16),
    /// By a number that was introduced before on the same connection.
    Alias(NonZeroU16),
}

impl Receiver<'_> {
    /// A receiver that gets nothing beyond the message: no RETAIN, no alias, no expiry, no subscription identifier.
    #[must_use]
    pub const fn new(delivery: Delivery) -> Self {
        Self { delivery, retain: false, topic: TopicForm::Name, message_expiry: None, subscription_ids: &[] }
    }

    /// Whether everything that is different fits into the frame: then [`Template::patch`] is enough.
    #[must_use]
    #[inline]
    pub const fn is_plain(&self) -> bool {
        !self.retain
            && matches!(self.topic, TopicForm::Name)
            && self.message_expiry.is_none()
            && self.subscription_ids.is_empty()
    }

    fn alias(&self) -> Option<NonZeroU16> {
        match self.topic {
            TopicForm::Name => None,
            TopicForm::Introduce(alias) | TopicForm::Alias(alias) => Some(alias),
        }
    }

    /// Length of the properties that only this receiver gets.
    fn extra(&self) -> u32 {
        let alias = self.alias().map_or(0, |_| 3);
        let expiry = self.message_expiry.map_or(0, |_| 5);
        let ids: usize = self.subscription_ids.iter().map(|id| 1 + varint_len(id.value())).sum();
        alias + expiry + u32::try_from(ids).unwrap_or(REMAINING_MAX)
    }

    fn write_properties(&self, sink: &mut impl Sink) {
        if let Some(alias) = self.alias() {
            Property::TopicAlias(alias).write(sink);
        }
        if let Some(seconds) = self.message_expiry {
            Property::MessageExpiryInterval(seconds).write(sink);
        }
        for id in self.subscription_ids {
            Property::SubscriptionIdentifier(*id).write(sink);
        }
    }
}

impl Template {
    /// Appends the whole frame to `out`. The QoS of `p` decides whether there is room for an identifier. Leave alias, expiry and
    /// subscription identifiers out of its properties: they are a [`Receiver`]'s.
    ///
    /// # Errors
    /// Those of [`Publish::encoder`]; `out` is left as it was.
    pub fn write(p: &Publish<'_>, version: Version, out: &mut Vec<u8>) -> Result<Self, EncodeError> {
        let template = Self::write_head(p, version, out)?;
        out.extend_from_slice(p.payload);
        Ok(template)
    }

    /// Appends the frame without its payload bytes, for vectored writes; the lengths include them.
    ///
    /// # Errors
    /// Those of [`Publish::encoder`]; `out` is left as it was.
    pub fn write_head(p: &Publish<'_>, version: Version, out: &mut Vec<u8>) -> Result<Self, EncodeError> {
        let sizes = p.sizes(version)?;
        let header = 1 + varint_len(sizes.remaining);
        out.reserve(header + sizes.remaining as usize - p.payload.len());
        p.write_head(version, &sizes, &mut BufSink(out));
        Ok(Self {
            version,
            has_id: p.delivery.qos() != QoS::AtMostOnce,
            header: header as u8,
            topic: p.topic.map_or(0, |topic| topic.as_bytes().len()) as u16,
            properties: sizes.properties,
            payload: p.payload.len() as u32,
        })
    }

    /// Sets QoS, DUP and packet identifier in a copy of the frame, or of its head; RETAIN stays as it is.
    ///
    /// A delivery with an identifier needs a template with one and the other way round: QoS 1 and 2 have the same
    /// shape, QoS 0 has another. A copy that does not fit is left unchanged (and trips a debug assertion).
    #[inline]
    pub fn patch(&self, copy: &mut [u8], delivery: Delivery) {
        let patched = self.patched(copy, delivery);
        // Afterwards, so that a debug build too shows that nothing was written.
        debug_assert!(patched.is_some(), "delivery, template and copy have the same shape");
    }

    #[inline]
    fn patched(&self, copy: &mut [u8], delivery: Delivery) -> Option<()> {
        match delivery.packet_id() {
            None if !self.has_id => {}
            Some(id) if self.has_id => {
                let at = self.id_at();
                copy.get_mut(at..at + 2)?.copy_from_slice(&id.value().to_be_bytes());
            }
            _ => return None,
        }
        let first = copy.first_mut()?;
        *first = *first & 0xf1 | delivery.flags();
        Some(())
    }

    /// The exact length of the packet for one receiver in bytes, its payload included.
    ///
    /// Compare it with the maximum packet size of the receiver. [MQTT-3.1.2-24]
    #[must_use]
    #[inline]
    pub fn len_for(&self, receiver: &Receiver<'_>) -> usize {
        let remaining = self.remaining(receiver);
        1 + varint_len(remaining) + remaining as usize
    }

    /// Appends the packet for one receiver to `out`, built from the parts of `frame`, which [`Template::write`] or
    /// [`Template::write_head`] wrote; in the second case without its payload.
    ///
    /// # Errors
    /// The caller's: an alias, expiry or subscription identifier before MQTT 5.0, a body over 268,435,455 bytes. Nothing is written then.
    pub fn write_for(&self, frame: &[u8], receiver: &Receiver<'_>, out: &mut impl BufMut) -> Result<(), EncodeError> {
        let extra = receiver.extra();
        if extra > 0 && !self.version.has_properties() {
            return Err(EncodeError::new(EncodeErrorKind::NotIn("properties", self.version)));
        }
        let remaining = self.remaining(receiver);
        if remaining > REMAINING_MAX {
            return Err(EncodeError::new(EncodeErrorKind::TooLarge(remaining as usize)));
        }
        let part = |from: usize, len: usize| frame.get(from..from + len).unwrap_or_default();
        let sink = &mut BufSink(out);
        sink.header(0x30 | receiver.delivery.flags() | u8::from(receiver.retain), remaining);
        match receiver.topic {
            TopicForm::Alias(_) => sink.u16(0),
            _ => sink.bytes(part(usize::from(self.header), 2 + usize::from(self.topic))),
        }
        if let Some(id) = receiver.delivery.packet_id() {
            sink.u16(id.value());
        }
        let mut at = self.id_at() + if self.has_id { 2 } else { 0 };
        if self.version.has_properties() {
            at += varint_len(self.properties);
            sink.varint(self.properties + extra);
            receiver.write_properties(sink);
            sink.bytes(part(at, self.properties as usize));
            at += self.properties as usize;
        }
        sink.bytes(frame.get(at..).unwrap_or_default());
        Ok(())
    }

    fn remaining(&self, receiver: &Receiver<'_>) -> u32 {
        let topic = if matches!(receiver.topic, TopicForm::Alias(_)) { 0 } else { u32::from(self.topic) };
        let id = if receiver.delivery.packet_id().is_some() { 2 } else { 0 };
        let mut remaining = (2 + topic + id).saturating_add(self.payload);
        if self.version.has_properties() {
            let properties = self.properties.saturating_add(receiver.extra());
            remaining = remaining.saturating_add(properties).saturating_add(varint_len(properties) as u32);
        }
        remaining
    }

    fn id_at(&self) -> usize {
        usize::from(self.header) + 2 + usize::from(self.topic)
    }
}
