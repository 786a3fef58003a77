//! One member of a shared subscription gets a message.
//!
//! ```text
//!   publisher's shard ── Publish ──▶ owner of the group ── SharedDelivery ──▶ the member's shard
//!                                     chooses a member ◀──── SharedReturn ───── gone, or does not take it
//! ```
//!
//! What the owner knows of members elsewhere may be old. Whoever finds that a member does not take a message gives it back, and the owner
//! chooses again; the publisher's answer waits for all of it. A message that was sent with QoS 2 is never given back [MQTT-4.8.2-5].

use alloc::{sync::Arc, vec::Vec};

use lmq_codec::{QoS, TopicName};

use super::{
    Shard,
    effects::{Question, Waiter},
    fan::Fan,
    groups::{Chosen, MemberPlace},
    members::{fit, keeps},
    publish::Origin,
    question,
    siblings::Load,
    targets::{RemoteMember, Targets},
};
use crate::{
    InstanceIndex, Message, RouteMessage, RouteTicket, ShardId, Ticket,
    planted::{Bug, planted},
    session::Session,
    slab::{Key, Slab},
};

impl Shard {
    /// Adds a member of each of our groups that match to the scratch list.
    pub(super) fn choose_members(&mut self, instance: InstanceIndex, topic: TopicName<'_>, qos: QoS) {
        let Self { tenants, sessions, conns, scratch, settings, stats, deliveries, .. } = self;
        let Some(tenant) = tenants.get_mut(usize::from(instance.0)) else {
            return;
        };
        tenant.shares.find(topic, &mut scratch.groups);
        for group in &scratch.groups {
            *deliveries = deliveries.saturating_add(1);
            let fit = |place, share: &str| fit(place, qos, share, sessions, conns, settings);
            match tenant.shares.choose(*group, settings.limits.shared_asks_max, fit) {
                Some(chosen) => add(&mut scratch.targets, &chosen, sessions),
                None => stats.dropped_shared += 1,
            }
        }
    }

    /// Sends a message to chosen members in other shards, counting the questions into an operation.
    pub(super) fn send_to_members(&mut self, members: Vec<RemoteMember>, message: &Arc<Message>, op: Option<Key>) {
        for member in members {
            self.send_to_member(member, 0, message, op);
        }
    }

    fn send_to_member(&mut self, member: RemoteMember, tries: u32, message: &Arc<Message>, op: Option<Key>) {
        let RemoteMember { shard, client, share } = member;
        let op = op.filter(|_| !planted(Bug::MemberNotAwaited));
        let ticket = self.ask_sibling(shard, op, message.weight());
        let message = message.clone();
        self.send(shard, RouteMessage::SharedDelivery { ticket, client, share, tries, message });
    }

    /// The owner of a group chose a client of ours.
    pub(super) fn on_shared_delivery(
        &mut self,
        (from, ticket): (ShardId, Option<RouteTicket>),
        client: &str,
        share: Arc<str>,
        tries: u32,
        message: &Arc<Message>,
    ) {
        let load = Load::of_message(message);
        let key = self.find_client(message.instance, client);
        let found = key.and_then(|key| Some((key, self.sessions.get(key)?)));
        let takes = |session: &Session| self.is_live(session) || keeps(session, message.qos, &share, &self.settings);
        let subscribed = found.and_then(|(key, session)| {
            let subscription = session.subscriptions.get(&share).copied()?;
            takes(session).then_some((key, subscription))
        });
        let Some((key, subscription)) = subscribed else {
            if ticket.is_none() {
                self.done(from, None, load);
            }
            return self.send(from, RouteMessage::SharedReturn { ticket, share, tries, message: message.clone() });
        };
        self.scratch.targets.clear();
        self.scratch.targets.add_member(key.slot, subscription, share);
        self.take_from(from, ticket, load, message, true);
        self.tell_member_state(key);
    }

