use alloc::boxed::Box;
use core::fmt;
use core::str::FromStr;

use crate::Rules;
use crate::fault::{ALLOWED, Fault};
use crate::name::name_traits;

/// A group id: the name that all devices of one kind share, for example `GID_student`.
///
/// It begins with `GID_` or `GID-` and has 7 to 64 characters of `A-Z a-z 0-9 _ -`; see [`Rules`] for the narrower edition of 2018.
/// Whether the group exists in an instance is not a property of the name. 16 bytes plus the text on the heap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(Box<str>);

impl GroupId {
    /// The fewest characters of a group id, prefix included.
    pub const LEN_MIN: usize = 7;
    /// The most characters of a group id, prefix included. [`Rules::Strict2018`] allows 32.
    pub const LEN_MAX: usize = 64;

    /// Parses `text` by the given edition.
    ///
    /// # Errors
    /// When `text` is not a group id of that edition.
    pub fn parse_with(text: &str, rules: Rules) -> Result<Self, GroupIdError> {
        Self::check(text, rules)?;
        Ok(Self(text.into()))
    }

    /// Checks `text` by the given edition without allocating.
    ///
    /// # Errors
    /// When `text` is not a group id of that edition.
    pub fn check(text: &str, rules: Rules) -> Result<(), GroupIdError> {
        let fail = |kind| GroupIdError { kind, rules };
        let fault = |fault| fail(Kind::Fault(fault));
        if text.is_empty() {
            return Err(fault(Fault::Empty));
        }
        Fault::too_long(text, rules.group_len_max()).map_err(fault)?;
        if !rules.group_prefixes().iter().any(|p| text.starts_with(p)) {
            return Err(fail(Kind::Prefix));
        }
        Fault::foreign(text, 0).map_err(fault)?;
        if text.len() < Self::LEN_MIN {
            return Err(fault(Fault::TooShort { len: text.len(), min: Self::LEN_MIN }));
        }
        Ok(())
    }

    /// For parts of text that has been checked.
    pub(crate) fn from_checked(text: &str) -> Self {
        debug_assert!(Self::check(text, Rules::Current).is_ok());
        Self(text.into())
    }
}

impl FromStr for GroupId {
    type Err = GroupIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_with(text, Rules::Current)
    }
}

name_traits!(GroupId, GroupIdError);

/// Why a text is not a [`GroupId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupIdError {
    kind: Kind,
    rules: Rules,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Fault(Fault),
    Prefix,
}

impl GroupIdError {
    /// The position of the offending character, counted from 1; `None` when the whole text is at fault, as with its length.
    #[must_use]
    pub const fn position(&self) -> Option<usize> {
        match self.kind {
            Kind::Fault(fault) => fault.position(),
            Kind::Prefix => Some(1),
        }
    }
}

impl fmt::Display for GroupIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = match self.rules {
            Rules::Current => "\"GID_\" or \"GID-\"",
            Rules::Strict2018 => "\"GID_\"",
        };
        match self.kind {
            Kind::Prefix => write!(f, "group id must begin with {start} (at character 1)"),
            Kind::Fault(Fault::Empty) => write!(
                f,
                "group id is empty; expected {start} followed by 3 to {} of {ALLOWED}",
                self.rules.group_len_max() - 4
            ),
            Kind::Fault(fault) => fault.write(f, "group id", self.rules.group_len_max()),
        }
    }
}

impl core::error::Error for GroupIdError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn error(text: &str, rules: Rules) -> GroupIdError {
        GroupId::parse_with(text, rules).unwrap_err()
    }

    #[test]
    fn accepts_the_groups_of_the_manuals() {
        for text in
            ["GID_AAA", "GID_Test", "GID_MQTTTestTopic", "GID_1_ae1f_0cf4d504d4", "GID_4_ea9a9a9a-a9a9-a9a9-a9a9"]
        {
            for rules in [Rules::Current, Rules::Strict2018] {
                assert_eq!(GroupId::parse_with(text, rules).unwrap(), text, "{rules:?}");
            }
        }
    }

    #[test]
    fn editions_differ_in_prefix_and_length_only() {
        let long = alloc::format!("GID_{}", "x".repeat(29));
        for text in ["GID-AAA", long.as_str()] {
            assert!(GroupId::parse_with(text, Rules::Current).is_ok());
            assert!(GroupId::parse_with(text, Rules::Strict2018).is_err());
        }
        assert_eq!(
            error("GID-AAA", Rules::Strict2018).to_string(),
            "group id must begin with \"GID_\" (at character 1)"
        );
        assert_eq!(error(&long, Rules::Strict2018).to_string(), "group id has 33 characters; at most 32 are allowed");
    }

    #[test]
    fn lengths_at_the_edges() {
        for (len, ok) in [(6, false), (7, true), (64, true), (65, false)] {
            let text = alloc::format!("GID_{}", "x".repeat(len - 4));
            assert_eq!(text.parse::<GroupId>().is_ok(), ok, "{len}");
        }
        for (len, ok) in [(6, false), (7, true), (32, true), (33, false)] {
            let text = alloc::format!("GID_{}", "x".repeat(len - 4));
            assert_eq!(GroupId::check(&text, Rules::Strict2018).is_ok(), ok, "{len}");
        }
    }

    #[test]
    fn errors_say_what_where_and_what_would_be_right() {
        let long = "G".repeat(65);
        for (text, said, position) in [
            ("", "group id is empty; expected \"GID_\" or \"GID-\" followed by 3 to 60 of A-Z a-z 0-9 _ -", None),
            ("gid_test", "group id must begin with \"GID_\" or \"GID-\" (at character 1)", Some(1)),
            ("GID_AB", "group id has 6 characters; at least 7 are needed", None),
            (&long, "group id has 65 characters; at most 64 are allowed", None),
            ("GID_room/1", "character 9 of the group id is '/'; allowed are A-Z a-z 0-9 _ -", Some(9)),
            ("GID_a\u{200b}b", "character 6 of the group id is '\\u{200b}'; allowed are A-Z a-z 0-9 _ -", Some(6)),
            ("GID_abc\0", "character 8 of the group id is '\\0'; allowed are A-Z a-z 0-9 _ -", Some(8)),
        ] {
            let error = error(text, Rules::Current);
            assert_eq!(error.to_string(), said);
            assert_eq!(error.position(), position, "{text:?}");
        }
        assert_eq!(
            error("", Rules::Strict2018).to_string(),
            "group id is empty; expected \"GID_\" followed by 3 to 28 of A-Z a-z 0-9 _ -"
        );
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        // 64 characters in 124 bytes: the length is fine, the characters are not.
        let text = alloc::format!("GID_{}", "é".repeat(60));
        assert_eq!(error(&text, Rules::Current).position(), Some(5));
    }
}
