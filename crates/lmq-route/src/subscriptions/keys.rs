//! The keys of one filter, each with its value, in ascending order.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{iter, mem, ops::RangeInclusive, slice};

/// Entries of one flat list. A change moves at most so many entries, whatever the number of keys.
const LIST_MAX: usize = 512;

/// A map that is small with one key and flat with many.
pub(crate) enum Keys<K, V> {
    One((K, V)),
    /// 0, or 2 to [`LIST_MAX`] entries.
    List(Vec<(K, V)>),
    /// Two or more lists of 1 to [`LIST_MAX`] entries.
    Lists(Box<Lists<K, V>>),
}

pub(crate) struct Lists<K, V> {
    lists: Vec<Vec<(K, V)>>,
    len: usize,
}

impl<K: Copy + Ord, V: Copy> Keys<K, V> {
    /// Adds the key or replaces its value, which is then returned.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self {
            Self::One(old) if old.0 == key => Some(mem::replace(&mut old.1, value)),
            Self::One(old) => {
                let (old, new) = (*old, (key, value));
                let pair = if old.0 < key { [old, new] } else { [new, old] };
                *self = Self::List(Vec::from(pair));
                None
            }
            Self::List(list) => match list.binary_search_by_key(&key, |entry| entry.0) {
                Ok(at) => Some(mem::replace(&mut list[at].1, value)),
                Err(at) if list.len() < LIST_MAX => {
                    list.insert(at, (key, value));
                    None
                }
                Err(_) => {
                    let mut lists = Lists { len: list.len(), lists: Vec::from([mem::take(list)]) };
                    let replaced = lists.insert(key, value);
                    *self = Self::Lists(Box::new(lists));
                    replaced
                }
            },
            Self::Lists(lists) => lists.insert(key, value),
        }
    }

    /// Removes the key; `None` if it is not here.
    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        match self {
            Self::One(old) if old.0 == key => {
                let value = old.1;
                *self = Self::List(Vec::new());
                Some(value)
            }
            Self::One(_) => None,
            Self::List(list) => {
                let at = list.binary_search_by_key(&key, |entry| entry.0).ok()?;
                let (_, value) = list.remove(at);
                if let [one] = list.as_slice() {
                    *self = Self::One(*one);
                } else {
                    shrink(list);
                }
                Some(value)
            }
            Self::Lists(lists) => {
                let value = lists.remove(key)?;
                if let [list] = lists.lists.as_mut_slice() {
                    *self = Self::List(mem::take(list));
                }
                Some(value)
            }
        }
    }

    pub(crate) fn value(&self, key: K) -> Option<V> {
        match self {
            Self::One(one) => (one.0 == key).then_some(one.1),
            Self::List(list) => list.binary_search_by_key(&key, |entry| entry.0).ok().map(|at| list[at].1),
            Self::Lists(lists) => {
                let list = &lists.lists[lists.list_of(key)];
                list.binary_search_by_key(&key, |entry| entry.0).ok().map(|at| list[at].1)
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::List(list) => list.len(),
            Self::Lists(lists) => lists.len,
        }
    }

    /// The entries above a key in ascending order, then those up to it: once around. Without a key, all.
    pub(crate) fn around(&self, key: Option<K>) -> impl Iterator<Item = (K, V)> {
        let (one, lists) = match self {
            Self::One(one) => (slice::from_ref(one), &[][..]),
            Self::List(list) => (list.as_slice(), &[][..]),
            Self::Lists(lists) => (&[][..], lists.lists.as_slice()),
        };
        // The list in which the entries above the key begin, and where; all lists that are whole; its other part.
        let nth = key.map_or(0, |key| lists.partition_point(|list| list.last().is_some_and(|last| last.0 <= key)));
        let parted = lists.get(nth).map_or(one, Vec::as_slice);
        let at = key.map_or(0, |key| parted.partition_point(|entry| entry.0 <= key));
        let (below, above) = parted.split_at(at);
        let whole = lists.iter().skip(nth + 1).chain(lists.iter().take(nth)).flatten();
        above.iter().chain(whole).chain(below).copied()
    }

    /// How many keys are in a range.
    pub(crate) fn len_within(&self, range: &RangeInclusive<K>) -> usize {
        self.parts_within(range).map(<[_]>::len).sum()
    }

    /// Calls back for every key of a range in ascending order.
    pub(crate) fn for_each_within(&self, range: &RangeInclusive<K>, mut each: impl FnMut(K, V)) {
        self.parts_within(range).flatten().for_each(|(key, value)| each(*key, *value));
    }

    /// The entries whose keys are in a range: of each list the part that is.
    fn parts_within(&self, range: &RangeInclusive<K>) -> impl Iterator<Item = &[(K, V)]> {
        let (one, lists) = match self {
            Self::One(one) => (slice::from_ref(one), &[][..]),
            Self::List(list) => (list.as_slice(), &[][..]),
            Self::Lists(lists) => (&[][..], lists.lists.as_slice()),
        };
        let (first, last) = (*range.start(), *range.end());
        let begin = lists.partition_point(|list| list.last().is_some_and(|entry| entry.0 < first));
        let inside = lists.get(begin..).unwrap_or_default().iter().map(Vec::as_slice);
        let inside = inside.take_while(move |list| list.first().is_some_and(|entry| entry.0 <= last));
        iter::once(one).chain(inside).map(move |list| {
            let from = list.partition_point(|entry| entry.0 < first);
            let len = list[from..].partition_point(|entry| entry.0 <= last);
            &list[from..from + len]
        })
    }

    /// Calls back for every key in ascending order.
    #[inline]
    pub(crate) fn for_each(&self, mut each: impl FnMut(K, V)) {
        match self {
            Self::One((key, value)) => each(*key, *value),
            Self::List(list) => list.iter().for_each(|(key, value)| each(*key, *value)),
            Self::Lists(lists) => {
                for list in &lists.lists {
                    list.iter().for_each(|(key, value)| each(*key, *value));
                }
            }
        }
    }
}

