use core::fmt;

use lmq_id::ClientIdRef;

use crate::{BadSignature, CustomIdentity, Edition, Scheme, SecretKey, Username};

/// A user name without bars and its password: an access key of the edition of 2018, or a user of custom authentication.
///
/// The text does not tell which; look the name up in both places and say with [`Holder`] what was found. Only one of the two is ever tried:
/// a password good for one is never accepted for the other. `Debug` shows the name only.
///
/// **Attacker's view.** With custom authentication a user name is what the owner of an instance registered there, and could be the
/// access key of somebody else. Where both are found, take the one of the instance: it opens that instance only.
#[derive(Clone, Copy)]
pub struct Bare<'a> {
    name: Username<'a>,
    password: &'a [u8],
}

/// Who has the name of a [`Bare`], as a lookup found it.
#[derive(Clone, Copy, Debug)]
pub enum Holder<'k> {
    /// An account with this secret key.
    Account(&'k SecretKey),
    /// A user, or a client, of custom authentication.
    Custom(&'k CustomIdentity),
    /// Nobody. Verifying takes as long as for an account, and fails.
    Nobody,
}

/// What a [`Bare`] proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// It knows the secret key of the account; signed the group id or the client id.
    Account(Edition),
    /// It is the custom identity.
    Custom,
}

impl<'a> Bare<'a> {
    pub(super) const fn new(name: Username<'a>, password: &'a [u8]) -> Self {
        Self { name, password }
    }

    /// The name to look up: 1 to 128 characters.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name.access_key()
    }

    /// Checks the password, in constant time, against what was found under the name.
    ///
    /// # Errors
    /// When nobody was found, the password is wrong, or the identity is another user's or bound to another client.
    pub fn verify<'c>(&self, holder: Holder<'_>, client: impl Into<ClientIdRef<'c>>) -> Result<Proof, BadSignature> {
        let client = client.into();
        match holder {
            Holder::Account(key) => self.name.verify(key, client, self.password).map(Proof::Account),
            Holder::Custom(identity) => identity.verify(self.name(), client, self.password).map(|()| Proof::Custom),
            Holder::Nobody => Err(burn(Scheme::Legacy, client, self.password)),
        }
    }
}

impl fmt::Debug for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bare({}, ..)", self.name)
    }
}

/// Does the work of a check whose key is missing.
pub(super) fn burn(scheme: Scheme, client: ClientIdRef<'_>, password: &[u8]) -> BadSignature {
    if let Ok(key) = "a key that no account has".parse::<SecretKey>() {
        let answer = scheme.verify(core::hint::black_box(&key), client, password);
        core::hint::black_box(answer).ok();
    }
    BadSignature::new()
}
