//! The helpers of the product's `MacSignature` class, under their own names.
//!
//! **Attacker's view.** These make signatures, they check none; what they return is a password. `sub_signature` covers the topics a
//! client says it will subscribe to, which a server does not know at CONNECT: it cannot be verified there.

use alloc::string::String;
use alloc::vec::Vec;

use lmq_id::ClientIdRef;

use crate::{SecretKey, Signature};

/// `macSignature(text, secret)`: Base64(HMAC-SHA1(`key`, `text`)) of any text.
///
/// ```
/// let key = "XXXXX".parse()?;
/// assert_eq!(lmq_auth::mac_signature("GID_XXX", &key), "g7qXL0zbZBmBi5pAGzh0pSMIQQU=");
/// # Ok::<(), lmq_auth::SecretKeyError>(())
/// ```
#[must_use]
pub fn mac_signature(text: &str, key: &SecretKey) -> String {
    Signature::of_text(key, text).to_base64()
}

/// `publishSignature(clientId, secret)` of 2015: signs the whole client id.
#[must_use]
pub fn publish_signature<'a>(client: impl Into<ClientIdRef<'a>>, key: &SecretKey) -> String {
    Signature::sign(key, client).to_base64()
}

/// `subSignature(topics, clientId, secret)` of 2015: signs the sorted topics, each with a line feed behind it, then the client id.
///
/// Sorts as the original does, by UTF-16 code units; duplicates are kept. One topic is a list of one.
#[must_use]
pub fn sub_signature<'a>(topics: &[&str], client: impl Into<ClientIdRef<'a>>, key: &SecretKey) -> String {
    let client = client.into();
    let mut sorted: Vec<&str> = topics.to_vec();
    sorted.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
    let parts = sorted.into_iter().flat_map(|topic| [topic, "\n"]);
    Signature::of_parts(key, parts.chain([client.as_str()])).to_base64()
}