impl<K: Copy + Ord, V: Copy> Lists<K, V> {
    fn insert(&mut self, key: K, value: V) -> Option<V> {
        let mut nth = self.list_of(key);
        let mut at = match self.lists[nth].binary_search_by_key(&key, |entry| entry.0) {
            Ok(at) => return Some(mem::replace(&mut self.lists[nth][at].1, value)),
            Err(at) => at,
        };
        if self.lists[nth].len() == LIST_MAX {
            // Keys that arrive in ascending order leave full lists behind them.
            let half = if at == LIST_MAX { LIST_MAX } else { LIST_MAX / 2 };
            let upper = self.lists[nth].split_off(half);
            self.lists.insert(nth + 1, upper);
            if at >= half {
                nth += 1;
                at -= half;
            }
        }
        self.lists[nth].insert(at, (key, value));
        self.len += 1;
        None
    }

    fn remove(&mut self, key: K) -> Option<V> {
        let nth = self.list_of(key);
        let at = self.lists[nth].binary_search_by_key(&key, |entry| entry.0).ok()?;
        let (_, value) = self.lists[nth].remove(at);
        self.len -= 1;
        if self.lists[nth].is_empty() {
            self.lists.remove(nth);
            return Some(value);
        }
        // Neighbours that fill half a list together become one, so lists are a quarter full or more on average.
        let below = nth.saturating_sub(1);
        for lower in [nth, below] {
            let joined = self.lists.get(lower).zip(self.lists.get(lower + 1)).map(|(a, b)| a.len() + b.len());
            if joined.is_some_and(|len| len <= LIST_MAX / 2) {
                let upper = self.lists.remove(lower + 1);
                self.lists[lower].extend_from_slice(&upper);
            }
        }
        if let Some(list) = self.lists.get_mut(nth) {
            shrink(list);
        }
        Some(value)
    }

    /// The list in which the key is or would be.
    fn list_of(&self, key: K) -> usize {
        self.lists.partition_point(|list| list.first().is_some_and(|first| first.0 <= key)).saturating_sub(1)
    }
}

