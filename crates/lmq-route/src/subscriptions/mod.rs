//! Who subscribed to what.

mod buckets;
mod filters;
pub(crate) mod hash;
mod index;
pub(crate) mod keys;
mod levels;
mod prefixes;
mod recent;
mod shapes;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod walk;

use core::{fmt, ops::RangeInclusive};

use lmq_codec::{TopicFilter, TopicName};

use filters::Filter;
use index::Index;
use recent::Recent;

/// Topic filters, each with the keys that subscribed to it and a value for each key.
///
/// A key is whatever names a subscriber (a session number, say), a value what is known about one subscription (the
/// granted QoS, its options). A filter that starts with `$share/` is a filter like any other here: it matches the
/// topics that start so. To serve shared subscriptions, take the filter inside ([`TopicFilter::share`]).
///
/// # Order
/// The callbacks of [`for_each`](Self::for_each) come filter by filter, in each filter by ascending key. The filter
/// without a wildcard comes first. For the others no order is promised, only that the same calls with the same seed
/// give the same order.
///
/// # Limits
/// At most 2^32 - 1 distinct filters. How many a peer may add is for the caller to bound: a filter costs its text and
/// 48 bytes on average, for 200,000 filters of a fleet of devices, and at most 80; one that has a shape like no other,
/// at most 600, and 1,500 after most other filters left.
///
/// The shape of a filter is how many levels it has, which of them are `+`, and whether `#` follows. The first 64 shapes
/// with at most 16 levels are common: a search tries all of them at once. Filters of other shapes are searched for
/// level by level.
pub struct Subscriptions<K, V> {
    index: Index<K, V>,
    recent: Recent,
    len: usize,
    version: u64,
    /// Changes with every change to the set of wildcard filters; never 0.
    wildcard_version: u64,
}

/// What a search of [`Subscriptions`] came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Subscriptions that match, whether or not there was a call for them.
    pub subscriptions: usize,
    /// How many nodes and filters were looked at to find them, a measure of the time that took: 20 to 80 ns each. At most three
    /// for each way to replace some of the topic's first 16 levels by `+`, and one for each filter that agrees with the topic on
    /// as many levels. 0 for a topic that is remembered, and where no filter has a wildcard.
    pub visited: usize,
}

