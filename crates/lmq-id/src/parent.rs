use alloc::boxed::Box;
use core::fmt;
use core::str::FromStr;

use crate::fault::Fault;
use crate::name::name_traits;

/// A parent topic: the first level of a topic, a resource that has to be created before clients can use it, for example `roomSend`.
///
/// 1 to 64 characters of `A-Z a-z 0-9 _ -`. Whether it exists in an instance is not a property of the name.
/// 16 bytes plus the text on the heap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParentTopic(Box<str>);

impl ParentTopic {
    /// The most characters of a parent topic.
    pub const LEN_MAX: usize = 64;

    /// Checks `text` without allocating.
    ///
    /// # Errors
    /// When `text` is not a parent topic.
    pub fn check(text: &str) -> Result<(), ParentTopicError> {
        Fault::find(text, Self::LEN_MAX).map_err(ParentTopicError)
    }

    /// The first level of `topic`, unchecked: everything before the first `/`.
    #[must_use]
    pub fn level_of(topic: &str) -> &str {
        // Over bytes, as for P2P topics: levels are short.
        match topic.bytes().position(|byte| byte == b'/') {
            Some(slash) => &topic[..slash],
            None => topic,
        }
    }
}

impl FromStr for ParentTopic {
    type Err = ParentTopicError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }
}

name_traits!(ParentTopic, ParentTopicError);

/// Why a text is not a [`ParentTopic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentTopicError(Fault);

impl ParentTopicError {
    /// The position of the offending character, counted from 1; `None` when the whole text is at fault, as with its length.
    #[must_use]
    pub const fn position(&self) -> Option<usize> {
        self.0.position()
    }
}

impl fmt::Display for ParentTopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, "parent topic", ParentTopic::LEN_MAX)
    }
}

impl core::error::Error for ParentTopicError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn accepts_the_topics_of_the_manuals() {
        for text in ["room", "roomSend", "TopicA", "GID_XXX_MQTT", "a"] {
            assert_eq!(text.parse::<ParentTopic>().unwrap(), text);
        }
        assert!("t".repeat(64).parse::<ParentTopic>().is_ok());
    }

    #[test]
    fn errors_say_what_where_and_what_would_be_right() {
        let long = "t".repeat(65);
        for (text, said, position) in [
            ("", "parent topic is empty; expected 1 to 64 of A-Z a-z 0-9 _ -", None),
            (&long, "parent topic has 65 characters; at most 64 are allowed", None),
            ("room/message", "character 5 of the parent topic is '/'; allowed are A-Z a-z 0-9 _ -", Some(5)),
            ("$SYS", "character 1 of the parent topic is '$'; allowed are A-Z a-z 0-9 _ -", Some(1)),
        ] {
            let error = text.parse::<ParentTopic>().unwrap_err();
            assert_eq!(error.to_string(), said);
            assert_eq!(error.position(), position);
        }
    }

    #[test]
    fn first_level_of_any_text() {
        for (topic, parent) in
            [("room/message/1", "room"), ("room/", "room"), ("room", "room"), ("/room", ""), ("", "")]
        {
            assert_eq!(ParentTopic::level_of(topic), parent);
        }
    }
}
