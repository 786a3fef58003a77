use core::fmt;

use lmq_id::{ClientIdRef, InstanceId, InstanceIdError};

use crate::{BadSignature, Edition, SecretKey, Signature};

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `<access key>` without a bar; the password signs the group id (2018), or the client id as `publishSignature` does (2015).
    /// The free user name of custom authentication has the same shape; only a lookup tells them apart.
    Legacy,
    /// `Signature|<access key>|<instance>`; the password signs the client id.
    Signature,
    /// `Token|<access key>|<instance>`; the password lists tokens, see [`TokenPassword`](crate::TokenPassword).
    Token,
    /// `DeviceCredential|<device access key>|<instance>`; the password signs the client id with the device's own secret.
    DeviceCredential,
}

impl Scheme {
    const PREFIXED: [Self; 3] = [Self::Signature, Self::Token, Self::DeviceCredential];

    /// The word before the first bar; `None` for [`Legacy`](Self::Legacy), which has no bar.
    #[must_use]
    pub const fn prefix(self) -> Option<&'static str> {
        match self {
            Self::Legacy => None,
            Self::Signature => Some("Signature"),
            Self::Token => Some("Token"),
            Self::DeviceCredential => Some("DeviceCredential"),
        }
    }

    /// Checks a password that is a signature, in constant time, and says over which text it was made.
    ///
    /// [`Legacy`](Self::Legacy) accepts a signature of the group id or of the client id, the other signing schemes one of the
    /// client id only. `key` is the secret found under the access key of *this* scheme: accounts for `Legacy` and `Signature`,
    /// device credentials of exactly this client for `DeviceCredential`. [`Token`](Self::Token) signs nothing and is always refused.
    ///
    /// # Errors
    /// When `password` is not such a signature.
    pub fn verify<'a>(
        self,
        key: &SecretKey,
        client: impl Into<ClientIdRef<'a>>,
        password: &[u8],
    ) -> Result<Edition, BadSignature> {
        let client = client.into();
        match self {
            Self::Legacy => {
                let group = Signature::sign_legacy(key, client).compare(password);
                let whole = Signature::sign(key, client).compare(password);
                if group.into() {
                    Ok(Edition::GroupId)
                } else if whole.into() {
                    Ok(Edition::ClientId)
                } else {
                    Err(BadSignature::new())
                }
            }
            Self::Signature | Self::DeviceCredential => {
                if Signature::sign(key, client).matches(password) {
                    Ok(Edition::ClientId)
                } else {
                    Err(BadSignature::new())
                }
            }
            Self::Token => Err(BadSignature::new()),
        }
    }
}

/// The user name of CONNECT: its shape says how the client proves who it is.
///
/// **Attacker's view.** Everything here is chosen by the peer before anything is proved: the scheme, the access key, the instance. A
/// parsed user name says what is *claimed*. In particular a client can choose the weaker legacy check by sending a bare access
/// key; a gateway that does not want it refuses [`Scheme::Legacy`] before verifying. No secret stands in a user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Username<'a> {
    scheme: Scheme,
    access_key: &'a str,
    instance: Option<&'a str>,
}

impl<'a> Username<'a> {
    /// The most characters of an access key, and so of a user name without a bar.
    pub const ACCESS_KEY_LEN_MAX: usize = 128;

    /// Parses the user name of a CONNECT.
    ///
    /// # Errors
    /// When the text has a bar and is not `Signature`, `Token` or `DeviceCredential` with an access key and a valid instance id
    /// behind it, or when the access key is empty, too long or holds a control character.
    pub fn parse(text: &'a str) -> Result<Self, UsernameError> {
        let Some((prefix, rest)) = text.split_once('|') else {
            check_access_key(text)?;
            return Ok(Self { scheme: Scheme::Legacy, access_key: text, instance: None });
        };
        let scheme = Scheme::PREFIXED
            .into_iter()
            .find(|scheme| scheme.prefix() == Some(prefix))
            .ok_or(UsernameError(Kind::Scheme))?;
        let mut parts = rest.split('|');
        let (Some(access_key), Some(instance), None) = (parts.next(), parts.next(), parts.next()) else {
            let found = 1 + rest.split('|').count();
            return Err(UsernameError(Kind::Parts { found }));
        };
        check_access_key(access_key)?;
        InstanceId::check(instance).map_err(|error| UsernameError(Kind::Instance(error)))?;
        Ok(Self { scheme, access_key, instance: Some(instance) })
    }

    /// How the client wants to prove who it is.
    #[must_use]
    pub const fn scheme(self) -> Scheme {
        self.scheme
    }

    /// The access key id, or the device access key id.
    #[must_use]
    pub const fn access_key(self) -> &'a str {
        self.access_key
    }

    /// The instance the client names, a valid [`InstanceId`]; `None` in the legacy scheme.
    #[must_use]
    pub const fn instance(self) -> Option<&'a str> {
        self.instance
    }

    /// [`Scheme::verify`] for this user name's scheme.
    ///
    /// # Errors
    /// When `password` is not the signature that the scheme calls for.
    pub fn verify<'c>(
        self,
        key: &SecretKey,
        client: impl Into<ClientIdRef<'c>>,
        password: &[u8],
    ) -> Result<Edition, BadSignature> {
        self.scheme.verify(key, client, password)
    }
}

impl fmt::Display for Username<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.scheme.prefix(), self.instance) {
            (Some(prefix), Some(instance)) => write!(f, "{prefix}|{}|{instance}", self.access_key),
            _ => f.write_str(self.access_key),
        }
    }
}

impl<'a> TryFrom<&'a str> for Username<'a> {
    type Error = UsernameError;

    fn try_from(text: &'a str) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

fn check_access_key(text: &str) -> Result<(), UsernameError> {
    if text.is_empty() {
        return Err(UsernameError(Kind::NoAccessKey));
    }
    // Counting stops where the answer is known.
    if text.chars().nth(Username::ACCESS_KEY_LEN_MAX).is_some() {
        return Err(UsernameError(Kind::AccessKeyTooLong));
    }
    match text.chars().position(char::is_control) {
        Some(index) => Err(UsernameError(Kind::Control { index })),
        None => Ok(()),
    }
}

/// Why a text is not a [`Username`]. The peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsernameError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Scheme,
    Parts { found: usize },
    NoAccessKey,
    AccessKeyTooLong,
    Control { index: usize },
    Instance(InstanceIdError),
}

impl fmt::Display for UsernameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Scheme => f.write_str(
                "user name starts with an unknown word; expected Signature, Token or DeviceCredential before the first '|'",
            ),
            Kind::Parts { found } => write!(
                f,
                "user name has {found} parts between bars; expected 3: <scheme>|<access key>|<instance>"
            ),
            Kind::NoAccessKey => f.write_str("user name has an empty access key; expected 1 to 128 characters"),
            Kind::AccessKeyTooLong => f.write_str("user name has an access key of more than 128 characters"),
            Kind::Control { index } => write!(
                f,
                "character {} of the access key is a control character; expected visible ones",
                index + 1
            ),
            Kind::Instance(error) => write!(f, "user name: {error}"),
        }
    }
}

impl core::error::Error for UsernameError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.0 {
            Kind::Instance(error) => Some(error),
            _ => None,
        }
    }
}
