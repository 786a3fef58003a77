//! Deadlines of connections: a heap whose entries may be stale.
//!
//! An owner keeps one live entry. When its deadline moves back it touches only its own field and finds out when the old
//! entry comes up; when the deadline moves forward it adds an entry and the old one is skipped.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

use crate::{slab::Key, time::Instant};

#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Key)>>,
}

impl Timers {
    pub(crate) fn arm(&mut self, at: Instant, key: Key) {
        self.heap.push(Reverse((at, key)));
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Key)> {
        let Reverse((at, _)) = self.heap.peek()?;
        if *at > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}
