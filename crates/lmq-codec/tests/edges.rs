//! Where one byte more or less makes the difference: headers, limits, chunks, lengths.

use bytes::BytesMut;
use lmq_codec::{
    Connect, DecodeError, Decoded, Decoder, Delivery, Disconnect, Packet, PacketId, Properties, Property, Publish,
    ReasonCode, Split, Step, TopicFilter, TopicName, UserProperty, Version, Violation, split,
};

fn publish(payload: &[u8]) -> Publish<'_> {
    let topic = Some(TopicName::new("t").unwrap());
    Publish { delivery: Delivery::AtMostOnce, retain: false, topic, properties: Properties::EMPTY, payload }
}

fn encoded(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encoder(version).unwrap().write(&mut out);
    out
}

fn refused(found: Result<Split<'_>, DecodeError>) -> (Violation, usize) {
    let error = found.unwrap_err();
    (error.violation(), error.offset())
}

#[test]
fn a_header_is_judged_as_far_as_it_came() {
    assert!(matches!(split(b"", 100), Ok(Split::Need(2))));
    assert!(matches!(split(b"\xc0", 100), Ok(Split::Need(1))));
    assert!(matches!(split(b"\x30\x80", 100), Ok(Split::Need(1))));
    assert!(matches!(split(b"\x30\x05ab", 100), Ok(Split::Need(3))));
    for (first, violation) in [
        (0x00, Violation::ReservedPacketType),
        (0x0f, Violation::ReservedPacketType),
        (0x11, Violation::ReservedFlags),
        (0x36, Violation::PublishQoS3),
        (0x3f, Violation::PublishQoS3),
        (0x38, Violation::DupAtQoS0),
        (0x39, Violation::DupAtQoS0),
        (0x60, Violation::ReservedFlags),
        (0x63, Violation::ReservedFlags),
        (0x8b, Violation::ReservedFlags),
        (0xc8, Violation::ReservedFlags),
    ] {
        assert_eq!(refused(split(&[first], 100)), (violation, 0), "{first:02x}");
    }
    assert_eq!(refused(split(b"\x30\xff\xff\xff\xff", 100)), (Violation::RemainingLengthTooLong, 4));
    assert!(matches!(split(b"\x30\xff\xff\xff", 100), Ok(Split::Need(1))));
    assert_eq!(refused(split(b"\x30\x80\0", 100)), (Violation::RemainingLengthNotMinimal, 2));
    assert_eq!(refused(split(b"\x30\x80\x80\0", 100)), (Violation::RemainingLengthNotMinimal, 3));
}

#[test]
fn the_largest_packet_passes_and_one_byte_more_does_not() {
    for payload in [0, 100, 300, 20_000] {
        let bytes = encoded(&Packet::Publish(publish(&vec![0; payload])), Version::V3_1_1);
        let len = bytes.len() as u32;
        assert!(matches!(split(&bytes, len), Ok(Split::Frame { rest: [], .. })));
        assert_eq!(refused(split(&bytes, len - 1)), (Violation::PacketTooLarge, 1));
        // The header alone shows it.
        assert_eq!(refused(split(&bytes[..5.min(bytes.len())], len - 1)), (Violation::PacketTooLarge, 1));
    }
}

#[test]
fn lengths_are_written_in_the_fewest_bytes() {
    for (remaining, len) in [(127, 1), (128, 2), (16_383, 2), (16_384, 3), (2_097_151, 3), (2_097_152, 4)] {
        let payload = vec![0; remaining - 3];
        let bytes = encoded(&Packet::Publish(publish(&payload)), Version::V3_1_1);
        assert_eq!(bytes.len(), 1 + len + remaining);
        let Ok(Split::Frame { frame, rest: [] }) = split(&bytes, u32::MAX) else { panic!("{remaining}") };
        assert_eq!(frame.body().len(), remaining);
    }
    // Where every digit of a length differs.
    let payload = vec![0; 0x0a_1b_2c];
    let bytes = encoded(&Packet::Publish(publish(&payload)), Version::V3_1_1);
    assert!(matches!(split(&bytes, u32::MAX), Ok(Split::Frame { rest: [], .. })));
}

#[test]
fn the_payload_need_not_be_copied() {
    let (payload, mut head) = ([7; 200], Vec::new());
    let packet = Packet::Publish(publish(&payload));
    let left = packet.encoder(Version::V3_1_1).unwrap().write_head(&mut head);
    assert_eq!((left.as_ptr(), left), (payload.as_ptr(), &payload[..]));
    assert_eq!([&head, left].concat(), encoded(&packet, Version::V3_1_1));
}

#[test]
fn a_text_is_looked_through_to_its_end() {
    for at in 0..20 {
        let mut id = [b'x'; 20];
        id[at] = 0;
        for head in [&b"\x10\x20\0\x04MQTT\x04\x02\0\0\0\x14"[..], b"\x10\x21\0\x04MQTT\x05\x02\0\0\0\0\x14"] {
            let bytes = [head, &id].concat();
            let Ok(Split::Frame { frame, rest: [] }) = split(&bytes, 100) else { panic!() };
            assert_eq!(Packet::decode(frame, Version::V5_0).unwrap_err().violation(), Violation::NulInText);
        }
    }
}

