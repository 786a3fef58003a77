//! An MQTT client in exact bytes, in version 3.1.1 (`4`) and 5.0 (`5`), without a thought of its own.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use lmq_auth::{SecretKey, Signature};
use serde_json::Value;

use super::{PATIENCE, write_length};

/// The versions of MQTT that scenes are played in.
pub(crate) const VERSIONS: [u8; 2] = [4, 5];

/// User name and password.
pub(crate) type Credentials = Option<(String, String)>;

/// What a peer received.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Message {
        topic: String,
        payload: String,
    },
    PubAck(u16),
    /// The codes.
    SubAck(Vec<u8>),
    PingResp,
    /// MQTT 5.0.
    Disconnect(u8),
    /// The connection was closed.
    End,
}

/// A connection that has its CONNACK.
pub(crate) struct Peer {
    stream: TcpStream,
    version: u8,
    /// Of its CONNACK.
    pub(crate) code: u8,
    pub(crate) present: bool,
}

/// The password of 2019: the client id, signed.
pub(crate) fn signed(scheme: &str, access_key: &str, secret: &str, instance: &str, client_id: &str) -> Credentials {
    let username = format!("{scheme}|{access_key}|{instance}");
    Some((username, sign(secret, client_id)))
}

pub(crate) fn sign(secret: &str, text: &str) -> String {
    let secret: SecretKey = secret.parse().unwrap();
    Signature::of_text(&secret, text).to_base64()
}

impl Peer {
    /// Sends a CONNECT with a clean session and hears what comes of it.
    pub(crate) fn connect(addr: SocketAddr, version: u8, client_id: &str, credentials: &Credentials) -> Self {
        Self::connect_with(addr, version, client_id, credentials, true)
    }

    /// `clean`: no session is taken up or left behind.
    pub(crate) fn connect_with(
        addr: SocketAddr,
        version: u8,
        client_id: &str,
        credentials: &Credentials,
        clean: bool,
    ) -> Self {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut flags = if clean { 0x02 } else { 0 };
        if credentials.is_some() {
            flags |= 0xc0;
        }
        let mut body = [&[0, 4][..], b"MQTT", &[version, flags, 0, 60]].concat();
        if version == 5 {
            // A session expiry of an hour makes a session persistent.
            body.extend_from_slice(if clean { &[0] } else { &[5, 0x11, 0, 0, 0x0e, 0x10] });
        }
        text(&mut body, client_id);
        if let Some((username, password)) = credentials {
            text(&mut body, username);
            text(&mut body, password);
        }
        stream.write_all(&packet(0x10, &body)).unwrap();
        let mut peer = Self { stream, version, code: 0, present: false };
        let (kind, body) = peer.packet().expect("a CONNACK");
        assert_eq!(kind, 0x20, "{body:?}");
        (peer.present, peer.code) = (body[0] == 1, body[1]);
        peer
    }

