//! Start-up: the sessions and retained messages of an earlier start come back before anybody is let in.
//!
//! A shard serves once its own sessions are back *and* every sibling has said the same of its own. What a sibling says comes behind
//! the filters of its sessions, on the same link: so from the first message on, everybody who subscribed before is heard.

use alloc::sync::Arc;
use core::time::Duration;

use super::{
    Shard, ShardPhase,
    effects::{Op, Question, Waiter},
    groups::SHARE,
};
use crate::{
    ClientKey, Done, Failed, InstanceIndex, Instant, Output, RouteMessage, ShardId, StoreOp, StoredSession, UnixMillis,
    planted::{Bug, planted},
    slab::Key,
};

/// A store that failed is asked again after so long.
const RETRY: Duration = Duration::from_secs(1);

/// How far the start has come.
#[derive(Debug)]
pub(super) struct Restoring {
    /// Our own sessions and retained messages are back, and the siblings know of them.
    own_done: bool,
    /// Siblings that have not said so of theirs, one bit each.
    siblings: u64,
    /// When to ask for a page once more.
    again: Option<(Instant, Page)>,
    /// The page that the siblings are being told, as far as they must say that they know, and the one that follows it.
    told: Option<(Page, Option<Page>)>,
    /// The shard was not told the time yet.
    pub(super) unclocked: bool,
}

/// What is asked of the store, by where the last page ended.
#[derive(Clone, Debug)]
pub(super) enum Page {
    Sessions(Option<ClientKey>),
    Retained(Option<(InstanceIndex, Arc<str>)>),
}

impl Restoring {
    pub(super) fn new(id: ShardId, shards: u16) -> Self {
        let all = if shards >= 64 { u64::MAX } else { (1 << shards) - 1 };
        Self { own_done: false, siblings: all & !(1 << id.0), again: None, told: None, unclocked: true }
    }

    pub(super) fn is_done(&self) -> bool {
        self.own_done && (self.siblings == 0 || planted(Bug::ServedBeforeRestored))
    }
}

impl Shard {
    pub(super) fn ask_for(&mut self, page: Page) {
        let op = match &page {
            Page::Sessions(after) => StoreOp::Restore { after: after.clone() },
            Page::Retained(after) => StoreOp::RestoreRetained { after: after.clone() },
        };
        self.ask_store(op, Question::Restore(page));
    }

    /// A page, or none because the store failed: serving without it would lose messages.
    pub(super) fn restored(&mut self, page: Page, result: Result<Done, Failed>) {
        let op = self.ops.insert(Op::waited_by(Waiter::Restored));
        let next = match (&page, result) {
            (Page::Sessions(_), Ok(Done::Restored { sessions, more })) => {
                let last = sessions.last().map(|(client, _)| client.clone()).filter(|_| more);
                for (client, stored) in sessions {
                    self.take_back(client, stored, op);
                }
                let retained = self.settings.profile.retained_messages.then_some(Page::Retained(None));
                last.map(|last| Page::Sessions(Some(last))).or(retained)
            }
            (Page::Retained(_), Ok(Done::RestoredRetained { messages, more })) => {
                let last = messages.last().map(|stored| (stored.instance, stored.topic.clone()));
                for stored in messages.into_iter().filter(|_| !planted(Bug::RetainedNotRestored)) {
                    self.take_back_kept(stored, op);
                }
                last.filter(|_| more).map(|last| Page::Retained(Some(last)))
            }
            _ => {
                self.ops.remove(op);
                return self.ask_again(page);
            }
        };
        self.restoring.told = Some((page, next));
        if self.ended_at_once(op) {
            self.page_known(true);
        }
    }

    fn ask_again(&mut self, page: Page) {
        if self.phase == ShardPhase::Restoring {
            self.restoring.again = Some((self.now.monotonic.saturating_add(RETRY), page));
        }
    }

    /// Every shard knows what a page has for it, or a sibling did not say so.
    ///
    /// Of ordinary filters our own word that they are known comes behind them on each link. A shared subscription is told to its owner
    /// alone, and only the owner can say that the others know of it. Of retained messages no more than a page is to be under way.
    pub(super) fn page_known(&mut self, ok: bool) {
        match self.restoring.told.take() {
            Some((page, _)) if !ok => self.ask_again(page),
            Some((_, Some(next))) => self.ask_for(next),
            Some((_, None)) => {
                self.restoring.own_done = true;
                self.tell_siblings_restored();
                self.serve_if_restored();
            }
            None => {}
        }
    }

    fn take_back(&mut self, client: ClientKey, stored: StoredSession, op: Key) {
        let key = self.find(&client).unwrap_or_else(|| self.add_session(client, true));
        if let Some(session) = self.sessions.get_mut(key) {
            session.unopened = true;
            (session.expiry, session.told_expiry) = (stored.expiry_secs, stored.expiry_secs);
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
            session.will = stored.will.filter(|_| !planted(Bug::WillNotRestored));
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
            if let Some((_, page)) = self.restoring.again.take() {
                self.ask_for(page);
            }
        }
    }

    pub(super) fn restore_deadline(&self) -> Option<Instant> {
        let again = self.restoring.again.as_ref().map(|(at, _)| *at);
        again.filter(|_| self.phase == ShardPhase::Restoring)
    }
}
