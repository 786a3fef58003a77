//! The memory that makes each OpenAPI request good for one use.
//!
//! **Attacker's view.** Only verified requests get here ([`VerifiedRequest`](super::VerifiedRequest) alone can call), so nobody without a
//! key can fill it. When it is full it refuses what is new: forgetting what is old would let an account that sends many requests
//! buy a replay of another's. One key may hold a part only, so that it does not lock the others out. A nonce is remembered until the
//! time of its request has left the window, which for a request from the future is up to 30 minutes. Should the clock jump ahead and
//! back, requests as old as what was forgotten in between stay refused. A nonce is kept as a digest of 128 bits.

use alloc::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::openapi::WINDOW_MS;
use super::{OpenApiError, Timestamp};

/// Half a SHA-256.
type Half = [u8; 16];

/// How much a [`NonceWindow`] remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceLimits {
    /// The most nonces together, 256 bytes each at worst. Default 262,144: 64 MiB, 290 requests per second.
    pub nonces_max: usize,
    /// The most nonces of one access key. Default 65,536: 72 requests per second. What one key can take from the others.
    pub nonces_per_key_max: usize,
}

impl Default for NonceLimits {
    fn default() -> Self {
        Self { nonces_max: 262_144, nonces_per_key_max: 65_536 }
    }
}

/// The nonces of the last 15 minutes, by access key.
///
/// It is empty after a start, so that a request of the 15 minutes before could be repeated once; [`refuse_until`](Self::refuse_until)
/// closes the gap.
#[derive(Debug)]
pub struct NonceWindow {
    limits: NonceLimits,
    /// Key and nonce.
    seen: BTreeSet<(Half, Half)>,
    /// The same by the second until which they are remembered.
    by_end: BTreeSet<(u64, (Half, Half))>,
    /// How many of each key; none is zero.
    per_key: BTreeMap<Half, usize>,
    /// The latest end that was forgotten, in milliseconds: nothing up to there is accepted again, whatever the clock says.
    forgotten_ms: u64,
}

impl NonceWindow {
    /// A window that remembers nothing yet.
    #[must_use]
    pub const fn new(limits: NonceLimits) -> Self {
        Self { limits, seen: BTreeSet::new(), by_end: BTreeSet::new(), per_key: BTreeMap::new(), forgotten_ms: 0 }
    }

    /// Refuses requests whose own time is `time_ms` or earlier, as expired.
    ///
    /// With the time of the start, no request from before a restart can be repeated, unless the sender's clock was ahead; a client
    /// whose clock is behind by some minutes is then refused for as many.
    pub const fn refuse_until(&mut self, time_ms: u64) {
        let end = time_ms.saturating_add(WINDOW_MS);
        if end > self.forgotten_ms {
            self.forgotten_ms = end;
        }
    }

    /// Drops what cannot be repeated any more at `now_ms`. Each admission does; a timer may, to free memory of a quiet server.
    pub fn forget(&mut self, now_ms: u64) {
        while let Some(&(end_ms, entry)) = self.by_end.first() {
            if end_ms >= now_ms {
                return;
            }
            self.by_end.pop_first();
            self.seen.remove(&entry);
            self.forgotten_ms = self.forgotten_ms.max(end_ms);
            self.uncount(entry.0);
        }
    }

    fn uncount(&mut self, key: Half) {
        if let Some(count) = self.per_key.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.per_key.remove(&key);
            }
        }
    }

    /// Remembers the nonce of a verified request, or says why the request has to be refused.
    pub(super) fn admit(
        &mut self,
        access_key: &str,
        nonce: &str,
        time: Timestamp,
        now_ms: u64,
    ) -> Result<(), OpenApiError> {
        self.forget(now_ms);
        let end_ms = time.unix_ms().saturating_add(WINDOW_MS);
        if end_ms <= self.forgotten_ms || !time.is_within(WINDOW_MS, now_ms) {
            return Err(OpenApiError::TimestampExpired);
        }
        let entry = (half(access_key), half(nonce));
        if self.seen.contains(&entry) {
            return Err(OpenApiError::NonceUsed);
        }
        let of_key = self.per_key.get(&entry.0).copied().unwrap_or(0);
        if self.seen.len() >= self.limits.nonces_max || of_key >= self.limits.nonces_per_key_max {
            return Err(OpenApiError::Throttled);
        }
        self.per_key.insert(entry.0, of_key + 1);
        self.seen.insert(entry);
        self.by_end.insert((end_ms, entry));
        Ok(())
    }

    /// How many nonces are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

