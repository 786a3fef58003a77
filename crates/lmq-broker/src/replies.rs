//! Answers to the packets of one connection, in the order of the packets [MQTT-4.6.0-2] [MQTT-4.6.0-3].

use crate::planted::{Bug, planted};
use alloc::{boxed::Box, collections::VecDeque};

use lmq_codec::{PacketId, ReasonCode};

use crate::session::Replay;

/// What a packet is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    PubAck(PacketId, ReasonCode),
    PubRec(PacketId, ReasonCode),
    PubComp(PacketId, ReasonCode),
    /// With the retained messages that follow it, by filter.
    SubAck(PacketId, Box<[ReasonCode]>, Box<[(Box<str>, Replay)]>),
    UnsubAck(PacketId, Box<[ReasonCode]>),
}

/// Names a reply of a connection that is not ready yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplyId(u32);

#[derive(Debug, Default)]
pub(crate) struct Replies {
    waiting: VecDeque<(Answer, bool)>,
    /// How many replies have left.
    left: u32,
}

impl Replies {
    /// Puts an answer that waits for effects at the end.
    pub(crate) fn wait(&mut self, answer: Answer) -> ReplyId {
        self.waiting.push_back((answer, false));
        ReplyId(self.left.wrapping_add(self.waiting.len() as u32 - 1))
    }

    /// Puts an answer at the end that waits only for those before it.
    pub(crate) fn follow(&mut self, answer: Answer) {
        self.waiting.push_back((answer, true));
    }

    /// The effects of a reply are done.
    pub(crate) fn ready(&mut self, id: ReplyId) {
        let at = id.0.wrapping_sub(self.left) as usize;
        if let Some((_, ready)) = self.waiting.get_mut(at) {
            *ready = true;
        }
    }

    /// The next answer that may leave.
    pub(crate) fn pop(&mut self) -> Option<Answer> {
        let (_, ready) = self.waiting.front()?;
        if !ready && !planted(Bug::AnswerUnready) {
            return None;
        }
        self.left = self.left.wrapping_add(1);
        let (answer, _) = self.waiting.pop_front()?;
        Some(answer)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_leave_in_order_however_their_effects_end() {
        let id = |value| PacketId::new(value).unwrap();
        let mut replies = Replies::default();
        let ok = ReasonCode::Success;
        let first = replies.wait(Answer::PubAck(id(1), ok));
        let second = replies.wait(Answer::PubRec(id(2), ok));
        replies.follow(Answer::PubAck(id(3), ok));
        replies.ready(second);
        assert_eq!(replies.pop(), None);
        replies.ready(first);
        let left = core::iter::from_fn(|| replies.pop());
        assert_eq!(
            left.collect::<alloc::vec::Vec<_>>(),
            [Answer::PubAck(id(1), ok), Answer::PubRec(id(2), ok), Answer::PubAck(id(3), ok)]
        );
        let fourth = replies.wait(Answer::PubComp(id(4), ok));
        replies.ready(fourth);
        assert_eq!(replies.pop(), Some(Answer::PubComp(id(4), ok)));
    }
}
