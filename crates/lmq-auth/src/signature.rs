use alloc::string::String;
use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use lmq_id::ClientIdRef;
use sha1::Sha1;
use subtle::{Choice, ConstantTimeEq};

use crate::SecretKey;

/// Which text a signature was made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edition {
    /// The group id: the edition of 2018, user names without a bar.
    GroupId,
    /// The whole client id: `Signature|..` and `DeviceCredential|..` since 2019, and `publishSignature` of 2015.
    ClientId,
}

/// The signature that a client sends as its password, in both editions of the product.
///
/// A signature is `Base64(HMAC-SHA1(secret key, text))`: 20 bytes, 28 characters of the standard alphabet with padding. The
/// edition of 2018 signs the group id, so that one password fits every device of the group; from 2019 on the whole client id is
/// signed. Which one a client means is read from the shape of its user name, see [`Scheme`](crate::Scheme).
///
/// **Attacker's view.** The password is a constant: who has seen it once (no TLS, a log, a memory dump) can connect as that client
/// until the key is revoked, and in the legacy edition as every device of the group. Hence no type here shows a signature in its
/// `Debug`. Guessing gains nothing from timing: candidate and truth are compared as text in constant time, all 28 characters
/// whatever the first difference, and the legacy check always computes and compares both texts. Comparing the text, not the
/// decoded bytes, leaves a password exactly one spelling. SHA-1's collisions do not carry over to HMAC; the product fixes it anyway.
/// Whether an access key exists is the caller's to hide: verify against a dummy key when the lookup fails.
#[derive(Clone)]
pub struct Signature([u8; Self::LEN]);

impl Signature {
    /// Bytes of the raw signature.
    pub const LEN: usize = 20;
    /// Characters of the signature as Base64 with padding.
    pub const TEXT_LEN: usize = 28;

    /// Signs any text: the primitive behind all the others.
    #[must_use]
    pub fn of_text(key: &SecretKey, text: &str) -> Self {
        Self::of_parts(key, [text])
    }

    /// Signs the whole client id: the password for `Signature|<access key>|<instance>`.
    #[must_use]
    pub fn sign<'a>(key: &SecretKey, client: impl Into<ClientIdRef<'a>>) -> Self {
        Self::of_text(key, client.into().as_str())
    }

    /// Signs the group id only: the password for a bare access key, edition of 2018.
    #[must_use]
    pub fn sign_legacy<'a>(key: &SecretKey, client: impl Into<ClientIdRef<'a>>) -> Self {
        Self::of_text(key, client.into().group())
    }

    pub(crate) fn of_parts<'a>(key: &SecretKey, parts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::with_key_bytes(key.expose().as_bytes(), parts)
    }

    pub(crate) fn with_key_bytes<'a>(key: &[u8], parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(part.as_bytes());
        }
        Self(mac.finalize().into_bytes().into())
    }

    /// The signature as Base64: what goes into the password field.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Whether `password` is this signature, compared in constant time.
    #[must_use]
    pub fn matches(&self, password: &[u8]) -> bool {
        self.compare(password).into()
    }

    pub(crate) fn compare(&self, password: &[u8]) -> Choice {
        let mut text = [0; Self::TEXT_LEN];
        let encoded = STANDARD.encode_slice(self.0, &mut text);
        debug_assert_eq!(encoded, Ok(Self::TEXT_LEN));
        text.as_slice().ct_eq(password)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

/// The password is not the signature that user name, client id and key call for. The peer's fault, or the wrong key was looked up.
///
/// Nothing tells how close it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature(());

impl BadSignature {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "password is not the signature; expected Base64(HMAC-SHA1(secret key, text)) of the text that the user name's shape calls for",
        )
    }
}

impl core::error::Error for BadSignature {}
