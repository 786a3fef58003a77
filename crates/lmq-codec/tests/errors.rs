//! Errors say what is wrong, where, what would be right, and who is at fault; word for word.

use lmq_codec::{
    Ack, Auth, ConnAck, Connect, DecodeError, Disconnect, EncodeError, Packet, PacketId, Properties, Property, Publish,
    QoS, ReasonCode, ReasonCodes, Split, SubAck, Subscribe, SubscribeFilters, SubscribeOptions, SubscriptionId,
    TopicFilter, TopicName, UnsubAck, Unsubscribe, UnsubscribeFilters, UserProperty, Version, Will, split,
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
    assert_eq!(decode(text, Version::V3_1).statement(), "MQTT-1.5.3-1");
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
fn what_an_edition_cannot_say_is_not_written() {
    let (v31, v3, v5) = (Version::V3_1, Version::V3_1_1, Version::V5_0);
    let (id, none) = (PacketId::new(1).unwrap(), Properties::EMPTY);
    let list = [Property::UserProperty(UserProperty { name: "k", value: "v" })];
    let some = Properties::new(&list).unwrap();

    let anonymous = Connect { version: v31, ..connect("") };
    assert_eq!(text(anonymous.encoder(v31)), "client identifier is empty but the session is to be kept");
    let long = "x".repeat(65_536);
    let named = Connect { username: Some("u"), ..connect("a") };
    let username = Connect { username: Some("u\0"), ..named };
    assert_eq!(text(username.encoder(v3)), "user name contains U+0000: no MQTT text does");
    let username = Connect { username: Some(&long), ..named };
    assert_eq!(text(username.encoder(v3)), "user name has 65536 bytes: at most 65535");
    let password = Connect { password: Some(long.as_bytes()), ..named };
    assert_eq!(text(password.encoder(v3)), "password has 65536 bytes: at most 65535");
    assert!(Connect { password: Some(&long.as_bytes()[1..]), ..named }.encoder(v3).is_ok());
    let topic = TopicName::new("w").unwrap();
    let will = Will { topic, payload: b"", qos: QoS::AtMostOnce, retain: false, properties: none };
    let payload = Connect { will: Some(Will { payload: long.as_bytes(), ..will }), ..named };
    assert_eq!(text(payload.encoder(v3)), "will payload has 65536 bytes: at most 65535");
    let described = Connect { will: Some(Will { properties: some, ..will }), ..named };
    assert_eq!(text(described.encoder(v3)), "MQTT 3.1.1 has no properties");
    assert!(Connect { version: v5, ..described }.encoder(v5).is_ok());

    let publish = Publish {
        delivery: lmq_codec::Delivery::AtMostOnce,
        retain: false,
        topic: Some(topic),
        properties: some,
        payload: b"",
    };
    assert_eq!(text(publish.encoder(v3)), "MQTT 3.1.1 has no properties");
    let kept = ConnAck { session_present: true, reason: ReasonCode::Success, properties: none };
    assert_eq!(text(kept.encoder(v31)), "MQTT 3.1 has no session present");
    assert!(kept.encoder(v3).is_ok());
    let refused = ConnAck { session_present: false, reason: ReasonCode::KeepAliveTimeout, properties: none };
    assert_eq!(text(refused.encoder(v5)), "MQTT 5.0 cannot say \"keep-alive timeout\" in this packet");
    let left = Disconnect::new(ReasonCode::ServerBusy);
    assert_eq!(text(left.encoder(v3)), "MQTT 3.1.1 cannot say \"server busy\" in this packet");

    let ack = |reason| Ack { reason, ..Ack::new(id) };
    let denied = Packet::PubAck(ack(ReasonCode::NotAuthorized));
    assert_eq!(text(denied.encoder(v3)), "MQTT 3.1.1 cannot say \"not authorized\" in this packet");
    // A reason without properties is written without their length.
    assert_eq!(denied.encoder(v5).unwrap().write_to_slice(&mut [0; 9]).unwrap(), [0x40, 3, 0, 1, 0x87]);
    for packet in [
        Packet::PubAck(ack(ReasonCode::PacketIdentifierNotFound)),
        Packet::PubRec(ack(ReasonCode::PacketIdentifierNotFound)),
        Packet::PubRel(ack(ReasonCode::NotAuthorized)),
        Packet::PubComp(ack(ReasonCode::NotAuthorized)),
    ] {
        assert!(text(packet.encoder(v5)).starts_with("MQTT 5.0 cannot say"), "{packet:?}");
    }

    let codes = |list| SubAck { id, properties: none, reasons: ReasonCodes::new(list) };
    let denied = [ReasonCode::Success, ReasonCode::NotAuthorized];
    assert_eq!(text(codes(&denied).encoder(v3)), "MQTT 3.1.1 cannot say \"not authorized\" in this packet");
    assert!(codes(&denied).encoder(v5).is_ok());
    let none_existed = [ReasonCode::NoSubscriptionExisted];
    assert_eq!(
        text(codes(&none_existed).encoder(v5)),
        "MQTT 5.0 cannot say \"no subscription existed\" in this packet"
    );
    let unsuback = UnsubAck { id, properties: none, reasons: ReasonCodes::new(&[ReasonCode::GrantedQoS1]) };
    assert_eq!(text(unsuback.encoder(v5)), "MQTT 5.0 cannot say \"granted QoS 1\" in this packet");
    let unsubscribe = |list| Unsubscribe { id, properties: none, filters: UnsubscribeFilters::new(list) };
    assert_eq!(text(unsubscribe(&[]).encoder(v3)), "UNSUBSCRIBE without a topic filter");
    let shared = [TopicFilter::new("$share/g").unwrap()];
    assert_eq!(text(unsubscribe(&shared).encoder(v5)), "shared subscription without a share name and a filter");
    assert!(unsubscribe(&shared).encoder(v3).is_ok());

    let auth = |reason, properties| Auth { reason, properties };
    assert_eq!(text(auth(ReasonCode::ContinueAuthentication, none).encoder(v5)), "AUTH without authentication method");
    let method = [Property::AuthenticationMethod("m")];
    let method = Properties::new(&method).unwrap();
    assert!(auth(ReasonCode::ContinueAuthentication, method).encoder(v5).is_ok());
    assert_eq!(
        text(auth(ReasonCode::NotAuthorized, method).encoder(v5)),
        "MQTT 5.0 cannot say \"not authorized\" in this packet"
    );
    assert_eq!(
        text(auth(ReasonCode::Success, some).encoder(v5)),
        "property AuthenticationMethod: AUTH without authentication method"
    );
    let data = [Property::AuthenticationData(b"d")];
    let data = Connect { version: v5, properties: Properties::new(&data).unwrap(), ..connect("a") };
    assert_eq!(
        text(data.encoder(v5)),
        "property AuthenticationMethod: authentication data without authentication method"
    );
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
    assert_eq!(
        error(&[Property::CorrelationData(long.as_bytes())]),
        "property CorrelationData at position 0 is longer than 65535 bytes"
    );
    assert!(Properties::new(&[Property::CorrelationData(&long.as_bytes()[1..])]).is_ok());
    for (name, value) in [("\0", ""), ("", "\0"), (&long[..], ""), ("", &long[..])] {
        let list =
            [Property::ReceiveMaximum(9.try_into().unwrap()), Property::UserProperty(UserProperty { name, value })];
        let error = Properties::new(&list).unwrap_err();
        assert_eq!(error.index(), 1);
        assert!(error.to_string().starts_with("property UserProperty at position 1 "), "{error}");
    }
}

/// Every property that appears once, by its name and by no other.
#[test]
fn properties_are_asked_for_by_name() {
    let two = 2.try_into().unwrap();
    let list = [
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(3),
        Property::ContentType("content"),
        Property::ResponseTopic(TopicName::new("response").unwrap()),
        Property::CorrelationData(b"correlation"),
        Property::SubscriptionIdentifier(SubscriptionId::new(4).unwrap()),
        Property::SessionExpiryInterval(5),
        Property::AssignedClientIdentifier("assigned"),
        Property::ServerKeepAlive(6),
        Property::AuthenticationMethod("method"),
        Property::AuthenticationData(b"data"),
        Property::RequestProblemInformation(true),
        Property::WillDelayInterval(7),
        Property::RequestResponseInformation(true),
        Property::ResponseInformation("information"),
        Property::ServerReference("reference"),
        Property::ReasonString("reason"),
        Property::ReceiveMaximum(two),
        Property::TopicAliasMaximum(8),
        Property::TopicAlias(two),
        Property::MaximumQoS(QoS::AtLeastOnce),
        Property::RetainAvailable(true),
        Property::MaximumPacketSize(9.try_into().unwrap()),
        Property::WildcardSubscriptionAvailable(true),
        Property::SubscriptionIdentifierAvailable(true),
        Property::SharedSubscriptionAvailable(true),
    ];
    for (at, property) in list.iter().enumerate() {
        let one = [*property];
        let p = Properties::new(&one).unwrap();
        let found = [
            p.payload_format_indicator().map(Property::PayloadFormatIndicator),
            p.message_expiry_interval().map(Property::MessageExpiryInterval),
            p.content_type().map(Property::ContentType),
            p.response_topic().map(Property::ResponseTopic),
            p.correlation_data().map(Property::CorrelationData),
            p.subscription_identifier().map(Property::SubscriptionIdentifier),
            p.session_expiry_interval().map(Property::SessionExpiryInterval),
            p.assigned_client_identifier().map(Property::AssignedClientIdentifier),
            p.server_keep_alive().map(Property::ServerKeepAlive),
            p.authentication_method().map(Property::AuthenticationMethod),
            p.authentication_data().map(Property::AuthenticationData),
            p.request_problem_information().map(Property::RequestProblemInformation),
            p.will_delay_interval().map(Property::WillDelayInterval),
            p.request_response_information().map(Property::RequestResponseInformation),
            p.response_information().map(Property::ResponseInformation),
            p.server_reference().map(Property::ServerReference),
            p.reason_string().map(Property::ReasonString),
            p.receive_maximum().map(Property::ReceiveMaximum),
            p.topic_alias_maximum().map(Property::TopicAliasMaximum),
            p.topic_alias().map(Property::TopicAlias),
            p.maximum_qos().map(Property::MaximumQoS),
            p.retain_available().map(Property::RetainAvailable),
            p.maximum_packet_size().map(Property::MaximumPacketSize),
            p.wildcard_subscription_available().map(Property::WildcardSubscriptionAvailable),
            p.subscription_identifier_available().map(Property::SubscriptionIdentifierAvailable),
            p.shared_subscription_available().map(Property::SharedSubscriptionAvailable),
        ];
        let expected: Vec<_> = (0..list.len()).map(|other| (other == at).then_some(*property)).collect();
        assert_eq!(found[..], expected);
    }
}

#[test]
fn a_password_is_never_shown() {
    let connect = Connect { username: Some("user"), password: Some(b"hunter2"), ..connect("a") };
    let shown = format!("{connect:?} {:?}", Packet::Connect(connect));
    assert!(shown.contains("user") && !shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
}
