//! The road of an OpenAPI request: read, verified, admitted.
//!
//! ```text
//! RequestParts --parse--> OpenApiRequest --verify(key)--> VerifiedRequest --admit(nonces)--> OpenApiCall
//!                          access_key_id()                                                     action, parameters
//! ```
//!
//! **Attacker's view.** Each step takes the last one's value, so none can be left out: parameters cannot be read before the signature has
//! been checked, nor a request be repeated, nor a nonce be remembered for somebody without a key. The time is checked before
//! the signature and tells the sender the server's time at most. `Debug` shows names, never values, nonces or signatures.

use alloc::boxed::Box;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::pairs::Names;
use super::{NonceWindow, OpenApiError, Pairs, ReplyFormat, StringToSign, Timestamp, acs3, authorization, rpc, signed};
use crate::SecretKey;

/// How far the time of a request may be from now, in either direction: 15 minutes.
pub(super) const WINDOW_MS: u64 = 15 * 60_000;

/// Name and value.
pub(super) type Header<'a> = (&'a str, &'a str);

/// An HTTP request as any library takes it apart.
///
/// `Debug` shows the method and the names of the headers.
#[derive(Clone, Copy)]
pub struct RequestParts<'a> {
    /// The method as sent: `GET`, `POST`.
    pub method: &'a str,
    /// The path as sent, without the query: `/`.
    pub path: &'a str,
    /// The query as sent, without `?`; empty if there is none.
    pub query: &'a str,
    /// All headers, names in any case. Those whose value is not text are to be left out, and not to be used by anyone.
    pub headers: &'a [(&'a str, &'a str)],
    /// The whole body, as long as the caller lets it be: with ACS3 it is hashed before anything is proved.
    pub body: &'a [u8],
}

impl fmt::Debug for RequestParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Names(self.headers);
        f.debug_struct("RequestParts").field("method", &self.method).field("headers", &names).finish_non_exhaustive()
    }
}

/// What both kinds of signature carry besides the parameters of the action.
pub(super) struct Common {
    pub(super) access_key: Box<str>,
    pub(super) action: Box<str>,
    pub(super) version: Box<str>,
    pub(super) nonce: Box<str>,
    pub(super) time: Timestamp,
    pub(super) format: Option<ReplyFormat>,
}

/// Which kind of signature it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Proof {
    Rpc,
    Acs3,
}

/// A request whose signature has not been checked yet: it tells whose key to look up.
pub struct OpenApiRequest {
    pub(super) common: Common,
    pub(super) parameters: Pairs,
    pub(super) string_to_sign: StringToSign,
    pub(super) proof: Proof,
    pub(super) signature: Zeroizing<Box<str>>,
}

impl OpenApiRequest {
    /// The most bytes of action, version, nonce and access key id each.
    pub const NAME_LEN_MAX: usize = 128;

    /// Reads a request at `now_ms`, milliseconds since 1970: ACS3 if the header `Authorization` says so, else RPC.
    ///
    /// A body is parameters if its type is `application/x-www-form-urlencoded`. Other bodies are not read, and with RPC not signed.
    /// At worst 3 MB of memory, for a query of 256 KiB of which each byte has to be encoded twice.
    ///
    /// # Errors
    /// The sender's fault, in this order: method, path, parameters that cannot be read, missing or invalid ones, time.
    pub fn parse(parts: &RequestParts<'_>, now_ms: u64) -> Result<Self, OpenApiError> {
        if !matches!(parts.method, "GET" | "POST") {
            return Err(OpenApiError::UnsupportedMethod);
        }
        if parts.path != "/" {
            return Err(OpenApiError::ApiNotFound);
        }
        match header(parts.headers, "authorization") {
            Some(value) if value.starts_with(authorization::SCHEME) => acs3::parse(parts, value, now_ms),
            Some(value) if value.starts_with("ACS3-") => Err(OpenApiError::SignatureMethod),
            _ => rpc::parse(parts, now_ms),
        }
    }

