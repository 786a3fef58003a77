use alloc::boxed::Box;
use core::fmt;
use core::str::FromStr;

use crate::fault::Fault;
use crate::name::name_traits;

/// A device id: the part of a client id behind `@@@`, unique within its group.
///
/// 1 to 54 characters of `A-Z a-z 0-9 _ -`; a client id of 64 leaves no room for more behind the shortest group id.
/// 16 bytes plus the text on the heap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(Box<str>);

impl DeviceId {
    /// The most characters of a device id.
    pub const LEN_MAX: usize = 54;

    /// Checks `text` without allocating.
    ///
    /// # Errors
    /// When `text` is not a device id.
    pub fn check(text: &str) -> Result<(), DeviceIdError> {
        Fault::find(text, Self::LEN_MAX).map_err(DeviceIdError)
    }

    /// For parts of text that has been checked.
    pub(crate) fn from_checked(text: &str) -> Self {
        debug_assert!(Self::check(text).is_ok());
        Self(text.into())
    }
}

impl FromStr for DeviceId {
    type Err = DeviceIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }
}

name_traits!(DeviceId, DeviceIdError);

/// Why a text is not a [`DeviceId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceIdError(Fault);

impl DeviceIdError {
    /// The position of the offending character, counted from 1; `None` when the whole text is at fault, as with its length.
    #[must_use]
    pub const fn position(&self) -> Option<usize> {
        self.0.position()
    }
}

impl fmt::Display for DeviceIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, "device id", DeviceId::LEN_MAX)
    }
}

impl core::error::Error for DeviceIdError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn accepts_the_devices_of_the_manuals() {
        for text in ["001", "0001", "BBB001", "DEVICEID_001", "DeviceID_0001", "a-b", "-", "_"] {
            assert_eq!(text.parse::<DeviceId>().unwrap().to_string(), text);
        }
        assert!("d".repeat(54).parse::<DeviceId>().is_ok());
    }

    #[test]
    fn errors_say_what_where_and_what_would_be_right() {
        let long = "d".repeat(55);
        for (text, said, position) in [
            ("", "device id is empty; expected 1 to 54 of A-Z a-z 0-9 _ -", None),
            (&long, "device id has 55 characters; at most 54 are allowed", None),
            ("@001", "character 1 of the device id is '@'; allowed are A-Z a-z 0-9 _ -", Some(1)),
            ("00 1", "character 3 of the device id is ' '; allowed are A-Z a-z 0-9 _ -", Some(3)),
            ("x\n", "character 2 of the device id is '\\n'; allowed are A-Z a-z 0-9 _ -", Some(2)),
        ] {
            let error = text.parse::<DeviceId>().unwrap_err();
            assert_eq!(error.to_string(), said);
            assert_eq!(error.position(), position);
        }
    }
}
