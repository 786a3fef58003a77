//! What comes from the broker, as a client understands it.

use std::num::NonZeroU16;

use lmq_codec::{Delivery, Packet, PacketId, Properties, Publish, QoS, ReasonCode, Split, Version, split};

use lmq_model::control::{ControlTopic, TokenExpireNotice, TokenInvalidNotice};

use super::{number_of, payload};

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    ConnAck {
        present: bool,
        code: u8,
        /// The last words of the authentication method.
        proof: Option<Vec<u8>>,
    },
    Publish {
        number: Option<u64>,
        topic: String,
        qos: QoS,
        id: Option<PacketId>,
        dup: bool,
        retain: bool,
        length: usize,
        intact: bool,
        alias: Option<u16>,
        expiry: Option<u32>,
    },
    PubAck(PacketId),
    /// With whether the message is refused.
    PubRec(PacketId, bool),
    PubRel(PacketId),
    PubComp(PacketId),
    SubAck(PacketId, Vec<u8>),
    UnsubAck(PacketId),
    PingResp,
    /// With its reason code; an empty one says nothing of an exchange.
    Auth {
        code: ReasonCode,
        proof: Option<Vec<u8>>,
    },
    Disconnect(ReasonCode),
    /// A token of it is about to end, or is worth nothing.
    Expires(TokenExpireNotice),
    Invalid(TokenInvalidNotice),
}

/// Takes the next whole packet from the front of what was received.
pub(crate) fn next(received: &mut Vec<u8>, version: Version) -> Result<Option<Heard>, String> {
    let (heard, left) = match split(received, u32::MAX) {
        Ok(Split::Frame { frame, rest }) => {
            let packet = Packet::decode(frame, version).map_err(|error| format!("malformed: {error}"))?;
            (heard(&packet)?, rest.len())
        }
        Ok(Split::Need(_)) => return Ok(None),
        Err(error) => return Err(format!("malformed: {error}")),
    };
    received.drain(..received.len() - left);
    Ok(Some(heard))
}

/// Takes a whole CONNACK, and what is before it, from what the broker writes first: its code, and whether a session is present.
pub(crate) fn take_connack(head: &mut Vec<u8>) -> Option<(u8, bool)> {
    const CONNACK: u8 = 0x20;
    while let Ok(Split::Frame { rest, .. }) = split(head, u32::MAX) {
        let packet: Vec<u8> = head.drain(..head.len() - rest.len()).collect();
        // Behind the length, which may take more than one byte.
        let body = packet.iter().skip(1).position(|byte| byte & 0x80 == 0)? + 2;
        if packet[0] == CONNACK {
            return Some((*packet.get(body + 1)?, packet.get(body) == Some(&1)));
        }
    }
    None
}

fn heard(packet: &Packet<'_>) -> Result<Heard, String> {
    Ok(match packet {
        Packet::ConnAck(ack) => Heard::ConnAck {
            present: ack.session_present,
            code: connack_code(ack.reason),
            proof: proof_of(ack.properties),
        },
        Packet::Publish(publish) => heard_publish(publish)?,
        Packet::PubAck(ack) => Heard::PubAck(ack.id),
        Packet::PubRec(ack) => Heard::PubRec(ack.id, ack.reason.is_failure()),
        Packet::PubRel(ack) => Heard::PubRel(ack.id),
        Packet::PubComp(ack) => Heard::PubComp(ack.id),
        Packet::SubAck(ack) => Heard::SubAck(ack.id, ack.reasons.iter().map(ReasonCode::value).collect()),
        Packet::UnsubAck(ack) => Heard::UnsubAck(ack.id),
        Packet::PingResp => Heard::PingResp,
        Packet::Auth(auth) => Heard::Auth { code: auth.reason, proof: proof_of(auth.properties) },
        Packet::Disconnect(disconnect) => Heard::Disconnect(disconnect.reason),
        other => return Err(format!("a server does not send {:?}", other.packet_type())),
    })
}

fn connack_code(reason: ReasonCode) -> u8 {
    if reason == ReasonCode::Success { 0 } else { reason.connack_code().unwrap_or_else(|| reason.value()) }
}

/// Takes a whole PUBACK, and what is before it, from what the broker writes to a client that waits for its token.
pub(crate) fn take_puback(head: &mut Vec<u8>) -> bool {
    const PUBACK: u8 = 0x40;
    while let Ok(Split::Frame { rest, .. }) = split(head, u32::MAX) {
        let packet: Vec<u8> = head.drain(..head.len() - rest.len()).collect();
        if packet[0] == PUBACK {
            return true;
        }
    }
    false
}

/// What the broker itself has to say of a token.
fn heard_notice(publish: &Publish<'_>) -> Option<Result<Heard, String>> {
    let topic = publish.topic?.as_str().to_owned();
    let malformed = |error| format!("{topic} that is none: {error:?}");
    if topic == ControlTopic::TokenExpireNotice.as_str() {
        return Some(TokenExpireNotice::parse(publish.payload).map(Heard::Expires).map_err(malformed));
    }
    if topic == ControlTopic::TokenInvalidNotice.as_str() {
        return Some(TokenInvalidNotice::parse(publish.payload).map(Heard::Invalid).map_err(malformed));
    }
    None
}

/// What an authentication method says.
fn proof_of(properties: Properties<'_>) -> Option<Vec<u8>> {
    properties.authentication_data().map(<[u8]>::to_vec)
}

fn heard_publish(publish: &Publish<'_>) -> Result<Heard, String> {
    if let Some(notice) = heard_notice(publish) {
        return notice;
    }
    let alias = publish.properties.topic_alias().map(NonZeroU16::get);
    let expiry = publish.properties.message_expiry_interval();
    let topic = publish.topic.map_or_else(String::new, |topic| topic.as_str().to_owned());
    let (qos, id, dup) = match publish.delivery {
        Delivery::AtMostOnce => (QoS::AtMostOnce, None, false),
        Delivery::AtLeastOnce { id, dup } => (QoS::AtLeastOnce, Some(id), dup),
        Delivery::ExactlyOnce { id, dup } => (QoS::ExactlyOnce, Some(id), dup),
    };
    let number = number_of(publish.payload);
    let intact = number.is_some_and(|number| payload(number, publish.payload.len()) == publish.payload);
    let (retain, length) = (publish.retain, publish.payload.len());
    Ok(Heard::Publish { number, topic, qos, alias, expiry, id, dup, retain, length, intact })
}
