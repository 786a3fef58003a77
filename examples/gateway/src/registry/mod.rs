//! Tenants and everything that belongs to them: the one source of truth, read by all threads, changed while the gateway runs.
//!
//! | file | what is in it |
//! |---|---|
//! | `snapshot` | [`Snapshot`]: all instances at one moment; reading takes no lock |
//! | `instance` | [`Instance`]: one tenant and its tables |
//! | `table` | [`Table`] and [`Entry`]: named objects of one kind |
//! | `object` | [`Object`]: what every kind of object can do; a file below it for each kind |
//! | `spec` | [`Spec`]: what an instance may use, and when somebody is told |
//! | `change` | creating, changing and deleting, one at a time |
//! | `order` | [`Order`]: what the message path has to do after a change |
//! | `load` | from the configuration file and the store to the first snapshot |
//! | `store` | the file `registry.redb` |
//! | `fault` | why a change is refused |
//! | `name`, `secret` | grammars of names; secrets that are stored |
//!
//! **Reading.** [`Registry::snapshot`] gives an immutable picture; it costs one atomic operation and stays valid as long as it is held.
//!
//! **Changing.** One change at a time: it is checked, written to the store and synced, made visible, told to the message path as [`Order`]s,
//! and only then answered. A refused change changes nothing.
//!
//! **The file comes first.** Objects of the configuration file have [`Origin::File`] and are read only here. What the store has under the
//! same name is left alone and not served as long as the file has it.
//!
//! **Bounds.** Every table has one ([`Object::MAX`]); [`INSTANCES_MAX`] bounds the instances. With all tables full an instance holds about
//! 600 MiB, nearly all of it a million device credentials.

mod change;
mod fault;
mod instance;
mod load;
mod name;
mod object;
mod order;
mod secret;
mod snapshot;
mod spec;
mod store;
mod table;
#[cfg(test)]
mod tests;

use std::{
    num::NonZeroU64,
    sync::{Arc, Mutex, OnceLock},
};

use arc_swap::ArcSwap;

pub(crate) use self::{
    fault::Fault,
    instance::Instance,
    name::{account as check_account_name, mq_topic as check_mq_topic, rule as check_rule_name},
    object::{
        Account, Banned, Device, EventTopic, Group, GroupStatus, Identity, IdentityType, Key, Kind, Object, Permission,
        Rule, RuleKind, Topic, TopicKind,
    },
    order::{Order, Whom},
    secret::Secret,
    snapshot::Snapshot,
    spec::{Spec, Thresholds},
    store::Store,
    table::{Entry, Origin, Table},
};

/// The most instances there may be at one moment.
pub(crate) const INSTANCES_MAX: usize = 1_000;
/// The most instances in one life of the process, deleted ones included: the index of one is kept for its id.
pub(crate) const INDICES_MAX: usize = 10_000;

/// All instances. Shared by all threads.
pub(crate) struct Registry {
    current: ArcSwap<Snapshot>,
    writer: Mutex<Writer>,
    listener: OnceLock<Box<dyn Fn(Vec<Order>) + Send + Sync>>,
}

/// What the one who changes something holds.
struct Writer {
    /// `None`: nothing outlives the process.
    store: Option<Store>,
    principals: Principals,
}

/// Numbers entries, so that the message path can name those who came in because of one. Never the same number twice in a process.
#[derive(Debug)]
struct Principals(NonZeroU64);

impl Registry {
    /// All instances as they are now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// From now on `listener` is given the orders of every change, change by change. Only the first listener counts.
    pub(crate) fn listen(&self, listener: impl Fn(Vec<Order>) + Send + Sync + 'static) {
        // A second one would be a mistake of ours, and the first is as good.
        let _ = self.listener.set(Box::new(listener));
    }
}

impl Principals {
    const fn new() -> Self {
        Self(NonZeroU64::MIN)
    }

    fn next(&mut self) -> NonZeroU64 {
        let next = self.0;
        // At a million a second it would take half a million years.
        self.0 = next.saturating_add(1);
        next
    }
}
