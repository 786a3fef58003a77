//! Who subscribed to what.

mod buckets;
mod filters;
mod hash;
mod keys;
mod prefixes;
mod table;
mod text;
mod walk;

use lmq_codec::{TopicFilter, TopicName};

use filters::{Filter, Filters};
use hash::Hasher;
use keys::Keys;
use prefixes::Prefixes;
use table::Table;

/// Topic filters, each with the keys that subscribed to it and a value for each key.
pub struct Subscriptions<K, V> {
    hasher: Hasher,
    filters: Filters<K, V>,
    /// The filters without a wildcard, by the hash of their text.
    exact: Table<u32>,
    wildcard: Prefixes,
    len: usize,
    version: u64,
}

impl<K: Copy + Ord, V: Copy> Subscriptions<K, V> {
    /// An empty index; allocates nothing.
    ///
    /// The seed decides where hash tables keep things, and nothing that can be seen from outside. Keep it secret and
    /// different for each start: who knows it can choose filters that make lookups slow.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            hasher: Hasher::new(seed),
            filters: Filters::new(),
            exact: Table::new(),
            wildcard: Prefixes::new(),
            len: 0,
            version: 0,
        }
    }

    /// Adds a subscription, or replaces the value of an existing one and returns the old value.
    pub fn insert(&mut self, filter: TopicFilter<'_>, key: K, value: V) -> Option<V> {
        self.version += 1;
        let text = filter.as_bytes();
        let replaced = match self.id(filter) {
            Some(id) => self.filters.filter_mut(id).and_then(|filter| filter.keys.insert(key, value)),
            None => {
                let id = self.filters.insert(Filter::new(text, Keys::One((key, value))));
                if filter.has_wildcard() {
                    self.wildcard.insert(&self.hasher, id, |id| self.filters.text(id));
                } else {
                    self.exact.insert(self.hasher.text(text), id);
                }
                None
            }
        };
        self.len += usize::from(replaced.is_none());
        replaced
    }

    /// Removes a subscription and returns its value; `None` if there is none.
    pub fn remove(&mut self, filter: TopicFilter<'_>, key: K) -> Option<V> {
        let id = self.id(filter)?;
        let keys = &mut self.filters.filter_mut(id)?.keys;
        let value = keys.remove(key)?;
        self.version += 1;
        self.len -= 1;
        if keys.len() == 0 {
            if filter.has_wildcard() {
                self.wildcard.remove(&self.hasher, id, |id| self.filters.text(id));
            } else if let Some(at) = self.exact.find(self.hasher.text(filter.as_bytes()), |found| *found == id) {
                self.exact.remove(at);
            }
            self.filters.remove(id);
        }
        Some(value)
    }

    /// Calls back once for every subscription whose filter matches the topic.
    #[inline]
    pub fn for_each(&self, topic: TopicName<'_>, mut each: impl FnMut(K, V)) {
        let topic = topic.as_bytes();
        if self.wildcard.is_empty() {
            if let Some(filter) = self.exact(topic).and_then(|id| self.filters.filter(id)) {
                filter.keys.for_each(&mut each);
            }
            return;
        }
        walk::candidates(&self.hasher, &self.exact, &self.wildcard, topic, |ids| {
            self.filters.fetch(ids);
            for id in ids {
                if let Some(filter) = self.filters.filter(*id) {
                    if text::matches(filter.text(), topic) {
                        filter.keys.for_each(&mut each);
                    }
                }
            }
        });
    }

    /// The value of a subscription.
    #[must_use]
    pub fn value(&self, filter: TopicFilter<'_>, key: K) -> Option<V> {
        self.filters.filter(self.id(filter)?)?.keys.value(key)
    }

    /// Whether the key subscribed to this very filter.
    #[must_use]
    pub fn contains(&self, filter: TopicFilter<'_>, key: K) -> bool {
        self.value(filter, key).is_some()
    }

    /// The number of subscriptions: pairs of a filter and a key.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no subscription.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of distinct filters.
    #[must_use]
    pub const fn filters(&self) -> usize {
        self.filters.len()
    }

    /// A number that is different after every change, so that callers may keep what they found for a topic.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    fn id(&self, filter: TopicFilter<'_>) -> Option<u32> {
        if !filter.has_wildcard() {
            return self.exact(filter.as_bytes());
        }
        self.wildcard.id(&self.hasher, filter.as_bytes(), |id| self.filters.text(id))
    }

    #[inline]
    fn exact(&self, text: &[u8]) -> Option<u32> {
        let at = self.exact.find(self.hasher.text(text), |id| self.filters.text(*id) == text)?;
        Some(self.exact.item(at))
    }
}
