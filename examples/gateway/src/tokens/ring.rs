use lmq_auth::{TokenAuthority, TokenClaims, TokenKey};
use zeroize::Zeroizing;

use crate::error::Error;

/// Bytes of a key.
pub(super) const SECRET_LEN: usize = 32;

/// A key as it is stored.
#[derive(Clone)]
pub(super) struct StoredKey {
    /// Counted up from 1.
    pub(super) id: u32,
    /// When it was made, in milliseconds since 1970.
    pub(super) created_ms: u64,
    pub(super) secret: Zeroizing<[u8; SECRET_LEN]>,
}

/// The keys in use, by number; the last one mints.
#[derive(Clone)]
pub(super) struct Ring(Vec<StoredKey>);

impl Ring {
    /// `keys`: by number.
    pub(super) const fn new(keys: Vec<StoredKey>) -> Self {
        Self(keys)
    }

    pub(super) fn add(&mut self, key: StoredKey) {
        self.0.push(key);
    }

    /// Drops the keys that minted nothing for as long as a token may live; their numbers.
    pub(super) fn retire(&mut self, now_ms: u64) -> Vec<u32> {
        let mut gone = Vec::new();
        // A key minted until the next one was made.
        while let [first, second, ..] = &self.0[..]
            && second.created_ms.saturating_add(TokenClaims::LIFE_MS_MAX) < now_ms
        {
            gone.push(first.id);
            self.0.remove(0);
        }
        gone
    }

    /// A key that is the next in number, from the system's randomness.
    pub(super) fn next(&self, now_ms: u64) -> Result<StoredKey, Error> {
        let mut secret = Zeroizing::new([0; SECRET_LEN]);
        getrandom::fill(&mut *secret).map_err(|e| Error::new(format_args!("the system has no randomness: {e}")))?;
        let id = self.0.last().map_or(1, |key| key.id.wrapping_add(1));
        Ok(StoredKey { id, created_ms: now_ms, secret })
    }

    /// What mints with the last key and takes the tokens of all.
    pub(super) fn authority(&self) -> Result<TokenAuthority, Error> {
        let failed = |e| Error::new(format_args!("the keys of tokens are of no use: {e}"));
        let mut keys = self.0.iter().rev().map(|key| TokenKey::new(key.id, &*key.secret).map_err(failed));
        let newest = keys.next().ok_or_else(|| Error::new("there is no key for tokens"))??;
        let mut authority = TokenAuthority::new(newest);
        for key in keys {
            authority.accept(key?).map_err(failed)?;
        }
        Ok(authority)
    }

    pub(super) fn list(&self) -> impl Iterator<Item = (u32, u64)> {
        self.0.iter().map(|key| (key.id, key.created_ms))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) const fn is_full(&self) -> bool {
        self.0.len() >= TokenAuthority::KEYS_MAX
    }
}
