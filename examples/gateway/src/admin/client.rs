//! One request after the other to the admin API of a running gateway.

use std::{fmt::Write, time::Duration};

use serde_json::Value;
use ureq::{Agent, http::Response};

use super::Token;
use crate::error::Error;

/// For one request with its answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A page of a thousand items has less.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

pub(super) struct Client {
    agent: Agent,
    base: String,
    authorization: String,
}

impl Client {
    pub(super) fn new(address: &str, token: &Token) -> Self {
        let config = Agent::config_builder()
            // A refusal says why in its body.
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(TIMEOUT));
        Self {
            agent: Agent::new_with_config(config.build()),
            base: format!("http://{address}/admin/v1"),
            authorization: format!("Bearer {}", token.expose()),
        }
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Error> {
        let request = self.agent.get(self.url(path)).header("Authorization", &self.authorization);
        self.answer(request.call())
    }

    pub(super) fn delete(&self, path: &str) -> Result<Value, Error> {
        let request = self.agent.delete(self.url(path)).header("Authorization", &self.authorization);
        self.answer(request.call())
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let request = self.agent.post(self.url(path)).header("Authorization", &self.authorization);
        self.answer(request.content_type("application/json").send(body.to_string()))
    }

    pub(super) fn patch(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let request = self.agent.patch(self.url(path)).header("Authorization", &self.authorization);
        self.answer(request.content_type("application/json").send(body.to_string()))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn answer(&self, response: Result<Response<ureq::Body>, ureq::Error>) -> Result<Value, Error> {
        let failed = |e: ureq::Error| Error::new(format_args!("{}: {e}", self.base));
        let mut response = response.map_err(failed)?;
        let status = response.status();
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().map_err(failed)?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        match body.get("error").and_then(Value::as_str) {
            Some(why) => Err(Error::new(why)),
            None => Err(Error::new(format_args!("{}: no admin API here: {status}", self.base))),
        }
    }
}

/// `name` as it stands in a path.
pub(super) fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_paths() {
        assert_eq!(encoded("GID_a@@@1"), "GID_a@@@1");
        assert_eq!(encoded("user|\u{e9}|a/#?%"), "user%7C%C3%A9%7Ca%2F%23%3F%25");
    }
}
