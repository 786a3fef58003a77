//! A message on its way to any number of receivers: what they share is made at most once.

use alloc::{sync::Arc, vec::Vec};

use bytes::Bytes;
use lmq_codec::{
    Delivery, MessageProperties, PacketId, Properties, Publish, QoS, Receiver, Template, TopicForm, TopicName, Version,
};
use lmq_model::UnixMillis;

use super::{deliver::Terms, publish::Arrival};
use crate::{
    DropReason, Message,
    conn::Conn,
    outbox::{BlockPool, FrameKey, Outbox},
    planted::{Bug, planted},
};

pub(super) struct Fan<'a> {
    pub(super) topic: TopicName<'a>,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    /// As they came, and what stays with the message of them, once somebody needs it.
    arrived: Properties<'a>,
    properties: Option<MessageProperties>,
    pub(super) expires_at: Option<UnixMillis>,
    pub(super) expiry_secs: Option<u32>,
    payload: &'a [u8],
    /// The payload is large enough to be shared instead of copied to each receiver.
    large: bool,
    /// A handle of it, once somebody needs one.
    shared: Option<Bytes>,
    pub(super) message: Option<Arc<Message>>,
    /// By [`Shape`]: how the frame is written for a receiver, and the number under which it lies in [`Frames`].
    encoded: [Option<(Template, u64)>; 4],
    /// The same frame where outboxes share it; without packet identifier only.
    in_pool: [Option<FrameKey>; 4],
}

/// Buffers for the frames of messages, used again: one message on its way may give room to another, which then takes its buffers.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// By [`Shape`].
    shared: [Vec<u8>; 4],
    /// Which of all frames lies in each.
    numbers: [u64; 4],
    /// How many frames there were.
    count: u64,
    /// The frame of one receiver.
    single: Vec<u8>,
}

/// What an encoded frame depends on: whether there is a packet identifier, and whether there are properties.
#[derive(Clone, Copy)]
struct Shape {
    v5: bool,
    id: bool,
}

impl Shape {
    #[inline]
    fn index(self) -> usize {
        usize::from(self.v5) << 1 | usize::from(self.id)
    }
}

impl<'a> Fan<'a> {
    pub(super) fn new(arrival: Arrival<'a>, shared_bytes_min: u32, wall: UnixMillis) -> Self {
        let Arrival { topic, payload, qos, retain, properties, expiry_secs } = arrival;
        let large = payload.len() >= shared_bytes_min as usize;
        Self {
            topic,
            qos,
            retain,
            arrived: properties,
            properties: properties.is_empty().then_some(MessageProperties::EMPTY),
            expires_at: expiry_secs.map(|secs| wall.plus(u64::from(secs) * 1000)),
            expiry_secs,
            payload,
            large,
            shared: None,
            message: None,
            encoded: [None; 4],
            in_pool: [None; 4],
        }
    }

    /// `None` if the topic is no topic name: impossible for a message of ours.
    pub(super) fn of_message(message: &'a Arc<Message>, shared_bytes_min: u32) -> Option<Self> {
        let large = message.payload.len() >= shared_bytes_min as usize;
        Some(Self {
            topic: TopicName::new(&message.topic).ok()?,
            qos: message.qos,
            retain: message.retain,
            arrived: Properties::EMPTY,
            properties: Some(message.properties.clone()),
            expires_at: message.expires_at,
            expiry_secs: message.expiry_secs,
            payload: &message.payload,
            large,
            shared: large.then(|| message.payload.clone()),
            message: Some(message.clone()),
            encoded: [None; 4],
            in_pool: [None; 4],
        })
    }

    /// What stays with the message of the properties it came with.
    pub(super) fn properties(&mut self) -> &MessageProperties {
        self.properties.get_or_insert_with(|| MessageProperties::of(&self.arrived).unwrap_or_default())
    }

    /// A handle of the payload; of a large one always the same.
    pub(super) fn payload(&mut self) -> Bytes {
        if !self.large {
            return Bytes::copy_from_slice(self.payload);
        }
        self.shared.get_or_insert_with(|| Bytes::copy_from_slice(self.payload)).clone()
    }

    /// Why this client will never take the message, if so.
    #[inline]
    pub(super) fn never(
        &mut self,
        frames: &mut Frames,
        conn: &Conn,
        terms: Terms<'_>,
        wall: UnixMillis,
    ) -> Option<DropReason> {
        // [MQTT-3.3.2-5]
        if self.expires_at.is_some_and(|at| at <= wall) && !planted(Bug::ExpiredSent) {
            return Some(DropReason::Expired);
        }
        self.is_too_large(frames, conn, terms).then_some(DropReason::TooLarge)
    }

    /// Whether the packet is larger than this client takes [MQTT-3.1.2-24].
    #[inline]
    pub(super) fn is_too_large(&mut self, frames: &mut Frames, conn: &Conn, terms: Terms<'_>) -> bool {
        let max = conn.packet_bytes_max();
        max != usize::MAX && self.len_for(frames, conn, terms) > max
    }

    /// The length of the packet that tells the topic by its name.
    fn len_for(&mut self, frames: &mut Frames, conn: &Conn, terms: Terms<'_>) -> usize {
        let any_id = PacketId::from(core::num::NonZeroU16::MIN);
        let delivery = super::deliver::delivery(terms.qos, any_id, false);
        let shape = Shape { v5: conn.v5.is_some(), id: terms.qos != QoS::AtMostOnce };
        let template = self.template(frames, shape, delivery);
        template
            .map_or(usize::MAX, |template| template.len_for(&self.receiver(conn, delivery, terms, UnixMillis::new(0))))
    }

