//! Random texts: keys, secrets, tokens.

use crate::error::Error;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `len` letters and digits, each equally likely.
pub(crate) fn text(len: usize) -> Result<String, Error> {
    let mut text = String::with_capacity(len);
    let mut bytes = zeroize::Zeroizing::new([0; 64]);
    while text.len() < len {
        getrandom::fill(&mut *bytes).map_err(|e| Error::new(format_args!("the system has no randomness: {e}")))?;
        // 248 = 4 x 62: what lies above would make the first letters more likely.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        let letters = fair.map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(letters.take(len - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_alphabet_is_used() {
        let text = text(10_000).unwrap();
        assert_eq!(text.len(), 10_000);
        for letter in ALPHABET {
            // 161 expected; the chance of fewer than 80 is below 1e-12.
            let count = text.bytes().filter(|byte| byte == letter).count();
            assert!(count > 80, "{} stands there {count} times", char::from(*letter));
        }
    }
}
