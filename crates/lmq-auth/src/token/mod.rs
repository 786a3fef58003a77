//! Tokens: short-lived rights that an account hands to its own users.

mod password;
mod term;

pub use password::{TokenPassword, TokenPasswordError};
pub use term::{TokenId, TokenTerm};
