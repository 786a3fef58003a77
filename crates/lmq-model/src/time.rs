use core::fmt;

use serde::{Deserialize, Serialize};

/// A point of wall-clock time: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// For everything that survives a restart or leaves the process. The wall clock jumps; deadlines of one connection belong on a
/// monotonic clock. In JSON a number. Ranges over all of `u64`; arithmetic stops at the ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// The time `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn new(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// This time and `millis` milliseconds more; the last representable time if that is out of range.
    #[must_use]
    pub const fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds since `earlier`; 0 if that is later than this time.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl From<u64> for UnixMillis {
    fn from(millis: u64) -> Self {
        Self(millis)
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let last = UnixMillis::new(u64::MAX);
        assert_eq!(last.plus(1), last);
        assert_eq!(UnixMillis::new(5).plus(3), UnixMillis::new(8));
        assert_eq!(UnixMillis::new(5).since(UnixMillis::new(3)), 2);
        assert_eq!(UnixMillis::new(3).since(UnixMillis::new(5)), 0);
    }

    #[test]
    fn display_is_the_number() {
        assert_eq!(alloc::format!("{:>4}", UnixMillis::new(7)), "   7");
    }
}
