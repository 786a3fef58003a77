use core::fmt;
use core::str::FromStr;

/// What a token or a grant lets its holder do: the product's `R`, `W` and `RW`.
///
/// The same three words stand in the token password of CONNECT, in `$SYS/uploadToken` and in the notices about a token; upper
/// case only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// `R`: subscribe.
    Read,
    /// `W`: publish.
    Write,
    /// `RW`: both.
    ReadWrite,
}

impl Access {
    /// All values, in the order of declaration.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::ReadWrite];

    /// `R`, `W` or `RW`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "R",
            Self::Write => "W",
            Self::ReadWrite => "RW",
        }
    }

    /// Whether subscribing is allowed.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    /// Whether publishing is allowed.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Access {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|access| access.as_str() == text).ok_or(AccessError(()))
    }
}

impl TryFrom<&str> for Access {
    type Error = AccessError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// The text is none of `R`, `W`, `RW`. The text itself is not kept: it may be a misplaced token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown access; expected R, W or RW in upper case")
    }
}

impl core::error::Error for AccessError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_three_words_and_nothing_else() {
        for (text, access, reads, writes) in
            [("R", Access::Read, true, false), ("W", Access::Write, false, true), ("RW", Access::ReadWrite, true, true)]
        {
            assert_eq!(text.parse(), Ok(access));
            assert_eq!(access.to_string(), text);
            assert_eq!((access.reads(), access.writes()), (reads, writes));
        }
        for text in ["", "r", "rw", "WR", "R ", "X", "RWR"] {
            assert_eq!(
                text.parse::<Access>().unwrap_err().to_string(),
                "unknown access; expected R, W or RW in upper case",
                "{text:?}"
            );
        }
    }
}
