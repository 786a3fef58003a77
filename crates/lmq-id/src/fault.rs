//! What can be wrong with a text made of name characters, shared by the error types of all names.

use core::fmt;

/// The characters of every name, in the words of the error texts.
pub(crate) const ALLOWED: &str = "A-Z a-z 0-9 _ -";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Empty,
    TooShort { len: usize, min: usize },
    TooLong { len: usize, max: usize },
    Foreign { index: usize, found: char },
    EndsWithHyphen { index: usize },
}

impl Fault {
    /// Finds the first fault of `text` as a name of 1 to `max` characters.
    pub(crate) fn find(text: &str, max: usize) -> Result<(), Self> {
        if text.is_empty() {
            return Err(Self::Empty);
        }
        Self::too_long(text, max)?;
        Self::foreign(text, 0)
    }

    /// Counts characters only when the byte length leaves a doubt.
    pub(crate) fn too_long(text: &str, max: usize) -> Result<(), Self> {
        if text.len() <= max {
            return Ok(());
        }
        let len = text.chars().count();
        if len > max {
            return Err(Self::TooLong { len, max });
        }
        Ok(())
    }

    /// `offset` is added to the index, for a text that is a part of a longer one.
    pub(crate) fn foreign(text: &str, offset: usize) -> Result<(), Self> {
        let Some(index) = text.bytes().position(|b| !is_name_byte(b)) else {
            return Ok(());
        };
        // Everything before `index` is ASCII, so it is a character boundary and bytes count characters.
        let found = text[index..].chars().next().unwrap_or('\u{FFFD}');
        Err(Self::Foreign { index: offset + index, found })
    }

    /// The 1-based character position, where the fault has one.
    pub(crate) const fn position(self) -> Option<usize> {
        match self {
            Self::Foreign { index, .. } | Self::EndsWithHyphen { index } => Some(index + 1),
            Self::Empty | Self::TooShort { .. } | Self::TooLong { .. } => None,
        }
    }

    /// Writes the fault about a thing called `name` of 1 to `max` characters.
    pub(crate) fn write(self, f: &mut fmt::Formatter<'_>, name: &str, max: usize) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "{name} is empty; expected 1 to {max} of {ALLOWED}"),
            Self::TooShort { len, min } => {
                write!(f, "{name} has {len} characters; at least {min} are needed")
            }
            Self::TooLong { len, max } => {
                write!(f, "{name} has {len} characters; at most {max} are allowed")
            }
            Self::Foreign { index, found } => {
                write!(f, "character {} of the {name} is {found:?}; allowed are {ALLOWED}", index + 1)
            }
            Self::EndsWithHyphen { index } => write!(
                f,
                "character {} of the {name} is '-'; the first and the last must be of A-Z a-z 0-9 _",
                index + 1
            ),
        }
    }
}

pub(crate) const fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES[byte as usize]
}

/// One load per byte instead of four comparisons: ids are checked per CONNECT and per P2P PUBLISH.
const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        byte += 1;
    }
    table
};
