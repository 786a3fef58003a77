use core::fmt;

use crate::client::ClientIdRef;
use crate::fault::{ALLOWED, Fault, is_name_byte};
use crate::p2p::{P2pTopic, P2pTopicError};
use crate::{ParentTopic, ParentTopicError};

/// A topic name by the product's rules, borrowed: `<parent>[/<sub>..]` or a P2P topic.
///
/// The first level is a [`ParentTopic`]; every other level holds `A-Z a-z 0-9 _ -` only and may be empty, so `room/notice/` is one.
/// At most 64 characters in all, except for P2P topics, whose parent and target have limits of their own. Control topics
/// (`$SYS/..`) are not topics in this sense. Nothing is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Topic<'a> {
    text: &'a str,
    target: Option<ClientIdRef<'a>>,
}

impl<'a> Topic<'a> {
    /// The most characters of a topic that is not P2P, parent and separators included.
    pub const LEN_MAX: usize = 64;

    /// Checks a topic name.
    ///
    /// # Errors
    /// When `text` breaks a rule above; a text that looks like a P2P topic has to be a valid one.
    pub fn parse(text: &'a str) -> Result<Self, TopicError> {
        if P2pTopic::has_shape(text) {
            let (_, target) = P2pTopic::split(text).map_err(|error| TopicError(Kind::P2p(error)))?;
            return Ok(Self { text, target: Some(target) });
        }
        check(text, Wildcards::Forbidden).map_err(TopicError)?;
        Ok(Self { text, target: None })
    }

    /// The topic as sent.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.text
    }

    /// The first level.
    #[must_use]
    pub fn parent(self) -> &'a str {
        ParentTopic::level_of(self.text)
    }

    /// Everything behind the first `/`; empty if there is none.
    #[must_use]
    pub fn sub(self) -> &'a str {
        sub(self.text)
    }

    /// The client a P2P topic leads to; `None` for every other topic.
    #[must_use]
    pub const fn target(self) -> Option<ClientIdRef<'a>> {
        self.target
    }
}

/// A topic filter by the product's rules, borrowed: a [`Topic`] whose levels behind the first may be `+`, and the last one `#`.
///
/// The first level is always literal, because it names a resource. Nothing is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Filter<'a>(&'a str);

impl<'a> Filter<'a> {
    /// Checks a topic filter.
    ///
    /// # Errors
    /// When `text` breaks a rule above.
    pub fn parse(text: &'a str) -> Result<Self, FilterError> {
        // A filter for one's own P2P topic may be longer than 64; anything else behind `p2p` is judged like other filters.
        if P2pTopic::split(text).is_ok() {
            return Ok(Self(text));
        }
        check(text, Wildcards::Allowed).map_err(FilterError)?;
        Ok(Self(text))
    }

    /// The filter as sent.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The first level.
    #[must_use]
    pub fn parent(self) -> &'a str {
        ParentTopic::level_of(self.0)
    }

    /// Everything behind the first `/`; empty if there is none.
    #[must_use]
    pub fn sub(self) -> &'a str {
        sub(self.0)
    }

    /// Whether the second level is `p2p`: a client that subscribes there asks for what it gets without asking.
    #[must_use]
    pub fn is_p2p(self) -> bool {
        self.sub().split('/').next() == Some("p2p")
    }
}

macro_rules! text_traits {
    ($name:ident, $error:ident) => {
        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl AsRef<str> for $name<'_> {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl<'a> TryFrom<&'a str> for $name<'a> {
            type Error = $error;

            fn try_from(text: &'a str) -> Result<Self, Self::Error> {
                Self::parse(text)
            }
        }
    };
}

text_traits!(Topic, TopicError);
text_traits!(Filter, FilterError);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wildcards {
    Forbidden,
    Allowed,
}

fn sub(text: &str) -> &str {
    text.split_once('/').map_or("", |(_, sub)| sub)
}

fn check(text: &str, wildcards: Wildcards) -> Result<(), Kind> {
    // First: it bounds the work of everything below.
    if let Err(Fault::TooLong { len, .. }) = Fault::too_long(text, Topic::LEN_MAX) {
        return Err(Kind::TooLong { len });
    }
    let parent = ParentTopic::level_of(text);
    ParentTopic::check(parent).map_err(Kind::Parent)?;
    let mut start = parent.len();
    while start < text.len() {
        start += 1; // the '/'
        let level = text[start..].split('/').next().unwrap_or_default();
        let last = start + level.len() == text.len();
        let wild = level == "+" || (level == "#" && last);
        if !(wild && wildcards == Wildcards::Allowed) {
            check_level(level, start, wildcards)?;
        }
        start += level.len();
    }
    Ok(())
}

fn check_level(level: &str, start: usize, wildcards: Wildcards) -> Result<(), Kind> {
    if level.bytes().all(is_name_byte) {
        return Ok(());
    }
    match Fault::foreign(level, start) {
        Err(Fault::Foreign { index, found }) if matches!(found, '+' | '#') => Err(match wildcards {
            Wildcards::Forbidden => Kind::Wildcard { index, found },
            Wildcards::Allowed => Kind::Misplaced { index, found },
        }),
        Err(Fault::Foreign { index, found }) => Err(Kind::Foreign { index, found }),
        _ => Ok(()),
    }
}

/// Why a text is not a [`Topic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicError(Kind);

/// Why a text is not a [`Filter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    TooLong { len: usize },
    Parent(ParentTopicError),
    Wildcard { index: usize, found: char },
    Misplaced { index: usize, found: char },
    Foreign { index: usize, found: char },
    P2p(P2pTopicError),
}

