//! `/token/revoke` and `/token/query`.
//!
//! **Attacker's view.** Both sign the same text, the token alone: who saw a query can revoke that token. A token is a bearer credential, so
//! it is in no `Debug`, and is overwritten with zeros when dropped.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::signed::{self, required};
use super::{Pairs, RequestError, SignedRequest};
use crate::SecretKey;

macro_rules! token_use {
    ($name:ident, $path:literal, $what:literal) => {
        #[doc = concat!($what, ": `POST ", $path, "` of the token server.")]
        #[derive(Clone)]
        pub struct $name(Zeroizing<Box<str>>);

        impl $name {
            /// The most bytes of a token.
            pub const TOKEN_LEN_MAX: usize = TOKEN_LEN_MAX;

            /// A request about `token`.
            ///
            /// # Errors
            /// The caller's fault: an empty token or one of more than 36 KiB.
            pub fn new(token: &str) -> Result<Self, RequestError> {
                check(token).map(|token| Self(Zeroizing::new(token.into())))
            }

            /// Reads a request.
            ///
            /// # Errors
            /// The sender's fault, by the name of the parameter; [`RequestError::Signature`] if the signature is too long to be one.
            pub fn parse(pairs: &Pairs) -> Result<SignedRequest<Self>, RequestError> {
                SignedRequest::new(Self::new(required(pairs, "token")?)?, pairs, &["token"])
            }

            /// The parameters to send, as a form or a query, with their signature.
            #[must_use]
            pub fn sign(&self, access_key: &str, key: &SecretKey) -> Vec<(&'static str, String)> {
                signed::sign(key, Vec::from([("token", String::from(self.token()))]), &[("accessKey", access_key)])
            }

            /// The token it is about, unchecked.
            #[must_use]
            pub fn token(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

token_use!(TokenRevoke, "/token/revoke", "Ends a token before its time");
token_use!(TokenQuery, "/token/query", "Asks whether a token is valid");

/// A token holds at most 100 resources of 256 bytes: 34 KB as Base64 at the very worst, and far less in practice.
const TOKEN_LEN_MAX: usize = 36 * 1024;

fn check(token: &str) -> Result<&str, RequestError> {
    match token.len() {
        0 => Err(RequestError::Missing("token")),
        len if len > TOKEN_LEN_MAX => Err(RequestError::Invalid("token")),
        _ => Ok(token),
    }
}
