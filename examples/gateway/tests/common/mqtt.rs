//! A client of MQTT 3.1.1 and 5.0 over a real socket, one packet at a time.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use lmq_codec::{
    Ack, Connect, Delivery, OwnedPacket, Packet, PacketId, Properties, Property, Publish, QoS, Split, Subscribe,
    SubscribeFilters, SubscribeOptions, TopicFilter, TopicName, Version, split,
};

/// No packet of a test is larger.
const PACKET_BYTES_MAX: u32 = 1024 * 1024;

/// A connection with a CONNECT that was accepted.
pub(crate) struct Client {
    stream: TcpStream,
    version: Version,
    received: Vec<u8>,
    /// The session was there before.
    pub(crate) present: bool,
}

impl Client {
    /// Connects with a session that stays.
    pub(crate) fn keep(addr: SocketAddr, client_id: &str) -> io::Result<Self> {
        Self::connect(addr, client_id, Version::V3_1_1, false)
    }

    /// Connects with a session that ends with its connection.
    pub(crate) fn clean(addr: SocketAddr, client_id: &str) -> io::Result<Self> {
        Self::connect(addr, client_id, Version::V3_1_1, true)
    }

    /// An error where the gateway cannot be reached, or says no.
    pub(crate) fn connect(addr: SocketAddr, client_id: &str, version: Version, clean: bool) -> io::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream, version, received: Vec::new(), present: false };
        client.patience(Duration::from_secs(30))?;
        let expiry = [Property::SessionExpiryInterval(if clean { 0 } else { u32::MAX })];
        let expiry = Properties::new(&expiry).map_err(io::Error::other)?;
        client.send(&Packet::Connect(Connect {
            version,
            clean_start: clean,
            keep_alive: 60,
            client_id,
            will: None,
            username: None,
            password: None,
            properties: if version.has_properties() { expiry } else { Properties::EMPTY },
        }))?;
        let packet = client.receive()?;
        match packet.packet() {
            Packet::ConnAck(connack) if u8::from(connack.reason) == 0 => client.present = connack.session_present,
            other => return Err(io::Error::other(format!("{other:?}"))),
        }
        Ok(client)
    }

    /// How long a read waits before it fails.
    pub(crate) fn patience(&self, wait: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(wait))
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes).map_err(io::Error::other)?;
        self.stream.write_all(&bytes)
    }

    /// The next packet. [`is_timeout`] tells whether none came in time.
    pub(crate) fn receive(&mut self) -> io::Result<OwnedPacket> {
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Split::Frame { frame, .. } = split(&self.received, PACKET_BYTES_MAX).map_err(io::Error::other)? {
                let len = frame.bytes().len();
                let packet = Packet::decode(frame, self.version).map_err(io::Error::other)?;
                let owned = OwnedPacket::new(&packet, self.version).map_err(io::Error::other)?;
                self.received.drain(..len);
                return Ok(owned);
            }
            match self.stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.received.extend_from_slice(&chunk[..count]),
            }
        }
    }

    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8], qos: QoS, id: u16, dup: bool) -> io::Result<()> {
        let id = || PacketId::new(id).ok_or_else(|| io::Error::other("packet id 0"));
        let delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce { id: id()?, dup },
            QoS::ExactlyOnce => Delivery::ExactlyOnce { id: id()?, dup },
        };
        let topic = Some(TopicName::new(topic).map_err(io::Error::other)?);
        self.send(&Packet::Publish(Publish { delivery, retain: false, topic, properties: Properties::EMPTY, payload }))
    }

    /// Publishes a message to be retained, with QoS 1.
    pub(crate) fn retain(&mut self, topic: &str, payload: &[u8], id: PacketId) -> io::Result<()> {
        let (delivery, properties) = (Delivery::AtLeastOnce { id, dup: false }, Properties::EMPTY);
        let topic = Some(TopicName::new(topic).map_err(io::Error::other)?);
        self.send(&Packet::Publish(Publish { delivery, retain: true, topic, properties, payload }))
    }

    /// Subscribes, and waits for the answer.
    pub(crate) fn subscribe(&mut self, filter: &str, qos: QoS) -> io::Result<()> {
        let filters = [(TopicFilter::new(filter).map_err(io::Error::other)?, SubscribeOptions::new(qos))];
        let id = PacketId::new(1).ok_or_else(|| io::Error::other("packet id 0"))?;
        let filters = SubscribeFilters::new(&filters);
        self.send(&Packet::Subscribe(Subscribe { id, properties: Properties::EMPTY, filters }))?;
        loop {
            let packet = self.receive()?;
            match packet.packet() {
                Packet::SubAck(suback) if suback.reasons.iter().all(|code| u8::from(code) < 0x80) => return Ok(()),
                Packet::Publish(_) | Packet::PubRel(_) => {}
                other => return Err(io::Error::other(format!("{other:?}"))),
            }
        }
    }

    pub(crate) fn puback(&mut self, id: PacketId) -> io::Result<()> {
        self.send(&Packet::PubAck(Ack::new(id)))
    }

    pub(crate) fn pubrec(&mut self, id: PacketId) -> io::Result<()> {
        self.send(&Packet::PubRec(Ack::new(id)))
    }

    pub(crate) fn pubrel(&mut self, id: PacketId) -> io::Result<()> {
        self.send(&Packet::PubRel(Ack::new(id)))
    }

    pub(crate) fn pubcomp(&mut self, id: PacketId) -> io::Result<()> {
        self.send(&Packet::PubComp(Ack::new(id)))
    }
}

/// Nothing came in time; the connection goes on.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