impl Kind {
    fn position(self) -> Option<usize> {
        match self {
            Self::TooLong { .. } => None,
            Self::Parent(error) => error.position(),
            Self::P2p(error) => error.position(),
            Self::Wildcard { index, .. } | Self::Misplaced { index, .. } | Self::Foreign { index, .. } => {
                Some(index + 1)
            }
        }
    }

    fn write(self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        match self {
            Self::TooLong { len } => write!(f, "{name} has {len} characters; at most {} are allowed", Topic::LEN_MAX),
            Self::Parent(error) => write!(f, "{name}: {error}"),
            Self::Wildcard { index, found } => write!(
                f,
                "character {} of the {name} is {found:?}; wildcards belong in filters, allowed are {ALLOWED}",
                index + 1
            ),
            Self::Misplaced { index, found } => write!(
                f,
                "character {} of the {name} is {found:?}; '+' must fill a level, '#' the last level",
                index + 1
            ),
            Self::Foreign { index, found } => write!(
                f,
                "character {} of the {name} is {found:?}; allowed are {ALLOWED} and '/' between levels",
                index + 1
            ),
            Self::P2p(error) => write!(f, "{error}"),
        }
    }

    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Parent(error) => Some(error),
            Self::P2p(error) => Some(error),
            _ => None,
        }
    }
}

macro_rules! error_traits {
    ($error:ident, $name:literal) => {
        impl $error {
            /// The position of the offending character, counted from 1; `None` when a length is at fault.
            #[must_use]
            pub fn position(&self) -> Option<usize> {
                self.0.position()
            }
        }

        impl fmt::Display for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write(f, $name)
            }
        }

        impl core::error::Error for $error {
            fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
                self.0.source()
            }
        }
    };
}

error_traits!(TopicError, "topic");
error_traits!(FilterError, "filter");

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn takes_the_topics_of_the_demos() {
        for (text, parent, sub) in [
            ("TopicA", "TopicA", ""),
            ("roomSend/message", "roomSend", "message"),
            ("room/message/123456", "room", "message/123456"),
            ("topic/notice/", "topic", "notice/"),
            ("topic/p2p", "topic", "p2p"),
            ("a//b", "a", "/b"),
        ] {
            let topic = Topic::parse(text).unwrap();
            assert_eq!((topic.as_str(), topic.parent(), topic.sub()), (text, parent, sub));
            assert_eq!(topic.target(), None);
            assert_eq!(Filter::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_p2p_topic_has_a_target_and_its_own_limits() {
        let text = format!("{}/p2p/GID_abc@@@{}", "t".repeat(64), "d".repeat(54));
        let topic = Topic::parse(&text).unwrap();
        assert_eq!(topic.target().unwrap().group(), "GID_abc");
        assert!(Filter::parse(&text).unwrap().is_p2p());
        assert_eq!(
            Topic::parse("room/p2p/x").unwrap_err().to_string(),
            "P2P topic, target from character 10: client id has no \"@@@\"; expected <GroupID>@@@<DeviceID>"
        );
    }

    #[test]
    fn sixty_four_characters_in_all() {
        let fits = format!("room/{}", "x".repeat(59));
        let over = format!("room/{}", "x".repeat(60));
        assert!(Topic::parse(&fits).is_ok());
        assert!(Filter::parse(&fits).is_ok());
        assert_eq!(Topic::parse(&over).unwrap_err().to_string(), "topic has 65 characters; at most 64 are allowed");
        assert_eq!(Filter::parse(&over).unwrap_err().to_string(), "filter has 65 characters; at most 64 are allowed");
    }

    #[test]
    fn filters_take_wildcards_behind_the_parent() {
        for (text, p2p) in [
            ("room/#", false),
            ("room/+", false),
            ("room/+/x/+/#", false),
            ("topic/p2p", true),
            ("topic/p2p/", true),
            ("topic/p2p/#", true),
            ("topic/p2p/+", true),
            ("topic/p2px/#", false),
        ] {
            assert_eq!(Filter::parse(text).unwrap().is_p2p(), p2p, "{text}");
        }
    }

    #[test]
    fn topic_errors_say_what_where_and_what_would_be_right() {
        for (text, said, position) in [
            ("", "topic: parent topic is empty; expected 1 to 64 of A-Z a-z 0-9 _ -", None),
            ("/subDemo1", "topic: parent topic is empty; expected 1 to 64 of A-Z a-z 0-9 _ -", None),
            ("$SYS/uploadToken", "topic: character 1 of the parent topic is '$'; allowed are A-Z a-z 0-9 _ -", Some(1)),
            (
                "room/a/+",
                "character 8 of the topic is '+'; wildcards belong in filters, allowed are A-Z a-z 0-9 _ -",
                Some(8),
            ),
            (
                "room/a b",
                "character 7 of the topic is ' '; allowed are A-Z a-z 0-9 _ - and '/' between levels",
                Some(7),
            ),
        ] {
            let error = Topic::parse(text).unwrap_err();
            assert_eq!(error.to_string(), said);
            assert_eq!(error.position(), position, "{text:?}");
        }
    }

    #[test]
    fn filter_errors_say_what_where_and_what_would_be_right() {
        for (text, said, position) in [
            ("#", "filter: character 1 of the parent topic is '#'; allowed are A-Z a-z 0-9 _ -", Some(1)),
            ("room/#/x", "character 6 of the filter is '#'; '+' must fill a level, '#' the last level", Some(6)),
            ("room/x+", "character 7 of the filter is '+'; '+' must fill a level, '#' the last level", Some(7)),
            (
                "room/x:1/#",
                "character 7 of the filter is ':'; allowed are A-Z a-z 0-9 _ - and '/' between levels",
                Some(7),
            ),
        ] {
            let error = Filter::parse(text).unwrap_err();
            assert_eq!(error.to_string(), said);
            assert_eq!(error.position(), position, "{text:?}");
        }
    }
}
