/// Which edition of the product's manual decides what a group id may look like.
///
/// Every name that passes [`Strict2018`](Self::Strict2018) passes [`Current`](Self::Current) too, so a gateway can loosen the
/// rules later without losing a client. Parsing through [`FromStr`](core::str::FromStr), `TryFrom` or serde uses `Current`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rules {
    /// Today's help pages: a group id begins with `GID_` or `GID-` and has 7 to 64 characters.
    #[default]
    Current,
    /// The manual of 2018-10: a group id begins with `GID_` and has 7 to 32 characters.
    ///
    /// That manual's text asks for letters and digits only, while its own console shows group ids with `_` and `-` behind the
    /// prefix; both characters are therefore accepted here.
    Strict2018,
}

impl Rules {
    pub(crate) const fn group_prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Current => &["GID_", "GID-"],
            Self::Strict2018 => &["GID_"],
        }
    }

    pub(crate) const fn group_len_max(self) -> usize {
        match self {
            Self::Current => 64,
            Self::Strict2018 => 32,
        }
    }
}
