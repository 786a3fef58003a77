use core::fmt;

use crate::Violation;
use crate::text::{
    FIELD_BYTES_MAX, all_wildcards, has_nul, has_nul_or_wildcard, is_common, is_plain, is_plain_without_wildcard,
};

/// A topic a message is published to: 1 to 65,535 bytes of UTF-8 without U+0000, `+` and `#`.
///
/// [MQTT-3.3.2-2], [MQTT-4.7.1-1], [MQTT-4.7.3-1], [MQTT-4.7.3-2], [MQTT-4.7.3-3]
///
/// ```
/// use lmq_codec::TopicName;
///
/// assert_eq!(TopicName::new("home/lamp")?.as_str(), "home/lamp");
/// assert_eq!(TopicName::new("home/+").unwrap_err().to_string(), "topic name has a wildcard '+' at byte 5: wildcards belong to topic filters");
/// # Ok::<(), lmq_codec::TopicError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName<'a>(&'a [u8]);

impl<'a> TopicName<'a> {
    /// Checks a topic name.
    ///
    /// # Errors
    /// The caller's text breaks a rule above; the error says which and where.
    #[inline]
    pub fn new(text: &'a str) -> Result<Self, TopicError> {
        if text.is_empty() || text.len() > FIELD_BYTES_MAX || has_nul_or_wildcard(text.as_bytes()) {
            return Err(explain_name(text));
        }
        Ok(Self(text.as_bytes()))
    }

    /// Checks the bytes of a field of a packet, which are at most 65,535.
    #[inline(always)]
    pub(crate) fn from_field(bytes: &'a [u8]) -> Result<Self, Violation> {
        if !bytes.is_empty() && is_common(bytes) {
            return Ok(Self(bytes));
        }
        Self::from_odd_field(bytes)
    }

    /// A field that is empty, has rare characters, or is wrong.
    #[inline(never)]
    fn from_odd_field(bytes: &'a [u8]) -> Result<Self, Violation> {
        if !bytes.is_empty() && is_plain_without_wildcard(bytes) {
            return Ok(Self(bytes));
        }
        let text = core::str::from_utf8(bytes).map_err(|_| Violation::NotUtf8)?;
        match Self::new(text) {
            Ok(name) => Ok(name),
            Err(error) => Err(error.violation()),
        }
    }

    /// The name in a field that was checked before.
    #[inline]
    #[cfg(feature = "alloc")]
    pub(crate) const fn from_checked(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The name as text. It is looked through for UTF-8 once more, as this crate has no `unsafe`; where that
    /// counts, [`TopicName::as_bytes`] is free.
    #[must_use]
    #[inline]
    pub fn as_str(self) -> &'a str {
        core::str::from_utf8(self.0).unwrap_or_default()
    }

    /// The name as UTF-8 bytes.
    #[must_use]
    #[inline]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

#[cold]
fn explain_name(text: &str) -> TopicError {
    let what = "topic name";
    if text.is_empty() {
        return TopicError { what, kind: Kind::Empty, at: 0 };
    }
    if text.len() > FIELD_BYTES_MAX {
        return TopicError { what, kind: Kind::TooLong, at: FIELD_BYTES_MAX };
    }
    let at = text.bytes().position(|b| matches!(b, 0 | b'+' | b'#')).unwrap_or(0);
    let kind = match text.as_bytes().get(at) {
        Some(0) => Kind::Nul,
        Some(b'+') => Kind::Wildcard('+'),
        _ => Kind::Wildcard('#'),
    };
    TopicError { what, kind, at }
}

/// A pattern over topic names: `+` stands for one level, a last `#` for all that follow.
///
/// 1 to 65,535 bytes of UTF-8 without U+0000; a wildcard fills its whole level and `#` is the last one.
/// [MQTT-4.7.1-2], [MQTT-4.7.1-3], [MQTT-4.7.3-1], [MQTT-4.7.3-2], [MQTT-4.7.3-3]
///
/// ```
/// use lmq_codec::{TopicFilter, TopicName};
///
/// let filter = TopicFilter::new("home/+/state")?;
/// assert!(filter.matches(TopicName::new("home/lamp/state")?));
/// assert!(!TopicFilter::new("#")?.matches(TopicName::new("$SYS/uptime")?));
/// # Ok::<(), lmq_codec::TopicError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter<'a>(&'a [u8]);

impl<'a> TopicFilter<'a> {
    /// Checks a topic filter.
    ///
    /// `$share/...` passes as an ordinary filter, which it is before MQTT 5.0; see [`TopicFilter::share`].
    ///
    /// # Errors
    /// The caller's text breaks a rule above; the error says which and where.
    #[inline]
    pub fn new(text: &'a str) -> Result<Self, TopicError> {
        check_filter(text.as_bytes()).map(|()| Self(text.as_bytes()))
    }

