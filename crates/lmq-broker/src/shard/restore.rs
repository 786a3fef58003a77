//! Start-up: the sessions of an earlier start come back before anybody is let in.
//!
//! A shard serves once its own sessions are back *and* every sibling has said the same of its own. What a sibling says comes behind
//! the filters of its sessions, on the same link: so from the first message on, everybody who subscribed before is heard.

use core::time::Duration;

use super::{
    Shard, ShardPhase,
    effects::{Op, Question, Waiter},
    groups::SHARE,
};
use crate::{
    ClientKey, Done, Failed, Instant, Output, RouteMessage, ShardId, StoreOp, StoredSession, UnixMillis,
    planted::{Bug, planted},
    slab::Key,
};

/// A store that failed is asked again after so long.
const RETRY: Duration = Duration::from_secs(1);

/// How far the start has come.
#[derive(Debug)]
pub(super) struct Restoring {
    /// Our own sessions are back.
    own_done: bool,
    /// Siblings that have not said so of theirs, one bit each.
    siblings: u64,
    /// When to ask for the page behind this client once more.
    again: Option<(Instant, Option<ClientKey>)>,
    /// The page whose shared subscriptions are being told to their owners.
    page: Page,
}

#[derive(Debug, Default)]
struct Page {
    /// The page is the one behind this client.
    after: Option<ClientKey>,
    /// The last client of the page, if another page follows.
    next: Option<ClientKey>,
}

impl Restoring {
    pub(super) fn new(id: ShardId, shards: u16) -> Self {
        let all = if shards >= 64 { u64::MAX } else { (1 << shards) - 1 };
        Self { own_done: false, siblings: all & !(1 << id.0), again: None, page: Page::default() }
    }

    fn is_done(&self) -> bool {
        self.own_done && (self.siblings == 0 || planted(Bug::ServedBeforeRestored))
    }
}

impl Shard {
    pub(super) fn ask_for_sessions(&mut self, after: Option<ClientKey>) {
        self.ask_store(StoreOp::Restore { after: after.clone() }, Question::Restore { after });
    }

    /// A page of sessions, or none because the store failed: serving without them would lose messages.
    pub(super) fn restored(&mut self, after: Option<ClientKey>, result: Result<Done, Failed>) {
        let Ok(Done::Restored { sessions, more }) = result else {
            return self.ask_again(after);
        };
        let next = sessions.last().map(|(client, _)| client.clone()).filter(|_| more);
        self.restoring.page = Page { after, next };
        let op = self.ops.insert(Op::waited_by(Waiter::Restored));
        for (client, stored) in sessions {
            self.take_back(client, stored, op);
        }
        if self.ops.get(op).is_some_and(|op| op.waiting == 0) {
            self.ops.remove(op);
            self.page_known(true);
        }
    }

    fn ask_again(&mut self, after: Option<ClientKey>) {
        if self.phase == ShardPhase::Restoring {
            self.restoring.again = Some((self.now.monotonic.saturating_add(RETRY), after));
        }
    }

    /// Every shard knows what the sessions of a page want, or a sibling did not say so.
    ///
    /// Of ordinary filters our own word that they are known comes behind them on each link. A shared subscription is told to its owner
    /// alone, and only the owner can say that the others know of it.
    pub(super) fn page_known(&mut self, ok: bool) {
        let Page { after, next } = core::mem::take(&mut self.restoring.page);
        if !ok {
            return self.ask_again(after);
        }
        if next.is_some() {
            return self.ask_for_sessions(next);
        }
        self.restoring.own_done = true;
        self.tell_siblings_restored();
        self.serve_if_restored();
    }

    fn take_back(&mut self, client: ClientKey, stored: StoredSession, op: Key) {
        let key = self.find(&client).unwrap_or_else(|| self.add_session(client, true));
        if let Some(session) = self.sessions.get_mut(key) {
            session.unopened = true;
            session.expiry = stored.expiry_secs;
            session.had_will = stored.will.is_some();
            // A client that was connected when the last start ended is away from now on.
            let now = self.now;
            let left = |at: Option<UnixMillis>, secs: u32| match at {
                Some(at) => Duration::from_millis(at.since(now.wall)),
                None => Duration::from_secs(u64::from(secs)),
            };
            if stored.expires_at.is_some() || stored.expiry_secs != u32::MAX {
                session.ends_at = Some(now.monotonic.saturating_add(left(stored.expires_at, stored.expiry_secs)));
            }
            session.will_at =
                stored.will.as_ref().map(|will| now.monotonic.saturating_add(left(stored.will_at, will.delay_secs)));
            session.will = stored.will;
            if let Some(queue) = &mut session.stored {
                queue.load(stored.first_seq, stored.next_seq);
            }
        }
        for (filter, granted) in stored.subscriptions.into_iter().filter(|_| !planted(Bug::SubscriptionsNotRestored)) {
            let op = filter.starts_with(SHARE).then_some(op);
            self.add_subscription(key, filter, granted, op);
        }
        self.watch_session(key);
    }

    fn tell_siblings_restored(&mut self) {
        let siblings = (0..self.settings.shards).map(ShardId).filter(|to| *to != self.id);
        self.outputs.extend(siblings.map(|to| Output::Route { to, message: RouteMessage::Restored }));
    }

    /// A sibling has told us all filters of its sessions.
    pub(super) fn sibling_restored(&mut self, from: ShardId) {
        self.restoring.siblings &= !(1 << (from.0 & 63));
        self.serve_if_restored();
    }

    fn serve_if_restored(&mut self) {
        if self.phase == ShardPhase::Restoring && self.restoring.is_done() {
            self.phase = ShardPhase::Serving;
        }
    }

    /// Asks once more for a page that could not be read, when it is time.
    pub(super) fn retry_restore(&mut self) {
        if self.phase == ShardPhase::Restoring && self.restore_deadline().is_some_and(|at| at <= self.now.monotonic) {
            if let Some((_, after)) = self.restoring.again.take() {
                self.ask_for_sessions(after);
            }
        }
    }

    pub(super) fn restore_deadline(&self) -> Option<Instant> {
        let again = self.restoring.again.as_ref().map(|(at, _)| *at);
        again.filter(|_| self.phase == ShardPhase::Restoring)
    }
}
