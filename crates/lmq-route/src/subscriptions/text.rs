//! Levels of topics and filters, as bytes, looked at eight at a time.

/// Whether a valid filter matches a valid topic.
#[inline]
pub(crate) fn matches(mut filter: &[u8], mut topic: &[u8]) -> bool {
    // A wildcard at the start does not match a topic that begins with `$`. [MQTT-4.7.2-1]
    if topic.first() == Some(&b'$') && matches!(filter.first(), Some(b'+' | b'#')) {
        return false;
    }
    loop {
        // A topic has no `+` and no `#`, so what is equal is plain text.
        let equal = equal_len(filter, topic);
        (filter, topic) = (&filter[equal..], &topic[equal..]);
        match filter {
            [] => return topic.is_empty(),
            [b'+', rest @ ..] => {
                filter = rest;
                topic = &topic[level_len(topic)..];
            }
            [b'#'] => return true,
            // `a/#` matches `a` as well.
            b"/#" => return topic.is_empty(),
            _ => return false,
        }
    }
}

#[inline]
pub(crate) fn has_wildcard(filter: &[u8]) -> bool {
    filter.iter().any(|byte| matches!(byte, b'+' | b'#'))
}

/// The first level, and the levels after it if there are any.
#[inline]
pub(crate) fn split_level(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let len = level_len(text);
    (&text[..len], text.get(len + 1..))
}

/// The number of bytes before the first `/`.
#[inline]
fn level_len(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut len = 0;
    while let Some(word) = word(text, len) {
        let word = word ^ (ONES * b'/' as u64);
        // The lowest bit that is set is right; the subtraction disturbs only bytes above a zero.
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            return len + zeros.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    while text.get(len).is_some_and(|byte| *byte != b'/') {
        len += 1;
    }
    len
}

/// The number of bytes that two texts have in common from the start.
#[inline]
fn equal_len(one: &[u8], other: &[u8]) -> usize {
    let mut len = 0;
    while let (Some(a), Some(b)) = (word(one, len), word(other, len)) {
        if a != b {
            return len + (a ^ b).trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    while let (Some(a), Some(b)) = (one.get(len), other.get(len)) {
        if a != b {
            break;
        }
        len += 1;
    }
    len
}

#[inline]
fn word(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
