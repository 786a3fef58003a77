//! The levels of a topic, hashed once for all that asks for them.

use super::hash::{DEPTH_MAX, Hasher};
use super::text::split_level;

/// The hashes of the first levels of a topic.
pub(crate) struct Levels {
    hashes: [u64; DEPTH_MAX],
    len: usize,
    /// Whether more levels follow.
    deeper: bool,
}

impl Levels {
    #[inline]
    pub(crate) fn new(hasher: &Hasher, topic: &[u8]) -> Self {
        let (mut hashes, mut len, mut rest) = ([0; DEPTH_MAX], 0, Some(topic));
        while let (Some(text), Some(hash)) = (rest, hashes.get_mut(len)) {
            let (level, after) = split_level(text);
            *hash = hasher.text(level);
            len += 1;
            rest = after;
        }
        Self { hashes, len, deeper: rest.is_some() }
    }

    #[inline]
    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes[..self.len]
    }

    /// The number of levels if that is [`DEPTH_MAX`] or less; one more than that for all others.
    #[inline]
    pub(crate) fn depth(&self) -> usize {
        self.len + usize::from(self.deeper)
    }
}
