//! The text that the token server and the status query sign.
//!
//! **Attacker's view.** The text is not encoded, so it does not tell where a value ends: `a=1&b=2` is also the text of an `a` that holds
//! `1&b=2`. The typed requests are safe from re-cutting because every field whose successor could be swallowed is checked to be a
//! number, an id or a key that has to be found; a reader of further parameters has to see to that itself.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::iter;

use zeroize::Zeroizing;

/// How members of lists within values stand in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListOrder {
    /// Sorted, as the manual demands (`b2,b1` is signed as `b1,b2`).
    Sorted,
    /// As given, as the product's own helper does.
    AsSent,
}

/// `key=value` sorted and joined by `&`, nothing encoded, members between commas in the given order.
///
/// Sorts as the original does, whole pairs by UTF-16 code units.
///
/// ```
/// use lmq_auth::request::{ListOrder, parameter_text};
///
/// let parameters = [("parama", "a"), ("paramc", "c2,c1"), ("paramb", "b2,b1,b3")];
/// assert_eq!(parameter_text(&parameters, ListOrder::Sorted), "parama=a&paramb=b1,b2,b3&paramc=c1,c2");
/// ```
#[must_use]
pub fn parameter_text(parameters: &[(&str, &str)], order: ListOrder) -> String {
    let len = parameters.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
    let mut pairs: Vec<(&str, Zeroizing<String>)> =
        parameters.iter().map(|&(key, value)| (key, Zeroizing::new(list(value, order)))).collect();
    pairs.sort_by(|a, b| pair_units(a).cmp(pair_units(b)));
    let mut text = String::with_capacity(len);
    for (key, value) in &pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(key);
        text.push('=');
        text.push_str(value);
    }
    text
}

fn pair_units<'a>((key, value): &'a (&str, Zeroizing<String>)) -> impl Iterator<Item = u16> + 'a {
    key.encode_utf16().chain(iter::once(u16::from(b'='))).chain(value.encode_utf16())
}

fn list(value: &str, order: ListOrder) -> String {
    let mut members: Vec<&str> = value.split(',').collect();
    if order == ListOrder::Sorted {
        members.sort_by(|a, b| by_units(a, b));
    }
    members.join(",")
}

/// The order of Java's `String.compareTo`.
pub(super) fn by_units(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}
