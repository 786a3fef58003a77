//! From a message to the bytes in an outbox, or to a queue where there is no room.

use alloc::{sync::Arc, vec::Vec};

use bytes::Bytes;
use lmq_codec::{Delivery, PacketId, Properties, Publish, QoS, Template, TopicName, Version};

use super::{
    Shard,
    publish::{Arrival, Origin},
};
use crate::{ConnId, DropReason, Message, Output, conn::Conn, outbox::BlockPool, session::Stage, slab::Key};

/// A message on its way to any number of receivers: what they share is made at most once.
pub(super) struct Fan<'a> {
    pub(super) topic: TopicName<'a>,
    pub(super) qos: QoS,
    payload: &'a [u8],
    /// A handle of the payload, where it is large enough to be shared.
    shared: Option<Bytes>,
    pub(super) message: Option<Arc<Message>>,
    /// The shapes already encoded: QoS 0, and QoS 1 or 2.
    encoded: [Option<Template>; 2],
}

/// The frames of the message that is being sent: buffers that are used again.
#[derive(Debug, Default)]
pub(super) struct Frames([Vec<u8>; 2]);

impl<'a> Fan<'a> {
    pub(super) fn new(arrival: Arrival<'a>, shared_bytes_min: u32) -> Self {
        let Arrival { topic, payload, qos } = arrival;
        let shared = payload.len() >= shared_bytes_min as usize;
        Self {
            topic,
            qos,
            payload,
            shared: shared.then(|| Bytes::copy_from_slice(payload)),
            message: None,
            encoded: [None; 2],
        }
    }

    /// `None` if the topic is no topic name: impossible for a message of ours.
    pub(super) fn of_message(message: &'a Arc<Message>, shared_bytes_min: u32) -> Option<Self> {
        let shared = message.payload.len() >= shared_bytes_min as usize;
        Some(Self {
            topic: TopicName::new(&message.topic).ok()?,
            qos: message.qos,
            payload: &message.payload,
            shared: shared.then(|| message.payload.clone()),
            message: Some(message.clone()),
            encoded: [None; 2],
        })
    }

    pub(super) fn payload(&self) -> Bytes {
        self.shared.clone().unwrap_or_else(|| Bytes::copy_from_slice(self.payload))
    }

    /// Appends the PUBLISH for one receiver to its outbox. False if it cannot be encoded, which the size of the message it came in
    /// rules out.
    #[inline]
    fn write(&mut self, frames: &mut Frames, pool: &mut BlockPool, conn: &mut Conn, delivery: Delivery) -> bool {
        let shape = usize::from(delivery.qos() != QoS::AtMostOnce);
        let frame = &mut frames.0[shape];
        let template = match self.encoded[shape] {
            Some(template) => template,
            None => {
                let Some(template) = self.encode(frame, delivery) else {
                    return false;
                };
                self.encoded[shape] = Some(template);
                template
            }
        };
        template.patch(frame, delivery);
        conn.outbox.push(pool, frame);
        if let Some(payload) = &self.shared {
            conn.outbox.push_shared(payload.clone());
        }
        true
    }

    fn encode(&self, frame: &mut Vec<u8>, delivery: Delivery) -> Option<Template> {
        let publish = Publish {
            delivery,
            retain: false,
            topic: Some(self.topic),
            properties: Properties::EMPTY,
            payload: self.payload,
        };
        frame.clear();
        let template = match self.shared {
            Some(_) => Template::write_head(&publish, Version::V3_1_1, frame),
            None => Template::write(&publish, Version::V3_1_1, frame),
        };
        template.ok()
    }
}

pub(super) fn delivery(qos: QoS, id: PacketId, dup: bool) -> Delivery {
    match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id, dup },
    }
}

impl Shard {
    /// Sends to a session that is served from memory, or queues there.
    #[inline]
    pub(super) fn deliver(&mut self, slot: u32, qos: QoS, fan: &mut Fan<'_>, origin: &Origin) {
        if !self.send_now(slot, qos, fan) {
            let message = self.message(origin, fan);
            self.enqueue(slot, qos, message);
        }
    }

    /// The same for a message that is already in its long-lived form.
    pub(super) fn deliver_message(&mut self, session: Key, qos: QoS, message: &Arc<Message>) {
        if self.sessions.get(session).is_none() {
            return;
        }
        let Some(mut fan) = Fan::of_message(message, self.settings.limits.shared_payload_bytes_min) else {
            return;
        };
        if !self.send_now(session.slot, qos, &mut fan) {
            self.enqueue(session.slot, qos, message.clone());
        }
    }

