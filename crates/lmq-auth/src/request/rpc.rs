//! RPC signature 1.0: HMAC-SHA1 over the method and all parameters, those of the query and those of the form.
//!
//! **Attacker's view.** Where a parameter stands is not signed, and moving it from the query to the body changes nothing, because both are
//! one set here and a parameter in both is an error. Headers and path are not signed: no header decides anything, and the path
//! has to be `/`. Method and every parameter but `Signature` are. The key ends in `&`, so none of these signatures is one of CONNECT.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::openapi::{Common, OpenApiRequest, Proof, check_time, is_form, limited};
use super::{OpenApiError, Pairs, ReplyFormat, RequestParts, StringToSign, percent};
use crate::{SecretKey, Signature};

/// Parameters of the protocol, not of the action.
const COMMON: [&str; 11] = [
    "AccessKeyId",
    "Action",
    "Version",
    "Format",
    "Timestamp",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureNonce",
    "SignatureType",
    "SecurityToken",
    "Signature",
];

pub(super) fn parse(parts: &RequestParts<'_>, now_ms: u64) -> Result<OpenApiRequest, OpenApiError> {
    let mut parameters = Pairs::parse(parts.query)?;
    if is_form(parts.headers) {
        parameters = parameters.join(&Pairs::parse_body(parts.body)?)?;
    }
    let common = common(&parameters, now_ms)?;
    let signature = limited(required(&parameters, "Signature")?).ok_or(OpenApiError::Invalid("Signature"))?.into();
    parameters.retain(|name| name != "Signature");
    let string_to_sign = string_to_sign(parts.method, &parameters);
    parameters.retain(|name| !COMMON.contains(&name));
    Ok(OpenApiRequest { common, parameters, string_to_sign, proof: Proof::Rpc, signature: Zeroizing::new(signature) })
}

fn common(parameters: &Pairs, now_ms: u64) -> Result<Common, OpenApiError> {
    if required(parameters, "SignatureMethod")? != "HMAC-SHA1" {
        return Err(OpenApiError::SignatureMethod);
    }
    if required(parameters, "SignatureVersion")? != "1.0" {
        return Err(OpenApiError::Invalid("SignatureVersion"));
    }
    let short = |name| limited(required(parameters, name)?).ok_or(OpenApiError::Invalid(name));
    let format = parameters.get("Format").filter(|text| !text.is_empty());
    let format = format.map(|text| ReplyFormat::parse(text).ok_or(OpenApiError::Invalid("Format"))).transpose()?;
    Ok(Common {
        access_key: short("AccessKeyId")?.into(),
        action: short("Action")?.into(),
        version: short("Version")?.into(),
        nonce: short("SignatureNonce")?.into(),
        time: check_time(required(parameters, "Timestamp")?, now_ms)?,
        format,
    })
}

fn required<'a>(parameters: &'a Pairs, name: &'static str) -> Result<&'a str, OpenApiError> {
    parameters.get(name).filter(|value| !value.is_empty()).ok_or(OpenApiError::Missing(name))
}

/// `METHOD&%2F&` and the sorted query, encoded once more.
pub(super) fn string_to_sign(method: &str, parameters: &Pairs) -> StringToSign {
    let query = parameters.to_sorted_query();
    let mut text = Zeroizing::new(String::with_capacity(method.len() + 5 + percent::encoded_len(&query)));
    text.push_str(method);
    text.push_str("&%2F&");
    percent::encode_into(&query, &mut text);
    StringToSign::new(text)
}

pub(super) fn signature(key: &SecretKey, string_to_sign: &str) -> Signature {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SecretKey::LEN_MAX + 1));
    bytes.extend_from_slice(key.expose().as_bytes());
    bytes.push(b'&');
    Signature::with_key_bytes(&bytes, [string_to_sign])
}
