//! How records are written down: numbers big-endian, a message as the MQTT 5.0 PUBLISH packet it would be with QoS 0.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use lmq_broker::{DeliveryOptions, InstanceIndex, Message, MessageId, Subscription, SubscriptionIds, UnixMillis, Will};
use lmq_codec::{
    Delivery, MessageProperties, Packet, Properties, Publish, QoS, RetainHandling, Split, SubscribeOptions,
    SubscriptionId, TopicName, Version, split,
};

use super::fault::Fault;

/// No packet is larger.
const PACKET_BYTES_MAX: u32 = 268_435_460;
const RETAIN: u8 = 1 << 2;
const PERSISTENT: u8 = 1 << 3;
const EXPIRES_AT: u8 = 1 << 4;
const EXPIRY_SECS: u8 = 1 << 5;

/// A session without its subscriptions, queue and exchanges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionRecord {
    /// Under which its rows stand.
    pub(super) number: u64,
    /// How often it was opened.
    pub(super) epoch: u64,
    pub(super) expiry_secs: u32,
    pub(super) expires_at: Option<UnixMillis>,
    pub(super) will_at: Option<UnixMillis>,
    pub(super) will: Option<Arc<Will>>,
}

/// A place in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueueRecord {
    /// Orders all places of an instance by age.
    pub(super) stamp: u64,
    pub(super) message: u128,
    /// What it counts for in bytes.
    pub(super) weight: u32,
    pub(super) options: DeliveryOptions,
    pub(super) expires_at: Option<UnixMillis>,
}

impl SessionRecord {
    pub(super) fn encode(&self) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::with_capacity(37);
        out.put_u64(self.number);
        out.put_u64(self.epoch);
        out.put_u32(self.expiry_secs);
        put_moment(&mut out, self.expires_at);
        put_moment(&mut out, self.will_at);
        if let Some(will) = &self.will {
            put_will(&mut out, will)?;
        }
        Ok(out)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader(bytes);
        let mut record = || {
            let (number, epoch, expiry_secs) = (reader.u64()?, reader.u64()?, reader.u32()?);
            let (expires_at, will_at) = (reader.moment()?, reader.moment()?);
            let will = if reader.0.is_empty() { None } else { Some(Arc::new(reader.will()?)) };
            Some(Self { number, epoch, expiry_secs, expires_at, will_at, will })
        };
        record().ok_or(Fault::Damaged("session"))
    }

    /// The number alone.
    pub(super) fn number_of(bytes: &[u8]) -> Result<u64, Fault> {
        Reader(bytes).u64().ok_or(Fault::Damaged("session"))
    }
}

impl QueueRecord {
    pub(super) fn encode(&self) -> Vec<u8> {
        let ids = self.options.subscription_ids.as_slice();
        let mut out = Vec::with_capacity(37 + 4 * ids.len());
        out.put_u64(self.stamp);
        out.put_u128(self.message);
        out.put_u32(self.weight);
        let expiry = if self.expires_at.is_some() { EXPIRES_AT } else { 0 };
        out.put_u8(u8::from(self.options.qos) | if self.options.retain { RETAIN } else { 0 } | expiry);
        if let Some(at) = self.expires_at {
            out.put_u64(at.value());
        }
        ids.iter().for_each(|id| out.put_u32(id.value()));
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader(bytes);
        let mut record = || {
            let (stamp, message, weight, flags) = (reader.u64()?, reader.u128()?, reader.u32()?, reader.u8()?);
            let expires_at = if flags & EXPIRES_AT != 0 { Some(UnixMillis::new(reader.u64()?)) } else { None };
            let mut ids = Vec::new();
            while !reader.0.is_empty() {
                ids.push(SubscriptionId::new(reader.u32()?)?);
            }
            let qos = QoS::from_bits(flags & 3)?;
            let subscription_ids = SubscriptionIds::from(&ids[..]);
            let options = DeliveryOptions { qos, retain: flags & RETAIN != 0, subscription_ids };
            Some(Self { stamp, message, weight, options, expires_at })
        };
        record().ok_or(Fault::Damaged("place in a queue"))
    }
}

