use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use lmq_id::{Access, InstanceId};

use super::TokenId;
use super::error::{MintError, MintKind};
use crate::{Permissions, ResourceError};

/// What an account asks for when it applies for a token: the parameters of `/token/apply`, or of `ApplyToken` of the OpenAPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRequest<'a> {
    /// The account that asks and that the client must name in its user name: its access key id, 1 to 128 characters.
    pub account: &'a str,
    /// The instance the token is good for. Where the request names none (edition of 2018), the instance the server stands for.
    pub instance: &'a str,
    /// `R`, `W` or `R,W`.
    pub actions: Access,
    /// 1 to 100 MQTT topic filters of 1 to 256 bytes, in any order.
    pub resources: &'a [&'a str],
    /// Until when, in milliseconds since 1970-01-01T00:00:00Z: at least 60 s ahead, counted as 30 days where it is more.
    pub expires: u64,
}

/// What a token says: who may do what, where and until when.
///
/// Always valid: it came out of a [`TokenRequest`] that was accepted, or out of a token that was genuine. Resources are kept as the gateway
/// judges topics, without one trailing `/` (in the product `T/notice/` and `T/notice` are one topic), sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    pub(super) id: TokenId,
    pub(super) account: Box<str>,
    pub(super) instance: Box<str>,
    pub(super) actions: Access,
    pub(super) resources: Vec<Box<str>>,
    pub(super) expires: u64,
}

impl TokenClaims {
    /// The most resources of one token (document 001).
    pub const RESOURCES_MAX: usize = 100;
    /// The shortest time a token may be asked for, in milliseconds (document 001).
    pub const LIFE_MS_MIN: u64 = 60_000;
    /// The longest time a token lives, in milliseconds: what is asked beyond is cut silently.
    pub const LIFE_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1000;

    pub(super) fn new(request: &TokenRequest<'_>, id: TokenId, now: u64) -> Result<Self, MintError> {
        check_account(request.account)?;
        InstanceId::check(request.instance).map_err(|error| MintError(MintKind::Instance(error)))?;
        if request.expires < now.saturating_add(Self::LIFE_MS_MIN) {
            return Err(MintError(MintKind::TooShort));
        }
        Ok(Self {
            id,
            account: request.account.into(),
            instance: request.instance.into(),
            actions: request.actions,
            resources: canonical(request.resources)?,
            expires: request.expires.min(now.saturating_add(Self::LIFE_MS_MAX)),
        })
    }

    /// Which token it is.
    #[must_use]
    pub const fn id(&self) -> TokenId {
        self.id
    }

    /// The account that issued it.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The instance it is good for.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// What it lets its holder do.
    #[must_use]
    pub const fn actions(&self) -> Access {
        self.actions
    }

    /// On which topics: sorted topic filters, each once.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = &str> {
        self.resources.iter().map(|resource| &**resource)
    }

    /// From when on it is worth nothing, in milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn expires(&self) -> u64 {
        self.expires
    }

    /// The rights it gives, for topics as the product routes them: without one trailing `/`.
    ///
    /// # Errors
    /// Never for claims of a token that was minted here; a resource another version took and this one does not.
    pub fn permissions(&self) -> Result<Permissions, ResourceError> {
        let mut permissions = Permissions::nothing();
        self.resources().try_for_each(|resource| permissions.grant(self.actions, resource))?;
        Ok(permissions)
    }
}

fn canonical(resources: &[&str]) -> Result<Vec<Box<str>>, MintError> {
    if resources.is_empty() {
        return Err(MintError(MintKind::NoResource));
    }
    if resources.len() > TokenClaims::RESOURCES_MAX {
        return Err(MintError(MintKind::TooMany));
    }
    let mut list = Vec::with_capacity(resources.len());
    for (at, resource) in resources.iter().enumerate() {
        Permissions::check_resource(resource).map_err(|error| MintError(MintKind::Resource { at: at + 1, error }))?;
        list.push(Permissions::routed(resource).into());
    }
    list.sort_unstable();
    list.dedup();
    Ok(list)
}

pub(super) fn check_account(text: &str) -> Result<(), MintError> {
    let wrong = text.is_empty()
        || text.chars().nth(crate::Username::ACCESS_KEY_LEN_MAX).is_some()
        || text.chars().any(|c| c.is_control() || c == '|');
    if wrong { Err(MintError(MintKind::Account)) } else { Ok(()) }
}

impl fmt::Display for TokenClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, account, instance, actions, resources, expires } = self;
        write!(f, "token {id} of {account} for {instance}: {actions} on {} resources until {expires}", resources.len())
    }
}
