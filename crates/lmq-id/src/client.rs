use alloc::boxed::Box;
use core::fmt;
use core::str::FromStr;

use crate::fault::{ALLOWED, Fault};
use crate::name::name_traits;
use crate::{DeviceId, GroupId, GroupIdError, Rules};

/// Stands between group id and device id. The first one divides; neither part may hold `@`.
const SEPARATOR: &str = "@@@";

/// A client id: `<GroupID>@@@<DeviceID>`, at most 64 characters, for example `GID_student@@@001`.
///
/// 16 bytes plus the text on the heap. [`ClientIdRef`] is the same name borrowed, for paths that must not allocate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Box<str>);

impl ClientId {
    /// The most characters of a client id, both parts and the separator together.
    pub const LEN_MAX: usize = 64;

    /// Joins a group and a device.
    ///
    /// # Errors
    /// When both together with the separator exceed [`LEN_MAX`](Self::LEN_MAX).
    pub fn new(group: &GroupId, device: &DeviceId) -> Result<Self, ClientIdError> {
        let (group, device) = (group.as_str(), device.as_str());
        let len = group.len() + SEPARATOR.len() + device.len();
        if len > Self::LEN_MAX {
            return Err(ClientIdError(Kind::TooLong { len }));
        }
        Ok(Self([group, SEPARATOR, device].concat().into()))
    }

    /// Parses `text` by the given edition of the group id's rules.
    ///
    /// # Errors
    /// When `text` is not a client id of that edition.
    pub fn parse_with(text: &str, rules: Rules) -> Result<Self, ClientIdError> {
        ClientIdRef::parse_with(text, rules).map(ClientIdRef::to_owned)
    }

    /// Checks `text` without allocating and gives access to its parts.
    ///
    /// # Errors
    /// When `text` is not a client id.
    pub fn check(text: &str) -> Result<ClientIdRef<'_>, ClientIdError> {
        ClientIdRef::parse_with(text, Rules::Current)
    }

    /// The part before `@@@`.
    #[must_use]
    pub fn group(&self) -> &str {
        self.view().group()
    }

    /// The part behind `@@@`.
    #[must_use]
    pub fn device(&self) -> &str {
        self.view().device()
    }

    /// The group as a value of its own.
    #[must_use]
    pub fn group_id(&self) -> GroupId {
        self.view().group_id()
    }

    /// The device as a value of its own.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        self.view().device_id()
    }

    /// The same client id, borrowed.
    #[must_use]
    pub fn view(&self) -> ClientIdRef<'_> {
        ClientIdRef(&self.0)
    }
}

impl FromStr for ClientId {
    type Err = ClientIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_with(text, Rules::Current)
    }
}

name_traits!(ClientId, ClientIdError);

/// A checked client id that borrows its text: what [`ClientId::check`] returns. 16 bytes, nothing on the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientIdRef<'a>(&'a str);

impl<'a> ClientIdRef<'a> {
    /// Checks `text` by the given edition of the group id's rules.
    ///
    /// # Errors
    /// When `text` is not a client id of that edition.
    pub fn parse_with(text: &'a str, rules: Rules) -> Result<Self, ClientIdError> {
        if text.is_empty() {
            return Err(ClientIdError(Kind::Empty));
        }
        if let Err(Fault::TooLong { len, .. }) = Fault::too_long(text, ClientId::LEN_MAX) {
            return Err(ClientIdError(Kind::TooLong { len }));
        }
        let Some((group, device)) = divide(text) else {
            return Err(ClientIdError(Kind::NoSeparator));
        };
        GroupId::check(group, rules).map_err(|error| ClientIdError(Kind::Group(error)))?;
        let start = group.len() + SEPARATOR.len();
        if device.is_empty() {
            return Err(ClientIdError(Kind::NoDevice { index: start }));
        }
        Fault::foreign(device, start).map_err(|fault| ClientIdError(Kind::Device(fault)))?;
        Ok(Self(text))
    }

