//! Bytes on their way to one connection.
//!
//! Small writes are copied into fixed blocks that a shard lends out and takes back; large payloads stay where they are and
//! are shared. A connection with nothing to send holds no block.

use alloc::{collections::VecDeque, vec::Vec};

use bytes::{Buf, Bytes};

/// Size of the first block of an outbox, in bytes: enough for a few acknowledgements or small messages.
const SMALL_BYTES: usize = 512;
/// Size of every further block.
const LARGE_BYTES: usize = 4096;
/// How many bytes of free blocks of each size a shard keeps for reuse (8 MiB); more are given back to the allocator.
const FREE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// An outbox keeps room for so many segments behind the first and frees the rest.
const SEGMENTS_KEPT_MAX: usize = 8;

/// The blocks that no outbox holds at the moment.
#[derive(Debug, Default)]
pub(crate) struct BlockPool {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
}

impl BlockPool {
    fn take_small(&mut self) -> Vec<u8> {
        self.small.pop().unwrap_or_else(|| Vec::with_capacity(SMALL_BYTES))
    }

    fn take_large(&mut self) -> Vec<u8> {
        self.large.pop().unwrap_or_else(|| Vec::with_capacity(LARGE_BYTES))
    }

    fn give(&mut self, mut block: Vec<u8>) {
        let size = block.capacity();
        let free = if size < LARGE_BYTES { &mut self.small } else { &mut self.large };
        if (free.len() + 1) * size <= FREE_BYTES_MAX {
            block.clear();
            free.push(block);
        }
    }
}

#[derive(Debug)]
enum Segment {
    Block(Vec<u8>),
    Shared(Bytes),
}

impl Segment {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Block(block) => block,
            Self::Shared(bytes) => bytes,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// The first segment, without an allocation for the list: most outboxes never have a second.
    head: Option<Segment>,
    tail: VecDeque<Segment>,
    /// Bytes of the first segment that are sent already.
    sent: usize,
    len: usize,
}

impl Outbox {
    /// Copies `bytes` behind what is there.
    #[inline]
    pub(crate) fn push(&mut self, pool: &mut BlockPool, bytes: &[u8]) {
        self.len += bytes.len();
        // Most messages meet an empty outbox.
        if self.head.is_none() && bytes.len() <= SMALL_BYTES {
            let mut block = pool.take_small();
            block.extend_from_slice(bytes);
            self.head = Some(Segment::Block(block));
            return;
        }
        if let Some(Segment::Block(block)) = self.last() {
            if block.capacity() - block.len() >= bytes.len() {
                block.extend_from_slice(bytes);
                return;
            }
        }
        self.push_across(pool, bytes);
    }

    fn push_across(&mut self, pool: &mut BlockPool, mut bytes: &[u8]) {
        if let Some(Segment::Block(block)) = self.last() {
            let (now, later) = bytes.split_at(block.capacity() - block.len());
            block.extend_from_slice(now);
            bytes = later;
        }
        while !bytes.is_empty() {
            let mut block = pool.take_large();
            let (now, later) = bytes.split_at(bytes.len().min(block.capacity()));
            block.extend_from_slice(now);
            bytes = later;
            self.add(Segment::Block(block));
        }
    }

    /// Puts a handle of `bytes` behind what is there, without a copy.
    pub(crate) fn push_shared(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.len += bytes.len();
        self.add(Segment::Shared(bytes));
    }

    pub(crate) fn advance(&mut self, pool: &mut BlockPool, count: usize) {
        assert!(count <= self.len, "advanced by {count} of {} bytes", self.len);
        self.len -= count;
        self.sent += count;
        while let Some(first) = &self.head {
            let size = first.bytes().len();
            if self.sent < size {
                return;
            }
            self.sent -= size;
            let done = core::mem::replace(&mut self.head, self.tail.pop_front());
            if let Some(Segment::Block(block)) = done {
                pool.give(block);
            }
        }
        self.tail.shrink_to(SEGMENTS_KEPT_MAX);
    }