/// Gives memory back when three quarters of it are unused.
fn shrink<T>(list: &mut Vec<T>) {
    if list.len() < list.capacity() / 4 {
        list.shrink_to(list.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn entries(keys: &Keys<u32, u32>) -> Vec<(u32, u32)> {
        let mut entries = Vec::new();
        keys.for_each(|key, value| entries.push((key, value)));
        entries
    }

    /// Checks what makes changes cheap and iteration flat.
    fn check_shape(keys: &Keys<u32, u32>) {
        if let Keys::Lists(lists) = keys {
            assert!(lists.lists.len() > 1);
            assert!(lists.lists.iter().all(|list| (1..=LIST_MAX).contains(&list.len())));
            let joined = lists.lists.windows(2).map(|pair| pair[0].len() + pair[1].len()).min();
            assert!(joined > Some(LIST_MAX / 2), "{joined:?}");
        }
    }

    #[test]
    fn a_hundred_thousand_keys_come_and_leave_in_any_order() {
        let count = 100_000_u32;
        // 48,271 has no factor in common with 100,000: the products take every value once.
        let mixed = |n: u32| (u64::from(n) * 48_271 % u64::from(count)) as u32;
        let orders: [&dyn Fn(u32) -> u32; 3] = [&|n| n, &|n| count - 1 - n, &mixed];
        for come in orders {
            for leave in orders {
                let mut keys = Keys::One((come(0), 0));
                for n in 1..count {
                    assert_eq!(keys.insert(come(n), n), None);
                }
                assert_eq!(keys.len(), count as usize);
                assert!(entries(&keys).iter().map(|entry| entry.0).eq(0..count));
                for n in 0..count {
                    assert!(keys.remove(leave(n)).is_some());
                    if n % 997 == 0 {
                        check_shape(&keys);
                        assert_eq!(keys.value(leave(n)), None);
                    }
                }
                assert_eq!(keys.len(), 0);
            }
        }
    }

    #[test]
    fn keys_in_ascending_order_fill_their_lists() {
        let mut keys = Keys::One((0, 0));
        (1..10_000).for_each(|key| assert_eq!(keys.insert(key, key), None));
        let Keys::Lists(lists) = keys else { panic!("one list of 10,000") };
        assert_eq!(lists.lists.len(), 10_000_usize.div_ceil(LIST_MAX));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn it_is_a_map(changes in prop::collection::vec((0..2000_u32, any::<u32>(), 0..5_u8), 1..6000)) {
            let (mut keys, mut map) = (Keys::One((1000, 0)), BTreeMap::from([(1000, 0)]));
            for (nth, (key, value, kind)) in changes.into_iter().enumerate() {
                // First more insertions than removals, then the reverse.
                if (kind > 1) == (nth < 3500) {
                    prop_assert_eq!(keys.insert(key, value), map.insert(key, value));
                } else if map.len() > 1 {
                    prop_assert_eq!(keys.remove(key), map.remove(&key));
                }
                prop_assert_eq!(keys.len(), map.len());
                prop_assert_eq!(keys.value(key), map.get(&key).copied());
            }
            check_shape(&keys);
            for (first, last) in [(0, 1999), (0, 0), (500, 700), (511, 1200), (1999, u32::MAX), (9, 3)] {
                let (mut within, range) = (Vec::new(), first..=last);
                keys.for_each_within(&range, |key, value| within.push((key, value)));
                prop_assert_eq!(keys.len_within(&range), within.len());
                let expected = entries(&keys).into_iter().filter(|(key, _)| range.contains(key));
                prop_assert_eq!(within, expected.collect::<Vec<_>>());
            }
            for key in [None, Some(0), Some(700), Some(1999)] {
                let (mut expected, above) = (entries(&keys), |entry: &(u32, u32)| key.is_none_or(|key| entry.0 > key));
                expected.sort_by_key(|entry| !above(entry));
                prop_assert_eq!(keys.around(key).collect::<Vec<_>>(), expected);
            }
            prop_assert_eq!(entries(&keys), map.into_iter().collect::<Vec<_>>());
        }
    }
}
