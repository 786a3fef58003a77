//! Lists of filters that share one node, each in the order of text.

use alloc::vec::Vec;

pub(crate) struct Buckets {
    lists: Vec<Vec<u32>>,
    vacant: Vec<u32>,
}

impl Buckets {
    pub(crate) const fn new() -> Self {
        Self { lists: Vec::new(), vacant: Vec::new() }
    }

    /// A new bucket with one filter in it.
    pub(crate) fn open(&mut self, id: u32) -> u32 {
        let list = Vec::from([id]);
        match self.vacant.pop() {
            Some(bucket) => {
                self.lists[bucket as usize] = list;
                bucket
            }
            None => {
                self.lists.push(list);
                self.lists.len() as u32 - 1
            }
        }
    }

    pub(crate) fn insert<'a>(&mut self, bucket: u32, id: u32, text_of: &impl Fn(u32) -> &'a [u8]) {
        let list = &mut self.lists[bucket as usize];
        let at = list.partition_point(|other| text_of(*other) < text_of(id));
        list.insert(at, id);
    }

    /// Removes a filter; closes the bucket when only one is left, and returns that one.
    pub(crate) fn remove<'a>(&mut self, bucket: u32, id: u32, text_of: &impl Fn(u32) -> &'a [u8]) -> Option<u32> {
        let list = &mut self.lists[bucket as usize];
        let at = list.partition_point(|other| text_of(*other) < text_of(id));
        debug_assert_eq!(list.get(at), Some(&id), "a filter is removed only while it is here");
        list.remove(at);
        let [last] = *list.as_slice() else {
            return None;
        };
        *list = Vec::new();
        self.vacant.push(bucket);
        if self.vacant.len() == self.lists.len() {
            *self = Self::new();
        }
        Some(last)
    }

    pub(crate) fn find<'a>(&self, bucket: u32, text: &[u8], text_of: impl Fn(u32) -> &'a [u8]) -> Option<u32> {
        let ids = self.ids(bucket);
        let at = ids.binary_search_by(|id| text_of(*id).cmp(text)).ok()?;
        ids.get(at).copied()
    }

    #[inline]
    pub(crate) fn ids(&self, bucket: u32) -> &[u32] {
        self.lists.get(bucket as usize).map_or(&[], Vec::as_slice)
    }
}
