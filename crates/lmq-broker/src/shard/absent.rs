//! Sessions whose client is away: how long they wait, and when their will is published.
//!
//! ```text
//!   connection lost ──▶ will delay over ──▶ session expiry over
//!                       will is published    will is published if it was not, the session ends
//! ```

use core::time::Duration;

use lmq_codec::{Properties, TopicName};
use lmq_id::P2pTopic;

use super::{
    Shard,
    clock::TIMER_AHEAD_MAX,
    effects::Question,
    judge::Judgement,
    publish::{Arrival, Origin},
};
use crate::{
    ClientKey, CloseReason, Instant, StoreOp, Will,
    planted::{Bug, planted},
    slab::Key,
};

/// A store that did not drop a session is asked again after so long.
const DROP_AGAIN: Duration = Duration::from_secs(1);

impl Shard {
    /// The will of a CONNECT is judged like a PUBLISH of its client.
    pub(super) fn may_leave_will(&self, conn: Key) -> bool {
        let Some(request) = self.conns.get(conn).and_then(|state| state.request.as_ref()) else {
            return false;
        };
        let Some(will) = &request.will else { return true };
        let Some(arrival) = arrival(will) else { return false };
        let judgement = self.judge(conn, request.client.instance, arrival);
        matches!(judgement, Ok(Judgement::Forward | Judgement::PointToPoint(_)))
    }

    /// The connection of a session is gone: decides what becomes of its will and how long it waits.
    ///
    /// One that never got its CONNACK leaves a session that waited before as it was.
    pub(super) fn part(&mut self, key: Key, conn: Key, was_live: bool, reason: &CloseReason) {
        let Some(session) = self.sessions.get_mut(key).filter(|session| session.conn == Some(conn)) else {
            return;
        };
        session.detach();
        // [MQTT-3.1.2-10] [MQTT-3.14.4-3]
        let goodbye = *reason == CloseReason::Disconnected && !planted(Bug::WillAfterDisconnect);
        if goodbye || planted(Bug::WillForgotten) {
            session.will = None;
        }
        if session.expiry == 0 {
            return self.end_session(key);
        }
        if !was_live {
            self.remember_absence(key);
            return self.watch_session(key);
        }
        let now = self.now.monotonic;
        session.will_at = session.will.as_ref().map(|will| now.saturating_add(will_delay(will)));
        let expiry = session.expiry.saturating_sub(u32::from(planted(Bug::SessionEndsEarly)));
        let ends = session.expiry != u32::MAX && !planted(Bug::SessionExpiryIgnored);
        session.ends_at = ends.then(|| now.saturating_add(seconds(expiry)));
        self.publish_due_will(key);
        self.remember_absence(key);
        self.watch_session(key);
    }

    /// Tells the store until when session and will wait, unless that is what it takes for granted.
    fn remember_absence(&mut self, key: Key) {
        let Some(session) = self.sessions.get(key) else { return };
        if session.ends_at.is_none() && !session.had_will && session.expiry == session.told_expiry {
            return;
        }
        let wall = |at: Instant| {
            let left = at.saturating_since(self.now.monotonic);
            self.now.wall.plus(left.as_millis() as u64)
        };
        let op = StoreOp::Detach {
            client: session.client.clone(),
            expiry_secs: session.expiry,
            expires_at: session.ends_at.map(wall),
            will_at: session.will_at.map(wall),
        };
        self.ask_store(op, Question::Unattended);
    }

