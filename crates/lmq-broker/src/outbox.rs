//! Bytes on their way to one connection.
//!
//! Small writes are copied into fixed blocks that a shard lends out and takes back; large payloads stay where they are and
//! are shared. A connection with nothing to send holds no block.

use alloc::{collections::VecDeque, vec::Vec};

use bytes::{Buf, Bytes};

/// Size of a block, in bytes.
const BLOCK_BYTES: usize = 4096;
/// How many blocks a shard keeps for reuse (4 MiB); more are given back to the allocator.
const BLOCKS_KEPT_MAX: usize = 1024;
/// An emptied outbox keeps room for so many segments and frees the rest.
const SEGMENTS_KEPT_MAX: usize = 8;

/// The blocks that no outbox holds at the moment.
#[derive(Debug, Default)]
pub(crate) struct BlockPool {
    free: Vec<Vec<u8>>,
}

impl BlockPool {
    fn take(&mut self) -> Vec<u8> {
        self.free.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK_BYTES))
    }

    fn give(&mut self, mut block: Vec<u8>) {
        if self.free.len() < BLOCKS_KEPT_MAX {
            block.clear();
            self.free.push(block);
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
    segments: VecDeque<Segment>,
    /// Bytes of the first segment that are sent already.
    sent: usize,
    len: usize,
}

impl Outbox {
    /// Copies `bytes` behind what is there.
    #[inline]
    pub(crate) fn push(&mut self, pool: &mut BlockPool, bytes: &[u8]) {
        self.len += bytes.len();
        if let Some(Segment::Block(block)) = self.segments.back_mut() {
            if BLOCK_BYTES - block.len() >= bytes.len() {
                block.extend_from_slice(bytes);
                return;
            }
        }
        self.push_across(pool, bytes);
    }

    fn push_across(&mut self, pool: &mut BlockPool, mut bytes: &[u8]) {
        if let Some(Segment::Block(block)) = self.segments.back_mut() {
            let (now, later) = bytes.split_at(BLOCK_BYTES - block.len());
            block.extend_from_slice(now);
            bytes = later;
        }
        for chunk in bytes.chunks(BLOCK_BYTES) {
            let mut block = pool.take();
            block.extend_from_slice(chunk);
            self.segments.push_back(Segment::Block(block));
        }
    }

    /// Puts a handle of `bytes` behind what is there, without a copy.
    pub(crate) fn push_shared(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.len += bytes.len();
        self.segments.push_back(Segment::Shared(bytes));
    }

    pub(crate) fn advance(&mut self, pool: &mut BlockPool, count: usize) {
        assert!(count <= self.len, "advanced by {count} of {} bytes", self.len);
        self.len -= count;
        self.sent += count;
        while let Some(first) = self.segments.front() {
            let size = first.bytes().len();
            if self.sent < size {
                return;
            }
            self.sent -= size;
            if let Some(Segment::Block(block)) = self.segments.pop_front() {
                pool.give(block);
            }
        }
        self.segments.shrink_to(SEGMENTS_KEPT_MAX);
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
        self.segments.front().map_or(&[], |first| &first.bytes()[self.sent..])
    }

    fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut skip = self.sent;
        self.segments.iter().map(move |segment| &segment.bytes()[core::mem::take(&mut skip)..])
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
            prop_assert!(outbox.segments.is_empty());
        }
    }

    #[test]
    fn blocks_are_reused_and_an_empty_outbox_holds_none() {
        let mut pool = BlockPool::default();
        let mut outbox = Outbox::default();
        outbox.push(&mut pool, &[7; 3 * BLOCK_BYTES]);
        outbox.clear(&mut pool);
        assert_eq!((outbox.len(), outbox.segments.len(), pool.free.len()), (0, 0, 3));
        outbox.push(&mut pool, &[8; 10]);
        assert_eq!(pool.free.len(), 2);
        assert_eq!(outbox.chunk(), [8; 10]);
    }
}
