use crate::Version;

/// The filters of a SUBSCRIBE or an UNSUBSCRIBE, with what stands beside each.
#[derive(Clone, Copy)]
pub(crate) enum Entries<'a, T> {
    /// Checked bytes.
    Wire(&'a [u8], Version),
    /// A list of the caller's.
    List(&'a [T]),
}

impl<'a, T> Entries<'a, T> {
    #[cfg(feature = "alloc")]
    pub(crate) const fn wire(&self) -> Option<(&'a [u8], Version)> {
        match *self {
            Self::Wire(bytes, version) => Some((bytes, version)),
            Self::List(_) => None,
        }
    }

    /// The entries as they came from the wire, if this version writes and checks them as theirs did.
    pub(crate) const fn wire_of(&self, version: Version) -> Option<&'a [u8]> {
        match *self {
            Self::Wire(bytes, checked) if checked.has_properties() == version.has_properties() => Some(bytes),
            _ => None,
        }
    }
}
