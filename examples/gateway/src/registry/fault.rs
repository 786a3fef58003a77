use std::fmt;

/// Why a change is refused. The text never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What was given cannot be; the caller's mistake.
    Invalid {
        /// Which part of it.
        field: &'static str,
        /// What is wrong with it.
        text: String,
    },
    /// There is no such thing.
    Missing { what: &'static str, name: String },
    /// There is one of that name.
    Exists { what: &'static str, name: String },
    /// It stands in the configuration file.
    ReadOnly { what: &'static str, name: String },
    /// Something needs it.
    InUse { what: &'static str, name: String, by: String },
    /// There are as many as may be.
    Full { what: &'static str, max: usize },
    /// It could not be made durable; our side's fault.
    Store(String),
}

impl Fault {
    pub(crate) fn invalid(field: &'static str, text: impl fmt::Display) -> Self {
        Self::Invalid { field, text: text.to_string() }
    }

    pub(super) fn missing(what: &'static str, name: &str) -> Self {
        Self::Missing { what, name: name.to_owned() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { field, text } => write!(f, "{field}: {text}"),
            Self::Missing { what, name } => write!(f, "there is no {what} {name:?}"),
            Self::Exists { what, name } => write!(f, "there is already the {what} {name:?}"),
            Self::ReadOnly { what, name } => {
                write!(
                    f,
                    "the {what} {name:?} comes from the configuration file, or is the demo's; it cannot be changed here"
                )
            }
            Self::InUse { what, name, by } => write!(f, "the {what} {name:?} is needed by {by}"),
            Self::Full { what, max } => write!(f, "there are {max} of the kind {what}, and no more may be"),
            Self::Store(text) => write!(f, "cannot be stored: {text}"),
        }
    }
}
