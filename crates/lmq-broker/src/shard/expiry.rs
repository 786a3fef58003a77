//! Sessions that wait for their client, and those whose client did not come back in time.

use core::time::Duration;

use super::{Shard, effects::Question};
use crate::{Instant, StoreOp, slab::Key};

impl Shard {
    /// A session without connection stays until its time is over, if it ever is [MQTT-3.1.2-23].
    pub(super) fn let_session_wait(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.expiry == u32::MAX {
            return;
        }
        let span = Duration::from_secs(u64::from(session.expiry));
        let expires_at = Some(self.now.wall.plus(span.as_millis() as u64));
        session.ends_at = Some(self.now.monotonic.saturating_add(span));
        let op = StoreOp::SetExpiry { client: session.client.clone(), expires_at };
        self.ask_store(op, Question::Unattended);
        self.watch_session(key);
    }

    /// Makes sure that the end of a session that waits is noticed.
    pub(super) fn watch_session(&mut self, key: Key) {
        if let Some(at) = self.sessions.get(key).and_then(|session| session.ends_at) {
            self.session_timers.arm(at, key);
        }
    }

    /// Ends the sessions whose client has not come back in time.
    pub(super) fn expire_sessions(&mut self) {
        for _ in 0..self.settings.limits.work_per_call_max {
            let Some((_, key)) = self.session_timers.pop_due(self.now.monotonic) else {
                return;
            };
            let over = |at: Instant| at <= self.now.monotonic;
            let waits = self.sessions.get(key).filter(|session| session.conn.is_none());
            if waits.is_some_and(|session| session.ends_at.is_some_and(over)) {
                self.stats.sessions_expired += 1;
                self.end_session(key);
            }
        }
    }

    /// Ends a session, here and in the store.
    pub(super) fn end_session(&mut self, key: Key) {
        let Some(session) = self.sessions.get(key) else { return };
        if session.stored.is_some() {
            let op = StoreOp::DropSession { client: session.client.clone() };
            self.ask_store(op, Question::Unattended);
        }
        self.remove_session(key);
    }
}
