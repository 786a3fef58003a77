use lmq_auth::SecretKey;
use lmq_broker::{AuthRequest, Refusal};
use lmq_id::ClientIdRef;

use super::Authenticator;
use crate::{
    config::ProfileName,
    registry::{Group, Instance, Snapshot},
    tokens::Tokens,
};

/// A client that wants something, and where.
pub(super) struct Ask<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) instance: &'a Instance,
    pub(super) client_id: &'a str,
    pub(super) password: &'a [u8],
    pub(super) tokens: &'a Tokens,
    pub(super) now_ms: u64,
    /// What a signature is compared with where there is no secret.
    pub(super) decoy: &'a SecretKey,
    /// `None`: its id is none of the product's, as it may be without the product's rules.
    client: Option<ClientIdRef<'a>>,
    profile: ProfileName,
}

impl<'a> Ask<'a> {
    /// Nobody comes in to an instance that was deleted, nor, with the product's rules, with an id that is not theirs.
    pub(super) fn new(
        authenticator: &'a Authenticator,
        snapshot: &'a Snapshot,
        now_ms: u64,
        request: &'a AuthRequest,
    ) -> Result<Self, Refusal> {
        let instance = snapshot.at(request.client.instance).ok_or(Refusal::NotAuthorized)?;
        let client_id = &*request.client.client_id;
        let client = ClientIdRef::try_from(client_id).ok();
        if client.is_none() && authenticator.profile == ProfileName::Lmq {
            return Err(Refusal::Identifier);
        }
        let password = request.password.as_ref().map_or(&[][..], |password| password.as_bytes());
        let Authenticator { tokens, profile, decoy, .. } = authenticator;
        let decoy = decoy.as_ref().ok_or(Refusal::Unavailable)?;
        Ok(Self { snapshot, instance, client_id, password, tokens, now_ms, decoy, client, profile: *profile })
    }

    /// The client id, where it is one of the product's.
    pub(super) fn client(&self) -> Result<ClientIdRef<'a>, Refusal> {
        self.client.ok_or(Refusal::Credentials)
    }

    /// Whether clients have groups.
    pub(super) fn has_groups(&self) -> bool {
        self.profile == ProfileName::Lmq
    }

    /// With the product's rules the client's group has to be there and to serve.
    pub(super) fn check_group(&self) -> Result<(), Refusal> {
        self.check(|_| true)
    }

    /// It has to belong to this account, too.
    pub(super) fn check_group_of(&self, account: &str) -> Result<(), Refusal> {
        self.check(|group| *group.account == *account)
    }

    /// Whether the client's group, if it has one, is another account's.
    pub(super) fn is_group_foreign_to(&self, account: &str) -> bool {
        self.has_groups() && self.group().is_some_and(|group| *group.account != *account)
    }

    pub(super) fn check_black_list(&self) -> Result<(), Refusal> {
        if self.instance.banned.contains(self.client_id) { Err(Refusal::Banned) } else { Ok(()) }
    }

    fn check(&self, owned: impl Fn(&Group) -> bool) -> Result<(), Refusal> {
        if !self.has_groups() {
            return Ok(());
        }
        let group = self.group().ok_or(Refusal::Identifier)?;
        if owned(group) && self.instance.serves(group) { Ok(()) } else { Err(Refusal::NotAuthorized) }
    }

    fn group(&self) -> Option<&'a Group> {
        Some(&self.instance.groups.get(self.client?.group())?.value)
    }
}
