//! Whether a client may come in, and what it may do: all that a CONNECT can bring, and tokens that are uploaded later.
//!
//! | file | what is in it |
//! |---|---|
//! | `ask` | [`Ask`]: the client in its instance; rules that hold however it proves who it is |
//! | `answer` | [`No`]: why not |
//! | `account` | an access key and a signature |
//! | `device` | the credential of one device |
//! | `custom` | user names of custom authentication and their permissions |
//! | `token` | tokens, with the CONNECT and by `$SYS/uploadToken` |
//!
//! With the product's rules whoever proved who it is also needs a group that is there (else return code 2), serves, and belongs to the same
//! account (else 5); and the client may not be on the black list (5).
//!
//! **Attacker's view.** The user name's form is the attacker's choice, and one of five return codes is what it learns. Whether an access
//! key exists is not told: an unknown one, and a disabled one, is answered like a wrong signature, after as much was computed. A
//! signature that is good in another instance is told so (5), and costs one more for each instance that has the access key. Whether a
//! custom user name exists shows in the time: its password is compared in another way than a signature. Whoever sends no credentials
//! learns which groups there are, and who is on the black list, where the instance awaits tokens.

mod account;
mod answer;
mod ask;
mod custom;
mod device;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use lmq_auth::{Credentials, Permissions, SecretKey};
use lmq_broker::{AuthRequest, AuthStage, Grant, InstanceIndex, Refusal, Verdict};

use self::{answer::No, ask::Ask};
use crate::{
    config::ProfileName,
    registry::{Registry, Snapshot},
    tokens::Tokens,
};

/// Asks the registry. Shared by all threads.
pub(crate) struct Authenticator {
    registry: Arc<Registry>,
    tokens: Arc<Tokens>,
    profile: ProfileName,
    allow_anonymous: bool,
    /// Signed against when the access key is unknown.
    decoy: Option<SecretKey>,
}

impl Authenticator {
    /// With `allow_anonymous` a client without user name may come in to the default instance.
    pub(crate) fn new(
        registry: Arc<Registry>,
        tokens: Arc<Tokens>,
        profile: ProfileName,
        allow_anonymous: bool,
    ) -> Self {
        Self { registry, tokens, profile, allow_anonymous, decoy: "decoy".parse().ok() }
    }

    /// All instances as they are now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.registry.snapshot()
    }

    /// Whether a client may come in, and as whom; or whether the token it uploads is good. `now_ms` is the wall clock.
    pub(crate) fn decide(&self, now_ms: u64, request: &AuthRequest) -> Verdict {
        let snapshot = self.snapshot();
        let decided = match request.stage {
            AuthStage::Token => self.upload(&snapshot, now_ms, request),
            _ => self.connect(&snapshot, now_ms, request),
        };
        decided.map_or_else(No::verdict, Verdict::Allow)
    }

    fn connect(&self, snapshot: &Snapshot, now_ms: u64, request: &AuthRequest) -> Result<Grant, No> {
        let index = request.client.instance;
        let open = self.allow_anonymous && index == InstanceIndex(0);
        // The nameless instance knows no accounts.
        if open && (request.username.is_none() || snapshot.at(index).is_none()) {
            return Ok(Grant::new(Permissions::everything()));
        }
        let password = request.password.as_ref().map(|password| password.as_bytes());
        let credentials = Credentials::parse(request.username.as_deref(), password);
        let credentials = credentials.map_err(|_| Refusal::Credentials)?;
        let ask = Ask::new(self, snapshot, now_ms, request)?;
        if credentials.instance().is_some_and(|named| *named != *ask.instance.id) {
            return Err(Refusal::NotAuthorized.into());
        }
        let grant = match credentials {
            Credentials::Upload => return token::awaited(&ask),
            Credentials::Bare(bare) => match custom::find(&ask, bare.name()) {
                Some(identity) => custom::decide(&ask, &bare, &identity),
                None => account::bare(&ask, &bare),
            },
            Credentials::Signature(signed) => account::signed(&ask, &signed),
            Credentials::DeviceCredential(signed) => device::decide(&ask, &signed),
            Credentials::Token(holder) => token::decide(&ask, &holder),
            _ => Err(Refusal::Credentials.into()),
        }?;
        ask.check_black_list()?;
        Ok(grant)
    }

    fn upload(&self, snapshot: &Snapshot, now_ms: u64, request: &AuthRequest) -> Result<Grant, No> {
        let (access, text) = request.token.as_ref().ok_or(Refusal::Unavailable)?;
        let ask = Ask::new(self, snapshot, now_ms, request)?;
        ask.check_black_list()?;
        token::uploaded(&ask, *access, text.as_str(), request.principal)
    }
}
