//! The keys of one filter, each with its value, in ascending order.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

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
        // Two neighbours that fill half a list together become one, so lists stay a quarter full on average.
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
