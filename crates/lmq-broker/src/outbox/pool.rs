//! The memory that outboxes borrow.

use alloc::vec::Vec;

/// Size of the first block of an outbox, in bytes: enough for a few acknowledgements or small messages.
pub(super) const SMALL_BYTES: usize = 512;
/// Size of every further block.
pub(super) const LARGE_BYTES: usize = 4096;
/// How many bytes of free blocks of each size a shard keeps for reuse (8 MiB); more are given back to the allocator.
const FREE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The blocks that no outbox holds at the moment, and the frames that several may hold.
#[derive(Debug, Default)]
pub(crate) struct BlockPool {
    pub(super) small: Vec<Vec<u8>>,
    pub(super) large: Vec<Vec<u8>>,
    pub(super) frames: Vec<Frame>,
    /// Frames that nobody held when they were put here; somebody may have taken one again since.
    free_frames: Vec<u32>,
}

/// Bytes that are the same for several connections.
#[derive(Debug, Default)]
pub(super) struct Frame {
    bytes: Vec<u8>,
    pub(super) holders: u32,
    /// Which bytes these are, of all that were ever here.
    generation: u32,
    /// It is on the list of free frames.
    pub(super) listed: bool,
}

/// Names a frame that was shared, as long as no other has taken its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameKey {
    pub(super) slot: u32,
    generation: u32,
}

impl BlockPool {
    /// Keeps a copy of `bytes` for any number of outboxes.
    pub(crate) fn share(&mut self, bytes: &[u8]) -> FrameKey {
        let slot = self.vacant_frame();
        let Some(frame) = self.frames.get_mut(slot as usize) else { return FrameKey { slot, generation: 0 } };
        frame.generation = frame.generation.wrapping_add(1);
        frame.bytes.clear();
        frame.bytes.extend_from_slice(bytes);
        FrameKey { slot, generation: frame.generation }
    }

    fn vacant_frame(&mut self) -> u32 {
        while let Some(slot) = self.free_frames.pop() {
            let Some(frame) = self.frames.get_mut(slot as usize) else { continue };
            frame.listed = false;
            if frame.holders == 0 {
                return slot;
            }
        }
        self.frames.push(Frame::default());
        self.frames.len() as u32 - 1
    }

    /// One more outbox has the frame; says how long it is. `None` if another one has taken its place.
    #[inline]
    pub(super) fn hold(&mut self, key: FrameKey) -> Option<usize> {
        let frame = self.frames.get_mut(key.slot as usize).filter(|frame| frame.generation == key.generation)?;
        frame.holders += 1;
        Some(frame.bytes.len())
    }

    #[inline]
    pub(super) fn release(&mut self, slot: u32) {
        let Some(frame) = self.frames.get_mut(slot as usize) else { return };
        frame.holders -= 1;
        if frame.holders > 0 || frame.listed {
            return;
        }
        frame.listed = true;
        if frame.bytes.capacity() > LARGE_BYTES || self.free_frames.len() >= FREE_BYTES_MAX / LARGE_BYTES {
            frame.bytes = Vec::new();
            frame.generation = frame.generation.wrapping_add(1);
        }
        self.free_frames.push(slot);
    }

    #[inline]
    pub(super) fn frame(&self, slot: u32) -> &[u8] {
        self.frames.get(slot as usize).map_or(&[], |frame| &frame.bytes)
    }

    pub(super) fn take_small(&mut self) -> Vec<u8> {
        self.small.pop().unwrap_or_else(|| Vec::with_capacity(SMALL_BYTES))
    }

    pub(super) fn take_large(&mut self) -> Vec<u8> {
        self.large.pop().unwrap_or_else(|| Vec::with_capacity(LARGE_BYTES))
    }

    pub(super) fn give_block(&mut self, mut block: Vec<u8>) {
        let size = block.capacity();
        let free = if size < LARGE_BYTES { &mut self.small } else { &mut self.large };
        if (free.len() + 1) * size <= FREE_BYTES_MAX {
            block.clear();
            free.push(block);
        }
    }
}
