//! The codec under tokio: a client and a server talk through a pipe.

use lmq_codec::{
    ConnAck, Connect, Decoded, Decoder, EncodeError, Framed, FramedError, OwnedPacket, Packet, Properties, ReasonCode,
    Version, Violation,
};
use tokio::io::AsyncWriteExt;
use tokio_stream::StreamExt;
use tokio_util::codec::{Encoder, FramedRead};

#[tokio::test(flavor = "current_thread")]
async fn a_server_takes_the_version_from_connect_and_answers_in_it() {
    let (mut client, server) = tokio::io::duplex(7);
    let connect = Connect {
        version: Version::V5_0,
        clean_start: true,
        keep_alive: 60,
        client_id: "a client",
        will: None,
        username: None,
        password: None,
        properties: Properties::EMPTY,
    };
    let mut bytes = bytes::BytesMut::new();
    let mut writer = Framed::new(Decoder::client(Version::V5_0, 1024));
    writer.encode(Packet::Connect(connect), &mut bytes).unwrap();
    writer.encode(Packet::PingReq, &mut bytes).unwrap();
    let send = async move {
        client.write_all(&bytes).await.unwrap();
        client
    };
    let read = async move {
        let mut read = FramedRead::new(server, Framed::new(Decoder::server(1024)));
        let Some(Ok(Decoded::Packet(packet))) = read.next().await else { panic!() };
        assert_eq!(packet.packet(), Packet::Connect(connect));
        let Some(Ok(Decoded::Packet(packet))) = read.next().await else { panic!() };
        assert_eq!(packet.packet(), Packet::PingReq);
        read
    };
    let (mut client, mut read) = tokio::join!(send, read);
    let mut answer = bytes::BytesMut::new();
    let connack = ConnAck { session_present: false, reason: ReasonCode::Success, properties: Properties::EMPTY };
    read.decoder_mut().encode(Packet::ConnAck(connack), &mut answer).unwrap();
    assert_eq!(&answer[..], b"\x20\x03\0\0\0");
    client.write_all(b"\xc1\0").await.unwrap();
    let Some(Err(FramedError::Decode(error))) = read.next().await else { panic!() };
    assert_eq!(error.violation(), Violation::ReservedFlags);
}

fn encode(framed: &mut Framed, packet: Packet<'_>) -> Result<Vec<u8>, FramedError> {
    let (mut borrowed, mut owned) = (bytes::BytesMut::new(), bytes::BytesMut::new());
    framed.encode(packet, &mut borrowed)?;
    let version = if let Packet::Connect(connect) = &packet { connect.version } else { framed.version() };
    framed.encode(OwnedPacket::new(&packet, version).unwrap(), &mut owned)?;
    assert_eq!(borrowed, owned);
    Ok(borrowed.to_vec())
}

#[test]
fn a_codec_writes_in_the_version_of_its_connection() {
    let refusal = ConnAck {
        session_present: false,
        reason: ReasonCode::UnsupportedProtocolVersion,
        properties: Properties::EMPTY,
    };
    // A server that has not seen CONNECT speaks MQTT 3.1.1: the refusal that every client understands.
    let mut server = Framed::new(Decoder::server(100));
    assert_eq!(server.version(), Version::V3_1_1);
    assert_eq!(encode(&mut server, Packet::ConnAck(refusal)).unwrap(), b"\x20\x02\0\x01");
    let mut client = Framed::new(Decoder::client(Version::V5_0, 100));
    assert_eq!(client.version(), Version::V5_0);
    assert_eq!(encode(&mut client, Packet::ConnAck(refusal)).unwrap(), b"\x20\x03\0\x84\0");
    // CONNECT says its version itself.
    for (version, head) in [(Version::V3_1, b"\x10\x0f\0\x06"), (Version::V5_0, b"\x10\x0e\0\x04")] {
        let connect = Connect {
            version,
            clean_start: true,
            keep_alive: 0,
            client_id: "a",
            will: None,
            username: None,
            password: None,
            properties: Properties::EMPTY,
        };
        assert!(encode(&mut server, Packet::Connect(connect)).unwrap().starts_with(head));
    }
}

#[test]
fn a_connect_that_cannot_be_read_is_refused_in_its_version() {
    let cases: [(&[u8], Version, &[u8]); 3] = [
        // U+0000 in the client identifier.
        (b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01\0", Version::V5_0, b"\x20\x03\0\x81\0"),
        (b"\x10\x0e\0\x06MQIsdp\x03\x02\0\0\0\0", Version::V3_1, b"\x20\x02\0\x02"),
        (b"\x10\x0d\0\x04MQTT\x09\x02\0\0\0\x01a", Version::V3_1_1, b"\x20\x02\0\x01"),
    ];
    for (connect, version, refusal) in cases {
        let mut server = Framed::new(Decoder::server(100));
        let found = tokio_util::codec::Decoder::decode(&mut server, &mut bytes::BytesMut::from(connect));
        let Err(FramedError::Decode(error)) = found else { panic!("{found:?}") };
        let (wanted, answer) = error.server_answer(None).unwrap();
        assert_eq!((wanted, server.version()), (version, version));
        assert_eq!(encode(&mut server, answer).unwrap(), refusal);
    }
}

#[test]
fn errors_say_which_side_they_come_from() {
    use std::error::Error;

    let mut server = Framed::new(Decoder::server(100));
    let refusal = ConnAck { session_present: false, reason: ReasonCode::Banned, properties: Properties::EMPTY };
    let error = encode(&mut server, Packet::ConnAck(refusal)).unwrap_err();
    assert_eq!(error.to_string(), "MQTT 3.1.1 cannot say \"banned\" in this packet");
    assert!(error.source().is_some_and(|source| source.is::<EncodeError>()));
    let error = tokio_util::codec::Decoder::decode(&mut server, &mut bytes::BytesMut::from(&b"\xc0\0"[..]));
    let error = error.unwrap_err();
    assert!(error.to_string().starts_with("peer sent a malformed packet: first packet"), "{error}");
    assert!(error.source().is_some_and(|source| source.is::<lmq_codec::DecodeError>()));
    let error = FramedError::from(std::io::Error::other("cable"));
    assert_eq!(error.to_string(), "transport: cable");
    assert!(error.source().is_some_and(|source| source.is::<std::io::Error>()));
}