/// A message but for its id and its instance, which its key and its queue know.
pub(super) fn encode_message(message: &Message) -> Result<Vec<u8>, Fault> {
    let Message { topic, payload, qos, retain, properties, expires_at, expiry_secs, .. } = message;
    let publisher = message.publisher.as_bytes();
    let mut out = Vec::with_capacity(32 + publisher.len() + message.weight());
    let mut flags = u8::from(*qos);
    flags |= if *retain { RETAIN } else { 0 };
    flags |= if message.publisher_persistent { PERSISTENT } else { 0 };
    flags |= if expires_at.is_some() { EXPIRES_AT } else { 0 };
    flags |= if expiry_secs.is_some() { EXPIRY_SECS } else { 0 };
    out.put_u8(flags);
    if let Some(at) = expires_at {
        out.put_u64(at.value());
    }
    if let Some(secs) = expiry_secs {
        out.put_u32(*secs);
    }
    // A client id has 65,535 bytes at most, as every text of MQTT.
    out.put_u16(u16::try_from(publisher.len()).map_err(|_| Fault::Damaged("client id"))?);
    out.put_slice(publisher);
    put_publish(&mut out, topic, properties.properties(), payload)?;
    Ok(out)
}

pub(super) fn decode_message(id: u128, instance: InstanceIndex, bytes: &[u8]) -> Result<Message, Fault> {
    let mut reader = Reader(bytes);
    let mut record = || {
        let flags = reader.u8()?;
        let expires_at = if flags & EXPIRES_AT != 0 { Some(UnixMillis::new(reader.u64()?)) } else { None };
        let expiry_secs = if flags & EXPIRY_SECS != 0 { Some(reader.u32()?) } else { None };
        let publisher_len = reader.u16()?;
        let publisher = std::str::from_utf8(reader.take(usize::from(publisher_len))?).ok()?;
        let (topic, properties, payload) = reader.publish()?;
        Some(Message {
            id: MessageId(id),
            instance,
            topic,
            payload,
            qos: QoS::from_bits(flags & 3)?,
            retain: flags & RETAIN != 0,
            properties,
            expires_at,
            expiry_secs,
            publisher_persistent: flags & PERSISTENT != 0,
            publisher: publisher.into(),
        })
    };
    record().ok_or(Fault::Damaged("message"))
}

/// Options of a subscription as a byte like that of SUBSCRIBE, and its identifier, 0 for none.
pub(super) fn encode_subscription(granted: &Subscription) -> (u8, u32) {
    let SubscribeOptions { qos, no_local, retain_as_published, retain_handling } = granted.options;
    let byte =
        u8::from(qos) | u8::from(no_local) << 2 | u8::from(retain_as_published) << 3 | (retain_handling as u8) << 4;
    (byte, granted.id.map_or(0, SubscriptionId::value))
}

pub(super) fn decode_subscription((byte, id): (u8, u32)) -> Result<Subscription, Fault> {
    let damaged = Fault::Damaged("subscription");
    let retain_handling = match byte >> 4 {
        0 => RetainHandling::Send,
        1 => RetainHandling::SendIfNew,
        2 => RetainHandling::DoNotSend,
        _ => return Err(damaged),
    };
    let Some(qos) = QoS::from_bits(byte & 3) else { return Err(damaged) };
    let (no_local, retain_as_published) = (byte & 4 != 0, byte & 8 != 0);
    let options = SubscribeOptions { qos, no_local, retain_as_published, retain_handling };
    Ok(Subscription { options, id: SubscriptionId::new(id) })
}

fn put_moment(out: &mut Vec<u8>, at: Option<UnixMillis>) {
    out.put_u8(u8::from(at.is_some()));
    if let Some(at) = at {
        out.put_u64(at.value());
    }
}

fn put_will(out: &mut Vec<u8>, will: &Will) -> Result<(), Fault> {
    let expiry = if will.expiry_secs.is_some() { EXPIRY_SECS } else { 0 };
    out.put_u8(u8::from(will.qos) | if will.retain { RETAIN } else { 0 } | expiry);
    out.put_u32(will.delay_secs);
    if let Some(secs) = will.expiry_secs {
        out.put_u32(secs);
    }
    put_publish(out, &will.topic, will.properties.properties(), &will.payload)
}

fn put_publish(out: &mut Vec<u8>, topic: &str, properties: Properties<'_>, payload: &[u8]) -> Result<(), Fault> {
    let topic = TopicName::new(topic).map_err(|_| Fault::Damaged("topic"))?;
    let publish = Publish { delivery: Delivery::AtMostOnce, retain: false, topic: Some(topic), properties, payload };
    Packet::Publish(publish).encode(Version::V5_0, out).map_err(|_| Fault::Damaged("properties"))
}

