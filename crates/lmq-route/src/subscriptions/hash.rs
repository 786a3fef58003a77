//! Seeded hashes of topics, and of paths: the levels of a filter from the first up to some level.

use core::hash::Hasher as _;

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;

/// Hashes whose seeds all derive from one secret.
pub(crate) struct Hasher {
    seeds: SharedSeed,
    seed: u64,
    factor: u64,
    /// Tests narrow the hashes to prove that collisions cost time only.
    #[cfg(test)]
    pub(crate) mask: u64,
}

/// Levels that a [`Path`] can have.
pub(crate) const DEPTH_MAX: usize = 16;

/// What stands for the levels of a filter from the first up to some level: their hash, and exactly their shape.
///
/// The shape is which levels are `+`, whether the path is complete, and its length. So two paths that lead along the
/// levels of one topic are never taken for one, whatever their hashes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Path(u64);

/// How a path goes on.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// A level of plain text, by its hash.
    Literal(u64),
    /// `+`
    Plus,
    /// `#`; only [`Step::End`] follows.
    Multi,
    /// No further level; only [`Step::End`] follows.
    End,
}

impl Hasher {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            seeds: SharedSeed::from_u64(seed),
            seed: derive(seed, 1),
            // Odd: the factor is never zero.
            factor: derive(seed, 2) | 1,
            #[cfg(test)]
            mask: u64::MAX,
        }
    }

    /// A whole topic, or one level.
    #[inline]
    pub(crate) fn text(&self, text: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.seeds);
        hasher.write(text);
        self.narrow(hasher.finish())
    }

    /// A level that is the nth, counted from 0, from the hash of its text. Such hashes may be added up.
    #[inline]
    pub(crate) const fn level(&self, nth: usize, text: u64) -> u64 {
        let other = (nth as u64 + 1).wrapping_mul(ODD);
        self.narrow(fold(text ^ self.seed.wrapping_mul(other | 1), self.factor))
    }

    /// The path without a level.
    #[inline]
    pub(crate) fn root(&self) -> Path {
        Path(self.narrow(self.seed) & !Path::SHAPE)
    }

    /// The path one step longer; it is shorter than [`DEPTH_MAX`].
    ///
    /// A step other than plain text changes the shape only. So what follows a path by wildcards is kept beside it in a
    /// table: at most three nodes for each further level, often in the memory that is fetched with the first.
    #[inline]
    pub(crate) fn path(&self, path: Path, step: Step) -> Path {
        let (hash, shape) = match step {
            Step::Literal(level) => (self.narrow(fold(path.0 ^ level, self.factor)), 0),
            Step::Plus => (path.0, Path::FIRST_PLUS << path.depth()),
            Step::Multi => (path.0, Path::MULTI),
            // The bit of the level as well, so that paths that are complete at different levels differ in shape.
            Step::End => (path.0, Path::END | (Path::FIRST_PLUS << path.depth())),
        };
        Path((hash & !Path::SHAPE) | (((path.0 & Path::SHAPE) | shape) + 1))
    }

    #[cfg(not(test))]
    #[inline]
    const fn narrow(&self, hash: u64) -> u64 {
        hash
    }

    #[cfg(test)]
    const fn narrow(&self, hash: u64) -> u64 {
        hash & self.mask
    }
}

impl Path {
    const DEPTH: u64 = 0x1f;
    const FIRST_PLUS: u64 = 1 << 5;
    const MULTI: u64 = Self::FIRST_PLUS << DEPTH_MAX;
    const END: u64 = Self::MULTI << 1;
    const SHAPE: u64 = (Self::END << 1) - 1;

    #[inline]
    pub(crate) const fn depth(self) -> usize {
        (self.0 & Self::DEPTH) as usize
    }

    /// The bits by which a table finds the path. The upper half is hash only.
    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }
}

#[inline]
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    (product as u64) ^ ((product >> 64) as u64)
}

/// Odd, with bits in no order: multiples differ in their upper bits.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

const fn derive(seed: u64, n: u64) -> u64 {
    // The odd constants of SplitMix64.
    let mixed = fold(seed ^ n.wrapping_mul(ODD), 0xbf58_476d_1ce4_e5b9);
    fold(mixed ^ n, 0x94d0_49bb_1331_11eb)
}
