//! `/token/apply`.
//!
//! **Attacker's view.** The request has neither nonce nor time of its own: who sees it can have the same token made again until
//! `expireTime`, and with the answer unseen nothing is gained. What is not signed (`accessKey`, `proxyType`) decides about nothing but
//! whose key has to match.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use lmq_id::{Access, InstanceId};

use super::canonical::by_units;
use super::signed::{self, millis, required};
use super::{Pairs, RequestError, SignedRequest};
use crate::{Permissions, SecretKey, TokenClaims};

/// An application for a token: `POST /token/apply` of the token server, document 001 and, with an instance, the edition of 2019.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenApply {
    actions: Access,
    resources: Vec<Box<str>>,
    expire_at_ms: u64,
    instance: Option<InstanceId>,
}

impl TokenApply {
    /// The most resources of one token: 100.
    pub const RESOURCES_MAX: usize = TokenClaims::RESOURCES_MAX;
    /// How far ahead the end of a token's life has to be at least: 60 s.
    pub const LIFE_MS_MIN: u64 = TokenClaims::LIFE_MS_MIN;
    /// How far ahead it can be at most: 30 days. What lies beyond is taken for this.
    pub const LIFE_MS_MAX: u64 = TokenClaims::LIFE_MS_MAX;

    const SIGNED: [&'static str; 5] = ["actions", "resources", "expireTime", "serviceName", "instanceId"];

    /// An application for `actions` on `resources` (topic filters) until `expire_at_ms`, milliseconds since 1970.
    ///
    /// # Errors
    /// The caller's fault: [`RequestError::Missing`] without a resource, [`RequestError::Invalid`] if there are more than 100, or one is
    /// not a topic filter of at most 256 bytes or holds a comma.
    pub fn new<'a>(
        actions: Access,
        resources: impl IntoIterator<Item = &'a str>,
        expire_at_ms: u64,
    ) -> Result<Self, RequestError> {
        let mut found: Vec<Box<str>> = Vec::new();
        let mut check = Permissions::nothing();
        for resource in resources {
            if found.len() == Self::RESOURCES_MAX || resource.contains(',') || check.grant(actions, resource).is_err() {
                return Err(RequestError::Invalid("resources"));
            }
            found.push(resource.into());
        }
        if found.is_empty() {
            return Err(RequestError::Missing("resources"));
        }
        found.sort_by(|a, b| by_units(a, b));
        Ok(Self { actions, resources: found, expire_at_ms, instance: None })
    }

    /// The same for one instance: the edition of 2019.
    #[must_use]
    pub fn for_instance(mut self, instance: InstanceId) -> Self {
        self.instance = Some(instance);
        self
    }

    /// Reads a request at `now_ms`, milliseconds since 1970. Parameters that are not known are not signed, and ignored.
    ///
    /// # Errors
    /// The sender's fault, by the name of the parameter. An `expireTime` less than 60 s ahead is invalid; 30 days and more are taken
    /// for 30 days. [`RequestError::Signature`] if the signature is too long to be one.
    pub fn parse(pairs: &Pairs, now_ms: u64) -> Result<SignedRequest<Self>, RequestError> {
        let actions = parse_actions(required(pairs, "actions")?)?;
        let asked = millis(pairs, "expireTime")?;
        if asked < now_ms.saturating_add(Self::LIFE_MS_MIN) {
            return Err(RequestError::Invalid("expireTime"));
        }
        let expire_at_ms = asked.min(now_ms.saturating_add(Self::LIFE_MS_MAX));
        let mut apply = Self::new(actions, required(pairs, "resources")?.split(','), expire_at_ms)?;
        if required(pairs, "serviceName")? != "mq" {
            return Err(RequestError::Invalid("serviceName"));
        }
        if pairs.get("proxyType").is_some_and(|proxy| proxy != "MQTT") {
            return Err(RequestError::Invalid("proxyType"));
        }
        apply.instance = parse_instance(pairs)?;
        SignedRequest::new(apply, pairs, &Self::SIGNED)
    }

    /// The parameters to send, as a form or a query, with their signature.
    #[must_use]
    pub fn sign(&self, access_key: &str, key: &SecretKey) -> Vec<(&'static str, String)> {
        let actions = match self.actions {
            Access::ReadWrite => "R,W",
            one => one.as_str(),
        };
        let mut parameters = Vec::from([
            ("actions", actions.to_string()),
            ("resources", self.resources.join(",")),
            ("expireTime", self.expire_at_ms.to_string()),
            ("serviceName", String::from("mq")),
        ]);
        parameters.extend(self.instance.iter().map(|instance| ("instanceId", instance.to_string())));
        signed::sign(key, parameters, &[("proxyType", "MQTT"), ("accessKey", access_key)])
    }

    /// What the token is to allow.
    #[must_use]
    pub const fn actions(&self) -> Access {
        self.actions
    }

    /// The topic filters, sorted; 1 to 100 of at most 256 bytes.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = &str> {
        self.resources.iter().map(|resource| &**resource)
    }

    /// When the token ends, milliseconds since 1970.
    #[must_use]
    pub const fn expire_at_ms(&self) -> u64 {
        self.expire_at_ms
    }

    /// The instance it is for; `None` is the edition of 2018, where an account has one.
    #[must_use]
    pub const fn instance(&self) -> Option<&InstanceId> {
        self.instance.as_ref()
    }
}

fn parse_actions(text: &str) -> Result<Access, RequestError> {
    match text {
        "R" => Ok(Access::Read),
        "W" => Ok(Access::Write),
        "R,W" | "W,R" => Ok(Access::ReadWrite),
        _ => Err(RequestError::Invalid("actions")),
    }
}

pub(super) fn parse_instance(pairs: &Pairs) -> Result<Option<InstanceId>, RequestError> {
    pairs.get("instanceId").map(|text| text.parse().map_err(|_| RequestError::Invalid("instanceId"))).transpose()
}
