//! The handlers of instances.

use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Access,
    failure::{Failure, answer},
    objects::{found, paged},
    request::{Body, Names, Page},
    resource::{described, members, patched, taken, value_of},
};
use crate::registry::{Instance, Registry};

/// What PATCH may change.
const MUTABLE: [&str; 3] = ["limits", "thresholds", "awaits_tokens"];

pub(super) async fn list(State(access): State<Arc<Access>>, page: Page) -> Response {
    let snapshot = access.registry.snapshot();
    let behind = snapshot.iter().filter(|instance| &*instance.id > page.after());
    let items = behind.map(|instance| (&*instance.id, view(instance)));
    answer(StatusCode::OK, &paged(items, &page))
}

pub(super) async fn create(State(access): State<Arc<Access>>, Body(mut body): Body) -> Result<Response, Failure> {
    let id = taken(&mut body, "instance")?;
    let spec = value_of(body)?;
    let change = move |registry: &Registry| Ok(view(&*registry.create_instance(&id, spec)?));
    Ok(answer(StatusCode::CREATED, &access.change(change).await?))
}

pub(super) async fn show(State(access): State<Arc<Access>>, Names([id]): Names<1>) -> Result<Response, Failure> {
    Ok(answer(StatusCode::OK, &view(&*found(&access.registry, &id)?)))
}

pub(super) async fn change(
    State(access): State<Arc<Access>>,
    Names([id]): Names<1>,
    Body(patch): Body,
) -> Result<Response, Failure> {
    let change = move |registry: &Registry| {
        let instance = registry.change_instance(&id, |old| patched(old, patch, &MUTABLE))?;
        Ok(view(&instance))
    };
    Ok(answer(StatusCode::OK, &access.change(change).await?))
}

pub(super) async fn delete(State(access): State<Arc<Access>>, Names([id]): Names<1>) -> Result<Response, Failure> {
    access.change(move |registry| registry.delete_instance(&id)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// An instance with its specification, and how many of each kind it has.
fn view(instance: &Instance) -> Value {
    let mut shown = members(&instance.spec.value);
    shown.insert("instance".to_owned(), (*instance.id).into());
    let counts = json!({
        "accounts": instance.accounts.len(),
        "keys": instance.keys.len(),
        "groups": instance.groups.len(),
        "topics": instance.topics.len(),
        "event_topics": instance.event_topics.len(),
        "rules": instance.rules.len(),
        "device_credentials": instance.devices.len(),
        "identities": instance.identities.len(),
        "permissions": instance.permissions.len(),
        "black_list": instance.banned.len(),
    });
    shown.insert("counts".to_owned(), counts);
    described(shown, &instance.spec)
}
