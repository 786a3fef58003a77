//! The parameters of a query string or a form, in number and bytes bounded.
//!
//! **Attacker's view.** A parameter given twice is where two readers of a request disagree; here it is an error, also when one stands in
//! the query and one in the body. Limits are checked before anything is reserved. Values may be secrets (a token, the secret of
//! an identity): `Debug` shows keys only, and the text is overwritten with zeros when dropped.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::percent::{self, Plus};

/// Parameters as key and value, decoded, in the order sent, each key once.
///
/// At most [`COUNT_MAX`](Self::COUNT_MAX) pairs and [`BYTES_MAX`](Self::BYTES_MAX) bytes of encoded text: 270 KB of memory at
/// worst, and as much again while parsing.
#[derive(Clone, Default)]
pub struct Pairs {
    text: Zeroizing<String>,
    spans: Vec<Span>,
}

/// Where one pair lies in the text: the key before `middle`, the value behind it.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    middle: usize,
    end: usize,
}

impl Pairs {
    /// The most pairs. The largest call of the product has some 30.
    pub const COUNT_MAX: usize = 128;
    /// The most bytes, before decoding in a query or form, else of keys and values: a payload of 64 KiB, percent-encoded, fits.
    pub const BYTES_MAX: usize = 256 * 1024;

    /// Parses `application/x-www-form-urlencoded`: the query of a URL without its `?`, or the body of a form.
    ///
    /// Plus is a space, a pair without `=` has an empty value, empty pairs are skipped.
    ///
    /// # Errors
    /// The sender's fault: see [`PairsError`].
    pub fn parse(encoded: &str) -> Result<Self, PairsError> {
        let mut pairs = Self::with_room(encoded.len())?;
        let mut scratch = Zeroizing::new(Vec::with_capacity(encoded.len()));
        for (at, pair) in encoded.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            let at = at + 1;
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            scratch.clear();
            percent::decode_into(key, Plus::Space, &mut scratch).map_err(|_| PairsError(Kind::Percent { at }))?;
            let middle = scratch.len();
            percent::decode_into(value, Plus::Space, &mut scratch).map_err(|_| PairsError(Kind::Percent { at }))?;
            let key = core::str::from_utf8(&scratch[..middle]).map_err(|_| PairsError(Kind::NotUtf8 { at }))?;
            let value = core::str::from_utf8(&scratch[middle..]).map_err(|_| PairsError(Kind::NotUtf8 { at }))?;
            pairs.push(key, value)?;
        }
        Ok(pairs)
    }

    /// [`parse`](Self::parse) of a body.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_body(body: &[u8]) -> Result<Self, PairsError> {
        // Raw bytes outside ASCII are no form; the limit comes first, so that no long body is looked through.
        if body.len() > Self::BYTES_MAX {
            return Err(PairsError(Kind::TooLong { len: body.len() }));
        }
        Self::parse(core::str::from_utf8(body).map_err(|_| PairsError(Kind::NotUtf8 { at: 1 }))?)
    }

    /// Takes decoded pairs: what a reader of `multipart/form-data` found.
    ///
    /// # Errors
    /// The sender's fault: an empty key, a key twice, too many or too long.
    pub fn from_list(list: &[(&str, &str)]) -> Result<Self, PairsError> {
        let mut pairs = Self::with_room(list.iter().map(|(key, value)| key.len() + value.len()).sum())?;
        for (key, value) in list {
            pairs.push(key, value)?;
        }
        Ok(pairs)
    }

    /// These pairs and the `others`: a query and a form that are one request.
    ///
    /// # Errors
    /// The sender's fault: a key in both, or together too many or too long.
    pub fn join(&self, others: &Self) -> Result<Self, PairsError> {
        let mut pairs = Self::with_room(self.text.len() + others.text.len())?;
        for (key, value) in self.iter().chain(others.iter()) {
            pairs.push(key, value)?;
        }
        Ok(pairs)
    }

    fn with_room(len: usize) -> Result<Self, PairsError> {
        if len > Self::BYTES_MAX {
            return Err(PairsError(Kind::TooLong { len }));
        }
        Ok(Self { text: Zeroizing::new(String::with_capacity(len)), spans: Vec::new() })
    }

    fn push(&mut self, key: &str, value: &str) -> Result<(), PairsError> {
        let at = self.spans.len() + 1;
        if key.is_empty() {
            return Err(PairsError(Kind::NoKey { at }));
        }
        if at > Self::COUNT_MAX {
            return Err(PairsError(Kind::TooMany));
        }
        if self.get(key).is_some() {
            return Err(PairsError(Kind::Twice { at }));
        }
        debug_assert!(self.text.capacity() - self.text.len() >= key.len() + value.len(), "no copy is left behind");
        let start = self.text.len();
        self.text.push_str(key);
        let middle = self.text.len();
        self.text.push_str(value);
        self.spans.push(Span { start, middle, end: self.text.len() });
        Ok(())
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let text = &self.text;
        self.spans.retain(|span| keep(&text[span.start..span.middle]));
    }

    /// The value of one parameter; keys are case-sensitive.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find_map(|(found, value)| (found == key).then_some(value))
    }

    /// All pairs in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.spans.iter().map(|span| (&self.text[span.start..span.middle], &self.text[span.middle..span.end]))
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The pairs as a query or form, percent-encoded, in the order they have here.
    #[must_use]
    pub fn to_encoded(&self) -> String {
        encode(&self.iter().collect::<Vec<_>>())
    }

    /// The pairs as a query, percent-encoded, sorted by the bytes of their keys: the form that is signed.
    pub(super) fn to_sorted_query(&self) -> Zeroizing<String> {
        let mut sorted: Vec<_> = self.iter().collect();
        sorted.sort_unstable();
        Zeroizing::new(encode(&sorted))
    }
}

