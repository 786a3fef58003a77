//! From a message and those it goes to, to the outboxes, stores and siblings of each.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use lmq_codec::{PacketId, QoS};

use super::{
    Shard,
    deliver::Sent,
    effects::{Addressee, Forward, Op, Question, Waiter},
    fan::Fan,
    publish::Origin,
    targets::RemoteMember,
};
use crate::{ClientKey, Message, QueueSlot, StoreOp, slab::Key};

impl Shard {
    /// Delivers to the local sessions in the scratch list now, or after the effects this needs, or some at a time; tells the
    /// siblings in `shards`.
    pub(super) fn fan_out(
        &mut self,
        origin: &Origin,
        fan: &mut Fan<'_>,
        shards: u64,
        dedup: Option<(ClientKey, PacketId)>,
    ) -> Option<Key> {
        if self.scratch.targets.too_many {
            return self.divide(origin, fan, shards);
        }
        let deferred = dedup.is_some();
        let receivers = if deferred { self.defer_all(origin, fan) } else { self.send_all(origin, fan) };
        if receivers.is_empty() && !deferred && shards == 0 && self.scratch.targets.remote.is_empty() {
            return None;
        }
        let remote = core::mem::take(&mut self.scratch.targets.remote);
        // What others have to do is recorded against a second try when it is done, not before.
        let dedup = dedup.filter(|_| shards == 0 && remote.is_empty() && self.is_all_here(origin, fan));
        let record = deferred && dedup.is_none();
        // A message that waits for the store goes behind it also without receivers here, lest it overtakes an earlier one that has some
        // [MQTT-4.6.0-6].
        let op = if !receivers.is_empty() || deferred {
            Some(self.store_then_forward(origin, fan, receivers, (shards, remote), deferred, dedup))
        } else {
            let message = self.message(origin, fan);
            let op = self.route(shards, &message);
            self.send_to_members(remote, &message, op);
            op
        };
        if let Some(op) = op.and_then(|op| self.ops.get_mut(op)) {
            op.record = record;
        }
        op
    }

    /// Sends to those that are served from memory; returns those whose message goes through the store.
    #[inline]
    fn send_all(&mut self, origin: &Origin, fan: &mut Fan<'_>) -> Vec<Addressee> {
        let mut receivers = Vec::new();
        let mut at = 0;
        while let Some((stopped_at, sent)) = self.send_from(at, origin, fan) {
            if sent == Sent::Stored {
                receivers.extend(self.addressee(stopped_at, fan, true));
            } else {
                self.unsent(stopped_at, sent, origin, fan);
            }
            at = stopped_at + 1;
        }
        receivers
    }

    /// Nobody gets it before it is stored.
    fn defer_all(&mut self, origin: &Origin, fan: &Fan<'_>) -> Vec<Addressee> {
        let (stored_qos_max, count) = (self.settings.profile.stored_qos_max, self.scratch.targets.len());
        let receiver = |at| {
            let (slot, terms) = self.scratch.targets.at(at, fan.qos, fan.retain)?;
            let stores = self.sessions.at(slot)?.stores(terms.qos, stored_qos_max);
            self.addressee(at, fan, origin.may_store && stores)
        };
        (0..count).filter_map(receiver).collect()
    }

    fn addressee(&mut self, at: usize, fan: &Fan<'_>, stored: bool) -> Option<Addressee> {
        let Self { scratch, sessions, .. } = self;
        let (slot, terms) = scratch.targets.at(at, fan.qos, fan.retain)?;
        let session = sessions.key(slot)?;
        let state = sessions.get_mut(session)?;
        let barred = state.barred;
        let queue = state.stored.as_mut().filter(|_| stored);
        let seq = queue.map(|queue| queue.assign());
        Some(Addressee { session, options: terms.to_options(), seq, share: terms.share.cloned(), barred })
    }

    /// Whether neither another shard nor the MQ side has to do with a message, its subscribers aside.
    fn is_all_here(&self, origin: &Origin, fan: &Fan<'_>) -> bool {
        let goes_up = self.goes_up(origin.instance);
        let kept_elsewhere = fan.retain
            && self.settings.profile.retained_messages
            && self.settings.owner_of_topic(origin.instance, fan.topic.as_str()) != self.id;
        !goes_up && !kept_elsewhere
    }

    fn store_then_forward(
        &mut self,
        origin: &Origin,
        fan: &mut Fan<'_>,
        receivers: Vec<Addressee>,
        elsewhere: (u64, Vec<RemoteMember>),
        deferred: bool,
        dedup: Option<(ClientKey, PacketId)>,
    ) -> Key {
        let message = self.message(origin, fan);
        let slot = |receiver: &Addressee| {
            let client = self.sessions.get(receiver.session)?.client.clone();
            Some(QueueSlot { client, seq: receiver.seq?, options: receiver.options.clone() })
        };
        let queues = receivers.iter().filter_map(slot).collect();
        // A QoS 2 message of a session that stays leaves for the siblings behind its store; the rest need not wait for that, and must not,
        // lest a later message that needs no store overtakes it [MQTT-4.6.0-6].
        let nowhere = (0, Vec::new());
        let (later, at_once) = if deferred { (elsewhere, nowhere) } else { (nowhere, elsewhere) };
        self.appends += 1;
        let ordinal = self.appends;
        let op = self.ops.insert(Op::waited_by(Waiter::Nobody));
        let ticket = self.ask_store(StoreOp::Append { message: message.clone(), queues, dedup }, Question::Append(op));
        let (shards, remote) = later;
        let forward = Forward { ordinal, ticket, message: message.clone(), receivers, shards, remote, late: None };
        if let Some(op) = self.ops.get_mut(op) {
            op.forward = Some(Box::new(forward));
        }
        self.route_to(at_once.0, &message, Some(op));
        self.send_to_members(at_once.1, &message, Some(op));
        op
    }

    /// A message without ticket to every sibling in `shards`, or with a new operation where its QoS wants answers.
    fn route(&mut self, shards: u64, message: &Arc<Message>) -> Option<Key> {
        if message.qos == QoS::AtMostOnce {
            self.route_to(shards, message, None);
            return None;
        }
        let op = self.ops.insert(Op::waited_by(Waiter::Nobody));
        self.route_to(shards, message, Some(op));
        Some(op)
    }
}
