//! The built program, driven over sockets with packets of the codec, in all versions.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use lmq_codec::{
    Ack, ConnAck, Connect, Delivery, Disconnect, OwnedPacket, Packet, PacketId, Properties, Property, Publish, QoS,
    ReasonCode, ReasonCodes, Split, SubAck, Subscribe, SubscribeFilters, SubscribeOptions, TopicFilter, TopicName,
    UnsubAck, Unsubscribe, UnsubscribeFilters, UserProperty, Version, Will, split,
};

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5_0];
const NONE: Properties<'_> = Properties::EMPTY;

struct Server {
    process: Child,
    addr: String,
    log: BufReader<ChildStderr>,
}

impl Server {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_embed-codec"));
        let mut process = command.arg("127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        let log = BufReader::new(process.stderr.take().unwrap());
        Self { process, addr, log }
    }

    fn dial(&self, version: Version) -> Client {
        let socket = TcpStream::connect(&self.addr).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.set_nodelay(true).unwrap();
        Client { socket, version, received: Vec::new() }
    }

    fn connect(&self, version: Version, client_id: &str) -> Client {
        self.connect_with(connect(version, client_id))
    }

    fn connect_with(&self, connect: Connect<'_>) -> Client {
        let mut client = self.dial(connect.version);
        client.send(&Packet::Connect(connect));
        let connack = client.receive().unwrap();
        assert!(matches!(connack.packet(), Packet::ConnAck(p) if p.reason == ReasonCode::Success), "{connack:?}");
        client
    }

    /// The next line of the log that says this.
    fn logged(&mut self, what: &str) -> String {
        self.log.by_ref().lines().map(Result::unwrap).find(|line| line.contains(what)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Client {
    socket: TcpStream,
    version: Version,
    received: Vec<u8>,
}

impl Client {
    fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes).unwrap();
        self.socket.write_all(&bytes).unwrap();
    }

    /// The next packet; `None` once the server has closed.
    fn receive(&mut self) -> Option<OwnedPacket> {
        loop {
            if let Split::Frame { frame, .. } = split(&self.received, u32::MAX).unwrap() {
                let packet = Packet::decode(frame, self.version).unwrap();
                let (packet, len) = (OwnedPacket::new(&packet, self.version).unwrap(), frame.bytes().len());
                self.received.drain(..len);
                return Some(packet);
            }
            let mut buffer = [0; 4096];
            match self.socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) => panic!("neither bytes nor an end: {error}"),
            }
        }
    }

    #[track_caller]
    fn expect(&mut self, packet: Packet<'_>) {
        let received = self.receive();
        assert_eq!(received.as_ref().map(OwnedPacket::packet), Some(packet));
    }

    /// The end, with its reason where the version has one.
    #[track_caller]
    fn expect_end(&mut self, reason: ReasonCode) {
        if self.version == Version::V5_0 {
            self.expect(Packet::Disconnect(Disconnect::new(reason)));
        }
        assert_eq!(self.receive(), None);
    }

    fn subscribe(&mut self, filter: &str, options: SubscribeOptions, code: ReasonCode) {
        let filters = [(TopicFilter::new(filter).unwrap(), options)];
        self.send(&Packet::Subscribe(Subscribe {
            id: id(1),
            properties: NONE,
            filters: SubscribeFilters::new(&filters),
        }));
        self.expect(Packet::SubAck(SubAck { id: id(1), properties: NONE, reasons: ReasonCodes::new(&[code]) }));
    }

    /// The server still listens to this client, and everything before is answered.
    fn ping(&mut self) {
        self.send(&Packet::PingReq);
        self.expect(Packet::PingResp);
    }
}

fn id(value: u16) -> PacketId {
    PacketId::new(value).unwrap()
}

fn qos1(value: u16) -> Delivery {
    Delivery::AtLeastOnce { id: id(value), dup: false }
}

fn connect(version: Version, client_id: &str) -> Connect<'_> {
    let (will, username, password) = (None, None, None);
    Connect { version, clean_start: true, keep_alive: 60, client_id, will, username, password, properties: NONE }
}

fn publish<'a>(topic: &'a str, delivery: Delivery, payload: &'a [u8]) -> Packet<'a> {
    let topic = Some(TopicName::new(topic).unwrap());
    Packet::Publish(Publish { delivery, retain: false, topic, properties: NONE, payload })
}

