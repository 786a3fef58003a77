//! The handlers of objects, the same for every kind.

use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    Access,
    failure::{Failure, answer},
    request::{Body, Names, Page},
    resource::{Resource, patched, secret, view, whole},
};
use crate::registry::{Device, Fault, Instance, Registry, Secret};

pub(super) async fn list<T: Resource>(
    State(access): State<Arc<Access>>,
    Names([instance]): Names<1>,
    page: Page,
) -> Result<Response, Failure> {
    let instance = found(&access.registry, &instance)?;
    let items = T::table(&instance).after(page.after()).map(|(name, entry)| (&**name, view(name, entry)));
    Ok(answer(StatusCode::OK, &paged(items, &page)))
}

pub(super) async fn create<T: Resource>(
    State(access): State<Arc<Access>>,
    Names([instance]): Names<1>,
    Body(body): Body,
) -> Result<Response, Failure> {
    let (name, value) = T::read(body)?;
    let change = move |registry: &Registry| {
        let entry = registry.create(&instance, &name, value)?;
        Ok(whole(&name, &entry))
    };
    Ok(answer(StatusCode::CREATED, &access.change(change).await?))
}

pub(super) async fn show<T: Resource>(
    State(access): State<Arc<Access>>,
    Names([instance, name]): Names<2>,
) -> Result<Response, Failure> {
    let instance = found(&access.registry, &instance)?;
    let entry = T::table(&instance).get(&name).ok_or(Fault::Missing { what: T::WHAT, name: name.clone() })?;
    Ok(answer(StatusCode::OK, &view(&name, entry)))
}

pub(super) async fn change<T: Resource>(
    State(access): State<Arc<Access>>,
    Names([instance, name]): Names<2>,
    Body(patch): Body,
) -> Result<Response, Failure> {
    let change = move |registry: &Registry| {
        let entry = registry.change(&instance, &name, |old: &T| patched(old, patch, T::MUTABLE))?;
        Ok(view(&name, &entry))
    };
    Ok(answer(StatusCode::OK, &access.change(change).await?))
}

pub(super) async fn delete<T: Resource>(
    State(access): State<Arc<Access>>,
    Names([instance, name]): Names<2>,
) -> Result<Response, Failure> {
    access.change(move |registry| registry.delete::<T>(&instance, &name)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Gives a device another secret; its access key stays.
pub(super) async fn refresh(
    State(access): State<Arc<Access>>,
    Names([instance, name]): Names<2>,
) -> Result<Response, Failure> {
    let change = move |registry: &Registry| {
        let secret_key = Secret::new(secret("DC.")?);
        let renewed = |old: &Device| Ok(Device { secret_key, ..old.clone() });
        let entry = registry.change(&instance, &name, renewed)?;
        Ok(whole(&name, &entry))
    };
    Ok(answer(StatusCode::OK, &access.change(change).await?))
}

pub(super) fn found(registry: &Registry, id: &str) -> Result<Arc<Instance>, Fault> {
    let snapshot = registry.snapshot();
    snapshot.instance(id).cloned().ok_or(Fault::Missing { what: "instance", name: id.to_owned() })
}

/// A page of a list; `next` is there if there is more.
pub(super) fn paged<'a>(items: impl Iterator<Item = (&'a str, Value)>, page: &Page) -> Value {
    let mut items = items.peekable();
    let (mut shown, mut last) = (Vec::new(), None);
    while let Some((name, item)) = items.next_if(|_| shown.len() < page.limit()) {
        shown.push(item);
        last = Some(name);
    }
    let mut answer = Map::new();
    answer.insert("items".to_owned(), Value::Array(shown));
    if items.peek().is_some() {
        answer.insert("next".to_owned(), json!(last));
    }
    Value::Object(answer)
}
