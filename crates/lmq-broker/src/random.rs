use alloc::{format, sync::Arc};

use chacha20::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// Everything random in a machine comes from the seed it was built with: production takes 32 fresh bytes of the operating system's
/// entropy for every machine, a test a fixed number.
#[derive(Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha8Rng::from_seed(seed))
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(crate) fn bytes16(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A client id nobody else has: `auto-` and 32 hexadecimal digits.
    pub(crate) fn client_id(&mut self) -> Arc<str> {
        format!("auto-{:032x}", u128::from_be_bytes(self.bytes16())).into()
    }
}
