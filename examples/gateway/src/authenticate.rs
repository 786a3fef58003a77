//! Whether a client may come in.
//!
//! An attacker sees the user name's form, and one of five return codes. Whether an access key exists is not told: an unknown
//! one is answered like a wrong signature, after one signature was computed as well. A key of another instance costs a second one.

use std::collections::HashMap;

use lmq_auth::{Permissions, Scheme, SecretKey, Signature, Username};
use lmq_broker::{AuthRequest, Grant, InstanceIndex, Refusal, Verdict};
use lmq_id::ClientIdRef;

use crate::config::{Config, ProfileName};

/// What is known of accounts and groups. Read only, shared by all threads.
pub(crate) struct Authenticator {
    profile: ProfileName,
    allow_anonymous: bool,
    instances: Vec<Accounts>,
    /// Signed against when the access key is unknown.
    decoy: Option<SecretKey>,
}

struct Accounts {
    id: String,
    secrets: HashMap<String, SecretKey>,
    /// The access key that owns a group.
    groups: HashMap<String, String>,
}

impl Authenticator {
    pub(crate) fn new(config: &Config) -> Self {
        let instances = config.instances.iter().map(|instance| Accounts {
            id: instance.id.as_str().to_owned(),
            secrets: instance
                .accounts
                .iter()
                .map(|account| (account.access_key.clone(), account.secret_key.clone()))
                .collect(),
            groups: instance
                .accounts
                .iter()
                .flat_map(|account| {
                    account.groups.iter().map(|group| (group.as_str().to_owned(), account.access_key.clone()))
                })
                .collect(),
        });
        Self {
            profile: config.profile,
            allow_anonymous: config.allow_anonymous,
            instances: instances.collect(),
            decoy: "decoy".parse().ok(),
        }
    }

    pub(crate) fn decide(&self, request: &AuthRequest) -> Verdict {
        match self.check(request) {
            Ok(()) => Verdict::Allow(Grant::new(Permissions::everything())),
            Err(refusal) => Verdict::Deny(refusal),
        }
    }

    fn check(&self, request: &AuthRequest) -> Result<(), Refusal> {
        let Some(username) = request.username.as_deref() else {
            return if self.allow_anonymous { Ok(()) } else { Err(Refusal::Credentials) };
        };
        if self.allow_anonymous && self.instances.is_empty() {
            return Ok(());
        }
        let password = request.password.as_ref().map_or(&[][..], |password| password.as_bytes());
        let username = Username::parse(username).map_err(|_| Refusal::Credentials)?;
        let accounts = self.accounts(request.client.instance, &username)?;
        match self.profile {
            ProfileName::Lmq => self.check_product_client(accounts, &request.client.client_id, &username, password),
            ProfileName::Mqtt => self.check_any_client(accounts, &request.client.client_id, &username, password),
        }
    }

    /// The instance of the request; the user name may name no other.
    fn accounts(&self, instance: InstanceIndex, username: &Username<'_>) -> Result<&Accounts, Refusal> {
        let accounts = self.instances.get(usize::from(instance.0)).ok_or(Refusal::Credentials)?;
        match username.instance() {
            Some(named) if named != accounts.id => Err(Refusal::NotAuthorized),
            _ => Ok(accounts),
        }
    }

    /// With the product's rules the client's group must exist, and belong to the account that signed.
    fn check_product_client(
        &self,
        accounts: &Accounts,
        client_id: &str,
        username: &Username<'_>,
        password: &[u8],
    ) -> Result<(), Refusal> {
        let client = ClientIdRef::try_from(client_id).map_err(|_| Refusal::Identifier)?;
        let (secret, known) = self.secret_of(accounts, username)?;
        let verified = username.verify(secret, client, password).is_ok();
        if !(verified && known) {
            return Err(self.refusal_of_stranger(accounts, client, username, password));
        }
        match accounts.groups.get(client.group()) {
            None => Err(Refusal::Identifier),
            Some(owner) if owner != username.access_key() => Err(Refusal::NotAuthorized),
            Some(_) => Ok(()),
        }
    }

    /// An account of another instance that signed correctly has no right here; everybody else has the wrong credentials.
    fn refusal_of_stranger(
        &self,
        accounts: &Accounts,
        client: ClientIdRef<'_>,
        username: &Username<'_>,
        password: &[u8],
    ) -> Refusal {
        let others = self.instances.iter().filter(|others| others.id != accounts.id);
        let mut secrets = others.filter_map(|others| others.secrets.get(username.access_key()));
        let foreign = secrets.any(|secret| username.verify(secret, client, password).is_ok());
        if foreign { Refusal::NotAuthorized } else { Refusal::Credentials }
    }

    /// Without them any client id is signed as a whole.
    fn check_any_client(
        &self,
        accounts: &Accounts,
        client_id: &str,
        username: &Username<'_>,
        password: &[u8],
    ) -> Result<(), Refusal> {
        let (secret, known) = self.secret_of(accounts, username)?;
        let verified = Signature::of_text(secret, client_id).matches(password);
        let signed = matches!(username.scheme(), Scheme::Signature | Scheme::Legacy);
        if verified && signed && known { Ok(()) } else { Err(Refusal::Credentials) }
    }

    /// The secret to sign with, and whether it is that of the access key.
    fn secret_of<'a>(
        &'a self,
        accounts: &'a Accounts,
        username: &Username<'_>,
    ) -> Result<(&'a SecretKey, bool), Refusal> {
        let known = accounts.secrets.get(username.access_key());
        let secret = known.or(self.decoy.as_ref()).ok_or(Refusal::Credentials)?;
        Ok((secret, known.is_some()))
    }
}
