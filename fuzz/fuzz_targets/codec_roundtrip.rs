//! What is decoded is encoded and decoded again: the same packet, the exact length, and the canonical bytes from then on.
//! A message goes through a template as well, to receivers made of the same bytes.
#![no_main]

use std::num::NonZeroU16;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use lmq_codec::{
    Delivery, MessageProperties, OwnedPacket, Packet, PacketId, Properties, Property, Publish, Receiver, Split,
    SubscriptionId, Template, TopicForm, Version, split,
};

fn decode(bytes: &[u8], version: Version) -> Option<Packet<'_>> {
    match split(bytes, u32::MAX) {
        Ok(Split::Frame { frame, .. }) => Packet::decode(frame, version).ok(),
        _ => None,
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, src)) = data.split_first() else { return };
    let asked = [Version::V3_1, Version::V3_1_1, Version::V5_0][usize::from(first % 3)];
    let Some(packet) = decode(src, asked) else { return };
    let version = if let Packet::Connect(connect) = &packet { connect.version } else { asked };

    let encoder = packet.encoder(version).expect("what is decoded is encodable");
    let mut once = Vec::new();
    encoder.write(&mut once);
    assert_eq!(once.len(), encoder.encoded_len());
    assert!(once.len() <= src.len(), "the canonical form is the shortest");
    let mut short = b"before".to_vec();
    packet.encode(version, &mut short).expect("the same packet");
    assert_eq!(short[6..], once);
    let mut room = vec![0; once.len()];
    assert_eq!(encoder.write_to_slice(&mut room).expect("room"), &once[..]);
    let mut head = Vec::new();
    let payload = encoder.write_head(&mut head);
    head.extend_from_slice(payload);
    assert_eq!(head, once);

    let again = decode(&once, version).expect("what is encoded is decodable");
    assert_eq!(again, packet);
    let mut twice = Vec::new();
    again.encoder(version).expect("still encodable").write(&mut twice);
    assert_eq!(twice, once);

    let buffer = Bytes::copy_from_slice(src);
    let borrowed = decode(&buffer, asked).expect("the same bytes");
    let owned = borrowed.upgrade(&buffer).expect("it borrows from the buffer");
    drop(buffer);
    assert_eq!(owned.packet(), packet);
    assert_eq!(OwnedPacket::new(&packet, version).expect("encodable").packet(), packet);

    for other in [Version::V3_1, Version::V3_1_1, Version::V5_0] {
        rewrite(&packet, other);
    }
    if let Packet::Publish(publish) = &packet {
        receivers(publish, version, src);
    }
});

/// In another edition a packet is refused, or means the same there.
fn rewrite(packet: &Packet<'_>, version: Version) {
    let mut out = Vec::new();
    match packet.encode(version, &mut out) {
        Ok(()) => assert!(decode(&out, version).is_some(), "{packet:?} in {version}: {out:02x?}"),
        Err(error) => {
            assert!(out.is_empty());
            assert_eq!(packet.encoder(version).expect_err("refused before"), error);
        }
    }
}

fn receivers(publish: &Publish<'_>, version: Version, src: &[u8]) {
    // A template wants a topic by its name and a message without what belongs to one connection.
    if publish.topic.is_none() {
        return;
    }
    let kept = MessageProperties::of(&publish.properties).expect("it was decoded");
    let publish = Publish { properties: kept.properties(), ..*publish };
    let (mut frame, mut head) = (Vec::new(), Vec::new());
    let template = Template::write(&publish, version, &mut frame).expect("encodable");
    assert_eq!(Template::write_head(&publish, version, &mut head).expect("encodable"), template);

    let v5 = version.has_properties();
    let [a, b, c, d] = src.last_chunk::<4>().copied().unwrap_or([1, 2, 3, 4]);
    let number = u32::from_be_bytes([a, b, c, d]);
    let id = PacketId::new(number as u16).unwrap_or(PacketId::from(NonZeroU16::MIN));
    let alias = NonZeroU16::new((number >> 16) as u16).filter(|_| v5);
    let ids: Vec<_> = (0..a % 4).filter_map(|n| SubscriptionId::new(number >> 4 >> n)).filter(|_| v5).collect();
    let expiry = Some(number).filter(|_| v5 && b & 1 == 0);
    for delivery in [
        Delivery::AtMostOnce,
        Delivery::AtLeastOnce { id, dup: c & 1 == 1 },
        Delivery::ExactlyOnce { id, dup: c & 2 == 2 },
    ] {
        let forms = [TopicForm::Name, alias.map_or(TopicForm::Name, TopicForm::Introduce)];
        for topic in forms.into_iter().chain(alias.map(TopicForm::Alias)) {
            let receiver =
                Receiver { delivery, retain: d & 1 == 1, topic, message_expiry: expiry, subscription_ids: &ids };
            let mut list = Vec::new();
            if let TopicForm::Introduce(alias) | TopicForm::Alias(alias) = topic {
                list.push(Property::TopicAlias(alias));
            }
            list.extend(expiry.map(Property::MessageExpiryInterval));
            list.extend(ids.iter().copied().map(Property::SubscriptionIdentifier));
            list.extend(kept.iter());
            let wanted = Publish {
                delivery,
                retain: receiver.retain,
                topic: publish.topic.filter(|_| !matches!(topic, TopicForm::Alias(_))),
                properties: Properties::new(&list).expect("checked values"),
                payload: publish.payload,
            };
            let mut expected = Vec::new();
            Packet::Publish(wanted).encode(version, &mut expected).expect("encodable");
            assert_eq!(template.len_for(&receiver), expected.len());
            let (mut whole, mut parts) = (Vec::new(), Vec::new());
            template.write_for(&frame, &receiver, &mut whole).expect("encodable");
            template.write_for(&head, &receiver, &mut parts).expect("encodable");
            parts.extend_from_slice(publish.payload);
            assert_eq!((&whole, &parts), (&expected, &expected));
        }
        if delivery.packet_id().is_some() == publish.delivery.packet_id().is_some() {
            let mut copy = frame.clone();
            template.patch(&mut copy, delivery);
            let mut expected = Vec::new();
            Packet::Publish(Publish { delivery, ..publish }).encode(version, &mut expected).expect("encodable");
            assert_eq!(copy, expected);
        }
    }
}
