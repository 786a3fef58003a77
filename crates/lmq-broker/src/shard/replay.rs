//! Retained messages for a new subscription: found some at a time, sent as far as there is room.
//!
//! Nothing is queued in memory for them: a replay stands still while outbox or window are full, and goes on with what is kept by then.
//! What goes through the store for a session that outlives its connection is handed to it in the same measure.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use lmq_codec::{QoS, RetainHandling, SubscribeOptions, TopicFilter};
use lmq_route::Cursor;

use super::{Shard, effects::Question, fan::Fan};
use crate::{
    CloseReason, DeliveryOptions, Message, QueueSlot, StoreOp, StoredMessage, Subscription,
    planted::{Bug, planted},
    session::{Replay, StoredQueue},
    slab::Key,
};

/// Topics looked at in one step. A step whose messages have no room is made again with one topic.
const STEP: usize = 32;

/// What a session can take now.
#[derive(Clone, Copy, Debug)]
struct Room {
    messages: usize,
    bytes: usize,
}

impl Shard {
    /// Whether a subscription brings retained messages [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11].
    pub(super) fn brings_retained(&self, filter: TopicFilter<'_>, options: SubscribeOptions, new: bool) -> bool {
        let asked = match options.retain_handling {
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => new || planted(Bug::BroughtAgain),
            RetainHandling::DoNotSend => false,
        };
        asked && self.settings.profile.retained_messages && filter.share().is_none()
    }

    /// A replay that begins when the SUBACK has left.
    pub(super) fn replay_of(&self, subscription: Subscription) -> Replay {
        Replay { subscription, since: self.live, cursor: None }
    }

    /// The SUBACK has left.
    pub(super) fn begin_replays(&mut self, conn: Key, begun: Box<[(Box<str>, Replay)]>) {
        let Some(key) = self.session_of(conn).filter(|_| !begun.is_empty() && !planted(Bug::ReplayForgotten)) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        for (filter, replay) in begun {
            // An UNSUBSCRIBE may have come behind.
            if session.subscriptions.contains(&filter) {
                session.replays.get_or_insert_default().begin(filter, replay);
            }
        }
        self.replay(key);
    }

    /// The client is back: what was under way to it goes on.
    pub(super) fn resume_replays(&mut self, key: Key) {
        let live = self.live;
        if let Some(replays) = self.sessions.get_mut(key).and_then(|session| session.replays.as_mut()) {
            replays.resume(live);
        }
    }

    /// Sends retained messages to a session until there is no room, or this call has done enough.
    pub(super) fn replay(&mut self, key: Key) {
        while let Some(room) = self.room_for_retained(key) {
            if self.replay_left == 0 {
                return self.replay_later(key);
            }
            let Some(replays) = self.sessions.get_mut(key).and_then(|session| session.replays.as_mut()) else {
                return;
            };
            let Some((filter, replay)) = replays.take() else {
                return;
            };
            let (messages, cursor) = self.step(key, &filter, &replay, room);
            for message in messages {
                self.send_retained(key, message, replay.subscription);
            }
            self.end_step(key, filter, replay, cursor);
        }
    }

    /// Goes on in a later call with those that were cut short.
    pub(super) fn replay_some(&mut self) {
        for _ in 0..self.replaying.len() {
            let Some(key) = self.replaying.pop_front() else { return };
            if let Some(replays) = self.sessions.get_mut(key).and_then(|session| session.replays.as_mut()) {
                replays.listed = false;
            }
            self.replay(key);
            self.forget_replays(key);
        }
    }

    fn replay_later(&mut self, key: Key) {
        let Some(replays) = self.sessions.get_mut(key).and_then(|session| session.replays.as_mut()) else {
            return;
        };
        if !core::mem::replace(&mut replays.listed, true) {
            self.replaying.push_back(key);
        }
    }

    fn end_step(&mut self, key: Key, filter: Box<str>, replay: Replay, cursor: Option<Cursor>) {
        let Some(replays) = self.sessions.get_mut(key).and_then(|session| session.replays.as_mut()) else {
            return;
        };
        match cursor {
            Some(_) if planted(Bug::ReplayCutShort) => {}
            Some(_) => replays.put_back(filter, Replay { cursor, ..replay }),
            None => replays.through(filter, replay),
        }
        self.forget_replays(key);
    }

    fn forget_replays(&mut self, key: Key) {
        if let Some(session) = self.sessions.get_mut(key) {
            if session.replays.as_ref().is_some_and(|replays| replays.is_idle()) {
                session.replays = None;
            }
        }
    }

