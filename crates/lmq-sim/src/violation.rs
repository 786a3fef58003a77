//! What a checker says.

use std::fmt;

/// Which promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Checker {
    /// A message was acknowledged and is not durable where it must be.
    AckedMeansStored,
    /// A message that was acknowledged never reached a receiver.
    Delivered,
    /// First deliveries were out of order [MQTT-4.6.0-5] [MQTT-4.6.0-6].
    Order,
    /// A QoS 2 message was delivered twice [MQTT-4.3.3-1].
    ExactlyOnce,
    /// A message arrived that was never sent, or not as it was sent.
    Content,
    /// A message carries more than what is left of its time, or comes when nothing is left [MQTT-3.3.2-5] [MQTT-3.3.2-6].
    Expiry,
    /// A will came that must not, or too early [MQTT-3.1.2-8] [MQTT-3.1.2-10] [MQTT-3.1.3-9].
    Will,
    /// The broker sent something that is malformed or out of place.
    Protocol,
    /// A session that was confirmed is gone [MQTT-3.2.2-2], or outlives its expiry [MQTT-3.1.2-23].
    SessionKept,
    /// Two connections of one client id are alive [MQTT-3.1.4-2].
    OneConnection,
    /// Status events of a channel are out of order.
    Status,
    /// A queue, window or outbox is larger than its limit.
    Memory,
    /// A connection was paused for longer than any pause may last.
    StuckPause,
    /// A connection that should have been closed is open.
    Overdue,
    /// A machine wants to be called again and again and never rests.
    Spin,
    /// After everything healed, something does not come to an end.
    Liveness,
    /// After everything came to an end, something is left.
    LeftOver,
    /// What is kept for a topic is not what was published with RETAIN, differs between shards, or does not reach a new subscriber, or
    /// reaches one that did not ask [MQTT-3.3.1-5] to [MQTT-3.3.1-13].
    Retained,
    /// Two members of a shared subscription got one message, and nobody was lost [MQTT-4.8.2-5].
    SharedOnce,
    /// A message was acknowledged and reached no member of a shared subscription.
    SharedLost,
    /// Stored messages came in another order than that of their queue [MQTT-4.6.0-6].
    QueueOrder,
    /// Somebody was let in without a verdict that allows it, or the words of an exchange did not arrive as they were said [MQTT-4.12.0-2].
    Auth,
    /// A client of MQTT 5.0 was not told why its connection ends, or an operator's word was not followed.
    Operator,
    /// The MQ side was told that a position is consumed, or a client that its message is, and it was not so.
    MqSide,
    /// A connection outlives its token, a message its refusal, or a client is somebody before its token is accepted.
    Token,
    /// The broker panicked.
    Panic,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub checker: Checker,
    /// How it was broken.
    pub text: String,
}

impl Violation {
    pub(crate) fn new(checker: Checker, text: impl Into<String>) -> Self {
        Self { checker, text: text.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.checker, self.text)
    }
}