/// What is left of a record.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn u128(&mut self) -> Option<u128> {
        self.array().map(u128::from_be_bytes)
    }

    fn moment(&mut self) -> Option<Option<UnixMillis>> {
        match self.u8()? {
            0 => Some(None),
            1 => Some(Some(UnixMillis::new(self.u64()?))),
            _ => None,
        }
    }

    fn will(&mut self) -> Option<Will> {
        let (flags, delay_secs) = (self.u8()?, self.u32()?);
        let expiry_secs = if flags & EXPIRY_SECS != 0 { Some(self.u32()?) } else { None };
        let (topic, properties, payload) = self.publish()?;
        let qos = QoS::from_bits(flags & 3)?;
        Some(Will { topic, payload, qos, retain: flags & RETAIN != 0, properties, expiry_secs, delay_secs })
    }

    /// The packet that ends a record.
    fn publish(&mut self) -> Option<(Box<str>, MessageProperties, Bytes)> {
        let Ok(Split::Frame { frame, rest: [] }) = split(self.0, PACKET_BYTES_MAX) else { return None };
        let Ok(Packet::Publish(publish)) = Packet::decode(frame, Version::V5_0) else { return None };
        let properties = MessageProperties::of(&publish.properties).ok()?;
        Some((publish.topic?.as_str().into(), properties, Bytes::copy_from_slice(publish.payload)))
    }
}

#[cfg(test)]
mod tests {
    use lmq_codec::{Property, UserProperty};

    use super::*;

    fn properties() -> MessageProperties {
        let list =
            [Property::ContentType("text/plain"), Property::UserProperty(UserProperty { name: "a", value: "b" })];
        MessageProperties::of(&Properties::new(&list).unwrap()).unwrap()
    }

    fn message() -> Message {
        let mut message = Message::new(MessageId(7), "a/b", Bytes::from_static(b"\0payload"));
        message.instance = InstanceIndex(3);
        (message.qos, message.retain, message.publisher_persistent) = (QoS::ExactlyOnce, true, true);
        (message.expires_at, message.expiry_secs) = (Some(UnixMillis::new(u64::MAX)), Some(9));
        (message.properties, message.publisher) = (properties(), "GID_Test@@@1".into());
        message
    }

    #[test]
    fn messages_come_back_as_they_were() {
        for message in [message(), Message::new(MessageId(1), "t", Bytes::new())] {
            let bytes = encode_message(&message).unwrap();
            assert_eq!(decode_message(message.id.0, message.instance, &bytes).unwrap(), message);
        }
    }

    #[test]
    fn sessions_come_back_as_they_were() {
        let will = Will {
            topic: "w".into(),
            payload: Bytes::from_static(b"gone"),
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: properties(),
            expiry_secs: Some(1),
            delay_secs: 2,
        };
        let plain = SessionRecord { number: 1, epoch: 2, expiry_secs: 3, expires_at: None, will_at: None, will: None };
        let full = SessionRecord {
            expires_at: Some(UnixMillis::new(4)),
            will_at: Some(UnixMillis::new(5)),
            will: Some(will.into()),
            ..plain.clone()
        };
        for record in [plain, full] {
            let bytes = record.encode().unwrap();
            assert_eq!(SessionRecord::decode(&bytes).unwrap(), record);
            assert_eq!(SessionRecord::number_of(&bytes).unwrap(), 1);
        }
    }

    #[test]
    fn places_and_subscriptions_come_back_as_they_were() {
        for (ids, expires_at) in [(&[][..], None), (&[1, 268_435_455][..], Some(UnixMillis::new(8)))] {
            let ids: Vec<_> = ids.iter().map(|id| SubscriptionId::new(*id).unwrap()).collect();
            let subscription_ids = SubscriptionIds::from(&ids[..]);
            let options = DeliveryOptions { qos: QoS::ExactlyOnce, retain: true, subscription_ids };
            let record = QueueRecord { stamp: 1, message: 2, weight: 3, options, expires_at };
            assert_eq!(QueueRecord::decode(&record.encode()).unwrap(), record);
        }
        for byte in 0..0x30 {
            if byte & 3 != 3 {
                let granted = decode_subscription((byte, 5)).unwrap();
                assert_eq!(encode_subscription(&granted), (byte, 5));
            }
        }
        assert!(decode_subscription((3, 0)).is_err() && decode_subscription((0x30, 0)).is_err());
    }

    #[test]
    fn what_was_cut_short_is_damaged() {
        let bytes = encode_message(&message()).unwrap();
        for end in 0..bytes.len() {
            assert!(decode_message(7, InstanceIndex(3), &bytes[..end]).is_err(), "{end}");
        }
        let options = DeliveryOptions::new(QoS::AtLeastOnce);
        let place = QueueRecord { stamp: 1, message: 2, weight: 3, options, expires_at: None }.encode();
        assert!(QueueRecord::decode(&place[..place.len() - 1]).is_err());
    }
}
