//! The bytes of a client: packets out through the codec's encoder, packets in through its decoder.

use std::num::NonZeroU16;

use lmq_codec::{
    Ack, Connect, Delivery, Disconnect, Packet, PacketId, Properties, Property, Publish, QoS, ReasonCode, Split,
    Subscribe, SubscribeFilters, SubscribeOptions, TopicFilter, TopicName, Unsubscribe, UnsubscribeFilters, Version,
    Will, split,
};

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    ConnAck {
        present: bool,
        code: u8,
    },
    Publish {
        number: Option<u64>,
        topic: String,
        qos: QoS,
        id: Option<PacketId>,
        dup: bool,
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
    Disconnect,
}

/// What a client of MQTT 5.0 takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// QoS 1 and 2 messages that are not acknowledged.
    pub(crate) messages: u16,
    pub(crate) aliases: u16,
}

/// What a client says in its CONNECT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hello<'a> {
    pub(crate) client_id: &'a str,
    /// A session that is not clean outlives its connection.
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) quota: Quota,
    /// For so long, in MQTT 5.0.
    pub(crate) expiry_secs: u32,
    pub(crate) will: Option<Leaving<'a>>,
}

/// What a client wants to be said when it is lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaving<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: QoS,
    /// In MQTT 5.0.
    pub(crate) delay_secs: u32,
}

/// What a client publishes, its delivery aside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    /// Seconds until it is worth nothing.
    pub(crate) expiry: Option<u32>,
}

/// Writes packets of one version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer(pub(crate) Version);

impl Writer {
    pub(crate) fn connect(self, hello: &Hello<'_>, out: &mut Vec<u8>) {
        let Hello { client_id, clean, keep_alive, quota, expiry_secs, will } = *hello;
        let delay = will.filter(|will| self.0.has_properties() && will.delay_secs > 0);
        let waits: Vec<_> = delay.map(|will| Property::WillDelayInterval(will.delay_secs)).into_iter().collect();
        let will = will.and_then(|will| {
            let properties = Properties::new(&waits).unwrap_or_default();
            Some(Will {
                topic: TopicName::new(will.topic).ok()?,
                payload: will.payload,
                qos: will.qos,
                retain: false,
                properties,
            })
        });
        let mut list = Vec::new();
        if self.0.has_properties() {
            list.extend((!clean).then_some(Property::SessionExpiryInterval(expiry_secs)));
            list.extend(NonZeroU16::new(quota.messages).map(Property::ReceiveMaximum));
            list.push(Property::TopicAliasMaximum(quota.aliases));
        }
        let connect = Connect {
            version: self.0,
            clean_start: clean,
            keep_alive,
            client_id,
            will,
            username: None,
            password: None,
            properties: Properties::new(&list).unwrap_or_default(),
        };
        self.write(&Packet::Connect(connect), out);
    }

    pub(crate) fn publish(self, words: &Words<'_>, delivery: Delivery, out: &mut Vec<u8>) {
        let Words { topic, payload, expiry } = *words;
        let list: Vec<_> = expiry.map(Property::MessageExpiryInterval).into_iter().collect();
        let properties = Properties::new(&list).unwrap_or_default();
        let topic = TopicName::new(topic).ok();
        self.write(&Packet::Publish(Publish { delivery, retain: false, topic, properties, payload }), out);
    }

    pub(crate) fn subscribe(self, id: PacketId, filters: &[(&str, QoS)], out: &mut Vec<u8>) {
        let list: Vec<_> = filters
            .iter()
            .filter_map(|(filter, qos)| Some((TopicFilter::new(filter).ok()?, SubscribeOptions::new(*qos))))
            .collect();
        let filters = SubscribeFilters::new(&list);
        self.write(&Packet::Subscribe(Subscribe { id, properties: Properties::EMPTY, filters }), out);
    }

    pub(crate) fn unsubscribe(self, id: PacketId, filter: &str, out: &mut Vec<u8>) {
        let list: Vec<_> = TopicFilter::new(filter).into_iter().collect();
        let filters = UnsubscribeFilters::new(&list);
        self.write(&Packet::Unsubscribe(Unsubscribe { id, properties: Properties::EMPTY, filters }), out);
    }

