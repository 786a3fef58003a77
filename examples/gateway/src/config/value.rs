//! The grammar of single values, the same wherever they stand.

use std::{ops::RangeInclusive, str::FromStr, time::Duration};

use lmq_auth::Username;
use tracing::level_filters::LevelFilter;

use super::{LogFormat, Ports, ProfileName};
use crate::{error::Error, listen::Address};

pub(super) const THREADS: RangeInclusive<u64> = 1..=64;

impl FromStr for ProfileName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "lmq" => Ok(Self::Lmq),
            "mqtt" => Ok(Self::Mqtt),
            _ => Err(format!("{text:?} is not a profile; write lmq or mqtt")),
        }
    }
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "default" => Ok(Self::Default),
            "product" => Ok(Self::Product),
            _ => Err(format!("{text:?} is not a set of ports; write default or product")),
        }
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("{text:?} is not a log format; write text or json")),
        }
    }
}

pub(super) fn log_level(text: &str) -> Result<LevelFilter, String> {
    match text {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(format!("{text:?} is not a log level; write off, error, warn, info, debug or trace")),
    }
}

/// One address, several with commas between them, or none: `off`.
pub(super) fn addresses(text: &str) -> Result<Vec<Address>, String> {
    if text == "off" {
        return Ok(Vec::new());
    }
    text.split(',').map(|address| address.trim().parse()).collect()
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("{text:?} is neither yes nor no; write true or false")),
    }
}

pub(super) fn threads(text: &str) -> Result<u16, String> {
    let number = whole_number(text).ok_or_else(|| not_a_number(text, &THREADS))?;
    in_range(number, &THREADS)
}

/// A number with a unit of `ms`, `s`, `m` or `h`.
pub(super) fn duration(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let found = split_unit(text)
        .and_then(|(number, unit)| Some((number, units.iter().find(|known| known.0 == unit)?.1)))
        .and_then(|(number, millis)| number.checked_mul(millis));
    let Some(millis) = found else {
        return Err(format!("{text:?} is not a duration; write a whole number with ms, s, m or h, such as \"10s\""));
    };
    let value = Duration::from_millis(millis);
    if range.contains(&value) {
        return Ok(value);
    }
    Err(format!("{text:?} is out of range; from {:?} to {:?} is allowed", range.start(), range.end()))
}

/// The life of a token as given by the flag `place`.
pub(crate) fn token_life(place: &str, text: &str) -> Result<Duration, Error> {
    let range = Duration::from_secs(60)..=Duration::from_secs(30 * 24 * 3600);
    duration(text, &range).map_err(|problem| Error::new(format_args!("{place}: {problem}")))
}

/// A number of bytes, with a unit of `KiB`, `MiB` or `GiB` or without.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let units = [("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    number.checked_mul(units.iter().find(|known| known.0 == unit)?.1)
}

pub(super) fn in_range<T: TryFrom<u64>>(number: u64, range: &RangeInclusive<u64>) -> Result<T, String> {
    let fits = range.contains(&number).then_some(number).and_then(|number| T::try_from(number).ok());
    fits.ok_or_else(|| format!("{number} is out of range; from {} to {} is allowed", range.start(), range.end()))
}

pub(super) fn not_a_number(found: &str, range: &RangeInclusive<u64>) -> String {
    format!("{found:?} is not a whole number; write one from {} to {}", range.start(), range.end())
}

pub(super) fn whole_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Checks that a user name can carry the access key `text`.
pub(crate) fn access_key(text: &str) -> Result<(), String> {
    if text.contains('|') {
        return Err("'|' separates the parts of a user name; give the key alone".to_owned());
    }
    Username::parse(text).map(drop).map_err(|e| e.to_string())
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    Some((whole_number(number)?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: u64, to: u64) -> RangeInclusive<Duration> {
        Duration::from_secs(from)..=Duration::from_secs(to)
    }

    #[test]
    fn durations() {
        let long = range(0, 1_000_000);
        for (text, millis) in [("10s", 10_000), ("250ms", 250), ("2 m", 120_000), ("1h", 3_600_000), ("0s", 0)] {
            assert_eq!(duration(text, &long), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "s", "-1s", "1.5s", "1d", "99999999999999999999s", "9999999999999999999h"] {
            assert_eq!(
                duration(text, &long),
                Err(format!("{text:?} is not a duration; write a whole number with ms, s, m or h, such as \"10s\""))
            );
        }
        assert_eq!(
            duration("11s", &range(1, 10)),
            Err("\"11s\" is out of range; from 1s to 10s is allowed".to_owned())
        );
    }

    #[test]
    fn byte_counts() {
        let cases = [("0", Some(0)), ("5B", Some(5)), ("64KiB", Some(65_536)), ("16 MiB", Some(16 << 20))];
        for (text, expected) in cases.into_iter().chain([("", None), ("1KB", None), ("-1", None), ("1.5MiB", None)]) {
            assert_eq!(bytes(text), expected, "{text}");
        }
        assert_eq!(bytes("99999999999GiB"), None);
    }

    #[test]
    fn numbers() {
        assert_eq!(threads("64"), Ok(64));
        assert_eq!(threads("0"), Err("0 is out of range; from 1 to 64 is allowed".to_owned()));
        assert_eq!(threads("+1"), Err("\"+1\" is not a whole number; write one from 1 to 64".to_owned()));
    }
}
