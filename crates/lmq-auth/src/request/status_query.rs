//! `/route/clientId/get`.
//!
//! **Attacker's view.** The request carries a time and no nonce: who sees it can ask the same for five minutes. It changes nothing. Whether
//! the client belongs to the account of the key is for the caller to check, after verifying.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use lmq_id::{ClientId, InstanceId};

use super::signed::{self, millis, required};
use super::token_apply::parse_instance;
use super::{Pairs, RequestError, SignedRequest};
use crate::SecretKey;

/// Asks whether a client is online: `GET /route/clientId/get`, document 001 and, with an instance, document 002.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusQuery {
    client: ClientId,
    at_ms: u64,
    instance: Option<InstanceId>,
}

impl StatusQuery {
    /// How far the time of a request may be from now, in either direction.
    pub const WINDOW_MS: u64 = 5 * 60_000;

    const SIGNED: [&'static str; 4] = ["accessKey", "resource", "timestamp", "instanceId"];

    /// A request about `client`, made at `now_ms`, milliseconds since 1970.
    #[must_use]
    pub const fn new(client: ClientId, now_ms: u64) -> Self {
        Self { client, at_ms: now_ms, instance: None }
    }

    /// The same for one instance: document 002.
    #[must_use]
    pub fn for_instance(mut self, instance: InstanceId) -> Self {
        self.instance = Some(instance);
        self
    }

    /// Reads a request at `now_ms`, milliseconds since 1970.
    ///
    /// # Errors
    /// The sender's fault: a parameter by its name, [`RequestError::Expired`], or [`RequestError::Signature`] if it is too long to be one.
    pub fn parse(pairs: &Pairs, now_ms: u64) -> Result<SignedRequest<Self>, RequestError> {
        let client = required(pairs, "resource")?.parse().map_err(|_| RequestError::Invalid("resource"))?;
        let at_ms = millis(pairs, "timestamp")?;
        let query = Self { client, at_ms, instance: parse_instance(pairs)? };
        let signed = SignedRequest::new(query, pairs, &Self::SIGNED)?;
        if at_ms.abs_diff(now_ms) > Self::WINDOW_MS { Err(RequestError::Expired) } else { Ok(signed) }
    }

    /// The parameters to send as a query, with their signature.
    #[must_use]
    pub fn sign(&self, access_key: &str, key: &SecretKey) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::from([
            ("accessKey", String::from(access_key)),
            ("resource", self.client.to_string()),
            ("timestamp", self.at_ms.to_string()),
        ]);
        parameters.extend(self.instance.iter().map(|instance| ("instanceId", instance.to_string())));
        signed::sign(key, parameters, &[])
    }

    /// The client asked about; not yet known to belong to the account.
    #[must_use]
    pub const fn client(&self) -> &ClientId {
        &self.client
    }

    /// The instance it is on; `None` is the edition of 2018, where an account has one.
    #[must_use]
    pub const fn instance(&self) -> Option<&InstanceId> {
        self.instance.as_ref()
    }
}
