use std::sync::Arc;

use lmq_auth::request::OpenApiCall;
use lmq_id::ClientIdRef;
use lmq_model::openapi::Action;
use serde::de::value::{Error, MapDeserializer};

use super::failure::Failure;
use crate::{http::public::caller::Caller, registry::Instance};

/// A request that was admitted, and who made it.
pub(super) struct Call {
    call: OpenApiCall,
    caller: Caller,
}

impl Call {
    pub(super) const fn new(call: OpenApiCall, caller: Caller) -> Self {
        Self { call, caller }
    }

    pub(super) fn action(&self) -> &str {
        self.call.action()
    }

    pub(super) fn version(&self) -> &str {
        self.call.version()
    }

    pub(super) fn access_key(&self) -> &str {
        self.call.access_key_id()
    }

    pub(super) fn account(&self) -> &str {
        self.caller.account()
    }

    /// The parameters of the action.
    pub(super) fn read<A: Action>(&self) -> Result<A, Failure> {
        for name in A::REQUIRED {
            self.call.require(name)?;
        }
        A::deserialize(MapDeserializer::new(self.call.parameters().iter()))
            .map_err(|error: Error| Failure::check(error.to_string()))
    }

    /// The instance `id`; the caller's key has to be good there.
    pub(super) fn instance(&self, id: &str) -> Result<Place<'_>, Failure> {
        let (instance, account) = self.caller.at(id).ok_or(Failure::Instance)?;
        Ok(Place { instance, account })
    }
}

/// An instance, and the account of the caller there.
pub(super) struct Place<'a> {
    pub(super) instance: &'a Arc<Instance>,
    account: &'a Arc<str>,
}

impl Place<'_> {
    /// Checks that `group` is the caller's.
    pub(super) fn own_group(&self, group: &str) -> Result<(), Failure> {
        let known =
            self.instance.groups.get(group).ok_or_else(|| Failure::check(format!("there is no group {group:?}")))?;
        if known.value.account == *self.account { Ok(()) } else { Err(Failure::Permission) }
    }

    /// Checks that `client_id` is one of a group of the caller's.
    pub(super) fn own_client(&self, client_id: &str) -> Result<(), Failure> {
        let client = ClientIdRef::try_from(client_id).map_err(|error| Failure::check(format!("ClientId: {error}")))?;
        self.own_group(client.group())
    }

    /// Checks that the caller may change what belongs to the whole instance: no account that was made for another one may.
    pub(super) fn whole(&self) -> Result<(), Failure> {
        let account = self.instance.accounts.get(self.account).ok_or(Failure::Permission)?;
        if account.value.parent.is_none() { Ok(()) } else { Err(Failure::Permission) }
    }
}
