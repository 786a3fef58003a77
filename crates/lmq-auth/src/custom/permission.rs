use alloc::boxed::Box;

use super::{Effect, IdentityType, PermitAction};
use crate::{Permissions, ResourceError};

/// One permission of custom authentication: whom it means, and what it allows or forbids him.
///
/// A client has the rights of its user name and those of its client id; `DENY` wins over `ALLOW`, and what is not allowed is forbidden. As
/// everywhere in the product one trailing `/` of a topic filter makes no difference: it is not kept.
///
/// ```
/// use lmq_auth::{CustomPermission, Effect, IdentityType, PermitAction};
///
/// let list = [
///     CustomPermission::new(IdentityType::User, "alice", Effect::Allow, PermitAction::PubSub, "room/#")?,
///     CustomPermission::new(IdentityType::Client, "GID_a@@@1", Effect::Deny, PermitAction::Pub, "room/admin")?,
/// ];
/// let rights = CustomPermission::collect(&list, "alice", "GID_a@@@1")?;
/// assert!(rights.allows_publish("room/1") && !rights.allows_publish("room/admin"));
/// # Ok::<(), lmq_auth::ResourceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomPermission {
    kind: IdentityType,
    identity: Box<str>,
    effect: Effect,
    action: PermitAction,
    topic: Box<str>,
}

impl CustomPermission {
    /// A permission for the user name or client id `identity` on the topic filter `topic`.
    ///
    /// # Errors
    /// When `topic` is not a topic filter of 1 to 256 bytes.
    pub fn new(
        kind: IdentityType,
        identity: &str,
        effect: Effect,
        action: PermitAction,
        topic: &str,
    ) -> Result<Self, ResourceError> {
        Permissions::check_resource(topic)?;
        Ok(Self { kind, identity: identity.into(), effect, action, topic: Permissions::routed(topic).into() })
    }

    /// `USER` or `CLIENT`.
    #[must_use]
    pub const fn identity_type(&self) -> IdentityType {
        self.kind
    }

    /// The user name or client id it means.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// `ALLOW` or `DENY`.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// `PUB`, `SUB` or `PUB_SUB`.
    #[must_use]
    pub const fn action(&self) -> PermitAction {
        self.action
    }

    /// The topic filter.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Whether it is about a client that connects as `username` with `client` as its client id.
    #[must_use]
    pub fn is_about(&self, username: &str, client: &str) -> bool {
        match self.kind {
            IdentityType::User => *self.identity == *username,
            IdentityType::Client => *self.identity == *client,
        }
    }

    /// Adds it to the rights of a session.
    ///
    /// # Errors
    /// When the session would have more than [`Permissions::RESOURCES_MAX`] resources.
    pub fn apply(&self, rights: &mut Permissions) -> Result<(), ResourceError> {
        match self.effect {
            Effect::Allow => rights.grant(self.action.into(), &self.topic),
            Effect::Deny => rights.deny(self.action.into(), &self.topic),
        }
    }

    /// The rights of one client: all permissions of `list` that are about it.
    ///
    /// # Errors
    /// When there are more than [`Permissions::RESOURCES_MAX`] of them. Better no rights than rights without a denial.
    pub fn collect<'p>(
        list: impl IntoIterator<Item = &'p Self>,
        username: &str,
        client: &str,
    ) -> Result<Permissions, ResourceError> {
        let mut rights = Permissions::nothing();
        let mut own = list.into_iter().filter(|permission| permission.is_about(username, client));
        own.try_for_each(|permission| permission.apply(&mut rights))?;
        Ok(rights)
    }
}
