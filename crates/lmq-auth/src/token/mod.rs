//! Tokens: short-lived rights that an account hands to its own users.
//!
//! **Attacker's view.** A token is a bearer credential. It is shown by no `Debug` and no error, compared in constant time, and wiped
//! where it is owned. What it says is read only after its tag was found right.

mod authority;
mod claims;
mod error;
mod key;
mod password;
mod revocations;
mod term;
mod text;
mod wire;

pub use authority::{TokenAuthority, TokenRights};
pub use claims::{TokenClaims, TokenRequest};
pub use error::{MintError, RevocationsFull, RevokeError, TokenCode};
pub use key::{TokenKey, TokenKeyError};
pub use password::{TokenPassword, TokenPasswordError};
pub use revocations::{Revocations, SnapshotError};
pub use term::{TokenId, TokenTerm};
pub use text::{Token, TokenTextError};