#[test]
fn a_message_reaches_subscribers_of_every_version() {
    let server = Server::start();
    for from in VERSIONS {
        let mut publisher = server.connect(from, "publisher");
        let mut subscribers = VERSIONS.map(|version| server.connect(version, &format!("subscriber {version}")));
        for client in &mut subscribers {
            client.subscribe("a/+", SubscribeOptions::new(QoS::ExactlyOnce), ReasonCode::GrantedQoS1);
            client.subscribe("a/#", SubscribeOptions::new(QoS::AtMostOnce), ReasonCode::Success);
        }
        publisher.send(&publish("a/b", Delivery::AtMostOnce, b"zero"));
        publisher.send(&publish("a/b", qos1(7), b"one"));
        publisher.send(&publish("a/b/c", qos1(8), b"at most once for this filter"));
        publisher.expect(Packet::PubAck(Ack::new(id(7))));
        publisher.expect(Packet::PubAck(Ack::new(id(8))));
        for client in &mut subscribers {
            client.expect(publish("a/b", Delivery::AtMostOnce, b"zero"));
            client.expect(publish("a/b", qos1(1), b"one"));
            client.send(&Packet::PubAck(Ack::new(id(1))));
            client.expect(publish("a/b/c", Delivery::AtMostOnce, b"at most once for this filter"));

            let filters = [TopicFilter::new("a/+").unwrap(), TopicFilter::new("never").unwrap()];
            let filters = UnsubscribeFilters::new(&filters);
            client.send(&Packet::Unsubscribe(Unsubscribe { id: id(2), properties: NONE, filters }));
            let codes = [ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
            let reasons = if client.version == Version::V5_0 { ReasonCodes::new(&codes) } else { ReasonCodes::EMPTY };
            client.expect(Packet::UnsubAck(UnsubAck { id: id(2), properties: NONE, reasons }));
        }
        publisher.send(&publish("nobody", qos1(9), b""));
        let told = if from == Version::V5_0 { ReasonCode::NoMatchingSubscribers } else { ReasonCode::Success };
        publisher.expect(Packet::PubAck(Ack { reason: told, ..Ack::new(id(9)) }));
        publisher.send(&Packet::Disconnect(Disconnect::new(ReasonCode::Success)));
        assert_eq!(publisher.receive(), None);
    }
}

#[test]
fn a_client_of_mqtt_5_is_told_what_it_does_not_get() {
    let server = Server::start();
    let mut client = server.dial(Version::V5_0);
    let list = [Property::SessionExpiryInterval(60), Property::RequestProblemInformation(true)];
    let properties = Properties::new(&list).unwrap();
    client.send(&Packet::Connect(Connect { properties, ..connect(Version::V5_0, "") }));
    let connack = client.receive().unwrap();
    let Packet::ConnAck(ConnAck { reason: ReasonCode::Success, properties, .. }) = connack.packet() else { panic!() };
    assert_eq!(properties.maximum_qos(), Some(QoS::AtLeastOnce));
    assert_eq!(properties.retain_available(), Some(false));
    assert_eq!(properties.shared_subscription_available(), Some(false));
    assert_eq!(properties.subscription_identifier_available(), Some(false));
    assert_eq!(properties.maximum_packet_size().map(u32::from), Some(256 * 1024));
    assert_eq!(properties.session_expiry_interval(), Some(0));
    assert!(properties.assigned_client_identifier().is_some_and(|id| !id.is_empty()));

    client.subscribe("$share/g/a", SubscribeOptions::default(), ReasonCode::SharedSubscriptionsNotSupported);
    let refused = |packet: Packet<'_>, reason| {
        let mut client = server.connect(Version::V5_0, "asks too much");
        client.send(&packet);
        client.expect_end(reason);
    };
    let two = Delivery::ExactlyOnce { id: id(1), dup: false };
    refused(publish("a", two, b""), ReasonCode::QoSNotSupported);
    let Packet::Publish(plain) = publish("a", Delivery::AtMostOnce, b"") else { panic!() };
    refused(Packet::Publish(Publish { retain: true, ..plain }), ReasonCode::RetainNotSupported);
    let list = [Property::TopicAlias(1.try_into().unwrap())];
    let properties = Properties::new(&list).unwrap();
    refused(Packet::Publish(Publish { properties, ..plain }), ReasonCode::TopicAliasInvalid);
    refused(Packet::PubRel(Ack::new(id(1))), ReasonCode::ProtocolError);

    let will = Will {
        topic: TopicName::new("w").unwrap(),
        payload: b"",
        qos: QoS::ExactlyOnce,
        retain: false,
        properties: NONE,
    };
    let list = [Property::AuthenticationMethod("SCRAM")];
    let scram = Connect { properties: Properties::new(&list).unwrap(), ..connect(Version::V5_0, "c") };
    for (connect, reason) in [
        (Connect { will: Some(will), ..connect(Version::V5_0, "c") }, ReasonCode::QoSNotSupported),
        (scram, ReasonCode::BadAuthenticationMethod),
    ] {
        let mut client = server.dial(Version::V5_0);
        client.send(&Packet::Connect(connect));
        client.expect(Packet::ConnAck(ConnAck { session_present: false, reason, properties: NONE }));
        assert_eq!(client.receive(), None);
    }
    // Before MQTT 5.0 the end is all there is to say.
    let mut client = server.connect(Version::V3_1_1, "old");
    client.send(&publish("a", two, b""));
    client.expect_end(ReasonCode::QoSNotSupported);
}

