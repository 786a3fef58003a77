//! Whether a client may come in.
//!
//! An attacker sees the user name's form, and one of five return codes. Whether an access key exists is not told: an unknown
//! one is answered like a wrong signature, after one signature was computed as well; a disabled one also. A key of another instance costs
//! a second one.

use std::sync::Arc;

use lmq_auth::{Permissions, Scheme, SecretKey, Signature, Username};
use lmq_broker::{AuthRequest, Grant, InstanceIndex, Refusal, Verdict};
use lmq_id::ClientIdRef;

use crate::{
    config::ProfileName,
    registry::{Entry, Instance, Key, Registry, Snapshot},
};

/// Asks the registry. Shared by all threads.
pub(crate) struct Authenticator {
    registry: Arc<Registry>,
    profile: ProfileName,
    allow_anonymous: bool,
    /// Signed against when the access key is unknown.
    decoy: Option<SecretKey>,
}

impl Authenticator {
    /// With `allow_anonymous` a client without user name may come in to the default instance.
    pub(crate) fn new(registry: Arc<Registry>, profile: ProfileName, allow_anonymous: bool) -> Self {
        Self { registry, profile, allow_anonymous, decoy: "decoy".parse().ok() }
    }

    /// All instances as they are now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.registry.snapshot()
    }

    /// Whether a client may come in, and as whom.
    pub(crate) fn decide(&self, request: &AuthRequest) -> Verdict {
        match self.check(&self.snapshot(), request) {
            Ok(grant) => Verdict::Allow(grant),
            Err(refusal) => Verdict::Deny(refusal),
        }
    }

    fn check(&self, snapshot: &Snapshot, request: &AuthRequest) -> Result<Grant, Refusal> {
        let index = request.client.instance;
        let instance = snapshot.at(index);
        let open = self.allow_anonymous && index == InstanceIndex(0);
        let key = match request.username.as_deref() {
            None if open => None,
            None => return Err(Refusal::Credentials),
            // The nameless instance knows no accounts.
            Some(_) if open && instance.is_none() => None,
            Some(username) => {
                let username = Username::parse(username).map_err(|_| Refusal::Credentials)?;
                let instance = named(instance, &username)?;
                let password = request.password.as_ref().map_or(&[][..], |password| password.as_bytes());
                let ask = Ask { snapshot, instance, client_id: &request.client.client_id, username, password };
                Some(self.key_of(&ask)?)
            }
        };
        if instance.is_some_and(|instance| instance.banned.contains(&request.client.client_id)) {
            return Err(Refusal::Banned);
        }
        let grant = Grant::new(Permissions::everything());
        Ok(key.map_or(grant.clone(), |key| grant.of_principal(key.principal)))
    }

    fn key_of(&self, ask: &Ask<'_>) -> Result<Arc<Entry<Key>>, Refusal> {
        match self.profile {
            ProfileName::Lmq => self.key_of_product_client(ask),
            ProfileName::Mqtt => self.key_of_any_client(ask),
        }
    }

    /// With the product's rules the client's group must exist, serve, and belong to the account that signed.
    fn key_of_product_client(&self, ask: &Ask<'_>) -> Result<Arc<Entry<Key>>, Refusal> {
        let client = ClientIdRef::try_from(ask.client_id).map_err(|_| Refusal::Identifier)?;
        let known = ask.known_key();
        let verified = ask.username.verify(self.secret_of(known)?, client, ask.password).is_ok();
        let Some(key) = known.filter(|_| verified) else {
            return Err(ask.refusal_of_stranger(client));
        };
        let group = ask.instance.groups.get(client.group()).ok_or(Refusal::Identifier)?;
        if group.value.account != key.value.account || !ask.instance.serves(&group.value) {
            return Err(Refusal::NotAuthorized);
        }
        Ok(key.clone())
    }

    /// Without them any client id is signed as a whole.
    fn key_of_any_client(&self, ask: &Ask<'_>) -> Result<Arc<Entry<Key>>, Refusal> {
        let known = ask.known_key();
        let verified = Signature::of_text(self.secret_of(known)?, ask.client_id).matches(ask.password);
        let signed = matches!(ask.username.scheme(), Scheme::Signature | Scheme::Legacy);
        known.filter(|_| verified && signed).cloned().ok_or(Refusal::Credentials)
    }

    /// The secret to sign with, also where there is none.
    fn secret_of<'a>(&'a self, known: Option<&'a Arc<Entry<Key>>>) -> Result<&'a SecretKey, Refusal> {
        let known = known.map(|key| key.value.secret_key.key());
        known.or(self.decoy.as_ref()).ok_or(Refusal::Credentials)
    }
}

/// The instance of the request; the user name may name no other, and nobody comes in to one that was deleted.
fn named<'a>(instance: Option<&'a Arc<Instance>>, username: &Username<'_>) -> Result<&'a Instance, Refusal> {
    let instance = instance.ok_or(Refusal::NotAuthorized)?;
    match username.instance() {
        Some(named) if *named != *instance.id => Err(Refusal::NotAuthorized),
        _ => Ok(instance),
    }
}

/// What a client says of itself.
struct Ask<'a> {
    snapshot: &'a Snapshot,
    instance: &'a Instance,
    client_id: &'a str,
    username: Username<'a>,
    password: &'a [u8],
}

impl<'a> Ask<'a> {
    /// The key that the client names, if it may be used.
    fn known_key(&self) -> Option<&'a Arc<Entry<Key>>> {
        self.instance.usable_key(self.username.access_key())
    }

    /// An account of another instance that signed correctly has no right here; everybody else has the wrong credentials.
    fn refusal_of_stranger(&self, client: ClientIdRef<'_>) -> Refusal {
        let others = self.snapshot.iter().filter(|other| other.index != self.instance.index);
        let mut keys = others.filter_map(|other| other.usable_key(self.username.access_key()));
        let foreign = keys.any(|key| self.username.verify(key.value.secret_key.key(), client, self.password).is_ok());
        if foreign { Refusal::NotAuthorized } else { Refusal::Credentials }
    }
}