/// `key=value`, percent-encoded, joined by `&`.
pub(super) fn encode(pairs: &[(&str, &str)]) -> String {
    let len = pairs.iter().map(|(key, value)| percent::encoded_len(key) + percent::encoded_len(value) + 2).sum();
    let mut text = String::with_capacity(len);
    for (key, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        percent::encode_into(key, &mut text);
        text.push('=');
        percent::encode_into(value, &mut text);
    }
    text
}

impl fmt::Debug for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(key, _)| (key, ..))).finish()
    }
}

/// Shows the names of a list, not its values.
pub(super) struct Names<'a>(pub(super) &'a [(&'a str, &'a str)]);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Why a text is not a list of [`Pairs`]. The sender's fault; `at` counts pairs from 1. Repeats nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairsError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    TooLong { len: usize },
    TooMany,
    NoKey { at: usize },
    Twice { at: usize },
    Percent { at: usize },
    NotUtf8 { at: usize },
}

impl fmt::Display for PairsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::TooLong { len } => {
                write!(f, "parameters have {len} bytes; at most {} are allowed", Pairs::BYTES_MAX)
            }
            Kind::TooMany => write!(f, "there are more than {} parameters", Pairs::COUNT_MAX),
            Kind::NoKey { at } => write!(f, "parameter {at} has no name"),
            Kind::Twice { at } => write!(f, "parameter {at} was given before"),
            Kind::Percent { at } => write!(f, "parameter {at} has a `%` without two hexadecimal digits"),
            Kind::NotUtf8 { at } => write!(f, "parameter {at} is not UTF-8"),
        }
    }
}

impl core::error::Error for PairsError {}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn reads_what_forms_are_made_of() {
        let pairs = Pairs::parse("a=1+2&b=%2B%e8%ae%be&c&&d==&").unwrap();
        assert_eq!(pairs.iter().collect::<Vec<_>>(), [("a", "1 2"), ("b", "+设"), ("c", ""), ("d", "=")]);
        assert_eq!((pairs.get("b"), pairs.get("B")), (Some("+设"), None));
        assert_eq!(pairs.to_encoded(), "a=1%202&b=%2B%E8%AE%BE&c=&d=%3D");
        assert_eq!(Pairs::parse("").unwrap().len(), 0);
    }

    #[test]
    fn errors_say_which_pair() {
        let error = |text: &str| Pairs::parse(text).unwrap_err().to_string();
        assert_eq!(error("a=1&b=%2"), "parameter 2 has a `%` without two hexadecimal digits");
        assert_eq!(error("a=1&=2"), "parameter 2 has no name");
        assert_eq!(error("a=1&b=2&%61=3"), "parameter 3 was given before");
        // Together these bytes would be UTF-8.
        assert_eq!(error("%E8=%AE%BE"), "parameter 1 is not UTF-8");
        assert_eq!(error("a=%E8&%AE%BE=1"), "parameter 1 is not UTF-8");
        assert_eq!(Pairs::parse_body(b"a=\xff").unwrap_err().to_string(), "parameter 1 is not UTF-8");
    }

    #[test]
    fn limits() {
        let many: String = (0..=Pairs::COUNT_MAX).map(|n| format!("{n}=&")).collect();
        assert_eq!(Pairs::parse(&many).unwrap_err().to_string(), "there are more than 128 parameters");
        let fits = many.rsplit_once("128").unwrap().0;
        assert_eq!(Pairs::parse(fits).unwrap().len(), Pairs::COUNT_MAX);
        let long = "a".repeat(Pairs::BYTES_MAX);
        assert!(Pairs::parse(&long).is_ok());
        let text = "parameters have 262145 bytes; at most 262144 are allowed";
        assert_eq!(Pairs::parse(&(long.clone() + "a")).unwrap_err().to_string(), text);
        assert_eq!(Pairs::parse_body((long.clone() + "a").as_bytes()).unwrap_err().to_string(), text);
        assert_eq!(Pairs::from_list(&[("b", &long)]).unwrap_err().to_string(), text);
        let one = Pairs::from_list(&[("b", "")]).unwrap();
        assert_eq!(Pairs::parse(&long).unwrap().join(&one).unwrap_err().to_string(), text);
    }

    #[test]
    fn a_key_in_both_parts_is_an_error() {
        let query = Pairs::parse("a=1&b=2").unwrap();
        assert!(query.join(&Pairs::parse("a=1").unwrap()).is_err());
        assert_eq!(query.join(&Pairs::parse("c=3").unwrap()).unwrap().to_encoded(), "a=1&b=2&c=3");
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", Pairs::parse("Token=hunter2").unwrap()), r#"{"Token": ..}"#);
    }
}
