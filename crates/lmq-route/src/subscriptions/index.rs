//! The filters, and the two ways to find them.

use super::filters::{Filter, Filters};
use super::hash::Hasher;
use super::keys::Keys;
use super::prefixes::Prefixes;
use super::table::Table;
use super::{text, walk};

pub(crate) struct Index<K, V> {
    pub(crate) hasher: Hasher,
    pub(crate) filters: Filters<K, V>,
    /// The filters without a wildcard, by the hash of their text.
    exact: Table<u32>,
    wildcard: Prefixes,
}

impl<K: Copy + Ord, V: Copy> Index<K, V> {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { hasher: Hasher::new(seed), filters: Filters::new(), exact: Table::new(), wildcard: Prefixes::new() }
    }

    /// Adds a filter that is not here yet, with its first key.
    pub(crate) fn insert(&mut self, text: &[u8], key: K, value: V) {
        let id = self.filters.insert(Filter::new(text, Keys::One((key, value))));
        if text::has_wildcard(text) {
            self.wildcard.insert(&self.hasher, id, |id| self.filters.text(id));
        } else {
            self.exact.insert(self.hasher.text(text), id);
        }
    }

    /// Removes a filter that is here.
    pub(crate) fn remove(&mut self, id: u32) {
        let text = self.filters.text(id);
        if text::has_wildcard(text) {
            self.wildcard.remove(&self.hasher, id, |id| self.filters.text(id));
        } else if let Some(at) = self.exact.find(self.hasher.text(text), |other| *other == id) {
            self.exact.remove(at);
        }
        self.filters.remove(id);
    }

    /// The number of the filter with this very text.
    pub(crate) fn id(&self, text: &[u8]) -> Option<u32> {
        if text::has_wildcard(text) {
            self.wildcard.id(&self.hasher, text, |id| self.filters.text(id))
        } else {
            self.exact_id(self.hasher.text(text), text)
        }
    }

    /// The number of the filter without a wildcard that matches the topic.
    #[inline]
    pub(crate) fn exact_id(&self, hash: u64, topic: &[u8]) -> Option<u32> {
        let at = self.exact.find(hash, |id| self.filters.text(*id) == topic)?;
        Some(self.exact.item(at))
    }

    #[inline]
    pub(crate) const fn has_wildcards(&self) -> bool {
        !self.wildcard.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn is_vacant(&self) -> bool {
        self.filters.len() == 0 && self.exact.is_empty() && self.wildcard.is_empty()
    }

    /// Calls back with every filter that matches the topic.
    #[inline]
    pub(crate) fn search(&self, hash: u64, topic: &[u8], mut each: impl FnMut(u32, &Filter<K, V>)) {
        if !self.has_wildcards() {
            if let Some((id, filter)) = self.exact_id(hash, topic).and_then(|id| Some((id, self.filters.filter(id)?))) {
                each(id, filter);
            }
            return;
        }
        walk::candidates(&self.hasher, (&self.exact, hash), &self.wildcard, topic, |ids| {
            self.filters.fetch(ids);
            for id in ids {
                if let Some(filter) = self.filters.filter(*id) {
                    if text::matches(filter.text(), topic) {
                        each(*id, filter);
                    }
                }
            }
        });
    }
}