    /// What the session can take now; `None` if it can take nothing, or nothing is under way to it.
    fn room_for_retained(&self, key: Key) -> Option<Room> {
        let limits = &self.settings.limits;
        let session = self.sessions.get(key)?;
        let replays = session.replays.as_ref()?;
        let qos = replays.first()?.subscription.options.qos;
        let conn = self.conns.get(session.conn?)?;
        let bytes = (limits.outbox_bytes_max as usize).saturating_sub(conn.outgoing_bytes());
        if !conn.has_room(limits) || session.queue.len() > 0 {
            return None;
        }
        let window = usize::from(limits.inflight_max).saturating_sub(session.window.len());
        let window = window.min(usize::from(conn.send_max.saturating_sub(conn.sent_open)));
        let at_hand = |queue: &StoredQueue| {
            (StoredQueue::batch() as usize).saturating_sub(queue.behind() as usize + replays.unanswered as usize)
        };
        let messages = match (qos, &session.stored) {
            (QoS::AtMostOnce, _) => usize::MAX,
            (_, None) => window,
            (qos, Some(queue)) if qos <= self.settings.profile.stored_qos_max => at_hand(queue),
            (_, Some(queue)) => at_hand(queue).min(window),
        };
        (messages > 0).then_some(Room { messages, bytes })
    }

    /// Looks at some topics: the messages that the session gets, and where to go on.
    fn step(&mut self, key: Key, filter: &str, replay: &Replay, room: Room) -> (Vec<Arc<Message>>, Option<Cursor>) {
        let kept = self.kept_in(key);
        let looked_at = if filter.contains(['+', '#']) { kept.min(STEP) } else { 1 };
        let work = looked_at.clamp(1, self.replay_left as usize);
        self.replay_left -= work as u32;
        let (messages, cursor) = self.look(key, filter, replay, work);
        let bytes = messages.iter().map(|message| message.weight()).fold(0, usize::saturating_add);
        if work > 1 && messages.len() > 1 && (messages.len() > room.messages || bytes > room.bytes) {
            return self.look(key, filter, replay, 1);
        }
        (messages, cursor)
    }

    /// How many topics there are to look at.
    fn kept_in(&self, key: Key) -> usize {
        let instance = self.sessions.get(key).map(|session| usize::from(session.client.instance.0));
        instance.and_then(|instance| self.tenants.get(instance)).map_or(0, |tenant| tenant.kept.len())
    }

    fn look(&self, key: Key, filter: &str, replay: &Replay, work: usize) -> (Vec<Arc<Message>>, Option<Cursor>) {
        let mut messages = Vec::new();
        let (Some(session), Ok(filter)) = (self.sessions.get(key), TopicFilter::new(filter)) else {
            return (messages, None);
        };
        let Some(tenant) = self.tenants.get(usize::from(session.client.instance.0)) else {
            return (messages, None);
        };
        let no_local = replay.subscription.options.no_local;
        let cursor = tenant.kept.matching(filter, replay.cursor.clone(), work, |_, kept| {
            let message = &kept.message;
            // [MQTT-3.8.3-3]
            let own = no_local && message.publisher == session.client.client_id;
            let passed = kept.live.at > replay.since;
            if !own && !passed && !message.is_expired(self.now.wall) {
                messages.push(message.clone());
            }
        });
        (messages, cursor)
    }

    /// Sends one, with RETAIN and the QoS of message or subscription, whichever is lower [MQTT-3.8.4-8].
    fn send_retained(&mut self, key: Key, message: Arc<Message>, subscription: Subscription) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let qos = message.qos.min(subscription.options.qos);
        // [MQTT-3.3.4-3]
        let options = DeliveryOptions { qos, retain: true, subscription_ids: subscription.id.as_slice().into() };
        if !session.stores(qos, self.settings.profile.stored_qos_max) {
            let fan = Fan::of_message(&message, self.settings.limits.shared_payload_bytes_min);
            return fan.map_or((), |mut fan| self.deliver(key, options.terms(), &mut fan, &message));
        }
        let Some(seq) = session.stored.as_mut().map(|queue| queue.assign()) else {
            return;
        };
        if let Some(replays) = &mut session.replays {
            replays.unanswered += 1;
        }
        let queues = alloc::vec![QueueSlot { client: session.client.clone(), seq, options: options.clone() }];
        let stored = Box::new(StoredMessage { seq, options, message: message.clone() });
        self.ask_store(StoreOp::Append { message, queues, dedup: None }, Question::Replay { session: key, stored });
    }

    /// The store has a retained message for a session, or has not: then the client has to come back for it.
    pub(super) fn replay_stored(&mut self, key: Key, stored: StoredMessage, ok: bool) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let conn = session.conn;
        if let Some(replays) = &mut session.replays {
            replays.answered(ok);
        }
        if let Some(queue) = session.stored.as_mut().filter(|_| !ok) {
            queue.doubt(stored.seq);
        }
        self.forget_replays(key);
        match conn {
            _ if ok => self.deliver_stored(key, stored),
            Some(conn) => self.close(conn, CloseReason::EffectFailed),
            None => {}
        }
    }
}
