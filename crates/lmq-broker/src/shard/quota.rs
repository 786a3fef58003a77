//! What an instance and a client may use: counted, refused, or made to wait.
//!
//! Every shard tells its siblings how much of each instance it serves, once a drain where that changed. So each knows the sum,
//! a moment late.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::Shard;
use crate::{
    Allowance, InstanceIndex, InstanceQuota, Instant, Output, QuotaMode, Resource, RouteMessage, ShardId,
    conn::PauseCause,
    rate::{Rate, interval},
    slab::Key,
};

/// How much of an instance is used, here and elsewhere.
#[derive(Debug)]
pub(super) struct Usage {
    pub(super) quota: InstanceQuota,
    pub(super) own: Used,
    /// What the siblings said last, by shard.
    siblings: Vec<Used>,
    /// What they were told last.
    told: Used,
    rate: Rate,
    /// Connections that wait for their turn to publish.
    waiting: u32,
    /// What was said to be exceeded and has not come down since.
    alarmed: Vec<Resource>,
}

/// Two of the three resources; the third is a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) connections: u32,
    pub(super) subscriptions: u32,
}

impl Usage {
    pub(super) fn new(quota: InstanceQuota, shards: u16) -> Self {
        Self {
            quota,
            own: Used::default(),
            siblings: (0..shards).map(|_| Used::default()).collect(),
            told: Used::default(),
            rate: Rate::default(),
            waiting: 0,
            alarmed: Vec::new(),
        }
    }

    fn used(&self, resource: Resource) -> u32 {
        let of = |used: &Used| match resource {
            Resource::Subscriptions => used.subscriptions,
            _ => used.connections,
        };
        self.siblings.iter().map(of).fold(of(&self.own), u32::saturating_add)
    }

    fn quota_of(&self, resource: Resource) -> Allowance {
        match resource {
            Resource::Connections => self.quota.connections,
            Resource::Subscriptions => self.quota.subscriptions,
            Resource::PublishesPerSec => self.quota.publishes_per_sec,
        }
    }
}

impl Shard {
    /// Whether `more` of a resource may be used; says so once when not.
    pub(super) fn has_quota(&mut self, instance: InstanceIndex, resource: Resource, more: u32) -> bool {
        let Some(usage) = self.usage(instance) else { return true };
        let quota = usage.quota_of(resource);
        let Some(max) = quota.max else { return true };
        let used = usage.used(resource).saturating_add(more);
        if used <= max.get() {
            usage.alarmed.retain(|known| *known != resource);
            return true;
        }
        self.alarm(instance, resource, used, max);
        quota.mode == QuotaMode::AlarmOnly
    }

    fn alarm(&mut self, instance: InstanceIndex, resource: Resource, used: u32, max: NonZeroU32) {
        let Some(usage) = self.usage(instance) else { return };
        if !usage.alarmed.contains(&resource) {
            usage.alarmed.push(resource);
            self.outputs.push_back(Output::Exceeded { instance, resource, used, max: max.get() });
        }
    }

    /// Whether a connection may publish now. If not it is to be paused, and is woken when it may.
    #[inline]
    pub(super) fn may_publish_now(&mut self, conn: Key) -> bool {
        !self.has_rates || self.has_its_turn(conn)
    }

    fn has_its_turn(&mut self, conn: Key) -> bool {
        let own = self.settings.limits.publishes_per_sec_max;
        let Some(instance) = self.instance_of(conn) else { return true };
        let shards = u32::from(self.settings.shards.max(1));
        let Some(usage) = self.tenants.get_mut(usize::from(instance.0)).map(|tenant| &mut tenant.usage) else {
            return true;
        };
        let quota = usage.quota.publishes_per_sec;
        let now = self.now.monotonic;
        let share = quota.max.map(|max| NonZeroU32::new(max.get().div_ceil(shards)).unwrap_or(NonZeroU32::MIN));
        if usage.rate.is_idle(now) {
            usage.alarmed.retain(|known| *known != Resource::PublishesPerSec);
        }
        let shared_at = share.map_or(now, |share| usage.rate.next(now, share));
        let Some(state) = self.conns.get_mut(conn) else { return true };
        let own_at = own.map_or(now, |own| state.rate.next(now, own));
        let enforced = quota.mode == QuotaMode::Enforce;
        if own_at > now || (enforced && shared_at > now) {
            let turn = share.map_or(0, |share| interval(share) / 1000 * u64::from(usage.waiting));
            let shared_at = shared_at.saturating_add(core::time::Duration::from_micros(turn));
            usage.waiting += 1;
            self.rate_waits.insert(conn, instance);
            self.rate_timers.arm(if enforced { own_at.max(shared_at) } else { own_at }, conn);
        } else {
            share.into_iter().for_each(|share| usage.rate.count(now, share));
            own.into_iter().for_each(|own| state.rate.count(now, own));
        }
        if shared_at > now {
            let max = quota.max.unwrap_or(NonZeroU32::MIN);
            self.alarm(instance, Resource::PublishesPerSec, max.get(), max);
        }
        own_at <= now && (!enforced || shared_at <= now)
    }

    /// Wakes connections whose turn to publish has come.
    pub(super) fn serve_rates(&mut self) {
        while let Some((_, conn)) = self.rate_timers.pop_due(self.now.monotonic) {
            // Also for a connection that has gone meanwhile.
            if let Some(usage) = self.rate_waits.remove(&conn).and_then(|instance| self.usage(instance)) {
                usage.waiting = usage.waiting.saturating_sub(1);
            }
            self.unpause(conn, PauseCause::Rate);
        }
    }

    pub(super) fn next_rate_deadline(&self) -> Option<Instant> {
        self.rate_timers.next()
    }

    pub(super) fn set_quota(&mut self, instance: InstanceIndex, quota: InstanceQuota) {
        if let Some(usage) = self.usage(instance) {
            usage.quota = quota;
            usage.alarmed.clear();
        }
        self.has_rates |= quota.publishes_per_sec.max.is_some();
    }

    pub(super) fn usage(&mut self, instance: InstanceIndex) -> Option<&mut Usage> {
        Some(&mut self.tenants.get_mut(usize::from(instance.0))?.usage)
    }

    /// Tells the siblings what has changed since they were told last.
    pub(super) fn tell_usage(&mut self) {
        if self.links.len() <= 1 {
            return;
        }
        for index in 0..self.tenants.len() {
            let Some(usage) = self.tenants.get_mut(index).map(|tenant| &mut tenant.usage) else { continue };
            let limited = usage.quota.connections.max.is_some() || usage.quota.subscriptions.max.is_some();
            if !limited || usage.told == usage.own {
                continue;
            }
            usage.told = usage.own;
            let Used { connections, subscriptions } = usage.own;
            let instance = InstanceIndex(index as u16);
            for to in (0..self.links.len() as u16).map(ShardId).filter(|to| *to != self.id) {
                let message = RouteMessage::Usage { instance, connections, subscriptions };
                self.outputs.push_back(Output::Route { to, message });
            }
        }
    }

    pub(super) fn note_usage(&mut self, from: ShardId, instance: InstanceIndex, used: Used) {
        let known = self.usage(instance).and_then(|usage| usage.siblings.get_mut(usize::from(from.0)));
        if let Some(known) = known {
            *known = used;
        }
    }

    fn instance_of(&self, conn: Key) -> Option<InstanceIndex> {
        let session = self.conns.get(conn)?.session?;
        Some(self.sessions.get(session)?.client.instance)
    }
}
