use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use super::HeldToken;
use super::backoff::pause_ms;
use crate::Token;

/// Keeps the tokens that an application server got for its clients, and says when to apply for one.
///
/// The manual's three duties of an application server. (1) *Check the client before it gets a token*: the caller's, before
/// [`request`](Self::request). (2) *Know which token is whose, so that a client does not make it apply again and again*: one entry per key, one
/// application at a time. (3) *Survive a short failure of the authority*: the old token is given out as long as it is good.
///
/// A key `K` stands for one client and one set of rights, for example its client id and an [`Access`](lmq_id::Access). Whoever gets other rights gets
/// another key, or is [forgotten](Self::forget) first.
///
/// ```text
///              request                    applied                 due (and asked for since)
///   (no entry) ───────► Applying ───────────────────► Held ─────────────────────────────► Applying, old token still given out
///        ▲                 │ failed, or silent         ▲                                     │ failed, or silent
///        │                 ▼                           │ applied                             ▼
///        └──────────── Pausing 1 s .. 60 s ◄───────────┴───────────────────────────────── Pausing, old token still given out
///       nobody asked,      │ pause over and asked for
///       no good token      └──────► Applying
/// ```
///
/// Holds [`clients_max`](AppTokensConfig::clients_max) entries at most; for one more, the held token that ends first is given up (it can be applied for
/// again), and when all are being applied for, a request is refused. An entry takes its key twice and its token, at worst 22 KB.
#[derive(Clone, Debug)]
pub struct AppTokens<K> {
    config: AppTokensConfig,
    entries: BTreeMap<K, Entry>,
    /// When each entry needs attention, exactly one deadline for each.
    deadlines: BTreeSet<(u64, K)>,
    outputs: VecDeque<AppOutput<K>>,
    /// The number of the last application.
    ticket: u64,
}

/// The limits of an [`AppTokens`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppTokensConfig {
    /// The most clients at a time. Default: 100,000.
    pub clients_max: usize,
    /// After how many milliseconds without an answer the authority counts as silent. Default: 10,000.
    pub answer_ms_max: u64,
}

impl Default for AppTokensConfig {
    fn default() -> Self {
        Self { clients_max: 100_000, answer_ms_max: 10_000 }
    }
}

/// What a client can be told now.
#[derive(Clone, Copy, Debug)]
pub enum AppAnswer<'a> {
    /// This token.
    Token(&'a HeldToken),
    /// An application is under way; [`AppOutput::Answered`] says when it has ended.
    Wait,
    /// The authority failed and there is no good token from before; asking again is no use before `retry_at`.
    Unavailable {
        /// Milliseconds since 1970-01-01T00:00:00Z.
        retry_at: u64,
    },
}

/// What the application server has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppOutput<K> {
    /// Apply for a token, and say how it went with [`handle_applied`](AppTokens::handle_applied) or [`handle_failed`](AppTokens::handle_failed).
    Apply {
        /// For whom.
        key: K,
        /// Which application: goes with its answer, so that one from before a [`forget`](AppTokens::forget) is not taken for the new one.
        ticket: u64,
    },
    /// The application has ended, well or not: requests that wait can be answered with [`answer`](AppTokens::answer).
    Answered(K),
}

#[derive(Clone, Debug)]
struct Entry {
    held: Option<HeldToken>,
    work: Work,
    failures: u32,
    /// The last application, under way or not.
    ticket: u64,
    /// Whether somebody asked since the last application began.
    asked: bool,
    deadline: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// Nothing to do until the token is due.
    Idle,
    Applying,
    /// After a failure.
    Pausing {
        until: u64,
    },
    /// The token is due and nobody asked for another: it is kept to its end.
    Resting,
}

impl<K: Ord + Clone> AppTokens<K> {
    /// No tokens yet.
    #[must_use]
    pub const fn new(config: AppTokensConfig) -> Self {
        Self { config, entries: BTreeMap::new(), deadlines: BTreeSet::new(), outputs: VecDeque::new(), ticket: 0 }
    }

