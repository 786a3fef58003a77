//! An open-addressed hash table whose occupied slots stand in the order of their tags.
//!
//! The tag decides the home of a slot by its upper bits, so the order of homes and the order of tags are one. A search
//! that meets a higher tag has failed, which keeps failing searches short; growing is one sequential copy; the
//! contents alone decide the layout.

use alloc::vec::Vec;

const HOMES_MIN: usize = 8;

/// Slots that a search looks at, on average when the table is full.
const SEARCH_LEN: usize = 3;

/// Slots past the last home, for runs that begin near the end. More are added when they are used up.
const SPILL: usize = 8;

/// A multiset of items found by a 32-bit tag and a test for equality.
pub(crate) struct Table<T> {
    slots: Vec<Slot<T>>,
    homes: usize,
    len: usize,
}

#[derive(Clone, Copy)]
struct Slot<T> {
    /// 0 means vacant.
    tag: u32,
    item: T,
}

impl<T: Copy + Default> Table<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), homes: 0, len: 0 }
    }

    /// Adds an item; equal items are the caller's affair.
    pub(crate) fn insert(&mut self, hash: u64, item: T) {
        // At most 4/5 full: a failing search then looks at 3 slots on average.
        if (self.len + 1) * 5 > self.homes * 4 {
            self.resize((self.homes + self.homes / 2).max(HOMES_MIN));
        }
        let tag = tag(hash);
        let mut at = home(tag, self.homes);
        while self.slots.get(at).is_some_and(|slot| slot.tag != 0 && slot.tag <= tag) {
            at += 1;
        }
        let mut end = at;
        while self.slots.get(end).is_some_and(|slot| slot.tag != 0) {
            end += 1;
        }
        if end == self.slots.len() {
            self.slots.reserve_exact(SPILL);
            self.slots.push(Slot::default());
        }
        self.slots.copy_within(at..end, at + 1);
        self.slots[at] = Slot { tag, item };
        self.len += 1;
    }

    /// Removes the item at a place that [`Table::find`] returned.
    pub(crate) fn remove(&mut self, at: usize) {
        let mut end = at + 1;
        while self.slots.get(end).is_some_and(|slot| slot.tag != 0 && home(slot.tag, self.homes) < end) {
            end += 1;
        }
        self.slots.copy_within(at + 1..end, at);
        self.slots[end - 1] = Slot::default();
        self.len -= 1;
        if self.len == 0 {
            *self = Self::new();
        } else if self.len * 5 < self.homes && self.homes > HOMES_MIN {
            self.resize((self.homes / 2).max(HOMES_MIN));
        }
    }

    #[inline]
    pub(crate) fn item_mut(&mut self, at: usize) -> &mut T {
        &mut self.slots[at].item
    }

    #[inline]
    pub(crate) fn item(&self, at: usize) -> T {
        self.slots[at].item
    }

    /// The place of the first item under `hash` that passes the test.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(&T) -> bool) -> Option<usize> {
        let tag = tag(hash);
        let mut at = home(tag, self.homes);
        while let Some(slot) = self.slots.get(at) {
            if slot.tag == tag && is_it(&slot.item) {
                return Some(at);
            }
            if slot.tag == 0 || slot.tag > tag {
                return None;
            }
            at += 1;
        }
        None
    }

    /// Reads where the searches for all hashes begin, and where most end, so that the processor waits for all of that
    /// memory at once and not for one after another.
    #[inline]
    pub(crate) fn fetch(&self, hashes: impl Iterator<Item = u64>) {
        core::hint::black_box(hashes.fold(0, |read, hash| read ^ self.peek(hash)));
    }

    /// What [`Table::fetch`] reads for one hash, for callers that read from several tables.
    #[inline]
    pub(crate) fn peek(&self, hash: u64) -> u32 {
        let home = home(tag(hash), self.homes);
        let tag_at = |at: usize| self.slots.get(at).map_or(0, |slot: &Slot<T>| slot.tag);
        tag_at(home) ^ tag_at(home + SEARCH_LEN)
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn resize(&mut self, homes: usize) {
        let mut slots = Vec::with_capacity(homes + SPILL);
        for slot in self.slots.iter().filter(|slot| slot.tag != 0) {
            let at = home(slot.tag, homes).max(slots.len());
            if at >= slots.capacity() {
                slots.reserve_exact(at + SPILL - slots.len());
            }
            slots.resize(at, Slot::default());
            slots.push(*slot);
        }
        if slots.len() < homes {
            slots.resize(homes, Slot::default());
        }
        self.slots = slots;
        self.homes = homes;
    }
}

impl<T: Default> Default for Slot<T> {
    fn default() -> Self {
        Self { tag: 0, item: T::default() }
    }
}

#[inline]
const fn tag(hash: u64) -> u32 {
    let tag = (hash >> 32) as u32;
    if tag == 0 { 1 } else { tag }
}

#[inline]
const fn home(tag: u32, homes: usize) -> usize {
    ((tag as u64 * homes as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    impl Table<u32> {
        fn check(&self) {
            let taken: Vec<_> = self.slots.iter().enumerate().filter(|(_, slot)| slot.tag != 0).collect();
            assert_eq!(taken.len(), self.len);
            assert!(taken.is_sorted_by_key(|(_, slot)| slot.tag));
            for (at, slot) in taken {
                // Every slot from the home on is taken: otherwise a search would end too early.
                let run = home(slot.tag, self.homes)..at;
                assert!(run.start <= at && self.slots[run].iter().all(|slot| slot.tag != 0));
            }
            assert!(self.len * 5 <= self.homes * 4);
            assert!(self.homes <= HOMES_MIN || self.len * 5 >= self.homes);
        }
    }

    fn any_hash() -> impl Strategy<Value = u64> {
        let edge = prop::sample::select(&[0, 1, u64::MAX, u64::MAX << 32, 1 << 32, 0x8000_0000_0000_0000][..]);
        prop_oneof![1 => edge, 1 => (0..20_u64).prop_map(|n| n << 60), 3 => any::<u64>()]
    }

    proptest! {
        #[test]
        fn it_is_a_multiset(changes in prop::collection::vec((any_hash(), any::<bool>()), 1..400)) {
            let (mut table, mut list) = (Table::new(), Vec::new());
            for (nth, (hash, grow)) in (0_u32..).zip(changes) {
                if grow || list.is_empty() {
                    table.insert(hash, nth);
                    list.push((hash, nth));
                } else {
                    let (hash, item) = list.swap_remove(hash as usize % list.len());
                    let at = table.find(hash, |other| *other == item).unwrap();
                    prop_assert_eq!(table.item(at), item);
                    table.remove(at);
                    prop_assert_eq!(table.find(hash, |other| *other == item), None);
                }
                table.check();
            }
            for (hash, item) in list {
                prop_assert!(table.find(hash, |other| *other == item).is_some());
            }
        }
    }
}
