//! Errors say what is wrong, where, what would be right, and who is at fault; word for word.

use lmq_codec::{
    Ack, Auth, ConnAck, Connect, DecodeError, Disconnect, EncodeError, Packet, PacketId, Properties, Property, Publish,
    QoS, ReasonCode, ReasonCodes, Split, SubAck, Subscribe, SubscribeFilters, SubscribeOptions, SubscriptionId,
    TopicFilter, TopicName, UnsubAck, Version, split,
};

fn decode(bytes: &[u8], version: Version) -> DecodeError {
    match split(bytes, 100) {
        Ok(Split::Frame { frame, .. }) => Packet::decode(frame, version).unwrap_err(),
        Ok(other) => panic!("{other:?}"),
        Err(error) => error,
    }
}

#[test]
fn topics() {
    let name = |text: &str| TopicName::new(text).unwrap_err().to_string();
    assert_eq!(name(""), "topic name is empty: at least one byte");
    assert_eq!(name("a/\0"), "topic name has U+0000 at byte 2: no MQTT text contains it");
    assert_eq!(name("a/#"), "topic name has a wildcard '#' at byte 2: wildcards belong to topic filters");
    let filter = |text: &str| TopicFilter::new(text).unwrap_err().to_string();
    assert_eq!(filter(""), "topic filter is empty: at least one byte");
    assert_eq!(filter("\0"), "topic filter has U+0000 at byte 0: no MQTT text contains it");
    assert_eq!(filter("a/b+"), "topic filter has '+' at byte 3 beside other characters: it fills a level alone");
    assert_eq!(filter("+/a#"), "topic filter has '#' at byte 3 beside other characters: it fills a level alone");
    assert_eq!(filter("a/#/b"), "topic filter has '#' at byte 2 before the last level: nothing follows it");
    assert_eq!(TopicFilter::new("a/#/b").unwrap_err().offset(), 2);
    assert_eq!(format!("{:?}", TopicName::new("").unwrap_err()), "TopicError(topic name is empty: at least one byte)");
}

#[test]
fn numbers() {
    assert_eq!(QoS::try_from(3).unwrap_err().to_string(), "QoS 3 does not exist: 0, 1 or 2");
    assert_eq!(
        SubscriptionId::try_from(0).unwrap_err().to_string(),
        "subscription identifier 0 does not exist: 1 to 268435455"
    );
}

#[test]
fn packets_of_a_peer() {
    let error = decode(b"\x38\x03\0\x01a", Version::V3_1_1);
    assert_eq!(
        error.to_string(),
        "peer sent a malformed packet: DUP set in a PUBLISH of QoS 0, at byte 0 [MQTT-3.3.1-2]"
    );
    assert_eq!(format!("{error:?}"), "DecodeError(DupAtQoS0 at 0, MQTT-3.3.1-2)");
    // The statement is that of the edition the packet was read in.
    let text = b"\x30\x03\0\x01\xff";
    assert_eq!(decode(text, Version::V3_1_1).statement(), "MQTT-1.5.3-1");
    assert_eq!(decode(text, Version::V5_0).statement(), "MQTT-1.5.4-1");
    assert_eq!(decode(text, Version::V5_0).version(), Some(Version::V5_0));
    let error = decode(b"\x30\x63", Version::V5_0);
    assert_eq!(
        error.to_string(),
        "peer sent a malformed packet: packet is larger than this receiver takes, at byte 1 [MQTT-3.1.2-24]"
    );
    assert_eq!(error.version(), None);
    assert_eq!(decode(b"\x10\x0d\0\x04MQTT\x09\x02\0\0\0\x01a", Version::V5_0).connack_code(), Some(1));
}

fn text(found: Result<lmq_codec::Encoder<'_>, EncodeError>) -> String {
    found.unwrap_err().to_string()
}

fn connect(client_id: &str) -> Connect<'_> {
    Connect {
        version: Version::V3_1_1,
        clean_start: true,
        keep_alive: 0,
        client_id,
        will: None,
        username: None,
        password: None,
        properties: Properties::EMPTY,
    }
}

