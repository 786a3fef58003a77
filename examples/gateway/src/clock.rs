use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock, in milliseconds since 1970; 0 before.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
