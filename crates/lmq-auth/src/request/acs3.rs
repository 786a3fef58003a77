//! ACS3-HMAC-SHA256: HMAC-SHA256 over method, path, query, chosen headers and the hash of the body.
//!
//! **Attacker's view.** The sender says which headers are signed, so the verifier says which have to be: `host` (else a request could be
//! carried to another server that knows the key), every `x-acs-*` header that is present, among them the action, version, time, nonce
//! and body hash (else an attacker drops `x-acs-action` from the list and asks for something else), and `content-type` where present,
//! because it decides whether the body is read as parameters. A signed header has to be there exactly once. The hash that is signed
//! is that of the body received; the header has to agree with it.

use alloc::string::String;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::authorization::{Authorization, SCHEME};
use super::openapi::{Common, Header, OpenApiRequest, Proof, check_time, header, is_form, limited};
use super::{OpenApiError, Pairs, ReplyFormat, RequestParts, StringToSign};
use crate::SecretKey;

/// Headers that have to be there and signed, and the parameters they stand for.
const REQUIRED: [(&str, &str); 6] = [
    ("host", "Host"),
    ("x-acs-action", "Action"),
    ("x-acs-version", "Version"),
    ("x-acs-date", "Timestamp"),
    ("x-acs-signature-nonce", "SignatureNonce"),
    ("x-acs-content-sha256", "ContentSha256"),
];

pub(super) fn parse(
    parts: &RequestParts<'_>,
    authorization: &str,
    now_ms: u64,
) -> Result<OpenApiRequest, OpenApiError> {
    let authorization = Authorization::parse(authorization)?;
    check_signed(parts.headers, authorization)?;
    let query = Pairs::parse(parts.query)?;
    let body_hash = hex_sha256(parts.body);
    if required(parts, "x-acs-content-sha256", "ContentSha256")? != body_hash {
        return Err(OpenApiError::Invalid("ContentSha256"));
    }
    let canonical = canonical_request(parts, &query, authorization.signed_headers, &body_hash);
    let parameters = if is_form(parts.headers) { query.join(&Pairs::parse_body(parts.body)?)? } else { query };
    Ok(OpenApiRequest {
        common: common(parts, authorization.credential, now_ms)?,
        parameters,
        string_to_sign: string_to_sign(&canonical),
        proof: Proof::Acs3,
        signature: Zeroizing::new(authorization.signature.into()),
    })
}

fn common(parts: &RequestParts<'_>, credential: &str, now_ms: u64) -> Result<Common, OpenApiError> {
    let short = |name, parameter| {
        limited(required(parts, name, parameter)?).ok_or(OpenApiError::Invalid(parameter)).map(Into::into)
    };
    Ok(Common {
        access_key: limited(credential).ok_or(OpenApiError::Invalid("AccessKeyId"))?.into(),
        action: short("x-acs-action", "Action")?,
        version: short("x-acs-version", "Version")?,
        nonce: short("x-acs-signature-nonce", "SignatureNonce")?,
        time: check_time(required(parts, "x-acs-date", "Timestamp")?, now_ms)?,
        format: header(parts.headers, "accept").and_then(ReplyFormat::accepted),
    })
}

fn required<'a>(parts: &RequestParts<'a>, name: &str, parameter: &'static str) -> Result<&'a str, OpenApiError> {
    header(parts.headers, name).map(str::trim).filter(|value| !value.is_empty()).ok_or(OpenApiError::Missing(parameter))
}

/// Refuses a list of signed headers that leaves out what it must not, or names what is not there once.
fn check_signed(headers: &[Header<'_>], authorization: Authorization<'_>) -> Result<(), OpenApiError> {
    for (name, parameter) in REQUIRED {
        if header(headers, name).is_none() {
            return Err(OpenApiError::Missing(parameter));
        }
        if !authorization.signs(name) {
            return Err(OpenApiError::IncompleteSignature);
        }
    }
    let unsigned =
        headers.iter().any(|(name, _)| must_be_signed(name) && !authorization.signs(&name.to_ascii_lowercase()));
    let ambiguous = authorization.names().any(|name| {
        let mut values = headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        values.next().is_none_or(|(_, value)| value.contains(char::is_control)) || values.next().is_some()
    });
    if unsigned || ambiguous { Err(OpenApiError::IncompleteSignature) } else { Ok(()) }
}

fn must_be_signed(name: &str) -> bool {
    name.eq_ignore_ascii_case("content-type") || name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-acs-"))
}

pub(super) fn canonical_request(
    parts: &RequestParts<'_>,
    query: &Pairs,
    signed_headers: &str,
    body_hash: &str,
) -> Zeroizing<String> {
    let query = query.to_sorted_query();
    let headers = || signed_headers.split(';').map(|name| (name, header(parts.headers, name).unwrap_or("").trim()));
    let fixed = parts.method.len() + parts.path.len() + query.len() + signed_headers.len() + body_hash.len() + 5;
    let len = fixed + headers().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>();
    let mut text = Zeroizing::new(String::with_capacity(len));
    for line in [parts.method, parts.path, query.as_str()] {
        text.push_str(line);
        text.push('\n');
    }
    for (name, value) in headers() {
        for part in [name, ":", value, "\n"] {
            text.push_str(part);
        }
    }
    for part in ["\n", signed_headers, "\n", body_hash] {
        text.push_str(part);
    }
    debug_assert_eq!(text.len(), len, "no copy is left behind");
    text
}

pub(super) fn string_to_sign(canonical_request: &str) -> StringToSign {
    let mut text = String::from(SCHEME);
    text.push('\n');
    text.push_str(&hex_sha256(canonical_request.as_bytes()));
    StringToSign::new(Zeroizing::new(text))
}

pub(super) fn signature(key: &SecretKey, string_to_sign: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes a key of any length");
    mac.update(string_to_sign.as_bytes());
    hex(&mac.finalize().into_bytes())
}

pub(super) fn hex_sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 0xF)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
