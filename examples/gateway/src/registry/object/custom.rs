//! Custom authentication: identities with their own user names, what they may do, and who may not come at all.

use std::sync::Arc;

use lmq_auth::{CustomIdentity, CustomPermission, Permissions, ResourceError};
use lmq_codec::TopicFilter;
use serde::{Deserialize, Serialize};

use super::{Changed, Kind, Object};
use crate::registry::{Fault, Instance, Order, Secret, Table, Whom, name};

/// Whom something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum IdentityType {
    /// Everybody with a user name.
    #[serde(rename = "USER")]
    User,
    /// One client.
    #[serde(rename = "CLIENT")]
    Client,
}

/// What the password of an [`Identity`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SignMode {
    /// The secret itself.
    #[serde(rename = "ORIGIN")]
    Origin,
    /// A signature of the client id.
    #[serde(rename = "SIGNED")]
    Signed,
}

/// Somebody with a user name of his own. Its name is made of what it is about: [`Identity::name`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) identity_type: IdentityType,
    pub(crate) username: Arc<str>,
    /// There for [`IdentityType::Client`]: the only client that may use the user name so.
    #[serde(default)]
    pub(crate) client_id: Option<Arc<str>>,
    pub(crate) sign_mode: SignMode,
    pub(crate) secret: Secret,
}

/// Whether a [`Permission`] gives a right or takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Effect {
    #[serde(rename = "ALLOW")]
    Allow,
    #[serde(rename = "DENY")]
    Deny,
}

/// What a [`Permission`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PermitAction {
    #[serde(rename = "PUB")]
    Publish,
    #[serde(rename = "SUB")]
    Subscribe,
    #[serde(rename = "PUB_SUB")]
    Both,
}

/// A right of somebody, or the lack of one. Its name is made of what it is about: [`Permission::name`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Permission {
    pub(crate) identity_type: IdentityType,
    /// A user name, or a client id.
    pub(crate) identity: Arc<str>,
    /// A topic filter of at most [`Permissions::RESOURCE_LEN_MAX`] bytes.
    pub(crate) topic: Arc<str>,
    pub(crate) effect: Effect,
    pub(crate) permit_action: PermitAction,
}

/// A client on the black list. Its name is the client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Banned {}

impl IdentityType {
    const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Client => "client",
        }
    }
}

impl Identity {
    /// `user|<user name>`, or `client|<client id>|<user name>`.
    pub(crate) fn name(&self) -> String {
        Self::name_of(self.identity_type, &self.username, self.client_id.as_deref())
    }

    /// The name of an identity of which only this is known.
    pub(crate) fn name_of(identity_type: IdentityType, username: &str, client_id: Option<&str>) -> String {
        let word = identity_type.word();
        match client_id {
            Some(client_id) => format!("{word}|{client_id}|{username}"),
            None => format!("{word}|{username}"),
        }
    }
}

impl Identity {
    /// As the one who checks a password takes it. `None`: it stands for a client whose id is none of the product's.
    pub(crate) fn for_auth(&self) -> Option<CustomIdentity> {
        let (mode, secret) = (self.sign_mode.into(), self.secret.key().clone());
        let identity = match &self.client_id {
            Some(id) => CustomIdentity::client(&self.username, id.parse().ok()?, mode, secret),
            None => CustomIdentity::user(&self.username, mode, secret),
        };
        identity.ok()
    }
}

impl From<SignMode> for lmq_auth::SignMode {
    fn from(mode: SignMode) -> Self {
        match mode {
            SignMode::Origin => Self::Origin,
            SignMode::Signed => Self::Signed,
        }
    }
}

impl TryFrom<&Permission> for CustomPermission {
    type Error = ResourceError;

    fn try_from(permission: &Permission) -> Result<Self, ResourceError> {
        let kind = match permission.identity_type {
            IdentityType::User => lmq_auth::IdentityType::User,
            IdentityType::Client => lmq_auth::IdentityType::Client,
        };
        let effect = match permission.effect {
            Effect::Allow => lmq_auth::Effect::Allow,
            Effect::Deny => lmq_auth::Effect::Deny,
        };
        let action = match permission.permit_action {
            PermitAction::Publish => lmq_auth::PermitAction::Pub,
            PermitAction::Subscribe => lmq_auth::PermitAction::Sub,
            PermitAction::Both => lmq_auth::PermitAction::PubSub,
        };
        Self::new(kind, &permission.identity, effect, action, &permission.topic)
    }
}

impl Permission {
    /// `user|<user name>|<filter>`, or `client|<client id>|<filter>`.
    pub(crate) fn name(&self) -> String {
        Self::name_of(self.identity_type, &self.identity, &self.topic)
    }

