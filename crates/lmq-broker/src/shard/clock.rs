//! Deadlines.

use core::time::Duration;

use super::{Shard, ShardPhase};
use crate::{
    CloseReason, Instant, Now,
    conn::{Conn, PauseCause, Phase},
    planted::{Bug, planted},
    slab::Key,
};

/// A timer is armed at most so far ahead, and again when it comes up.
pub(super) const TIMER_AHEAD_MAX: Duration = Duration::from_secs(60);

impl Shard {
    /// Time has passed: call it when [`poll_timeout`](Self::poll_timeout) says so, earlier does no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        self.advance_clock(now);
        self.expire_questions();
        self.retry_restore();
        self.serve_rates();
        self.serve_tokens();
        self.revoke_some();
        self.drop_again();
        self.deliveries = 0;
        // A will needs the filters of every shard, also where a drain began before they were known.
        if self.restoring.is_done() {
            self.serve_absent();
        }
        self.expire_kept();
        self.replay_some();
        self.go_on();
        for _ in 0..self.settings.limits.work_per_call_max {
            let Some((at, key)) = self.timers.pop_due(self.now.monotonic) else {
                break;
            };
            if self.conns.get(key).is_some_and(|state| state.timer_at == at) {
                self.check(key);
            }
        }
        self.carry_out_orders();
        if self.phase == ShardPhase::Draining {
            self.drain_some();
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; a moment in the past means at once.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let draining = self.phase == ShardPhase::Draining && self.drained_to < self.conns.slots();
        let cut_short = !self.paused_by_work.is_empty() || !self.replaying.is_empty() || self.line.is_busy();
        let cut_short = cut_short || self.orders.are_open();
        if draining || cut_short || !self.resumable.is_empty() {
            return Some(self.now.monotonic);
        }
        let absent = self.session_timers.next().filter(|_| self.restoring.is_done());
        let effects = [self.next_question_deadline(), self.restore_deadline(), self.drop_again_deadline()];
        let deadlines =
            [self.timers.next(), absent, self.next_rate_deadline(), self.kept_deadline(), self.token_deadline()];
        deadlines.into_iter().chain(effects).flatten().min()
    }

    /// Serves the deadlines of a connection and arms the timer for the next.
    fn check(&mut self, key: Key) {
        let Some(state) = self.conns.get(key) else {
            return;
        };
        match overdue(state, self.now.monotonic, &self.settings.limits) {
            Some(reason) => self.close(key, reason),
            None => {
                if let Some(state) = self.conns.get_mut(key) {
                    state.timer_at = Instant::FAR_FUTURE;
                }
                self.watch(key);
            }
        }
    }

    /// Makes sure that the timer of a connection comes up no later than its next deadline.
    pub(super) fn watch(&mut self, key: Key) {
        let Some(state) = self.conns.get_mut(key) else {
            return;
        };
        // Never far ahead: the entry of a connection that ends before stays in the heap until then.
        let horizon = self.now.monotonic.saturating_add(TIMER_AHEAD_MAX);
        let next = deadlines(state, &self.settings.limits).map(|(at, _)| at.min(horizon)).min();
        if let Some(next) = next.filter(|next| *next < state.timer_at) {
            state.timer_at = next;
            self.timers.arm(next, key);
        }
    }

    fn drain_some(&mut self) {
        for _ in 0..self.settings.limits.work_per_call_max {
            if self.drained_to >= self.conns.slots() {
                return;
            }
            let skipped = planted(Bug::DrainSkipsOne) && self.drained_to == 1;
            if let Some(key) = self.conns.key(self.drained_to).filter(|_| !skipped) {
                self.close(key, CloseReason::Draining);
            }
            self.drained_to += 1;
        }
    }
}

fn overdue(conn: &Conn, now: Instant, limits: &crate::Limits) -> Option<CloseReason> {
    deadlines(conn, limits).find(|(at, _)| *at <= now).map(|(_, reason)| reason)
}

/// What a live connection will be closed for, and when, if nothing happens before.
fn deadlines(conn: &Conn, limits: &crate::Limits) -> impl Iterator<Item = (Instant, CloseReason)> {
    let live = conn.phase == Phase::Live;
    // [MQTT-3.1.2-24]; while we do not read, silence is no fault of the client.
    let silence_max = conn.silence_max().filter(|_| live && conn.paused.is_none());
    let silence_max = silence_max.filter(|_| !planted(Bug::KeepAliveIgnored));
    let silence = silence_max.map(|max| (conn.seen_at.saturating_add(max), CloseReason::KeepAlive));
    // Who is asked who it is has as long for the answer as for its CONNECT.
    let exchange = conn.phase == Phase::Exchange && !planted(Bug::MuteExchangeKept);
    let silence = silence.or_else(|| {
        exchange.then(|| (conn.seen_at.saturating_add(limits.connect_timeout), CloseReason::ConnectTimeout))
    });
    let awaits = conn.phase == Phase::Awaiting && !planted(Bug::AwaitingForEver);
    let silence =
        silence.or_else(|| awaits.then(|| (conn.seen_at.saturating_add(limits.token_wait), CloseReason::TokenTimeout)));
    // A peer that does not take its answers has until it stalls.
    let ours = |(cause, _): &(PauseCause, Instant)| live && *cause != PauseCause::Outbox;
    let pause = conn
        .paused
        .filter(ours)
        .map(|(_, since)| (since.saturating_add(conn.pause_max(limits.pause_max)), CloseReason::PausedTooLong));
    let stalls = live && conn.stalled_since != Instant::FAR_FUTURE && !planted(Bug::StallIgnored);
    let stall = stalls.then(|| (conn.stalled_since.saturating_add(limits.stall_max), CloseReason::Stalled));
    [silence, pause, stall].into_iter().flatten()
}
