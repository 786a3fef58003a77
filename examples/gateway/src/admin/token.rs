use std::{fmt, io, path::Path};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    error::Error,
    files::{self, Readers},
    random,
};

/// The file of the data directory that holds the token if nobody named another one.
pub(crate) const FILE: &str = "admin-token";
/// Characters of a token that is made: 256 bits and more.
const RANDOM_CHARS: usize = 43;
/// Fewer could be guessed.
const CHARS_MIN: usize = 16;
const CHARS_MAX: usize = 256;

/// What lets an operator in. Whoever has it may do everything, in every instance.
#[derive(Clone)]
pub(crate) struct Token(Zeroizing<String>);

impl Token {
    /// 16 to 256 visible ASCII characters.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !(CHARS_MIN..=CHARS_MAX).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("a token has {CHARS_MIN} to {CHARS_MAX} visible ASCII characters and no space"));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The token in the file at `path`, which holds nothing else.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = Zeroizing::new(files::read_text(path)?);
        Self::parse(text.trim_end_matches(['\r', '\n']))
            .map_err(|text| Error::new(format_args!("{}: {text}", path.display())))
    }

    /// The token of a data directory; it is made on first use, for the owner's eyes.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let token = Zeroizing::new(random::text(RANDOM_CHARS)?);
        let line = Zeroizing::new(format!("{}\n", *token));
        match files::create(&path, &line, Readers::Owner) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                Err(Error::io(format_args!("cannot write {}", path.display()), &e))
            }
            _ => {
                files::check_private(&path)?;
                Self::read(&path)
            }
        }
    }

    /// Compares in a time that depends on the length alone.
    pub(crate) fn is(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).into()
    }

    /// For the header of a request.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar() {
        for bad in ["", "fifteen-letters", "sixteen letters!", "sixteen-letters\u{e9}", &"x".repeat(257)] {
            assert!(Token::parse(bad).is_err(), "{bad}");
        }
        let token = Token::parse("sixteen-letters!").unwrap();
        assert!(token.is(b"sixteen-letters!"));
        assert!(!token.is(b"sixteen-letters?") && !token.is(b"sixteen-letters!!") && !token.is(b""));
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
