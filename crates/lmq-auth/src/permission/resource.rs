use core::fmt;

use super::Permissions;

/// Checks that `text` is a topic filter of a length we hold.
pub(super) fn check(text: &str) -> Result<(), ResourceError> {
    if text.is_empty() {
        return Err(ResourceError(Kind::Empty));
    }
    if text.len() > Permissions::RESOURCE_LEN_MAX {
        return Err(ResourceError(Kind::TooLong { len: text.len() }));
    }
    let mut start = 0;
    for level in text.split('/') {
        let last = start + level.len() == text.len();
        if !(level == "+" || (level == "#" && last)) {
            if let Some(index) = level.find(['+', '#', '\0']) {
                return Err(ResourceError(Kind::Character { index: start + index }));
            }
        }
        start += level.len() + 1;
    }
    Ok(())
}

/// Why a resource was not granted or denied. The fault of who issued the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceError(Kind);

impl ResourceError {
    pub(super) const TOO_MANY: Self = Self(Kind::TooMany);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Empty,
    TooLong { len: usize },
    TooMany,
    Character { index: usize },
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Empty => f.write_str("resource is empty; expected a topic filter such as room/#"),
            Kind::TooLong { len } => {
                write!(f, "resource has {len} bytes; at most {} are allowed", Permissions::RESOURCE_LEN_MAX)
            }
            Kind::TooMany => write!(f, "more than {} resources", Permissions::RESOURCES_MAX),
            Kind::Character { index } => write!(
                f,
                "byte {} of the resource is out of place; '+' must fill a level, '#' the last level, U+0000 is not allowed",
                index + 1
            ),
        }
    }
}

impl core::error::Error for ResourceError {}
