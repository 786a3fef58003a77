//! Messages that wait in memory for one session.

use alloc::{boxed::Box, collections::VecDeque, sync::Arc};

use crate::{
    DeliveryOptions, Limits, Message,
    planted::{Bug, planted},
};

/// A message that waits, and how its session gets it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) message: Arc<Message>,
    pub(crate) options: DeliveryOptions,
    /// The shared subscription it comes by.
    pub(crate) share: Option<Arc<str>>,
}

/// Two lines: QoS 0, where the oldest gives way, and QoS 1 and 2, where the newest does. Both share the session's limits.
///
/// One word while nothing waits, which is how most sessions spend their lives.
#[derive(Debug, Default)]
pub(crate) struct MemoryQueue(Option<Box<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    at_most_once: VecDeque<Waiting>,
    confirmed: VecDeque<Waiting>,
    bytes: usize,
}

impl MemoryQueue {
    /// Puts a QoS 0 message in; says how many older ones had to go.
    pub(crate) fn push_at_most_once(&mut self, waiting: Waiting, limits: &Limits) -> u32 {
        let lines = self.0.get_or_insert_default();
        lines.bytes += waiting.message.weight();
        lines.at_most_once.push_back(waiting);
        let mut dropped = 0;
        while lines.over(limits) {
            let Some(oldest) = lines.at_most_once.pop_front() else { break };
            lines.bytes -= oldest.message.weight();
            dropped += 1;
        }
        dropped
    }

    /// Puts a QoS 1 or 2 message in, if there is room once QoS 0 has given way; says how many messages were lost.
    pub(crate) fn push_confirmed(&mut self, waiting: Waiting, limits: &Limits) -> u32 {
        let lines = self.0.get_or_insert_default();
        lines.bytes += waiting.message.weight();
        lines.confirmed.push_back(waiting);
        let mut dropped = 0;
        while lines.over(limits) {
            let oldest = lines.at_most_once.pop_front();
            let given_up = oldest.or_else(|| lines.confirmed.pop_back());
            let Some(given_up) = given_up else { break };
            lines.bytes -= given_up.message.weight();
            dropped += 1;
        }
        dropped
    }

    pub(crate) fn pop_at_most_once(&mut self) -> Option<Waiting> {
        let lines = self.0.as_mut()?;
        let waiting = lines.at_most_once.pop_front()?;
        lines.bytes -= waiting.message.weight();
        if lines.len() == 0 {
            self.0 = None;
        }
        Some(waiting)
    }

    pub(crate) fn pop_confirmed(&mut self) -> Option<Waiting> {
        let lines = self.0.as_mut()?;
        let waiting = lines.confirmed.pop_front()?;
        lines.bytes -= waiting.message.weight();
        if lines.len() == 0 {
            self.0 = None;
        }
        Some(waiting)
    }

    #[inline]
    pub(crate) fn has_at_most_once(&self) -> bool {
        self.0.as_ref().is_some_and(|lines| !lines.at_most_once.is_empty())
    }

    #[inline]
    pub(crate) fn has_confirmed(&self) -> bool {
        self.0.as_ref().is_some_and(|lines| !lines.confirmed.is_empty())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |lines| lines.len())
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |lines| lines.bytes)
    }
}

impl Lines {
    fn len(&self) -> usize {
        self.at_most_once.len() + self.confirmed.len()
    }

    fn over(&self, limits: &Limits) -> bool {
        let many = self.len() > limits.queue_messages_max as usize && !planted(Bug::QueueUnbounded);
        many || self.bytes > limits.queue_bytes_max as usize
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::MessageId;

    fn message(payload: &'static str) -> Waiting {
        let message = Message::new(MessageId(0), "t", Bytes::from_static(payload.as_bytes()));
        Waiting { message: Arc::new(message), options: DeliveryOptions::default(), share: None }
    }

    #[test]
    fn qos_0_drops_the_oldest_and_qos_1_the_newest() {
        let limits = Limits { queue_messages_max: 2, ..Limits::default() };
        let mut queue = MemoryQueue::default();
        assert_eq!(["a", "b", "c"].map(|m| queue.push_at_most_once(message(m), &limits)), [0, 0, 1]);
        assert_eq!(queue.push_confirmed(message("d"), &limits), 1);
        assert_eq!(queue.push_confirmed(message("e"), &limits), 1);
        assert_eq!(queue.push_confirmed(message("f"), &limits), 1);
        assert!(queue.pop_at_most_once().is_none());
        let left = core::iter::from_fn(|| queue.pop_confirmed()).map(|waiting| waiting.message.payload.clone());
        assert_eq!(left.collect::<alloc::vec::Vec<_>>(), ["d", "e"]);
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn bytes_are_limited_too() {
        let limits = Limits { queue_bytes_max: 10, ..Limits::default() };
        let mut queue = MemoryQueue::default();
        assert_eq!(queue.push_at_most_once(message("12345"), &limits), 0);
        assert_eq!(queue.push_at_most_once(message("12345"), &limits), 1);
        assert_eq!(queue.push_at_most_once(message("12345678901"), &limits), 2);
        assert_eq!((queue.len(), queue.bytes()), (0, 0));
    }
}
