use core::num::NonZeroU32;

/// What one instance may use, as its specification says. Each number may be changed while the broker runs
/// ([`Command::SetQuota`](crate::Command::SetQuota)): what is there stays, also above a lower number; only what is new is refused.
///
/// Connections and subscriptions count over all shards; as shards learn of each other's numbers a moment later, a burst may exceed them
/// by what arrives in that moment. Publishes per second are divided evenly among the shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceQuota {
    /// Connections with a CONNECT. One more is refused with 0x97, return code 3 before MQTT 5.0.
    pub connections: Allowance,
    /// Subscriptions of all sessions. A filter beyond them is refused with 0x97, 0x80 before MQTT 5.0.
    pub subscriptions: Allowance,
    /// PUBLISH packets of clients a second, in bursts of as many. What exceeds them waits: the publisher is paused, nothing is lost.
    pub publishes_per_sec: Allowance,
}

/// A number that an instance should not exceed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// The number; `None`: no limit.
    pub max: Option<NonZeroU32>,
    /// What happens beyond it.
    pub mode: QuotaMode,
}

/// What happens beyond a [`Allowance`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QuotaMode {
    /// What is too much is refused, or waits. [`Output::Exceeded`](crate::Output::Exceeded) says so.
    #[default]
    Enforce,
    /// Only [`Output::Exceeded`](crate::Output::Exceeded) says so.
    AlarmOnly,
}

/// What a [`Allowance`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// [`InstanceQuota::connections`].
    Connections,
    /// [`InstanceQuota::subscriptions`].
    Subscriptions,
    /// [`InstanceQuota::publishes_per_sec`].
    PublishesPerSec,
}

impl Allowance {
    /// Enforced at `max`.
    pub const fn enforce(max: NonZeroU32) -> Self {
        Self { max: Some(max), mode: QuotaMode::Enforce }
    }
}
