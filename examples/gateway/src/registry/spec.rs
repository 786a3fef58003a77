//! What an instance may use: its specification.

use std::num::NonZeroU32;

use lmq_broker::{Allowance, InstanceQuota, QuotaMode};
use serde::{Deserialize, Serialize};

use super::Fault;

/// The highest number a limit may have.
const LIMIT_MAX: u32 = 1_000_000_000;

/// The specification of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Spec {
    /// What its clients may use together.
    pub(crate) limits: Limits,
    /// From which share of a limit on an operator is warned.
    pub(crate) thresholds: Thresholds,
    /// Whether clients may connect without credentials and upload a token then, as in the edition of 2018.
    pub(crate) awaits_tokens: bool,
}

/// What the clients of an instance may use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Connections at one moment.
    pub(crate) connections: Limit,
    /// Subscriptions at one moment.
    pub(crate) subscriptions: Limit,
    /// PUBLISH packets of clients a second.
    pub(crate) publishes_per_sec: Limit,
}

/// One number, and what happens beyond it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limit {
    /// 1 to 1,000,000,000; `None`: no limit.
    pub(crate) max: Option<NonZeroU32>,
    /// What happens beyond it.
    pub(crate) mode: Mode,
}

/// What happens beyond a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// What is too much is refused or waits.
    #[default]
    Enforce,
    /// It is let through; somebody is told.
    AlarmOnly,
}

/// Percent of each limit from which on an operator is warned: 1 to 100, 70 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Thresholds {
    pub(crate) connections: u8,
    pub(crate) subscriptions: u8,
    pub(crate) publishes_per_sec: u8,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { connections: 70, subscriptions: 70, publishes_per_sec: 70 }
    }
}

impl Spec {
    pub(super) fn check(&self) -> Result<(), Fault> {
        let Limits { connections, subscriptions, publishes_per_sec } = self.limits;
        for limit in [connections, subscriptions, publishes_per_sec] {
            if limit.max.is_some_and(|max| max.get() > LIMIT_MAX) {
                return Err(Fault::invalid("limits", format_args!("a limit has at most {LIMIT_MAX}")));
            }
        }
        let Thresholds { connections, subscriptions, publishes_per_sec } = self.thresholds;
        for percent in [connections, subscriptions, publishes_per_sec] {
            if !(1..=100).contains(&percent) {
                return Err(Fault::invalid("thresholds", format_args!("{percent} is not a percentage from 1 to 100")));
            }
        }
        Ok(())
    }

    /// As the broker takes it.
    pub(crate) fn quota(&self) -> InstanceQuota {
        InstanceQuota {
            connections: self.limits.connections.into(),
            subscriptions: self.limits.subscriptions.into(),
            publishes_per_sec: self.limits.publishes_per_sec.into(),
        }
    }
}

impl From<InstanceQuota> for Limits {
    fn from(quota: InstanceQuota) -> Self {
        Self {
            connections: quota.connections.into(),
            subscriptions: quota.subscriptions.into(),
            publishes_per_sec: quota.publishes_per_sec.into(),
        }
    }
}

impl From<Limit> for Allowance {
    fn from(limit: Limit) -> Self {
        let mode = match limit.mode {
            Mode::Enforce => QuotaMode::Enforce,
            Mode::AlarmOnly => QuotaMode::AlarmOnly,
        };
        Self { max: limit.max, mode }
    }
}

impl From<Allowance> for Limit {
    fn from(allowance: Allowance) -> Self {
        let mode = match allowance.mode {
            QuotaMode::AlarmOnly => Mode::AlarmOnly,
            _ => Mode::Enforce,
        };
        Self { max: allowance.max, mode }
    }
}
