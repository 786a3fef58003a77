use core::fmt;

use lmq_id::Access;

/// Names one token, for revocation and for logs. Not a secret: it proves nothing and opens nothing.
///
/// 16 bytes that the issuer draws at random, so that ids never meet by chance (2^64 tokens until one pair is likely).
/// `Display` and `Debug` write 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; Self::LEN]);

impl TokenId {
    /// Bytes of an id.
    pub const LEN: usize = 16;

    /// The id with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        self.0
    }
}

impl From<[u8; TokenId::LEN]> for TokenId {
    fn from(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({self})")
    }
}

/// A token that a connection holds, without what it grants: as much as is needed to let it expire, replace it or revoke it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenTerm {
    /// Which token.
    pub id: TokenId,
    /// The type the client gave it with: a connection holds at most one of each, and a later one replaces it.
    pub access: Access,
    /// From when on it is worth nothing: wall clock, milliseconds since 1970-01-01T00:00:00Z.
    pub expires: u64,
}

impl TokenTerm {
    /// Whether the token is worth nothing at `now`, in milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn is_expired(&self, now: u64) -> bool {
        now >= self.expires
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn an_id_is_written_as_digits() {
        let id = TokenId::new([0, 1, 0x0a, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10]);
        assert_eq!(
            format!("{id} {id:?}"),
            "00010aff000000000000000000000010 TokenId(00010aff000000000000000000000010)"
        );
        assert_eq!(TokenId::from(id.to_bytes()), id);
    }

    #[test]
    fn a_token_is_worth_nothing_from_its_last_millisecond_on() {
        let term = TokenTerm { id: TokenId::new([7; 16]), access: Access::Read, expires: 100 };
        assert_eq!([99, 100, 101].map(|now| term.is_expired(now)), [false, true, true]);
    }
}
