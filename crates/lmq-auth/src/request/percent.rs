//! Percent-encoding as the product signs it: RFC 3986 with upper-case digits, everything but the unreserved characters encoded.
//!
//! **Attacker's view.** One text has one encoding, so two spellings of a parameter cannot both carry a signature: what is signed is
//! always decoded and encoded again. Encoding makes three bytes of one at most; decoding never grows.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

/// The UTF-8 bytes of `text`, with all but `A-Z a-z 0-9 - _ . ~` as `%XX`: a space is `%20`, a star `%2A`.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(encoded_len(text));
    encode_into(text, &mut encoded);
    encoded
}

/// Reads `%XX` in either case and leaves everything else as it is; a plus stays a plus.
///
/// # Errors
/// The sender's fault: a `%` without two hexadecimal digits, or bytes that are not UTF-8.
pub fn percent_decode(text: &str) -> Result<String, PercentError> {
    let mut bytes = Zeroizing::new(alloc::vec::Vec::with_capacity(text.len()));
    decode_into(text, Plus::Itself, &mut bytes)?;
    core::str::from_utf8(&bytes).map(String::from).map_err(|_| PercentError(Kind::NotUtf8))
}

/// What a plus stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Plus {
    Itself,
    Space,
}

pub(super) fn encoded_len(text: &str) -> usize {
    text.bytes().map(|byte| if is_unreserved(byte) { 1 } else { 3 }).sum()
}

pub(super) fn encode_into(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if is_unreserved(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(hex_digit(byte >> 4));
            out.push(hex_digit(byte & 0xF));
        }
    }
}

pub(super) fn decode_into(text: &str, plus: Plus, out: &mut alloc::vec::Vec<u8>) -> Result<(), PercentError> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let digits = bytes.get(at + 1).zip(bytes.get(at + 2));
                let value = digits.and_then(|(&high, &low)| Some(hex_value(high)? << 4 | hex_value(low)?));
                out.push(value.ok_or(PercentError(Kind::Digits { at: at + 1 }))?);
                at += 2;
            }
            b'+' if plus == Plus::Space => out.push(b' '),
            other => out.push(other),
        }
        at += 1;
    }
    Ok(())
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

fn hex_digit(value: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(value & 0xF)])
}

const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Why a text is not percent-encoded UTF-8. Positions count bytes from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PercentError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Digits { at: usize },
    NotUtf8,
}

impl fmt::Display for PercentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Digits { at } => write!(f, "`%` at byte {at} is not followed by two hexadecimal digits"),
            Kind::NotUtf8 => f.write_str("decoded bytes are not UTF-8"),
        }
    }
}

impl core::error::Error for PercentError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn keeps_what_is_unreserved_and_nothing_else() {
        let ascii: String = (0..128).map(char::from).collect();
        let kept = percent_encode(&ascii).replace(char::is_control, "");
        for byte in 0..128_u8 {
            let encoded = percent_encode(&char::from(byte).to_string());
            let plain = char::from(byte).is_ascii_alphanumeric() || "-_.~".contains(char::from(byte));
            assert_eq!(encoded.len(), if plain { 1 } else { 3 }, "{byte}");
        }
        assert_eq!(percent_decode(&kept).unwrap(), ascii);
        assert_eq!(percent_encode("a b*/+设"), "a%20b%2A%2F%2B%E8%AE%BE");
    }

    #[test]
    fn decodes_both_cases_and_leaves_plus() {
        assert_eq!(percent_decode("%2f%2F+%e8%AE%bE").unwrap(), "//+设");
        let error = |text| percent_decode(text).unwrap_err().to_string();
        assert_eq!(error("ab%"), "`%` at byte 3 is not followed by two hexadecimal digits");
        assert_eq!(error("%4"), "`%` at byte 1 is not followed by two hexadecimal digits");
        assert_eq!(error("%+1"), "`%` at byte 1 is not followed by two hexadecimal digits");
        assert_eq!(error("%E8%AE"), "decoded bytes are not UTF-8");
    }
}
