//! The bytes of a client: packets out through the codec's encoder, packets in through its decoder, in [`heard`].

mod heard;

use std::num::NonZeroU16;

use lmq_codec::{
    Ack, Auth, Connect, Delivery, Disconnect, Packet, PacketId, Properties, Property, Publish, QoS, ReasonCode, Split,
    Subscribe, SubscribeFilters, SubscribeOptions, TopicFilter, TopicName, Unsubscribe, UnsubscribeFilters, Version,
    Will, split,
};

pub(crate) use self::heard::{Heard, next, take_connack, take_puback};

/// The authentication method of every client that names one.
pub(crate) const METHOD: &str = "sim";

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
    /// What it says by [`METHOD`], if it names that.
    pub(crate) proof: Option<&'a [u8]>,
}

/// What a client wants to be said when it is lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaving<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
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
    pub(crate) retain: bool,
}

/// Writes packets of one version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer(pub(crate) Version);

impl Writer {
    pub(crate) fn connect(self, hello: &Hello<'_>, out: &mut Vec<u8>) {
        let Hello { client_id, clean, keep_alive, quota, expiry_secs, will, proof } = *hello;
        let delay = will.filter(|will| self.0.has_properties() && will.delay_secs > 0);
        let waits: Vec<_> = delay.map(|will| Property::WillDelayInterval(will.delay_secs)).into_iter().collect();
        let will = will.and_then(|will| {
            let properties = Properties::new(&waits).unwrap_or_default();
            Some(Will {
                topic: TopicName::new(will.topic).ok()?,
                payload: will.payload,
                qos: will.qos,
                retain: will.retain,
                properties,
            })
        });
        let mut list = Vec::new();
        if self.0.has_properties() {
            list.extend((!clean).then_some(Property::SessionExpiryInterval(expiry_secs)));
            list.extend(NonZeroU16::new(quota.messages).map(Property::ReceiveMaximum));
            list.push(Property::TopicAliasMaximum(quota.aliases));
            list.extend(proof.iter().flat_map(|proof| said(proof)));
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
        let Words { topic, payload, expiry, retain } = *words;
        let list: Vec<_> = expiry.map(Property::MessageExpiryInterval).into_iter().collect();
        let properties = Properties::new(&list).unwrap_or_default();
        let topic = TopicName::new(topic).ok();
        self.write(&Packet::Publish(Publish { delivery, retain, topic, properties, payload }), out);
    }

    pub(crate) fn subscribe(self, id: PacketId, filters: &[(&str, SubscribeOptions)], out: &mut Vec<u8>) {
        let list: Vec<_> =
            filters.iter().filter_map(|(filter, options)| Some((TopicFilter::new(filter).ok()?, *options))).collect();
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

    /// The next words of an exchange, or the first of another one.
    pub(crate) fn auth(self, reason: ReasonCode, proof: &[u8], out: &mut Vec<u8>) {
        let list = said(proof);
        let properties = Properties::new(&list).unwrap_or_default();
        self.write(&Packet::Auth(Auth { reason, properties }), out);
    }

    fn write(self, packet: &Packet<'_>, out: &mut Vec<u8>) {
        packet.encode(self.0, out).expect("a model client says only what its version has");
    }
}

fn said(proof: &[u8]) -> [Property<'_>; 2] {
    [Property::AuthenticationMethod(METHOD), Property::AuthenticationData(proof)]
}

/// The four acknowledgements; bytes of every version.
pub(crate) const PUBACK: fn(PacketId) -> [u8; 4] = Ack::puback;
pub(crate) const PUBREC: fn(PacketId) -> [u8; 4] = Ack::pubrec;
pub(crate) const PUBREL: fn(PacketId) -> [u8; 4] = Ack::pubrel;
pub(crate) const PUBCOMP: fn(PacketId) -> [u8; 4] = Ack::pubcomp;

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

/// The payload of a message: its number, then bytes that follow from it; nothing for one that only removes what is kept.
pub(crate) fn payload(number: u64, length: usize) -> Vec<u8> {
    if length == 0 {
        return Vec::new();
    }
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend((8..length).map(|at| (number as usize).wrapping_add(at) as u8));
    bytes
}

/// The number of a message.
pub(crate) fn number_of(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
