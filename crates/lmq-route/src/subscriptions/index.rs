//! The filters, and the ways to find them.

use super::filters::{Filter, Filters};
use super::hash::Hasher;
use super::keys::Keys;
use super::levels::Levels;
use super::prefixes::Prefixes;
use super::shapes::{Places, Shapes};
use super::table::Table;
use super::{text, walk};

pub(crate) struct Index<K, V> {
    pub(crate) hasher: Hasher,
    pub(crate) filters: Filters<K, V>,
    /// The filters without a wildcard, by the hash of their text.
    exact: Table<u32>,
    /// The filters with a wildcard, as far as their shapes are common.
    pub(crate) common: Shapes,
    /// All others.
    odd: Prefixes,
}

/// Filters that are read together.
const FOUND_MAX: usize = 64;

impl<K: Copy + Ord, V: Copy> Index<K, V> {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            hasher: Hasher::new(seed),
            filters: Filters::new(),
            exact: Table::new(),
            common: Shapes::new(),
            odd: Prefixes::new(),
        }
    }

    /// Adds a filter that is not here yet, with its first key.
    pub(crate) fn insert(&mut self, text: &[u8], key: K, value: V) {
        let id = self.filters.insert(Filter::new(text, Keys::One((key, value))));
        if !text::has_wildcard(text) {
            self.exact.insert(self.hasher.text(text), id);
        } else if !self.common.insert(&self.hasher, id, text) {
            self.odd.insert(&self.hasher, id, |id| self.filters.text(id));
        }
    }

    /// Removes a filter that is here.
    pub(crate) fn remove(&mut self, id: u32) {
        let text = self.filters.text(id);
        if !text::has_wildcard(text) {
            if let Some(at) = self.exact.find(self.hasher.text(text), |other| *other == id) {
                self.exact.remove(at);
            }
        } else if !self.common.remove(&self.hasher, id, text) {
            self.odd.remove(&self.hasher, id, |id| self.filters.text(id));
        }
        self.filters.remove(id);
    }

    /// The number of the filter with this very text.
    pub(crate) fn id(&self, text: &[u8]) -> Option<u32> {
        if !text::has_wildcard(text) {
            return self.exact_id(self.hasher.text(text), text);
        }
        // A shape may have become common since.
        let text_of = |id| self.filters.text(id);
        self.common.id(&self.hasher, text, text_of).or_else(|| self.odd.id(&self.hasher, text, text_of))
    }

    /// The number of the filter without a wildcard that matches the topic.
    #[inline]
    pub(crate) fn exact_id(&self, hash: u64, topic: &[u8]) -> Option<u32> {
        let at = self.exact.find(hash, |id| self.filters.text(*id) == topic)?;
        Some(self.exact.item(at))
    }

    #[inline]
    pub(crate) fn has_wildcards(&self) -> bool {
        !self.common.is_empty() || !self.odd.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn is_vacant(&self) -> bool {
        self.filters.len() == 0 && self.exact.is_empty() && !self.has_wildcards()
    }

    /// Calls back with every filter that matches the topic. Returns how much it looked at besides: nodes, and filters of common shapes.
    #[inline]
    pub(crate) fn search(&self, hash: u64, topic: &[u8], mut each: impl FnMut(u32, &Filter<K, V>)) -> usize {
        if !self.has_wildcards() {
            if let Some((id, filter)) = self.exact_id(hash, topic).and_then(|id| Some((id, self.filters.filter(id)?))) {
                each(id, filter);
            }
            return 0;
        }
        let check = |ids: &[u32]| {
            self.filters.fetch(ids);
            for id in ids {
                if let Some(filter) = self.filters.filter(*id) {
                    if text::matches(filter.text(), topic) {
                        each(*id, filter);
                    }
                }
            }
        };
        let mut found = Found { ids: [0; FOUND_MAX], len: 0, each: check };
        self.exact.fetch([hash].into_iter());
        let levels = Levels::new(&self.hasher, topic);
        let mut places = Places::new();
        self.common.locate(&self.hasher, &levels, &mut places);
        self.exact.find(hash, |id| {
            found.push(*id);
            false
        });
        let mut visited = 0;
        self.common.candidates(&places, |id| {
            visited += 1;
            found.push(id);
        });
        if !self.odd.is_empty() {
            visited += walk::candidates(&self.hasher, &self.odd, &levels, |id| found.push(id));
        }
        found.flush();
        visited
    }
}

/// Filters that may match, named [`FOUND_MAX`] at a time.
struct Found<F> {
    ids: [u32; FOUND_MAX],
    len: usize,
    each: F,
}

impl<F: FnMut(&[u32])> Found<F> {
    #[inline]
    fn push(&mut self, id: u32) {
        if self.len == FOUND_MAX {
            self.flush();
        }
        self.ids[self.len] = id;
        self.len += 1;
    }

    #[inline]
    fn flush(&mut self) {
        (self.each)(&self.ids[..self.len]);
        self.len = 0;
    }
}
