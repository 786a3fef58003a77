//! Messages of shared subscriptions that one member has and another one may still get.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc};

use lmq_codec::PacketId;

use crate::Message;

/// A message that came by a shared subscription.
#[derive(Debug)]
pub(crate) struct SharedMessage {
    pub(crate) message: Arc<Message>,
    pub(crate) share: Arc<str>,
}

/// QoS 1 messages that live in memory only and were sent to the client, by packet id: if it is lost before PUBACK, they go to another
/// member (section 4.8.2). A QoS 2 message that was sent never does [MQTT-4.8.2-5].
///
/// One word where there are none. The window bounds how many there are.
#[derive(Debug, Default)]
pub(crate) struct Lent(Option<Box<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    messages: BTreeMap<PacketId, SharedMessage>,
    bytes: usize,
}

impl Lent {
    /// Remembers a message until its PUBACK, unless more bytes than the limit would be kept then.
    pub(crate) fn keep(&mut self, id: PacketId, message: SharedMessage, bytes_max: u32) {
        let kept = self.0.get_or_insert_default();
        let weight = message.message.weight();
        if kept.bytes + weight <= bytes_max as usize {
            kept.bytes += weight;
            kept.messages.insert(id, message);
        }
    }

    /// The client has acknowledged the message, with whatever reason code [MQTT-4.8.2-6].
    #[inline]
    pub(crate) fn release(&mut self, id: PacketId) -> Option<SharedMessage> {
        let kept = self.0.as_mut()?;
        let message = kept.messages.remove(&id)?;
        kept.bytes -= message.message.weight();
        if kept.messages.is_empty() {
            self.0 = None;
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MessageId;

    fn shared(payload: &'static [u8]) -> SharedMessage {
        let message = Arc::new(Message::new(MessageId(0), "t", payload));
        SharedMessage { message, share: "$share/g/t".into() }
    }

    #[test]
    fn what_exceeds_the_bytes_is_not_kept_until_something_is_released() {
        let id = |value| PacketId::new(value).unwrap();
        let mut lent = Lent::default();
        for (value, payload) in [(1, &b"123"[..]), (2, b"1234"), (3, b"12")] {
            lent.keep(id(value), shared(payload), 8);
        }
        assert_eq!([1, 2, 3].map(|value| lent.release(id(value)).is_some()), [true, false, true]);
        assert!(lent.0.is_none());
        lent.keep(id(2), shared(b"1234567"), 8);
        assert!(lent.release(id(2)).is_some());
    }
}