    /// Whose key to verify with: 1 to 128 bytes, no control characters.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.common.access_key
    }

    /// The form of the answer the sender asks for, errors included.
    #[must_use]
    pub const fn format(&self) -> Option<ReplyFormat> {
        self.common.format
    }

    /// The text that has to be signed.
    #[must_use]
    pub const fn string_to_sign(&self) -> &StringToSign {
        &self.string_to_sign
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`OpenApiError::SignatureDoesNotMatch`], and no other.
    pub fn verify(self, key: &SecretKey) -> Result<VerifiedRequest, OpenApiError> {
        let sent = self.signature.as_bytes();
        let matches = match self.proof {
            Proof::Rpc => rpc::signature(key, self.string_to_sign.as_str()).matches(sent),
            Proof::Acs3 => acs3::signature(key, self.string_to_sign.as_str()).as_bytes().ct_eq(sent).into(),
        };
        if matches {
            Ok(VerifiedRequest { common: self.common, parameters: self.parameters })
        } else {
            Err(OpenApiError::SignatureDoesNotMatch { string_to_sign: self.string_to_sign })
        }
    }
}

impl fmt::Debug for OpenApiRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenApiRequest")
            .field("access_key_id", &self.common.access_key)
            .field("proof", &self.proof)
            .finish_non_exhaustive()
    }
}

/// A request that was signed with the key, and may be a repetition.
pub struct VerifiedRequest {
    common: Common,
    parameters: Pairs,
}

impl VerifiedRequest {
    /// Lets the request through once, at `now_ms`, milliseconds since 1970.
    ///
    /// # Errors
    /// [`OpenApiError::NonceUsed`] for a repetition, [`OpenApiError::Throttled`] if there is no room to remember this one,
    /// [`OpenApiError::TimestampExpired`] if the request is too old by now.
    pub fn admit(self, nonces: &mut NonceWindow, now_ms: u64) -> Result<OpenApiCall, OpenApiError> {
        let Self { common, parameters } = self;
        nonces.admit(&common.access_key, &common.nonce, common.time, now_ms)?;
        let Common { access_key, action, version, format, .. } = common;
        Ok(OpenApiCall { access_key, action, version, format, parameters })
    }
}

impl fmt::Debug for VerifiedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedRequest").field("access_key_id", &self.common.access_key).finish_non_exhaustive()
    }
}

/// A call of the OpenAPI by the holder of a key, for the first time.
///
/// `Debug` shows the names of its parameters, not their values.
#[derive(Debug)]
pub struct OpenApiCall {
    access_key: Box<str>,
    action: Box<str>,
    version: Box<str>,
    format: Option<ReplyFormat>,
    parameters: Pairs,
}

impl OpenApiCall {
    /// Who calls.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key
    }

    /// What is called, for example `ApplyToken`; case-sensitive.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The version of the product, for example `2020-04-20`; it tells the product, too.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The form of the answer that is asked for.
    #[must_use]
    pub const fn format(&self) -> Option<ReplyFormat> {
        self.format
    }

    /// The parameters of the action, those of query and form together, without those of the protocol.
    #[must_use]
    pub const fn parameters(&self) -> &Pairs {
        &self.parameters
    }

    /// A parameter that the action cannot do without.
    ///
    /// # Errors
    /// [`OpenApiError::Missing`] if it is absent or empty.
    pub fn require(&self, name: &'static str) -> Result<&str, OpenApiError> {
        self.parameters.get(name).filter(|value| !value.is_empty()).ok_or(OpenApiError::Missing(name))
    }
}

pub(super) fn header<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a str> {
    headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

pub(super) fn is_form(headers: &[Header<'_>]) -> bool {
    let essence = header(headers, "content-type").and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// A name of the protocol: short, and fit for a log.
pub(super) fn limited(text: &str) -> Option<&str> {
    (text.len() <= OpenApiRequest::NAME_LEN_MAX && signed::is_access_key(text)).then_some(text)
}

pub(super) fn check_time(text: &str, now_ms: u64) -> Result<Timestamp, OpenApiError> {
    let time: Timestamp = text.parse().map_err(|_| OpenApiError::TimestampFormat)?;
    if time.is_within(WINDOW_MS, now_ms) { Ok(time) } else { Err(OpenApiError::TimestampExpired) }
}
