//! From a message to the bytes in an outbox, or to a queue where there is no room.

use alloc::sync::Arc;

use lmq_codec::{Delivery, PacketId, QoS, SubscriptionId};
use lmq_model::UnixMillis;

use super::{
    Shard,
    fan::{Fan, Frames},
    outputs::Outputs,
    publish::{Origin, Scratch},
};
use crate::{
    DeliveryOptions, DropReason, Limits, Message, Stats,
    conn::Conn,
    outbox::BlockPool,
    planted::{Bug, planted},
    session::{Session, SharedMessage, Stage, Waiting, Window},
    slab::{Key, Slab},
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
pub(super) enum Sent {
    /// It is in the outbox.
    Done,
    /// The same with QoS 1, for a member of a shared subscription.
    Lent(PacketId),
    /// There is no room, or something waits already.
    Later,
    /// It goes through the store.
    Stored,
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

/// Takes a place in the window for a message of this QoS that lives in memory only.
#[inline]
fn open(window: &mut Window, qos: QoS) -> Delivery {
    match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => delivery(qos, window.open(Stage::AwaitPubAck, None), false),
        QoS::ExactlyOnce => delivery(qos, window.open(Stage::AwaitPubRec, None), false),
    }
}

/// What the way of a message to its receivers needs of a shard, besides their sessions.
struct Way<'s> {
    conns: &'s mut Slab<Conn>,
    frames: &'s mut Frames,
    pool: &'s mut BlockPool,
    outputs: &'s mut Outputs,
    stats: &'s mut Stats,
    limits: &'s Limits,
    wall: UnixMillis,
}

impl Way<'_> {
    /// Writes to the outbox, unless something waits already or there is no room in outbox or window.
    #[inline]
    fn send(&mut self, session: &mut Session, terms: Terms<'_>, fan: &mut Fan<'_>) -> Sent {
        let Some(conn_key) = session.conn else {
            return Sent::Later;
        };
        let Some(conn) = self.conns.get_mut(conn_key) else {
            return Sent::Later;
        };
        if !conn.has_room(self.limits) || waits(session, conn, terms.qos, self.limits) {
            return Sent::Later;
        }
        if let Some(reason) = fan.never(self.frames, conn, terms, self.wall) {
            return Sent::Never(reason);
        }
        let delivery = open(&mut session.window, terms.qos);
        if fan.write(self.frames, self.pool, conn, delivery, terms, self.wall) {
            self.stats.sent[usize::from(u8::from(terms.qos))] += 1;
            announce(conn_key, conn, self.outputs);
        }
        match delivery {
            Delivery::AtLeastOnce { id, .. } if terms.share.is_some() => Sent::Lent(id),
            Delivery::ExactlyOnce { id, .. } if planted(Bug::ExactlyOncePassedOn) => Sent::Lent(id),
            _ => Sent::Done,
        }
    }
}

/// Whether a message has to wait behind others, or for an acknowledgement.
#[inline]
fn waits(session: &Session, conn: &Conn, qos: QoS, limits: &Limits) -> bool {
    if qos == QoS::AtMostOnce {
        return session.queue.has_at_most_once();
    }
    let wide = session.window.len() < usize::from(limits.inflight_max) || planted(Bug::WindowUnbounded);
    let full = !wide || !conn.has_send_quota();
    full || (session.queue.has_confirmed() && !planted(Bug::QueueOvertaken))
}

impl Shard {
    /// Sends to the sessions in the scratch list from this one on, until one cannot have the message at once: says which one, and why.
    #[inline]
    pub(super) fn send_from(&mut self, from: usize, origin: &Origin, fan: &mut Fan<'_>) -> Option<(usize, Sent)> {
        let Self { sessions, conns, scratch, pool, outputs, settings, stats, now, .. } = self;
        let Scratch { targets, frames, .. } = scratch;
        let (limits, wall) = (&settings.limits, now.wall);
        let mut way = Way { conns, frames, pool, outputs, stats, limits, wall };
        for at in from..targets.len() {
            let Some((slot, terms)) = targets.at(at, fan.qos, fan.retain) else { break };
            let Some(session) = sessions.at_mut(slot) else { continue };
            if origin.may_store && session.stores(terms.qos, settings.profile.stored_qos_max) {
                return Some((at, Sent::Stored));
            }
            match way.send(session, terms, fan) {
                Sent::Done => {}
                other => return Some((at, other)),
            }
        }
        None
    }