    pub(crate) fn ping(self, out: &mut Vec<u8>) {
        self.write(&Packet::PingReq, out);
    }

    pub(crate) fn disconnect(self, out: &mut Vec<u8>) {
        self.write(&Packet::Disconnect(Disconnect::new(ReasonCode::Success)), out);
    }

    pub(crate) fn disconnect_with_will(self, out: &mut Vec<u8>) {
        self.write(&Packet::Disconnect(Disconnect::new(ReasonCode::DisconnectWithWill)), out);
    }

    fn write(self, packet: &Packet<'_>, out: &mut Vec<u8>) {
        packet.encode(self.0, out).expect("a model client says only what its version has");
    }
}

/// The four acknowledgements; bytes of every version.
pub(crate) const PUBACK: fn(PacketId) -> [u8; 4] = Ack::puback;
pub(crate) const PUBREC: fn(PacketId) -> [u8; 4] = Ack::pubrec;
pub(crate) const PUBREL: fn(PacketId) -> [u8; 4] = Ack::pubrel;
pub(crate) const PUBCOMP: fn(PacketId) -> [u8; 4] = Ack::pubcomp;

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

fn heard(packet: &Packet<'_>) -> Result<Heard, String> {
    Ok(match packet {
        Packet::ConnAck(ack) => Heard::ConnAck { present: ack.session_present, code: connack_code(ack.reason) },
        Packet::Publish(publish) => heard_publish(publish)?,
        Packet::PubAck(ack) => Heard::PubAck(ack.id),
        Packet::PubRec(ack) => Heard::PubRec(ack.id, ack.reason.is_failure()),
        Packet::PubRel(ack) => Heard::PubRel(ack.id),
        Packet::PubComp(ack) => Heard::PubComp(ack.id),
        Packet::SubAck(ack) => Heard::SubAck(ack.id, ack.reasons.iter().map(ReasonCode::value).collect()),
        Packet::UnsubAck(ack) => Heard::UnsubAck(ack.id),
        Packet::PingResp => Heard::PingResp,
        Packet::Disconnect(_) => Heard::Disconnect,
        other => return Err(format!("a server does not send {:?}", other.packet_type())),
    })
}

fn connack_code(reason: ReasonCode) -> u8 {
    if reason == ReasonCode::Success { 0 } else { reason.connack_code().unwrap_or_else(|| reason.value()) }
}

fn heard_publish(publish: &Publish<'_>) -> Result<Heard, String> {
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
    Ok(Heard::Publish { number, topic, qos, alias, expiry, id, dup, length: publish.payload.len(), intact })
}

/// What a client says, for the reader of a trace.
pub(crate) fn describe(mut bytes: &[u8], version: Version) -> String {
    let mut text = String::new();
    while let Ok(Split::Frame { frame, rest }) = split(bytes, u32::MAX) {
        let what = match Packet::decode(frame, version) {
            Ok(Packet::Publish(publish)) => {
                format!("Publish {:?} {:?} {:?}", number_of(publish.payload), publish.topic, publish.delivery)
            }
            Ok(Packet::Connect(connect)) => format!("Connect clean {}", connect.clean_start),
            Ok(Packet::PubAck(ack)) => format!("PubAck {}", ack.id),
            Ok(Packet::PubRec(ack)) => format!("PubRec {}", ack.id),
            Ok(Packet::PubRel(ack)) => format!("PubRel {}", ack.id),
            Ok(Packet::PubComp(ack)) => format!("PubComp {}", ack.id),
            Ok(packet) => format!("{packet:?}"),
            Err(error) => error.to_string(),
        };
        text = if text.is_empty() { what } else { format!("{text}, {what}") };
        bytes = rest;
    }
    text
}

/// The payload of a message: its number, then bytes that follow from it.
pub(crate) fn payload(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend((8..length).map(|at| (number as usize).wrapping_add(at) as u8));
    bytes
}

/// The number of a message.
pub(crate) fn number_of(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
