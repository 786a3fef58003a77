use alloc::boxed::Box;

use bytes::Bytes;
use lmq_codec::{MessageProperties, QoS};

/// The message that is published for a client whose connection ends without DISCONNECT [MQTT-3.1.2-8].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Where it goes.
    pub topic: Box<str>,
    /// What it says.
    pub payload: Bytes,
    /// With which QoS it goes.
    pub qos: QoS,
    /// Whether it is kept for later subscribers.
    pub retain: bool,
    /// What stays with it; MQTT 5.0.
    pub properties: MessageProperties,
    /// Seconds from its publication until it is worth nothing; MQTT 5.0.
    pub expiry_secs: Option<u32>,
    /// Seconds between the end of the connection and its publication, which the end of the session cuts short; MQTT 5.0.
    pub delay_secs: u32,
}
