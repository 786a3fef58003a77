//! Custom authentication: user names of the instance's own, and what they may do.

use std::sync::Arc;

use lmq_auth::{Bare, CustomPermission, Holder, Permissions, ResourceError};
use lmq_broker::{Grant, Refusal};

use super::{answer::No, ask::Ask};
use crate::registry::{Entry, Identity, IdentityType, Instance, Permission};

/// The identity that a user name stands for: that of exactly this client, else that of everybody.
pub(super) fn find(ask: &Ask<'_>, username: &str) -> Option<Arc<Entry<Identity>>> {
    let of = |identity_type, client_id| {
        ask.instance.identities.get(&Identity::name_of(identity_type, username, client_id)).cloned()
    };
    of(IdentityType::Client, Some(ask.client_id)).or_else(|| of(IdentityType::User, None))
}

/// Only what a permission allows is allowed.
pub(super) fn decide(ask: &Ask<'_>, bare: &Bare<'_>, identity: &Entry<Identity>) -> Result<Grant, No> {
    let client = ask.client()?;
    let known = identity.value.for_auth().ok_or(Refusal::Credentials)?;
    bare.verify(Holder::Custom(&known), client).map_err(|_| Refusal::Credentials)?;
    ask.check_group()?;
    // Better no rights than rights without a denial.
    let rights = rights(ask.instance, bare.name(), ask.client_id).map_err(|_| Refusal::NotAuthorized)?;
    Ok(Grant::new(rights).of_principal(identity.principal))
}

/// What the user name and the client id are permitted together. The error: they have more permissions than a session can have.
fn rights(instance: &Instance, username: &str, client_id: &str) -> Result<Permissions, ResourceError> {
    let mut rights = Permissions::nothing();
    for (identity_type, identity) in [(IdentityType::User, username), (IdentityType::Client, client_id)] {
        let prefix = Permission::name_of(identity_type, identity, "");
        let behind = instance.permissions.after(&prefix);
        for (_, permission) in behind.take_while(|(name, _)| name.starts_with(&prefix)) {
            CustomPermission::try_from(&permission.value)?.apply(&mut rights)?;
        }
    }
    Ok(rights)
}
