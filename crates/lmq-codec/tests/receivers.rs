//! A template writes for each receiver what the encoder writes for a packet with the same properties.

use std::num::NonZeroU16;

use lmq_codec::{
    Delivery, EncodeError, MessageProperties, PacketId, Properties, Property, Publish, Receiver, SubscriptionId,
    Template, TopicForm, TopicName, UserProperty, Version,
};
use proptest::prelude::*;

fn delivery() -> impl Strategy<Value = Delivery> {
    let id = (1..=u16::MAX, any::<bool>()).prop_map(|(id, dup)| (PacketId::new(id).unwrap(), dup));
    prop_oneof![
        Just(Delivery::AtMostOnce),
        id.clone().prop_map(|(id, dup)| Delivery::AtLeastOnce { id, dup }),
        id.prop_map(|(id, dup)| Delivery::ExactlyOnce { id, dup }),
    ]
}

fn topic_form() -> impl Strategy<Value = TopicForm> {
    let alias = (1..=u16::MAX).prop_map(|alias| NonZeroU16::new(alias).unwrap());
    prop_oneof![Just(TopicForm::Name), alias.clone().prop_map(TopicForm::Introduce), alias.prop_map(TopicForm::Alias),]
}

fn subscription_ids() -> impl Strategy<Value = Vec<SubscriptionId>> {
    prop::collection::vec((1..=268_435_455_u32).prop_map(|id| SubscriptionId::new(id).unwrap()), 0..5)
}

/// The same packet by way of the encoder.
fn encoded(publish: &Publish<'_>, receiver: &Receiver<'_>, version: Version) -> Result<Vec<u8>, EncodeError> {
    let mut list = Vec::new();
    if let TopicForm::Introduce(alias) | TopicForm::Alias(alias) = receiver.topic {
        list.push(Property::TopicAlias(alias));
    }
    list.extend(receiver.message_expiry.map(Property::MessageExpiryInterval));
    list.extend(receiver.subscription_ids.iter().map(|id| Property::SubscriptionIdentifier(*id)));
    list.extend(publish.properties.iter());
    let topic = publish.topic.filter(|_| !matches!(receiver.topic, TopicForm::Alias(_)));
    let properties = Properties::new(&list).unwrap();
    let packet = Publish { delivery: receiver.delivery, retain: receiver.retain, topic, properties, ..*publish };
    let mut out = Vec::new();
    packet.encoder(version)?.write(&mut out);
    Ok(out)
}

proptest! {
    #[test]
    fn every_receiver_gets_what_the_encoder_writes(
        base in delivery(),
        mine in delivery(),
        retain in any::<bool>(),
        topic in topic_form(),
        message_expiry in any::<Option<u32>>(),
        ids in subscription_ids(),
        name in "[a-z/]{1,200}",
        content_type in "[a-z]{0,100}",
        payload in prop::collection::vec(any::<u8>(), 0..300),
        v5 in any::<bool>(),
    ) {
        let version = if v5 { Version::V5_0 } else { Version::V3_1_1 };
        let list = [Property::ContentType(&content_type), Property::UserProperty(UserProperty { name: "n", value: "" })];
        let properties = Properties::new(if v5 { &list } else { &[] }).unwrap();
        let topic_name = Some(TopicName::new(&name).unwrap());
        let publish = Publish { delivery: base, retain: false, topic: topic_name, properties, payload: &payload };
        let receiver = Receiver { delivery: mine, retain, topic, message_expiry, subscription_ids: &ids };

        let mut frame = Vec::new();
        let template = Template::write(&publish, version, &mut frame).unwrap();
        let mut got = b"before".to_vec();
        let result = template.write_for(&frame, &receiver, &mut got);
        if !v5 && (topic != TopicForm::Name || message_expiry.is_some() || !ids.is_empty()) {
            prop_assert!(result.is_err());
            prop_assert_eq!(got, b"before");
            return Ok(());
        }
        let expected = encoded(&publish, &receiver, version).unwrap();
        prop_assert_eq!(&got[6..], &expected);
        prop_assert_eq!(template.len_for(&receiver), expected.len());

        let mut head = Vec::new();
        let template = Template::write_head(&publish, version, &mut head).unwrap();
        let mut got = Vec::new();
        template.write_for(&head, &receiver, &mut got).unwrap();
        prop_assert_eq!([&got[..], &payload].concat(), expected);

        if receiver.is_plain() && base.packet_id().is_some() == mine.packet_id().is_some() {
            template.patch(&mut frame, mine);
            prop_assert_eq!(&frame, &encoded(&publish, &receiver, version).unwrap());
        }
    }
}

#[test]
fn a_message_keeps_its_properties_and_loses_those_of_its_connection() {
    let user = |name| Property::UserProperty(UserProperty { name, value: "v" });
    let list =
        [Property::PayloadFormatIndicator(true), Property::MessageExpiryInterval(9), user("first"), user("second")];
    let kept = MessageProperties::of(&Properties::new(&list).unwrap()).unwrap();
    assert_eq!(kept.iter().collect::<Vec<_>>(), [list[0], user("first"), user("second")]);
    assert_eq!(kept.clone(), kept);
}
