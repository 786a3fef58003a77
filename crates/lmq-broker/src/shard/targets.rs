//! The sessions that one message goes to.

use alloc::{sync::Arc, vec::Vec};

use lmq_codec::{QoS, SubscriptionId};

use super::deliver::Terms;
use crate::{
    ShardId, Subscription,
    planted::{Bug, planted},
};

/// Each session once, however many of its subscriptions match, and once more for each shared subscription that chose it.
#[derive(Debug, Default)]
pub(super) struct Targets {
    sessions: Vec<Target>,
    /// Subscription identifiers; every session has a run of its own.
    ids: Vec<SubscriptionId>,
    /// For sorting them.
    joined: Vec<SubscriptionId>,
    /// The sessions came in no ascending order, or one came twice.
    unsorted: bool,
    /// Sessions that a shared subscription chose.
    members: Vec<(Target, Arc<str>)>,
    /// The same in other shards.
    pub(super) remote: Vec<RemoteMember>,
    /// There are more than one call serves; none of them is in the lists.
    pub(super) too_many: bool,
}

/// A member of a shared subscription in another shard that was chosen for a message.
#[derive(Clone, Debug)]
pub(super) struct RemoteMember {
    pub(super) shard: ShardId,
    pub(super) client: Arc<str>,
    pub(super) share: Arc<str>,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    slot: u32,
    /// The highest granted [MQTT-3.3.4-2].
    qos: QoS,
    /// One of the subscriptions keeps RETAIN as published.
    retain: bool,
    ids_from: u32,
    ids_to: u32,
}

impl Targets {
    pub(super) fn clear(&mut self) {
        self.sessions.clear();
        self.ids.clear();
        self.unsorted = false;
        self.members.clear();
        self.remote.clear();
        self.too_many = false;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.members.is_empty() && self.remote.is_empty() && !self.too_many
    }

    /// A subscription of the session in this slot matches.
    #[inline]
    pub(super) fn add(&mut self, slot: u32, subscription: Subscription) {
        self.unsorted |= self.sessions.last().is_some_and(|last| last.slot >= slot);
        let target = self.target(slot, subscription);
        self.sessions.push(target);
    }

    /// The shared subscription of this name chose the session in this slot.
    pub(super) fn add_member(&mut self, slot: u32, subscription: Subscription, share: Arc<str>) {
        let target = self.target(slot, subscription);
        self.members.push((target, share));
    }

    #[inline]
    fn target(&mut self, slot: u32, subscription: Subscription) -> Target {
        let Subscription { options, id } = subscription;
        let ids_from = self.ids.len() as u32;
        self.ids.extend(id);
        let ids_to = self.ids.len() as u32;
        Target { slot, qos: options.qos, retain: options.retain_as_published, ids_from, ids_to }
    }

    /// Makes one of several subscriptions of a session: one copy with the highest QoS, and every identifier [MQTT-3.3.4-4].
    pub(super) fn merge(&mut self) {
        if !self.unsorted {
            return;
        }
        // Subscriptions of one session keep the order in which they matched.
        self.sessions.sort_by_key(|target| target.slot);
        let Self { sessions, ids, joined, .. } = self;
        joined.clear();
        for target in sessions.iter_mut() {
            let from = joined.len() as u32;
            joined.extend_from_slice(ids.get(target.ids_from as usize..target.ids_to as usize).unwrap_or_default());
            (target.ids_from, target.ids_to) = (from, joined.len() as u32);
        }
        core::mem::swap(ids, joined);
        // The runs of one session lie side by side now.
        sessions.dedup_by(|later, first| {
            let same = later.slot == first.slot;
            if same {
                first.qos = first.qos.max(later.qos);
                first.retain |= later.retain;
                first.ids_to = later.ids_to;
            }
            same
        });
    }

    /// How many sessions there are, each counted once for each shared subscription that chose it.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.sessions.len() + self.members.len()
    }

    /// One session, in ascending order and then the chosen ones, and how it gets a message of this QoS and RETAIN.
    #[inline]
    pub(super) fn at(&self, at: usize, qos: QoS, retain: bool) -> Option<(u32, Terms<'_>)> {
        let (target, share) = match self.sessions.get(at) {
            Some(target) => (target, None),
            None => self.members.get(at - self.sessions.len()).map(|(target, share)| (target, Some(share)))?,
        };
        let ids = self.ids.get(target.ids_from as usize..target.ids_to as usize).unwrap_or_default();
        // [MQTT-3.8.4-8] [MQTT-4.8.2-3] [MQTT-3.3.1-12] [MQTT-3.3.1-13]
        let (qos, retain) = (target.qos.min(qos), retain && (target.retain || planted(Bug::RetainAlwaysShown)));
        Some((target.slot, Terms { qos, retain, subscription_ids: ids, share }))
    }
}