    /// Writes to the outbox, unless something waits already or there is no room in outbox or window.
    #[inline]
    fn send_now(&mut self, slot: u32, qos: QoS, fan: &mut Fan<'_>) -> bool {
        let Self { sessions, conns, scratch, pool, outputs, settings, stats, .. } = self;
        let limits = &settings.limits;
        let Some(session) = sessions.at_mut(slot) else {
            return true;
        };
        let Some(conn_key) = session.conn else {
            return false;
        };
        let Some(conn) = conns.get_mut(conn_key) else {
            return false;
        };
        if !conn.is_live() || conn.outbox.len() >= limits.outbox_bytes_max as usize {
            return false;
        }
        let delivery = if qos == QoS::AtMostOnce {
            if session.queue.has_at_most_once() {
                return false;
            }
            Delivery::AtMostOnce
        } else {
            if session.queue.has_confirmed() || session.window.len() >= usize::from(limits.inflight_max) {
                return false;
            }
            let stage = if qos == QoS::AtLeastOnce { Stage::AwaitPubAck } else { Stage::AwaitPubRec };
            delivery(qos, session.window.open(stage, None), false)
        };
        if fan.write(&mut scratch.frames, pool, conn, delivery) {
            stats.sent[usize::from(u8::from(qos))] += 1;
            announce(conn_key, conn, outputs);
        }
        true
    }

    fn enqueue(&mut self, slot: u32, qos: QoS, message: Arc<Message>) {
        let limits = &self.settings.limits;
        let Some(session) = self.sessions.at_mut(slot) else {
            return;
        };
        let (reason, dropped) = if session.conn.is_none() {
            self.stats.dropped_away += 1;
            (DropReason::Away, 1)
        } else {
            let dropped = match qos {
                QoS::AtMostOnce => session.queue.push_at_most_once(message, limits),
                _ => session.queue.push_confirmed(message, qos, limits),
            };
            self.stats.dropped_queue_full += u64::from(dropped);
            (DropReason::QueueFull, dropped)
        };
        if dropped > 0 {
            if let Some(key) = self.sessions.key(slot) {
                self.note_dropped(key, reason, dropped);
            }
        }
    }

    /// Sends whatever waits for a session, as far as window and outbox allow.
    pub(super) fn pump(&mut self, key: Key) {
        self.pump_memory(key);
        while let Some((stored, again)) = self.next_stored(key) {
            self.send_stored(key, stored, again);
        }
        self.fetch(key);
    }

    fn pump_memory(&mut self, key: Key) {
        while let Some((message, qos)) = self.next_queued(key) {
            let Some(mut fan) = Fan::of_message(&message, self.settings.limits.shared_payload_bytes_min) else {
                continue;
            };
            self.write_queued(key, qos, &mut fan);
        }
    }

    /// Takes the next message out of the queue in memory if it can be sent now.
    fn next_queued(&mut self, key: Key) -> Option<(Arc<Message>, QoS)> {
        let limits = &self.settings.limits;
        let session = self.sessions.get_mut(key)?;
        let conn = self.conns.get(session.conn?)?;
        if !conn.is_live() || conn.outbox.len() >= limits.outbox_bytes_max as usize {
            return None;
        }
        if let Some(message) = session.queue.pop_at_most_once() {
            return Some((message, QoS::AtMostOnce));
        }
        if session.window.len() >= usize::from(limits.inflight_max) {
            return None;
        }
        session.queue.pop_confirmed()
    }

    fn write_queued(&mut self, key: Key, qos: QoS, fan: &mut Fan<'_>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => delivery(qos, session.window.open(Stage::AwaitPubAck, None), false),
            QoS::ExactlyOnce => delivery(qos, session.window.open(Stage::AwaitPubRec, None), false),
        };
        self.write_to(key, fan, delivery);
    }

    pub(super) fn write_message(&mut self, key: Key, message: &Arc<Message>, delivery: Delivery) {
        let Some(mut fan) = Fan::of_message(message, self.settings.limits.shared_payload_bytes_min) else {
            return;
        };
        self.write_to(key, &mut fan, delivery);
    }

    fn write_to(&mut self, key: Key, fan: &mut Fan<'_>, delivery: Delivery) {
        let Self { sessions, conns, scratch, pool, outputs, stats, .. } = self;
        let Some(conn_key) = sessions.get(key).and_then(|session| session.conn) else {
            return;
        };
        let Some(conn) = conns.get_mut(conn_key) else {
            return;
        };
        if fan.write(&mut scratch.frames, pool, conn, delivery) {
            stats.sent[usize::from(u8::from(delivery.qos()))] += 1;
            announce(conn_key, conn, outputs);
        }
    }

    pub(super) fn note_dropped(&mut self, key: Key, reason: DropReason, count: u32) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        match &mut session.dropped {
            Some((last, total)) => {
                *last = reason;
                *total = total.saturating_add(count);
            }
            None => {
                session.dropped = Some((reason, count));
                self.lossy.push(key);
            }
        }
    }
}

/// Says `Transmit` for an outbox that was empty.
#[inline]
pub(super) fn announce(key: Key, conn: &mut Conn, outputs: &mut alloc::collections::VecDeque<Output>) {
    if !conn.announced {
        conn.announced = true;
        outputs.push_back(Output::Transmit(ConnId(key)));
    }
}