    /// A connection that comes in.
    #[track_caller]
    pub(crate) fn accepted(addr: SocketAddr, version: u8, client_id: &str, credentials: &Credentials) -> Self {
        let peer = Self::connect(addr, version, client_id, credentials);
        assert_eq!(peer.code, 0, "{client_id} in version {version}");
        peer
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// A SUBSCRIBE with QoS 1.
    pub(crate) fn subscribe_packet(&self, filter: &str) -> Vec<u8> {
        let mut body = vec![0, 1];
        self.no_properties(&mut body);
        text(&mut body, filter);
        body.push(1);
        packet(0x82, &body)
    }

    /// A PUBLISH, with QoS 1 if it has an id.
    pub(crate) fn publish_packet(&self, topic: &str, payload: &str, id: Option<u16>) -> Vec<u8> {
        let mut body = Vec::new();
        text(&mut body, topic);
        body.extend(id.into_iter().flat_map(u16::to_be_bytes));
        self.no_properties(&mut body);
        body.extend_from_slice(payload.as_bytes());
        packet(if id.is_some() { 0x32 } else { 0x30 }, &body)
    }

    /// `$SYS/uploadToken` with QoS 1 and the id 7.
    pub(crate) fn upload_packet(&self, access: &str, token: &str) -> Vec<u8> {
        let payload = format!(r#"{{"token":"{token}","type":"{access}"}}"#);
        self.publish_packet("$SYS/uploadToken", &payload, Some(7))
    }

    /// Uploads a token, which is taken.
    #[track_caller]
    pub(crate) fn uploads(&mut self, access: &str, token: &str) {
        self.send(&self.upload_packet(access, token));
        assert_eq!(self.hear(), Heard::PubAck(7));
    }

    pub(crate) fn publish(&mut self, topic: &str, payload: &str) {
        self.send(&self.publish_packet(topic, payload, None));
    }

    #[track_caller]
    pub(crate) fn subscribes(&mut self, filter: &str) {
        self.send(&self.subscribe_packet(filter));
        assert_eq!(self.hear(), Heard::SubAck(vec![1]));
    }

    /// Hears this message next, which is acknowledged if it has to be.
    #[track_caller]
    pub(crate) fn hears(&mut self, topic: &str, payload: &str) {
        assert_eq!(self.hear(), Heard::Message { topic: topic.to_owned(), payload: payload.to_owned() });
    }

    /// Hears `$SYS/tokenInvalidNotice` next, and then that it is closed.
    #[track_caller]
    pub(crate) fn is_told(&mut self, code: i32, access: &str) {
        let Heard::Message { topic, payload } = self.hear() else { panic!("no notice") };
        assert_eq!(topic, "$SYS/tokenInvalidNotice");
        let notice: Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(notice, serde_json::json!({ "code": code, "type": access }));
        self.is_closed();
    }

    /// Hears next that it is closed for want of a right; from MQTT 5.0 on with DISCONNECT 0x87.
    #[track_caller]
    pub(crate) fn is_closed(&mut self) {
        if self.version == 5 {
            assert_eq!(self.hear(), Heard::Disconnect(0x87));
        }
        assert_eq!(self.hear(), Heard::End);
    }

    /// A ping is answered, and nothing came before the answer.
    #[track_caller]
    pub(crate) fn is_alive(&mut self) {
        self.send(&[0xc0, 0]);
        assert_eq!(self.hear(), Heard::PingResp);
    }

    /// The connection breaks.
    pub(crate) fn breaks(self) {
        drop(self.stream);
    }

    /// How long it takes until the gateway closes.
    pub(crate) fn closed_after(&mut self) -> Duration {
        let start = std::time::Instant::now();
        while self.hear() != Heard::End {}
        start.elapsed()
    }

    pub(crate) fn hear(&mut self) -> Heard {
        let Some((kind, body)) = self.packet() else { return Heard::End };
        match kind {
            0x30..=0x3f => self.message(kind, &body),
            0x40 => Heard::PubAck(u16::from_be_bytes([body[0], body[1]])),
            0x90 => Heard::SubAck(body[if self.version == 5 { 3 } else { 2 }..].to_vec()),
            0xd0 => Heard::PingResp,
            0xe0 => Heard::Disconnect(body.first().copied().unwrap_or(0)),
            other => panic!("a packet of type {other:#x}: {body:?}"),
        }
    }

    fn message(&mut self, kind: u8, body: &[u8]) -> Heard {
        let (topic, mut rest) = body[2..].split_at(usize::from(u16::from_be_bytes([body[0], body[1]])));
        if kind & 0x06 != 0 {
            let (id, behind) = rest.split_at(2);
            self.send(&[&[0x40, 2], id].concat());
            rest = behind;
        }
        if self.version == 5 {
            // Their length is below 128 in all scenes.
            rest = &rest[1 + usize::from(rest[0])..];
        }
        let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Heard::Message { topic: string(topic), payload: string(rest) }
    }

    /// The first byte and the body of the next packet; `None` at the end.
    fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let kind = self.byte()?;
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        Some((kind, body))
    }

    fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(1) => Some(byte[0]),
            Ok(_) => None,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("nothing came: {error}"),
        }
    }

    fn no_properties(&self, body: &mut Vec<u8>) {
        if self.version == 5 {
            body.push(0);
        }
    }
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    write_length(&mut packet, body.len());
    packet.extend_from_slice(body);
    packet
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(&(text.len() as u16).to_be_bytes());
    body.extend_from_slice(text.as_bytes());
}
