//! What the four requests with a `signature` parameter have in common.
//!
//! **Attacker's view.** A parsed request shows its access key and nothing else until it is verified, so that unverified content cannot be
//! used by mistake. Both texts are signed and compared whatever the first says. Nothing tells which of them was close.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::canonical::{ListOrder, parameter_text};
use super::{Pairs, RequestError};
use crate::{SecretKey, Signature};

/// The most characters of an access key id.
const ACCESS_KEY_LEN_MAX: usize = 128;
/// The most bytes of a signature that is looked at; a right one has 28.
const SIGNATURE_LEN_MAX: usize = 64;

/// A request whose signature has not been checked yet.
///
/// `Debug` shows the access key only.
pub struct SignedRequest<T> {
    request: T,
    access_key: Box<str>,
    signature: Zeroizing<Box<str>>,
    sorted: Zeroizing<String>,
    as_sent: Zeroizing<String>,
}

impl<T> SignedRequest<T> {
    pub(super) fn new(request: T, pairs: &Pairs, signed: &[&'static str]) -> Result<Self, RequestError> {
        let access_key = access_key(pairs)?.into();
        let signature = required(pairs, "signature")?;
        if signature.len() > SIGNATURE_LEN_MAX {
            return Err(RequestError::Signature);
        }
        let values: Vec<(&str, &str)> = signed.iter().filter_map(|name| Some((*name, pairs.get(name)?))).collect();
        Ok(Self {
            request,
            access_key,
            signature: Zeroizing::new(signature.into()),
            sorted: Zeroizing::new(parameter_text(&values, ListOrder::Sorted)),
            as_sent: Zeroizing::new(parameter_text(&values, ListOrder::AsSent)),
        })
    }

    /// Whose key to verify with; 1 to 128 characters, no control characters.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Checks the signature, over the text with sorted lists or the text as sent, and gives the request out.
    ///
    /// # Errors
    /// [`RequestError::Signature`], and no other.
    pub fn verify(self, key: &SecretKey) -> Result<T, RequestError> {
        let sorted = Signature::of_text(key, &self.sorted).compare(self.signature.as_bytes());
        let as_sent = Signature::of_text(key, &self.as_sent).compare(self.signature.as_bytes());
        if bool::from(sorted | as_sent) { Ok(self.request) } else { Err(RequestError::Signature) }
    }
}

impl<T> fmt::Debug for SignedRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

pub(super) fn required<'a>(pairs: &'a Pairs, name: &'static str) -> Result<&'a str, RequestError> {
    pairs.get(name).filter(|value| !value.is_empty()).ok_or(RequestError::Missing(name))
}

/// An epoch time in milliseconds: digits only.
pub(super) fn millis(pairs: &Pairs, name: &'static str) -> Result<u64, RequestError> {
    let text = required(pairs, name)?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(RequestError::Invalid(name))
}

fn access_key(pairs: &Pairs) -> Result<&str, RequestError> {
    let text = required(pairs, "accessKey")?;
    if is_access_key(text) { Ok(text) } else { Err(RequestError::Invalid("accessKey")) }
}

pub(super) fn is_access_key(text: &str) -> bool {
    let len = text.chars().take(ACCESS_KEY_LEN_MAX + 1).count();
    (1..=ACCESS_KEY_LEN_MAX).contains(&len) && !text.contains(char::is_control)
}

/// The parameters as they travel: those signed, those not, and the signature.
pub(super) fn sign(
    key: &SecretKey,
    signed: Vec<(&'static str, String)>,
    unsigned: &[(&'static str, &str)],
) -> Vec<(&'static str, String)> {
    let values: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let text = Zeroizing::new(parameter_text(&values, ListOrder::Sorted));
    let signature = Signature::of_text(key, &text).to_base64();
    let unsigned = unsigned.iter().map(|(name, value)| (*name, String::from(*value)));
    signed.into_iter().chain(unsigned).chain([("signature", signature)]).collect()
}
