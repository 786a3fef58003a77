//! The other shards of the broker: what they should send us, what we send them.
//!
//! A shard tells its siblings which filters its sessions have. They enter the filter in their index under a key of ours, so
//! one match finds local sessions and interested siblings alike, and a message crosses once per sibling. A SUBACK leaves only
//! after every sibling has confirmed the filter: a publisher anywhere that acts on the SUBACK is heard.

use alloc::{boxed::Box, sync::Arc};

use foldhash::{SharedSeed, fast::SeedableRandomState};
use hashbrown::HashMap;
use lmq_codec::{QoS, TopicFilter, TopicName};

use super::{
    Shard,
    effects::{Question, Waiter},
    fan::Fan,
    keep::TopicKey,
    publish::Origin,
    quota::Used,
};
use crate::{
    InstanceIndex, Message, Now, Output, RouteMessage, RouteTicket, ShardId, Subscription,
    conn::PauseCause,
    planted::{Bug, planted},
    slab::Key,
};

/// Set in the index keys that mean a sibling instead of a session.
pub(super) const SIBLING: u32 = 1 << 31;

/// The bit of a sibling's index key in a set of shards.
pub(super) const fn shard_bit(key: u32) -> u64 {
    1 << (key & 63)
}

#[derive(Debug, Default)]
pub(super) struct Link {
    /// What was sent there and is not answered.
    unanswered: Load,
    /// What came from there without ticket and is not credited yet.
    owed: Load,
}

/// So many messages of so many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) messages: u32,
    pub(super) bytes: u64,
}

impl Load {
    pub(super) fn of(message: &RouteMessage) -> Self {
        let bytes = match message {
            RouteMessage::Publish { message, .. }
            | RouteMessage::PointToPoint { message, .. }
            | RouteMessage::SharedDelivery { message, .. }
            | RouteMessage::SharedReturn { message, .. } => message.weight(),
            RouteMessage::Share { share, .. } => share.len(),
            RouteMessage::MemberState { client, .. } => client.len(),
            RouteMessage::Interest { filter, .. } => filter.len(),
            RouteMessage::Retain { message, .. } => message.weight(),
            RouteMessage::Retained { topic, message, .. } => return Self::of_kept(topic, message.as_ref()),
            RouteMessage::Settle { .. }
            | RouteMessage::Restored
            | RouteMessage::Done { .. }
            | RouteMessage::Usage { .. }
            | RouteMessage::Credit { .. } => 0,
        };
        Self { messages: 1, bytes: bytes as u64 }
    }

    pub(super) fn of_message(message: &Message) -> Self {
        Self { messages: 1, bytes: message.weight() as u64 }
    }

