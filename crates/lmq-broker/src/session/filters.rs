//! The filters of one session.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::{mem, ops::Bound};

use crate::Subscription;

/// So many filters are kept in a list without room to spare, which for one or two is a tenth of the smallest tree.
const LIST_MAX: usize = 16;

/// Filters in the order of their bytes, each with what was granted.
#[derive(Debug)]
pub(crate) enum Filters {
    Few(Vec<(Box<str>, Subscription)>),
    Many(BTreeMap<Box<str>, Subscription>),
}

impl Default for Filters {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Filters {
    /// Adds a filter, or returns what was granted for it before.
    pub(crate) fn insert(&mut self, filter: Box<str>, granted: Subscription) -> Option<Subscription> {
        let list = match self {
            Self::Many(tree) => return tree.insert(filter, granted),
            Self::Few(list) => list,
        };
        match list.binary_search_by(|(known, _)| known.cmp(&filter)) {
            Ok(at) => Some(mem::replace(&mut list[at].1, granted)),
            Err(at) if list.len() < LIST_MAX => {
                list.reserve_exact(1);
                list.insert(at, (filter, granted));
                None
            }
            Err(_) => {
                let mut tree: BTreeMap<_, _> = mem::take(list).into_iter().collect();
                tree.insert(filter, granted);
                *self = Self::Many(tree);
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, filter: &str) -> Option<Subscription> {
        match self {
            Self::Many(tree) => {
                let granted = tree.remove(filter)?;
                if tree.is_empty() {
                    *self = Self::default();
                }
                Some(granted)
            }
            Self::Few(list) => {
                let at = list.binary_search_by(|(known, _)| (**known).cmp(filter)).ok()?;
                let (_, granted) = list.remove(at);
                list.shrink_to_fit();
                Some(granted)
            }
        }
    }

    pub(crate) fn get(&self, filter: &str) -> Option<&Subscription> {
        match self {
            Self::Many(tree) => tree.get(filter),
            Self::Few(list) => {
                let at = list.binary_search_by(|(known, _)| (**known).cmp(filter)).ok()?;
                list.get(at).map(|(_, granted)| granted)
            }
        }
    }

    pub(crate) fn contains(&self, filter: &str) -> bool {
        self.get(filter).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Few(list) => list.len(),
            Self::Many(tree) => tree.len(),
        }
    }

    /// The filters that begin with `start`.
    pub(crate) fn with_start<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a str> {
        let (few, many) = match self {
            Self::Few(list) => (&list[list.partition_point(|(filter, _)| **filter < *start)..], None),
            Self::Many(tree) => (&[][..], Some(tree.range::<str, _>((Bound::Included(start), Bound::Unbounded)))),
        };
        let few = few.iter().map(|(filter, _)| &**filter);
        let many = many.into_iter().flatten().map(|(filter, _)| &**filter);
        few.chain(many).take_while(move |filter| filter.starts_with(start))
    }

    pub(crate) fn into_filters(self) -> impl Iterator<Item = Box<str>> {
        let (few, many) = match self {
            Self::Few(list) => (list, BTreeMap::new()),
            Self::Many(tree) => (Vec::new(), tree),
        };
        few.into_iter().map(|(filter, _)| filter).chain(many.into_keys())
    }
}

#[cfg(test)]
mod tests {
    use lmq_codec::QoS;

    use super::*;

    fn granted(n: u32) -> Subscription {
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        Subscription::new(qos[n as usize % 3])
    }

    #[test]
    fn it_is_a_sorted_map_however_many_there_are() {
        let (mut filters, mut map) = (Filters::default(), BTreeMap::new());
        // Grows to more than a list takes, shrinks to nothing, and grows again.
        for step in 0..400_u32 {
            let name = alloc::format!("{}/{}", if step % 3 == 0 { "$share" } else { "t" }, step * 7 % 61);
            if (step / 100) % 2 == 0 {
                assert_eq!(
                    filters.insert(name.as_str().into(), granted(step)),
                    map.insert(name.clone(), granted(step))
                );
            } else if let Some((name, _)) =
                map.iter().nth(step as usize % map.len().max(1)).map(|(n, g)| (n.clone(), *g))
            {
                assert_eq!(filters.remove(&name), map.remove(&name));
                assert_eq!(filters.remove(&name), None);
            }
            assert_eq!((filters.len(), filters.get(&name).copied()), (map.len(), map.get(&name).copied()));
            let shared: Vec<&str> = filters.with_start("$share/").collect();
            assert_eq!(shared, map.keys().filter(|name| name.starts_with("$share/")).collect::<Vec<_>>());
        }
        let left: Vec<_> = filters.into_filters().collect();
        assert!(left.iter().map(|filter| &**filter).eq(map.keys().map(|name| name.as_str())));
    }
}
