use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Changed, Kind, Object, account::yes};
use crate::{
    config,
    registry::{Fault, Instance, Order, Secret, Table, Whom},
};

/// A key pair of an account. Its name is the access key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    /// Whose it is.
    pub(crate) account: Arc<str>,
    /// What its owner signs with.
    pub(crate) secret_key: Secret,
    /// Without it the key is as good as none.
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
}

impl Object for Key {
    const KIND: Kind = Kind::Key;
    const WHAT: &'static str = "key";
    const FIELD: &'static str = "access_key";
    /// About 300 bytes each.
    const MAX: usize = 20_000;

    fn check_name(name: &str) -> Result<(), String> {
        config::check_access_key(name)
    }

    fn check(&self, _name: &str, instance: &Instance) -> Result<(), Fault> {
        check_account(&self.account, instance)
    }

    fn table(instance: &Instance) -> &Table<Self> {
        &instance.keys
    }

    fn table_mut(instance: &mut Instance) -> &mut Table<Self> {
        &mut instance.keys
    }

    fn orders(change: &Changed<'_, Self>, orders: &mut Vec<Order>) {
        if let (true, Some(old)) = (change.lost(|key| key.enabled), change.old) {
            orders.push(Order::Close(Whom::Principal(old.principal)));
        }
    }
}

pub(super) fn check_account(account: &str, instance: &Instance) -> Result<(), Fault> {
    if instance.accounts.contains(account) {
        return Ok(());
    }
    Err(Fault::invalid("account", format_args!("there is no account {account:?}")))
}
