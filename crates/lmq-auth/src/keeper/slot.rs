use super::HeldToken;
use super::backoff::pause_ms;

/// What a client knows about one of its tokens.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    pub(super) held: Option<HeldToken>,
    /// Whether `held` was given to the connection.
    pub(super) uploaded: bool,
    fetch: Fetch,
    failures: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fetch {
    #[default]
    Idle,
    /// Asked; without an answer until then it counts as failed.
    Asked { until: u64 },
    /// After a failure.
    Pausing { until: u64 },
}

impl Slot {
    /// Takes a token from the application server or from before a restart.
    pub(super) fn take(&mut self, held: HeldToken) {
        self.held = Some(held);
        self.uploaded = false;
        (self.fetch, self.failures) = (Fetch::Idle, 0);
    }

    /// The token is worth nothing.
    pub(super) fn drop_token(&mut self) -> bool {
        self.uploaded = false;
        self.held.take().is_some()
    }

    pub(super) fn fail(&mut self, now: u64) {
        self.failures = self.failures.saturating_add(1);
        self.fetch = Fetch::Pausing { until: now.saturating_add(pause_ms(self.failures)) };
    }

    /// Whether to ask the application server now; then it counts as asked.
    pub(super) fn ask(&mut self, now: u64, answer_ms_max: u64) -> bool {
        match self.fetch {
            Fetch::Asked { until } if now >= until => self.fail(now),
            Fetch::Pausing { until } if now >= until => self.fetch = Fetch::Idle,
            Fetch::Idle | Fetch::Asked { .. } | Fetch::Pausing { .. } => {}
        }
        let due = self.held.as_ref().is_none_or(|held| held.is_due(now));
        if self.fetch != Fetch::Idle || !due {
            return false;
        }
        self.fetch = Fetch::Asked { until: now.saturating_add(answer_ms_max) };
        true
    }

    /// Whether it is good enough to connect with: a token near its end only when a new one cannot be had.
    pub(super) fn may_connect(&self, now: u64) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_good(now) && (!held.is_due(now) || self.failures > 0))
    }

    pub(super) fn may_upload(&self, now: u64) -> bool {
        !self.uploaded && self.held.as_ref().is_some_and(|held| held.is_good(now))
    }

    /// When something is due here; 0 for when it is not for time to say.
    pub(super) fn next(&self) -> u64 {
        match self.fetch {
            Fetch::Asked { until } | Fetch::Pausing { until } => until,
            Fetch::Idle => self.held.as_ref().map_or(0, HeldToken::renew_at),
        }
    }
}