#[test]
fn what_mqtt_5_says_about_a_message_goes_along_and_limits_of_receivers_hold() {
    let mut server = Server::start();
    let list = [Property::MaximumPacketSize(64.try_into().unwrap()), Property::ReceiveMaximum(1.try_into().unwrap())];
    let properties = Properties::new(&list).unwrap();
    let mut small = server.connect_with(Connect { properties, ..connect(Version::V5_0, "small") });
    let no_local = SubscribeOptions { no_local: true, ..SubscribeOptions::new(QoS::AtLeastOnce) };
    small.subscribe("#", no_local, ReasonCode::GrantedQoS1);
    let mut old = server.connect(Version::V3_1_1, "old");
    old.subscribe("t", SubscribeOptions::new(QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
    let mut publisher = server.connect(Version::V5_0, "publisher");
    let list = [Property::ContentType("text"), Property::UserProperty(UserProperty { name: "k", value: "v" })];
    let Packet::Publish(plain) = publish("t", qos1(1), b"1") else { panic!() };
    let described = Publish { properties: Properties::new(&list).unwrap(), ..plain };
    publisher.send(&Packet::Publish(described));
    publisher.send(&publish("t", qos1(2), &[b'x'; 64]));
    publisher.send(&publish("t", qos1(3), b"3"));
    for message in 1..=3 {
        publisher.expect(Packet::PubAck(Ack::new(id(message))));
    }
    old.expect(Packet::Publish(plain));

    small.expect(Packet::Publish(described));
    small.send(&publish("t", Delivery::AtMostOnce, b"not for myself"));
    small.ping(); // the third message waits for the first acknowledgement
    small.send(&Packet::PubAck(Ack::new(id(1))));
    small.expect(publish("t", qos1(2), b"3"));
    drop(small);
    assert_eq!(server.logged("dropped"), "small: 1 messages dropped");
}

#[test]
fn bad_input_ends_its_connection_and_no_other() {
    let server = Server::start();
    let mut witness = server.connect(Version::V3_1_1, "witness");
    for version in VERSIONS {
        let bad = |bytes: &[u8], reason| {
            let mut client = server.connect(version, "bad");
            client.socket.write_all(bytes).unwrap();
            client.expect_end(reason);
        };
        bad(&[0x36, 2, 0, 0], ReasonCode::MalformedPacket); // QoS 3
        bad(&[0x30, 0xff, 0xff, 0xff, 0xff], ReasonCode::MalformedPacket); // an endless length
        bad(&[0x30, 0xff, 0xff, 0xff, 0x7f], ReasonCode::PacketTooLarge); // seen with the header alone
        bad(&[0x82, 5, 0, 0, 0, 1, b'a'], ReasonCode::MalformedPacket); // packet identifier 0
        bad(&[0xd0, 0], ReasonCode::ProtocolError); // PINGRESP of a client
        let mut again = Vec::new();
        Packet::Connect(connect(version, "bad")).encode(version, &mut again).unwrap();
        bad(&again, ReasonCode::ProtocolError);
    }
    // Whoever does not begin with CONNECT hears nothing, as its version is not known.
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xc0, 0], &[0x16, 3, 1, 2, 0], &[0; 64]] {
        let mut client = server.dial(Version::V3_1_1);
        client.socket.write_all(bytes).unwrap();
        assert_eq!(client.receive(), None);
    }
    witness.ping();
}

