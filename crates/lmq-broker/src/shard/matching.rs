//! Who gets a message: finds the sessions and siblings that subscribed to its topic.

use core::ops::RangeInclusive;

use lmq_codec::{QoS, TopicName};
use lmq_route::Search;

use super::{
    Shard,
    publish::Origin,
    siblings::{SIBLING, shard_bit},
};
use crate::{InstanceIndex, Subscription, slab::Key};

impl Shard {
    /// Collects the local sessions that match into the scratch list, and one member of each shared subscription that is ours; returns
    /// the siblings that have subscribers. If more than `max` match, the list only says so.
    ///
    /// `publisher` is left out where it subscribed with no-local [MQTT-3.8.3-3].
    #[inline]
    pub(super) fn match_topic(
        &mut self,
        instance: InstanceIndex,
        topic: TopicName<'_>,
        qos: QoS,
        publisher: Option<Key>,
        max: usize,
    ) -> u64 {
        let topic = self.settings.profile.routed_topic(topic);
        let Self { tenants, scratch, .. } = self;
        scratch.targets.clear();
        let mut shards = 0;
        let Some(tenant) = tenants.get_mut(usize::from(instance.0)) else {
            return 0;
        };
        let publisher = publisher.map(|key| key.slot);
        let search = tenant.index.for_each_up_to(topic, max, |key, subscription| {
            if key & SIBLING != 0 {
                shards |= shard_bit(key);
            } else if !(subscription.options.no_local && publisher == Some(key)) {
                scratch.targets.add(key, subscription);
            }
        });
        let has_shares = !tenant.shares.is_empty();
        self.charge(search);
        if search.subscriptions > max {
            self.scratch.targets.clear();
            self.scratch.targets.too_many = true;
            return self.match_siblings(instance, topic);
        }
        self.scratch.targets.merge();
        if has_shares {
            self.choose_members(instance, topic, qos);
        }
        shards
    }

    fn match_siblings(&mut self, instance: InstanceIndex, topic: TopicName<'_>) -> u64 {
        let mut shards = 0;
        let Some(tenant) = self.tenant(instance) else { return 0 };
        tenant.index.for_each_within(topic, &(SIBLING..=u32::MAX), usize::MAX, |key, _| shards |= shard_bit(key));
        shards
    }

    /// Collects the local sessions in these slots that match into the scratch list. False if that are more than `max`; then it has some.
    pub(super) fn match_slots(
        &mut self,
        origin: &Origin,
        topic: TopicName<'_>,
        slots: &RangeInclusive<u32>,
        max: usize,
    ) -> bool {
        let topic = self.settings.profile.routed_topic(topic);
        // Its slot may be another session's by now.
        let publisher = origin.session.filter(|key| self.sessions.get(*key).is_some()).map(|key| key.slot);
        let Self { tenants, scratch, .. } = self;
        scratch.targets.clear();
        let Some(tenant) = tenants.get_mut(usize::from(origin.instance.0)) else {
            return true;
        };
        let search = tenant.index.for_each_within(topic, slots, max, |key, subscription| {
            if !(subscription.options.no_local && publisher == Some(key)) {
                scratch.targets.add(key, subscription);
            }
        });
        scratch.targets.merge();
        let all = search.subscriptions <= max;
        self.charge(Search { subscriptions: if all { search.subscriptions } else { 1 }, ..search });
        all
    }

    /// What was found is work for this call, and so is having looked for it.
    #[inline]
    fn charge(&mut self, search: Search) {
        let work = u32::try_from(search.subscriptions.saturating_add(search.visited)).unwrap_or(u32::MAX);
        self.deliveries = self.deliveries.saturating_add(work);
    }

    /// Puts the session of a P2P target into the scratch list, if it may have the message.
    ///
    /// Whether the message may wait for a session that is away is decided by the sender.
    pub(super) fn match_client(&mut self, origin: &Origin, target: &str, qos: QoS) {
        self.scratch.targets.clear();
        let found = self.find_client(origin.instance, target).and_then(|key| Some((key, self.sessions.get(key)?)));
        match found {
            Some((key, session)) if session.conn.is_some() || (origin.may_store && session.stored.is_some()) => {
                self.scratch.targets.add(key.slot, Subscription::new(qos));
            }
            _ => self.stats.p2p_without_target += 1,
        }
    }
}
