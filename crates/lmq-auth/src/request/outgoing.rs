//! The side of an app server that calls the OpenAPI.
//!
//! **Attacker's view.** The nonce is the caller's to make: unpredictable is not needed, never twice is. Without TLS the parameters are open
//! to read, and a request that was stopped on its way can be delivered up to 15 minutes later.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::authorization::SCHEME;
use super::pairs::Names;
use super::{Pairs, PairsError, RequestParts, Timestamp, acs3, rpc};
use crate::SecretKey;

/// A call to be signed.
///
/// `Debug` shows the names of its parameters, not their values.
#[derive(Clone, Copy)]
pub struct OutgoingCall<'a> {
    /// The method it will be sent with: `GET` or `POST`.
    pub method: &'a str,
    /// For example `ApplyToken`.
    pub action: &'a str,
    /// For example `2020-04-20`.
    pub version: &'a str,
    /// Never the same twice within 30 minutes: 128 random bits in hexadecimal, say. At most 128 bytes.
    pub nonce: &'a str,
    /// Now, milliseconds since 1970.
    pub now_ms: u64,
    /// The parameters of the action.
    pub parameters: &'a [(&'a str, &'a str)],
}

impl OutgoingCall<'_> {
    /// Signs with RPC signature 1.0. All the pairs are to be sent, in the query or in a form, for an answer in JSON.
    ///
    /// # Errors
    /// The caller's fault: a parameter twice or one of the protocol's, or too many or too long.
    pub fn sign_rpc(&self, access_key_id: &str, key: &SecretKey) -> Result<Pairs, PairsError> {
        let time = Timestamp::from_unix_ms(self.now_ms).to_string();
        let mut all = Vec::from(self.parameters);
        all.extend([
            ("AccessKeyId", access_key_id),
            ("Action", self.action),
            ("Version", self.version),
            ("Format", "JSON"),
            ("Timestamp", &time),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureVersion", "1.0"),
            ("SignatureNonce", self.nonce),
        ]);
        let unsigned = Pairs::from_list(&all)?;
        let signature = rpc::signature(key, rpc::string_to_sign(self.method, &unsigned).as_str()).to_base64();
        unsigned.join(&Pairs::from_list(&[("Signature", &signature)])?)
    }

    /// Signs with ACS3-HMAC-SHA256 for a server called `host` (with its port, as in the header), parameters in the query, no body.
    ///
    /// # Errors
    /// The caller's fault: a parameter twice, or too many or too long.
    pub fn sign_acs3(&self, host: &str, access_key_id: &str, key: &SecretKey) -> Result<SignedHeaders, PairsError> {
        let query = Pairs::from_list(self.parameters)?;
        let body_hash = acs3::hex_sha256(b"");
        let time = Timestamp::from_unix_ms(self.now_ms).to_string();
        let headers = [
            ("accept", "application/json"),
            ("host", host),
            ("x-acs-action", self.action),
            ("x-acs-content-sha256", &body_hash),
            ("x-acs-date", &time),
            ("x-acs-signature-nonce", self.nonce),
            ("x-acs-version", self.version),
        ];
        let signed = headers.map(|(name, _)| name).join(";");
        let parts = RequestParts { method: self.method, path: "/", query: "", headers: &headers, body: b"" };
        let canonical = acs3::canonical_request(&parts, &query, &signed, &body_hash);
        let signature = acs3::signature(key, acs3::string_to_sign(&canonical).as_str());
        let credential = ["Credential=", access_key_id, ",SignedHeaders=", &signed, ",Signature=", &signature].concat();
        let headers = headers.map(|(name, value)| (name, String::from(value)));
        let authorization = ("authorization", [SCHEME, &credential].join(" "));
        Ok(SignedHeaders { query: query.to_encoded(), headers: headers.into_iter().chain([authorization]).collect() })
    }
}

impl fmt::Debug for OutgoingCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Names(self.parameters);
        f.debug_struct("OutgoingCall").field("action", &self.action).field("parameters", &names).finish_non_exhaustive()
    }
}

/// What an ACS3 request is sent with. `Debug` shows the names of the headers.
pub struct SignedHeaders {
    query: String,
    headers: Vec<(&'static str, String)>,
}

impl SignedHeaders {
    /// The query of the URL, without `?`; the path is `/`.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }

    /// The headers to send, `host` and `authorization` among them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl fmt::Debug for SignedHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.headers.iter().map(|(name, _)| name)).finish()
    }
}
