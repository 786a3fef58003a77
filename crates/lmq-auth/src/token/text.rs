use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

/// The text of a token: what goes into a password or into `$SYS/uploadToken`.
///
/// Letters, digits, `-` and `_` (Base64url without padding, RFC 4648 section 5): no `|` and no `,`, nothing to escape in JSON or in a form.
/// Overwritten with zeros when dropped; `Debug` prints `Token(..)`; there is no `Display` and no comparison.
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

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
