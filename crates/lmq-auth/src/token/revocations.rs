use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;

use super::{RevocationsFull, TokenId};

/// The ids of revoked tokens that have not expired.
///
/// Sets of several gateways are [`merge`](Self::merge)d: in any order, as often as you like, the result is the same. A set is saved as
/// [`to_bytes`](Self::to_bytes) and loaded with [`from_bytes`](Self::from_bytes); what is saved can be sent to other gateways as well.
///
/// **Attacker's view.** Only accounts with a key can revoke, and only tokens of their own. When the set is full, a revocation is refused
/// (code 410) and whoever asked knows; an older one is never given up for it, for that would bring a stolen token back to life. Ids
/// leave when their tokens expire, 30 days later at most.
///
/// At worst 150 bytes on the heap for each id of the limit: 15 MB for 100,000.
#[derive(Clone, Debug)]
pub struct Revocations {
    len_max: usize,
    expiries: BTreeMap<TokenId, u64>,
    by_expiry: BTreeSet<(u64, TokenId)>,
}

impl Revocations {
    /// An empty set that holds `len_max` ids at most.
    #[must_use]
    pub const fn new(len_max: usize) -> Self {
        Self { len_max, expiries: BTreeMap::new(), by_expiry: BTreeSet::new() }
    }

    /// Enters a token that expires at `expires`. An id that is in already, or has expired at `now`, changes nothing and is no error.
    /// Both times are milliseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// When the set is full of tokens that have not expired.
    pub fn revoke(&mut self, id: TokenId, expires: u64, now: u64) -> Result<(), RevocationsFull> {
        self.forget(now);
        if now >= expires || self.enter(id, expires) { Ok(()) } else { Err(RevocationsFull { refused: 1 }) }
    }

    /// Takes over the ids of `other` that have not expired at `now`, those that live longest first.
    ///
    /// # Errors
    /// When not all find room; the error says how many did not.
    pub fn merge(&mut self, other: &Self, now: u64) -> Result<(), RevocationsFull> {
        self.forget(now);
        let alive = other.by_expiry.iter().rev().take_while(|(expires, _)| *expires > now);
        let refused = alive.filter(|(expires, id)| !self.enter(*id, *expires)).count();
        if refused == 0 { Ok(()) } else { Err(RevocationsFull { refused }) }
    }

    /// Forgets the tokens that have expired at `now`; also done by [`revoke`](Self::revoke) and [`merge`](Self::merge).
    pub fn forget(&mut self, now: u64) {
        while let Some((expires, id)) = self.by_expiry.first().copied().filter(|(expires, _)| *expires <= now) {
            self.by_expiry.remove(&(expires, id));
            self.expiries.remove(&id);
        }
    }

    /// Whether a token was revoked.
    #[must_use]
    pub fn contains(&self, id: TokenId) -> bool {
        self.expiries.contains_key(&id)
    }

    /// How many ids are in, those of expired tokens included that were not forgotten yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.expiries.len()
    }

    /// Whether no id is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expiries.is_empty()
    }

    /// The ids and when their tokens expire, sorted by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (TokenId, u64)> {
        self.expiries.iter().map(|(id, expires)| (*id, *expires))
    }

    /// The set as bytes: `lmqr`, version 1, and 24 bytes for each id. Equal sets have equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD.len() + ENTRY_LEN * self.len());
        bytes.extend(HEAD);
        for (id, expires) in self.iter() {
            bytes.extend(id.to_bytes());
            bytes.extend(expires.to_be_bytes());
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, into a set that holds `len_max` ids at most.
    ///
    /// There is no check sum: whether the bytes are what was written is for the store to know.
    ///
    /// # Errors
    /// When the bytes are no such set, or hold more ids than `len_max`.
    pub fn from_bytes(bytes: &[u8], len_max: usize) -> Result<Self, SnapshotError> {
        let entries = bytes.strip_prefix(HEAD).ok_or(SnapshotError(Kind::Head))?;
        if entries.len() % ENTRY_LEN != 0 {
            return Err(SnapshotError(Kind::Cut));
        }
        if entries.len() / ENTRY_LEN > len_max {
            return Err(SnapshotError(Kind::TooMany { len_max }));
        }
        let mut set = Self::new(len_max);
        for (at, entry) in entries.chunks_exact(ENTRY_LEN).enumerate() {
            let (id, expires) = read_entry(entry).ok_or(SnapshotError(Kind::Cut))?;
            if set.expiries.last_key_value().is_some_and(|(last, _)| *last >= id) {
                return Err(SnapshotError(Kind::Order { at: at + 1 }));
            }
            set.enter(id, expires);
        }
        Ok(set)
    }

    /// Whether the id is in now. An id given with two times, which no authority does, keeps the later.
    fn enter(&mut self, id: TokenId, expires: u64) -> bool {
        match self.expiries.get(&id).copied() {
            Some(known) if known >= expires => return true,
            Some(known) => {
                self.by_expiry.remove(&(known, id));
            }
            None if self.len() >= self.len_max => return false,
            None => {}
        }
        self.expiries.insert(id, expires);
        self.by_expiry.insert((expires, id));
        true
    }
}

/// Sets are equal that hold the same ids; their limits may differ.
impl PartialEq for Revocations {
    fn eq(&self, other: &Self) -> bool {
        self.expiries == other.expiries
    }
}

impl Eq for Revocations {}

const HEAD: &[u8] = b"lmqr\x01";
const ENTRY_LEN: usize = TokenId::LEN + 8;

fn read_entry(entry: &[u8]) -> Option<(TokenId, u64)> {
    let (id, expires) = entry.split_first_chunk()?;
    Some((TokenId::new(*id), u64::from_be_bytes(expires.try_into().ok()?)))
}

/// Why bytes are not a saved [`Revocations`]. The store's fault, or the operator's where the limit was lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Head,
    Cut,
    TooMany { len_max: usize },
    Order { at: usize },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Head => f.write_str("not saved revocations of version 1"),
            Kind::Cut => f.write_str("saved revocations end within an entry"),
            Kind::TooMany { len_max } => write!(f, "saved revocations have more than {len_max} entries"),
            Kind::Order { at } => write!(f, "entry {at} of the saved revocations is out of order"),
        }
    }
}

impl core::error::Error for SnapshotError {}
