//! The one source of chance.

use std::sync::Arc;

/// SplitMix64: small, fast, and the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Rng {
    state: u64,
    /// Bytes that bend the draws, one after the other, for a fuzzer to try; most sources have none.
    tape: Arc<[u8]>,
    at: usize,
}

impl Rng {
    /// A source of its own for one purpose, so that draws for another do not shift it.
    pub(crate) fn fork(seed: u64, purpose: u64) -> Self {
        let state = seed ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93);
        let mut rng = Self { state, tape: Arc::default(), at: 0 };
        rng.next();
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bent = self.tape.get(self.at).copied().unwrap_or(0);
        self.at = self.at.saturating_add(1);
        mix(self.state) ^ u64::from(bent)
    }

    /// The same with these bytes from now on.
    pub(crate) fn following(self, tape: &[u8]) -> Self {
        Self { tape: tape.into(), at: 0, ..self }
    }

    /// 0 to `bound - 1`; 0 where the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// `low` to `high`, both included.
    pub(crate) fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    pub(crate) fn per_mille(&mut self, rate: u32) -> bool {
        rate > 0 && self.below(1000) < u64::from(rate)
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    pub(crate) fn bytes32(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.next().to_le_bytes()));
        bytes
    }
}

pub(crate) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
