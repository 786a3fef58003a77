//! Start-up: the sessions and retained messages of an earlier start come back before anybody is let in.
//!
//! A shard serves once its own sessions are back *and* every sibling has said the same of its own. What a sibling says comes behind
//! the filters of its sessions, on the same link: so from the first message on, everybody who subscribed before is heard.

use alloc::{sync::Arc, vec::Vec};
use core::time::Duration;

use super::{
    Shard, ShardPhase,
    effects::{Op, Question, Waiter},
};
use crate::{
    ClientKey, Done, Failed, InstanceIndex, Instant, Output, RouteMessage, ShardId, StoreOp, StoredRetained,
    StoredSession, UnixMillis,
};

/// A store that failed is asked again after so long.
const RETRY: Duration = Duration::from_secs(1);

/// How far the start has come.
#[derive(Debug)]
pub(super) struct Restoring {
    /// Our own sessions and retained messages are back, and every sibling knows these.
    own_done: bool,
    /// Siblings that have not said so of theirs, one bit each.
    siblings: u64,
    /// When to ask for a page once more.
    again: Option<(Instant, Page)>,
    /// The page that follows the retained messages which the siblings are being told.
    next: Option<Page>,
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
        Self { own_done: false, siblings: all & !(1 << id.0), again: None, next: None }
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
        match (page, result) {
            (Page::Sessions(_), Ok(Done::Restored { sessions, more })) => self.sessions_restored(sessions, more),
            (Page::Retained(_), Ok(Done::RestoredRetained { messages, more })) => {
                self.retained_restored(messages, more)
            }
            (page, _) => self.ask_again(page),
        }
    }

    fn ask_again(&mut self, page: Page) {
        if self.phase == ShardPhase::Restoring {
            self.restoring.again = Some((self.now.monotonic.saturating_add(RETRY), page));
        }
    }

    fn sessions_restored(&mut self, sessions: Vec<(ClientKey, StoredSession)>, more: bool) {
        let last = sessions.last().map(|(client, _)| client.clone());
        for (client, stored) in sessions {
            self.take_back(client, stored);
        }
        if more && last.is_some() {
            self.ask_for(Page::Sessions(last));
        } else if self.settings.profile.retained_messages {
            self.ask_for(Page::Retained(None));
        } else {
            self.all_restored();
        }
    }

    /// The next page is asked for when every sibling has this one, so that no more than a page is under way to them.
    fn retained_restored(&mut self, messages: Vec<StoredRetained>, more: bool) {
        let last = messages.last().map(|stored| (stored.instance, stored.topic.clone()));
        self.restoring.next = last.filter(|_| more).map(|last| Page::Retained(Some(last)));
        let op = self.ops.insert(Op::waited_by(Waiter::Restoring));
        for stored in messages {
            self.take_back_kept(stored, op);
        }
        if self.ops.get(op).is_some_and(|op| op.waiting == 0) {
            self.ops.remove(op);
            self.kept_told();
        }
    }

    /// The siblings have a page of retained messages, or will have it: one that is late gets it in front of what follows.
    pub(super) fn kept_told(&mut self) {
        match self.restoring.next.take() {
            Some(next) => self.ask_for(next),
            None => self.all_restored(),
        }
    }

    fn all_restored(&mut self) {
        self.restoring.own_done = true;
        self.tell_siblings_restored();
        self.serve_if_restored();
    }

    fn take_back(&mut self, client: ClientKey, stored: StoredSession) {
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
        for (filter, granted) in stored.subscriptions {
            self.add_subscription(key, filter, granted, None);
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
        if self.phase == ShardPhase::Restoring && self.restoring.own_done && self.restoring.siblings == 0 {
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
