//! The tokens that a client holds: at most one of each type.

use lmq_auth::TokenTerm;
use lmq_id::Access;

use crate::{Instant, UnixMillis};

/// By type.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    held: [Option<Token>; 3],
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) term: TokenTerm,
    /// What happens to it next: its client is told that it is about to end, or it ends.
    pub(crate) next: Turn,
}

/// A moment in the life of a token, by both clocks: it has come when either says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) wall: UnixMillis,
    pub(crate) monotonic: Instant,
    pub(crate) ends: bool,
}

impl Tokens {
    /// Holds a token; returns the one of the same type that it takes the place of.
    pub(crate) fn put(&mut self, token: Token) -> Option<Token> {
        self.held[token.term.access as usize].replace(token)
    }

    pub(crate) fn token_mut(&mut self, access: Access) -> Option<&mut Token> {
        self.held[access as usize].as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Token> + Clone {
        self.held.iter().flatten()
    }

    /// The type to name when a right in one direction is missing: that of a token for the direction, or of any.
    pub(crate) fn blamed(&self, direction: fn(Access) -> bool) -> Option<Access> {
        let mut types = self.iter().map(|token| token.term.access);
        types.clone().find(|access| direction(*access)).or_else(|| types.next())
    }
}
