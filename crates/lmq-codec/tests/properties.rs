//! What holds for any packet and any bytes.

use bytes::BytesMut;
use lmq_codec::{
    Ack, ConnAck, Connect, Decoded, Decoder, Delivery, Disconnect, OwnedPacket, Packet, PacketId, Properties, Property,
    Publish, QoS, ReasonCode, ReasonCodes, Split, Step, SubAck, Subscribe, SubscribeFilters, SubscribeOptions,
    TopicFilter, TopicName, UnsubAck, Unsubscribe, UnsubscribeFilters, UserProperty, Version, Will, split,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|value| PacketId::new(value).unwrap())
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V3_1), Just(Version::V3_1_1), Just(Version::V5_0)]
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)]
}

fn delivery() -> impl Strategy<Value = Delivery> {
    (qos(), id(), any::<bool>()).prop_map(|(qos, id, dup)| match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id, dup },
    })
}

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,12}"
}

fn topic() -> impl Strategy<Value = String> {
    "[^\0+#]{1,30}"
}

fn filter() -> impl Strategy<Value = String> {
    (vec(prop_oneof![Just("+".to_owned()), "[^\0+#/]{0,8}"], 1..5), any::<bool>()).prop_map(|(mut levels, all)| {
        if all {
            levels.push("#".to_owned());
        }
        let text = levels.join("/");
        if text.is_empty() || text.starts_with("$share/") { "a".to_owned() } else { text }
    })
}

fn encode(packet: &Packet<'_>, version: Version) -> OwnedPacket {
    OwnedPacket::new(packet, version).unwrap()
}

fn user(pairs: &[(String, String)], version: Version) -> Vec<Property<'_>> {
    let pairs = if version == Version::V5_0 { pairs } else { &[] };
    pairs.iter().map(|(name, value)| Property::UserProperty(UserProperty { name, value })).collect()
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    vec((text(), text()), 0..3)
}

fn connect() -> impl Strategy<Value = (Version, OwnedPacket)> {
    let will = option::of((topic(), vec(any::<u8>(), 0..20), qos(), any::<bool>()));
    let who = option::of((text(), option::of(vec(any::<u8>(), 0..20))));
    (version(), "[^\0]{1,20}", any::<bool>(), any::<u16>(), will, who, pairs()).prop_map(
        |(version, client_id, clean_start, keep_alive, will, who, pairs)| {
            let list = user(&pairs, version);
            let properties = Properties::new(&list).unwrap();
            let packet = Connect {
                version,
                clean_start,
                keep_alive,
                client_id: &client_id,
                will: will.as_ref().map(|(topic, payload, qos, retain)| Will {
                    topic: TopicName::new(topic).unwrap(),
                    payload,
                    qos: *qos,
                    retain: *retain,
                    properties,
                }),
                username: who.as_ref().map(|(name, _)| name.as_str()),
                password: who.as_ref().and_then(|(_, password)| password.as_deref()),
                properties,
            };
            (version, encode(&Packet::Connect(packet), version))
        },
    )
}

fn publish() -> impl Strategy<Value = (Version, OwnedPacket)> {
    (version(), delivery(), any::<bool>(), topic(), vec(any::<u8>(), 0..300), pairs()).prop_map(
        |(version, delivery, retain, topic, payload, pairs)| {
            let list = user(&pairs, version);
            let topic = Some(TopicName::new(&topic).unwrap());
            let properties = Properties::new(&list).unwrap();
            (
                version,
                encode(&Packet::Publish(Publish { delivery, retain, topic, properties, payload: &payload }), version),
            )
        },
    )
}

fn lists() -> impl Strategy<Value = (Version, OwnedPacket)> {
    (version(), id(), vec((filter(), qos()), 1..6), pairs(), 0..4).prop_map(|(version, id, entries, pairs, kind)| {
        let list = user(&pairs, version);
        let properties = Properties::new(&list).unwrap();
        let filters: Vec<_> =
            entries.iter().map(|(f, qos)| (TopicFilter::new(f).unwrap(), SubscribeOptions::new(*qos))).collect();
        let names: Vec<_> = filters.iter().map(|(f, _)| *f).collect();
        let codes: Vec<_> = entries.iter().map(|(_, qos)| ReasonCode::from(*qos)).collect();
        let gone = vec![ReasonCode::NoSubscriptionExisted; if version == Version::V5_0 { codes.len() } else { 0 }];
        let packet = match kind {
            0 => Packet::Subscribe(Subscribe { id, properties, filters: SubscribeFilters::new(&filters) }),
            1 => Packet::Unsubscribe(Unsubscribe { id, properties, filters: UnsubscribeFilters::new(&names) }),
            2 => Packet::SubAck(SubAck { id, properties, reasons: ReasonCodes::new(&codes) }),
            _ => Packet::UnsubAck(UnsubAck { id, properties, reasons: ReasonCodes::new(&gone) }),
        };
        (version, encode(&packet, version))
    })
}

fn short() -> impl Strategy<Value = (Version, OwnedPacket)> {
    (version(), id(), 0..8).prop_map(|(version, id, kind)| {
        let ack = Ack::new(id);
        let packet = match kind {
            0 => Packet::PubAck(ack),
            1 => Packet::PubRec(ack),
            2 => Packet::PubRel(ack),
            3 => Packet::PubComp(ack),
            4 => Packet::PingReq,
            5 => Packet::PingResp,
            6 => Packet::Disconnect(Disconnect::new(ReasonCode::Success)),
            _ => Packet::ConnAck(ConnAck {
                session_present: false,
                reason: ReasonCode::NotAuthorized,
                properties: Properties::EMPTY,
            }),
        };
        (version, encode(&packet, version))
    })
}