    /// The client id as text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The part before `@@@`.
    #[must_use]
    pub fn group(self) -> &'a str {
        self.parts().0
    }

    /// The part behind `@@@`.
    #[must_use]
    pub fn device(self) -> &'a str {
        self.parts().1
    }

    /// The group as a value of its own.
    #[must_use]
    pub fn group_id(self) -> GroupId {
        GroupId::from_checked(self.group())
    }

    /// The device as a value of its own.
    #[must_use]
    pub fn device_id(self) -> DeviceId {
        DeviceId::from_checked(self.device())
    }

    /// The same client id as an owned value.
    #[must_use]
    pub fn to_owned(self) -> ClientId {
        ClientId(self.0.into())
    }

    /// For parts of text that has been checked.
    pub(crate) fn from_checked(text: &'a str) -> Self {
        debug_assert!(ClientId::check(text).is_ok());
        Self(text)
    }

    fn parts(self) -> (&'a str, &'a str) {
        // Construction proved the separator; the fallback only keeps this path free of panics.
        divide(self.0).unwrap_or((self.0, ""))
    }
}

/// Divides at the first separator.
fn divide(text: &str) -> Option<(&str, &str)> {
    // In every valid id the first '@' begins the separator; a byte scan costs less than a substring search.
    let at = text.bytes().position(|byte| byte == b'@')?;
    let (group, rest) = text.split_at(at);
    match rest.strip_prefix(SEPARATOR) {
        Some(device) => Some((group, device)),
        None => text.split_once(SEPARATOR),
    }
}

impl fmt::Display for ClientIdRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl AsRef<str> for ClientIdRef<'_> {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl<'a> From<&'a ClientId> for ClientIdRef<'a> {
    fn from(id: &'a ClientId) -> Self {
        id.view()
    }
}

impl From<ClientIdRef<'_>> for ClientId {
    fn from(id: ClientIdRef<'_>) -> Self {
        id.to_owned()
    }
}

impl<'a> TryFrom<&'a str> for ClientIdRef<'a> {
    type Error = ClientIdError;

    fn try_from(text: &'a str) -> Result<Self, Self::Error> {
        ClientId::check(text)
    }
}

/// Why a text is not a [`ClientId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIdError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Empty,
    TooLong { len: usize },
    NoSeparator,
    Group(GroupIdError),
    NoDevice { index: usize },
    Device(Fault),
}

impl ClientIdError {
    /// The position in the client id of the offending character, counted from 1; `None` when the whole text is at fault.
    #[must_use]
    pub const fn position(&self) -> Option<usize> {
        match self.0 {
            Kind::Group(error) => error.position(),
            Kind::NoDevice { index } => Some(index + 1),
            Kind::Device(fault) => fault.position(),
            Kind::Empty | Kind::TooLong { .. } | Kind::NoSeparator => None,
        }
    }
}

impl fmt::Display for ClientIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Empty => f.write_str("client id is empty; expected <GroupID>@@@<DeviceID>"),
            Kind::TooLong { len } => {
                write!(f, "client id has {len} characters; at most {} are allowed", ClientId::LEN_MAX)
            }
            Kind::NoSeparator => f.write_str("client id has no \"@@@\"; expected <GroupID>@@@<DeviceID>"),
            Kind::Group(error) => write!(f, "client id: {error}"),
            Kind::NoDevice { index } => write!(
                f,
                "client id has nothing behind \"@@@\" (at character {}); expected a device id of {ALLOWED}",
                index + 1
            ),
            Kind::Device(fault) => fault.write(f, "client id", ClientId::LEN_MAX),
        }
    }
}

