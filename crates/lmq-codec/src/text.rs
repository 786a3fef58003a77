//! What texts of MQTT may contain, found eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// `+` is 0x2b and `#` is 0x23: with bit 3 set both read 0x2b.
const BIT_3: u64 = 0x0808_0808_0808_0808;
const PLUS: u64 = 0x2b2b_2b2b_2b2b_2b2b;

/// The longest string or binary field of any edition, in bytes.
pub(crate) const FIELD_BYTES_MAX: usize = 65_535;

/// Whether some byte of the word is zero; which one is not said.
#[inline]
const fn has_zero(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

#[inline]
const fn nul(word: u64) -> u64 {
    has_zero(word)
}

#[inline]
const fn nul_or_wildcard(word: u64) -> u64 {
    has_zero(word) | has_zero((word | BIT_3) ^ PLUS)
}

#[inline]
fn any(bytes: &[u8], test: impl Fn(u64) -> u64) -> bool {
    let mut found = 0;
    each_word(bytes, |word| found |= test(word));
    found != 0
}

/// Every byte in at least one word; the words overlap where the length is no multiple of eight.
#[inline]
fn each_word(bytes: &[u8], mut see: impl FnMut(u64)) {
    let Some(last) = bytes.last_chunk::<8>() else {
        return see(short_word(bytes));
    };
    let mut rest = bytes;
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        see(u64::from_le_bytes(*word));
        rest = tail;
    }
    see(u64::from_le_bytes(*last));
}

/// Up to seven bytes as a word, filled up with spaces.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    let spaces = u64::from_le_bytes([b' '; 8]);
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        // The two halves overlap, which repeats bytes but adds none.
        (Some(head), Some(tail)) => u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << 32,
        _ => bytes.iter().fold(spaces, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Whether the bytes contain U+0000.
#[inline]
pub(crate) fn has_nul(bytes: &[u8]) -> bool {
    any(bytes, nul)
}

/// Whether the bytes contain U+0000, `+` or `#`.
#[inline]
pub(crate) fn has_nul_or_wildcard(bytes: &[u8]) -> bool {
    any(bytes, nul_or_wildcard)
}

/// What one look at a text finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    /// ASCII without U+0000: correct text that needs no second look.
    pub(crate) plain: bool,
    /// `+` or `#`; says nothing if the text is not plain.
    pub(crate) wildcard: bool,
}

/// Looks for everything that a topic name or filter has to be looked at again for.
#[inline]
pub(crate) fn scan(bytes: &[u8]) -> Found {
    let (mut odd, mut wildcard) = (0, 0);
    each_word(bytes, |word| {
        // Borrows of the subtractions only run on behind a hit, and what they hide is in `word` itself.
        odd |= word | word.wrapping_sub(ONES);
        wildcard |= ((word | BIT_3) ^ PLUS).wrapping_sub(ONES);
    });
    Found { plain: odd & HIGHS == 0, wildcard: wildcard & HIGHS != 0 }
}

/// Whether `test` holds for the position of every `+` and `#`; it may be asked twice about the same one.
#[inline]
pub(crate) fn all_wildcards(bytes: &[u8], mut test: impl FnMut(usize) -> bool) -> bool {
    let mut good = |at: usize, word: u64| {
        let mut marks = wildcard_marks(word);
        while marks != 0 {
            if !test(at + marks.trailing_zeros() as usize / 8) {
                return false;
            }
            marks &= marks - 1;
        }
        true
    };
    let Some(last) = bytes.last_chunk::<8>() else {
        return good(0, bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    };
    let mut rest = bytes;
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        if !good(bytes.len() - rest.len(), u64::from_le_bytes(*word)) {
            return false;
        }
        rest = tail;
    }
    good(bytes.len() - 8, u64::from_le_bytes(*last))
}

/// Bit 7 of every byte that is a wildcard; exact, as the addition never carries into the next byte.
#[inline]
const fn wildcard_marks(word: u64) -> u64 {
    let zero_if_wildcard = (word | BIT_3) ^ PLUS;
    !(((zero_if_wildcard & !HIGHS) + !HIGHS) | zero_if_wildcard) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn positions(bytes: &[u8]) -> Vec<usize> {
        let mut found = Vec::new();
        assert!(all_wildcards(bytes, |at| {
            found.push(at);
            true
        }));
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn the_words_agree_with_the_bytes() {
        for len in 0..40 {
            for at in 0..len {
                for byte in 0..=255_u8 {
                    let mut bytes = [b'x'; 40];
                    bytes[at] = byte;
                    let bytes = &bytes[..len];
                    let wildcard = matches!(byte, b'+' | b'#');
                    assert_eq!(has_nul(bytes), byte == 0, "{byte} at {at} of {len}");
                    assert_eq!(has_nul_or_wildcard(bytes), byte == 0 || wildcard, "{byte} at {at} of {len}");
                    let found = scan(bytes);
                    assert_eq!(found.plain, byte != 0 && byte < 0x80, "{byte} at {at} of {len}");
                    assert!(!found.plain || found.wildcard == wildcard, "{byte} at {at} of {len}");
                    let found = positions(bytes);
                    assert_eq!(found, if wildcard { std::vec![at] } else { Vec::new() });
                }
            }
        }
    }

    #[test]
    fn all_wildcards_are_found_in_order() {
        assert_eq!(positions(b"+#++a/#+b/+/cc#"), [0, 1, 2, 3, 6, 7, 10, 14]);
        assert_eq!(positions(b"a+/#"), [1, 3]);
        assert!(!all_wildcards(b"a/b/c/d/e/+", |at| at != 10));
    }
}
