//! What is kept of messages with RETAIN: every shard has all of it, one shard decides for each topic.
//!
//! The owner of a topic gives each change a version, stores it, enters it, and tells its siblings. Changes are entered in the order
//! of their versions, whatever order the store answers in.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use lmq_codec::{QoS, TopicName};
use lmq_model::UnixMillis;

use super::{
    Shard, ShardPhase,
    effects::{Op, Question, Waiter},
    siblings::Load,
};
use crate::{
    Failed, InstanceIndex, Instant, Message, MessageId, RouteMessage, RouteTicket, ShardId, StoreOp, StoredRetained,
    planted::{Bug, planted},
    slab::Key,
};

/// The retained message of a topic.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) message: Arc<Message>,
    version: u64,
    /// When it, or a newer message of the topic, passed by; see [`Shard::passes_live`].
    pub(super) live: Live,
    /// The one before it.
    replaced: Option<MessageId>,
}

/// The last message of a topic that passed by on its way to subscribers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Live {
    /// As the shard counts them.
    pub(super) at: u64,
    /// Which one, until it is kept: what is entered before is older.
    awaited: Option<MessageId>,
}

/// A topic in its instance, as text under which it is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TopicKey {
    pub(super) instance: InstanceIndex,
    pub(super) topic: Arc<str>,
}

/// What this shard knows of retained messages besides the messages.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// The version of the last change.
    version: u64,
    /// Changes that are not entered yet, oldest first; their versions are consecutive.
    changes: VecDeque<Change>,
    /// The topics they concern.
    changing: BTreeMap<TopicKey, Planned>,
    /// What will be kept, of all owners, when they are entered.
    planned: Load,
    /// When own messages expire.
    expiring: BTreeSet<(UnixMillis, TopicKey)>,
    /// Messages kept of our own topics.
    own: u64,
}

/// A topic with changes that are not entered.
#[derive(Debug, Default)]
struct Planned {
    changes: u32,
    /// What is kept after the last of them.
    load: Load,
    /// See [`Kept`].
    live: Live,
}

#[derive(Debug)]
struct Change {
    place: TopicKey,
    /// What is kept from then on.
    message: Option<Arc<Message>>,
    /// Nobody tries again: if the store fails, nothing is kept, because the older message is no longer true.
    final_try: bool,
    /// It counts as a message that waits here.
    load: Option<Load>,
    op: Key,
    stored: Option<Result<(), Failed>>,
}

/// A change that the store may have carried out after it was given up.
#[derive(Debug)]
pub(super) struct LateChange {
    place: TopicKey,
    version: u64,
    message: Option<Arc<Message>>,
}

impl Shard {
    /// The retained message of a topic, if there is one. Every shard knows those of all.
    pub fn retained(&self, instance: InstanceIndex, topic: TopicName<'_>) -> Option<Arc<Message>> {
        let topic = self.topic_kept(topic);
        let kept = self.tenants.get(usize::from(instance.0))?.kept.get(topic)?;
        (!kept.message.is_expired(self.now.wall)).then(|| kept.message.clone())
    }

    /// Keeps a message of a topic that is ours, or nothing if its payload is empty [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7].
    pub(super) fn keep_message(&mut self, message: &Arc<Message>, op: Key, from_here: bool) {
        let load = Load::of_message(message);
        if from_here {
            self.add_load(self.id, load);
        }
        let Ok(topic) = TopicName::new(&message.topic) else {
            return;
        };
        let place = TopicKey { instance: message.instance, topic: self.topic_kept(topic).as_str().into() };
        let is_message = !message.payload.is_empty();
        let fits = is_message && self.has_room_for(&place, load);
        self.stats.retained_dropped += u64::from(is_message && !fits);
        self.change(Change {
            place,
            message: fits.then(|| message.clone()),
            final_try: message.qos == QoS::AtMostOnce,
            load: from_here.then_some(load),
            op,
            stored: None,
        });
    }

    /// Whether one more message is within the limits, once what is being stored is there.
    fn has_room_for(&self, place: &TopicKey, load: Load) -> bool {
        let Load { messages, bytes } = self.keeping.planned;
        let replaced = self.planned_for(place);
        let messages = u64::from(messages) + 1 - u64::from(replaced.messages);
        let bytes = (bytes + load.bytes).saturating_sub(replaced.bytes);
        let limits = &self.settings.limits;
        messages <= u64::from(limits.retained_messages_max) && bytes <= limits.retained_bytes_max
    }

    fn planned_for(&self, place: &TopicKey) -> Load {
        match self.keeping.changing.get(place) {
            Some(planned) => planned.load,
            None => self.kept_at(place).map_or(Load::default(), Kept::load),
        }
    }

    fn kept_at(&self, TopicKey { instance, topic }: &TopicKey) -> Option<&Kept> {
        self.tenants.get(usize::from(instance.0))?.kept.get(TopicName::new(topic).ok()?)
    }

