use alloc::boxed::Box;
use core::fmt;
use core::str::FromStr;

use zeroize::Zeroizing;

/// A secret key: the AccessKeySecret of an account, or the secret of a device credential.
///
/// 1 to 256 bytes of UTF-8. The text is overwritten with zeros when the value is dropped; [`Debug`] prints `SecretKey(..)`; there is
/// no `Display` and no comparison. Reading it back takes [`expose`](Self::expose), so every place that does is found by its name.
///
/// **Attacker's view.** Whoever has it can sign for every client of its account, for ever: a signature carries no time. It never
/// travels in MQTT. Copies made by the caller before parsing (a configuration file, a command line) are the caller's to erase.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<Box<str>>);

impl SecretKey {
    /// The most bytes of a secret key. Secrets of the product have 30; the limit bounds what a configuration can make us hold.
    pub const LEN_MAX: usize = 256;

    /// The secret itself, to be stored or shown to its owner once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretKey {
    type Err = SecretKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.len() {
            0 => Err(SecretKeyError(Kind::Empty)),
            len if len > Self::LEN_MAX => Err(SecretKeyError(Kind::TooLong { len })),
            _ => Ok(Self(Zeroizing::new(text.into()))),
        }
    }
}

impl TryFrom<&str> for SecretKey {
    type Error = SecretKeyError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// Why a text is not a [`SecretKey`]. Holds its length at most, never the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretKeyError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Empty,
    TooLong { len: usize },
}

impl fmt::Display for SecretKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Empty => write!(f, "secret key is empty; expected 1 to {} bytes", SecretKey::LEN_MAX),
            Kind::TooLong { len } => {
                write!(f, "secret key has {len} bytes; at most {} are allowed", SecretKey::LEN_MAX)
            }
        }
    }
}

impl core::error::Error for SecretKeyError {}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn debug_hides_the_text() {
        let key: SecretKey = "hunter2".parse().unwrap();
        assert_eq!(format!("{key:?}"), "SecretKey(..)");
        assert_eq!(key.expose(), "hunter2");
    }

    #[test]
    fn limits() {
        let max = "k".repeat(256);
        assert_eq!(max.parse::<SecretKey>().unwrap().expose(), max);
        let error = "".parse::<SecretKey>().unwrap_err();
        assert_eq!(error.to_string(), "secret key is empty; expected 1 to 256 bytes");
        let error = "k".repeat(257).parse::<SecretKey>().unwrap_err();
        assert_eq!(error.to_string(), "secret key has 257 bytes; at most 256 are allowed");
    }
}
