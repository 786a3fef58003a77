//! The MQ side: copies of what clients publish go up, messages of back ends come down.

use alloc::{collections::VecDeque, sync::Arc};

use lmq_codec::TopicName;
use lmq_id::P2pTopic;

use super::{
    Shard,
    effects::{Op, Question, Waiter},
    fan::Fan,
    publish::Origin,
};
use crate::{
    InstanceIndex, Message, Now, Output, SourceId,
    planted::{Bug, planted},
    slab::Key,
};

/// Downlink messages of one source whose effects are not all done, in the order of their positions.
#[derive(Debug)]
pub(super) struct Source {
    id: SourceId,
    open: VecDeque<(u64, bool)>,
}

impl Shard {
    /// A message of the MQ side for the clients of every shard: hand it to one shard, in the order of its source.
    ///
    /// It goes to the subscribers of its topic, and is kept if it has RETAIN, or to one client where it is a P2P topic and the
    /// profile knows them. Once it is delivered or stored, and everything of the source before it is, [`Output::Consumed`] says
    /// so. Where its effects failed, [`Output::Rejected`] does: offer the same position again, later. The topic must be a topic
    /// name; one that is not is counted as consumed and dropped, because offering it again would not help, and so is one under a
    /// parent topic that is not there. The shard remembers every position that is offered and not consumed, 16 bytes each: it is
    /// the driver that bounds how far it runs ahead.
    pub fn handle_downlink(&mut self, now: Now, source: SourceId, position: u64, message: &Arc<Message>) {
        self.advance_clock(now);
        let open = &mut self.source(source).open;
        if open.back().is_none_or(|(last, _)| *last < position) {
            open.push_back((position, false));
        }
        if self.line.is_busy() {
            return self.line.add_downlink(source, position, message.clone());
        }
        self.take_downlink(source, position, message);
    }

    pub(super) fn take_downlink(&mut self, source: SourceId, position: u64, message: &Arc<Message>) {
        match self.deliver_downlink(message) {
            Some(op) if !planted(Bug::ConsumedEarly) => {
                if let Some(op) = self.ops.get_mut(op) {
                    op.waiter = Waiter::Source { source, position };
                }
            }
            _ => self.consumed(source, position),
        }
    }

    fn deliver_downlink(&mut self, message: &Arc<Message>) -> Option<Key> {
        let mut fan = Fan::of_message(message, self.settings.limits.shared_payload_bytes_min)?;
        let origin = Origin::of_message(message, true);
        if self.settings.profile.p2p && P2pTopic::has_shape(&message.topic) {
            let (_, target) = P2pTopic::split(&message.topic).ok()?;
            let owner = self.settings.shard_of(message.instance, target.as_str());
            if owner != self.id {
                return self.route_point_to_point(owner, target.as_str(), message);
            }
            let origin = Origin::of_message(message, message.publisher_persistent);
            self.match_client(&origin, target.as_str(), message.qos);
            return self.fan_out(&origin, &mut fan, 0, None);
        }
        let topic = TopicName::new(&message.topic).ok();
        let topic = topic.filter(|_| self.parent_exists(message.instance, &message.topic))?;
        let max = self.settings.limits.deliveries_per_call_max as usize;
        let shards = self.match_topic(message.instance, topic, message.qos, None, max);
        let retain = self.retain(&origin, &mut fan);
        let op = self.fan_out(&origin, &mut fan, shards, None);
        self.wait_for_retained(retain, op, message.qos)
    }

    /// Whether the MQ side gets a copy of what clients of the instance publish.
    #[inline]
    pub(super) fn goes_up(&self, instance: InstanceIndex) -> bool {
        self.settings.instances.get(usize::from(instance.0)).is_some_and(|known| known.uplink)
    }

    /// Sends a copy of a published message up, where the instance wants that; its acknowledgement then waits for the answer.
    pub(super) fn copy_up(&mut self, origin: &Origin, fan: &mut Fan<'_>, op: Option<Key>) -> Option<Key> {
        if !self.goes_up(origin.instance) {
            return op;
        }
        let message = self.message(origin, fan);
        let op = op.unwrap_or_else(|| self.ops.insert(Op::waited_by(Waiter::Nobody)));
        let ticket = if planted(Bug::UplinkNotAwaited) { Question::Unattended } else { Question::Op(op) };
        let ticket = self.ask(ticket);
        self.outputs.push_back(Output::Uplink { ticket, message });
        Some(op)
    }

    /// The effects of a downlink message are done; says how far its source is.
    pub(super) fn consumed(&mut self, source: SourceId, position: u64) {
        let open = &mut self.source(source).open;
        if let Ok(at) = open.binary_search_by_key(&position, |entry| entry.0) {
            open[at].1 = true;
        }
        let mut upto = None;
        while open.front().is_some_and(|entry| entry.1 || planted(Bug::ConsumedOutOfTurn)) {
            upto = open.pop_front().map(|entry| entry.0);
        }
        if let Some(upto) = upto {
            self.outputs.push_back(Output::Consumed { source, upto });
        }
    }

    fn source(&mut self, id: SourceId) -> &mut Source {
        let at = self.sources.iter().position(|source| source.id == id).unwrap_or_else(|| {
            self.sources.push(Source { id, open: VecDeque::new() });
            self.sources.len() - 1
        });
        &mut self.sources[at]
    }
}