    fn change(&mut self, change: Change) {
        let (before, after) = (self.planned_for(&change.place), change.load_after());
        let Keeping { version, changing, planned, .. } = &mut self.keeping;
        *version += 1;
        planned.add(after);
        planned.take(before);
        let topic = changing.entry(change.place.clone()).or_default();
        topic.changes += 1;
        topic.load = after;
        if let Some(op) = self.ops.get_mut(change.op) {
            op.waiting += 1;
        }
        let (TopicKey { instance, topic }, message, version) = (change.place.clone(), change.message.clone(), *version);
        self.keeping.changes.push_back(change);
        self.ask_store(StoreOp::SetRetained { instance, topic, version, message }, Question::Keep { version });
    }

    /// The store has answered for a change.
    pub(super) fn change_stored(&mut self, version: u64, result: Result<(), Failed>) {
        let Keeping { version: last, changes, .. } = &mut self.keeping;
        let first = *last + 1 - changes.len() as u64;
        if let Some(change) = changes.get_mut(version.wrapping_sub(first) as usize) {
            change.stored = Some(result);
        }
        while let Some(result) = self.keeping.changes.front().and_then(|change| change.stored) {
            let version = self.keeping.version + 1 - self.keeping.changes.len() as u64;
            if let Some(change) = self.keeping.changes.pop_front() {
                self.commit(change, version, result);
            }
        }
    }

    fn commit(&mut self, change: Change, version: u64, result: Result<(), Failed>) {
        let Change { place, message, final_try, load, op, .. } = change;
        let ok = result.is_ok();
        if ok || final_try {
            self.stats.retained_dropped += u64::from(!ok && message.is_some());
            let message = message.filter(|_| ok);
            if message.is_some() || !planted(Bug::ClearedStaysKept) {
                self.enter_kept(&place, version, message.clone(), true);
            }
            self.tell_kept(&place, version, message.as_ref(), Some(op));
            self.forget_doubted_changes(&place, version);
        } else if result == Err(Failed::TimedOut) {
            self.doubt_change(op, LateChange { place: place.clone(), version, message });
        }
        self.end_change(&place);
        self.watch_kept(&place);
        if let Some(load) = load {
            self.credit(self.id, load);
        }
        self.settle(op, ok);
    }

    /// The store has a change after all. What a sibling asks from now on is answered behind it.
    pub(super) fn enter_late(&mut self, LateChange { place, version, message }: LateChange) {
        self.enter_kept(&place, version, message.clone(), true);
        self.tell_kept(&place, version, message.as_ref(), None);
        self.forget_doubted_changes(&place, version);
    }

    /// After the last change of a topic the plan is what came of it.
    fn end_change(&mut self, place: &TopicKey) {
        let kept = self.kept_at(place).map_or(Load::default(), Kept::load);
        let Keeping { changing, planned, .. } = &mut self.keeping;
        let Some(topic) = changing.get_mut(place) else { return };
        topic.changes -= 1;
        if topic.changes == 0 {
            planned.add(kept);
            planned.take(topic.load);
            changing.remove(place);
        }
    }

    fn tell_kept(&mut self, place: &TopicKey, version: u64, message: Option<&Arc<Message>>, op: Option<Key>) {
        let TopicKey { instance, topic } = place;
        let load = Load::of_kept(topic, message);
        if planted(Bug::SiblingsNotTold) {
            return;
        }
        self.tell_siblings(|shard, to| {
            let ticket = shard.ask_route(to, op, load);
            RouteMessage::Retained {
                ticket,
                instance: *instance,
                topic: topic.clone(),
                version,
                message: message.cloned(),
            }
        });
    }

    /// Replaces what is kept for a topic, unless that is newer.
    pub(super) fn enter_kept(&mut self, place: &TopicKey, version: u64, message: Option<Arc<Message>>, ours: bool) {
        let TopicKey { instance, topic } = place;
        let Ok(topic) = TopicName::new(topic) else { return };
        let Some(tenant) = self.tenants.get_mut(usize::from(instance.0)) else { return };
        let known = tenant.kept.get(topic);
        if known.is_some_and(|kept| kept.version >= version) {
            return;
        }
        let planned = self.keeping.changing.get(place);
        // Of two that are the same, the one of the kept message has been entered already.
        let live = [planned.map(|planned| planned.live), known.map(|kept| kept.live)].into_iter().flatten();
        let live = live.max_by_key(|live| live.at).unwrap_or_default();
        let replaced = known.map(|kept| kept.message.id);
        let new = message.map(|message| Kept { live: live.of_next(message.id), message, version, replaced });
        let added = new.as_ref().map_or(Load::default(), Kept::load);
        let old = match new {
            Some(kept) => tenant.kept.insert(topic, kept),
            None => tenant.kept.remove(topic),
        };
        let removed = old.as_ref().map_or(Load::default(), Kept::load);
        let Keeping { changing, planned, own, expiring, .. } = &mut self.keeping;
        if !changing.contains_key(place) {
            planned.add(added);
            planned.take(removed);
        }
        if ours {
            *own = *own + u64::from(added.messages) - u64::from(removed.messages);
            if let Some(at) = old.and_then(|old| old.message.expires_at) {
                expiring.remove(&(at, place.clone()));
            }
            self.watch_kept(place);
        }
    }