#[test]
fn wildcards_are_found_wherever_they_stand() {
    for (filter, wildcard) in [("#", true), ("+", true), ("a/b/c/d/e/f/+", true), ("a/#", true), ("a/b/c", false)] {
        assert_eq!(TopicFilter::new(filter).unwrap().has_wildcard(), wildcard, "{filter}");
    }
}

#[test]
fn the_first_byte_of_a_stranger_says_enough() {
    for first in [0x11, 0x00, 0x47, 0x20, 0xf0, 0x30] {
        let error = Decoder::server(100).step(&[first]).unwrap_err();
        assert_eq!(error.violation(), Violation::FirstPacket, "{first:02x}");
        assert_eq!(Decoder::server(100).decode(&mut BytesMut::from(&[first][..])).unwrap_err(), error);
    }
    assert!(Decoder::client(Version::V5_0, 100).step(&[0xf0]).is_ok());
    for version in [Version::V3_1, Version::V3_1_1] {
        let error = Decoder::client(version, 100).step(&[0xf0]).unwrap_err();
        assert_eq!(error.violation(), Violation::FirstPacket);
    }
}

fn any() -> Decoder {
    Decoder::any(Version::V3_1_1, 1 << 20)
}

#[test]
fn a_publish_of_the_chunk_size_comes_whole_and_one_byte_more_in_chunks() {
    let bytes = encoded(&Packet::Publish(publish(b"payload")), Version::V3_1_1);
    let len = bytes.len() as u32;
    let whole = Packet::Publish(publish(b"payload"));
    assert_eq!(any().chunks_over(len).step(&bytes), Ok(Step::Packet { packet: whole, rest: &[] }));
    assert_eq!(any().chunks_over(len).step(&bytes[..6]), Ok(Step::Need(bytes.len() - 6)));
    let Ok(Some(Decoded::Packet(owned))) = any().chunks_over(len).decode(&mut BytesMut::from(&bytes[..])) else {
        panic!("whole")
    };
    assert_eq!(owned.packet(), whole);

    let head = Step::Head { publish: publish(b""), payload_len: 7, rest: b"payload" };
    assert_eq!(any().chunks_over(len - 1).step(&bytes), Ok(head));
    let mut src = BytesMut::from(&bytes[..]);
    let mut decoder = any().chunks_over(len - 1);
    let Ok(Some(Decoded::Head { publish: owned, payload_len: 7 })) = decoder.decode(&mut src) else { panic!("head") };
    assert_eq!(owned.packet(), Packet::Publish(publish(b"")));
    let Ok(Some(Decoded::Payload { bytes, left: 0 })) = decoder.decode(&mut src) else { panic!("payload") };
    assert_eq!(bytes, &b"payload"[..]);
    // A packet without a payload is a head alone.
    let bytes = encoded(&Packet::Publish(publish(b"")), Version::V3_1_1);
    let head = Step::Head { publish: publish(b""), payload_len: 0, rest: &[] };
    assert_eq!(any().chunks_over(0).step(&bytes), Ok(head));
}

#[test]
fn the_head_of_chunks_is_measured_in_every_shape() {
    let text = "v".repeat(300);
    let id = PacketId::new(0x0102).unwrap();
    let deliveries = [
        Delivery::AtMostOnce,
        Delivery::AtLeastOnce { id, dup: false },
        Delivery::AtLeastOnce { id, dup: true },
        Delivery::ExactlyOnce { id, dup: false },
    ];
    for len in [0, 1, 100, 127, 128, 300] {
        let list = [Property::UserProperty(UserProperty { name: "", value: &text[..len] })];
        for (version, properties) in
            [(Version::V3_1_1, Properties::EMPTY), (Version::V5_0, Properties::new(&list).unwrap())]
        {
            for delivery in deliveries {
                let whole = Publish { delivery, properties, ..publish(&[9; 500]) };
                let bytes = encoded(&Packet::Publish(whole), version);
                let mut decoder = Decoder::any(version, 1 << 20).chunks_over(100);
                let mut end = 0;
                let found = loop {
                    match decoder.step(&bytes[..end]).unwrap() {
                        Step::Need(more) => end += more,
                        found => break found,
                    }
                };
                // As many bytes as were asked for, and no more, are the head.
                let head = Step::Head { publish: Publish { payload: &[], ..whole }, payload_len: 500, rest: &[] };
                assert_eq!((found, end), (head, bytes.len() - 500), "{version} {delivery:?} {len}");
            }
        }
    }
}

