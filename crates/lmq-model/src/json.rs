//! What both readers of JSON have in common.

/// Whether `text` begins as a JSON object does. serde takes an array of values for a struct too; the product does not.
pub(crate) fn is_object(text: &[u8]) -> bool {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    first == Some(&b'{')
}
