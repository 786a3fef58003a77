//! Bytes on their way to one connection.
//!
//! Small writes are copied into fixed blocks that a shard lends out and takes back. A packet that is the same for many connections is kept
//! once and shared by those that have nothing else to send; so are large payloads. A connection with nothing to send holds nothing.

mod pool;

use alloc::{collections::VecDeque, vec::Vec};

use bytes::{Buf, Bytes};

use self::pool::SMALL_BYTES;
pub(crate) use self::pool::{BlockPool, FrameKey};

/// An outbox keeps room for so many segments behind the first and frees the rest.
const SEGMENTS_KEPT_MAX: usize = 8;

#[derive(Debug)]
enum Segment {
    /// A frame of the pool that others may have as well; only ever the first segment.
    Frame(u32),
    Block(Vec<u8>),
    Shared(Bytes),
}

impl Segment {
    #[inline]
    fn bytes<'a>(&'a self, pool: &'a BlockPool) -> &'a [u8] {
        match self {
            Self::Frame(slot) => pool.frame(*slot),
            Self::Block(block) => block,
            Self::Shared(bytes) => bytes,
        }
    }

    fn give_back(self, pool: &mut BlockPool) {
        match self {
            Self::Frame(slot) => pool.release(slot),
            Self::Block(block) => pool.give_block(block),
            Self::Shared(_) => {}
        }
    }
}

/// In memory in this order: a message to an empty outbox changes the first 24 bytes.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Outbox {
    len: usize,
    /// Bytes of the first segment that are sent already.
    sent: usize,
    /// The first segment, without an allocation for the list: most outboxes never have a second.
    head: Option<Segment>,
    tail: VecDeque<Segment>,
}

impl Outbox {
    /// Puts a frame of the pool into an empty outbox. False if that cannot be: then it is to be copied.
    #[inline]
    pub(crate) fn push_frame(&mut self, pool: &mut BlockPool, key: FrameKey) -> bool {
        if self.head.is_some() {
            return false;
        }
        let Some(len) = pool.hold(key) else { return false };
        self.len = len;
        self.head = Some(Segment::Frame(key.slot));
        true
    }

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
        if self.tail.is_empty() && self.own_frame(pool, bytes) {
            return;
        }
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