#[test]
fn a_head_that_claims_more_than_its_packet_is_refused_at_once() {
    let v5 = || Decoder::any(Version::V5_0, 1 << 20).chunks_over(2);
    let error = |decoder: Decoder, bytes: &[u8]| {
        let error = { decoder }.step(bytes).unwrap_err();
        (error.violation(), error.offset())
    };
    // A topic of 256 bytes in a body of 10.
    assert_eq!(error(any().chunks_over(2), b"\x30\x0a\x01\0"), (Violation::Truncated, 12));
    assert_eq!(error(v5(), b"\x30\x0a\x01\0"), (Violation::Truncated, 12));
    // An identifier without room, then properties without room.
    assert_eq!(error(any().chunks_over(2), b"\x32\x04\0\x01a\0"), (Violation::Truncated, 6));
    assert_eq!(error(v5(), b"\x30\x04\0\x01a\x7f"), (Violation::Truncated, 6));
    // A property length that never ends is known to be one after its fourth byte.
    assert_eq!(error(v5(), b"\x30\x20\0\x01a\xff\xff\xff\xff"), (Violation::VarIntTooLong, 5));
    assert_eq!(v5().step(b"\x30\x20\0\x01a\xff\xff\xff"), Ok(Step::Need(1)));
}

#[test]
fn directions_are_judged_in_whole_packets_and_in_chunks_by_slices_and_buffers() {
    const CONNECT: &[u8] = b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01a";
    const CONNACK: &[u8] = b"\x20\x03\0\0\0";
    let subscription = b"\x30\x0b\0\x01a\x02\x0b\x01hello";
    let judge = |from_client: bool, chunks: u32, bytes: &[u8]| {
        let (decoder, hello) = match from_client {
            true => (Decoder::server(100), CONNECT),
            false => (Decoder::client(Version::V5_0, 100), CONNACK),
        };
        let mut by_slice = decoder.chunks_over(chunks);
        let mut by_buffer = by_slice.clone();
        by_slice.step(hello).unwrap();
        by_buffer.decode(&mut BytesMut::from(hello)).unwrap();
        let found = by_slice.step(bytes).err();
        assert_eq!(found, by_buffer.decode(&mut BytesMut::from(bytes)).err(), "{bytes:02x?}");
        assert!(found.is_none_or(|error| error.version() == Some(Version::V5_0)));
        found.map(|error| error.violation())
    };
    for chunks in [0, 8, u32::MAX] {
        assert_eq!(judge(true, chunks, subscription), Some(Violation::SubscriptionIdFromClient));
        assert_eq!(judge(false, chunks, subscription), None);
    }
    assert_eq!(judge(true, 0, &subscription[..8]), Some(Violation::SubscriptionIdFromClient));
    assert_eq!(judge(true, 100, b"\xd0\0"), Some(Violation::WrongDirection));
    assert_eq!(judge(false, 100, b"\xc0\0"), Some(Violation::WrongDirection));
    assert_eq!(judge(true, 100, b"\xc0\x01x"), Some(Violation::TrailingBytes));
    assert_eq!(judge(false, 100, b"\xd0\x01x"), Some(Violation::TrailingBytes));
}

/// Table 3-10 of MQTT 5.0, column "sent by".
#[test]
fn a_reason_to_leave_belongs_to_its_side() {
    let (client, server) =
        ([0x04], [0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2]);
    for reason in (0..=255).filter_map(ReasonCode::from_value) {
        let packet = Packet::Disconnect(Disconnect::new(reason));
        let Ok(encoder) = packet.encoder(Version::V5_0) else { continue };
        let mut bytes = Vec::new();
        encoder.write(&mut bytes);
        let mut from_client = Decoder::server(100);
        from_client.step(b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01a").unwrap();
        let mut from_server = Decoder::client(Version::V5_0, 100);
        from_server.step(b"\x20\x03\0\0\0").unwrap();
        assert_eq!(from_client.step(&bytes).is_ok(), !server.contains(&reason.value()), "{reason}");
        assert_eq!(from_server.step(&bytes).is_ok(), !client.contains(&reason.value()), "{reason}");
    }
}

#[test]
fn a_capture_follows_the_version_of_a_connect() {
    let mut decoder = any();
    let connect = Connect {
        version: Version::V5_0,
        clean_start: true,
        keep_alive: 0,
        client_id: "",
        will: None,
        username: None,
        password: None,
        properties: Properties::EMPTY,
    };
    decoder.step(&encoded(&Packet::Connect(connect), Version::V5_0)).unwrap();
    assert_eq!(decoder.version(), Some(Version::V5_0));
    assert!(decoder.step(b"\xe0\x02\x8d\0").is_ok());
}

#[test]
fn failures_begin_at_128() {
    for reason in (0..=255).filter_map(ReasonCode::from_value) {
        assert_eq!(reason.is_failure(), reason.value() >= 128, "{reason}");
    }
    let granted = [lmq_codec::QoS::AtMostOnce, lmq_codec::QoS::AtLeastOnce, lmq_codec::QoS::ExactlyOnce];
    assert_eq!(granted.map(|qos| ReasonCode::from(qos).value()), [0, 1, 2]);
}
