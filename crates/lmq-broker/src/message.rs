use alloc::{boxed::Box, sync::Arc};

use bytes::Bytes;
use lmq_codec::{MessageProperties, QoS};
use lmq_model::UnixMillis;

use crate::settings::InstanceIndex;

/// An application message that lives longer than the call that brought it: queued, stored, or sent to a sibling shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Unique among all messages of all shards and starts.
    pub id: MessageId,
    /// The instance it was published in.
    pub instance: InstanceIndex,
    /// The topic as published.
    pub topic: Box<str>,
    /// The payload.
    pub payload: Bytes,
    /// The QoS it was published with.
    pub qos: QoS,
    /// It was published with RETAIN.
    pub retain: bool,
    /// What stays with it from publisher to subscriber; empty before MQTT 5.0.
    pub properties: MessageProperties,
    /// When it is worth nothing any more, by the wall clock; `None`: never.
    pub expires_at: Option<UnixMillis>,
    /// How many seconds it was given; no subscriber is told more, whatever the wall clock does.
    pub expiry_secs: Option<u32>,
    /// The publisher's session outlives its connection; decides whether a P2P message may wait for its target.
    pub publisher_persistent: bool,
    /// The client id of the publisher.
    pub publisher: Arc<str>,
}

/// The identity of a message: 64 random bits of the start, 16 bits of the shard, 48 bits that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u128);

impl Message {
    /// A message of the default instance with QoS 1 that expires never, without publisher and properties; set what differs.
    pub fn new(id: MessageId, topic: impl Into<Box<str>>, payload: impl Into<Bytes>) -> Self {
        Self {
            id,
            instance: InstanceIndex::default(),
            topic: topic.into(),
            payload: payload.into(),
            qos: QoS::AtLeastOnce,
            retain: false,
            properties: MessageProperties::EMPTY,
            expires_at: None,
            expiry_secs: None,
            publisher_persistent: false,
            publisher: Arc::default(),
        }
    }

    /// What the message counts for in limits, in bytes.
    pub fn weight(&self) -> usize {
        self.topic.len() + self.properties.encoded_len() + self.payload.len()
    }

    /// Whether its time is over.
    pub fn is_expired(&self, wall: UnixMillis) -> bool {
        self.expires_at.is_some_and(|at| at <= wall)
    }
}
