//! Packets of a client, built by hand so that the codec under test does not check itself, and packets of the server as one line of text.

use lmq_codec::{Delivery, Packet, Split, Version, split};

/// Bytes from hexadecimal text; spaces are for the reader.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// What a CONNECT asks for.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    pub(crate) client_id: String,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) level: u8,
    /// The property block of MQTT 5.0, without its length.
    pub(crate) properties: Vec<u8>,
    pub(crate) will: Option<Will>,
}

/// The will of a CONNECT.
#[derive(Clone, Debug, Default)]
pub(crate) struct Will {
    pub(crate) topic: &'static str,
    pub(crate) payload: &'static str,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) properties: Vec<u8>,
}

impl Connect {
    pub(crate) fn new(client_id: &str) -> Self {
        Self {
            client_id: client_id.into(),
            clean: true,
            keep_alive: 0,
            username: None,
            password: None,
            level: 4,
            properties: Vec::new(),
            will: None,
        }
    }

    /// MQTT 5.0 with these properties.
    pub(crate) fn v5(client_id: &str, properties: &[u8]) -> Self {
        Self { level: 5, properties: properties.into(), ..Self::new(client_id) }
    }

    pub(crate) fn will(self, will: Will) -> Self {
        Self { will: Some(will), ..self }
    }

    /// Clean session 0.
    pub(crate) fn kept(client_id: &str) -> Self {
        Self { clean: false, ..Self::new(client_id) }
    }

    pub(crate) fn keep_alive(self, keep_alive: u16) -> Self {
        Self { keep_alive, ..self }
    }

    pub(crate) fn credentials(self, username: &str, password: &str) -> Self {
        Self { username: Some(username.into()), password: Some(password.into()), ..self }
    }

    pub(crate) fn level(self, level: u8) -> Self {
        Self { level, ..self }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let will = self.will.as_ref().map_or(0, |will| 0x04 | will.qos << 3 | u8::from(will.retain) << 5);
        let flags = will
            | u8::from(self.clean) << 1
            | u8::from(self.password.is_some()) << 6
            | u8::from(self.username.is_some()) << 7;
        let mut body = text(if self.level == 3 { "MQIsdp" } else { "MQTT" });
        body.extend([self.level, flags]);
        body.extend(self.keep_alive.to_be_bytes());
        let block = |properties: &[u8]| if self.level == 5 { block(properties) } else { Vec::new() };
        body.extend(block(&self.properties));
        body.extend(text(&self.client_id));
        if let Some(will) = &self.will {
            body.extend(block(&will.properties));
            body.extend(text(will.topic));
            body.extend(text(will.payload));
        }
        for field in [self.username.as_ref(), self.password.as_ref()].into_iter().flatten() {
            body.extend(text(field));
        }
        packet(0x10, &body)
    }
}

/// PUBLISH; `id` is left out at QoS 0.
pub(crate) fn publish(topic: &str, payload: impl AsRef<[u8]>, qos: u8, id: u16) -> Vec<u8> {
    publish_flags(qos << 1, topic, payload, id)
}

/// The same with DUP.
pub(crate) fn publish_again(topic: &str, payload: impl AsRef<[u8]>, qos: u8, id: u16) -> Vec<u8> {
    publish_flags(0x08 | qos << 1, topic, payload, id)
}

/// PUBLISH with all four flags as given.
pub(crate) fn publish_flags(flags: u8, topic: &str, payload: impl AsRef<[u8]>, id: u16) -> Vec<u8> {
    let mut body = text(topic);
    if flags & 0x06 != 0 {
        body.extend(id.to_be_bytes());
    }
    body.extend(payload.as_ref());
    packet(0x30 | flags, &body)
}

pub(crate) fn subscribe(id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    for (filter, qos) in filters {
        body.extend(text(filter));
        body.push(*qos);
    }
    packet(0x82, &body)
}

pub(crate) fn unsubscribe(id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    filters.iter().for_each(|filter| body.extend(text(filter)));
    packet(0xa2, &body)
}

pub(crate) fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

pub(crate) fn pubrec(id: u16) -> Vec<u8> {
    packet(0x50, &id.to_be_bytes())
}

pub(crate) fn pubrel(id: u16) -> Vec<u8> {
    packet(0x62, &id.to_be_bytes())
}

pub(crate) fn pubcomp(id: u16) -> Vec<u8> {
    packet(0x70, &id.to_be_bytes())
}

pub(crate) const PINGREQ: [u8; 2] = [0xc0, 0];
pub(crate) const DISCONNECT: [u8; 2] = [0xe0, 0];

pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    while length > 0x7f {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(body);
    bytes
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_be_bytes().to_vec();
    bytes.extend(text.bytes());
    bytes
}

/// A property block with its length.
pub(crate) fn block(properties: &[u8]) -> Vec<u8> {
    assert!(properties.len() < 128, "a length of one byte");
    [&[properties.len() as u8], properties].concat()
}

/// Takes whole packets from the front of what a server sent, one line for each.
pub(crate) fn take_packets(received: &mut Vec<u8>, version: Version) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let Split::Frame { frame, rest } = split(received, u32::MAX).expect("the server sends frames") else {
            return lines;
        };
        let packet = Packet::decode(frame, version).expect("the server sends packets of the client's version");
        lines.push(match version {
            Version::V5_0 => super::v5::line(&packet),
            _ => line(&packet),
        });
        let left = rest.len();
        received.drain(..received.len() - left);
    }
}

fn line(packet: &Packet<'_>) -> String {
    match packet {
        Packet::ConnAck(_) | Packet::Publish(_) => {}
        Packet::PubAck(ack) => return format!("PUBACK {}", ack.id.value()),
        Packet::PubRec(ack) => return format!("PUBREC {}", ack.id.value()),
        Packet::PubRel(ack) => return format!("PUBREL {}", ack.id.value()),
        Packet::PubComp(ack) => return format!("PUBCOMP {}", ack.id.value()),
        Packet::UnsubAck(ack) => return format!("UNSUBACK {}", ack.id.value()),
        Packet::PingResp => return "PINGRESP".into(),
        Packet::SubAck(_) => {}
        other => panic!("a server does not send {other:?}"),
    }
    let encoder = packet.encoder(Version::V3_1_1).unwrap();
    let mut bytes = Vec::new();
    encoder.write(&mut bytes);
    match packet {
        Packet::ConnAck(_) => format!("CONNACK {}{}", bytes[3], if bytes[2] == 1 { " present" } else { "" }),
        Packet::SubAck(ack) => format!("SUBACK {} {:?}", ack.id.value(), &bytes[4..]),
        Packet::Publish(publish) => {
            let delivery = match publish.delivery {
                Delivery::AtMostOnce => "q0".into(),
                Delivery::AtLeastOnce { id, dup } => {
                    format!("q1 #{}{}", id.value(), if dup { " dup" } else { "" })
                }
                Delivery::ExactlyOnce { id, dup } => {
                    format!("q2 #{}{}", id.value(), if dup { " dup" } else { "" })
                }
            };
            let retain = if publish.retain { " retain" } else { "" };
            let payload = match publish.payload {
                short if short.len() <= 32 => String::from_utf8_lossy(short).into_owned(),
                long => format!("{} bytes", long.len()),
            };
            format!("{delivery}{retain} {} {payload}", publish.topic.unwrap())
        }
        _ => unreachable!(),
    }
}