impl core::error::Error for ClientIdError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.0 {
            Kind::Group(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn splits_at_the_first_separator() {
        let id: ClientId = "GID_Test@@@0001".parse().unwrap();
        assert_eq!((id.group(), id.device()), ("GID_Test", "0001"));
        assert_eq!(id.group_id(), "GID_Test");
        assert_eq!(id.device_id(), "0001");
        assert_eq!(id.to_string(), "GID_Test@@@0001");
        assert_eq!(format!("{id:>16}"), " GID_Test@@@0001");
        assert_eq!(format!("{id:?}"), "ClientId(\"GID_Test@@@0001\")");
    }

    #[test]
    fn a_second_separator_is_part_of_no_device() {
        for (text, position) in [("GID_Test@@@@0001", 12), ("GID_Test@@@a@@@b", 13), ("GID_T@st@@@0001", 6)] {
            assert_eq!(ClientId::check(text).unwrap_err().position(), Some(position));
        }
    }

    #[test]
    fn new_joins_and_checks_the_length() {
        let device: DeviceId = "d".repeat(54).parse().unwrap();
        let shortest: GroupId = "GID_abc".parse().unwrap();
        let id = ClientId::new(&shortest, &device).unwrap();
        assert_eq!(id.as_str().len(), ClientId::LEN_MAX);
        assert_eq!((id.group(), id.device()), (shortest.as_str(), device.as_str()));
        assert_eq!(id.as_str().parse::<ClientId>().unwrap(), id);

        let longer: GroupId = "GID_abcd".parse().unwrap();
        assert_eq!(
            ClientId::new(&longer, &device).unwrap_err().to_string(),
            "client id has 65 characters; at most 64 are allowed"
        );
    }

    #[test]
    fn the_edition_decides_about_the_group() {
        let text = format!("GID_{}@@@1", "x".repeat(29));
        assert!(ClientId::parse_with(&text, Rules::Current).is_ok());
        assert_eq!(
            ClientId::parse_with(&text, Rules::Strict2018).unwrap_err().to_string(),
            "client id: group id has 33 characters; at most 32 are allowed"
        );
    }

    #[test]
    fn errors_say_what_where_and_what_would_be_right() {
        let long = format!("GID_Test@@@{}", "d".repeat(54));
        for (text, said, position) in [
            ("", "client id is empty; expected <GroupID>@@@<DeviceID>", None),
            (&long, "client id has 65 characters; at most 64 are allowed", None),
            ("GID_Test@@0001", "client id has no \"@@@\"; expected <GroupID>@@@<DeviceID>", None),
            (
                "@@@0001",
                "client id: group id is empty; expected \"GID_\" or \"GID-\" followed by 3 to 60 of A-Z a-z 0-9 _ -",
                None,
            ),
            ("CID_Test@@@0001", "client id: group id must begin with \"GID_\" or \"GID-\" (at character 1)", Some(1)),
            ("GID_T,st@@@0001", "client id: character 6 of the group id is ','; allowed are A-Z a-z 0-9 _ -", Some(6)),
            (
                "GID_Test@@@",
                "client id has nothing behind \"@@@\" (at character 12); expected a device id of A-Z a-z 0-9 _ -",
                Some(12),
            ),
            ("GID_Test@@@设备01", "character 12 of the client id is '设'; allowed are A-Z a-z 0-9 _ -", Some(12)),
            ("GID_Test@@@00%1", "character 14 of the client id is '%'; allowed are A-Z a-z 0-9 _ -", Some(14)),
        ] {
            let error = text.parse::<ClientId>().unwrap_err();
            assert_eq!(error.to_string(), said);
            assert_eq!(error.position(), position, "{text:?}");
        }
    }

    #[test]
    fn the_source_of_a_group_error_is_the_group_error() {
        use core::error::Error;

        let error = "x@@@y".parse::<ClientId>().unwrap_err();
        assert_eq!(
            error.source().unwrap().to_string(),
            "group id must begin with \"GID_\" or \"GID-\" (at character 1)"
        );
        assert!("x".parse::<ClientId>().unwrap_err().source().is_none());
    }
}
