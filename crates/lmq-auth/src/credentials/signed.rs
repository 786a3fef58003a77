use core::fmt;

use lmq_id::ClientIdRef;

use super::bare::burn;
use crate::{BadSignature, Edition, SecretKey, TokenPassword, Username};

/// `Signature|..` or `DeviceCredential|..` with the password that has to be a signature of the client id.
///
/// `Debug` shows the user name only.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    name: Username<'a>,
    instance: &'a str,
    password: &'a [u8],
}

impl<'a> Signed<'a> {
    pub(super) fn new(name: Username<'a>, password: &'a [u8]) -> Self {
        Self { name, instance: name.instance().unwrap_or(""), password }
    }

    /// The access key, or device access key, to look up.
    #[must_use]
    pub const fn access_key(&self) -> &'a str {
        self.name.access_key()
    }

    /// The instance the client names; whether the key may act there is for the lookup to say.
    #[must_use]
    pub const fn instance(&self) -> &'a str {
        self.instance
    }

    /// Checks the password, in constant time. `key` is what was found under the access key: for a device, the credential of exactly
    /// `client`; `None`, which takes as long, when there is none.
    ///
    /// # Errors
    /// When there is no key, or the password is not the signature.
    pub fn verify<'c>(
        &self,
        key: Option<&SecretKey>,
        client: impl Into<ClientIdRef<'c>>,
    ) -> Result<Edition, BadSignature> {
        let client = client.into();
        match key {
            Some(key) => self.name.verify(key, client, self.password),
            None => Err(burn(self.name.scheme(), client, self.password)),
        }
    }
}

impl fmt::Debug for Signed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({}, ..)", self.name)
    }
}

/// `Token|..` with its tokens. `Debug` shows the user name and the types of the tokens.
#[derive(Clone, Copy)]
pub struct TokenHolder<'a> {
    name: Username<'a>,
    instance: &'a str,
    tokens: TokenPassword<'a>,
}

impl<'a> TokenHolder<'a> {
    pub(super) fn new(name: Username<'a>, tokens: TokenPassword<'a>) -> Self {
        Self { name, instance: name.instance().unwrap_or(""), tokens }
    }

    /// The account that the tokens have to be of.
    #[must_use]
    pub const fn access_key(&self) -> &'a str {
        self.name.access_key()
    }

    /// The instance that the tokens have to be for.
    #[must_use]
    pub const fn instance(&self) -> &'a str {
        self.instance
    }

    /// The tokens. Every one has to be valid for the CONNECT to be.
    #[must_use]
    pub const fn tokens(&self) -> TokenPassword<'a> {
        self.tokens
    }
}

impl fmt::Debug for TokenHolder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHolder({}, {:?})", self.name, self.tokens)
    }
}
