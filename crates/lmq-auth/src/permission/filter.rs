//! Two topic filters compared, level by level. A topic name is the filter that matches itself only.

/// Whether every topic that `filter` matches is matched by `resource` too.
pub(super) fn covers(resource: &str, filter: &str) -> bool {
    // [MQTT-4.7.2-1]: a filter that starts with a wildcard does not reach topics that start with '$'.
    if filter.starts_with('$') && resource.starts_with(['+', '#']) {
        return false;
    }
    // "+/#" matches every topic that "#" does, because a topic has at least one level.
    if resource == "+/#" && filter == "#" {
        return true;
    }
    let (mut ours, mut theirs) = (resource.as_bytes(), filter.as_bytes());
    loop {
        if ours == b"#" {
            return true; // [MQTT-4.7.1-2]: the parent level included
        }
        let Some(rest) = after_level(ours, theirs) else {
            return false;
        };
        match rest {
            ([], []) => return true,
            (ours, []) => return ours == b"/#",
            ([], _) => return false,
            ([_, our_rest @ ..], [_, their_rest @ ..]) => (ours, theirs) = (our_rest, their_rest),
        }
    }
}

/// What follows the first levels, if that of `ours` covers that of `theirs`: nothing, or `/` and more.
fn after_level<'a>(ours: &'a [u8], theirs: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let len = level_len(theirs);
    let (level, their_rest) = theirs.split_at(len);
    if let [b'+', our_rest @ ..] = ours {
        return (level != b"#").then_some((our_rest, their_rest));
    }
    let our_rest = ours.strip_prefix(level)?;
    (our_rest.is_empty() || our_rest.starts_with(b"/")).then_some((our_rest, their_rest))
}

/// A plain scan: levels are too short for a character search to pay.
fn level_len(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == b'/').unwrap_or(bytes.len())
}

/// Whether there is a topic that both filters match.
pub(super) fn overlaps(a: &str, b: &str) -> bool {
    let wild = |text: &str| text.starts_with(['+', '#']);
    if (a.starts_with('$') && wild(b)) || (b.starts_with('$') && wild(a)) {
        return false; // [MQTT-4.7.2-1]
    }
    let mut ours = Levels(Some(a));
    let mut theirs = Levels(Some(b));
    loop {
        match (ours.next(), theirs.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some(_), None) | (None, Some(_)) => return false,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(our), Some(their)) if our == their => {}
            (Some(_), Some(_)) => return false,
        }
    }
}

/// The levels of a filter, found by a plain byte scan: they are too short for a character search to pay.
struct Levels<'a>(Option<&'a str>);

impl<'a> Levels<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0?;
        let Some(slash) = rest.bytes().position(|byte| byte == b'/') else {
            self.0 = None;
            return Some(rest);
        };
        self.0 = Some(&rest[slash + 1..]);
        Some(&rest[..slash])
    }
}