#[test]
fn packets_of_the_caller() {
    let (v3, v5) = (Version::V3_1_1, Version::V5_0);
    let id = PacketId::new(1).unwrap();
    let none = Properties::EMPTY;
    assert_eq!(text(connect("a").encoder(v5)), "MQTT 5.0 has no CONNECT of another version");
    let long = "x".repeat(65_536);
    assert_eq!(text(connect(&long).encoder(v3)), "client identifier has 65536 bytes: at most 65535");
    assert_eq!(text(connect("a\0").encoder(v3)), "client identifier contains U+0000: no MQTT text does");
    let kept = Connect { clean_start: false, ..connect("") };
    assert_eq!(text(kept.encoder(v3)), "client identifier is empty but the session is to be kept");
    let password = Connect { password: Some(b"p"), ..connect("a") };
    assert_eq!(text(password.encoder(v3)), "password without user name");
    assert!(Connect { version: v5, ..password }.encoder(v5).is_ok());

    let refused = ConnAck { session_present: false, reason: ReasonCode::Banned, properties: none };
    assert_eq!(text(refused.encoder(v3)), "MQTT 3.1.1 cannot say \"banned\" in this packet");
    let auth = Auth { reason: ReasonCode::Success, properties: none };
    assert_eq!(text(auth.encoder(v3)), "MQTT 3.1.1 has no AUTH");
    let list = [Property::ReasonString("why"), Property::ReasonString("again")];
    let properties = Properties::new(&list[..1]).unwrap();
    let ack = Packet::PubAck(Ack { id, reason: ReasonCode::Success, properties });
    assert_eq!(text(ack.encoder(v3)), "MQTT 3.1.1 has no properties");
    let twice = Packet::PubAck(Ack { id, reason: ReasonCode::Success, properties: Properties::new(&list).unwrap() });
    assert_eq!(text(twice.encoder(v5)), "property ReasonString: property appears twice");
    let publish =
        Publish { delivery: lmq_codec::Delivery::AtMostOnce, retain: false, topic: None, properties, payload: b"" };
    assert_eq!(text(publish.encoder(v5)), "property ReasonString: property belongs to another packet type");
    assert_eq!(text(Publish { properties: none, ..publish }.encoder(v5)), "neither topic nor topic alias");
    let left = Disconnect::new(ReasonCode::GrantedQoS1);
    assert_eq!(text(left.encoder(v5)), "MQTT 5.0 cannot say \"granted QoS 1\" in this packet");
    let suback = SubAck { id, properties: none, reasons: ReasonCodes::new(&[]) };
    assert_eq!(text(suback.encoder(v3)), "acknowledgement of a subscription without a code");
    let unsuback = UnsubAck { id, properties: none, reasons: ReasonCodes::new(&[ReasonCode::Success]) };
    assert_eq!(text(unsuback.encoder(v3)), "MQTT 3.1.1 has no codes in UNSUBACK");

    let shared = TopicFilter::new("$share/g/a").unwrap();
    let entries = [(shared, SubscribeOptions { no_local: true, ..SubscribeOptions::default() })];
    let subscribe = Subscribe { id, properties: none, filters: SubscribeFilters::new(&entries) };
    assert_eq!(text(subscribe.encoder(v5)), "no-local on a shared subscription");
    assert_eq!(text(subscribe.encoder(v3)), "MQTT 3.1.1 has no subscription options besides QoS");
    let empty = Subscribe { filters: SubscribeFilters::new(&[]), ..subscribe };
    assert_eq!(text(empty.encoder(v5)), "SUBSCRIBE without a topic filter");
}

#[test]
fn a_body_over_the_protocols_size_is_refused() {
    let payload = vec![0; 268_435_455 - 2];
    let publish = Publish {
        delivery: lmq_codec::Delivery::AtMostOnce,
        retain: false,
        topic: Some(TopicName::new("a").unwrap()),
        properties: Properties::EMPTY,
        payload: &payload,
    };
    assert_eq!(text(publish.encoder(Version::V3_1_1)), "packet body has 268435456 bytes: at most 268435455");
    let largest = Publish { payload: &payload[1..], ..publish };
    assert_eq!(largest.encoder(Version::V3_1_1).unwrap().encoded_len(), 268_435_460);
}

#[test]
fn property_lists() {
    let long = "x".repeat(65_536);
    let error = |list: &[Property<'_>]| Properties::new(list).unwrap_err().to_string();
    assert_eq!(
        error(&[Property::TopicAliasMaximum(1), Property::ContentType(&long)]),
        "property ContentType at position 1 is longer than 65535 bytes"
    );
    assert_eq!(
        error(&[Property::ReasonString("\0")]),
        "property ReasonString at position 0 contains U+0000: no MQTT text does"
    );
    assert_eq!(
        error(&[Property::MaximumQoS(QoS::ExactlyOnce)]),
        "property MaximumQoS at position 0 is 2: leave it out, or 0 or 1"
    );
}

#[test]
fn a_password_is_never_shown() {
    let connect = Connect { username: Some("user"), password: Some(b"hunter2"), ..connect("a") };
    let shown = format!("{connect:?} {:?}", Packet::Connect(connect));
    assert!(shown.contains("user") && !shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
}
