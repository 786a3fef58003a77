//! Which paths and methods there are.

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    http::{Method, header},
    response::IntoResponse,
    routing::{MethodFilter, on},
};

use super::{
    Access, instances,
    objects::{self, refresh},
    resource::Resource,
    token_keys,
};
use crate::registry::{Account, Banned, Device, EventTopic, Group, Identity, Key, Permission, Rule, Topic};

const OPENAPI: &str = include_str!("../../../admin.openapi.json");

/// A router, and a list of what is in it.
pub(super) struct Routes {
    pub(super) router: Router<Arc<Access>>,
    pub(super) list: Vec<(Method, String)>,
}

pub(super) fn all() -> Routes {
    let mut routes = Routes { router: Router::new(), list: Vec::new() };
    routes.add(Method::GET, "/openapi.json", || async {
        ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
    });
    routes.add(Method::GET, "/instances", instances::list);
    routes.add(Method::POST, "/instances", instances::create);
    routes.add(Method::GET, "/instances/{instance}", instances::show);
    routes.add(Method::PATCH, "/instances/{instance}", instances::change);
    routes.add(Method::DELETE, "/instances/{instance}", instances::delete);
    routes.add(Method::GET, "/token-keys", token_keys::list);
    routes.add(Method::POST, "/token-keys", token_keys::rotate);
    routes.resource::<Account>();
    routes.resource::<Key>();
    routes.resource::<Group>();
    routes.resource::<Topic>();
    routes.resource::<EventTopic>();
    routes.resource::<Rule>();
    routes.resource::<Device>();
    routes.add(Method::POST, "/instances/{instance}/device-credentials/{client_id}/refresh", refresh);
    routes.resource::<Identity>();
    routes.resource::<Permission>();
    routes.resource::<Banned>();
    routes
}

impl Routes {
    fn resource<T: Resource>(&mut self) {
        let list = format!("/instances/{{instance}}/{}", T::PATH);
        let one = format!("{list}/{{{}}}", T::FIELD);
        self.add(Method::GET, &list, objects::list::<T>);
        self.add(Method::POST, &list, objects::create::<T>);
        self.add(Method::GET, &one, objects::show::<T>);
        if !T::MUTABLE.is_empty() {
            self.add(Method::PATCH, &one, objects::change::<T>);
        }
        self.add(Method::DELETE, &one, objects::delete::<T>);
    }

    fn add<H: Handler<A, Arc<Access>>, A: 'static>(&mut self, method: Method, path: &str, handler: H) {
        let filter = match method {
            Method::POST => MethodFilter::POST,
            Method::PATCH => MethodFilter::PATCH,
            Method::DELETE => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        let router = std::mem::take(&mut self.router);
        self.router = router.route(path, on(filter, handler));
        self.list.push((method, path.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_document_has_every_path_and_method_and_no_other() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            described.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
        }
        let served: BTreeSet<_> = all().list.iter().map(|(method, path)| format!("{method} {path}")).collect();
        assert_eq!(described, served);
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let (mut open, mut references) = (vec![&document], 0);
        while let Some(value) = open.pop() {
            match value {
                Value::Array(items) => open.extend(items),
                Value::Object(members) => open.extend(members.values()),
                _ => {}
            }
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                references += 1;
                assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
            }
        }
        assert!(references > 100, "{references}");
    }
}
