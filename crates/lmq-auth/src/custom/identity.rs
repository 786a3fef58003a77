use alloc::boxed::Box;
use core::fmt;

use lmq_id::{ClientId, ClientIdRef};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{IdentityType, SignMode};
use crate::{BadSignature, SecretKey, Signature};

/// Who may connect with a user name of the instance's own.
///
/// **Attacker's view.** The user name is not a secret. The secret is compared in constant time, whatever its length; `Debug` does not show
/// it, and it is overwritten with zeros when dropped. An identity of type `CLIENT` is good for one client id: with another it is refused as
/// if the secret were wrong.
#[derive(Clone, Debug)]
pub struct CustomIdentity {
    username: Box<str>,
    client: Option<ClientId>,
    mode: SignMode,
    secret: SecretKey,
}

impl CustomIdentity {
    /// The most characters of a user name.
    pub const USERNAME_LEN_MAX: usize = 64;

    /// An identity of type `USER`: every client that has the secret.
    ///
    /// # Errors
    /// When `username` is not 1 to 64 characters without `|` and control characters.
    pub fn user(username: &str, mode: SignMode, secret: SecretKey) -> Result<Self, CustomNameError> {
        let chars = username.chars().take(Self::USERNAME_LEN_MAX + 1).count();
        if !(1..=Self::USERNAME_LEN_MAX).contains(&chars) || username.chars().any(|c| c == '|' || c.is_control()) {
            return Err(CustomNameError(()));
        }
        Ok(Self { username: username.into(), client: None, mode, secret })
    }

    /// An identity of type `CLIENT`: `client` only, with that user name.
    ///
    /// # Errors
    /// When `username` is not 1 to 64 characters without `|` and control characters.
    pub fn client(
        username: &str,
        client: ClientId,
        mode: SignMode,
        secret: SecretKey,
    ) -> Result<Self, CustomNameError> {
        Ok(Self { client: Some(client), ..Self::user(username, mode, secret)? })
    }

    /// The user name.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The client it is bound to, if its type is `CLIENT`.
    #[must_use]
    pub fn client_id(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }

    /// `USER` or `CLIENT`.
    #[must_use]
    pub const fn identity_type(&self) -> IdentityType {
        if self.client.is_some() { IdentityType::Client } else { IdentityType::User }
    }

    /// What its password is.
    #[must_use]
    pub const fn sign_mode(&self) -> SignMode {
        self.mode
    }

    /// Checks user name, client id and password of a CONNECT.
    ///
    /// # Errors
    /// When one of them is not this identity's.
    pub fn verify<'c>(
        &self,
        username: &str,
        client: impl Into<ClientIdRef<'c>>,
        password: &[u8],
    ) -> Result<(), BadSignature> {
        let client = client.into();
        let proved = self.proves(client, password);
        let bound = self.client.as_ref().is_none_or(|own| own.as_str() == client.as_str());
        if proved && bound && *self.username == *username { Ok(()) } else { Err(BadSignature::new()) }
    }

    fn proves(&self, client: ClientIdRef<'_>, password: &[u8]) -> bool {
        match self.mode {
            // Digests have one length: comparing them does not tell that of the secret.
            SignMode::Origin => {
                let ours = Sha256::digest(self.secret.expose().as_bytes());
                ours.ct_eq(&Sha256::digest(password)).into()
            }
            SignMode::Signed => Signature::sign(&self.secret, client).matches(password),
        }
    }
}

/// The text is not 1 to 64 characters without `|` and control characters, as a user name of custom authentication has to be: with a bar
/// it would be read as another mode. The fault of who registered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomNameError(());

impl fmt::Display for CustomNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("user name is not 1 to 64 characters without '|' and control characters")
    }
}

impl core::error::Error for CustomNameError {}
