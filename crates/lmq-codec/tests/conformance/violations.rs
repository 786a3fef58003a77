//! What every violation says for itself: the statement of each standard that forbids it, and the code that ends a
//! connection of MQTT 5.0. The table stands here a second time, so that a change to it is made twice or not at all.

use lmq_codec::{DecodeError, Decoder, ReasonCode, Step, Version, Violation};

use crate::{cases, judge};

type Row = (Violation, &'static str, &'static str, ReasonCode);

#[rustfmt::skip]
const ROWS: &[Row] = {
    use ReasonCode::*;
    use Violation as V;
    &[
        (V::PacketTooLarge, "", "MQTT-3.1.2-24", PacketTooLarge),
        (V::RemainingLengthTooLong, "section 2.2.3", "section 1.5.5", MalformedPacket),
        (V::RemainingLengthNotMinimal, "section 2.2.3", "MQTT-1.5.5-1", MalformedPacket),
        (V::ReservedPacketType, "section 2.2.1", "section 2.1.2", MalformedPacket),
        (V::ReservedFlags, "MQTT-2.2.2-2", "MQTT-2.1.3-1", MalformedPacket),
        (V::PublishQoS3, "MQTT-3.3.1-4", "MQTT-3.3.1-4", MalformedPacket),
        (V::DupAtQoS0, "MQTT-3.3.1-2", "MQTT-3.3.1-2", MalformedPacket),
        (V::Truncated, "section 2.2.3", "section 4.13", MalformedPacket),
        (V::TrailingBytes, "section 2.2.3", "section 4.13", MalformedPacket),
        (V::NotUtf8, "MQTT-1.5.3-1", "MQTT-1.5.4-1", MalformedPacket),
        (V::NulInText, "MQTT-1.5.3-2", "MQTT-1.5.4-2", MalformedPacket),
        (V::PacketIdZero, "MQTT-2.3.1-1", "MQTT-2.2.1-3", MalformedPacket),
        (V::UnknownProtocolName, "MQTT-3.1.2-1", "MQTT-3.1.2-1", UnsupportedProtocolVersion),
        (V::UnsupportedProtocolLevel, "MQTT-3.1.2-2", "MQTT-3.1.2-2", UnsupportedProtocolVersion),
        (V::ReservedConnectFlag, "MQTT-3.1.2-3", "MQTT-3.1.2-3", MalformedPacket),
        (V::WillQoSWithoutWill, "MQTT-3.1.2-13", "MQTT-3.1.2-11", MalformedPacket),
        (V::WillRetainWithoutWill, "MQTT-3.1.2-15", "MQTT-3.1.2-13", MalformedPacket),
        (V::WillQoS3, "MQTT-3.1.2-14", "MQTT-3.1.2-12", MalformedPacket),
        (V::PasswordWithoutUserName, "MQTT-3.1.2-22", "", MalformedPacket),
        (V::ClientIdEmpty, "MQTT-3.1.3-8", "", ClientIdentifierNotValid),
        (V::TopicEmpty, "MQTT-4.7.3-1", "MQTT-4.7.3-1", MalformedPacket),
        (V::WildcardInTopicName, "MQTT-3.3.2-2", "MQTT-3.3.2-2", TopicNameInvalid),
        (V::FilterMalformed, "MQTT-4.7.1-2", "MQTT-4.7.1-1", TopicFilterInvalid),
        (V::ShareMalformed, "", "MQTT-4.8.2-1", TopicFilterInvalid),
        (V::TopicMissing, "MQTT-4.7.3-1", "MQTT-3.3.2-1", ProtocolError),
        (V::SubscribeEmpty, "MQTT-3.8.3-3", "MQTT-3.8.3-2", ProtocolError),
        (V::ReservedSubscriptionBits, "MQTT-3.8.3-4", "MQTT-3.8.3-5", MalformedPacket),
        (V::SubscriptionQoS3, "MQTT-3.8.3-4", "section 3.8.3.1", ProtocolError),
        (V::RetainHandling3, "", "section 3.8.3.1", ProtocolError),
        (V::NoLocalOnShared, "", "MQTT-3.8.3-4", ProtocolError),
        (V::UnsubscribeEmpty, "MQTT-3.10.3-2", "MQTT-3.10.3-2", ProtocolError),
        (V::SubAckEmpty, "MQTT-3.8.4-5", "MQTT-3.8.4-6", MalformedPacket),
        (V::ReservedConnAckFlags, "section 3.2.2.1", "MQTT-3.2.2-1", MalformedPacket),
        (V::SessionPresentOnFailure, "MQTT-3.2.2-4", "MQTT-3.2.2-6", ProtocolError),
        (V::UnknownReasonCode, "section 3.2.2.3", "section 2.4", MalformedPacket),
        (V::UnknownProperty, "", "section 2.2.2.2", MalformedPacket),
        (V::MisplacedProperty, "", "section 2.2.2.2", MalformedPacket),
        (V::DuplicateProperty, "", "section 2.2.2.2", ProtocolError),
        (V::PropertyValue, "", "section 2.2.2.2", ProtocolError),
        (V::VarIntTooLong, "", "section 1.5.5", MalformedPacket),
        (V::VarIntNotMinimal, "", "MQTT-1.5.5-1", MalformedPacket),
        (V::TopicAliasZero, "", "MQTT-3.3.2-8", TopicAliasInvalid),
        (V::WildcardInResponseTopic, "", "MQTT-3.3.2-14", ProtocolError),
        (V::FirstPacket, "MQTT-3.1.0-1", "MQTT-3.1.0-1", ProtocolError),
        (V::SecondConnect, "MQTT-3.1.0-2", "MQTT-3.1.0-2", ProtocolError),
        (V::WrongDirection, "section 2.2.1", "section 2.1.2", ProtocolError),
        (V::ReasonDirection, "", "MQTT-3.14.2-1", ProtocolError),
        (V::SubscriptionIdFromClient, "", "MQTT-3.3.4-6", ProtocolError),
        (V::SessionExpiryFromServer, "", "MQTT-3.14.2-2", ProtocolError),
        (V::AuthDataWithoutMethod, "", "section 3.1.2.11.10", ProtocolError),
        (V::AuthMethodMissing, "", "section 3.15.2.2.2", ProtocolError),
    ]
};

