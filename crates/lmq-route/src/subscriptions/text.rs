//! Levels of topics and filters, as bytes.

/// Whether a valid filter matches a valid topic.
#[inline]
pub(crate) fn matches(mut filter: &[u8], mut topic: &[u8]) -> bool {
    // A wildcard at the start does not match a topic that begins with `$`. [MQTT-4.7.2-1]
    if topic.first() == Some(&b'$') && matches!(filter.first(), Some(b'+' | b'#')) {
        return false;
    }
    loop {
        // A topic has no `+` and no `#`, so what is equal is text.
        let equal = filter.iter().zip(topic).take_while(|(a, b)| a == b).count();
        (filter, topic) = (&filter[equal..], &topic[equal..]);
        match filter {
            [] => return topic.is_empty(),
            [b'#'] => return true,
            // `a/#` matches `a` as well.
            b"/#" => return topic.is_empty(),
            [b'+', rest @ ..] => {
                filter = rest;
                topic = &topic[level_len(topic)..];
            }
            _ => return false,
        }
    }
}

/// The first level, and the levels after it if there are any.
#[inline]
pub(crate) fn split_level(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let len = level_len(text);
    (&text[..len], text.get(len + 1..))
}

#[inline]
fn level_len(text: &[u8]) -> usize {
    text.iter().position(|byte| *byte == b'/').unwrap_or(text.len())
}