fn any_packet() -> impl Strategy<Value = (Version, OwnedPacket)> {
    prop_oneof![connect(), publish(), lists(), short()]
}

fn bytes_of(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encoder(version).unwrap().write(&mut out);
    out
}

proptest! {
    #[test]
    fn any_value_round_trips_and_its_length_is_exact((version, owned) in any_packet()) {
        let packet = owned.packet();
        let encoder = packet.encoder(version).unwrap();
        let bytes = bytes_of(&packet, version);
        prop_assert_eq!(bytes.len(), encoder.encoded_len());
        let Ok(Split::Frame { frame, rest: [] }) = split(&bytes, u32::MAX) else { panic!() };
        prop_assert_eq!(Packet::decode(frame, version).unwrap(), packet);
        let mut room = vec![0; bytes.len() + 3];
        prop_assert_eq!(&*encoder.write_to_slice(&mut room).unwrap(), &bytes[..]);
        prop_assert!(encoder.write_to_slice(&mut room[..bytes.len() - 1]).is_none());
        let buffer = bytes::Bytes::from(bytes);
        let Ok(Split::Frame { frame, .. }) = split(&buffer, u32::MAX) else { panic!() };
        let upgraded = Packet::decode(frame, version).unwrap().upgrade(&buffer).unwrap();
        prop_assert_eq!(upgraded.packet(), packet);
        let compact = owned.compact(version).unwrap();
        prop_assert_eq!(compact.packet(), packet);
    }

    #[test]
    fn any_cut_of_a_stream_gives_the_same_packets(
        version in version(),
        packets in vec(publish(), 1..6),
        cuts in vec(1_usize..40, 1..50),
        chunk in 0_u32..200,
    ) {
        let stream: Vec<u8> = packets.iter().flat_map(|(_, p)| {
            let Packet::Publish(p) = p.packet() else { panic!() };
            bytes_of(&Packet::Publish(Publish { properties: Properties::EMPTY, ..p }), version)
        }).collect();
        let mut whole = Vec::new();
        let mut rest = &stream[..];
        let mut decoder = Decoder::any(version, 1 << 20);
        while let Step::Packet { packet: Packet::Publish(p), rest: next } = decoder.step(rest).unwrap() {
            whole.push((p.topic.unwrap().as_str().to_owned(), p.delivery, p.payload.to_vec()));
            rest = next;
        }
        prop_assert_eq!(whole.len(), packets.len());

        let mut decoder = Decoder::any(version, 1 << 20).chunks_over(chunk);
        let mut src = BytesMut::new();
        let mut found: Vec<(String, Delivery, Vec<u8>)> = Vec::new();
        let (mut at, mut cut) = (0, cuts.iter().cycle());
        while at < stream.len() {
            let end = (at + cut.next().unwrap()).min(stream.len());
            src.extend_from_slice(&stream[at..end]);
            at = end;
            loop {
                let capacity = src.capacity();
                let Some(decoded) = decoder.decode(&mut src).unwrap() else { break };
                prop_assert!(src.capacity() <= capacity);
                match decoded {
                    Decoded::Payload { bytes, .. } => found.last_mut().unwrap().2.extend_from_slice(&bytes),
                    Decoded::Packet(packet) | Decoded::Head { publish: packet, .. } => {
                        let Packet::Publish(p) = packet.packet() else { panic!() };
                        found.push((p.topic.unwrap().as_str().to_owned(), p.delivery, p.payload.to_vec()));
                    }
                }
            }
        }
        prop_assert_eq!(found, whole);
    }

    #[test]
    fn mutation_never_panics_and_never_reserves_more_than_received(
        (version, owned) in any_packet(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        max in 0_u32..400,
    ) {
        let mut bytes = bytes_of(&owned.packet(), version);
        for (at, value) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        for mut decoder in [Decoder::any(version, max), Decoder::server(max), Decoder::client(version, max).chunks_over(9)] {
            let mut src = BytesMut::with_capacity(bytes.len());
            src.extend_from_slice(&bytes);
            let capacity = src.capacity();
            while let Ok(Some(_)) = decoder.decode(&mut src) {}
            prop_assert!(src.capacity() <= capacity);
            let mut rest = &bytes[..];
            let mut decoder = Decoder::any(version, max);
            while let Ok(Step::Packet { packet, rest: next }) = decoder.step(rest) {
                let version = if let Packet::Connect(c) = &packet { c.version } else { version };
                let _ = format!("{packet:?}");
                packet.encoder(decoder.version().unwrap_or(version)).unwrap();
                rest = next;
            }
        }
    }

    #[test]
    fn filters_agree_with_a_naive_matcher(filter in filter(), topic in topic()) {
        fn naive(filter: &[&str], name: &[&str]) -> bool {
            match (filter, name) {
                ([], []) | (["#"], _) => true,
                (["+", filter @ ..], [_, name @ ..]) => naive(filter, name),
                ([level, filter @ ..], [other, name @ ..]) => level == other && naive(filter, name),
                _ => false,
            }
        }
        let hidden = topic.starts_with('$') && filter.starts_with(['+', '#']);
        let levels: Vec<&str> = filter.split('/').collect();
        let names: Vec<&str> = topic.split('/').collect();
        let found = TopicFilter::new(&filter).unwrap().matches(TopicName::new(&topic).unwrap());
        prop_assert_eq!(found, !hidden && naive(&levels, &names));
    }
}
