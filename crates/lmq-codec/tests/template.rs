//! A message encoded once and patched equals the message encoded each time.

use lmq_codec::{Delivery, Packet, PacketId, Properties, Property, Publish, Template, TopicName, Version};

fn id(value: u16) -> PacketId {
    PacketId::new(value).unwrap()
}

fn encoded(publish: Publish<'_>, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    Packet::Publish(publish).encode(version, &mut out).unwrap();
    out
}

fn with_id(id: PacketId, dup: bool) -> [Delivery; 2] {
    [Delivery::AtLeastOnce { id, dup }, Delivery::ExactlyOnce { id, dup }]
}

#[test]
fn a_patched_copy_is_what_the_encoder_writes() {
    let list = [Property::ContentType("text")];
    let topic = "t".repeat(300);
    for (version, properties) in
        [(Version::V3_1, &list[..0]), (Version::V3_1_1, &list[..0]), (Version::V5_0, &list[..])]
    {
        for (topic, payload, retain) in [("a", 0, false), ("a", 130, true), (&topic[..], 20_000, false)] {
            let (topic, properties) = (Some(TopicName::new(topic).unwrap()), Properties::new(properties).unwrap());
            let payload = vec![9; payload];
            let publish = |delivery| Publish { delivery, retain, topic, properties, payload: &payload };
            for made in with_id(id(1), false).into_iter().chain(with_id(id(0xffff), true)) {
                let mut frame = b"before".to_vec();
                let template = Template::write(&publish(made), version, &mut frame).unwrap();
                assert_eq!(frame[6..], encoded(publish(made), version));
                for wanted in with_id(id(0x0102), true).into_iter().chain(with_id(id(0xfffe), false)) {
                    let mut copy = frame[6..].to_vec();
                    template.patch(&mut copy, wanted);
                    assert_eq!(copy, encoded(publish(wanted), version));
                    let mut head = Vec::new();
                    let template = Template::write_head(&publish(made), version, &mut head).unwrap();
                    template.patch(&mut head, wanted);
                    head.extend_from_slice(&payload);
                    assert_eq!(head, copy);
                }
            }
            let mut frame = Vec::new();
            let template = Template::write(&publish(Delivery::AtMostOnce), version, &mut frame).unwrap();
            template.patch(&mut frame, Delivery::AtMostOnce);
            assert_eq!(frame, encoded(publish(Delivery::AtMostOnce), version));
        }
    }
}

/// A debug build stops; a release build changes nothing.
#[test]
fn a_copy_of_another_shape_is_left_unchanged() {
    let (one, zero) = (Delivery::AtLeastOnce { id: id(1), dup: false }, Delivery::AtMostOnce);
    for (made, wanted) in [(one, zero), (zero, one)] {
        let topic = Some(TopicName::new("a").unwrap());
        let publish = Publish { delivery: made, retain: true, topic, properties: Properties::EMPTY, payload: b"xyz" };
        let mut frame = Vec::new();
        let template = Template::write(&publish, Version::V3_1_1, &mut frame).unwrap();
        let left_unchanged = |copy: &[u8], wanted| {
            let mut patched = copy.to_vec();
            let stopped =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| template.patch(&mut patched, wanted)));
            assert_eq!(stopped.is_err(), cfg!(debug_assertions));
            assert_eq!(patched, copy);
        };
        left_unchanged(&frame, wanted);
        // One byte less than the identifier needs, or no byte at all.
        left_unchanged(if made == one { &frame[..6] } else { &[] }, made);
    }
}
