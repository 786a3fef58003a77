use alloc::boxed::Box;
use core::fmt;
use core::str::FromStr;

use crate::client::ClientIdRef;
use crate::name::name_traits;
use crate::{ClientId, ClientIdError, ParentTopic, ParentTopicError};

/// Stands between parent and target: the second level of every P2P topic, and its separators.
const INFIX: &str = "/p2p/";

/// The address of one client: `<parent>/p2p/<target client id>`, for example `room/p2p/GID_student@@@002`.
///
/// A message published there reaches the target without a subscription. Parent and client id are limited to 64 characters each;
/// the limit of 64 on other topics does not apply to the whole. 16 bytes plus the text on the heap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct P2pTopic(Box<str>);

impl P2pTopic {
    /// The most characters of a P2P topic.
    pub const LEN_MAX: usize = ParentTopic::LEN_MAX + INFIX.len() + ClientId::LEN_MAX;

    /// The topic that reaches `target` by way of `parent`.
    #[must_use]
    pub fn new(parent: &ParentTopic, target: &ClientId) -> Self {
        Self::join(parent.as_str(), target.as_str())
    }

    /// Parses a topic name. One `/` behind the client id is accepted and left out of the value.
    ///
    /// # Errors
    /// When `topic` is not a P2P topic, or its parent or target is not valid.
    pub fn parse(topic: &str) -> Result<Self, P2pTopicError> {
        let (parent, target) = Self::split(topic)?;
        Ok(Self::join(parent, target.as_str()))
    }

    /// Checks a topic name without allocating and returns its parent and its target.
    ///
    /// # Errors
    /// When `topic` is not a P2P topic, or its parent or target is not valid.
    pub fn split(topic: &str) -> Result<(&str, ClientIdRef<'_>), P2pTopicError> {
        let fail = |kind| Err(P2pTopicError(kind));
        let Some((parent, target)) = parts(topic) else {
            return fail(Kind::Shape);
        };
        if let Err(error) = ParentTopic::check(parent) {
            return fail(Kind::Parent(error));
        }
        let start = parent.len() + INFIX.len();
        match ClientId::check(target.strip_suffix('/').unwrap_or(target)) {
            Ok(target) => Ok((parent, target)),
            Err(error) => fail(Kind::Target { error, start }),
        }
    }

    /// Whether `topic` has `p2p` as its second level and something behind it, valid or not: the question to ask of every
    /// PUBLISH, answered by one scan to the second `/`.
    ///
    /// ```
    /// use lmq_id::P2pTopic;
    /// assert!(P2pTopic::has_shape("TopicA/p2p/GID_Test@@@0001"));
    /// assert!(!P2pTopic::has_shape("TopicA/p2p"));
    /// ```
    #[must_use]
    pub fn has_shape(topic: &str) -> bool {
        parts(topic).is_some()
    }

    /// The parent topic.
    #[must_use]
    pub fn parent(&self) -> &str {
        ParentTopic::level_of(&self.0)
    }

    /// The client the topic leads to.
    #[must_use]
    pub fn target(&self) -> ClientIdRef<'_> {
        let start = self.parent().len() + INFIX.len();
        ClientIdRef::from_checked(&self.0[start..])
    }

    fn join(parent: &str, target: &str) -> Self {
        Self([parent, INFIX, target].concat().into())
    }
}

impl FromStr for P2pTopic {
    type Err = P2pTopicError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

name_traits!(P2pTopic, P2pTopicError);

/// Parent and everything behind `/p2p/`, if that is not empty.
fn parts(topic: &str) -> Option<(&str, &str)> {
    // Over bytes: this runs for every PUBLISH, and setting up a character search costs more than a first level is long.
    let slash = topic.bytes().position(|byte| byte == b'/')?;
    let (parent, rest) = topic.split_at(slash);
    let target = rest.strip_prefix(INFIX)?;
    (!target.is_empty()).then_some((parent, target))
}

/// Why a text is not a [`P2pTopic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct P2pTopicError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Shape,
    Parent(ParentTopicError),
    Target { error: ClientIdError, start: usize },
}

impl P2pTopicError {
    /// Whether the text is no P2P topic at all, as opposed to one with a bad parent or target.
    #[must_use]
    pub const fn is_shape(&self) -> bool {
        matches!(self.0, Kind::Shape)
    }

