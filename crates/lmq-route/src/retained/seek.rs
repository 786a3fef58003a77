//! Where the next topic that matches can be, in topics that are in ascending order of bytes.
//!
//! A filter is plain text with some `+` in it, and perhaps `#` at the end. While a topic follows it up to some `+`, all
//! topics that do so with the same levels lie together: they begin with the same text up to the `/` after that level.
//! So a topic that does not match tells where in this run the next match can be, or that it is after the run.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::subscriptions::text::{level_len, matches};

/// What is known about a topic.
pub(crate) enum Verdict {
    Match,
    /// It does not match; the one after it may.
    Next,
    /// It does not match, and none below the target does.
    Seek,
    /// Neither it nor any one after it matches.
    End,
}

/// The lowest text that the filter can match.
pub(crate) fn first(filter: &[u8]) -> Vec<u8> {
    let (plain, wildcard) = split_plain(filter);
    Vec::from(if wildcard == b"#" { parent(plain) } else { plain })
}

/// Whether a filter with wildcards matches a topic that is not below [`first`], and where to go on if not.
#[inline]
pub(crate) fn judge(filter: &[u8], topic: &[u8], target: &mut Vec<u8>) -> Verdict {
    if matches(filter, topic) { Verdict::Match } else { miss(filter, topic, target) }
}

fn miss(filter: &[u8], topic: &[u8], target: &mut Vec<u8>) -> Verdict {
    let mut seek = |same: &[u8], on: &[u8]| {
        target.clear();
        target.extend_from_slice(same);
        target.extend_from_slice(on);
        Verdict::Seek
    };
    // A wildcard at the start does not match a topic that begins with `$`. [MQTT-4.7.2-1]
    if topic.first() == Some(&b'$') && matches!(filter.first(), Some(b'+' | b'#')) {
        return seek(&[], AFTER_DOLLAR);
    }
    let (mut rest, mut at, mut passed_plus) = (filter, 0, false);
    loop {
        let (plain, wildcard) = split_plain(rest);
        let (same, tail) = topic.split_at(at);
        if let ([b'+', after @ ..], Some(levels)) = (wildcard, tail.strip_prefix(plain)) {
            rest = after;
            at += plain.len() + level_len(levels);
            passed_plus = true;
            continue;
        }
        if passed_plus && tail.is_empty() {
            // Before the topics below this one come those with a longer level here: `a-/b` before `a/b`.
            return Verdict::Next;
        }
        if wildcard == b"#" && tail < parent(plain) {
            return seek(same, parent(plain));
        }
        return match tail.cmp(plain) {
            Ordering::Less => seek(same, plain),
            _ if passed_plus => seek(same, AFTER_SLASH),
            _ => Verdict::End,
        };
    }
}

/// The text before the first wildcard, and the rest.
fn split_plain(filter: &[u8]) -> (&[u8], &[u8]) {
    filter.split_at(filter.iter().position(|byte| matches!(byte, b'+' | b'#')).unwrap_or(filter.len()))
}

/// `a/#` matches `a` as well.
fn parent(plain: &[u8]) -> &[u8] {
    plain.strip_suffix(b"/").unwrap_or(plain)
}

/// The lowest text above all that begins with `$`.
const AFTER_DOLLAR: &[u8] = b"%";

/// The lowest text above all that begins with `/`.
const AFTER_SLASH: &[u8] = b"0";
