//! The built program, driven over sockets with packets of the codec.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lmq_codec::{Ack, Connect, Delivery, Packet, PacketId, Properties, Publish, QoS, Split, Subscribe};
use lmq_codec::{SubscribeFilters, SubscribeOptions, TopicFilter, TopicName, Version, split};

struct Gateway {
    process: Child,
    addr: String,
}

impl Gateway {
    fn start() -> Self {
        let mut process =
            Command::new(env!("CARGO_BIN_EXE_assemble")).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { process, addr }
    }

    fn dial(&self) -> Client {
        let socket = TcpStream::connect(&self.addr).unwrap();
        // Less than the linger: a gateway that does not shut its side down is too late.
        socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        socket.set_nodelay(true).unwrap();
        Client { socket, received: Vec::new() }
    }

    fn connect(&self, client_id: &str) -> Client {
        let mut client = self.dial();
        client.send(&connect(client_id));
        assert_eq!(client.receive(), [0x20, 2, 0, 0]);
        client
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Client {
    socket: TcpStream,
    received: Vec<u8>,
}

impl Client {
    fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encoder(Version::V3_1_1).unwrap().write(&mut bytes);
        self.socket.write_all(&bytes).unwrap();
    }

    /// The bytes of the next packet; empty once the gateway has closed.
    fn receive(&mut self) -> Vec<u8> {
        loop {
            if let Split::Frame { frame, .. } = split(&self.received, u32::MAX).unwrap() {
                let frame = frame.bytes().to_vec();
                self.received.drain(..frame.len());
                return frame;
            }
            let mut buffer = [0; 4096];
            match self.socket.read(&mut buffer) {
                Ok(0) => return Vec::new(),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    fn subscribe(&mut self, filter: &str, qos: QoS) {
        let filters = [(TopicFilter::new(filter).unwrap(), SubscribeOptions::new(qos))];
        let (properties, filters) = (Properties::EMPTY, SubscribeFilters::new(&filters));
        self.send(&Packet::Subscribe(Subscribe { id: id(1), properties, filters }));
        assert_eq!(self.receive(), [0x90, 3, 0, 1, u8::from(qos)]);
    }

    fn publish(&mut self, topic: &str, delivery: Delivery, payload: &[u8]) {
        self.send(&publish(topic, delivery, payload));
    }
}

fn id(value: u16) -> PacketId {
    PacketId::new(value).unwrap()
}

fn connect(client_id: &str) -> Packet<'_> {
    Packet::Connect(Connect {
        version: Version::V3_1_1,
        clean_start: true,
        keep_alive: 60,
        client_id,
        will: None,
        username: None,
        password: None,
        properties: Properties::EMPTY,
    })
}

fn publish<'a>(topic: &'a str, delivery: Delivery, payload: &'a [u8]) -> Packet<'a> {
    let topic = Some(TopicName::new(topic).unwrap());
    Packet::Publish(Publish { delivery, retain: false, topic, properties: Properties::EMPTY, payload })
}

fn encoded(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encoder(Version::V3_1_1).unwrap().write(&mut bytes);
    bytes
}

#[test]
fn every_qos_goes_through_and_is_acknowledged() {
    let gateway = Gateway::start();
    let (mut publisher, mut subscriber) = (gateway.connect("publisher"), gateway.connect("subscriber"));
    subscriber.subscribe("a/+", QoS::ExactlyOnce);

    publisher.publish("a/b", Delivery::AtMostOnce, b"zero");
    assert_eq!(subscriber.receive(), encoded(&publish("a/b", Delivery::AtMostOnce, b"zero")));

    let delivery = Delivery::AtLeastOnce { id: id(7), dup: false };
    publisher.publish("a/b", delivery, b"one");
    assert_eq!(publisher.receive(), Ack::puback(id(7)));
    let delivery = Delivery::AtLeastOnce { id: id(1), dup: false };
    assert_eq!(subscriber.receive(), encoded(&publish("a/b", delivery, b"one")));
    subscriber.socket.write_all(&Ack::puback(id(1))).unwrap();

    publisher.publish("a/b", Delivery::ExactlyOnce { id: id(8), dup: false }, b"two");
    assert_eq!(publisher.receive(), Ack::pubrec(id(8)));
    publisher.socket.write_all(&Ack::pubrel(id(8))).unwrap();
    assert_eq!(publisher.receive(), Ack::pubcomp(id(8)));
    let delivery = Delivery::ExactlyOnce { id: id(2), dup: false };
    assert_eq!(subscriber.receive(), encoded(&publish("a/b", delivery, b"two")));
    subscriber.socket.write_all(&Ack::pubrec(id(2))).unwrap();
    assert_eq!(subscriber.receive(), Ack::pubrel(id(2)));
    subscriber.socket.write_all(&Ack::pubcomp(id(2))).unwrap();

    subscriber.socket.write_all(&[0xc0, 0]).unwrap();
    assert_eq!(subscriber.receive(), [0xd0, 0]);
}

#[test]
fn a_connection_and_what_follows_may_come_in_one_piece_or_byte_by_byte() {
    let gateway = Gateway::start();
    let mut bytes = encoded(&connect("client"));
    bytes.extend([0xc0, 0, 0xc0, 0]);
    let mut client = gateway.dial();
    client.socket.write_all(&bytes).unwrap();
    let answers: Vec<_> = (0..3).map(|_| client.receive()).collect();
    assert_eq!(answers, [&[0x20, 2, 0, 0][..], &[0xd0, 0], &[0xd0, 0]]);

    let mut client = gateway.dial();
    bytes.iter().for_each(|byte| client.socket.write_all(&[*byte]).unwrap());
    let answers: Vec<_> = (0..3).map(|_| client.receive()).collect();
    assert_eq!(answers, [&[0x20, 2, 0, 0][..], &[0xd0, 0], &[0xd0, 0]]);
}

#[test]
fn a_malformed_packet_closes_its_connection_only() {
    let gateway = Gateway::start();
    let (mut good, mut bad, mut stranger) = (gateway.connect("good"), gateway.connect("bad"), gateway.dial());
    bad.socket.write_all(&[0x36, 2, 0, 0]).unwrap();
    assert_eq!(bad.receive(), []);
    stranger.socket.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    assert_eq!(stranger.receive(), []);
    good.socket.write_all(&[0xc0, 0]).unwrap();
    assert_eq!(good.receive(), [0xd0, 0]);
}

#[test]
fn a_slow_reader_does_not_hold_others_up() {
    let gateway = Gateway::start();
    let (mut slow, mut fast, mut publisher) =
        (gateway.connect("slow"), gateway.connect("fast"), gateway.connect("publisher"));
    slow.subscribe("t", QoS::AtMostOnce);
    fast.subscribe("t", QoS::AtMostOnce);
    // 64 MiB: more than sockets, outbox (256 KiB) and queue (8 MiB) of the slow one hold.
    let payload = vec![7; 64 * 1024];
    let expected = encoded(&publish("t", Delivery::AtMostOnce, &payload));
    for _ in 0..1024 {
        publisher.publish("t", Delivery::AtMostOnce, &payload);
        assert!(fast.receive() == expected);
    }
    // What the slow one gets late is whole, and less than everything.
    slow.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let (mut late, mut buffer) = (0, [0; 64 * 1024]);
    loop {
        match slow.socket.read(&mut buffer) {
            Ok(count) => late += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(late % expected.len(), 0);
    assert!((1..1024).contains(&(late / expected.len())), "{} messages", late / expected.len());
}
