use std::sync::Arc;

use lmq_broker::InstanceIndex;
use lmq_model::status::StatusEvent;

use super::{
    Account, Banned, Device, EventTopic, Group, GroupStatus, Identity, Key, Permission, Rule, RuleKind, Spec, Topic,
    table::{Entry, Table},
};

/// One tenant and everything in it.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    /// Its id, a valid [`InstanceId`](lmq_id::InstanceId).
    pub(crate) id: Arc<str>,
    /// Its place in the broker.
    pub(crate) index: InstanceIndex,
    /// Its specification.
    pub(crate) spec: Arc<Entry<Spec>>,
    /// By account name.
    pub(crate) accounts: Table<Account>,
    /// By access key.
    pub(crate) keys: Table<Key>,
    /// By group id.
    pub(crate) groups: Table<Group>,
    /// By the first level of MQTT topics.
    pub(crate) topics: Table<Topic>,
    /// Topics of the MQ side that take status events, by name.
    pub(crate) event_topics: Table<EventTopic>,
    /// By the rule's name.
    pub(crate) rules: Table<Rule>,
    /// By client id.
    pub(crate) devices: Table<Device>,
    /// By [`Identity::name`].
    pub(crate) identities: Table<Identity>,
    /// By [`Permission::name`].
    pub(crate) permissions: Table<Permission>,
    /// Clients that may not connect, by client id.
    pub(crate) banned: Table<Banned>,
}

impl Instance {
    pub(super) fn new(id: Arc<str>, index: InstanceIndex, spec: Arc<Entry<Spec>>) -> Self {
        Self {
            id,
            index,
            spec,
            accounts: Table::default(),
            keys: Table::default(),
            groups: Table::default(),
            topics: Table::default(),
            event_topics: Table::default(),
            rules: Table::default(),
            devices: Table::default(),
            identities: Table::default(),
            permissions: Table::default(),
            banned: Table::default(),
        }
    }

    /// A key that may sign now: it and its account are enabled.
    pub(crate) fn usable_key(&self, access_key: &str) -> Option<&Arc<Entry<Key>>> {
        let key = self.keys.get(access_key)?;
        let account = self.accounts.get(&key.value.account)?;
        (key.value.enabled && account.value.enabled).then_some(key)
    }

    /// Whether clients of this group may be here: it is serving, and its account is enabled.
    pub(crate) fn serves(&self, group: &Group) -> bool {
        let enabled = self.accounts.get(&group.account).is_some_and(|account| account.value.enabled);
        enabled && group.status == GroupStatus::Serving
    }

    /// The topic of the MQ side that takes an event of a client: that of the group's rule, else `<group>_MQTT` if it is there.
    pub(crate) fn event_topic(&self, event: &StatusEvent) -> Option<&Arc<str>> {
        let group = event.client_id.group();
        let of_group = |rule: &Rule| rule.kind == RuleKind::Status && *rule.resource == *group;
        if let Some((_, rule)) = self.rules.iter().find(|(_, rule)| of_group(&rule.value)) {
            return Some(&rule.value.mq_topic);
        }
        let (name, _) = self.event_topics.get_with_name(&event.topic())?;
        Some(name)
    }

    /// What the broker has to know of it.
    pub(crate) fn for_broker(&self) -> lmq_broker::Instance {
        lmq_broker::Instance {
            name: (*self.id).into(),
            // A table is in the order of names, as the broker wants it.
            parent_topics: self.topics.iter().map(|(name, _)| (**name).into()).collect(),
            awaits_tokens: self.spec.value.awaits_tokens,
            quota: self.spec.value.quota(),
            ..lmq_broker::Instance::default()
        }
    }
}