    /// What becomes of a message that a session in the scratch list did not simply get.
    pub(super) fn unsent(&mut self, at: usize, sent: Sent, origin: &Origin, fan: &mut Fan<'_>) {
        let Some((slot, terms)) = self.scratch.targets.at(at, fan.qos, fan.retain) else { return };
        let Some(key) = self.sessions.key(slot) else { return };
        let (options, share) = (terms.to_options(), terms.share.cloned());
        if let Sent::Never(reason) = sent {
            return self.give_up_message(key, reason);
        }
        let message = self.message(origin, fan);
        self.finish_sending(key, sent, options, share, &message);
    }

    /// Sends to a session that is served from memory, or queues there.
    pub(super) fn deliver(&mut self, key: Key, terms: Terms<'_>, fan: &mut Fan<'_>, message: &Arc<Message>) {
        let Self { sessions, conns, scratch, pool, outputs, settings, stats, now, .. } = self;
        let Some(session) = sessions.get_mut(key) else { return };
        let (frames, limits, wall) = (&mut scratch.frames, &settings.limits, now.wall);
        let sent = Way { conns, frames, pool, outputs, stats, limits, wall }.send(session, terms, fan);
        if sent != Sent::Done {
            self.finish_sending(key, sent, terms.to_options(), terms.share.cloned(), message);
        }
    }

    fn finish_sending(
        &mut self,
        key: Key,
        sent: Sent,
        options: DeliveryOptions,
        share: Option<Arc<str>>,
        message: &Arc<Message>,
    ) {
        match sent {
            Sent::Done | Sent::Stored => {}
            Sent::Lent(id) => self.lend(key, id, message.clone(), share.as_ref()),
            Sent::Later => self.enqueue(key, Waiting { message: message.clone(), options, share }),
            Sent::Never(reason) => self.give_up_message(key, reason),
        }
    }

    /// A message of a shared subscription is with the client, and with nobody else.
    fn lend(&mut self, key: Key, id: PacketId, message: Arc<Message>, share: Option<&Arc<str>>) {
        let bytes_max = self.settings.limits.queue_bytes_max;
        if let (Some(session), Some(share)) = (self.sessions.get_mut(key), share) {
            session.lent.keep(id, SharedMessage { message, share: share.clone() }, bytes_max);
        }
    }

    /// A message will not be delivered to this session.
    pub(super) fn give_up_message(&mut self, key: Key, reason: DropReason) {
        match reason {
            DropReason::Expired => self.stats.dropped_expired += 1,
            DropReason::TooLarge => self.stats.dropped_too_large += 1,
            DropReason::Away => self.stats.dropped_away += 1,
            _ => {}
        }
        self.note_dropped(key, reason, 1);
    }

    fn enqueue(&mut self, key: Key, waiting: Waiting) {
        let limits = &self.settings.limits;
        let Some(session) = self.sessions.get_mut(key) else {
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
            self.note_dropped(key, reason, dropped);
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
        if !conn.has_room(limits) {
            return None;
        }
        if let Some(waiting) = session.queue.pop_at_most_once() {
            return Some(waiting);
        }
        if session.window.len() >= usize::from(limits.inflight_max) || !conn.has_send_quota() {
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
        let delivery = open(&mut session.window, terms.qos);
        self.write_to(key, fan, delivery, terms);
        if let Delivery::AtLeastOnce { id, .. } = delivery {
            self.lend(key, id, message.clone(), terms.share);
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
pub(super) fn announce(key: Key, conn: &mut Conn, outputs: &mut Outputs) {
    if !conn.announced {
        conn.announced = true;
        outputs.push_transmit(key);
    }
}
