//! Statements that no single packet shows: what is written, kept, ordered, counted and matched.

use lmq_codec::{
    Ack, ConnAck, Connect, Decoder, Delivery, Packet, PacketId, Properties, Property, Publish, QoS, ReasonCode,
    ReasonCodes, Split, Step, SubAck, Subscribe, SubscribeFilters, SubscribeOptions, TopicFilter, TopicName, UnsubAck,
    UserProperty, Version, Violation, Will, split,
};

const ALL: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5_0];

fn encode(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encoder(version).unwrap().write(&mut out);
    out
}

fn decode(bytes: &[u8], version: Version) -> Packet<'_> {
    match split(bytes, u32::MAX) {
        Ok(Split::Frame { frame, .. }) => Packet::decode(frame, version).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn id(value: u16) -> PacketId {
    PacketId::new(value).unwrap()
}

fn message<'a>(topic: &'a str, payload: &'a [u8]) -> Publish<'a> {
    Publish {
        delivery: Delivery::AtMostOnce,
        retain: false,
        topic: Some(TopicName::new(topic).unwrap()),
        properties: Properties::EMPTY,
        payload,
    }
}

#[test]
fn a_byte_order_mark_is_kept() {
    let bytes = b"\x30\x06\0\x04\xef\xbb\xbfa";
    let Packet::Publish(p) = decode(bytes, Version::V3_1_1) else { panic!() };
    assert_eq!(p.topic.unwrap().as_str(), "\u{feff}a");
    assert_eq!(encode(&Packet::Publish(p), Version::V3_1_1), bytes);
}

#[test]
fn encoders_write_the_fixed_flags() {
    let ack = Ack::new(id(1));
    let filters = [(TopicFilter::new("a").unwrap(), SubscribeOptions::default())];
    let packets = [
        (Packet::PubAck(ack), 0x40),
        (Packet::PubRec(ack), 0x50),
        (Packet::PubRel(ack), 0x62),
        (Packet::PubComp(ack), 0x70),
        (
            Packet::Subscribe(Subscribe {
                id: id(1),
                properties: Properties::EMPTY,
                filters: SubscribeFilters::new(&filters),
            }),
            0x82,
        ),
        (Packet::PingReq, 0xc0),
        (Packet::PingResp, 0xd0),
    ];
    for version in ALL {
        for (packet, first) in packets {
            assert_eq!(encode(&packet, version)[0], first, "{packet:?}");
        }
    }
    assert_eq!(Ack::puback(id(0x0102)), [0x40, 2, 1, 2]);
    assert_eq!(Ack::pubrec(id(0x0102)), [0x50, 2, 1, 2]);
    assert_eq!(Ack::pubrel(id(0x0102)), [0x62, 2, 1, 2]);
    assert_eq!(Ack::pubcomp(id(0x0102)), [0x70, 2, 1, 2]);
}

#[test]
fn qos_0_has_no_identifier_and_no_dup() {
    assert_eq!(encode(&Packet::Publish(message("a", b"\0\x01")), Version::V3_1_1), b"\x30\x05\0\x01a\0\x01");
    let Packet::Publish(p) = decode(b"\x31\x05\0\x01a\0\x01", Version::V3_1_1) else { panic!() };
    assert_eq!((p.delivery.packet_id(), p.payload), (None, &b"\0\x01"[..]));
    assert!(!p.delivery.dup());
}

const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01a";
const CONNECT_5: &[u8] = b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01a";

fn violation(decoder: &mut Decoder, bytes: &[u8]) -> Option<Violation> {
    decoder.step(bytes).err().map(|e| e.violation())
}

#[test]
fn a_client_begins_with_connect_and_says_it_once() {
    for first in [&b"\xc0\0"[..], b"\x30", b"\x82\x06", b"\xe0\0", b"\xf0"] {
        assert_eq!(violation(&mut Decoder::server(100), first), Some(Violation::FirstPacket), "{first:02x?}");
    }
    let mut decoder = Decoder::server(100);
    assert!(matches!(decoder.step(b""), Ok(Step::Need(1..))));
    assert_eq!(decoder.version(), None);
    assert!(matches!(decoder.step(CONNECT), Ok(Step::Packet { packet: Packet::Connect(_), rest: [] })));
    assert_eq!(decoder.version(), Some(Version::V3_1_1));
    assert_eq!(violation(&mut decoder, CONNECT), Some(Violation::SecondConnect));
}

#[test]
fn a_server_begins_with_connack_and_says_it_once() {
    for first in [&b"\xd0\0"[..], b"\x30", b"\x90\x03"] {
        assert_eq!(violation(&mut Decoder::client(Version::V5_0, 100), first), Some(Violation::FirstPacket));
    }
    assert_eq!(violation(&mut Decoder::client(Version::V3_1_1, 100), b"\xf0\0"), Some(Violation::FirstPacket));
    let mut decoder = Decoder::client(Version::V5_0, 100);
    assert!(matches!(decoder.step(b"\xf0\x06\x18\x04\x15\0\x01m"), Ok(Step::Packet { .. })));
    assert!(matches!(decoder.step(b"\x20\x03\0\0\0"), Ok(Step::Packet { .. })));
    assert_eq!(violation(&mut decoder, b"\x20\x03\0\0\0"), Some(Violation::SecondConnect));
}

#[test]
fn packets_go_in_their_direction_only() {
    for bytes in [&b"\x20\x02\0\0"[..], b"\x90\x03\0\x01\0", b"\xb0\x02\0\x01", b"\xd0\0"] {
        let mut server = Decoder::server(100);
        server.step(CONNECT).unwrap();
        assert_eq!(violation(&mut server, bytes), Some(Violation::WrongDirection), "{bytes:02x?}");
    }
    for bytes in [CONNECT, b"\x82\x06\0\x01\0\x01a\0", b"\xa2\x05\0\x01\0\x01a", b"\xc0\0", b"\xe0\0"] {
        let mut client = Decoder::client(Version::V3_1_1, 100);
        client.step(b"\x20\x02\0\0").unwrap();
        assert_eq!(violation(&mut client, bytes), Some(Violation::WrongDirection), "{bytes:02x?}");
    }
    let mut client = Decoder::client(Version::V5_0, 100);
    client.step(b"\x20\x03\0\0\0").unwrap();
    assert!(matches!(client.step(b"\xe0\x01\x8e"), Ok(Step::Packet { packet: Packet::Disconnect(_), .. })));
}

#[test]
fn what_only_one_side_may_say() {
    let server = |bytes| {
        let mut decoder = Decoder::server(100);
        decoder.step(CONNECT_5).unwrap();
        violation(&mut decoder, bytes)
    };
    let client = |bytes| {
        let mut decoder = Decoder::client(Version::V5_0, 100);
        decoder.step(b"\x20\x03\0\0\0").unwrap();
        violation(&mut decoder, bytes)
    };
    // [MQTT-3.3.4-6]
    assert_eq!(server(b"\x30\x06\0\x01a\x02\x0b\x01"), Some(Violation::SubscriptionIdFromClient));
    assert_eq!(client(b"\x30\x06\0\x01a\x02\x0b\x01"), None);
    // [MQTT-3.14.2-2]
    assert_eq!(client(b"\xe0\x07\0\x05\x11\0\0\0\0"), Some(Violation::SessionExpiryFromServer));
    assert_eq!(server(b"\xe0\x07\0\x05\x11\0\0\0\0"), None);
    // [MQTT-3.14.2-1]: the reason belongs to the sender.
    assert_eq!(client(b"\xe0\x01\x04"), Some(Violation::ReasonDirection));
    assert_eq!(server(b"\xe0\x01\x04"), None);
    assert_eq!(server(b"\xe0\x01\x8b"), Some(Violation::ReasonDirection));
    assert_eq!(client(b"\xe0\x01\x8b"), None);
    // [MQTT-3.15.2-1]
    assert_eq!(server(b"\xf0\0"), Some(Violation::ReasonDirection));
    assert_eq!(client(b"\xf0\x06\x19\x04\x15\0\x01m"), Some(Violation::ReasonDirection));
    assert_eq!(server(b"\xf0\x06\x19\x04\x15\0\x01m"), None);
}

#[test]
fn a_malformed_connect_gets_no_answer_but_two_do() {
    let code = |bytes: &[u8]| Decoder::server(100).step(bytes).unwrap_err().connack_code();
    assert_eq!(code(b"\x10\x0d\0\x04MQTT\x07\x02\0\0\0\x01a"), Some(1));
    assert_eq!(code(b"\x10\x0c\0\x04MQTT\x04\0\0\0\0\0"), Some(2));
    assert_eq!(code(b"\x10\x0d\0\x04mqtt\x04\x02\0\0\0\x01a"), None);
    assert_eq!(code(b"\x10\x0d\0\x04MQTT\x04\x03\0\0\0\x01a"), None);
    assert_eq!(code(b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\x01"), None);
}

#[test]
fn the_payload_of_connect_keeps_its_order() {
    let properties = [Property::WillDelayInterval(5)];
    let mut connect = Connect {
        version: Version::V3_1_1,
        clean_start: true,
        keep_alive: 1,
        client_id: "i",
        will: Some(Will {
            topic: TopicName::new("w").unwrap(),
            payload: b"m",
            qos: QoS::ExactlyOnce,
            retain: true,
            properties: Properties::EMPTY,
        }),
        username: Some("u"),
        password: Some(b"p"),
        properties: Properties::EMPTY,
    };
    assert_eq!(
        encode(&Packet::Connect(connect), Version::V3_1_1),
        b"\x10\x19\0\x04MQTT\x04\xf6\0\x01\0\x01i\0\x01w\0\x01m\0\x01u\0\x01p"
    );
    connect.version = Version::V5_0;
    connect.will.as_mut().unwrap().properties = Properties::new(&properties).unwrap();
    assert_eq!(
        encode(&Packet::Connect(connect), Version::V5_0),
        b"\x10\x20\0\x04MQTT\x05\xf6\0\x01\0\0\x01i\x05\x18\0\0\0\x05\0\x01w\0\x01m\0\x01u\0\x01p"
    );
}

#[test]
fn codes_keep_their_order_and_number() {
    let codes = [ReasonCode::GrantedQoS2, ReasonCode::UnspecifiedError, ReasonCode::Success, ReasonCode::GrantedQoS1];
    let packet = Packet::SubAck(SubAck { id: id(1), properties: Properties::EMPTY, reasons: ReasonCodes::new(&codes) });
    assert_eq!(encode(&packet, Version::V3_1_1), b"\x90\x06\0\x01\x02\x80\0\x01");
    assert_eq!(encode(&packet, Version::V5_0), b"\x90\x07\0\x01\0\x02\x80\0\x01");
    let bytes = encode(&packet, Version::V5_0);
    let Packet::SubAck(read) = decode(&bytes, Version::V5_0) else { panic!() };
    assert_eq!(read.reasons.collect::<Vec<_>>(), codes);
    let codes = [ReasonCode::NoSubscriptionExisted, ReasonCode::Success];
    let packet =
        Packet::UnsubAck(UnsubAck { id: id(1), properties: Properties::EMPTY, reasons: ReasonCodes::new(&codes) });
    assert_eq!(encode(&packet, Version::V5_0), b"\xb0\x05\0\x01\0\x11\0");
}

#[test]
fn user_properties_keep_their_order() {
    let pair = |name, value| Property::UserProperty(UserProperty { name, value });
    let list = [pair("b", "1"), pair("a", "2"), pair("b", "1"), Property::ContentType("t"), pair("", "")];
    let packet = Packet::Publish(Publish { properties: Properties::new(&list).unwrap(), ..message("a", b"") });
    let bytes = encode(&packet, Version::V5_0);
    let Packet::Publish(read) = decode(&bytes, Version::V5_0) else { panic!() };
    assert_eq!(read.properties.iter().collect::<Vec<_>>(), list);
}

#[test]
fn the_limit_is_judged_by_the_header_alone() {
    assert!(matches!(split(b"\x30\x08", 10), Ok(Split::Need(8))));
    let error = split(b"\x30\x09", 10).unwrap_err();
    assert_eq!((error.violation(), error.offset()), (Violation::PacketTooLarge, 1));
    assert_eq!(ReasonCode::from(&error), ReasonCode::PacketTooLarge);
    assert_eq!(split(b"\x30\xff\xff\xff\x7f", 268_435_459).unwrap_err().violation(), Violation::PacketTooLarge);
    assert!(matches!(split(b"\x30\xff\xff\xff\x7f", 268_435_460), Ok(Split::Need(268_435_455))));
}

#[test]
fn packets_need_not_end_where_reads_end() {
    let stream = [CONNECT, b"\x82\x06\0\x01\0\x01a\x01", b"\x32\x07\0\x01a\0\x02hi", b"\xc0\0", b"\xe0\0"].concat();
    let mut whole = Vec::new();
    let mut decoder = Decoder::server(100);
    let mut rest = &stream[..];
    while let Ok(Step::Packet { packet, rest: next }) = decoder.step(rest) {
        whole.push(packet);
        rest = next;
    }
    assert_eq!(whole.len(), 5);
    for piece in 1..stream.len() {
        let mut decoder = Decoder::server(100);
        let (mut at, mut end, mut found) = (0, 0, 0);
        while end < stream.len() {
            end = (end + piece).min(stream.len());
            while let Ok(Step::Packet { packet, rest }) = decoder.step(&stream[at..end]) {
                assert_eq!(packet, whole[found]);
                found += 1;
                at = end - rest.len();
            }
        }
        assert_eq!((found, at), (5, stream.len()), "pieces of {piece}");
    }
}

#[test]
fn filters_match_level_by_level() {
    let matches = |filter: &str, topic: &str| TopicFilter::new(filter).unwrap().matches(TopicName::new(topic).unwrap());
    for (filter, topic) in [
        ("a/#", "a"),
        ("a/#", "a/b/c"),
        ("#", "/"),
        ("+", "a"),
        ("+/+", "/a"),
        ("/+", "/a"),
        ("a/+/c", "a//c"),
        ("+/b/#", "a/b"),
        ("$SYS/#", "$SYS/a"),
        ("$SYS/+", "$SYS/a"),
        ("a", "a"),
        ("/", "/"),
        ("\u{e9}/+", "\u{e9}/x"),
    ] {
        assert!(matches(filter, topic), "{filter} {topic}");
    }
    for (filter, topic) in [
        ("a/#", "ab"),
        ("+", "/a"),
        ("+", "a/"),
        ("a/+", "a"),
        ("a/+", "a/b/c"),
        ("a", "A"),
        ("a", "a/"),
        ("a/", "a"),
        // No normalization. [MQTT-4.7.3-4]
        ("\u{e9}", "e\u{301}"),
        ("a//b", "a/b"),
    ] {
        assert!(!matches(filter, topic), "{filter} {topic}");
    }
    // [MQTT-4.7.2-1]
    for filter in ["#", "+", "+/a", "+/#"] {
        assert!(!matches(filter, "$SYS/a") && !matches(filter, "$SYS"), "{filter}");
    }
}

#[test]
fn names_and_filters_end_at_65535_bytes() {
    let long = "x".repeat(65_535);
    assert!(TopicName::new(&long).is_ok() && TopicFilter::new(&long).is_ok());
    let longer = "x".repeat(65_536);
    assert_eq!(TopicName::new(&longer).unwrap_err().to_string(), "topic name is longer than 65535 bytes");
    assert_eq!(TopicFilter::new(&longer).unwrap_err().to_string(), "topic filter is longer than 65535 bytes");
    assert!(TopicName::new("").is_err() && TopicFilter::new("").is_err());
}

#[test]
fn a_session_present_with_a_refusal_cannot_be_written() {
    let connack = ConnAck { session_present: true, reason: ReasonCode::NotAuthorized, properties: Properties::EMPTY };
    for version in ALL {
        let error = connack.encoder(version).unwrap_err();
        assert_eq!(error.to_string(), "session present although the connection is refused");
    }
}

#[test]
fn violations_become_reason_codes() {
    for (bytes, reason) in [
        (&b"\xc1\0"[..], ReasonCode::MalformedPacket),
        (b"\x30\x04\0\x01#\0", ReasonCode::TopicNameInvalid),
        (b"\x30\x07\0\x01a\x03\x23\0\0", ReasonCode::TopicAliasInvalid),
        (b"\x82\x03\0\x01\0", ReasonCode::ProtocolError),
        (b"\x82\x08\0\x01\0\0\x02a#\0", ReasonCode::TopicFilterInvalid),
    ] {
        let mut decoder = Decoder::server(100);
        decoder.step(CONNECT_5).unwrap();
        let error = decoder.step(bytes).unwrap_err();
        assert_eq!(ReasonCode::from(&error), reason, "{error}");
        assert!(ReasonCode::from(&error).is_failure());
    }
}