    /// A message of one of our groups comes back.
    pub(super) fn on_shared_return(
        &mut self,
        ticket: Option<RouteTicket>,
        share: &str,
        tries: u32,
        message: &Arc<Message>,
    ) {
        let Some(ticket) = ticket else {
            return self.choose_again(share, message, None, tries + 1);
        };
        // One that was given up has failed its publisher, who sends the message again.
        let Some(Question::Route { op, to, load }) = self.questions.remove(question(Ticket(ticket.0))) else {
            return;
        };
        self.credit(to, load);
        if !planted(Bug::ReturnedDropped) {
            self.choose_again(share, message, op, tries + 1);
        }
        if let Some(op) = op {
            self.settle(op, true);
        }
    }

    /// Whether a session still gets a message that was forwarded behind its effects.
    pub(super) fn takes_forwarded(&self, key: Key, seq: Option<u64>) -> bool {
        self.sessions.get(key).is_some_and(|session| seq.is_some() || session.conn.is_some())
    }

    /// A session of ours does not take a message of a shared subscription, or has gone with it: another member gets it.
    pub(super) fn pass_on(&mut self, share: &Arc<str>, message: &Arc<Message>, op: Option<Key>) {
        let Some(owner) = self.owner_of(message.instance, share) else {
            return;
        };
        if owner == self.id {
            return self.choose_again(share, message, op, 0);
        }
        // If the owner asked, this is the answer.
        let mut ticket = None;
        if let Some(op) = op.and_then(|op| self.ops.get_mut(op)) {
            if let Waiter::Sibling { to, ticket: asked } = op.waiter {
                if to == owner {
                    (ticket, op.waiter) = (Some(asked), Waiter::Nobody);
                }
            }
        }
        let (share, message) = (share.clone(), message.clone());
        self.send(owner, RouteMessage::SharedReturn { ticket, share, tries: 0, message });
    }

    /// Lets one of our groups choose once more. Each member is asked about once: `tries` counts those that did not take it.
    fn choose_again(&mut self, share: &str, message: &Arc<Message>, op: Option<Key>, tries: u32) {
        let Self { tenants, sessions, conns, scratch, settings, .. } = self;
        let Some(tenant) = tenants.get_mut(usize::from(message.instance.0)) else {
            return;
        };
        scratch.targets.clear();
        let asks_max = settings.limits.shared_asks_max;
        let group = tenant.shares.named(share).filter(|(_, members)| tries <= *members && tries < asks_max);
        let fit = |place, share: &str| fit(place, message.qos, share, sessions, conns, settings);
        match group.and_then(|(group, _)| tenant.shares.choose(group, asks_max, fit)) {
            Some(chosen) => add(&mut scratch.targets, &chosen, sessions),
            None => {
                self.stats.dropped_shared += 1;
                return;
            }
        }
        if let Some(member) = self.scratch.targets.remote.pop() {
            return self.send_to_member(member, tries, message, op);
        }
        let Some(mut fan) = Fan::of_message(message, self.settings.limits.shared_payload_bytes_min) else {
            return;
        };
        let part = self.fan_out(&Origin::of_message(message, true), &mut fan, 0, None);
        self.count_part(part, op);
    }

    /// An operation ends only after another one that is part of it.
    pub(super) fn count_part(&mut self, part: Option<Key>, whole: Option<Key>) {
        let (Some(part), Some(whole)) = (part, whole) else {
            return;
        };
        if let Some(op) = self.ops.get_mut(whole) {
            op.waiting += 1;
            if let Some(op) = self.ops.get_mut(part) {
                op.waiter = Waiter::Part(whole);
            }
        }
    }

    fn is_live(&self, session: &Session) -> bool {
        session.conn.and_then(|conn| self.conns.get(conn)).is_some_and(|conn| conn.is_live())
    }
}

/// Puts a chosen member into a list of targets.
fn add(targets: &mut Targets, chosen: &Chosen<'_>, sessions: &Slab<Session>) {
    match chosen.place {
        MemberPlace::Here(key) => {
            let granted = sessions.get(key).and_then(|session| session.subscriptions.get(chosen.share));
            if let Some(granted) = granted {
                targets.add_member(key.slot, *granted, chosen.share.clone());
            }
        }
        MemberPlace::There(shard, _) => {
            let (client, share) = (chosen.client.clone(), chosen.share.clone());
            targets.remote.push(RemoteMember { shard, client, share });
        }
    }
}