    /// The position in the topic of the offending character, counted from 1; `None` when a length or the shape is at fault.
    #[must_use]
    pub fn position(&self) -> Option<usize> {
        match self.0 {
            Kind::Shape => None,
            Kind::Parent(error) => error.position(),
            Kind::Target { error, start } => error.position().map(|at| at + start),
        }
    }
}

impl fmt::Display for P2pTopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Shape => f.write_str("not a P2P topic; expected <parent>/p2p/<GroupID>@@@<DeviceID>"),
            Kind::Parent(error) => write!(f, "P2P topic: {error}"),
            Kind::Target { error, start } => {
                write!(f, "P2P topic, target from character {}: {error}", start + 1)
            }
        }
    }
}

impl core::error::Error for P2pTopicError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.0 {
            Kind::Shape => None,
            Kind::Parent(error) => Some(error),
            Kind::Target { error, .. } => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn parses_what_the_demos_publish() {
        let topic: P2pTopic = "TopicA/p2p/GID_Test@@@0001".parse().unwrap();
        assert_eq!(topic.parent(), "TopicA");
        assert_eq!(topic.target().as_str(), "GID_Test@@@0001");
        assert_eq!(topic.target().group(), "GID_Test");
    }

    #[test]
    fn a_trailing_slash_is_left_out_of_the_value() {
        let topic = P2pTopic::parse("room/p2p/GID_student@@@002/").unwrap();
        assert_eq!(topic, "room/p2p/GID_student@@@002");
        assert!(P2pTopic::parse("room/p2p/GID_student@@@002//").is_err());
    }

    #[test]
    fn the_longest_is_made_of_the_longest_parts() {
        let parent: ParentTopic = "t".repeat(64).parse().unwrap();
        let target: ClientId = format!("GID_abc@@@{}", "d".repeat(54)).parse().unwrap();
        let topic = P2pTopic::new(&parent, &target);
        assert_eq!(topic.as_str().len(), P2pTopic::LEN_MAX);
        assert_eq!(P2pTopic::LEN_MAX, 133);
        assert_eq!(topic.as_str().parse::<P2pTopic>().unwrap(), topic);
        assert_eq!(topic.parent(), parent.as_str());
        assert_eq!(topic.target(), target.view());
    }

    #[test]
    fn shape_is_second_level_p2p_and_something_behind_it() {
        for (topic, shape) in [
            ("TopicA/p2p/GID_Test@@@0001", true),
            ("TopicA/p2p/x", true),
            ("/p2p/x", true),
            ("TopicA/p2p//", true),
            ("TopicA/p2p", false),
            ("TopicA/p2p/", false),
            ("TopicA/P2P/x", false),
            ("TopicA/p2px/x", false),
            ("TopicA/x/p2p/x", false),
            ("p2p/x/y", false),
            ("p2p", false),
            ("", false),
        ] {
            assert_eq!(P2pTopic::has_shape(topic), shape, "{topic}");
        }
    }

    #[test]
    fn errors_say_what_where_and_what_would_be_right() {
        for (text, said, position, shape) in [
            ("TopicA/p2p", "not a P2P topic; expected <parent>/p2p/<GroupID>@@@<DeviceID>", None, true),
            (
                "Top:cA/p2p/GID_Test@@@0001",
                "P2P topic: character 4 of the parent topic is ':'; allowed are A-Z a-z 0-9 _ -",
                Some(4),
                false,
            ),
            (
                "TopicA/p2p/GID_Test@@@0001/x",
                "P2P topic, target from character 12: character 16 of the client id is '/'; allowed are A-Z a-z 0-9 _ -",
                Some(27),
                false,
            ),
            (
                "TopicA/p2p/0001",
                "P2P topic, target from character 12: client id has no \"@@@\"; expected <GroupID>@@@<DeviceID>",
                None,
                false,
            ),
        ] {
            let error = text.parse::<P2pTopic>().unwrap_err();
            assert_eq!(error.to_string(), said);
            assert_eq!(error.position(), position, "{text:?}");
            assert_eq!(error.is_shape(), shape, "{text:?}");
        }
    }
}
