use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

/// The text that a signature of the OpenAPI is made over, as the server computed it.
///
/// With RPC it holds all parameters of the sender, among them possibly secrets: it goes back to the sender, never into a log. `Debug`
/// hides it, and it is overwritten with zeros when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct StringToSign(Zeroizing<String>);

impl StringToSign {
    pub(super) const fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StringToSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StringToSign(..)")
    }
}
