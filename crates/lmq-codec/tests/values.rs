//! The serde form of the values.

use lmq_codec::{Delivery, PacketId, QoS, ReasonCode, SubscriptionId, TopicFilter, TopicName, Version};

#[test]
fn values_keep_their_rules() {
    let json = |value: &dyn erased::Json| value.text();
    assert_eq!(json(&Version::V3_1_1), r#""V3_1_1""#);
    assert_eq!(json(&QoS::AtLeastOnce), r#""AtLeastOnce""#);
    assert_eq!(json(&ReasonCode::QuotaExceeded), r#""QuotaExceeded""#);
    assert_eq!(json(&PacketId::new(7).unwrap()), "7");
    assert_eq!(json(&TopicName::new("a/b").unwrap()), r#""a/b""#);
    let delivery = Delivery::ExactlyOnce { id: PacketId::new(7).unwrap(), dup: true };
    assert_eq!(serde_json::from_str::<Delivery>(&json(&delivery)).unwrap(), delivery);
    assert!(serde_json::from_str::<PacketId>("0").is_err());
    assert!(serde_json::from_str::<SubscriptionId>("0").is_err());
    assert!(serde_json::from_str::<SubscriptionId>("268435456").is_err());
    assert_eq!(serde_json::from_str::<SubscriptionId>("268435455").unwrap().value(), 268_435_455);
    assert_eq!(serde_json::from_str::<TopicFilter<'_>>(r##""a/#""##).unwrap().as_str(), "a/#");
    let error = serde_json::from_str::<TopicName<'_>>(r##""a/#""##).unwrap_err().to_string();
    assert!(error.starts_with("topic name has a wildcard '#' at byte 2"), "{error}");
}

mod erased {
    pub(super) trait Json {
        fn text(&self) -> String;
    }

    impl<T: serde::Serialize> Json for T {
        fn text(&self) -> String {
            serde_json::to_string(self).unwrap()
        }
    }
}
