//! What operators may ask. Nothing changes by it.

use alloc::vec::Vec;

use lmq_codec::TopicName;

use super::{Shard, siblings::SIBLING};
use crate::{ClientKey, ConnId, InstanceIndex, Subscription, slab::Key};

/// A read-only view of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// The connection that serves it now.
    pub conn: Option<ConnId>,
    /// It outlives its connection.
    pub persistent: bool,
    /// Its subscriptions.
    pub subscriptions: usize,
    /// QoS 1 and 2 messages sent and not acknowledged.
    pub inflight: usize,
    /// Messages that wait in memory.
    pub queued: usize,
    /// Positions of its queue in the store that were not sent yet.
    pub stored: u64,
    /// Subscriptions whose retained messages were not all sent yet.
    pub replays: usize,
}

impl Shard {
    /// The session of a client, if it has one.
    pub fn session(&self, client: &ClientKey) -> Option<SessionView> {
        self.view(self.find(client)?)
    }

    /// Sessions that `wanted` accepts, such as those of a group, and where to go on for the next; `None` at the end.
    ///
    /// Looks at `count_max` sessions, from `cursor` on, 0 at first. A session that is there from the first call to the last comes
    /// exactly once.
    pub fn sessions(
        &self,
        cursor: u32,
        count_max: u32,
        mut wanted: impl FnMut(&ClientKey) -> bool,
    ) -> (Vec<(ClientKey, SessionView)>, Option<u32>) {
        let end = self.sessions.slots().min(cursor.saturating_add(count_max.max(1)));
        let keys = (cursor..end).filter_map(|slot| self.sessions.key(slot));
        let named = keys.filter_map(|key| Some((self.sessions.get(key)?.client.clone(), key)));
        let found =
            named.filter(|(client, _)| wanted(client)).filter_map(|(client, key)| Some((client, self.view(key)?)));
        (found.collect(), (end < self.sessions.slots()).then_some(end))
    }

    /// Who of this shard subscribed to a topic, and with what: at most `count_max` subscriptions. Shared ones are not among them.
    pub fn subscribers(
        &self,
        instance: InstanceIndex,
        topic: TopicName<'_>,
        count_max: usize,
    ) -> Vec<(ClientKey, Subscription)> {
        let topic = self.settings.profile.routed_topic(topic);
        let mut found = Vec::new();
        let Some(tenant) = self.tenants.get(usize::from(instance.0)) else { return found };
        tenant.index.for_each(topic, |slot, subscription| {
            if slot & SIBLING == 0 && found.len() < count_max {
                found.extend(self.sessions.at(slot).map(|session| (session.client.clone(), subscription)));
            }
        });
        found
    }

    fn view(&self, key: Key) -> Option<SessionView> {
        let session = self.sessions.get(key)?;
        Some(SessionView {
            conn: session.conn.map(ConnId),
            persistent: session.stored.is_some(),
            subscriptions: session.subscriptions.len(),
            inflight: session.window.len(),
            queued: session.queue.len(),
            stored: session.stored.as_ref().map_or(0, |stored| stored.waiting()),
            replays: session.replays.as_ref().map_or(0, |replays| replays.len()),
        })
    }
}