    /// Of a retained message that siblings are told.
    pub(super) fn of_kept(topic: &str, message: Option<&Arc<Message>>) -> Self {
        let bytes = topic.len() + message.map_or(0, |message| message.weight());
        Self { messages: 1, bytes: bytes as u64 }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.messages = self.messages.saturating_add(other.messages);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    pub(super) fn take(&mut self, other: Self) {
        self.messages = self.messages.saturating_sub(other.messages);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

/// How many of our sessions have a filter, and what the siblings know of it. Empty while there is only one shard.
#[derive(Debug)]
pub(super) struct Interests {
    filters: HashMap<Box<str>, Interest, SeedableRandomState>,
    epoch: u32,
}

#[derive(Debug)]
struct Interest {
    sessions: u32,
    /// Siblings that have not confirmed it.
    unconfirmed: u32,
    /// Tells answers apart that belong to an earlier life of the same filter.
    epoch: u32,
}

impl Interests {
    pub(super) fn new(seed: u64) -> Self {
        let hasher = SeedableRandomState::with_seed(seed, SharedSeed::global_fixed());
        Self { filters: HashMap::with_hasher(hasher), epoch: 0 }
    }
}

impl Shard {
    /// A sibling says something. Every message of a link arrives once, in order.
    pub fn handle_route(&mut self, now: Now, from: ShardId, message: RouteMessage) {
        self.advance_clock(now);
        let load = Load::of(&message);
        if let Some(instance) = message.tells_of() {
            self.know_tenant(instance);
        }
        match message {
            RouteMessage::Publish { ticket, message } => {
                if let Some(topic) = TopicName::new(&message.topic).ok().filter(|_| message.retain) {
                    self.passes_live(message.instance, topic, message.id);
                }
                if self.line.is_busy() {
                    return self.line.add_of_sibling(from, ticket, message);
                }
                self.take_published(from, ticket, &message);
            }
            RouteMessage::PointToPoint { ticket, target, message } => {
                let origin = Origin::of_message(&message, message.publisher_persistent);
                self.match_client(&origin, &target, message.qos);
                self.take_from(from, ticket, load, &message, origin.may_store);
            }
            RouteMessage::Interest { ticket, instance, filter, wanted } => {
                self.set_interest(from, instance, &filter, wanted);
                self.done(from, Some(ticket), load);
            }
            RouteMessage::Retain { ticket, message } => self.keep_for(from, ticket, &message),
            RouteMessage::Retained { ticket, instance, topic, version, message } => {
                self.enter_kept(&TopicKey { instance, topic }, version, message, false);
                self.done(from, Some(ticket), load);
            }
            RouteMessage::Settle { ticket } => self.settle_for(from, ticket),
            RouteMessage::Share { ticket, instance, share, client, joins } => {
                self.on_share((from, ticket), instance, &share, &client, joins);
            }
            RouteMessage::MemberState { instance, client, state } => {
                if let Some(tenant) = self.tenant(instance) {
                    tenant.shares.set_state(&client, state);
                }
                self.done(from, None, load);
            }
            RouteMessage::SharedDelivery { ticket, client, share, tries, message } => {
                self.on_shared_delivery((from, ticket), &client, share, tries, &message);
            }
            RouteMessage::SharedReturn { ticket, share, tries, message } => {
                self.done(from, None, load);
                self.on_shared_return(ticket, &share, tries, &message);
            }
            RouteMessage::Done { ticket, ok } => {
                let result = if ok { Ok(crate::Done::Stored) } else { Err(crate::Failed::Unavailable) };
                self.handle_done(now, crate::Ticket(ticket.0), result);
            }
            RouteMessage::Restored => self.sibling_restored(from),
            RouteMessage::Usage { instance, connections, subscriptions } => {
                self.note_usage(from, instance, Used { connections, subscriptions });
            }
            RouteMessage::Credit { messages, bytes } => self.credit(from, Load { messages, bytes }),
        }
    }

    /// Delivers a message of a sibling to its subscribers, and answers it.
    pub(super) fn take_published(&mut self, from: ShardId, ticket: Option<RouteTicket>, message: &Arc<Message>) {
        let load = Load::of_message(message);
        let Ok(topic) = TopicName::new(&message.topic) else {
            return self.done(from, ticket, load);
        };
        let max = self.settings.limits.deliveries_per_call_max as usize;
        self.match_topic(message.instance, topic, message.qos, None, max);
        self.take_from(from, ticket, load, message, true);
    }

    /// Delivers a message of a sibling to the sessions in the scratch list, and answers it.
    pub(super) fn take_from(
        &mut self,
        from: ShardId,
        ticket: Option<RouteTicket>,
        load: Load,
        message: &Arc<Message>,
        may_store: bool,
    ) {
        let origin = Origin::of_message(message, may_store);
        let fan = Fan::of_message(message, self.settings.limits.shared_payload_bytes_min);
        let op = fan.and_then(|mut fan| self.fan_out(&origin, &mut fan, 0, None));
        let op = op.and_then(|op| self.ops.get_mut(op));
        match (op, ticket) {
            (Some(op), Some(ticket)) => op.waiter = Waiter::Sibling { to: from, ticket },
            _ => self.done(from, ticket, load),
        }
    }

    pub(super) fn done(&mut self, to: ShardId, ticket: Option<RouteTicket>, load: Load) {
        match ticket {
            Some(ticket) => {
                self.outputs.push_back(Output::Route { to, message: RouteMessage::Done { ticket, ok: true } })
            }
            None => {
                if let Some(link) = self.links.get_mut(usize::from(to.0)) {
                    link.owed.add(load);
                }
            }
        }
    }

    /// Sends a message to a set of siblings, counting the questions into an operation.
    pub(super) fn route_to(&mut self, shards: u64, message: &Arc<Message>, op: Option<Key>) {
        let mut rest = shards;
        while rest != 0 {
            let to = ShardId(rest.trailing_zeros() as u16);
            rest &= rest - 1;
            let ticket = self.ask_sibling(to, op, message.weight());
            self.send(to, RouteMessage::Publish { ticket, message: message.clone() });
        }
    }

    /// Sends a message for one client to the shard that owns it.
    pub(super) fn route_point_to_point(&mut self, to: ShardId, target: &str, message: &Arc<Message>) -> Option<Key> {
        let op = (message.qos != QoS::AtMostOnce).then(|| self.ops.insert(super::Op::waited_by(Waiter::Nobody)));
        let ticket = self.ask_sibling(to, op, message.weight());
        self.send(to, RouteMessage::PointToPoint { ticket, target: target.into(), message: message.clone() });
        op
    }

    /// Something is under way to a shard; to ourselves, if our store is to keep it.
    pub(super) fn add_load(&mut self, to: ShardId, load: Load) {
        if let Some(link) = self.links.get_mut(usize::from(to.0)) {
            link.unanswered.add(load);
        }
    }

    pub(super) fn send(&mut self, to: ShardId, message: RouteMessage) {
        self.add_load(to, Load::of(&message));
        self.stats.routed += 1;
        self.outputs.push_back(Output::Route { to, message });
    }

    #[inline]
    pub(super) fn links_are_full(&self) -> bool {
        let limits = &self.settings.limits;
        let full = |load: Load| load.messages >= limits.link_messages_max || load.bytes >= limits.link_bytes_max;
        self.links.iter().any(|link| full(link.unanswered))
    }

    /// A ticket for a message whose answer an operation waits for.
    pub(super) fn ask_sibling(&mut self, to: ShardId, op: Option<Key>, bytes: usize) -> Option<RouteTicket> {
        let load = Load { messages: 1, bytes: bytes as u64 };
        op.map(|op| self.ask_route(to, Some(op), load))
    }

    /// A ticket for what a sibling is to do; an operation, if there is one, waits for its answer.
    pub(super) fn ask_route(&mut self, to: ShardId, op: Option<Key>, load: Load) -> RouteTicket {
        RouteTicket(self.ask(Question::Route { op, to, load }).0)
    }

    pub(super) fn credit(&mut self, from: ShardId, load: Load) {
        if let Some(link) = self.links.get_mut(usize::from(from.0)) {
            link.unanswered.take(load);
        }
        if !self.paused_by_link.is_empty() && !self.links_are_full() {
            for conn in core::mem::take(&mut self.paused_by_link) {
                self.unpause(conn, PauseCause::Link);
            }
        }
    }

    /// Answers the messages without ticket of this drain, all at once.
    pub(super) fn give_credit(&mut self) {
        for (to, link) in self.links.iter_mut().enumerate() {
            let owed = core::mem::take(&mut link.owed);
            if owed.messages > 0 && !planted(Bug::CreditForgotten) {
                let message = RouteMessage::Credit { messages: owed.messages, bytes: owed.bytes };
                self.outputs.push_back(Output::Route { to: ShardId(to as u16), message });
            }
        }
    }

    fn set_interest(&mut self, from: ShardId, instance: InstanceIndex, filter: &str, wanted: bool) {
        let Ok(filter) = TopicFilter::new(filter) else {
            return;
        };
        let key = SIBLING | u32::from(from.0);
        let Some(tenant) = self.tenant(instance) else {
            return;
        };
        if wanted {
            tenant.index.insert(filter, key, Subscription::new(QoS::ExactlyOnce));
        } else {
            tenant.index.remove(filter, key);
        }
    }

    /// A session of ours has a filter; the operation waits until every sibling knows.
    pub(super) fn want(&mut self, instance: InstanceIndex, filter: &str, new: bool, op: Option<Key>) {
        let op = op.filter(|_| !planted(Bug::SubAckEarly));
        if self.links.len() <= 1 {
            return;
        }
        let siblings = self.links.len() as u32 - 1;
        let Some(tenant) = self.tenants.get_mut(usize::from(instance.0)) else {
            return;
        };
        let interests = &mut tenant.interests;
        interests.epoch = interests.epoch.wrapping_add(1);
        let epoch = interests.epoch;
        let interest = interests.filters.entry_ref(filter).or_insert_with(|| Interest {
            sessions: 0,
            unconfirmed: u32::MAX,
            epoch,
        });
        interest.sessions += u32::from(new);
        if interest.unconfirmed == 0 || planted(Bug::InterestForgotten) {
            return;
        }
        // Told again while not confirmed, so that this SUBACK waits as well; entering a filter twice changes nothing.
        interest.unconfirmed = siblings;
        interest.epoch = epoch;
        self.tell_siblings(|shard, to| {
            let asked = Question::Interest { to, op, instance, filter: filter.into(), epoch };
            let ticket = RouteTicket(shard.ask(asked).0);
            RouteMessage::Interest { ticket, instance, filter: filter.into(), wanted: true }
        });
    }

    /// A session of ours no longer has a filter.
    pub(super) fn unwant(&mut self, instance: InstanceIndex, filter: &str, op: Option<Key>) {
        if self.links.len() <= 1 {
            return;
        }
        let Some(tenant) = self.tenants.get_mut(usize::from(instance.0)) else {
            return;
        };
        let Some(interest) = tenant.interests.filters.get_mut(filter) else {
            return;
        };
        interest.sessions -= 1;
        if interest.sessions > 0 {
            return;
        }
        tenant.interests.filters.remove(filter);
        self.tell_siblings(|shard, to| {
            let load = Load { messages: 1, bytes: filter.len() as u64 };
            let ticket = shard.ask_route(to, op, load);
            RouteMessage::Interest { ticket, instance, filter: filter.into(), wanted: false }
        });
    }

    /// A sibling has entered a filter of ours.
    pub(super) fn confirm(&mut self, instance: InstanceIndex, filter: &str, epoch: u32) {
        let Some(tenant) = self.tenants.get_mut(usize::from(instance.0)) else {
            return;
        };
        if let Some(interest) = tenant.interests.filters.get_mut(filter).filter(|interest| interest.epoch == epoch) {
            interest.unconfirmed -= 1;
        }
    }

    pub(super) fn tell_siblings(&mut self, message: impl Fn(&mut Self, ShardId) -> RouteMessage) {
        let own = self.id;
        for to in (0..self.links.len() as u16).map(ShardId).filter(|to| *to != own) {
            let message = message(self, to);
            self.send(to, message);
        }
    }
}

impl Origin {
    pub(super) fn of_message(message: &Message, may_store: bool) -> Self {
        Self { instance: message.instance, session: None, persistent: message.publisher_persistent, may_store }
    }
}
