#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

extern crate alloc;

mod credentials;
mod custom;
pub mod keeper;
mod mac;
mod permission;
pub mod request;
mod secret;
mod signature;
mod token;
mod username;

pub use credentials::{Bare, Credentials, CredentialsError, Holder, Proof, Signed, TokenHolder};
pub use custom::{
    BlackList, BlackListFull, CustomIdentity, CustomNameError, CustomPermission, Effect, IdentityType, PermitAction,
    SignMode, WordError,
};
pub use mac::{mac_signature, publish_signature, sub_signature};
pub use permission::{Denial, Permissions, ResourceError};
pub use secret::{SecretKey, SecretKeyError};
pub use signature::{BadSignature, Edition, Signature};
pub use token::{
    MintError, Revocations, RevocationsFull, RevokeError, SnapshotError, Token, TokenAuthority, TokenClaims, TokenCode,
    TokenId, TokenKey, TokenKeyError, TokenPassword, TokenPasswordError, TokenRequest, TokenRights, TokenTerm,
    TokenTextError,
};
pub use username::{Scheme, Username, UsernameError};
