//! The codec under tokio: a client and a server talk through a pipe.

use lmq_codec::{
    ConnAck, Connect, Decoded, Decoder, Framed, FramedError, Packet, Properties, ReasonCode, Version, Violation,
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