    /// Makes sure that the deadlines of a session that waits are noticed.
    pub(super) fn watch_session(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key).filter(|session| session.conn.is_none()) else { return };
        // Never far ahead: the entry of a session that goes on, or ends before, stays in the heap until then.
        let horizon = self.now.monotonic.saturating_add(TIMER_AHEAD_MAX);
        let next = [session.will_at, session.ends_at].into_iter().flatten().min().map(|at| at.min(horizon));
        if let Some(at) = next.filter(|at| *at < session.timer_at) {
            session.timer_at = at;
            self.session_timers.arm(at, key);
        }
    }

    /// Serves the deadlines of sessions whose client has not come back in time.
    pub(super) fn serve_absent(&mut self) {
        for _ in 0..self.settings.limits.work_per_call_max {
            if self.deliveries >= self.settings.limits.deliveries_per_call_max {
                return;
            }
            let Some((at, key)) = self.session_timers.pop_due(self.now.monotonic) else {
                return;
            };
            let Some(session) = self.sessions.get_mut(key).filter(|session| session.timer_at == at) else {
                continue;
            };
            session.timer_at = Instant::FAR_FUTURE;
            if session.conn.is_some() {
                continue;
            }
            if session.ends_at.is_some_and(|at| at <= self.now.monotonic) {
                self.stats.sessions_expired += 1;
                self.end_session(key);
                continue;
            }
            if self.publish_due_will(key) {
                self.remember_absence(key);
            }
            self.watch_session(key);
        }
    }

    /// Ends the session of a client whose time is over and that nobody has looked at since.
    pub(super) fn end_if_over(&mut self, client: &ClientKey) {
        let Some(key) = self.find(client) else { return };
        let over = |at: Instant| at <= self.now.monotonic;
        let waits = self.sessions.get(key).filter(|session| session.conn.is_none());
        if waits.is_some_and(|session| session.ends_at.is_some_and(over)) {
            self.stats.sessions_expired += 1;
            self.end_session(key);
        }
    }

    /// Ends a session, here and in the store [MQTT-3.1.2-23]. A will that waits for the end is published.
    pub(super) fn end_session(&mut self, key: Key) {
        self.publish_will(key);
        let Some(session) = self.sessions.get(key) else { return };
        if session.recorded && !planted(Bug::ExpiredKeptInStore) {
            let client = session.client.clone();
            self.drop_stored(client);
        }
        self.remove_session(key);
    }

    fn drop_stored(&mut self, client: ClientKey) {
        *self.dropping.entry(client.clone()).or_default() += 1;
        self.ask_store(StoreOp::DropSession { client: client.clone() }, Question::Drop { client });
    }

    /// The store has dropped a session that is over, or could not.
    pub(super) fn dropped(&mut self, client: ClientKey, ok: bool) {
        if let Some(asked) = self.dropping.get_mut(&client) {
            *asked -= 1;
            if *asked == 0 {
                self.dropping.remove(&client);
            }
        }
        if !ok {
            self.haunt(client);
        }
    }

    /// The store did not drop a session that is over: it is asked again, and at the latest when the client comes.
    pub(super) fn haunt(&mut self, client: ClientKey) {
        // A session that began since, and that the store has, has told it to begin anew.
        let newer = self.find(&client).and_then(|key| self.sessions.get(key));
        if newer.is_some_and(|session| session.recorded) {
            return;
        }
        if self.undropped.is_empty() {
            self.drop_again_at = self.now.monotonic.saturating_add(DROP_AGAIN);
        }
        self.undropped.insert(client);
    }

    pub(super) fn drop_again_deadline(&self) -> Option<Instant> {
        (!self.undropped.is_empty()).then_some(self.drop_again_at)
    }

    pub(super) fn drop_again(&mut self) {
        if self.drop_again_deadline().is_none_or(|at| at > self.now.monotonic) {
            return;
        }
        self.drop_again_at = self.now.monotonic.saturating_add(DROP_AGAIN);
        for _ in 0..self.settings.limits.work_per_call_max {
            let Some(client) = self.undropped.pop_first() else { return };
            self.drop_stored(client);
        }
    }

    fn publish_due_will(&mut self, key: Key) -> bool {
        let due = |at: Instant| at <= self.now.monotonic;
        let is_due = self.sessions.get(key).and_then(|session| session.will_at).is_some_and(due);
        if is_due {
            self.publish_will(key);
        }
        is_due
    }

    /// Publishes the will of a session, if it has one, and forgets it [MQTT-3.1.2-8].
    pub(super) fn publish_will(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.will_at = None;
        let Some(will) = session.will.take() else { return };
        let instance = session.client.instance;
        // Who may not come in any more may not speak either.
        if session.barred || !self.parent_exists(instance, &will.topic) {
            return;
        }
        let Some(session) = self.sessions.get(key) else { return };
        let origin = Origin {
            instance: session.client.instance,
            session: Some(key),
            persistent: session.stored.is_some(),
            may_store: true,
        };
        let Some(arrival) = arrival(&will) else { return };
        self.stats.wills += 1;
        match P2pTopic::split(&will.topic) {
            Ok((_, target)) if self.settings.profile.p2p => {
                self.point_to_point(&origin, target.as_str(), arrival, None);
            }
            _ => {
                self.publish(&origin, arrival, None);
            }
        }
    }
}

fn arrival(will: &Will) -> Option<Arrival<'_>> {
    let properties: Properties<'_> = will.properties.properties();
    Some(Arrival {
        topic: TopicName::new(&will.topic).ok()?,
        payload: &will.payload,
        qos: will.qos,
        retain: will.retain,
        properties,
        expiry_secs: will.expiry_secs,
    })
}

fn will_delay(will: &Will) -> Duration {
    if planted(Bug::WillDelayIgnored) { Duration::ZERO } else { seconds(will.delay_secs) }
}

const fn seconds(secs: u32) -> Duration {
    Duration::from_secs(secs as u64)
}
