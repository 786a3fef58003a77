use std::sync::Arc;

use lmq_id::ClientIdRef;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Changed, Kind, Object};
use crate::{
    config, random,
    registry::{Fault, Instance, Order, Secret, Table, Whom},
};

/// The credential of one device. Its name is the client id.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Device {
    /// `DC.` and letters; it stays when the secret is renewed.
    pub(crate) access_key: Arc<str>,
    /// What the device signs with.
    pub(crate) secret_key: Secret,
}

/// Characters of an access key behind its prefix, and of a secret.
const ACCESS_KEY_CHARS: usize = 20;
const SECRET_CHARS: usize = 30;
const PREFIX: &str = "DC.";

impl Device {
    /// A credential that nobody has yet.
    pub(crate) fn random() -> Result<Self, Fault> {
        let access_key = random(ACCESS_KEY_CHARS)?.as_str().into();
        Ok(Self { access_key, secret_key: secret()? })
    }

    /// The same with another secret.
    pub(crate) fn renewed(&self) -> Result<Self, Fault> {
        Ok(Self { access_key: self.access_key.clone(), secret_key: secret()? })
    }
}

fn secret() -> Result<Secret, Fault> {
    random(SECRET_CHARS)?.parse().map(Secret::new).map_err(|error| Fault::invalid("secret_key", error))
}

fn random(chars: usize) -> Result<Zeroizing<String>, Fault> {
    let text = random::text(chars).map_err(|error| Fault::Store(error.to_string()))?;
    Ok(Zeroizing::new([PREFIX, &text].concat()))
}

impl Object for Device {
    const KIND: Kind = Kind::Device;
    const WHAT: &'static str = "device credential";
    const FIELD: &'static str = "client_id";
    /// About 400 bytes each.
    const MAX: usize = 1_000_000;

    fn check_name(name: &str) -> Result<(), String> {
        ClientIdRef::try_from(name).map(drop).map_err(|e| e.to_string())
    }

    fn check(&self, name: &str, instance: &Instance) -> Result<(), Fault> {
        config::check_access_key(&self.access_key).map_err(|text| Fault::invalid("access_key", text))?;
        let client = ClientIdRef::try_from(name).map_err(|e| Fault::invalid("client_id", e))?;
        if !instance.groups.contains(client.group()) {
            return Err(Fault::invalid("client_id", format_args!("there is no group {:?}", client.group())));
        }
        Ok(())
    }

    fn table(instance: &Instance) -> &Table<Self> {
        &instance.devices
    }

    fn table_mut(instance: &mut Instance) -> &mut Table<Self> {
        &mut instance.devices
    }

    fn orders(change: &Changed<'_, Self>, orders: &mut Vec<Order>) {
        // It came to an end or has another secret.
        if let Some(old) = change.old {
            orders.push(Order::Close(Whom::Principal(old.principal)));
        }
    }
}
