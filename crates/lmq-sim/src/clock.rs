//! Virtual time: what happens next, and when.

use std::collections::BTreeMap;

use lmq_broker::{Instant, Now, UnixMillis};

pub(crate) const MILLI: u64 = 1_000;
pub(crate) const SECOND: u64 = 1_000_000;

/// Events by their time, and by their order where the time is the same. Knows both clocks.
#[derive(Debug)]
pub(crate) struct Clock<T> {
    now: u64,
    wall_offset: i64,
    events: BTreeMap<(u64, u64), T>,
    scheduled: u64,
}

/// Where the wall clock begins, in milliseconds.
const EPOCH: i64 = 1_700_000_000_000;

impl<T> Clock<T> {
    pub(crate) const fn new() -> Self {
        Self { now: 0, wall_offset: 0, events: BTreeMap::new(), scheduled: 0 }
    }

    /// Something happens `micros` from now.
    pub(crate) fn after(&mut self, micros: u64, event: T) {
        self.at(self.now + micros, event);
    }

    /// Something happens at `at`, not before now.
    pub(crate) fn at(&mut self, at: u64, event: T) {
        self.scheduled += 1;
        self.events.insert((at.max(self.now), self.scheduled), event);
    }

    /// The next event; time moves there.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let ((at, _), event) = self.events.pop_first()?;
        self.now = at;
        Some(event)
    }

    /// The wall clock is set, by milliseconds in either direction.
    pub(crate) fn jump(&mut self, millis: i64) {
        self.wall_offset += millis;
    }

    /// Microseconds since the beginning of the run.
    pub(crate) const fn micros(&self) -> u64 {
        self.now
    }

    pub(crate) fn now(&self) -> Now {
        let wall = EPOCH + self.wall_offset + (self.now / MILLI) as i64;
        Now { monotonic: Instant::from_micros(self.now), wall: UnixMillis::new(wall.max(0) as u64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_their_order() {
        let mut clock = Clock::new();
        clock.after(5, 'b');
        clock.after(5, 'c');
        clock.after(1, 'a');
        assert_eq!(clock.pop(), Some('a'));
        // An event of the past happens now.
        clock.at(0, 'x');
        assert_eq!([clock.pop(), clock.pop(), clock.pop(), clock.pop()], [Some('x'), Some('b'), Some('c'), None]);
        assert_eq!(clock.micros(), 5);
    }
}
