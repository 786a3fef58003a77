//! Packets that own their bytes say what the borrowed ones say, and hold no more than they must.

use bytes::{Bytes, BytesMut};
use lmq_codec::{
    Ack, Connect, Decoded, Decoder, Delivery, OwnedPacket, Packet, PacketId, Properties, Publish, ReasonCode,
    ReasonCodes, Split, TopicName, UnsubAck, Version, split,
};

fn id() -> PacketId {
    PacketId::new(0x0102).unwrap()
}

fn publish() -> Publish<'static> {
    let topic = Some(TopicName::new("a/b").unwrap());
    let properties = Properties::EMPTY;
    Publish { delivery: Delivery::AtMostOnce, retain: true, topic, properties, payload: b"payload" }
}

fn bytes(packet: &Packet<'_>, version: Version) -> Bytes {
    let mut out = BytesMut::new();
    packet.encode(version, &mut out).unwrap();
    out.freeze()
}

fn decode(bytes: &Bytes, version: Version) -> Packet<'_> {
    let Ok(Split::Frame { frame, .. }) = split(bytes, u32::MAX) else { panic!() };
    Packet::decode(frame, version).unwrap()
}

fn within(part: &[u8], whole: &[u8]) -> bool {
    whole.as_ptr_range().contains(&part.as_ptr())
}

#[test]
fn a_buffer_gives_out_the_packets_that_are_in_it() {
    let ack = Ack::new(id());
    let packets = [
        Packet::PubAck(ack),
        Packet::PubRec(ack),
        Packet::PubRel(ack),
        Packet::PubComp(ack),
        Packet::PingReq,
        Packet::PingResp,
        Packet::Publish(publish()),
    ];
    for version in [Version::V3_1, Version::V3_1_1, Version::V5_0] {
        let mut src = BytesMut::new();
        packets.iter().for_each(|packet| packet.encode(version, &mut src).unwrap());
        let mut decoder = Decoder::any(version, 100);
        for packet in packets {
            let Ok(Some(Decoded::Packet(found))) = decoder.decode(&mut src) else { panic!("{packet:?}") };
            assert_eq!(found.packet(), packet);
        }
        assert!(src.is_empty());
    }
}

#[test]
fn a_payload_is_a_handle_on_the_same_bytes_and_a_compact_packet_has_its_own() {
    let buffer = bytes(&Packet::Publish(publish()), Version::V3_1_1);
    let owned = decode(&buffer, Version::V3_1_1).upgrade(&buffer).unwrap();
    let payload = owned.payload().unwrap();
    assert_eq!(payload, &b"payload"[..]);
    assert!(within(&payload, &buffer));
    let compact = owned.compact(Version::V3_1_1).unwrap();
    assert_eq!((compact.packet(), compact.payload()), (owned.packet(), Some(payload.clone())));
    assert!(!within(&compact.payload().unwrap(), &buffer));
    assert_eq!(OwnedPacket::new(&Packet::PingReq, Version::V3_1_1).unwrap().payload(), None);
}

#[test]
fn a_packet_without_data_holds_no_buffer_and_one_with_data_does() {
    let holds = |packet: Packet<'_>, version| {
        let buffer = bytes(&packet, version);
        let owned = decode(&buffer, version).upgrade(&buffer).unwrap();
        assert_eq!(owned.packet(), packet);
        !buffer.is_unique()
    };
    assert!(!holds(Packet::PingReq, Version::V5_0));
    assert!(!holds(Packet::PubAck(Ack::new(id())), Version::V5_0));
    assert!(holds(Packet::Publish(publish()), Version::V5_0));
    // Codes are data, also where there are no properties.
    let codes = [ReasonCode::NoSubscriptionExisted, ReasonCode::Success];
    let unsuback = UnsubAck { id: id(), properties: Properties::EMPTY, reasons: ReasonCodes::new(&codes) };
    assert!(holds(Packet::UnsubAck(unsuback), Version::V5_0));
    let unsuback = UnsubAck { reasons: ReasonCodes::EMPTY, ..unsuback };
    assert!(!holds(Packet::UnsubAck(unsuback), Version::V3_1_1));
}

#[test]
fn a_packet_goes_with_the_buffer_it_lies_in_only() {
    let buffer = bytes(&Packet::Publish(publish()), Version::V3_1_1);
    let packet = decode(&buffer, Version::V3_1_1);
    assert!(packet.upgrade(&buffer).is_some());
    assert!(packet.upgrade(&buffer.slice(..buffer.len() - 1)).is_none(), "the payload ends behind it");
    assert!(packet.upgrade(&buffer.slice(5..)).is_none(), "the topic begins before it");
    assert!(packet.upgrade(&Bytes::copy_from_slice(&buffer)).is_none(), "the same bytes elsewhere");
    assert!(Packet::Publish(publish()).upgrade(&buffer).is_none(), "values");
}

#[test]
fn an_empty_user_name_and_password_are_not_missing_ones() {
    for (username, password) in [(None, None), (Some(""), None), (Some(""), Some(&b""[..])), (Some("u"), Some(b"p"))] {
        let version = Version::V3_1_1;
        let (will, properties) = (None, Properties::EMPTY);
        let connect =
            Connect { version, clean_start: true, keep_alive: 1, client_id: "c", will, username, password, properties };
        let owned = OwnedPacket::new(&Packet::Connect(connect), version).unwrap();
        assert_eq!(owned.packet(), Packet::Connect(connect));
    }
}
