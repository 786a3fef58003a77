//! The distinct filters by number, in pages, so that growing moves nothing and shrinking gives memory back.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::keys::Keys;
use crate::compact::Text;

const PAGE: usize = 1024;

/// One filter: its text and who subscribed to it. One cache line holds all of it, up to two keys and longer text apart.
#[repr(align(64))]
pub(crate) struct Filter<K, V> {
    text: Text,
    pub(crate) keys: Keys<K, V>,
}

impl<K, V> Filter<K, V> {
    pub(crate) fn new(text: &[u8], keys: Keys<K, V>) -> Self {
        Self { text: Text::new(text), keys }
    }

    #[inline]
    pub(crate) fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

pub(crate) struct Filters<K, V> {
    pages: Vec<Page<K, V>>,
    /// Pages with room. The lowest is filled first, so that higher ones run empty.
    open: BTreeSet<u32>,
    len: usize,
}

struct Page<K, V> {
    entries: Vec<Option<Filter<K, V>>>,
    vacant: Vec<u16>,
}

impl<K, V> Filters<K, V> {
    pub(crate) const fn new() -> Self {
        Self { pages: Vec::new(), open: BTreeSet::new(), len: 0 }
    }

    pub(crate) fn insert(&mut self, filter: Filter<K, V>) -> u32 {
        let nth = self.open.first().copied().unwrap_or_else(|| {
            let nth = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
            self.pages.push(Page { entries: Vec::new(), vacant: Vec::new() });
            self.open.insert(nth);
            nth
        });
        let page = &mut self.pages[nth as usize];
        let at = page.vacant.pop().map_or(page.entries.len(), usize::from);
        match page.entries.get_mut(at) {
            Some(entry) => *entry = Some(filter),
            None => page.entries.push(Some(filter)),
        }
        if page.vacant.is_empty() && page.entries.len() == PAGE {
            self.open.remove(&nth);
        }
        self.len += 1;
        nth * PAGE as u32 + at as u32
    }

    pub(crate) fn remove(&mut self, id: u32) {
        let (nth, at) = (id as usize / PAGE, id as usize % PAGE);
        let page = &mut self.pages[nth];
        page.entries[at] = None;
        page.vacant.push(at as u16);
        self.open.insert(nth as u32);
        self.len -= 1;
        if self.len == 0 {
            *self = Self::new();
        } else if page.vacant.len() == page.entries.len() {
            *page = Page { entries: Vec::new(), vacant: Vec::new() };
            while self.pages.last().is_some_and(|page| page.entries.is_empty()) {
                self.pages.pop();
                self.open.remove(&(self.pages.len() as u32));
            }
            self.pages.shrink_to(self.pages.len() * 2);
        }
    }

    #[inline]
    pub(crate) fn filter(&self, id: u32) -> Option<&Filter<K, V>> {
        self.pages.get(id as usize / PAGE)?.entries.get(id as usize % PAGE)?.as_ref()
    }

    #[inline]
    pub(crate) fn filter_mut(&mut self, id: u32) -> Option<&mut Filter<K, V>> {
        self.pages.get_mut(id as usize / PAGE)?.entries.get_mut(id as usize % PAGE)?.as_mut()
    }

    /// Reads a little of each filter, so that the processor waits for all of them at once and not for one after another.
    #[inline]
    pub(crate) fn fetch(&self, ids: &[u32]) {
        let mut read = 0;
        for id in ids {
            read ^= usize::from(self.filter(*id).is_some());
        }
        core::hint::black_box(read);
    }

    /// The text of a filter, empty if there is none under this number.
    #[inline]
    pub(crate) fn text(&self, id: u32) -> &[u8] {
        self.filter(id).map_or(&[], Filter::text)
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }
}
