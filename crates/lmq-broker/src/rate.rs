//! How often something may happen: a leaky bucket in one number.

use core::{num::NonZeroU32, time::Duration};

use crate::Instant;

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// Lets `per_sec` through a second, in bursts of as many, and says when the next may come.
///
/// Remembers the moment at which all that came is spread out evenly; how far that may lie ahead is the burst.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    spread_nanos: u64,
}

impl Rate {
    /// When the next one may come: now, or later.
    pub(crate) fn next(&self, now: Instant, per_sec: NonZeroU32) -> Instant {
        let latest = nanos(now).saturating_add(NANOS_PER_SEC - interval(per_sec));
        let ahead = self.spread_nanos.saturating_sub(latest);
        now.saturating_add(Duration::from_micros(ahead.div_ceil(1000)))
    }

    /// Whether all that came is spread out, so that the whole burst is free again.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        self.spread_nanos <= nanos(now)
    }

    /// One came.
    pub(crate) fn count(&mut self, now: Instant, per_sec: NonZeroU32) {
        self.spread_nanos = self.spread_nanos.max(nanos(now)).saturating_add(interval(per_sec));
    }

    /// Whether one may come now; counts it if so.
    pub(crate) fn take(&mut self, now: Instant, per_sec: NonZeroU32) -> bool {
        let may = self.next(now, per_sec) <= now;
        if may {
            self.count(now, per_sec);
        }
        may
    }
}

/// The time between two, if they come evenly.
pub(crate) const fn interval(per_sec: NonZeroU32) -> u64 {
    NANOS_PER_SEC / per_sec.get() as u64
}

const fn nanos(at: Instant) -> u64 {
    at.as_micros().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(rate: &mut Rate, at_millis: u64, per_sec: u32) -> usize {
        let (now, per_sec) = (Instant::from_micros(at_millis * 1000), NonZeroU32::new(per_sec).unwrap());
        (0..10_000).take_while(|_| rate.take(now, per_sec)).count()
    }

    #[test]
    fn a_second_lets_as_many_through_as_it_should_and_a_burst_no_more() {
        let mut rate = Rate::default();
        assert_eq!(passed(&mut rate, 5_000, 10), 10);
        assert_eq!(passed(&mut rate, 5_099, 10), 0);
        assert_eq!(passed(&mut rate, 5_100, 10), 1);
        assert_eq!(passed(&mut rate, 5_400, 10), 3);
        assert_eq!(passed(&mut rate, 60_000, 10), 10);
        assert_eq!(passed(&mut Rate::default(), 1, 1), 1);
        assert_eq!(passed(&mut Rate::default(), 1, 3), 3);
    }

    #[test]
    fn the_moment_it_names_is_the_one_at_which_the_next_passes() {
        let (mut rate, per_sec) = (Rate::default(), NonZeroU32::new(7).unwrap());
        let mut now = Instant::from_micros(123_456);
        for _ in 0..100 {
            while rate.take(now, per_sec) {}
            let next = rate.next(now, per_sec);
            assert!(next > now);
            let before = Instant::from_micros(next.as_micros() - 2);
            assert!(rate.next(before, per_sec) > before);
            now = next;
            assert!(rate.next(now, per_sec) <= now);
        }
    }
}
