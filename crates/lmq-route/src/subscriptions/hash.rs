//! Seeded hashes of topics, and of paths: the levels of a filter from the first up to some level.

use core::hash::Hasher as _;

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;

/// Hashes whose seeds all derive from one secret.
pub(crate) struct Hasher {
    seeds: SharedSeed,
    seed: u64,
    plus: u64,
    multi: u64,
    end: u64,
    factor: u64,
    /// Tests narrow the hashes to prove that collisions cost time only.
    #[cfg(test)]
    pub(crate) mask: u64,
}

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
            plus: derive(seed, 2),
            multi: derive(seed, 3),
            end: derive(seed, 4),
            // Odd: the factor is never zero.
            factor: derive(seed, 5) | 1,
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

    /// The path without a level.
    #[inline]
    pub(crate) fn root(&self) -> u64 {
        self.narrow(self.seed)
    }

    /// The path one step longer.
    #[inline]
    pub(crate) fn path(&self, path: u64, step: Step) -> u64 {
        let step = match step {
            Step::Literal(level) => level,
            Step::Plus => self.plus,
            Step::Multi => self.multi,
            Step::End => self.end,
        };
        self.narrow(fold(path ^ step, self.factor))
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

#[inline]
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

const fn derive(seed: u64, n: u64) -> u64 {
    // The odd constants of SplitMix64.
    let mixed = fold(seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15), 0xbf58_476d_1ce4_e5b9);
    fold(mixed ^ n, 0x94d0_49bb_1331_11eb)
}
