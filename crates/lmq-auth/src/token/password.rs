use core::fmt;

use lmq_id::Access;

/// The password of a `Token|..` user name: one to three tokens, each with its type.
///
/// `R|<token>`, `W|<token>` or `RW|<token>`, joined by the same `|`, in any order, each type once at most. A token itself is opaque
/// here and has no bar.
///
/// **Attacker's view.** A token is a bearer credential: who reads it has it. `Debug` shows which types are present, never a token, and
/// no error repeats a part of the password, and there is no `==`. Every token of a password has to be valid for the CONNECT to be; a reader that stops at
/// the first good one would let a forged one ride along.
#[derive(Clone, Copy)]
pub struct TokenPassword<'a> {
    tokens: [Option<&'a str>; Access::ALL.len()],
}

impl<'a> TokenPassword<'a> {
    /// Parses a password.
    ///
    /// # Errors
    /// When the password is not UTF-8, has an odd number of parts, a type other than `R`, `W` and `RW`, a type twice, or an empty token.
    pub fn parse(password: &'a [u8]) -> Result<Self, TokenPasswordError> {
        let text = core::str::from_utf8(password).map_err(|_| TokenPasswordError(Kind::NotUtf8))?;
        let mut tokens = [None; Access::ALL.len()];
        let mut parts = text.split('|');
        let mut at = 0;
        while let Some(kind) = parts.next() {
            at += 1;
            let access: Access = kind.parse().map_err(|_| TokenPasswordError(Kind::Type { at }))?;
            let token = parts.next().ok_or(TokenPasswordError(Kind::Odd { at }))?;
            at += 1;
            if token.is_empty() {
                return Err(TokenPasswordError(Kind::Empty { at }));
            }
            if tokens[access as usize].replace(token).is_some() {
                return Err(TokenPasswordError(Kind::Twice { access, at: at - 1 }));
            }
        }
        Ok(Self { tokens })
    }

    /// The token of one type.
    #[must_use]
    pub const fn token(&self, access: Access) -> Option<&'a str> {
        self.tokens[access as usize]
    }

    /// All tokens, in the order `R`, `W`, `RW`.
    pub fn iter(&self) -> impl Iterator<Item = (Access, &'a str)> + use<'a> {
        let tokens = self.tokens;
        Access::ALL.into_iter().filter_map(move |access| Some((access, tokens[access as usize]?)))
    }
}

impl fmt::Debug for TokenPassword<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types = self.iter().map(|(access, _)| (access, ..));
        f.debug_map().entries(types).finish()
    }
}

/// Why a password is not a [`TokenPassword`]. The peer's fault; positions count the parts between bars from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPasswordError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    NotUtf8,
    Type { at: usize },
    Odd { at: usize },
    Empty { at: usize },
    Twice { access: Access, at: usize },
}

impl fmt::Display for TokenPasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::NotUtf8 => f.write_str("token password is not UTF-8"),
            Kind::Type { at } => write!(f, "part {at} of the token password is not a type; expected R, W or RW"),
            Kind::Odd { at } => {
                write!(f, "token password ends with the type in part {at}; expected '|' and a token behind it")
            }
            Kind::Empty { at } => write!(f, "part {at} of the token password is an empty token"),
            Kind::Twice { access, at } => {
                write!(f, "part {at} of the token password is type {access} again; expected each type once")
            }
        }
    }
}

impl core::error::Error for TokenPasswordError {}
