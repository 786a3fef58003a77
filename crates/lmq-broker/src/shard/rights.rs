//! When the rights of a client change, so do its subscriptions.

use alloc::{boxed::Box, vec::Vec};

use lmq_codec::TopicFilter;

use super::{
    Shard,
    effects::{Op, Waiter},
};
use crate::slab::Key;

impl Shard {
    /// Ends the subscriptions of a connection's session that its rights do not cover, as UNSUBSCRIBE would; what they brought before
    /// still goes to the client. The session may be older than the rights, and rights may be replaced by smaller ones.
    pub(super) fn end_uncovered(&mut self, conn: Key) {
        let Some(state) = self.conns.get(conn).filter(|state| state.is_live()) else { return };
        let (Some(key), Some(permissions)) = (state.session, &state.permissions) else { return };
        let Some(session) = self.sessions.get(key).filter(|_| !permissions.is_everything()) else { return };
        let profile = &self.settings.profile;
        let is_covered = |filter: TopicFilter<'_>| {
            let inner = filter.share().map_or(filter, |(_, inner)| inner);
            permissions.allows_subscribe(profile.routed(inner.as_str()))
        };
        let uncovered = |text: &&str| TopicFilter::new(text).is_ok_and(|filter| !is_covered(filter));
        let ended: Vec<Box<str>> = session.subscriptions.with_start("").filter(uncovered).map(Box::from).collect();
        if ended.is_empty() {
            return;
        }
        let op = self.ops.insert(Op::waited_by(Waiter::Nobody));
        for filter in &ended {
            self.drop_subscription(key, filter, Some(op));
        }
        self.save(key, op, Vec::new(), ended);
        self.ended_at_once(op);
    }
}
