//! Slots that are reused, and keys that notice it.

use alloc::vec::Vec;

/// Names an entry of a [`Slab`]; a key of a removed entry finds nothing, even after the slot was taken again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// The generations lie apart: looking for many keys reads few cache lines besides those of the values, which keep their own alignment.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    values: Vec<Option<T>>,
    generations: Vec<u32>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { values: Vec::new(), generations: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        if let Some(key) = self.free.pop().and_then(|slot| self.key_of(slot)) {
            if let Some(place) = self.values.get_mut(key.slot as usize) {
                *place = Some(value);
                return key;
            }
        }
        let slot = self.values.len() as u32;
        self.values.push(Some(value));
        self.generations.push(0);
        Key { slot, generation: 0 }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let generation = self.generations.get_mut(key.slot as usize).filter(|known| **known == key.generation)?;
        let value = self.values.get_mut(key.slot as usize)?.take()?;
        *generation = generation.wrapping_add(1);
        self.free.push(key.slot);
        Some(value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let known = self.generations.get(key.slot as usize) == Some(&key.generation);
        if known { self.at_mut(key.slot) } else { None }
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.values.get_mut(slot as usize)?.as_mut()
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let known = self.generations.get(key.slot as usize) == Some(&key.generation);
        if known { self.at(key.slot) } else { None }
    }

    #[inline]
    pub(crate) fn at(&self, slot: u32) -> Option<&T> {
        self.values.get(slot as usize)?.as_ref()
    }

    /// The key of the entry that holds `slot` now.
    pub(crate) fn key(&self, slot: u32) -> Option<Key> {
        self.at(slot).and_then(|_| self.key_of(slot))
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }

    /// Slots ever used; every live slot is below.
    pub(crate) fn slots(&self) -> u32 {
        self.values.len() as u32
    }

    fn key_of(&self, slot: u32) -> Option<Key> {
        self.generations.get(slot as usize).map(|generation| Key { slot, generation: *generation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_removed_entry_finds_nothing_after_reuse() {
        let mut slab = Slab::new();
        let first = slab.insert('a');
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert('b');
        assert_eq!(second.slot, first.slot);
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.get_mut(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&'b'));
        assert_eq!((slab.len(), slab.slots()), (1, 1));
    }

    #[test]
    fn a_slot_is_reused_last_in_first_out() {
        let mut slab = Slab::new();
        let keys = [slab.insert(0), slab.insert(1), slab.insert(2)];
        slab.remove(keys[0]);
        slab.remove(keys[2]);
        assert_eq!(slab.insert(3).slot, 2);
        assert_eq!(slab.insert(4).slot, 0);
        assert_eq!(slab.key(1), Some(keys[1]));
        assert_eq!(slab.key(9), None);
    }
}