impl<K: Copy + Ord, V: Copy> Subscriptions<K, V> {
    /// An empty index. Allocates nothing.
    ///
    /// The seed decides where hash tables keep things, and nothing that can be seen from outside. Keep it secret and
    /// different for each start of a program: who knows it can choose filters that make lookups slow.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { index: Index::new(seed), recent: Recent::new(), len: 0, version: 0, wildcard_version: 1 }
    }

    /// Adds a subscription. If the key has one to this very filter, replaces its value and returns the old one.
    ///
    /// Moves at most 512 entries of the filter's list, however many keys it has.
    pub fn insert(&mut self, filter: TopicFilter<'_>, key: K, value: V) -> Option<V> {
        self.version += 1;
        let text = filter.as_bytes();
        let known = self.index.id(text).and_then(|id| self.index.filters.filter_mut(id));
        let replaced = match known {
            Some(filter) => filter.keys.insert(key, value),
            None => {
                self.index.insert(text, key, value);
                self.wildcard_version += u64::from(text::has_wildcard(text));
                None
            }
        };
        self.len += usize::from(replaced.is_none());
        replaced
    }

    /// Removes a subscription and returns its value; `None` if the key has none to this very filter.
    ///
    /// What the last subscription to a filter leaves behind is freed or used again.
    pub fn remove(&mut self, filter: TopicFilter<'_>, key: K) -> Option<V> {
        let text = filter.as_bytes();
        let id = self.index.id(text)?;
        let keys = &mut self.index.filters.filter_mut(id)?.keys;
        let value = keys.remove(key)?;
        self.version += 1;
        self.len -= 1;
        if keys.len() == 0 {
            self.index.remove(id);
            self.wildcard_version += u64::from(text::has_wildcard(text));
        }
        Some(value)
    }

    /// The same as [`for_each`](Self::for_each), for topics that come again and again.
    ///
    /// Remembers which wildcard filters match, for up to 1,024 topics of at most 256 bytes that came twice and are
    /// matched by at most 64 of them. A new or removed wildcard filter makes it forget; subscriptions to filters that
    /// are there already, and filters without a wildcard, do not. The memory is allocated by the first topics and
    /// kept: at most 600 KiB. A topic that is remembered allocates nothing.
    #[inline]
    pub fn for_each_cached(&mut self, topic: TopicName<'_>, mut each: impl FnMut(K, V)) {
        self.filters_cached(topic, |filter| filter.keys.for_each(&mut each));
    }

    /// The same, as long as no more than `max` subscriptions match: of a filter that would exceed that, and of those behind it,
    /// none is called back for. Says how many match, and how far the search went; so a caller can bound what it does for one
    /// topic, and go on with [`for_each_within`](Self::for_each_within).
    #[inline]
    pub fn for_each_up_to(&mut self, topic: TopicName<'_>, max: usize, mut each: impl FnMut(K, V)) -> Search {
        let mut subscriptions = 0_usize;
        let visited = self.filters_cached(topic, |filter| {
            subscriptions = subscriptions.saturating_add(filter.keys.len());
            if subscriptions <= max {
                filter.keys.for_each(&mut each);
            }
        });
        Search { subscriptions, visited }
    }

    /// The same, for the keys of a range and no others: what is counted are their subscriptions.
    pub fn for_each_within(
        &mut self,
        topic: TopicName<'_>,
        range: &RangeInclusive<K>,
        max: usize,
        mut each: impl FnMut(K, V),
    ) -> Search {
        let mut subscriptions = 0_usize;
        let visited = self.filters_cached(topic, |filter| {
            subscriptions = subscriptions.saturating_add(filter.keys.len_within(range));
            if subscriptions <= max {
                filter.keys.for_each_within(range, &mut each);
            }
        });
        Search { subscriptions, visited }
    }

    /// Calls back with every filter that matches, remembered or searched for. Returns how far the search went.
    #[inline]
    fn filters_cached(&mut self, topic: TopicName<'_>, mut each: impl FnMut(&Filter<K, V>)) -> usize {
        let (index, topic) = (&self.index, topic.as_bytes());
        let hash = index.hasher.text(topic);
        if !index.has_wildcards() {
            return index.search(hash, topic, |_, filter| each(filter));
        }
        if let Some(wildcard) = self.recent.filters(hash, topic, self.wildcard_version) {
            let filters = index.exact_id(hash, topic).into_iter().chain(wildcard.iter().copied());
            filters.filter_map(|id| index.filters.filter(id)).for_each(each);
            return 0;
        }
        let mut vacancy = self.recent.missed(hash, topic);
        let visited = index.search(hash, topic, |id, filter| {
            each(filter);
            match &mut vacancy {
                Some(vacancy) if filter.text() != topic => vacancy.push(id),
                _ => {}
            }
        });
        if let Some(vacancy) = vacancy {
            vacancy.keep(self.wildcard_version);
        }
        visited
    }

    /// Calls back once for every subscription whose filter matches the topic, so twice for a key that has two such.
    ///
    /// Allocates nothing. Tries at most 64 shapes, and looks only at filters that agree with the topic up to some
    /// level, at each of those once: filters chosen to be slow cost in proportion to their number, never more.
    #[inline]
    pub fn for_each(&self, topic: TopicName<'_>, mut each: impl FnMut(K, V)) {
        let topic = topic.as_bytes();
        self.index.search(self.index.hasher.text(topic), topic, |_, filter| filter.keys.for_each(&mut each));
    }

    /// The value of a subscription to this very filter.
    #[must_use]
    pub fn value(&self, filter: TopicFilter<'_>, key: K) -> Option<V> {
        self.index.filters.filter(self.index.id(filter.as_bytes())?)?.keys.value(key)
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
        self.index.filters.len()
    }

    /// A number that grows with every change, so that callers may keep what they found as long as it stays the same.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }
}

impl<K, V> fmt::Debug for Subscriptions<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriptions").field("len", &self.len).field("version", &self.version).finish_non_exhaustive()
    }
}