fn half(text: &str) -> Half {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    core::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_187_110_000;
    const MINUTE: u64 = 60_000;

    fn window(nonces_max: usize, nonces_per_key_max: usize) -> NonceWindow {
        NonceWindow::new(NonceLimits { nonces_max, nonces_per_key_max })
    }

    fn admit(window: &mut NonceWindow, key: &str, nonce: &str, time: u64, now: u64) -> Result<(), OpenApiError> {
        window.admit(key, nonce, Timestamp::from_unix_ms(time), now)
    }

    #[test]
    fn a_nonce_is_good_once_per_key() {
        let mut window = window(10, 10);
        assert_eq!(admit(&mut window, "a", "n", NOW, NOW), Ok(()));
        assert_eq!(admit(&mut window, "a", "n", NOW, NOW), Err(OpenApiError::NonceUsed));
        assert_eq!(admit(&mut window, "a", "n", NOW + MINUTE, NOW), Err(OpenApiError::NonceUsed));
        assert_eq!(admit(&mut window, "b", "n", NOW, NOW), Ok(()));
        assert_eq!(admit(&mut window, "a", "N", NOW, NOW), Ok(()));
    }

    #[test]
    fn a_request_is_remembered_as_long_as_its_time_is_accepted() {
        for skew in [0, 15 * MINUTE] {
            let mut window = window(10, 10);
            let time = NOW + skew;
            assert_eq!(admit(&mut window, "a", "n", time, NOW), Ok(()));
            assert_eq!(admit(&mut window, "a", "n", time, time + 15 * MINUTE), Err(OpenApiError::NonceUsed));
            assert_eq!(window.len(), 1);
            assert_eq!(admit(&mut window, "a", "n", time, time + 15 * MINUTE + 1), Err(OpenApiError::TimestampExpired));
            assert!(window.is_empty() && window.by_end.is_empty() && window.per_key.is_empty());
        }
    }

    #[test]
    fn a_clock_that_jumps_and_returns_opens_nothing() {
        let mut window = window(10, 10);
        admit(&mut window, "a", "n", NOW, NOW).unwrap();
        admit(&mut window, "b", "m", NOW + 86_400_000, NOW + 86_400_000).unwrap();
        assert_eq!(window.len(), 1);
        assert_eq!(admit(&mut window, "a", "n", NOW, NOW + 1000), Err(OpenApiError::TimestampExpired));
        // What is newer than all that was forgotten goes on.
        assert_eq!(admit(&mut window, "a", "n", NOW + 1000, NOW + 1000), Ok(()));
    }

    #[test]
    fn a_full_window_refuses_and_forgets_nothing() {
        let mut window = window(3, 2);
        admit(&mut window, "a", "1", NOW, NOW).unwrap();
        admit(&mut window, "a", "2", NOW, NOW).unwrap();
        assert_eq!(admit(&mut window, "a", "3", NOW, NOW), Err(OpenApiError::Throttled));
        admit(&mut window, "b", "1", NOW, NOW).unwrap();
        assert_eq!(admit(&mut window, "b", "2", NOW, NOW), Err(OpenApiError::Throttled));
        for (key, nonce) in [("a", "1"), ("a", "2"), ("b", "1")] {
            assert_eq!(admit(&mut window, key, nonce, NOW, NOW), Err(OpenApiError::NonceUsed));
        }
        let later = NOW + 15 * MINUTE + 1;
        assert_eq!(admit(&mut window, "b", "2", later, later), Ok(()));
        assert_eq!(window.len(), 1);
    }

    #[test]
    fn a_start_can_refuse_what_came_before() {
        let mut window = window(10, 10);
        window.refuse_until(NOW);
        window.refuse_until(NOW - MINUTE);
        assert_eq!(admit(&mut window, "a", "n", NOW, NOW), Err(OpenApiError::TimestampExpired));
        assert_eq!(admit(&mut window, "a", "n", NOW + 1000, NOW + 1000), Ok(()));
    }
}
