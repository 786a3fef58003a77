//! User name and password of a CONNECT, read together.

mod bare;
mod error;
mod signed;

use lmq_id::Access;

pub use self::bare::{Bare, Holder, Proof};
pub use self::error::CredentialsError;
pub use self::signed::{Signed, TokenHolder};
use crate::{Scheme, TokenPassword, Username};

/// What a client brings with its CONNECT. The shape of the user name decides.
///
/// | user name | password | here |
/// |---|---|---|
/// | absent | absent | [`Upload`](Self::Upload): tokens follow by `$SYS/uploadToken` (manual of 2018) |
/// | `<name>` | signature or secret | [`Bare`](Self::Bare): an access key (2018) or a user of custom authentication |
/// | `Signature\|<access key>\|<instance>` | signature of the client id | [`Signature`](Self::Signature) |
/// | `DeviceCredential\|<device access key>\|<instance>` | signature of the client id | [`DeviceCredential`](Self::DeviceCredential) |
/// | `Token\|<access key>\|<instance>` | `R\|<token>`, `W\|..`, `RW\|..` | [`Token`](Self::Token) |
///
/// Five shapes for six modes: only a lookup tells what a bare name is. A user name that is there but empty, with an empty password or
/// none, counts as absent, because some client libraries send it so.
///
/// ```
/// use lmq_auth::{Credentials, SecretKey};
/// use lmq_id::ClientId;
///
/// let key: SecretKey = "DummyAccessKeySecret0123456789".parse()?;
/// let client: ClientId = "GID_Test@@@0001".parse()?;
/// let username = "Signature|LTAI4DummyAccessKeyId|mqtt-cn-test0001";
/// let Credentials::Signature(signed) = Credentials::parse(Some(username), Some(b"D99AJFAwWIlqHpcs0cRSeioJdG0="))? else {
///     panic!("the shape says so");
/// };
/// assert_eq!(signed.access_key(), "LTAI4DummyAccessKeyId"); // look it up: the secret key, or None
/// signed.verify(Some(&key), &client)?;
/// assert!(signed.verify(None, &client).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// **Attacker's view.** All of it is the peer's choice, the mode included: a gateway refuses the modes it does not offer before it looks
/// anything up. Nothing is proved by parsing. `Debug` shows names, never a password or token; nothing is copied. For a name that is
/// not known, `verify` takes a missing key and works as long as with a wrong one, so that answers do not tell which names exist.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Credentials<'a> {
    /// No credentials: the client must give a token with `$SYS/uploadToken` before it may do anything else.
    Upload,
    /// A name without bars.
    Bare(Bare<'a>),
    /// Signed with the secret key of an account.
    Signature(Signed<'a>),
    /// Signed with the secret of one device.
    DeviceCredential(Signed<'a>),
    /// One to three tokens of an account.
    Token(TokenHolder<'a>),
}

impl<'a> Credentials<'a> {
    /// Reads the two fields of a CONNECT; `None` for a field that is not there.
    ///
    /// # Errors
    /// When the user name or a token password is malformed, or one of the two fields is missing.
    pub fn parse(username: Option<&'a str>, password: Option<&'a [u8]>) -> Result<Self, CredentialsError> {
        let (name, password) = match (username, password) {
            (None | Some(""), None | Some(b"")) => return Ok(Self::Upload),
            (None, Some(_)) => return Err(CredentialsError::NoUsername),
            (Some(_), None) => return Err(CredentialsError::NoPassword),
            (Some(name), Some(password)) => (Username::parse(name)?, password),
        };
        Ok(match name.scheme() {
            Scheme::Legacy => Self::Bare(Bare::new(name, password)),
            Scheme::Signature => Self::Signature(Signed::new(name, password)),
            Scheme::DeviceCredential => Self::DeviceCredential(Signed::new(name, password)),
            Scheme::Token => Self::Token(TokenHolder::new(name, TokenPassword::parse(password)?)),
        })
    }

    /// The name to look up: an access key, a device access key or a user name; `None` for [`Upload`](Self::Upload).
    #[must_use]
    pub const fn name(&self) -> Option<&'a str> {
        match self {
            Self::Upload => None,
            Self::Bare(bare) => Some(bare.name()),
            Self::Signature(signed) | Self::DeviceCredential(signed) => Some(signed.access_key()),
            Self::Token(holder) => Some(holder.access_key()),
        }
    }

    /// The instance that the client names, where it names one.
    #[must_use]
    pub const fn instance(&self) -> Option<&'a str> {
        match self {
            Self::Upload | Self::Bare(_) => None,
            Self::Signature(signed) | Self::DeviceCredential(signed) => Some(signed.instance()),
            Self::Token(holder) => Some(holder.instance()),
        }
    }

    /// The tokens brought, in the order `R`, `W`, `RW`.
    pub fn tokens(&self) -> impl Iterator<Item = (Access, &'a str)> + use<'a> {
        let holder = match self {
            Self::Token(holder) => Some(*holder),
            _ => None,
        };
        holder.into_iter().flat_map(|holder| holder.tokens().iter())
    }
}
