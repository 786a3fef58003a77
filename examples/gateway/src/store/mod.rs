//! The durable store: sessions, offline messages and retained messages in one redb file.
//!
//! ```text
//!   shards ──Request──▶ Desk ──▶ store thread: one transaction of everything that came meanwhile ──Letter──▶ shards
//! ```
//!
//! It obeys the contract of `lmq_broker`'s module `store`. A transaction is committed in two phases, each with its own sync, before anything
//! in it is answered. What the shards hand out while a transaction is being synced makes the next one.

pub(crate) mod command;
mod database;
mod fault;
mod file;
mod purge;
mod queue;
mod record;
mod recover;
mod retained;
mod session;
mod stats;
mod tables;
#[cfg(test)]
mod tests;
mod thread;
mod work;

use std::time::Duration;

pub(crate) use database::{Answer, Request, Store};
pub(crate) use file::FileMedium;
pub(crate) use thread::{Desk, Health, Letter, StoreThread};

/// How much is kept, and for how long. What exceeds it is given up, oldest first, and reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keep {
    /// From the moment a message was stored; three days by default.
    pub(crate) age: Duration,
    /// Messages of all queues of an instance, one in two queues counted twice; 1,000,000 by default.
    pub(crate) instance_messages_max: u64,
    /// Messages of one queue; 1,000,000 by default.
    pub(crate) session_messages_max: u64,
    /// Bytes (topics, properties, payloads) of one queue; 1 GiB by default.
    pub(crate) session_bytes_max: u64,
}

impl Keep {
    fn is_too_old(&self, at: u64, now: u64) -> bool {
        u128::from(now.saturating_sub(at)) >= self.age.as_millis()
    }
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(3 * 24 * 60 * 60),
            instance_messages_max: 1_000_000,
            session_messages_max: 1_000_000,
            session_bytes_max: 1024 * 1024 * 1024,
        }
    }
}
