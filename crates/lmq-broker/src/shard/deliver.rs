//! From a message to the bytes in an outbox, or to a queue where there is no room.

use alloc::sync::Arc;

use lmq_codec::{Delivery, PacketId, QoS, SubscriptionId};

use super::{Shard, fan::Fan, publish::Origin};
use crate::{
    ConnId, DeliveryOptions, DropReason, Message, Output,
    conn::Conn,
    planted::{Bug, planted},
    session::{Stage, Waiting},
    slab::Key,
};

/// How one session gets one message, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) subscription_ids: &'a [SubscriptionId],
    /// The shared subscription it comes by, unless the message is stored for the session.
    pub(super) share: Option<&'a Arc<str>>,
}

impl Terms<'_> {
    pub(super) fn to_options(self) -> DeliveryOptions {
        let Self { qos, retain, subscription_ids, .. } = self;
        DeliveryOptions { qos, retain, subscription_ids: subscription_ids.into() }
    }
}

impl DeliveryOptions {
    pub(super) fn terms(&self) -> Terms<'_> {
        let subscription_ids = self.subscription_ids.as_slice();
        Terms { qos: self.qos, retain: self.retain, subscription_ids, share: None }
    }
}

/// What became of a message that was to leave at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// It is in the outbox, or the session is gone.
    Done,
    /// The same with QoS 1, for a member of a shared subscription.
    Lent(PacketId),
    /// There is no room, or something waits already.
    Later,
    /// The client will never take it.
    Never(DropReason),
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
    pub(super) fn deliver(&mut self, slot: u32, terms: Terms<'_>, fan: &mut Fan<'_>, origin: &Origin) {
        match self.send_now(slot, terms, fan) {
            Sent::Done => {}
            Sent::Lent(id) => {
                let message = self.message(origin, fan);
                self.lend(slot, id, message, terms.share);
            }
            Sent::Later => {
                let message = self.message(origin, fan);
                self.enqueue(slot, Waiting { message, options: terms.to_options(), share: terms.share.cloned() });
            }
            Sent::Never(reason) => self.never(slot, reason),
        }
    }

    /// The same for a message that is already in its long-lived form.
    pub(super) fn deliver_message(&mut self, session: Key, terms: Terms<'_>, message: &Arc<Message>) {
        if self.sessions.get(session).is_none() {
            return;
        }
        let Some(mut fan) = Fan::of_message(message, self.settings.limits.shared_payload_bytes_min) else {
            return;
        };
        match self.send_now(session.slot, terms, &mut fan) {
            Sent::Done => {}
            Sent::Lent(id) => self.lend(session.slot, id, message.clone(), terms.share),
            Sent::Later => {
                let (message, share) = (message.clone(), terms.share.cloned());
                self.enqueue(session.slot, Waiting { message, options: terms.to_options(), share });
            }
            Sent::Never(reason) => self.never(session.slot, reason),
        }
    }

    /// Writes to the outbox, unless something waits already or there is no room in outbox or window.
    #[inline]
    fn send_now(&mut self, slot: u32, terms: Terms<'_>, fan: &mut Fan<'_>) -> Sent {
        let Self { sessions, conns, scratch, pool, outputs, settings, stats, now, .. } = self;
        let limits = &settings.limits;
        let Some(session) = sessions.at_mut(slot) else {
            return Sent::Done;
        };
        let Some(conn_key) = session.conn else {
            return Sent::Later;
        };
        let Some(conn) = conns.get_mut(conn_key) else {
            return Sent::Later;
        };
        let crowded = conn.outgoing_bytes() >= limits.outbox_bytes_max as usize && !planted(Bug::OutboxUnbounded);
        if !conn.is_live() || crowded {
            return Sent::Later;
        }
        let waits = match terms.qos {
            QoS::AtMostOnce => session.queue.has_at_most_once(),
            _ => {
                let wide = session.window.len() < usize::from(limits.inflight_max) || planted(Bug::WindowUnbounded);
                let full = !wide || !conn.has_quota();
                (session.queue.has_confirmed() && !planted(Bug::QueueOvertaken)) || full
            }
        };
        if waits {
            return Sent::Later;
        }
        if let Some(reason) = fan.never(&mut scratch.frames, conn, terms, now.wall) {
            return Sent::Never(reason);
        }
        let delivery = match terms.qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => delivery(terms.qos, session.window.open(Stage::AwaitPubAck, None), false),
            QoS::ExactlyOnce => delivery(terms.qos, session.window.open(Stage::AwaitPubRec, None), false),
        };
        if fan.write(&mut scratch.frames, pool, conn, delivery, terms, now.wall) {
            stats.sent[usize::from(u8::from(terms.qos))] += 1;
            announce(conn_key, conn, outputs);
        }
        match delivery {
            Delivery::AtLeastOnce { id, .. } if terms.share.is_some() => Sent::Lent(id),
            Delivery::ExactlyOnce { id, .. } if planted(Bug::ExactlyOncePassedOn) => Sent::Lent(id),
            _ => Sent::Done,
        }
    }

    /// A message of a shared subscription is with the client, and with nobody else.
    fn lend(&mut self, slot: u32, id: PacketId, message: Arc<Message>, share: Option<&Arc<str>>) {
        let bytes_max = self.settings.limits.queue_bytes_max;
        if let (Some(session), Some(share)) = (self.sessions.at_mut(slot), share) {
            session.lent.keep(id, (message, share.clone()), bytes_max);
        }
    }

    fn never(&mut self, slot: u32, reason: DropReason) {
        if let Some(key) = self.sessions.key(slot) {
            self.give_up_message(key, reason);
        }
    }

    /// A message will not be delivered to this session.
    pub(super) fn give_up_message(&mut self, key: Key, reason: DropReason) {
        match reason {
            DropReason::Expired => self.stats.dropped_expired += 1,
            DropReason::TooLarge => self.stats.dropped_too_large += 1,
            _ => {}
        }
        self.note_dropped(key, reason, 1);
    }

    fn enqueue(&mut self, slot: u32, waiting: Waiting) {
        let limits = &self.settings.limits;
        let Some(session) = self.sessions.at_mut(slot) else {
            return;
        };
        let (reason, dropped) = if session.conn.is_none() {
            self.stats.dropped_away += 1;
            (DropReason::Away, 1)
        } else {
            let dropped = match waiting.options.qos {
                QoS::AtMostOnce => session.queue.push_at_most_once(waiting, limits, &self.queued),
                _ => session.queue.push_confirmed(waiting, limits, &self.queued),
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
        self.replay(key);
        self.tell_if_ready(key);
    }

    fn pump_memory(&mut self, key: Key) {
        while let Some(Waiting { message, options, share }) = self.next_queued(key) {
            let Some(mut fan) = Fan::of_message(&message, self.settings.limits.shared_payload_bytes_min) else {
                continue;
            };
            let terms = Terms { share: share.as_ref(), ..options.terms() };
            self.write_queued(key, terms, &mut fan, &message);
        }
    }

    /// Takes the next message out of the queue in memory if it can be sent now.
    fn next_queued(&mut self, key: Key) -> Option<Waiting> {
        let limits = &self.settings.limits;
        let session = self.sessions.get_mut(key)?;
        let conn = self.conns.get(session.conn?)?;
        if !conn.is_live() || conn.outgoing_bytes() >= limits.outbox_bytes_max as usize {
            return None;
        }
        if let Some(waiting) = session.queue.pop_at_most_once() {
            return Some(waiting);
        }
        if session.window.len() >= usize::from(limits.inflight_max) || !conn.has_quota() {
            return None;
        }
        session.queue.pop_confirmed()
    }

    fn write_queued(&mut self, key: Key, terms: Terms<'_>, fan: &mut Fan<'_>, message: &Arc<Message>) {
        if let Some(reason) = self.never_for(key, terms, fan) {
            return self.give_up_message(key, reason);
        }
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let delivery = match terms.qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => delivery(terms.qos, session.window.open(Stage::AwaitPubAck, None), false),
            QoS::ExactlyOnce => delivery(terms.qos, session.window.open(Stage::AwaitPubRec, None), false),
        };
        self.write_to(key, fan, delivery, terms);
        if let Delivery::AtLeastOnce { id, .. } = delivery {
            self.lend(key.slot, id, message.clone(), terms.share);
        }
    }

    /// Why the client of a session will never take the message, if so.
    pub(super) fn never_for(&mut self, key: Key, terms: Terms<'_>, fan: &mut Fan<'_>) -> Option<DropReason> {
        let Self { sessions, conns, scratch, now, .. } = self;
        let conn = conns.get(sessions.get(key)?.conn?)?;
        fan.never(&mut scratch.frames, conn, terms, now.wall)
    }

    /// Whether the client of a session takes no packet as large as this.
    pub(super) fn is_too_large_for(&mut self, key: Key, terms: Terms<'_>, fan: &mut Fan<'_>) -> bool {
        let Self { sessions, conns, scratch, .. } = self;
        let conn = sessions.get(key).and_then(|session| conns.get(session.conn?));
        conn.is_some_and(|conn| fan.is_too_large(&mut scratch.frames, conn, terms))
    }

    pub(super) fn write_message(&mut self, key: Key, message: &Arc<Message>, delivery: Delivery, terms: Terms<'_>) {
        let Some(mut fan) = Fan::of_message(message, self.settings.limits.shared_payload_bytes_min) else {
            return;
        };
        self.write_to(key, &mut fan, delivery, terms);
    }

    pub(super) fn write_to(&mut self, key: Key, fan: &mut Fan<'_>, delivery: Delivery, terms: Terms<'_>) {
        let Self { sessions, conns, scratch, pool, outputs, stats, now, .. } = self;
        let Some(conn_key) = sessions.get(key).and_then(|session| session.conn) else {
            return;
        };
        let Some(conn) = conns.get_mut(conn_key) else {
            return;
        };
        if fan.write(&mut scratch.frames, pool, conn, delivery, terms, now.wall) {
            stats.sent[usize::from(u8::from(delivery.qos()))] += 1;
            announce(conn_key, conn, outputs);
        }
    }

    pub(super) fn note_dropped(&mut self, key: Key, reason: DropReason, count: u32) {
        let Some(session) = self.sessions.get_mut(key).filter(|_| !planted(Bug::DropsUnreported)) else {
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
