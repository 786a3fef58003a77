use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of a token's tag: HMAC-SHA256 cut to 128 bits (RFC 2104 section 5 allows no less than half).
pub(super) const TAG_LEN: usize = 16;

/// What the key signs besides the token, so that no other use of the same secret can be turned into a token.
const DOMAIN: &[u8] = b"lmq token\0";

/// A key that makes and checks tokens, with the number that tokens name it by.
///
/// 32 to 64 secret bytes from a good random source. They are overwritten with zeros when the value is dropped; `Debug` shows the number only,
/// and there is no comparison.
///
/// **Attacker's view.** Whoever has it can make any token of any account. It never leaves the machines that mint or check.
#[derive(Clone)]
pub struct TokenKey {
    id: u32,
    secret: Zeroizing<[u8; Self::LEN_MAX]>,
    len: usize,
}

impl TokenKey {
    /// The fewest bytes of a key.
    pub const LEN_MIN: usize = 32;
    /// The most bytes of a key: one block of SHA-256, beyond which HMAC would only hash them.
    pub const LEN_MAX: usize = 64;

    /// The key number `id`. Two keys in use at the same time need two numbers.
    ///
    /// # Errors
    /// When `secret` has fewer than 32 or more than 64 bytes.
    pub fn new(id: u32, secret: &[u8]) -> Result<Self, TokenKeyError> {
        let len = secret.len();
        if !(Self::LEN_MIN..=Self::LEN_MAX).contains(&len) {
            return Err(TokenKeyError(Kind::Length { len }));
        }
        let mut bytes = Zeroizing::new([0; Self::LEN_MAX]);
        bytes[..len].copy_from_slice(secret);
        Ok(Self { id, secret: bytes, len })
    }

    /// The number that tokens name it by.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn tag(&self, body: &[u8]) -> Zeroizing<[u8; TAG_LEN]> {
        let secret = &self.secret[..self.len];
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
        mac.update(DOMAIN);
        mac.update(body);
        let whole: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
        let mut tag = Zeroizing::new([0; TAG_LEN]);
        tag.copy_from_slice(&whole[..TAG_LEN]);
        tag
    }

    pub(super) fn verify(&self, body: &[u8], tag: &[u8]) -> bool {
        self.tag(body).as_slice().ct_eq(tag).into()
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({}, ..)", self.id)
    }
}

/// Why a key cannot be used: its length, or its place among the others. The fault of who configured it. Never holds a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenKeyError(pub(super) Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Length { len: usize },
    Twice { id: u32 },
    TooMany,
}

impl fmt::Display for TokenKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Length { len } => {
                write!(f, "token key has {len} bytes; expected {} to {}", TokenKey::LEN_MIN, TokenKey::LEN_MAX)
            }
            Kind::Twice { id } => write!(f, "token key {id} stands there already; every key needs its own number"),
            Kind::TooMany => write!(f, "more than {} token keys", super::TokenAuthority::KEYS_MAX),
        }
    }
}

impl core::error::Error for TokenKeyError {}