    /// Gives every block back and forgets what was not sent.
    pub(crate) fn clear(&mut self, pool: &mut BlockPool) {
        self.advance(pool, self.len);
    }

    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn chunk(&self) -> &[u8] {
        self.head.as_ref().map_or(&[], |first| &first.bytes()[self.sent..])
    }

    #[inline]
    fn last(&mut self) -> Option<&mut Segment> {
        self.tail.back_mut().or(self.head.as_mut())
    }

    fn add(&mut self, segment: Segment) {
        if self.head.is_none() {
            self.head = Some(segment);
        } else {
            self.tail.push_back(segment);
        }
    }

    fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut skip = self.sent;
        self.head.iter().chain(&self.tail).map(move |segment| &segment.bytes()[core::mem::take(&mut skip)..])
    }
}

/// What a connection has to send, as a [`Buf`]: read it with `chunks_vectored` and a vectored write, then `advance` by what was written.
///
/// It borrows the shard; nothing is lost when it is dropped half read.
#[derive(Debug)]
pub struct Outgoing<'a> {
    pub(crate) outbox: Option<&'a mut Outbox>,
    pub(crate) pool: &'a mut BlockPool,
}

impl Buf for Outgoing<'_> {
    fn remaining(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.len())
    }

    fn chunk(&self) -> &[u8] {
        self.outbox.as_ref().map_or(&[], |outbox| outbox.chunk())
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'b>(&'b self, slices: &mut [std::io::IoSlice<'b>]) -> usize {
        let Some(outbox) = &self.outbox else { return 0 };
        let mut filled = 0;
        for (slot, chunk) in slices.iter_mut().zip(outbox.chunks()) {
            *slot = std::io::IoSlice::new(chunk);
            filled += 1;
        }
        filled
    }

    /// # Panics
    ///
    /// If `count` is more than `remaining()`: a bug of the driver, not of a peer.
    fn advance(&mut self, count: usize) {
        match &mut self.outbox {
            Some(outbox) => outbox.advance(self.pool, count),
            None => assert!(count == 0, "advanced by {count} of 0 bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_goes_in_comes_out(
            writes in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..9000), any::<bool>()), 0..20),
            steps in prop::collection::vec(0_usize..7000, 0..40),
        ) {
            let (mut pool, mut outbox, mut expected) = (BlockPool::default(), Outbox::default(), Vec::new());
            for (bytes, shared) in &writes {
                if *shared { outbox.push_shared(Bytes::copy_from_slice(bytes)) } else { outbox.push(&mut pool, bytes) }
                expected.extend_from_slice(bytes);
            }
            let mut out = Outgoing { outbox: Some(&mut outbox), pool: &mut pool };
            let mut got = Vec::new();
            for step in steps {
                let all: Vec<u8> = out.outbox.as_ref().map(|o| o.chunks().flatten().copied().collect()).unwrap_or_default();
                prop_assert_eq!(&all[..], &expected[got.len()..]);
                let count = step.min(out.remaining());
                got.extend_from_slice(&all[..count]);
                out.advance(count);
            }
            while out.has_remaining() {
                let chunk = out.chunk().to_vec();
                got.extend_from_slice(&chunk);
                out.advance(chunk.len());
            }
            prop_assert_eq!(got, expected);
            prop_assert!(outbox.head.is_none() && outbox.tail.is_empty());
        }
    }

    #[test]
    fn blocks_are_reused_and_an_empty_outbox_holds_none() {
        let mut pool = BlockPool::default();
        let mut outbox = Outbox::default();
        outbox.push(&mut pool, &[6; 10]);
        outbox.push(&mut pool, &[7; 2 * LARGE_BYTES]);
        outbox.clear(&mut pool);
        assert_eq!((outbox.len(), outbox.head.is_none(), outbox.tail.len()), (0, true, 0));
        assert_eq!((pool.small.len(), pool.large.len()), (1, 2));
        outbox.push(&mut pool, &[8; 10]);
        assert_eq!((pool.small.len(), pool.large.len()), (0, 2));
        assert_eq!(outbox.chunk(), [8; 10]);
    }
}
