use alloc::{boxed::Box, sync::Arc};

use bytes::Bytes;
use lmq_codec::QoS;

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
    /// The publisher's session outlives its connection; decides whether a P2P message may wait for its target.
    pub publisher_persistent: bool,
    /// The client id of the publisher.
    pub publisher: Arc<str>,
}

/// The identity of a message: 64 random bits of the start, 16 bits of the shard, 48 bits that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u128);

impl Message {
    /// What the message counts for in limits, in bytes.
    pub fn weight(&self) -> usize {
        self.topic.len() + self.payload.len()
    }
}