    /// Appends the PUBLISH for one receiver to its outbox. False if it cannot be encoded, which the size of the message it came in
    /// rules out.
    #[inline]
    pub(super) fn write(
        &mut self,
        frames: &mut Frames,
        pool: &mut BlockPool,
        conn: &mut Conn,
        delivery: Delivery,
        terms: Terms<'_>,
        wall: UnixMillis,
    ) -> bool {
        let id = delivery.qos() != QoS::AtMostOnce;
        let shape = Shape { v5: conn.v5.is_some(), id };
        if !id && !shape.v5 && !terms.retain && self.share(pool, conn, shape) {
            return true;
        }
        let Some(template) = self.template(frames, shape, delivery) else {
            return false;
        };
        let frame = &mut frames.shared[shape.index()];
        let apart = match shape.v5 || terms.retain {
            true => Some(self.with_alias(&template, conn, self.receiver(conn, delivery, terms, wall))),
            false => None,
        };
        if let Some(receiver) = apart.filter(|receiver| !receiver.is_plain()) {
            frames.single.clear();
            if template.write_for(frame, &receiver, &mut frames.single).is_err() {
                return false;
            }
            conn.outbox.push(pool, &frames.single);
        } else if id {
            template.patch(frame, delivery);
            conn.outbox.push(pool, frame);
        } else {
            push_same(&mut conn.outbox, pool, frame, &mut self.in_pool[shape.index()]);
        }
        self.push_payload(conn);
        conn.sent_open += u16::from(id);
        true
    }

    /// Puts the frame that others have as well into an outbox with nothing else to send.
    #[inline]
    fn share(&mut self, pool: &mut BlockPool, conn: &mut Conn, shape: Shape) -> bool {
        let Some(key) = self.in_pool[shape.index()] else { return false };
        if !conn.outbox.push_frame(pool, key) {
            return false;
        }
        self.push_payload(conn);
        true
    }

    #[inline]
    fn push_payload(&mut self, conn: &mut Conn) {
        if self.large && !planted(Bug::PayloadForgotten) {
            conn.outbox.push_shared(self.payload());
        }
    }

    /// What the receiver gets besides the message, with the topic told by its name.
    fn receiver<'t>(&self, conn: &Conn, delivery: Delivery, terms: Terms<'t>, wall: UnixMillis) -> Receiver<'t> {
        let plain = Receiver { retain: terms.retain, ..Receiver::new(delivery) };
        if conn.v5.is_none() {
            return plain;
        }
        // [MQTT-3.3.2-6]: what is left, a begun second counted in full.
        let given = self.expiry_secs.unwrap_or(u32::MAX);
        let left = |at: UnixMillis| match planted(Bug::ExpiryNotCounted) {
            true => given,
            false => u32::try_from(at.since(wall).div_ceil(1000)).unwrap_or(u32::MAX).min(given),
        };
        Receiver {
            message_expiry: self.expires_at.map(left),
            // [MQTT-3.3.4-3]
            subscription_ids: terms.subscription_ids,
            ..plain
        }
    }

    /// Tells the topic by an alias, where the client takes one and the packet has room.
    fn with_alias<'t>(&self, template: &Template, conn: &mut Conn, receiver: Receiver<'t>) -> Receiver<'t> {
        let max = conn.packet_bytes_max();
        let Some(v5) = &mut conn.v5 else { return receiver };
        let topic = match v5.outbound.form(self.topic.as_bytes()) {
            TopicForm::Name => return receiver,
            topic => topic,
        };
        let aliased = Receiver { topic, ..receiver };
        if template.len_for(&aliased) > max {
            return receiver;
        }
        if matches!(topic, TopicForm::Introduce(_)) {
            v5.outbound.introduce(self.topic.as_bytes());
        }
        aliased
    }

    #[inline]
    fn template(&mut self, frames: &mut Frames, shape: Shape, delivery: Delivery) -> Option<Template> {
        let at = shape.index();
        if let Some((template, number)) = self.encoded[at] {
            if number == frames.numbers[at] {
                return Some(template);
            }
        }
        let template = self.encode(&mut frames.shared[at], shape, delivery)?;
        frames.count += 1;
        frames.numbers[at] = frames.count;
        self.encoded[at] = Some((template, frames.count));
        Some(template)
    }

    fn encode(&mut self, frame: &mut Vec<u8>, shape: Shape, delivery: Delivery) -> Option<Template> {
        let (topic, payload, large) = (Some(self.topic), self.payload, self.large);
        let (version, properties) = match shape.v5 {
            true => (Version::V5_0, self.properties().properties()),
            false => (Version::V3_1_1, Properties::EMPTY),
        };
        let publish = Publish { delivery, retain: false, topic, properties, payload };
        frame.clear();
        let template = match large {
            true => Template::write_head(&publish, version, frame),
            false => Template::write(&publish, version, frame),
        };
        template.ok()
    }
}

/// At QoS 0 the frame is what it was when it was encoded: outboxes with nothing else to send share it.
#[inline]
fn push_same(outbox: &mut Outbox, pool: &mut BlockPool, frame: &[u8], in_pool: &mut Option<FrameKey>) {
    if outbox.len() == 0 {
        let key = *in_pool.get_or_insert_with(|| pool.share(frame));
        if outbox.push_frame(pool, key) {
            return;
        }
        // Others have taken its place meanwhile.
        *in_pool = None;
    }
    outbox.push(pool, frame);
}
