use std::sync::Arc;

use lmq_id::{ClientIdRef, GroupId};
use serde::{Deserialize, Serialize};

use super::{Changed, Kind, Object, key::check_account};
use crate::registry::{Fault, Instance, Order, Table, Whom};

/// A group of clients: the first part of their ids. Its name is a [`GroupId`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    /// The account whose keys its clients sign with.
    pub(crate) account: Arc<str>,
    #[serde(default)]
    pub(crate) status: GroupStatus,
}

/// Whether clients of a group may be here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GroupStatus {
    /// They may: 0 in the product's interface.
    #[default]
    Serving,
    /// CONNECT is refused and connections are closed: 1.
    Frozen,
    /// The same, for another reason: 2.
    Paused,
}

impl Object for Group {
    const KIND: Kind = Kind::Group;
    const WHAT: &'static str = "group";
    const FIELD: &'static str = "group";
    /// About 250 bytes each.
    const MAX: usize = 20_000;

    fn check_name(name: &str) -> Result<(), String> {
        name.parse::<GroupId>().map(drop).map_err(|e| e.to_string())
    }

    fn check(&self, _name: &str, instance: &Instance) -> Result<(), Fault> {
        check_account(&self.account, instance)
    }

    fn table(instance: &Instance) -> &Table<Self> {
        &instance.groups
    }

    fn table_mut(instance: &mut Instance) -> &mut Table<Self> {
        &mut instance.groups
    }

    fn needed_by(name: &str, instance: &Instance) -> Option<String> {
        super::rule::of_resource(name, &[super::rule::RuleKind::Status], instance)
    }

    /// Device credentials of its clients.
    fn dependents(name: &str, instance: &Instance) -> Vec<(Kind, Arc<str>)> {
        let is_ours = |id: &str| ClientIdRef::try_from(id).is_ok_and(|id| id.group() == name);
        let from = instance.devices.after(name).take_while(|(id, _)| id.starts_with(name));
        from.filter(|(id, _)| is_ours(id)).map(|(id, _)| (Kind::Device, id.clone())).collect()
    }

    fn orders(change: &Changed<'_, Self>, orders: &mut Vec<Order>) {
        if change.lost(|group| group.status == GroupStatus::Serving) {
            let (instance, group) = (change.instance.index, change.name.clone());
            orders.push(Order::Close(Whom::Group { instance, group }));
        }
    }
}