#[test]
fn a_connect_that_is_refused_is_answered_where_its_version_has_an_answer() {
    let server = Server::start();
    let answer = |bytes: &[u8]| {
        let mut client = server.dial(Version::V3_1_1);
        client.socket.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        client.socket.read_to_end(&mut answer).unwrap();
        answer
    };
    assert_eq!(answer(b"\x10\x0d\0\x04MQTT\x09\x02\0\0\0\x01a"), [0x20, 2, 0, 1]); // level 9
    assert_eq!(answer(b"\x10\x0f\0\x06MQIsdp\x04\x02\0\0\0\x01a"), [0x20, 2, 0, 1]);
    assert_eq!(answer(b"\x10\x0c\0\x04MQTT\x04\x00\0\0\0\0"), [0x20, 2, 0, 2]); // empty, and not clean
    assert_eq!(answer(b"\x10\x0e\0\x06MQIsdp\x03\x02\0\0\0\0"), [0x20, 2, 0, 2]);
    assert_eq!(answer(b"\x10\x0d\0\x04MQTT\x04\x03\0\0\0\x01a"), []); // the reserved flag
    assert_eq!(answer(b"\x10\x0e\0\x04MQTT\x05\x03\0\0\0\0\x01a"), [0x20, 3, 0, 0x81, 0]);
    assert_eq!(answer(b"\x10\xff\xff\xff\x7f"), []);
    // Empty and clean is fine.
    server.connect(Version::V3_1_1, "").ping();
    server.connect(Version::V5_0, "").ping();
}

#[test]
fn packets_may_come_in_one_piece_or_byte_by_byte() {
    let server = Server::start();
    for version in VERSIONS {
        let mut bytes = Vec::new();
        for packet in [Packet::Connect(connect(version, "c")), Packet::PingReq, publish("a", qos1(1), b"x")] {
            packet.encode(version, &mut bytes).unwrap();
        }
        for piece in [1, bytes.len()] {
            let mut client = server.dial(version);
            bytes.chunks(piece).for_each(|piece| client.socket.write_all(piece).unwrap());
            assert!(matches!(client.receive().unwrap().packet(), Packet::ConnAck(_)));
            client.expect(Packet::PingResp);
            assert!(matches!(client.receive().unwrap().packet(), Packet::PubAck(p) if p.id == id(1)));
        }
    }
}

#[test]
fn a_silent_peer_is_closed_and_its_will_is_published() {
    let server = Server::start();
    let mut witness = server.connect(Version::V3_1_1, "witness");
    witness.subscribe("will", SubscribeOptions::default(), ReasonCode::Success);
    let will = Will {
        topic: TopicName::new("will").unwrap(),
        payload: b"gone",
        qos: QoS::AtMostOnce,
        retain: false,
        properties: NONE,
    };
    for version in VERSIONS {
        let mut client = server.connect_with(Connect { keep_alive: 1, will: Some(will), ..connect(version, "silent") });
        client.ping();
        let since = Instant::now();
        client.expect_end(ReasonCode::KeepAliveTimeout);
        assert!((1400..2500).contains(&since.elapsed().as_millis()), "{:?}", since.elapsed());
        witness.expect(publish("will", Delivery::AtMostOnce, b"gone"));
    }
    // What MQTT 5.0 says about a will goes along, except for its delay.
    let mut modern = server.connect(Version::V5_0, "modern");
    modern.subscribe("will", SubscribeOptions::default(), ReasonCode::Success);
    let list = [Property::WillDelayInterval(60), Property::ContentType("text")];
    let delayed = Will { properties: Properties::new(&list).unwrap(), ..will };
    let mut client = server.connect_with(Connect { will: Some(delayed), ..connect(Version::V5_0, "delayed") });
    client.send(&Packet::Disconnect(Disconnect::new(ReasonCode::DisconnectWithWill)));
    assert_eq!(client.receive(), None);
    let Packet::Publish(plain) = publish("will", Delivery::AtMostOnce, b"gone") else { panic!() };
    modern.expect(Packet::Publish(Publish { properties: Properties::new(&list[1..]).unwrap(), ..plain }));
    witness.expect(Packet::Publish(plain));
    // A goodbye takes the will back.
    let mut client = server.connect_with(Connect { will: Some(will), ..connect(Version::V5_0, "polite") });
    client.send(&Packet::Disconnect(Disconnect::new(ReasonCode::Success)));
    assert_eq!(client.receive(), None);
    witness.ping();
}