    /// Checks the bytes of a field of a packet, which are at most 65,535.
    #[inline]
    pub(crate) fn from_field(bytes: &'a [u8]) -> Result<Self, Violation> {
        if !is_plain(bytes) && core::str::from_utf8(bytes).is_err() {
            return Err(Violation::NotUtf8);
        }
        match check_filter(bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(error) => Err(error.violation()),
        }
    }

    /// Whether the bytes are a filter that needs no second look: ASCII and not shared.
    #[inline(always)]
    pub(crate) fn is_plain_field(bytes: &[u8]) -> bool {
        // Most wildcards are the last level, and alone there.
        let levels = match bytes {
            [levels @ .., b'/', b'+' | b'#'] => levels,
            _ => bytes,
        };
        !bytes.is_empty() && (is_common(levels) || is_plain_odd_field(bytes))
    }

    /// The filter in a field that was checked before.
    #[inline]
    pub(crate) const fn from_checked(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The filter as text. It is looked through for UTF-8 once more, as this crate has no `unsafe`; where that
    /// counts, [`TopicFilter::as_bytes`] is free.
    #[must_use]
    #[inline]
    pub fn as_str(self) -> &'a str {
        core::str::from_utf8(self.0).unwrap_or_default()
    }

    /// The filter as UTF-8 bytes.
    #[must_use]
    #[inline]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether the filter contains `+` or `#`; without one it matches exactly one topic.
    #[must_use]
    #[inline]
    pub fn has_wildcard(self) -> bool {
        has_nul_or_wildcard(self.0)
    }

    /// Whether a message published to `topic` matches, byte by byte and level by level.
    ///
    /// A wildcard at the start does not match a topic that begins with `$`. [MQTT-4.7.2-1]
    /// A shared filter is not unfolded: match the filter inside, see [`TopicFilter::share`].
    #[must_use]
    pub fn matches(self, topic: TopicName<'_>) -> bool {
        let (filter, name) = (self.as_bytes(), topic.as_bytes());
        if name.first() == Some(&b'$') && matches!(filter.first(), Some(b'+' | b'#')) {
            return false;
        }
        let mut names = name.split(|b| *b == b'/');
        let mut levels = filter.split(|b| *b == b'/');
        loop {
            match (levels.next(), names.next()) {
                // `a/#` matches `a` as well: `#` includes its parent level.
                (Some(b"#"), _) | (None, None) => return true,
                (Some(b"+"), Some(_)) => {}
                (Some(level), Some(name)) if level == name => {}
                _ => return false,
            }
        }
    }

    /// The share name and the filter inside of `$share/NAME/FILTER`; `None` for every other filter.
    ///
    /// The name is at least one byte without `/`, `+` and `#`, the filter is not empty. [MQTT-4.8.2-1], [MQTT-4.8.2-2]
    #[must_use]
    pub fn share(self) -> Option<(&'a str, TopicFilter<'a>)> {
        let tail = self.0.strip_prefix(SHARE)?;
        let slash = tail.iter().position(|b| *b == b'/')?;
        let (group, filter) = (tail.get(..slash)?, tail.get(slash + 1..)?);
        if group.is_empty() || filter.is_empty() || has_nul_or_wildcard(group) {
            return None;
        }
        Some((core::str::from_utf8(group).ok()?, TopicFilter(filter)))
    }

    /// Whether the filter claims to be shared, well formed or not.
    #[inline]
    pub(crate) fn has_share_prefix(self) -> bool {
        self.0.starts_with(SHARE)
    }
}

const SHARE: &[u8] = b"$share/";

/// Checks everything but UTF-8. The bytes of a character beyond ASCII are never those of a wildcard or of U+0000.
#[inline]
fn check_filter(bytes: &[u8]) -> Result<(), TopicError> {
    if !bytes.is_empty() && bytes.len() <= FIELD_BYTES_MAX && !has_nul_or_wildcard(bytes) {
        return Ok(());
    }
    let error = |kind, at| Err(TopicError { what: "topic filter", kind, at });
    if bytes.is_empty() {
        return error(Kind::Empty, 0);
    }
    if bytes.len() > FIELD_BYTES_MAX {
        return error(Kind::TooLong, FIELD_BYTES_MAX);
    }
    if has_nul(bytes) {
        return error(Kind::Nul, bytes.iter().position(|b| *b == 0).unwrap_or(0));
    }
    check_wildcards(bytes)
}

/// Whether every wildcard has a level of its own, and `#` the last. [MQTT-4.7.1-2], [MQTT-4.7.1-3] (3.1.1);
/// [MQTT-4.7.1-1], [MQTT-4.7.1-2] (5.0)
#[inline]
fn check_wildcards(bytes: &[u8]) -> Result<(), TopicError> {
    if has_whole_wildcards(bytes) { Ok(()) } else { explain_filter(bytes) }
}

/// The same for a filter with rare characters.
#[inline(never)]
fn is_plain_odd_field(bytes: &[u8]) -> bool {
    !matches!(bytes, [] | [b'$', ..]) && is_plain(bytes) && has_whole_wildcards(bytes)
}

/// Whether every wildcard there is stands where it may.
#[inline]
fn has_whole_wildcards(bytes: &[u8]) -> bool {
    all_wildcards(bytes, |at| wildcard_error(bytes, at).is_none())
}

#[inline]
fn wildcard_error(bytes: &[u8], at: usize) -> Option<Kind> {
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    let alone = matches!(before, None | Some(b'/'));
    match (bytes.get(at), alone, bytes.get(at + 1)) {
        (Some(b'+'), true, None | Some(b'/')) | (Some(b'#'), true, None) => None,
        (Some(b'#'), true, Some(b'/')) => Some(Kind::HashNotLast),
        (Some(b'#'), ..) => Some(Kind::NotAlone('#')),
        _ => Some(Kind::NotAlone('+')),
    }
}

#[cold]
fn explain_filter(bytes: &[u8]) -> Result<(), TopicError> {
    let wildcards = bytes.iter().enumerate().filter(|(_, b)| matches!(b, b'+' | b'#'));
    for (at, _) in wildcards {
        if let Some(kind) = wildcard_error(bytes, at) {
            return Err(TopicError { what: "topic filter", kind, at });
        }
    }
    Ok(())
}

macro_rules! text_impls {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl AsRef<str> for $name<'_> {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl<'a> TryFrom<&'a str> for $name<'a> {
            type Error = TopicError;

            fn try_from(text: &'a str) -> Result<Self, TopicError> {
                Self::new(text)
            }
        }
    )*};
}

