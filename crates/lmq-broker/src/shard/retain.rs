//! Messages with RETAIN on their way to the shard that owns their topic, and who has to wait until they are there.
//!
//! ```text
//!   publisher's shard              owner of the topic                every other shard
//!   PUBLISH ─▶ Retain ───────────▶ SetRetained ─▶ (store)
//!      │                           version, replica ─▶ Retained ───▶ replica
//!      ▼                                                               │
//!   PUBACK ◀──── Done ◀──────────────────────────────────── Done ◀─────┘
//! ```
//!
//! A subscriber gets what was kept before, and what is published after its filter is known everywhere. What was published in
//! between, by a shard that did not know the filter yet, would be in neither: so every shard is asked to say when the messages that it
//! sent to owners until then are kept, and SUBACK waits for that.

use alloc::collections::VecDeque;

use lmq_codec::QoS;

use super::{
    Shard,
    effects::{Op, Waiter},
    fan::Fan,
    publish::Origin,
    siblings::Load,
};
use crate::{
    RouteMessage, RouteTicket, ShardId,
    planted::{Bug, planted},
    slab::Key,
};

/// The messages with RETAIN that this shard took from publishers and that are not kept everywhere yet, by number.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    /// The number of the first one.
    base: u64,
    ended: VecDeque<bool>,
    /// Who waits for all below a number, in ascending order: those that come later keep nobody waiting.
    waiting: VecDeque<(u64, Settled)>,
}

/// Who waits for messages to be kept.
#[derive(Clone, Copy, Debug)]
enum Settled {
    /// A SUBSCRIBE of ours.
    Op(Key),
    Sibling {
        to: ShardId,
        ticket: RouteTicket,
    },
}

impl Outstanding {
    fn begin(&mut self) -> u64 {
        self.ended.push_back(false);
        self.base + self.ended.len() as u64 - 1
    }

    fn end(&mut self, number: u64) {
        if let Some(ended) = self.ended.get_mut(number.wrapping_sub(self.base) as usize) {
            *ended = true;
        }
        while self.ended.front() == Some(&true) {
            self.ended.pop_front();
            self.base += 1;
        }
    }

    /// False if there is nothing to wait for.
    fn wait(&mut self, who: Settled) -> bool {
        if self.ended.is_empty() {
            return false;
        }
        self.waiting.push_back((self.base + self.ended.len() as u64, who));
        true
    }

    /// Somebody who waits no longer.
    fn settled(&mut self) -> Option<Settled> {
        let (below, _) = self.waiting.front()?;
        if *below > self.base {
            return None;
        }
        self.waiting.pop_front().map(|(_, who)| who)
    }
}

impl Shard {
    /// Hands a message with RETAIN to the owner of its topic; returns the operation that ends when it is kept everywhere.
    ///
    /// Before the message itself is stored: a QoS 2 message that the store knows of is not taken a second time, and so must not be
    /// known before what it retains is.
    pub(super) fn retain(&mut self, origin: &Origin, fan: &mut Fan<'_>) -> Option<Key> {
        if !fan.retain || !self.settings.profile.retained_messages {
            return None;
        }
        let message = self.message(origin, fan);
        self.passes_live(origin.instance, fan.topic, message.id);
        let number = self.outstanding.begin();
        let op = self.ops.insert(Op::waited_by(Waiter::Retained { number, publish: None }));
        let owner = self.settings.owner_of_topic(message.instance, &message.topic);
        if owner == self.id {
            self.keep_message(&message, op, true);
        } else {
            let load = Load::of_message(&message);
            let ticket = self.ask_route(owner, Some(op), load);
            self.send(owner, RouteMessage::Retain { ticket, message });
        }
        Some(op)
    }

    /// Lets the answer to a PUBLISH of QoS 1 or 2 wait for what it retains.
    pub(super) fn wait_for_retained(&mut self, retain: Option<Key>, publish: Option<Key>, qos: QoS) -> Option<Key> {
        let Some(retain) = retain.filter(|_| qos != QoS::AtMostOnce && !planted(Bug::AnsweredBeforeKept)) else {
            return publish;
        };
        let publish = publish.unwrap_or_else(|| self.ops.insert(Op::waited_by(Waiter::Nobody)));
        if let Some(op) = self.ops.get_mut(publish) {
            op.waiting += 1;
        }
        if let Some(Waiter::Retained { publish: part_of, .. }) = self.ops.get_mut(retain).map(|op| &mut op.waiter) {
            *part_of = Some(publish);
        }
        Some(publish)
    }

    /// A message is kept everywhere, or will not be.
    pub(super) fn retained_ended(&mut self, number: u64) {
        self.outstanding.end(number);
        while let Some(who) = self.outstanding.settled() {
            match who {
                Settled::Op(op) => {
                    if let Some(ended) = self.settle_part(op, true) {
                        self.tell(op, ended.waiter, !ended.failed);
                    }
                }
                Settled::Sibling { to, ticket } => self.done(to, Some(ticket), Load::default()),
            }
        }
    }

    /// An operation waits until every shard's messages that are on their way to their owners are kept.
    pub(super) fn await_retained(&mut self, op: Key) {
        if self.outstanding.wait(Settled::Op(op)) {
            if let Some(op) = self.ops.get_mut(op) {
                op.waiting += 1;
            }
        }
        self.tell_siblings(|shard, to| {
            let load = Load { messages: 1, bytes: 0 };
            RouteMessage::Settle { ticket: shard.ask_route(to, Some(op), load) }
        });
    }

    /// A sibling asks the same of us.
    pub(super) fn settle_for(&mut self, to: ShardId, ticket: RouteTicket) {
        if !self.outstanding.wait(Settled::Sibling { to, ticket }) {
            self.done(to, Some(ticket), Load::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(slot: u32) -> Settled {
        Settled::Op(Key { slot, generation: 0 })
    }

    fn settled(outstanding: &mut Outstanding) -> alloc::vec::Vec<u32> {
        core::iter::from_fn(|| outstanding.settled())
            .map(|who| match who {
                Settled::Op(key) => key.slot,
                Settled::Sibling { .. } => u32::MAX,
            })
            .collect()
    }

    #[test]
    fn who_waits_is_let_go_by_what_was_there_before_and_by_nothing_else() {
        let mut outstanding = Outstanding::default();
        assert!(!outstanding.wait(op(0)));
        let first = outstanding.begin();
        let second = outstanding.begin();
        assert!(outstanding.wait(op(1)));
        let third = outstanding.begin();
        assert!(outstanding.wait(op(2)));
        outstanding.end(second);
        assert!(settled(&mut outstanding).is_empty());
        outstanding.end(first);
        // The third goes on.
        assert_eq!(settled(&mut outstanding), [1]);
        outstanding.end(third);
        assert_eq!(settled(&mut outstanding), [2]);
        assert!(!outstanding.wait(op(3)) && outstanding.begin() == 3);
    }
}