    /// Makes sure that the end of an own message is noticed.
    fn watch_kept(&mut self, place: &TopicKey) {
        if let Some(at) = self.kept_at(place).and_then(|kept| kept.message.expires_at) {
            self.keeping.expiring.insert((at, place.clone()));
        }
    }

    /// Removes own messages whose time is over, here, in the store and in every sibling.
    pub(super) fn expire_kept(&mut self) {
        for _ in 0..self.settings.limits.work_per_call_max {
            let due = self.kept_deadline().is_some_and(|at| at <= self.now.monotonic);
            let Some((_, place)) = due.then(|| self.keeping.expiring.pop_first()).flatten() else {
                return;
            };
            // What is being stored takes its place, or looks at it again.
            if self.keeping.changing.contains_key(&place) {
                continue;
            }
            let op = self.ops.insert(Op::waited_by(Waiter::Nobody));
            self.change(Change { place, message: None, final_try: true, load: None, op, stored: None });
        }
    }

    /// When the next own message expires.
    pub(super) fn kept_deadline(&self) -> Option<Instant> {
        let (at, _) = self.keeping.expiring.first().filter(|_| self.phase == ShardPhase::Serving)?;
        let left = core::time::Duration::from_millis(at.since(self.now.wall));
        Some(self.now.monotonic.saturating_add(left))
    }

    /// A message with RETAIN goes to the subscribers as it comes. They need not have what was kept for its topic before, and must
    /// not get it behind this one. (They still may if that is the first one of its topic, and is on its way from a sibling that owns it.) One that is kept behind this one, and did not
    /// pass by because its publisher's shard did not know them yet, they get.
    pub(super) fn passes_live(&mut self, instance: InstanceIndex, topic: TopicName<'_>, id: MessageId) {
        if !self.settings.profile.retained_messages {
            return;
        }
        self.live += 1;
        let topic = self.topic_kept(topic);
        let tenant = self.tenants.get_mut(usize::from(instance.0));
        let live = Live { at: self.live, awaited: Some(id) };
        if let Some(kept) = tenant.and_then(|tenant| tenant.kept.get_mut(topic)) {
            // A QoS 2 message comes behind its store, and what is kept may be newer by then.
            if kept.replaced == Some(id) {
                return;
            }
            kept.live = live.of_next(kept.message.id);
            if kept.message.id == id {
                return;
            }
        }
        // What is being stored may be older as well.
        if !self.keeping.changing.is_empty() {
            if let Some(planned) = self.keeping.changing.get_mut(&TopicKey { instance, topic: topic.as_str().into() }) {
                planned.live = live;
            }
        }
    }

    /// The text under which a topic is kept.
    fn topic_kept<'t>(&self, topic: TopicName<'t>) -> TopicName<'t> {
        self.settings.profile.routed_topic(topic)
    }

    /// Topics with a retained message that are ours.
    pub(super) fn kept_own(&self) -> u64 {
        self.keeping.own
    }

    /// Takes a message of an earlier start back and tells the siblings, as part of an operation.
    pub(super) fn take_back_kept(&mut self, stored: StoredRetained, op: Key) {
        let StoredRetained { instance, topic, version, message } = stored;
        self.keeping.version = self.keeping.version.max(version);
        let place = TopicKey { instance, topic };
        self.enter_kept(&place, version, Some(message.clone()), true);
        self.tell_kept(&place, version, Some(&message), Some(op));
    }

    /// A sibling hands us a message of a topic that is ours.
    pub(super) fn keep_for(&mut self, to: ShardId, ticket: RouteTicket, message: &Arc<Message>) {
        let op = self.ops.insert(Op::waited_by(Waiter::Sibling { to, ticket }));
        self.keep_message(message, op, false);
    }
}

impl LateChange {
    /// Whether a later change of the same topic takes its place.
    pub(super) fn is_replaced_by(&self, place: &TopicKey, version: u64) -> bool {
        self.place == *place && self.version < version
    }
}

impl Live {
    /// The same for the next message that is entered: one that comes behind the one that passed by did not pass by itself.
    fn of_next(self, id: MessageId) -> Self {
        match self.awaited {
            Some(awaited) if awaited == id => Self { awaited: None, ..self },
            Some(_) => self,
            None => Self::default(),
        }
    }
}

impl Kept {
    fn load(&self) -> Load {
        Load::of_message(&self.message)
    }
}

impl Change {
    fn load_after(&self) -> Load {
        self.message.as_ref().map_or(Load::default(), |message| Load::of_message(message))
    }
}