text_impls!(TopicName TopicFilter);

/// Text that is no topic name or no topic filter: says what is wrong, at which byte, and what would be right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TopicError {
    what: &'static str,
    kind: Kind,
    at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Empty,
    TooLong,
    Nul,
    Wildcard(char),
    NotAlone(char),
    HashNotLast,
}

impl TopicError {
    /// The byte at which the text goes wrong, counted from 0.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// What a packet does that contains such a text.
    #[cold]
    pub(crate) const fn violation(&self) -> Violation {
        match self.kind {
            Kind::Empty => Violation::TopicEmpty,
            Kind::Nul => Violation::NulInText,
            Kind::Wildcard(_) => Violation::WildcardInTopicName,
            // Fields of a packet are not longer than the limit.
            Kind::TooLong | Kind::NotAlone(_) | Kind::HashNotLast => Violation::FilterMalformed,
        }
    }
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, kind, at } = self;
        match kind {
            Kind::Empty => write!(f, "{what} is empty: at least one byte"),
            Kind::TooLong => write!(f, "{what} is longer than {FIELD_BYTES_MAX} bytes"),
            Kind::Nul => write!(f, "{what} has U+0000 at byte {at}: no MQTT text contains it"),
            Kind::Wildcard(c) => {
                write!(f, "{what} has a wildcard '{c}' at byte {at}: wildcards belong to topic filters")
            }
            Kind::NotAlone(c) => {
                write!(f, "{what} has '{c}' at byte {at} beside other characters: it fills a level alone")
            }
            Kind::HashNotLast => write!(f, "{what} has '#' at byte {at} before the last level: nothing follows it"),
        }
    }
}

impl fmt::Debug for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicError({self})")
    }
}

impl core::error::Error for TopicError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Every text of up to five of these, alone and behind a long level.
    fn fields() -> impl Iterator<Item = Vec<u8>> {
        let letters = *b"a,/+#$ \0\x80";
        (0..=5_u32).flat_map(move |len| {
            (0..letters.len().pow(len)).flat_map(move |mut number| {
                let mut tail = Vec::new();
                for _ in 0..len {
                    tail.push(letters[number % letters.len()]);
                    number /= letters.len();
                }
                let long = [b"sensors/room-12/", &tail[..]].concat();
                [tail, long]
            })
        })
    }

    #[test]
    fn the_short_ways_accept_what_the_rules_accept() {
        for field in fields() {
            let text = core::str::from_utf8(&field).ok();
            let name = text.is_some_and(|text| TopicName::new(text).is_ok());
            assert_eq!(TopicName::from_field(&field).is_ok(), name, "{field:?}");
            assert_eq!(TopicName::from_odd_field(&field).is_ok(), name, "{field:?}");
            let wildcards = field.iter().enumerate().filter(|(_, b)| matches!(b, b'+' | b'#'));
            let whole = wildcards.map(|(at, _)| wildcard_error(&field, at)).all(|error| error.is_none());
            let filter = text.is_some() && !field.is_empty() && !field.contains(&0) && whole;
            assert_eq!(TopicFilter::from_field(&field).is_ok(), filter, "{field:?}");
            assert_eq!(TopicFilter::is_plain_field(&field), filter && field.first() != Some(&b'$'), "{field:?}");
        }
    }
}
