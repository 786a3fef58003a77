//! Packets of a client of MQTT 5.0, built by hand, and packets of the server as one line of text.

use lmq_codec::{Ack, Delivery, Packet, Properties, Property, ReasonCode};

use super::{block, packet, text};

/// PUBLISH with a property block; `id` is left out at QoS 0.
pub(crate) fn publish5(flags: u8, topic: &str, properties: &[u8], payload: &str, id: u16) -> Vec<u8> {
    let mut body = text(topic);
    if flags & 0x06 != 0 {
        body.extend(id.to_be_bytes());
    }
    body.extend(block(properties));
    body.extend(payload.bytes());
    packet(0x30 | flags, &body)
}

/// The same with a property block of 128 to 16,383 bytes.
pub(crate) fn publish5_long(flags: u8, topic: &str, properties: &[u8], payload: &str, id: u16) -> Vec<u8> {
    let length = [properties.len() as u8 | 0x80, (properties.len() >> 7) as u8];
    let body = [&text(topic)[..], &id.to_be_bytes(), &length, properties, payload.as_bytes()].concat();
    packet(0x30 | flags, &body)
}

/// SUBSCRIBE with a property block; the numbers are option bytes.
pub(crate) fn subscribe5(id: u16, properties: &[u8], filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(block(properties));
    for (filter, options) in filters {
        body.extend(text(filter));
        body.push(*options);
    }
    packet(0x82, &body)
}

pub(crate) fn unsubscribe5(id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(block(&[]));
    filters.iter().for_each(|filter| body.extend(text(filter)));
    packet(0xa2, &body)
}

/// An acknowledgement with a reason code; `first` is its first byte.
pub(crate) fn ack5(first: u8, id: u16, reason: u8) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    packet(first, &[high, low, reason])
}

pub(crate) fn disconnect5(reason: u8, properties: &[u8]) -> Vec<u8> {
    packet(0xe0, &[&[reason][..], &block(properties)].concat())
}

/// AUTH with a method, and data if there are any.
pub(crate) fn auth5(reason: u8, method: &str, data: Option<&str>) -> Vec<u8> {
    let mut properties = [&[0x15][..], &text(method)].concat();
    if let Some(data) = data {
        properties.push(0x16);
        properties.extend(text(data));
    }
    packet(0xf0, &[&[reason][..], &block(&properties)].concat())
}

pub(crate) fn line(packet: &Packet<'_>) -> String {
    match packet {
        Packet::ConnAck(p) => {
            let present = if p.session_present { " present" } else { "" };
            format!("CONNACK {}{present}{}", number(p.reason), listed(p.properties))
        }
        Packet::Publish(p) => publish(p),
        Packet::PubAck(ack) => acknowledgement("PUBACK", ack),
        Packet::PubRec(ack) => acknowledgement("PUBREC", ack),
        Packet::PubRel(ack) => acknowledgement("PUBREL", ack),
        Packet::PubComp(ack) => acknowledgement("PUBCOMP", ack),
        Packet::SubAck(p) => {
            format!(
                "SUBACK {} [{}]{}",
                p.id,
                p.reasons.map(number).collect::<Vec<_>>().join(", "),
                listed(p.properties)
            )
        }
        Packet::UnsubAck(p) => {
            let codes = p.reasons.map(number).collect::<Vec<_>>().join(", ");
            format!("UNSUBACK {} [{codes}]{}", p.id, listed(p.properties))
        }
        Packet::PingResp => "PINGRESP".into(),
        Packet::Disconnect(p) => format!("DISCONNECT {}{}", number(p.reason), listed(p.properties)),
        Packet::Auth(p) => format!("AUTH {}{}", number(p.reason), listed(p.properties)),
        other => panic!("a server does not send {other:?}"),
    }
}

fn publish(p: &lmq_codec::Publish<'_>) -> String {
    let delivery = match p.delivery {
        Delivery::AtMostOnce => "q0".into(),
        Delivery::AtLeastOnce { id, dup } => format!("q1 #{id}{}", if dup { " dup" } else { "" }),
        Delivery::ExactlyOnce { id, dup } => format!("q2 #{id}{}", if dup { " dup" } else { "" }),
    };
    let retain = if p.retain { " retain" } else { "" };
    let topic = p.topic.map_or("-", |topic| topic.as_str());
    let payload = match p.payload {
        short if short.len() <= 32 => String::from_utf8_lossy(short).into_owned(),
        long => format!("{} bytes", long.len()),
    };
    format!("{delivery}{retain} {topic} {payload}{}", listed(p.properties))
}

/// Successes in decimal, failures as the standard writes them.
fn number(reason: ReasonCode) -> String {
    let value = reason.value();
    if value < 0x80 { value.to_string() } else { format!("{value:#x}") }
}

fn acknowledgement(name: &str, ack: &Ack<'_>) -> String {
    let reason = if ack.reason == ReasonCode::Success { String::new() } else { format!(" {}", number(ack.reason)) };
    format!("{name} {}{reason}{}", ack.id, listed(ack.properties))
}

/// Properties in brackets, without those that every CONNACK of these tests has and without the words for people.
fn listed(properties: Properties<'_>) -> String {
    let shown: Vec<String> = properties
        .iter()
        .filter(|property| {
            !matches!(
                property,
                Property::ReceiveMaximum(_)
                    | Property::MaximumPacketSize(_)
                    | Property::TopicAliasMaximum(_)
                    | Property::ReasonString(_)
            )
        })
        .map(|property| format!("{property:?}"))
        .collect();
    if shown.is_empty() { String::new() } else { format!(" {{{}}}", shown.join(", ")) }
}
