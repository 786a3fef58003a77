//! Whether a broker can work with its settings.

use core::{fmt, ops::RangeInclusive};

use crate::{Limits, Settings};

/// A number in [`Settings`] or [`Limits`] with which a broker cannot work. The caller's mistake.
///
/// The text names the field, its value and the range:
///
/// ```
/// use lmq_broker::{Profile, Settings};
///
/// let mut settings = Settings::new(Profile::mqtt(), 1);
/// settings.limits.inflight_max = 0;
/// let error = settings.check().expect_err("nothing could be sent");
/// assert_eq!(error.to_string(), "limits.inflight_max is 0, it must be 1 to 60000");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    field: &'static str,
    value: u64,
    range: RangeInclusive<u64>,
}

impl SettingsError {
    /// The path of the field, such as `limits.inflight_max`.
    pub const fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, range } = self;
        write!(f, "{field} is {value}, it must be ")?;
        match *range.end() {
            u64::MAX => write!(f, "{} or more", range.start()),
            end => write!(f, "{} to {end}", range.start()),
        }
    }
}

impl core::error::Error for SettingsError {}

/// The shortest CONNECT there is: that of MQTT 3.1.1 without client id.
const CONNECT_BYTES_MIN: u64 = 14;
/// The largest packet there can be, with its header.
const PACKET_BYTES_MAX: u64 = 268_435_460;
/// Packet ids stay free for messages that were acknowledged out of order.
const INFLIGHT_MAX: u64 = 60_000;

impl Settings {
    /// Checks the numbers that types do not: a broker with settings that pass can serve every client within their limits.
    ///
    /// # Errors
    /// The first field that is out of the range in its documentation.
    pub fn check(&self) -> Result<(), SettingsError> {
        within("shards", self.shards.into(), 1..=64)?;
        within("instances (their number)", self.instances.len() as u64, 1..=u64::from(u16::MAX) + 1)?;
        self.limits.check()
    }
}

impl Limits {
    /// The same for the limits alone.
    ///
    /// # Errors
    /// The first field that is out of the range in its documentation.
    pub fn check(&self) -> Result<(), SettingsError> {
        let some = || 1..=u64::MAX;
        within("limits.connect_bytes_max", self.connect_bytes_max.into(), CONNECT_BYTES_MIN..=PACKET_BYTES_MAX)?;
        within("limits.packet_bytes_max", self.packet_bytes_max.into(), 1..=PACKET_BYTES_MAX)?;
        within("limits.inflight_max", self.inflight_max.into(), 1..=INFLIGHT_MAX)?;
        within("limits.filter_levels_max", self.filter_levels_max.into(), some())?;
        within("limits.outbox_bytes_max", self.outbox_bytes_max.into(), some())?;
        within("limits.replies_max", self.replies_max.into(), some())?;
        within("limits.link_messages_max", self.link_messages_max.into(), some())?;
        within("limits.link_bytes_max", self.link_bytes_max, some())?;
        within("limits.work_per_call_max", self.work_per_call_max.into(), some())?;
        within("limits.deliveries_per_call_max", self.deliveries_per_call_max.into(), some())?;
        within("limits.shared_asks_max", self.shared_asks_max.into(), some())
    }
}

fn within(field: &'static str, value: u64, range: RangeInclusive<u64>) -> Result<(), SettingsError> {
    if range.contains(&value) { Ok(()) } else { Err(SettingsError { field, value, range }) }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::{Instance, Profile};

    fn text(change: impl Fn(&mut Settings)) -> alloc::string::String {
        let mut settings = Settings::new(Profile::mqtt(), 1);
        change(&mut settings);
        settings.check().map_or_else(|error| error.to_string(), |()| "fine".into())
    }

    #[test]
    fn the_defaults_and_the_ends_of_ranges_pass() {
        assert_eq!(text(|_| {}), "fine");
        assert_eq!(text(|settings| settings.shards = 64), "fine");
        assert_eq!(text(|settings| settings.limits.inflight_max = 60_000), "fine");
        assert_eq!(text(|settings| settings.limits.packet_bytes_max = 268_435_460), "fine");
        assert_eq!(text(|settings| settings.instances = alloc::vec![Instance::default(); 65_536]), "fine");
    }

    #[test]
    fn what_is_out_of_its_range_is_named_with_it() {
        assert_eq!(text(|settings| settings.shards = 65), "shards is 65, it must be 1 to 64");
        assert_eq!(text(|settings| settings.instances.clear()), "instances (their number) is 0, it must be 1 to 65536");
        assert_limit(|limits| limits.connect_bytes_max = 13, "connect_bytes_max is 13, it must be 14 to 268435460");
        assert_limit(|limits| limits.packet_bytes_max = 0, "packet_bytes_max is 0, it must be 1 to 268435460");
        assert_limit(|limits| limits.inflight_max = 60_001, "inflight_max is 60001, it must be 1 to 60000");
        assert_limit(|limits| limits.filter_levels_max = 0, "filter_levels_max is 0, it must be 1 or more");
        assert_limit(|limits| limits.outbox_bytes_max = 0, "outbox_bytes_max is 0, it must be 1 or more");
        assert_limit(|limits| limits.replies_max = 0, "replies_max is 0, it must be 1 or more");
        assert_limit(|limits| limits.link_messages_max = 0, "link_messages_max is 0, it must be 1 or more");
        assert_limit(|limits| limits.link_bytes_max = 0, "link_bytes_max is 0, it must be 1 or more");
        assert_limit(|limits| limits.work_per_call_max = 0, "work_per_call_max is 0, it must be 1 or more");
        assert_limit(|limits| limits.deliveries_per_call_max = 0, "deliveries_per_call_max is 0, it must be 1 or more");
        assert_limit(|limits| limits.shared_asks_max = 0, "shared_asks_max is 0, it must be 1 or more");
    }

    fn assert_limit(change: impl Fn(&mut Limits), expected: &str) {
        assert_eq!(text(|settings| change(&mut settings.limits)), alloc::format!("limits.{expected}"));
    }
}
