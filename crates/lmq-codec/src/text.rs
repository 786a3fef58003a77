//! What texts of MQTT may contain, found eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// `+` is 0x2b and `#` is 0x23: with bit 3 set both read 0x2b.
const BIT_3: u64 = 0x0808_0808_0808_0808;
const PLUS: u64 = 0x2b2b_2b2b_2b2b_2b2b;
const FROM_COMMA: u64 = 0x2c2c_2c2c_2c2c_2c2c;

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

/// Beyond ASCII or at most `+`. Borrows of the subtraction only run on behind a hit, and what they hide is in `word`.
#[inline]
const fn rare(word: u64) -> u64 {
    word | word.wrapping_sub(FROM_COMMA)
}

/// Beyond ASCII or zero. Borrows of the subtraction only run on behind a hit, and what they hide is in `word` itself.
#[inline]
const fn odd(word: u64) -> u64 {
    word | word.wrapping_sub(ONES)
}

/// The same or a wildcard.
#[inline]
const fn odd_or_wildcard(word: u64) -> u64 {
    odd(word) | ((word | BIT_3) ^ PLUS).wrapping_sub(ONES)
}

/// Whether `test` sets bit 7 of some byte.
#[inline(always)]
fn any(bytes: &[u8], test: impl Fn(u64) -> u64) -> bool {
    let mut found = 0;
    each_pair(bytes, |[low, high]| found |= test(low) | test(high));
    found & HIGHS != 0
}

/// Every byte in at least one pair of words; pairs and words overlap where the length is no multiple of theirs.
#[inline(always)]
fn each_pair(bytes: &[u8], mut see: impl FnMut([u64; 2])) {
    let Some(last) = bytes.last_chunk::<16>() else {
        return see(short_pair(bytes));
    };
    let mut rest = bytes;
    while let Some((block, tail)) = rest.split_first_chunk::<16>() {
        see(pair(block));
        rest = tail;
    }
    see(pair(last));
}

#[inline(always)]
fn pair(block: &[u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(*block);
    [both as u64, (both >> 64) as u64]
}

/// Up to fifteen bytes as a pair.
#[inline(always)]
fn short_pair(bytes: &[u8]) -> [u64; 2] {
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(head), Some(tail)) => [u64::from_le_bytes(*head), u64::from_le_bytes(*tail)],
        _ => [short_word(bytes); 2],
    }
}

/// Up to seven bytes as a word, filled up with one that no test looks for.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    let filling = u64::from_le_bytes([b'x'; 8]);
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        // The two halves overlap, which repeats bytes but adds none.
        (Some(head), Some(tail)) => u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << 32,
        _ => bytes.iter().fold(filling, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Whether the bytes contain U+0000. The least of sixteen bytes at a time are a vector where there are vectors.
#[inline]
pub(crate) fn has_nul(bytes: &[u8]) -> bool {
    let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) else {
        let [low, high] = short_pair(bytes);
        return (nul(low) | nul(high)) & HIGHS != 0;
    };
    let mut found = least(*first, last);
    if bytes.len() > 32 {
        found = least_of_blocks(found, bytes);
    }
    found.iter().fold(false, |zero, byte| zero | (*byte == 0))
}

/// The smaller byte at each place.
#[inline(always)]
fn least(mut a: [u8; 16], b: &[u8; 16]) -> [u8; 16] {
    for (a, b) in a.iter_mut().zip(b) {
        *a = (*a).min(*b);
    }
    a
}

#[inline(never)]
fn least_of_blocks(mut found: [u8; 16], mut bytes: &[u8]) -> [u8; 16] {
    while let Some((block, tail)) = bytes.split_first_chunk::<16>() {
        found = least(found, block);
        bytes = tail;
    }
    found
}

/// Whether the bytes contain U+0000, `+` or `#`.
#[inline]
pub(crate) fn has_nul_or_wildcard(bytes: &[u8]) -> bool {
    any(bytes, nul_or_wildcard)
}

/// Whether the bytes are ASCII without U+0000: correct text that needs no second look.
#[inline(always)]
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    !any(bytes, odd)
}

/// Whether the bytes are ASCII from `,` on: no U+0000, space, `#`, `$` or `+`. Most topics and filters are, and no
/// other test is as cheap.
#[inline(always)]
pub(crate) fn is_common(bytes: &[u8]) -> bool {
    !any(bytes, rare)
}

/// Whether the bytes are ASCII without U+0000, `+` and `#`.
pub(crate) fn is_plain_without_wildcard(bytes: &[u8]) -> bool {
    !any(bytes, odd_or_wildcard)
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
                    let plain = byte != 0 && byte < 0x80;
                    assert_eq!(is_common(bytes), plain && byte >= b',', "{byte} at {at} of {len}");
                    assert_eq!(is_plain(bytes), plain, "{byte} at {at} of {len}");
                    assert_eq!(is_plain_without_wildcard(bytes), plain && !wildcard, "{byte} at {at} of {len}");
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
