use core::fmt;

/// Properties that no packet may carry; the caller's fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PropertyError {
    pub(super) name: &'static str,
    pub(super) at: usize,
    pub(super) kind: PropertyErrorKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PropertyErrorKind {
    TooLong,
    Nul,
    MaximumQoS2,
}

impl PropertyError {
    /// The position of the property in the list, counted from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.at
    }
}

impl fmt::Display for PropertyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, at, kind } = self;
        write!(f, "property {name} at position {at} ")?;
        f.write_str(match kind {
            PropertyErrorKind::TooLong => "is longer than 65535 bytes",
            PropertyErrorKind::Nul => "contains U+0000: no MQTT text does",
            PropertyErrorKind::MaximumQoS2 => "is 2: leave it out, or 0 or 1",
        })
    }
}

impl fmt::Debug for PropertyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PropertyError({self})")
    }
}

impl core::error::Error for PropertyError {}
