use lmq_id::ParentTopic;
use serde::{Deserialize, Serialize};

use super::{
    Changed, Kind, Object,
    rule::{self, RuleKind},
};
use crate::registry::{Fault, Instance, Order, Table, name};

/// A parent topic: the first level of what clients publish and subscribe to. Its name is a [`ParentTopic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Topic {
    #[serde(default)]
    pub(crate) kind: TopicKind,
}

/// In what order the MQ side keeps the messages of a parent topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TopicKind {
    /// In none that is promised.
    #[default]
    Normal,
    /// In order within a partition.
    PartitionOrdered,
    /// In one order.
    GloballyOrdered,
}

/// A topic of the MQ side that takes events of clients that come and go. Without it they are dropped and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventTopic {}

impl Object for Topic {
    const KIND: Kind = Kind::Topic;
    const WHAT: &'static str = "topic";
    const FIELD: &'static str = "topic";
    /// About 150 bytes each, and as much again in every thread.
    const MAX: usize = 10_000;

    fn check_name(name: &str) -> Result<(), String> {
        ParentTopic::check(name).map_err(|e| e.to_string())
    }

    fn check(&self, _name: &str, _instance: &Instance) -> Result<(), Fault> {
        Ok(())
    }

    fn table(instance: &Instance) -> &Table<Self> {
        &instance.topics
    }

    fn table_mut(instance: &mut Instance) -> &mut Table<Self> {
        &mut instance.topics
    }

    fn needed_by(name: &str, instance: &Instance) -> Option<String> {
        rule::of_resource(name, &[RuleKind::Inflow, RuleKind::Outflow], instance)
    }

    fn orders(change: &Changed<'_, Self>, orders: &mut Vec<Order>) {
        if change.old.is_some() != change.new.is_some() {
            let instance = change.instance;
            orders.push(Order::Instance { index: instance.index, instance: instance.for_broker() });
        }
    }
}

impl Object for EventTopic {
    const KIND: Kind = Kind::EventTopic;
    const WHAT: &'static str = "event topic";
    const FIELD: &'static str = "topic";
    /// About 150 bytes each.
    const MAX: usize = 20_000;

    fn check_name(name: &str) -> Result<(), String> {
        name::mq_topic(name)
    }

    fn check(&self, _name: &str, _instance: &Instance) -> Result<(), Fault> {
        Ok(())
    }

    fn table(instance: &Instance) -> &Table<Self> {
        &instance.event_topics
    }

    fn table_mut(instance: &mut Instance) -> &mut Table<Self> {
        &mut instance.event_topics
    }

    fn orders(_change: &Changed<'_, Self>, _orders: &mut Vec<Order>) {}
}