#[test]
fn half_a_connect_is_not_waited_for_for_ever() {
    let server = Server::start();
    let (mut half, mut nothing) = (server.dial(Version::V3_1_1), server.dial(Version::V3_1_1));
    half.socket.write_all(b"\x10\x0d\0\x04MQ").unwrap();
    assert_eq!((half.receive(), nothing.receive()), (None, None));
}

#[test]
fn the_second_connection_of_a_client_ends_the_first() {
    let server = Server::start();
    for version in VERSIONS {
        let (mut first, mut second) = (server.connect(version, "same"), server.connect(version, "same"));
        first.expect_end(ReasonCode::SessionTakenOver);
        second.subscribe("a", SubscribeOptions::default(), ReasonCode::Success);
        second.send(&publish("a", Delivery::AtMostOnce, b"mine"));
        second.expect(publish("a", Delivery::AtMostOnce, b"mine"));
    }
}

#[test]
fn a_slow_reader_loses_qos_0_and_delays_nobody() {
    let mut server = Server::start();
    let mut slow = server.connect(Version::V5_0, "slow");
    let (mut fast, mut publisher) =
        (server.connect(Version::V5_0, "fast"), server.connect(Version::V3_1_1, "publisher"));
    for client in [&mut slow, &mut fast] {
        client.subscribe("t", SubscribeOptions::default(), ReasonCode::Success);
    }
    // 32 MiB: more than sockets and queue of the slow one hold.
    let payload = vec![7; 64 * 1024];
    for _ in 0..512 {
        publisher.send(&publish("t", Delivery::AtMostOnce, &payload));
        fast.expect(publish("t", Delivery::AtMostOnce, &payload));
    }
    // It is still listened to, and what it gets late is whole.
    slow.send(&Packet::PingReq);
    let mut late = 0;
    while slow.receive().unwrap().packet() == publish("t", Delivery::AtMostOnce, &payload) {
        late += 1;
    }
    slow.send(&Packet::Disconnect(Disconnect::new(ReasonCode::Success)));
    assert!((1..512).contains(&late), "{late} messages");
    let lost = server.logged("dropped");
    let lost: usize = lost.strip_prefix("slow: ").unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(lost > 0 && late + lost <= 512, "{late} came, {lost} were dropped");
}

#[test]
fn a_slow_reader_at_qos_1_is_closed_rather_than_cheated() {
    let mut server = Server::start();
    let mut slow = server.connect(Version::V5_0, "slow");
    let mut publisher = server.connect(Version::V3_1_1, "publisher");
    slow.subscribe("t", SubscribeOptions::new(QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
    for _ in 0..200 {
        publisher.send(&publish("t", qos1(1), &[b'x'; 16 * 1024]));
        publisher.expect(Packet::PubAck(Ack::new(id(1))));
        if slow_is_gone(&mut server, &mut slow) {
            return;
        }
    }
    panic!("200 messages wait for a client that acknowledges none");
}

/// Looks without waiting; a window of messages comes first.
fn slow_is_gone(server: &mut Server, slow: &mut Client) -> bool {
    slow.socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 64 * 1024];
    match slow.socket.read(&mut buffer) {
        Ok(count) => slow.received.extend_from_slice(&buffer[..count]),
        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
    }
    slow.socket.set_nonblocking(false).unwrap();
    if !slow.received.ends_with(&[0xe0, 1, 0x97]) {
        return false;
    }
    for sent in 1..=32 {
        slow.expect(publish("t", qos1(sent), &[b'x'; 16 * 1024]));
    }
    slow.expect_end(ReasonCode::QuotaExceeded);
    assert!(server.logged("closed").ends_with("closed: quota exceeded"));
    true
}

#[test]
fn there_is_room_for_so_many_connections() {
    let server = Server::start();
    let mut clients: Vec<_> = (0..500).map(|n| server.connect(Version::V3_1_1, &format!("c{n}"))).collect();
    let mut more = server.dial(Version::V3_1_1);
    assert!(more.socket.read(&mut [0]).is_ok_and(|count| count == 0));
    clients.pop().unwrap().send(&Packet::Disconnect(Disconnect::new(ReasonCode::Success)));
    clients[0].ping();
    let free = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let mut next = server.dial(Version::V3_1_1);
        let mut connect_bytes = Vec::new();
        Packet::Connect(connect(Version::V3_1_1, "next")).encode(Version::V3_1_1, &mut connect_bytes).unwrap();
        let _ = next.socket.write_all(&connect_bytes);
        next.socket.read(&mut [0; 4]).is_ok_and(|count| count > 0)
    });
    assert!(free, "a place that was left is taken again");
}
