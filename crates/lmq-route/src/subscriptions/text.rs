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
pub(crate) fn level_len(text: &[u8]) -> usize {
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

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use lmq_codec::{TopicFilter, TopicName};
    use proptest::prelude::*;

    use super::*;

    fn split(text: &str) -> Vec<&[u8]> {
        let (mut levels, mut rest) = (Vec::new(), Some(text.as_bytes()));
        while let Some(text) = rest {
            let (level, after) = split_level(text);
            levels.push(level);
            rest = after;
        }
        levels
    }

    proptest! {
        #[test]
        fn levels_are_split_at_slashes(text in "[a./\u{2e}\u{30}\u{ae}\u{af}é]{0,40}") {
            prop_assert_eq!(split(&text), text.as_bytes().split(|byte| *byte == b'/').collect::<Vec<_>>());
        }

        #[test]
        fn matching_is_that_of_the_codec(
            levels in prop::collection::vec(prop::sample::select(&["a", "b", "ab", "", "$", "+"][..]), 1..6),
            multi: bool,
            topic in "[ab$/]{1,9}",
        ) {
            let filter = levels.join("/") + if multi { "/#" } else { "" };
            let Ok(valid) = TopicFilter::new(&filter) else { return Ok(()) };
            let expected = valid.matches(TopicName::new(&topic).unwrap());
            prop_assert_eq!(matches(filter.as_bytes(), topic.as_bytes()), expected);
            prop_assert_eq!(has_wildcard(filter.as_bytes()), valid.has_wildcard());
        }

        /// The same for filters made from the topic, which match more often.
        #[test]
        fn matching_is_that_of_the_codec_where_it_is_likely(
            levels in prop::collection::vec(("[ab]{0,9}|\\$", 0..5_u8), 1..9),
            multi: bool,
        ) {
            let topic = levels.iter().map(|(level, _)| level.as_str()).collect::<Vec<_>>().join("/");
            let mut filter = levels.iter().map(|(level, kind)| if *kind < 2 { "+" } else { level }).collect::<Vec<_>>();
            match levels[0].1 {
                0 if multi => filter.push("#"),
                1 if multi => *filter.last_mut().unwrap() = "#",
                _ => {}
            }
            let filter = filter.join("/");
            prop_assume!(!topic.is_empty() && !filter.is_empty());
            let expected = TopicFilter::new(&filter).unwrap().matches(TopicName::new(&topic).unwrap());
            prop_assert_eq!(matches(filter.as_bytes(), topic.as_bytes()), expected, "{} {}", filter, topic);
            let shorter = String::from(topic.rsplit_once('/').map_or("a", |(shorter, _)| shorter));
            if let Ok(name) = TopicName::new(&shorter) {
                let expected = TopicFilter::new(&filter).unwrap().matches(name);
                prop_assert_eq!(matches(filter.as_bytes(), shorter.as_bytes()), expected, "{} {}", filter, shorter);
            }
        }
    }
}
