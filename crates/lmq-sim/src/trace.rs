//! What happened, as one number, and as lines for who asks.

use crate::rng::mix;

/// Two runs that did the same have the same hash.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    printed: bool,
}

impl Trace {
    pub(crate) const fn new(printed: bool) -> Self {
        Self { hash: 0x6c6d_712d_7369_6d21, printed }
    }

    pub(crate) fn number(&mut self, value: u64) {
        self.hash = mix(self.hash ^ value).wrapping_add(value);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.number(u64::from_le_bytes(word));
        }
        self.number(bytes.len() as u64);
    }

    /// A line for the reader; it costs nothing where nobody reads.
    pub(crate) fn say(&self, at: u64, line: impl FnOnce() -> String) {
        if self.printed {
            println!("{:>12.6} {}", at as f64 / 1e6, line());
        }
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }
}