    /// Takes a block of its own for what is left of a shared frame and for `bytes`, if one has room for both.
    fn own_frame(&mut self, pool: &mut BlockPool, bytes: &[u8]) -> bool {
        let Some(Segment::Frame(slot)) = self.head else { return false };
        let left = pool.frame(slot).len() - self.sent;
        if left + bytes.len() > SMALL_BYTES {
            return false;
        }
        let mut block = pool.take_small();
        block.extend_from_slice(pool.frame(slot).get(self.sent..).unwrap_or_default());
        block.extend_from_slice(bytes);
        pool.release(slot);
        self.head = Some(Segment::Block(block));
        self.sent = 0;
        true
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
        if count == self.len && self.tail.is_empty() {
            (self.len, self.sent) = (0, 0);
            return self.head.take().map_or((), |done| done.give_back(pool));
        }
        self.len -= count;
        self.sent += count;
        while let Some(first) = &self.head {
            let size = first.bytes(pool).len();
            if self.sent < size {
                return;
            }
            self.sent -= size;
            if let Some(done) = core::mem::replace(&mut self.head, self.tail.pop_front()) {
                done.give_back(pool);
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

    pub(crate) fn chunk<'a>(&'a self, pool: &'a BlockPool) -> &'a [u8] {
        self.head.as_ref().and_then(|first| first.bytes(pool).get(self.sent..)).unwrap_or_default()
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

    #[cfg(any(feature = "std", test))]
    fn chunks<'a>(&'a self, pool: &'a BlockPool) -> impl Iterator<Item = &'a [u8]> {
        let mut skip = self.sent;
        let bytes = move |segment: &'a Segment| segment.bytes(pool).get(core::mem::take(&mut skip)..);
        self.head.iter().chain(&self.tail).map(bytes).map(Option::unwrap_or_default)
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
        self.outbox.as_ref().map_or(&[], |outbox| outbox.chunk(self.pool))
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'b>(&'b self, slices: &mut [std::io::IoSlice<'b>]) -> usize {
        let Some(outbox) = &self.outbox else { return 0 };
        let mut filled = 0;
        for (slot, chunk) in slices.iter_mut().zip(outbox.chunks(self.pool)) {
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

    use super::{pool::LARGE_BYTES, *};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_goes_in_comes_out(
            writes in prop::collection::vec((prop_oneof![bytes(1..300), bytes(0..9000)], 0..3_u8, 0_usize..7000), 0..30),
            steps in prop::collection::vec(0_usize..7000, 0..40),
        ) {
            let (mut pool, mut outbox, mut expected) = (BlockPool::default(), Outbox::default(), Vec::new());
            let mut got = Vec::new();
            for (bytes, kind, step) in &writes {
                push(&mut pool, &mut outbox, bytes, *kind);
                expected.extend_from_slice(bytes);
                take(&mut pool, &mut outbox, *step, &mut got);
            }
            for step in steps {
                let all: Vec<u8> = outbox.chunks(&pool).flatten().copied().collect();
                prop_assert_eq!(&all[..], &expected[got.len()..]);
                take(&mut pool, &mut outbox, step, &mut got);
            }
            let mut out = Outgoing { outbox: Some(&mut outbox), pool: &mut pool };
            while out.has_remaining() {
                let chunk = out.chunk().to_vec();
                got.extend_from_slice(&chunk);
                out.advance(chunk.len());
            }
            prop_assert_eq!(got, expected);
            prop_assert!(outbox.head.is_none() && outbox.tail.is_empty());
            prop_assert!(pool.frames.iter().all(|frame| frame.holders == 0 && frame.listed));
        }
    }

    fn bytes(len: core::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), len)
    }

    /// In each of the three ways, as far as it can be.
    fn push(pool: &mut BlockPool, outbox: &mut Outbox, bytes: &[u8], kind: u8) {
        match kind {
            0 => outbox.push_shared(Bytes::copy_from_slice(bytes)),
            1 if !bytes.is_empty() => {
                let key = pool.share(bytes);
                if !outbox.push_frame(pool, key) {
                    outbox.push(pool, bytes);
                    // What nobody took is given back by the next who takes it.
                    assert_eq!(pool.hold(key), Some(bytes.len()));
                    pool.release(key.slot);
                }
            }
            _ => outbox.push(pool, bytes),
        }
    }

    fn take(pool: &mut BlockPool, outbox: &mut Outbox, step: usize, got: &mut Vec<u8>) {
        let all: Vec<u8> = outbox.chunks(pool).flatten().copied().collect();
        let count = step.min(all.len());
        got.extend_from_slice(&all[..count]);
        outbox.advance(pool, count);
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
        assert_eq!(outbox.chunk(&pool), [8; 10]);
    }

    #[test]
    fn a_frame_is_there_as_long_as_somebody_holds_it() {
        let (mut pool, mut first, mut second) = (BlockPool::default(), Outbox::default(), Outbox::default());
        let key = pool.share(b"for all");
        assert!(first.push_frame(&mut pool, key) && second.push_frame(&mut pool, key));
        assert!(!first.push_frame(&mut pool, key), "there is something before it");
        first.push(&mut pool, b", for one");
        second.advance(&mut pool, 4);
        assert_eq!((first.chunk(&pool), second.chunk(&pool)), (&b"for all, for one"[..], &b"all"[..]));
        let other = pool.share(b"other");
        assert!(other.slot != key.slot, "the first is still held");
        second.push(&mut pool, b" of you");
        assert_eq!(second.chunk(&pool), b"all of you");
        // Nobody holds it, and it is still what it was, until its place is taken.
        first.clear(&mut pool);
        assert!(first.push_frame(&mut pool, key));
        let third = pool.share(b"third");
        assert!(third.slot != key.slot, "it is held again");
        first.clear(&mut pool);
        assert_eq!(pool.share(b"fourth").slot, key.slot);
        assert!(!first.push_frame(&mut pool, key), "another one has its place");
        assert_eq!(first.len(), 0);
    }

    #[test]
    fn a_large_frame_that_nobody_holds_is_not_held_again_without_its_bytes() {
        let (mut pool, mut outbox) = (BlockPool::default(), Outbox::default());
        let key = pool.share(&[7; 2 * LARGE_BYTES]);
        assert!(outbox.push_frame(&mut pool, key));
        outbox.clear(&mut pool);
        assert!(!outbox.push_frame(&mut pool, key));
    }
}
