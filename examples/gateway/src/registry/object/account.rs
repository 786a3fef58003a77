use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Changed, Kind, Object};
use crate::registry::{Fault, Instance, Order, Table, Whom, name};

/// Who owns keys and groups. What belongs to it is of no use to its parent or to its children.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// The account it was made for, if any. An account with children cannot be deleted.
    #[serde(default)]
    pub(crate) parent: Option<Arc<str>>,
    /// Without it none of its keys is good, and clients of its groups may not connect.
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
}

pub(super) const fn yes() -> bool {
    true
}

impl Object for Account {
    const KIND: Kind = Kind::Account;
    const WHAT: &'static str = "account";
    const FIELD: &'static str = "account";
    /// About 200 bytes each.
    const MAX: usize = 10_000;

    fn check_name(name: &str) -> Result<(), String> {
        name::account(name)
    }

    fn check(&self, name: &str, instance: &Instance) -> Result<(), Fault> {
        match &self.parent {
            // A parent has to be there first, and stays what it is: no circle can come to be.
            Some(parent) if **parent == *name || !instance.accounts.contains(parent) => {
                Err(Fault::invalid("parent", format_args!("there is no other account {parent:?}")))
            }
            _ => Ok(()),
        }
    }

    fn table(instance: &Instance) -> &Table<Self> {
        &instance.accounts
    }

    fn table_mut(instance: &mut Instance) -> &mut Table<Self> {
        &mut instance.accounts
    }

    fn needed_by(name: &str, instance: &Instance) -> Option<String> {
        let mut accounts = instance.accounts.iter();
        let child = accounts.find(|(_, account)| account.value.parent.as_deref() == Some(name))?;
        Some(format!("the account {:?}, whose parent it is", child.0))
    }

    fn dependents(name: &str, instance: &Instance) -> Vec<(Kind, Arc<str>)> {
        let keys = instance.keys.iter().filter(|(_, key)| *key.value.account == *name);
        let groups = instance.groups.iter().filter(|(_, group)| *group.value.account == *name);
        let keys = keys.map(|(access_key, _)| (Kind::Key, access_key.clone()));
        keys.chain(groups.map(|(group, _)| (Kind::Group, group.clone()))).collect()
    }

    fn orders(change: &Changed<'_, Self>, orders: &mut Vec<Order>) {
        let instance = change.instance;
        if !change.lost(|account| account.enabled) {
            return;
        }
        // One that was deleted has no keys and groups any more: they said themselves what is to be closed.
        for (_, key) in instance.keys.iter().filter(|(_, key)| key.value.account == *change.name) {
            orders.push(Order::Close(Whom::Principal(key.principal)));
        }
        for (group, _) in instance.groups.iter().filter(|(_, group)| group.value.account == *change.name) {
            orders.push(Order::Close(Whom::Group { instance: instance.index, group: group.clone() }));
        }
    }
}
