//! A message with more subscribers than one call serves: it goes to some sessions after others, in the order of their slots.
//!
//! While one is under way, no other message goes to subscribers of topics, lest it overtakes this one [MQTT-4.6.0-6]: clients that publish,
//! subscribe or unsubscribe are paused, and what comes from elsewhere waits in a line behind it. The sessions are searched for as the
//! message comes to them, so that one that ended or unsubscribed meanwhile gets nothing more.

use alloc::{collections::VecDeque, sync::Arc};

use lmq_codec::{QoS, TopicName};

use super::{
    Shard,
    effects::{Op, Waiter},
    fan::Fan,
    publish::Origin,
};
use crate::{Message, RouteTicket, ShardId, SourceId, conn::PauseCause, slab::Key};

/// Messages under way, in their order. What siblings have here is bounded by their links, what the MQ side has by the driver, and
/// each session has one will.
#[derive(Debug, Default)]
pub(super) struct Line(VecDeque<Waiting>);

#[derive(Debug)]
enum Waiting {
    /// Some sessions have it; only ever the first.
    Begun(Begun),
    Will {
        origin: Origin,
        message: Arc<Message>,
    },
    OfSibling {
        from: ShardId,
        ticket: Option<RouteTicket>,
        message: Arc<Message>,
    },
    Downlink {
        source: SourceId,
        position: u64,
        message: Arc<Message>,
    },
}

#[derive(Debug)]
struct Begun {
    origin: Origin,
    message: Arc<Message>,
    /// Counts this in until the last session has its message.
    op: Option<Key>,
    /// The first slot that was not looked at.
    next: u32,
    /// How many slots to look at next.
    width: u32,
}

impl Line {
    /// Whether a message is under way, or waits.
    #[inline]
    pub(super) fn is_busy(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn add_will(&mut self, origin: Origin, message: Arc<Message>) {
        self.0.push_back(Waiting::Will { origin, message });
    }

    pub(super) fn add_of_sibling(&mut self, from: ShardId, ticket: Option<RouteTicket>, message: Arc<Message>) {
        self.0.push_back(Waiting::OfSibling { from, ticket, message });
    }

    pub(super) fn add_downlink(&mut self, source: SourceId, position: u64, message: Arc<Message>) {
        self.0.push_back(Waiting::Downlink { source, position, message });
    }
}

impl Shard {
    /// Begins with a message that has too many subscribers for one call: siblings get it now, sessions from the next call on.
    /// With QoS 1 or 2 returns an operation that ends behind the last of them.
    pub(super) fn divide(&mut self, origin: &Origin, fan: &mut Fan<'_>, shards: u64) -> Option<Key> {
        let message = self.message(origin, fan);
        let held = Op { waiting: 1, ..Op::waited_by(Waiter::Nobody) };
        let op = (message.qos != QoS::AtMostOnce).then(|| self.ops.insert(held));
        self.route_to(shards, &message, op);
        let width = self.settings.limits.deliveries_per_call_max.max(1);
        self.line.0.push_front(Waiting::Begun(Begun { origin: *origin, message, op, next: 0, width }));
        op
    }

    /// Goes on with what is under way, as far as this call may.
    pub(super) fn go_on(&mut self) {
        while self.deliveries < self.settings.limits.deliveries_per_call_max.max(1) {
            match self.line.0.pop_front() {
                Some(Waiting::Begun(begun)) => self.send_some(begun),
                Some(Waiting::Will { origin, message }) => self.publish_message(&origin, &message),
                Some(Waiting::OfSibling { from, ticket, message }) => self.take_published(from, ticket, &message),
                Some(Waiting::Downlink { source, position, message }) => self.take_downlink(source, position, &message),
                None => break,
            }
        }
        if !self.line.is_busy() {
            for conn in core::mem::take(&mut self.paused_by_work) {
                self.unpause(conn, PauseCause::Work);
            }
        }
    }

    fn publish_message(&mut self, origin: &Origin, message: &Arc<Message>) {
        if let Some(mut fan) = Fan::of_message(message, self.settings.limits.shared_payload_bytes_min) {
            self.publish_fan(origin, &mut fan, None);
        }
    }

    /// Sends a begun message to the sessions in the next slots: to so many as have no more subscriptions than one call serves, but at
    /// least to one.
    fn send_some(&mut self, mut begun: Begun) {
        let max = self.settings.limits.deliveries_per_call_max.max(1);
        let last_slot = self.sessions.slots().saturating_sub(1);
        let to = begun.next.saturating_add(begun.width - 1).min(last_slot);
        let Ok(topic) = TopicName::new(&begun.message.topic) else { return };
        let before = self.deliveries;
        let all = self.match_slots(&begun.origin, topic, &(begun.next..=to), max as usize);
        if !all && begun.width > 1 {
            begun.width = begun.width.div_ceil(2);
            return self.line.0.push_front(Waiting::Begun(begun));
        }
        if !all {
            self.match_slots(&begun.origin, topic, &(begun.next..=to), usize::MAX);
        }
        let is_last = to >= last_slot;
        if is_last {
            self.choose_members(begun.origin.instance, topic, begun.message.qos);
        }
        self.send_part(&begun);
        match (is_last, begun.op) {
            (false, _) => {
                if self.deliveries - before < max / 4 {
                    begun.width = begun.width.saturating_mul(2);
                }
                begun.next = to + 1;
                self.line.0.push_front(Waiting::Begun(begun));
            }
            (true, Some(op)) => self.settle(op, true),
            (true, None) => {}
        }
    }

    /// Sends it to those in the scratch list; its answer waits for what that takes.
    fn send_part(&mut self, begun: &Begun) {
        let Some(mut fan) = Fan::of_message(&begun.message, self.settings.limits.shared_payload_bytes_min) else {
            return;
        };
        let part = self.fan_out(&begun.origin, &mut fan, 0, None);
        self.count_part(part, begun.op);
    }
}