/// What only an order, a direction or a limit shows: version, whether the client sent it, and what was sent.
const OF_CONNECTIONS: &[(Violation, Version, bool, &[&[u8]])] = &[
    (Violation::PacketTooLarge, Version::V5_0, true, &[CONNECT, b"\x30\xff\xff\xff\x7f"]),
    (Violation::RemainingLengthTooLong, Version::V5_0, true, &[CONNECT, b"\x30\xff\xff\xff\xff"]),
    (Violation::RemainingLengthNotMinimal, Version::V5_0, true, &[CONNECT, b"\xc0\x80\0"]),
    (Violation::FirstPacket, Version::V5_0, true, &[b"\xc0\0"]),
    (Violation::FirstPacket, Version::V5_0, false, &[b"\xd0\0"]),
    (Violation::SecondConnect, Version::V5_0, true, &[CONNECT, CONNECT]),
    (Violation::SecondConnect, Version::V5_0, false, &[CONNACK, CONNACK]),
    (Violation::WrongDirection, Version::V5_0, true, &[CONNECT, b"\xd0\0"]),
    (Violation::WrongDirection, Version::V5_0, false, &[CONNACK, b"\xc0\0"]),
    (Violation::ReasonDirection, Version::V5_0, true, &[CONNECT, b"\xe0\x01\x8d"]),
    (Violation::ReasonDirection, Version::V5_0, false, &[CONNACK, b"\xe0\x01\x04"]),
    (Violation::SubscriptionIdFromClient, Version::V5_0, true, &[CONNECT, b"\x30\x06\0\x01a\x02\x0b\x01"]),
    (Violation::SessionExpiryFromServer, Version::V5_0, false, &[CONNACK, b"\xe0\x07\0\x05\x11\0\0\0\x01"]),
];

const CONNECT: &[u8] = b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01a";
const CONNACK: &[u8] = b"\x20\x03\0\0\0";

fn after(version: Version, from_client: bool, packets: &[&[u8]]) -> DecodeError {
    let mut decoder = if from_client { Decoder::server(65_536) } else { Decoder::client(version, 65_536) };
    for packet in packets {
        match decoder.step(packet) {
            Ok(Step::Packet { rest: [], .. }) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => return error,
        }
    }
    panic!("{packets:02x?} is accepted");
}

#[test]
fn every_violation_names_its_statements() {
    assert_eq!(ROWS.len(), Violation::ALL.len());
    for ((violation, v3, v5, _), same) in ROWS.iter().zip(Violation::ALL) {
        assert_eq!(violation, same);
        assert_eq!(violation.statements(), [*v3, *v5], "{violation:?}");
        assert!(!violation.text().is_empty());
    }
}

#[test]
fn every_violation_is_seen_and_ends_a_connection_with_its_code() {
    let mut found: Vec<(Version, DecodeError)> = Vec::new();
    for case in cases::all() {
        found.extend(judge(&case.bytes, case.version).err().map(|error| (case.version, error)));
    }
    for (violation, version, from_client, packets) in OF_CONNECTIONS {
        let error = after(*version, *from_client, packets);
        assert_eq!(error.violation(), *violation, "{packets:02x?}");
        found.push((*version, error));
    }
    for (violation, v3, v5, reason) in ROWS {
        let mut seen = false;
        for (_, error) in found.iter().filter(|(_, error)| error.violation() == *violation) {
            seen = true;
            assert_eq!(ReasonCode::from(error), *reason, "{error:?}");
            let old = matches!(error.version(), Some(Version::V3_1 | Version::V3_1_1));
            let statement = if v5.is_empty() || old && !v3.is_empty() { v3 } else { v5 };
            assert_eq!(error.statement(), *statement, "{error:?} in {:?}", error.version());
        }
        assert!(seen, "no test shows {violation:?}");
    }
}

#[test]
fn what_a_connection_shows_is_an_error_of_its_version() {
    for (violation, version, from_client, packets) in OF_CONNECTIONS {
        let known = match violation {
            Violation::PacketTooLarge | Violation::RemainingLengthTooLong | Violation::RemainingLengthNotMinimal => {
                None
            }
            Violation::FirstPacket if *from_client => None,
            _ => Some(*version),
        };
        assert_eq!(after(*version, *from_client, packets).version(), known, "{violation:?}");
    }
}
