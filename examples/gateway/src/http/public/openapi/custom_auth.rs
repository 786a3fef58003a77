//! Custom authentication: identities, their permissions, and the black list.

use std::sync::Arc;

use lmq_auth::SecretKey;
use lmq_model::openapi::{
    AddCustomAuthConnectBlack, AddCustomAuthIdentity, AddCustomAuthPermission, BlackListed, CustomIdentity,
    CustomPermission, DeleteCustomAuthConnectBlack, DeleteCustomAuthIdentity, DeleteCustomAuthPermission, Judged,
    PageOf, QueryCustomAuthConnectBlack, QueryCustomAuthIdentity, QueryCustomAuthPermission, SecretText,
    UpdateCustomAuthIdentity, UpdateCustomAuthPermission,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{call::Call, failure::Failure};
use crate::{
    http::public::Services,
    registry::{Banned, Entry, Identity, IdentityType, Object, Permission, Secret, Table},
};

/// Entries on a page.
const PAGE_MAX: u64 = 100;

pub(super) async fn add_identity(
    services: &Services,
    call: &Call,
    ask: AddCustomAuthIdentity,
) -> Result<Judged, Failure> {
    let identity = identity(&ask.identity_type, ask.username, ask.client_id, &ask.sign_mode, &ask.secret)?;
    may_rule(call, &ask.instance_id, identity.client_id.as_deref())?;
    create(services, call, ask.instance_id, identity.name(), identity).await
}

pub(super) async fn update_identity(
    services: &Services,
    call: &Call,
    ask: UpdateCustomAuthIdentity,
) -> Result<Judged, Failure> {
    let identity = identity(&ask.identity_type, ask.username, ask.client_id, &ask.sign_mode, &ask.secret)?;
    may_rule(call, &ask.instance_id, identity.client_id.as_deref())?;
    replace(services, call, ask.instance_id, identity.name(), identity).await
}

pub(super) async fn delete_identity(
    services: &Services,
    call: &Call,
    ask: DeleteCustomAuthIdentity,
) -> Result<Judged, Failure> {
    let identity_type = word("IdentityType", &ask.identity_type)?;
    let name = Identity::name_of(identity_type, &ask.username, ask.client_id.as_deref());
    may_rule(call, &ask.instance_id, ask.client_id.as_deref())?;
    delete::<Identity>(services, call, ask.instance_id, name).await
}

pub(super) async fn query_identities(
    _services: &Services,
    call: &Call,
    ask: QueryCustomAuthIdentity,
) -> Result<Judged<PageOf<CustomIdentity>>, Failure> {
    let place = call.instance(&ask.instance_id)?;
    place.whole()?;
    // The answer holds secrets.
    let is_own = |client_id: &str| place.own_client(client_id).is_ok();
    let found = |_: &str, identity: &Identity| {
        identity.client_id.as_deref().is_none_or(is_own)
            && is(ask.identity_type.as_deref(), &text(&identity.identity_type))
            && is(ask.username.as_deref(), &identity.username)
            && is(ask.client_id.as_deref(), identity.client_id.as_deref().unwrap_or_default())
    };
    let shown = |_: &str, identity: &Identity| CustomIdentity {
        client_id: identity.client_id.as_deref().map(str::to_owned),
        identity_type: text(&identity.identity_type),
        secret: identity.secret.key().expose().into(),
        sign_mode: text(&identity.sign_mode),
        username: identity.username.to_string(),
    };
    page(&place.instance.identities, ask.next_token.as_deref(), ask.size, found, shown)
}

pub(super) async fn add_permission(
    services: &Services,
    call: &Call,
    ask: AddCustomAuthPermission,
) -> Result<Judged, Failure> {
    let permission = permission(&ask.identity_type, ask.identity, ask.topic, &ask.effect, &ask.permit_action)?;
    may_rule(call, &ask.instance_id, client_of(permission.identity_type, &permission.identity))?;
    create(services, call, ask.instance_id, permission.name(), permission).await
}

pub(super) async fn update_permission(
    services: &Services,
    call: &Call,
    ask: UpdateCustomAuthPermission,
) -> Result<Judged, Failure> {
    let permission = permission(&ask.identity_type, ask.identity, ask.topic, &ask.effect, &ask.permit_action)?;
    may_rule(call, &ask.instance_id, client_of(permission.identity_type, &permission.identity))?;
    replace(services, call, ask.instance_id, permission.name(), permission).await
}

pub(super) async fn delete_permission(
    services: &Services,
    call: &Call,
    ask: DeleteCustomAuthPermission,
) -> Result<Judged, Failure> {
    let identity_type = word("IdentityType", &ask.identity_type)?;
    let name = Permission::name_of(identity_type, &ask.identity, &ask.topic);
    may_rule(call, &ask.instance_id, client_of(identity_type, &ask.identity))?;
    delete::<Permission>(services, call, ask.instance_id, name).await
}

pub(super) async fn query_permissions(
    _services: &Services,
    call: &Call,
    ask: QueryCustomAuthPermission,
) -> Result<Judged<PageOf<CustomPermission>>, Failure> {
    let place = call.instance(&ask.instance_id)?;
    place.whole()?;
    let found = |_: &str, permission: &Permission| {
        is(ask.identity_type.as_deref(), &text(&permission.identity_type))
            && is(ask.identity.as_deref(), &permission.identity)
            && is(ask.topic.as_deref(), &permission.topic)
    };
    let shown = |_: &str, permission: &Permission| CustomPermission {
        effect: text(&permission.effect),
        identity: permission.identity.to_string(),
        identity_type: text(&permission.identity_type),
        permit_action: text(&permission.permit_action),
        topic: permission.topic.to_string(),
    };
    page(&place.instance.permissions, ask.next_token.as_deref(), ask.size, found, shown)
}

pub(super) async fn add_black(
    services: &Services,
    call: &Call,
    ask: AddCustomAuthConnectBlack,
) -> Result<Judged, Failure> {
    may_rule(call, &ask.instance_id, Some(&ask.client_id))?;
    create(services, call, ask.instance_id, ask.client_id, Banned {}).await
}

pub(super) async fn delete_black(
    services: &Services,
    call: &Call,
    ask: DeleteCustomAuthConnectBlack,
) -> Result<Judged, Failure> {
    may_rule(call, &ask.instance_id, Some(&ask.client_id))?;
    delete::<Banned>(services, call, ask.instance_id, ask.client_id).await
}

pub(super) async fn query_black(
    _services: &Services,
    call: &Call,
    ask: QueryCustomAuthConnectBlack,
) -> Result<Judged<PageOf<BlackListed>>, Failure> {
    let place = call.instance(&ask.instance_id)?;
    place.whole()?;
    let found = |client_id: &str, _: &Banned| is(ask.client_id.as_deref(), client_id);
    let shown = |client_id: &str, _: &Banned| BlackListed {
        client_id: client_id.to_owned(),
        effect: "DENY".to_owned(),
        permit_action: "CONNECT".to_owned(),
    };
    page(&place.instance.banned, ask.next_token.as_deref(), ask.size, found, shown)
}

/// Checks that the caller may say something of the instance and, where it is about one client, that the client is of its own groups.
fn may_rule(call: &Call, instance: &str, client_id: Option<&str>) -> Result<(), Failure> {
    let place = call.instance(instance)?;
    place.whole()?;
    client_id.map_or(Ok(()), |client_id| place.own_client(client_id))
}

/// The client that a permission is about, if it is about one.
fn client_of(identity_type: IdentityType, identity: &str) -> Option<&str> {
    (identity_type == IdentityType::Client).then_some(identity)
}

async fn create<T: Object>(
    services: &Services,
    call: &Call,
    instance: String,
    name: String,
    value: T,
) -> Result<Judged, Failure> {
    call.instance(&instance)?.whole()?;
    services.change(move |registry| registry.create(&instance, &name, value)).await?;
    Ok(Judged::done(None))
}

async fn replace<T: Object>(
    services: &Services,
    call: &Call,
    instance: String,
    name: String,
    value: T,
) -> Result<Judged, Failure> {
    call.instance(&instance)?.whole()?;
    services.change(move |registry| registry.change(&instance, &name, |_| Ok(value))).await?;
    Ok(Judged::done(None))
}

async fn delete<T: Object>(
    services: &Services,
    call: &Call,
    instance: String,
    name: String,
) -> Result<Judged, Failure> {
    call.instance(&instance)?.whole()?;
    services.change(move |registry| registry.delete::<T>(&instance, &name)).await?;
    Ok(Judged::done(None))
}

fn identity(
    identity_type: &str,
    username: String,
    client_id: Option<String>,
    sign_mode: &str,
    secret: &SecretText,
) -> Result<Identity, Failure> {
    let secret: SecretKey = secret.expose().parse().map_err(|error| Failure::check(format!("Secret: {error}")))?;
    Ok(Identity {
        identity_type: word("IdentityType", identity_type)?,
        username: username.into(),
        client_id: client_id.map(Into::into),
        sign_mode: word("SignMode", sign_mode)?,
        secret: Secret::new(secret),
    })
}

fn permission(
    identity_type: &str,
    identity: String,
    topic: String,
    effect: &str,
    permit_action: &str,
) -> Result<Permission, Failure> {
    Ok(Permission {
        identity_type: word("IdentityType", identity_type)?,
        identity: identity.into(),
        topic: topic.into(),
        effect: word("Effect", effect)?,
        permit_action: word("PermitAction", permit_action)?,
    })
}

/// A page of those that `found` says yes to. The token of a page is the last name on the one before.
fn page<T, R>(
    table: &Table<T>,
    next_token: Option<&str>,
    size: u64,
    found: impl Fn(&str, &T) -> bool,
    shown: impl Fn(&str, &T) -> R,
) -> Result<Judged<PageOf<R>>, Failure> {
    if !(1..=PAGE_MAX).contains(&size) {
        return Err(Failure::check(format!("Size must be from 1 to {PAGE_MAX}")));
    }
    let matches = |entry: &(&Arc<str>, &Arc<Entry<T>>)| found(entry.0, &entry.1.value);
    let mut entries = table.after(next_token.unwrap_or_default()).filter(matches);
    let (mut results, mut last) = (Vec::new(), None);
    for (name, entry) in entries.by_ref().take(size as usize) {
        results.push(shown(name, &entry.value));
        last = Some(name.to_string());
    }
    let next_token = last.filter(|_| entries.next().is_some());
    Ok(Judged::done(Some(PageOf { next_token, results })))
}

/// Whether a filter that may be absent lets `value` through.
fn is(filter: Option<&str>, value: &str) -> bool {
    filter.is_none_or(|filter| filter == value)
}

/// One of the words that a parameter may be.
fn word<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Failure> {
    serde_json::from_value(Value::from(text)).map_err(|_| Failure::check(format!("{name} is not one of its values")))
}

/// The word for a value.
fn text(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        _ => String::new(),
    }
}
