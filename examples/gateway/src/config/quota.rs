//! `[instance.quota]` and `[instance.thresholds]` of the file: what the clients of one instance may use together.

use std::{num::NonZeroU32, str::FromStr};

use lmq_broker::{Allowance, InstanceQuota, QuotaMode};

use super::section::Section;
use crate::registry::Thresholds;

const MAX: u64 = 1_000_000_000;

pub(super) fn read(mut section: Section<'_, '_>) -> InstanceQuota {
    let quota = InstanceQuota {
        connections: allowance(&mut section, "connections-max", "connections-mode"),
        subscriptions: allowance(&mut section, "subscriptions-max", "subscriptions-mode"),
        publishes_per_sec: allowance(&mut section, "publishes-per-sec-max", "publishes-per-sec-mode"),
    };
    section.finish();
    quota
}

/// `[instance.thresholds]`.
pub(super) fn thresholds(mut section: Section<'_, '_>) -> Thresholds {
    let default = Thresholds::default();
    let mut percent = |key| section.number(key, &(1..=100)).map(|placed| placed.value);
    let thresholds = Thresholds {
        connections: percent("connections").unwrap_or(default.connections),
        subscriptions: percent("subscriptions").unwrap_or(default.subscriptions),
        publishes_per_sec: percent("publishes-per-sec").unwrap_or(default.publishes_per_sec),
    };
    section.finish();
    thresholds
}

/// A number, and what happens beyond it. What happens beyond no number at all cannot be said.
fn allowance(section: &mut Section<'_, '_>, max_key: &'static str, mode_key: &'static str) -> Allowance {
    let has_max = section.has(max_key);
    let max = section.number(max_key, &(1..=MAX)).and_then(|placed| NonZeroU32::new(placed.value));
    let mode = section.text(mode_key, |text| Mode::from_str(text).map(|mode| mode.0)).map(|placed| placed.value);
    if mode.is_some() && !has_max {
        section.problem(format!("{mode_key} needs {max_key}"));
    }
    Allowance { mode: mode.unwrap_or_default(), ..max.map(Allowance::enforce).unwrap_or_default() }
}

struct Mode(QuotaMode);

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "enforce" => Ok(Self(QuotaMode::Enforce)),
            "alarm-only" => Ok(Self(QuotaMode::AlarmOnly)),
            _ => Err(format!("{text:?} is not a mode; write enforce or alarm-only")),
        }
    }
}
