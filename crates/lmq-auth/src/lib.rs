#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

extern crate alloc;

mod mac;
mod permission;
pub mod request;
mod secret;
mod signature;
mod token;
mod username;

pub use mac::{mac_signature, publish_signature, sub_signature};
pub use permission::{Denial, Permissions, ResourceError};
pub use secret::{SecretKey, SecretKeyError};
pub use signature::{BadSignature, Edition, Signature};
pub use token::{TokenId, TokenPassword, TokenPasswordError, TokenTerm};
pub use username::{Scheme, Username, UsernameError};
