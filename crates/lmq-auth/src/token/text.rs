use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use zeroize::Zeroizing;

/// The text of a token: what goes into a password or into `$SYS/uploadToken`.
///
/// Those of a [`TokenAuthority`](super::TokenAuthority) are letters, digits, `-` and `_` (Base64url without padding, RFC 4648 section 5): no `|`
/// and no `,`, nothing to escape in JSON or in a form. Those of other authorities are read with [`FromStr`]. Overwritten with zeros when
/// dropped; `Debug` prints `Token(..)`; there is no `Display` and no comparison.
///
/// **Attacker's view.** A bearer credential: who reads it has its rights until it expires or is revoked.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// The most characters: three tokens fit into one MQTT password of 65,535 bytes, with their types and bars, and one into a control
    /// payload of 64 KiB. 100 resources of 150 bytes always fit; resources that begin alike take less.
    pub const LEN_MAX: usize = 21_840;

    pub(super) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The token itself, to be handed to the client it was made for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = TokenTextError;

    /// Takes any authority's token: 1 to [`LEN_MAX`](Token::LEN_MAX) visible ASCII characters except `|` and `,`. Says nothing about its worth.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=Self::LEN_MAX).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'|' && byte != b',') {
            Ok(Self::new(text.into()))
        } else {
            Err(TokenTextError(()))
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The text cannot be a token: it is empty, too long, or has characters that no password takes. The fault of who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenTextError(());

impl fmt::Display for TokenTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text is not a token; expected 1 to {} visible characters without '|' and ','", Token::LEN_MAX)
    }
}

impl core::error::Error for TokenTextError {}
