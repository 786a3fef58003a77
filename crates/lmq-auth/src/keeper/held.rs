use crate::Token;

/// A token with its time.
#[derive(Clone, Debug)]
pub struct HeldToken {
    /// The token.
    pub token: Token,
    /// From when on it is worth nothing, in milliseconds since 1970-01-01T00:00:00Z.
    pub expires: u64,
    /// From when on a new one is wanted.
    renew_at: u64,
}

/// How long before its end a token is renewed, at most: before the gateway's notice, which comes five minutes ahead.
const AHEAD_MS_MAX: u64 = 6 * 60_000;

impl HeldToken {
    /// A token got at `now`. It is due for renewal six minutes before its end, or after three quarters of a shorter life.
    pub(super) fn new(now: u64, token: Token, expires: u64) -> Self {
        let ahead = AHEAD_MS_MAX.min(expires.saturating_sub(now) / 4);
        Self { token, expires, renew_at: expires - ahead }
    }

    /// Whether it may still be used.
    #[must_use]
    pub const fn is_good(&self, now: u64) -> bool {
        now < self.expires
    }

    /// Whether it is time to get a new one.
    #[must_use]
    pub const fn is_due(&self, now: u64) -> bool {
        now >= self.renew_at
    }

    pub(super) const fn renew_at(&self) -> u64 {
        self.renew_at
    }

    /// Makes it due, and good no longer than `expires`.
    pub(super) fn hasten(&mut self, now: u64, expires: u64) {
        self.expires = self.expires.min(expires);
        self.renew_at = self.renew_at.min(now);
    }
}
