use alloc::sync::Arc;

use lmq_codec::{QoS, SubscribeOptions, SubscriptionId};

/// What a session asked for with one filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// QoS and, from MQTT 5.0 on, no-local, retain-as-published and retain handling.
    pub options: SubscribeOptions,
    /// The number that goes with every message the filter brings; MQTT 5.0.
    pub id: Option<SubscriptionId>,
}

impl Subscription {
    /// This QoS and nothing else, as before MQTT 5.0.
    pub const fn new(qos: QoS) -> Self {
        Self { options: SubscribeOptions::new(qos), id: None }
    }
}

/// How one session gets one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryOptions {
    /// The lower of the message's QoS and that of the subscription [MQTT-3.8.4-8].
    pub qos: QoS,
    /// RETAIN, as the subscriber sees it.
    pub retain: bool,
    /// The subscriptions it comes by [MQTT-3.3.4-3].
    pub subscription_ids: SubscriptionIds,
}

impl DeliveryOptions {
    /// This QoS, without RETAIN and subscription identifiers.
    pub const fn new(qos: QoS) -> Self {
        Self { qos, retain: false, subscription_ids: SubscriptionIds(Ids::None) }
    }
}

/// The subscription identifiers of one delivery; the usual none or one needs no memory of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionIds(Ids);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Ids {
    #[default]
    None,
    One([SubscriptionId; 1]),
    Many(Arc<[SubscriptionId]>),
}

impl SubscriptionIds {
    /// The identifiers, in the order of their packet.
    pub fn as_slice(&self) -> &[SubscriptionId] {
        match &self.0 {
            Ids::None => &[],
            Ids::One(one) => one,
            Ids::Many(many) => many,
        }
    }
}

impl From<&[SubscriptionId]> for SubscriptionIds {
    fn from(ids: &[SubscriptionId]) -> Self {
        Self(match ids {
            [] => Ids::None,
            [one] => Ids::One([*one]),
            many => Ids::Many(many.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_come_back_in_their_order() {
        let ids: alloc::vec::Vec<_> = [9, 1, 5].map(|id| SubscriptionId::new(id).unwrap()).into();
        for len in 0..=3 {
            assert_eq!(SubscriptionIds::from(&ids[..len]).as_slice(), &ids[..len]);
        }
    }
}
