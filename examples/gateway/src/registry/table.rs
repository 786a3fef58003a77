//! Named objects of one kind.

use std::{num::NonZeroU64, ops::Bound, sync::Arc};

use imbl::OrdMap;

/// Where an object was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In the configuration file (or it belongs to the demo instance): read only at run time.
    File,
    /// At run time.
    Api,
}

/// An object and what is known of every object.
#[derive(Clone, Debug)]
pub(crate) struct Entry<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
    /// When it was made, in milliseconds since 1970; the start of the process for [`Origin::File`].
    pub(crate) created_ms: u64,
    /// When it was changed last.
    pub(crate) updated_ms: u64,
    /// Its number in this life of the process. It stays when the object changes and is no other object's.
    pub(crate) principal: NonZeroU64,
}

/// Entries by name, in the order of their names. A copy shares what it can: it costs the same however many entries there are.
#[derive(Clone, Debug)]
pub(crate) struct Table<T>(OrdMap<Arc<str>, Arc<Entry<T>>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<T> Table<T> {
    pub(super) fn insert(&mut self, name: Arc<str>, entry: Arc<Entry<T>>) {
        self.0.insert(name, entry);
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Arc<Entry<T>>> {
        self.0.remove(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Entry<T>>> {
        self.0.get(name)
    }

    /// Also the name as it is kept.
    pub(crate) fn get_with_name(&self, name: &str) -> Option<(&Arc<str>, &Arc<Entry<T>>)> {
        self.0.get_key_value(name)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Entry<T>>)> {
        self.0.iter()
    }

    /// Entries with names behind `after`, in order.
    pub(crate) fn after<'a>(&'a self, after: &str) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Entry<T>>)> {
        self.0.range::<_, str>((Bound::Excluded(after), Bound::Unbounded))
    }
}
