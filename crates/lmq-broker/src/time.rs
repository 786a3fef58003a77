use core::time::Duration;

use lmq_model::UnixMillis;

/// A moment of the monotonic clock, in microseconds since an origin that the driver chooses.
///
/// The machines never read a clock: they compare the instants they are given. Only differences mean anything.
///
/// ```
/// use core::time::Duration;
/// use lmq_broker::Instant;
///
/// let start = Instant::from_micros(5_000_000);
/// let later = start.saturating_add(Duration::from_secs(2));
/// assert_eq!(later.saturating_since(start), Duration::from_secs(2));
/// assert_eq!(start.saturating_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// Further ahead than any deadline.
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// The moment `micros` microseconds after the driver's origin.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the driver's origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// `self + span`, or [`Instant::FAR_FUTURE`] where that cannot be represented.
    pub const fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// What time it is, by both clocks. Every input carries one.
///
/// Keep-alive, retries and deadlines follow `monotonic`; whatever must survive a restart is stamped with `wall`. A jump of
/// the wall clock closes nothing. A `monotonic` before the one of an earlier call counts as that earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The clock that never goes back.
    pub monotonic: Instant,
    /// Milliseconds since 1970-01-01 UTC.
    pub wall: UnixMillis,
}

const fn micros(span: Duration) -> u64 {
    let micros = span.as_micros();
    if micros > u64::MAX as u128 { u64::MAX } else { micros as u64 }
}
