//! What every kind of object of an instance can do; a file for each kind.

mod account;
pub(super) mod custom;
mod device;
mod group;
mod key;
mod rule;
mod topic;

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::{
    account::Account,
    custom::{Banned, Identity, IdentityType, Permission},
    device::Device,
    group::{Group, GroupStatus},
    key::Key,
    rule::{Rule, RuleKind},
    topic::{EventTopic, Topic, TopicKind},
};
use super::{
    Fault, Instance, Order,
    table::{Entry, Table},
};

/// The kinds of objects. The numbers stand in the store: they are never given to another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    Instance = 0,
    Account = 1,
    Key = 2,
    Group = 3,
    Topic = 4,
    EventTopic = 5,
    Rule = 6,
    Device = 7,
    Identity = 8,
    Permission = 9,
    Banned = 10,
}

/// An object of an instance. It has a name that no other of its kind has there.
pub(crate) trait Object: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Which kind.
    const KIND: Kind;
    /// What it is called in messages.
    const WHAT: &'static str;
    /// What its name is called.
    const FIELD: &'static str;
    /// The most of them in an instance.
    const MAX: usize;

    /// Checks the grammar of a name.
    fn check_name(name: &str) -> Result<(), String>;

    /// Checks it against what the instance has.
    fn check(&self, name: &str, instance: &Instance) -> Result<(), Fault>;

    /// Those of its kind.
    fn table(instance: &Instance) -> &Table<Self>;

    /// Those of its kind.
    fn table_mut(instance: &mut Instance) -> &mut Table<Self>;

    /// What keeps it from being deleted.
    fn needed_by(_name: &str, _instance: &Instance) -> Option<String> {
        None
    }

    /// What is deleted with it.
    fn dependents(_name: &str, _instance: &Instance) -> Vec<(Kind, Arc<str>)> {
        Vec::new()
    }

    /// What the message path has to do after `change`.
    fn orders(change: &Changed<'_, Self>, orders: &mut Vec<Order>);
}

/// A change of one object, after it was made.
pub(crate) struct Changed<'a, T> {
    /// The instance with the change.
    pub(super) instance: &'a Instance,
    pub(super) name: &'a Arc<str>,
    /// `None`: it is new.
    pub(super) old: Option<&'a Entry<T>>,
    /// `None`: it was deleted.
    pub(super) new: Option<&'a Entry<T>>,
}

impl<T> Changed<'_, T> {
    /// Whether something that `was` true of the object no longer is.
    fn lost(&self, was: impl Fn(&T) -> bool) -> bool {
        let holds = |entry: Option<&Entry<T>>| entry.is_some_and(|entry| was(&entry.value));
        holds(self.old) && !holds(self.new)
    }
}
