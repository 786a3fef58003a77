//! The keys that tokens are made with. Their secrets are shown to nobody.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{
    Access,
    failure::{Failure, answer},
};
use crate::{
    clock::now_ms,
    tokens::{Refused, Tokens},
};

pub(super) async fn list(State(access): State<Arc<Access>>) -> Response {
    answer(StatusCode::OK, &json!({ "items": items(&access.tokens) }))
}

/// Makes a new key, with which tokens are made from now on. Those made before stay good.
pub(super) async fn rotate(State(access): State<Arc<Access>>) -> Result<Response, Failure> {
    let tokens = access.tokens.clone();
    let rotated = spawn_blocking(move || tokens.rotate(now_ms())).await;
    match rotated {
        Ok(Ok(id)) => {
            let made = items(&access.tokens).into_iter().find(|item| item["id"] == id);
            Ok(answer(StatusCode::CREATED, &made.unwrap_or_default()))
        }
        Ok(Err(Refused::KeysFull)) => {
            let text = "there are 8 keys, and tokens of the oldest may still live; wait for them to expire";
            Err(Failure::new(StatusCode::CONFLICT, text))
        }
        Ok(Err(Refused::Store | Refused::Token(_))) | Err(_) => {
            Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "no key was made; the log says why"))
        }
    }
}

/// Oldest first.
fn items(tokens: &Tokens) -> Vec<Value> {
    let keys = tokens.keys();
    let mints = keys.last().map(|(id, _)| *id);
    let item = |(id, created_ms): &(u32, u64)| json!({"id": id, "created_ms": created_ms, "mints": Some(*id) == mints});
    keys.iter().map(item).collect()
}