    /// The name of a permission of which only this is known.
    pub(crate) fn name_of(identity_type: IdentityType, identity: &str, topic: &str) -> String {
        format!("{}|{identity}|{topic}", identity_type.word())
    }
}

impl Object for Identity {
    const KIND: Kind = Kind::Identity;
    const WHAT: &'static str = "identity";
    const FIELD: &'static str = "name";
    /// About 400 bytes each.
    const MAX: usize = 100_000;

    fn check_name(_name: &str) -> Result<(), String> {
        Ok(())
    }

    fn check(&self, name: &str, _instance: &Instance) -> Result<(), Fault> {
        name::username(&self.username).map_err(|text| Fault::invalid("username", text))?;
        match (self.identity_type, &self.client_id) {
            (IdentityType::User, None) => {}
            (IdentityType::Client, Some(id)) => {
                name::client(id).map_err(|text| Fault::invalid("client_id", text))?;
            }
            (IdentityType::User, Some(_)) => return Err(Fault::invalid("client_id", "a USER has none")),
            (IdentityType::Client, None) => return Err(Fault::invalid("client_id", "a CLIENT needs one")),
        }
        if name == self.name() {
            Ok(())
        } else {
            Err(Fault::invalid("name", format_args!("must be {:?}", self.name())))
        }
    }

    fn table(instance: &Instance) -> &Table<Self> {
        &instance.identities
    }

    fn table_mut(instance: &mut Instance) -> &mut Table<Self> {
        &mut instance.identities
    }

    fn orders(change: &Changed<'_, Self>, orders: &mut Vec<Order>) {
        if let Some(old) = change.old {
            orders.push(Order::Close(Whom::Principal(old.principal)));
        }
    }
}

impl Object for Permission {
    const KIND: Kind = Kind::Permission;
    const WHAT: &'static str = "permission";
    const FIELD: &'static str = "name";
    /// About 400 bytes each.
    const MAX: usize = 100_000;

    fn check_name(_name: &str) -> Result<(), String> {
        Ok(())
    }

    fn check(&self, name: &str, _instance: &Instance) -> Result<(), Fault> {
        let grammar = match self.identity_type {
            IdentityType::User => name::username,
            IdentityType::Client => name::client,
        };
        grammar(&self.identity).map_err(|text| Fault::invalid("identity", text))?;
        if self.topic.len() > Permissions::RESOURCE_LEN_MAX {
            let text = format_args!("must have at most {} bytes", Permissions::RESOURCE_LEN_MAX);
            return Err(Fault::invalid("topic", text));
        }
        TopicFilter::new(&self.topic).map_err(|e| Fault::invalid("topic", e))?;
        if name == self.name() {
            Ok(())
        } else {
            Err(Fault::invalid("name", format_args!("must be {:?}", self.name())))
        }
    }

    fn table(instance: &Instance) -> &Table<Self> {
        &instance.permissions
    }

    fn table_mut(instance: &mut Instance) -> &mut Table<Self> {
        &mut instance.permissions
    }

    /// Rights are given at CONNECT: those whom a change concerns have to come again.
    fn orders(change: &Changed<'_, Self>, orders: &mut Vec<Order>) {
        let Some(permission) = change.new.or(change.old).map(|entry| &entry.value) else { return };
        if permission.identity_type == IdentityType::Client {
            // Also who came in with a user name that is everybody's.
            let (instance, client_id) = (change.instance.index, permission.identity.clone());
            orders.push(Order::Close(Whom::Client { instance, client_id }));
            return;
        }
        let concerned = |identity: &Identity| identity.username == permission.identity;
        let identities = change.instance.identities.iter().filter(|(_, identity)| concerned(&identity.value));
        orders.extend(identities.map(|(_, identity)| Order::Close(Whom::Principal(identity.principal))));
    }
}

impl Object for Banned {
    const KIND: Kind = Kind::Banned;
    const WHAT: &'static str = "black-listed client";
    const FIELD: &'static str = "client_id";
    /// About 200 bytes each.
    const MAX: usize = 100_000;

    fn check_name(name: &str) -> Result<(), String> {
        name::client(name)
    }

    fn check(&self, _name: &str, _instance: &Instance) -> Result<(), Fault> {
        Ok(())
    }

    fn table(instance: &Instance) -> &Table<Self> {
        &instance.banned
    }

    fn table_mut(instance: &mut Instance) -> &mut Table<Self> {
        &mut instance.banned
    }

    fn orders(change: &Changed<'_, Self>, orders: &mut Vec<Order>) {
        if change.new.is_some() {
            let (instance, client_id) = (change.instance.index, change.name.clone());
            orders.push(Order::Close(Whom::Client { instance, client_id }));
        }
    }
}
