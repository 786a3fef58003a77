use core::fmt;

use super::{ControlTopic, PAYLOAD_BYTES_MAX};

/// Why the payload of a control message could not be read. The peer's fault. Never repeats a part of the payload: it may be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadError {
    topic: ControlTopic,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    TooLarge { len: usize },
    NotObject,
    Syntax { line: usize, column: usize },
    Twice { key: &'static str },
    Missing { key: &'static str, expected: &'static str },
    Value { key: &'static str, expected: &'static str },
}

impl PayloadError {
    pub(super) const fn new(topic: ControlTopic, kind: Kind) -> Self {
        Self { topic, kind }
    }

    /// The control topic the payload was sent to.
    #[must_use]
    pub const fn topic(&self) -> ControlTopic {
        self.topic
    }

    /// The JSON key at fault; `None` when the payload as a whole is.
    #[must_use]
    pub const fn key(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Twice { key } | Kind::Missing { key, .. } | Kind::Value { key, .. } => Some(key),
            Kind::TooLarge { .. } | Kind::NotObject | Kind::Syntax { .. } => None,
        }
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "payload of {}: ", self.topic)?;
        match self.kind {
            Kind::TooLarge { len } => {
                write!(f, "{len} bytes; at most {PAYLOAD_BYTES_MAX} are allowed")
            }
            Kind::NotObject => f.write_str("not a JSON object; expected {..}"),
            Kind::Syntax { line, column } => {
                write!(f, "not valid JSON at line {line} column {column}")
            }
            Kind::Twice { key } => write!(f, "\"{key}\" stands there twice; expected once"),
            Kind::Missing { key, expected } => {
                write!(f, "\"{key}\" is missing; expected {expected}")
            }
            Kind::Value { key, expected } => {
                write!(f, "\"{key}\" has a wrong value; expected {expected}")
            }
        }
    }
}

impl core::error::Error for PayloadError {}