    /// A client that was checked asks for its token.
    pub fn request(&mut self, now: u64, key: &K) -> AppAnswer<'_> {
        if !self.entries.contains_key(key) && !self.enter(now, key) {
            return AppAnswer::Unavailable { retry_at: now.saturating_add(self.config.answer_ms_max) };
        }
        self.update(key, |entry| entry.asked = true);
        if self.entries.get(key).is_some_and(|entry| entry.wants(now)) {
            self.apply(now, key);
        }
        self.answer(now, key)
    }

    /// Application `ticket` gave a token that is good until `expires`, late or not. One that has ended already counts as a failure.
    pub fn handle_applied(&mut self, now: u64, key: &K, ticket: u64, token: Token, expires: u64) {
        if self.entries.get(key).is_none_or(|entry| entry.ticket != ticket) {
            return;
        }
        if expires <= now {
            self.handle_failed(now, key, ticket);
            return;
        }
        self.update(key, |entry| {
            entry.held = Some(HeldToken::new(now, token, expires));
            (entry.work, entry.failures) = (Work::Idle, 0);
        });
        self.outputs.push_back(AppOutput::Answered(key.clone()));
    }

    /// The authority refused application `ticket`, or could not be reached. Ignored when it is not under way any more.
    pub fn handle_failed(&mut self, now: u64, key: &K, ticket: u64) {
        let current = self.entries.get(key).filter(|entry| entry.work == Work::Applying && entry.ticket == ticket);
        if current.is_none() {
            return;
        }
        self.update(key, |entry| {
            entry.failures = entry.failures.saturating_add(1);
            entry.work = Work::Pausing { until: now.saturating_add(pause_ms(entry.failures)) };
        });
        self.outputs.push_back(AppOutput::Answered(key.clone()));
    }

    /// Drops what is kept for a client: it left, its rights changed, or its token was revoked.
    pub fn forget(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.deadlines.remove(&(entry.deadline, key.clone()));
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: u64) {
        while let Some((_, key)) = self.deadlines.first().filter(|(at, _)| *at <= now).cloned() {
            let Some(entry) = self.entries.get(&key) else { break };
            let good = entry.held.as_ref().is_some_and(|held| held.is_good(now));
            match (entry.work, entry.asked) {
                (Work::Applying, _) => self.handle_failed(now, &key, entry.ticket),
                (Work::Idle | Work::Pausing { .. }, true) => self.apply(now, &key),
                (Work::Idle | Work::Pausing { .. }, false) if good => {
                    self.update(&key, |entry| entry.work = Work::Resting)
                }
                (Work::Idle | Work::Pausing { .. } | Work::Resting, _) => self.forget(&key),
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<AppOutput<K>> {
        self.outputs.pop_front()
    }

    /// What a client can be told, without asking for anything. A token that is due is given out only when a new one cannot be had now.
    #[must_use]
    pub fn answer(&self, now: u64, key: &K) -> AppAnswer<'_> {
        let Some(entry) = self.entries.get(key) else {
            return AppAnswer::Unavailable { retry_at: now };
        };
        let good = entry.held.as_ref().filter(|held| held.is_good(now));
        match (good, entry.work) {
            (Some(held), _) if !held.is_due(now) => AppAnswer::Token(held),
            (_, Work::Applying) => AppAnswer::Wait,
            (Some(held), _) => AppAnswer::Token(held),
            (None, Work::Pausing { until }) => AppAnswer::Unavailable { retry_at: until },
            (None, Work::Idle | Work::Resting) => AppAnswer::Unavailable { retry_at: now },
        }
    }

    /// How many clients there are entries for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn enter(&mut self, now: u64, key: &K) -> bool {
        if self.entries.len() >= self.config.clients_max {
            let idle = self.deadlines.iter().find(|(_, key)| self.entries.get(key).is_some_and(Entry::is_idle));
            let Some((_, idle)) = idle.cloned() else { return false };
            self.forget(&idle);
        }
        self.entries.insert(
            key.clone(),
            Entry { held: None, work: Work::Idle, failures: 0, ticket: 0, asked: false, deadline: now },
        );
        self.deadlines.insert((now, key.clone()));
        true
    }

    fn apply(&mut self, now: u64, key: &K) {
        self.ticket += 1;
        let (ticket, deadline) = (self.ticket, now.saturating_add(self.config.answer_ms_max));
        self.update(key, |entry| {
            (entry.work, entry.asked) = (Work::Applying, false);
            (entry.ticket, entry.deadline) = (ticket, deadline);
        });
        self.outputs.push_back(AppOutput::Apply { key: key.clone(), ticket });
    }

    /// Changes an entry and its deadline together.
    fn update(&mut self, key: &K, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        self.deadlines.remove(&(entry.deadline, key.clone()));
        change(entry);
        entry.deadline = entry.next();
        self.deadlines.insert((entry.deadline, key.clone()));
    }
}

impl Entry {
    const fn is_idle(&self) -> bool {
        matches!(self.work, Work::Idle | Work::Resting)
    }

    /// Whether to apply, if somebody asks at `now`.
    fn wants(&self, now: u64) -> bool {
        match self.work {
            Work::Applying => false,
            Work::Pausing { until } => now >= until,
            Work::Idle | Work::Resting => self.held.as_ref().is_none_or(|held| held.is_due(now)),
        }
    }

    fn next(&self) -> u64 {
        match self.work {
            Work::Applying => self.deadline,
            Work::Pausing { until } => until,
            Work::Idle => self.held.as_ref().map_or(self.deadline, HeldToken::renew_at),
            Work::Resting => self.held.as_ref().map_or(self.deadline, |held| held.expires),
        }
    }
}
