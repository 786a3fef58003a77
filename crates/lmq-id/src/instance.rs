use alloc::boxed::Box;
use core::fmt;
use core::str::FromStr;

use crate::fault::Fault;
use crate::name::name_traits;

/// An instance id: the name of one tenant's gateway, for example `mqtt-cn-0123abcd` or `post-cn-0123abcd`.
///
/// 1 to 63 characters of `A-Z a-z 0-9 _ -` that neither begin nor end with `-`: the id is also the first label of the instance's
/// host name. Letters keep their case here; a host name compares without it. 16 bytes plus the text on the heap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(Box<str>);

impl InstanceId {
    /// The most characters of an instance id: one label of a host name.
    pub const LEN_MAX: usize = 63;

    /// Checks `text` without allocating.
    ///
    /// # Errors
    /// When `text` is not an instance id.
    pub fn check(text: &str) -> Result<(), InstanceIdError> {
        Fault::find(text, Self::LEN_MAX).map_err(InstanceIdError)?;
        let hyphen = match (text.starts_with('-'), text.ends_with('-')) {
            (true, _) => 0,
            (false, true) => text.len() - 1,
            (false, false) => return Ok(()),
        };
        Err(InstanceIdError(Fault::EndsWithHyphen { index: hyphen }))
    }
}

impl FromStr for InstanceId {
    type Err = InstanceIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }
}

name_traits!(InstanceId, InstanceIdError);

/// Why a text is not an [`InstanceId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceIdError(Fault);

impl InstanceIdError {
    /// The position of the offending character, counted from 1; `None` when the whole text is at fault, as with its length.
    #[must_use]
    pub const fn position(&self) -> Option<usize> {
        self.0.position()
    }
}

impl fmt::Display for InstanceIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, "instance id", InstanceId::LEN_MAX)
    }
}

impl core::error::Error for InstanceIdError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn accepts_the_instances_of_the_manuals() {
        for text in ["mqtt-cn-test0001", "post-cn-0123abcd", "mqtt-xxxxx", "mqjiaoyu-123456789", "MQ_INST_1234_abcd"] {
            assert_eq!(text.parse::<InstanceId>().unwrap(), text);
        }
        assert!("i".repeat(63).parse::<InstanceId>().is_ok());
    }

    #[test]
    fn errors_say_what_where_and_what_would_be_right() {
        let long = "i".repeat(64);
        for (text, said, position) in [
            ("", "instance id is empty; expected 1 to 63 of A-Z a-z 0-9 _ -", None),
            (&long, "instance id has 64 characters; at most 63 are allowed", None),
            ("mqtt-cn.x", "character 8 of the instance id is '.'; allowed are A-Z a-z 0-9 _ -", Some(8)),
            (
                "-mqtt-",
                "character 1 of the instance id is '-'; the first and the last must be of A-Z a-z 0-9 _",
                Some(1),
            ),
            (
                "mqtt-",
                "character 5 of the instance id is '-'; the first and the last must be of A-Z a-z 0-9 _",
                Some(5),
            ),
            ("-", "character 1 of the instance id is '-'; the first and the last must be of A-Z a-z 0-9 _", Some(1)),
        ] {
            let error = text.parse::<InstanceId>().unwrap_err();
            assert_eq!(error.to_string(), said);
            assert_eq!(error.position(), position);
        }
    }
}
