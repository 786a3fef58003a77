//! `yyyy-MM-ddTHH:mm:ssZ`, the one time format of the OpenAPI.
//!
//! **Attacker's view.** One instant has one spelling, so a signed time cannot be written anew: no fractions, no offsets, no lower case, no
//! leap second, no day that the month does not have.

use core::fmt;
use core::str::FromStr;

/// A second of UTC, 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_secs: u64,
}

impl Timestamp {
    /// The last second of 9999.
    const UNIX_SECS_MAX: u64 = 253_402_300_799;

    /// The second of a time in milliseconds since 1970; what lies beyond 9999 is taken for its last second.
    #[must_use]
    pub const fn from_unix_ms(unix_ms: u64) -> Self {
        let unix_secs = unix_ms / 1000;
        Self { unix_secs: if unix_secs > Self::UNIX_SECS_MAX { Self::UNIX_SECS_MAX } else { unix_secs } }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn unix_ms(self) -> u64 {
        self.unix_secs * 1000
    }

    /// Whether it is `window_ms` or less away from `now_ms`, before or after.
    #[must_use]
    pub const fn is_within(self, window_ms: u64, now_ms: u64) -> bool {
        self.unix_ms().abs_diff(now_ms) <= window_ms
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let bytes: &[u8; 20] = text.as_bytes().try_into().map_err(|_| TimestampError(()))?;
        let shape = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
        if shape.iter().any(|&(at, byte)| bytes[at] != byte) {
            return Err(TimestampError(()));
        }
        let (year, month, day) = (number(&bytes[..4])?, number(&bytes[5..7])?, number(&bytes[8..10])?);
        let (hour, minute, second) = (number(&bytes[11..13])?, number(&bytes[14..16])?, number(&bytes[17..19])?);
        let date = year >= 1970 && (1..=12).contains(&month) && (1..=days_of_month(year, month)).contains(&day);
        if !date || hour > 23 || minute > 59 || second > 59 {
            return Err(TimestampError(()));
        }
        Ok(Self { unix_secs: ((days_before(year, month) + day - 1) * 24 + hour) * 3600 + minute * 60 + second })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.unix_secs / 86_400, self.unix_secs % 86_400);
        // No year is longer than 366 days, so the guess is never too late.
        let mut year = 1970 + days / 366;
        while days_before(year + 1, 1) <= days {
            year += 1;
        }
        let mut month = 1;
        while month < 12 && days_before(year, month + 1) <= days {
            month += 1;
        }
        let day = days - days_before(year, month) + 1;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn number(digits: &[u8]) -> Result<u64, TimestampError> {
    digits.iter().try_fold(0, |sum, digit| match digit {
        b'0'..=b'9' => Ok(sum * 10 + u64::from(digit - b'0')),
        _ => Err(TimestampError(())),
    })
}

const fn is_leap(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first day of a month.
fn days_before(year: u64, month: u64) -> u64 {
    let past = year - 1;
    let leap_days = past / 4 - past / 100 + past / 400 - 477;
    (year - 1970) * 365 + leap_days + (1..month).map(|month| days_of_month(year, month)).sum::<u64>()
}

/// The text is not a [`Timestamp`]. The sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampError(());

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a time; expected yyyy-MM-ddTHH:mm:ssZ, 1970 to 9999")
    }
}

impl core::error::Error for TimestampError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn known_seconds() {
        // As `date -u -d @N` prints them.
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_542_700_000, "2018-11-20T07:46:40Z"),
            (1_795_187_110, "2026-11-20T15:05:10Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().unix_ms(), secs * 1000, "{text}");
            assert_eq!(Timestamp::from_unix_ms(secs * 1000 + 999).to_string(), text);
        }
        assert_eq!(Timestamp::from_unix_ms(u64::MAX).to_string(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn every_day_prints_and_parses() {
        let mut last = None;
        for day in 0..(400 * 366) {
            let time = Timestamp::from_unix_ms(day * 86_400_000 + 86_399_000);
            let text = time.to_string();
            assert_eq!(text.parse(), Ok(time));
            assert!(last < Some(text.clone()), "{text}");
            last = Some(text);
        }
    }

    #[test]
    fn refuses_every_other_spelling() {
        for text in [
            "",
            "2026-11-20T15:05:10",
            "2026-11-20 15:05:10Z",
            "2026-11-20t15:05:10Z",
            "2026-11-20T15:05:10z",
            "2026-11-20T15:05:60Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T15:60:00Z",
            "2026-11-31T15:05:10Z",
            "2026-02-29T15:05:10Z",
            "2100-02-29T15:05:10Z",
            "2026-13-20T15:05:10Z",
            "2026-00-20T15:05:10Z",
            "2026-11-00T15:05:10Z",
            "1969-12-31T23:59:59Z",
            "+026-11-20T15:05:10Z",
            "2026-11-20T15:05:1 Z",
            "2026-11-20T15:05:10.0Z",
            "2026-11-20T15:05:10+00:00",
            "２026-11-20T15:05Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampError(())), "{text}");
        }
    }

    #[test]
    fn the_window_has_both_ends() {
        let time = Timestamp::from_unix_ms(1_000_000);
        assert!(time.is_within(900_000, 100_000) && time.is_within(900_000, 1_900_000));
        assert!(!time.is_within(900_000, 99_999) && !time.is_within(900_000, 1_900_001));
        assert!(!time.is_within(900_000, u64::MAX));
    }
}
