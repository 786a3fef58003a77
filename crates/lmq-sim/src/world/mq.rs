//! The MQ side: it takes copies of what clients publish, and offers messages of its own.
//!
//! A source offers its positions to one shard, in their order. After a start it offers again what was not consumed.

use std::sync::Arc;

use lmq_broker::{Done, Failed, Message, MessageId, SourceId, Ticket};
use lmq_codec::QoS;

use super::{Event, World};
use crate::{
    client::{Ctx, draw_body, draw_qos},
    clock::MILLI,
    ledger::{Sent, Way},
    marks::Mark,
    violation::{Checker, Violation},
    wire::{number_of, payload},
};

/// Downlink messages of one back end.
#[derive(Debug)]
pub(crate) struct Source {
    /// Under which it is in the ledger.
    publisher: usize,
    /// What it says, by position; the first is 1.
    messages: Vec<u64>,
    /// Messages it will still make.
    left: u32,
    /// All up to this position are consumed.
    consumed: u64,
    /// The last position that this start of the broker was offered.
    offered: u64,
    /// Those it rejected and was not offered again.
    rejected: Vec<u64>,
}

impl Source {
    pub(super) const fn new(publisher: usize, left: u32) -> Self {
        Self { publisher, messages: Vec::new(), left, consumed: 0, offered: 0, rejected: Vec::new() }
    }

    /// Whether everything it has to say was consumed.
    fn is_done(&self) -> bool {
        self.left == 0 && self.consumed == self.messages.len() as u64
    }
}

impl World {
    pub(super) fn plan_downlink(&mut self, source: usize) {
        let delay = self.rng.range(1, 2 * self.options.features.downlink_interval_ms) * MILLI;
        self.clock.after(delay, Event::Downlink(source));
    }

    /// The next message of a source: one that an earlier start was offered, or a new one.
    pub(super) fn downlink(&mut self, at: usize) {
        self.plan_downlink(at);
        if !self.takes_downlinks() {
            return;
        }
        let (position, known) = (self.sources[at].offered + 1, self.sources[at].messages.len() as u64);
        if position <= known {
            self.marks.hit(Mark::OfferedAgain);
            self.offer_again(at, position);
        } else if self.sources[at].left > 0 {
            self.sources[at].left -= 1;
            let number = self.make_downlink(at, None);
            self.sources[at].messages.push(number);
            self.offer(at, position);
        }
        self.sources[at].offered = position.min(self.sources[at].messages.len() as u64);
    }

    /// A driver hands messages over once all sessions are back, and none to a broker that is being stopped.
    fn takes_downlinks(&self) -> bool {
        !self.nodes.is_empty() && self.nodes.iter().all(|node| node.shard.is_ready()) && self.draining_since.is_none()
    }

    fn make_downlink(&mut self, at: usize, wanted: Option<(usize, QoS)>) -> u64 {
        let publisher = self.sources[at].publisher;
        let targets: Vec<String> = self.clients.iter().map(|client| client.id.clone()).collect();
        let mut ctx = Ctx {
            now: self.clock.micros(),
            options: &self.options,
            rng: &mut self.rng,
            ledger: &mut self.ledger,
            marks: &mut self.marks,
            out: Vec::new(),
        };
        let target = ctx.rng.below(targets.len() as u64) as usize;
        let topic = ctx.rng.below(ctx.options.topics as u64);
        let (way, qos) = match wanted {
            Some((topic, qos)) => (Way::Topic(format!("sim/{topic}")), qos),
            None if ctx.rng.per_mille(ctx.options.p2p) => {
                (Way::Client(target, format!("sim/p2p/{}", targets[target])), draw_qos(&mut ctx))
            }
            None => (Way::Topic(format!("sim/{topic}")), draw_qos(&mut ctx)),
        };
        let (retain, length) = draw_body(&way, &mut ctx);
        ctx.ledger.publish(Sent { publisher, way, qos, length, expiry: None, retain })
    }

    fn offer(&mut self, at: usize, position: u64) {
        let number = self.sources[at].messages[position as usize - 1];
        let Some(sent) = self.ledger.sent(number) else { return };
        self.say(|| format!("source {at} offers message {number} at {position}: {sent:?}"));
        let message = Message::new(MessageId(u128::from(number)), sent.way.topic(), payload(number, sent.length));
        let (qos, retain) = (sent.qos, sent.retain);
        let message = Message { qos, retain, publisher_persistent: true, publisher: "mq".into(), ..message };
        let (now, node) = (self.clock.now(), at % self.nodes.len());
        let source = SourceId(at as u32);
        self.nodes[node].shard.handle_downlink(now, source, position, &Arc::new(message));
    }

    fn offer_again(&mut self, at: usize, position: u64) {
        self.sources[at].rejected.retain(|rejected| *rejected != position);
        self.ledger.resend(self.sources[at].messages[position as usize - 1]);
        self.offer(at, position);
    }

    /// Time has come to offer once more what was rejected.
    pub(super) fn reoffer(&mut self, at: usize, position: u64) {
        if self.takes_downlinks() {
            self.offer_again(at, position);
        }
    }

    pub(super) fn on_rejected(&mut self, source: SourceId, position: u64) {
        let at = source.0 as usize;
        self.marks.hit(Mark::Rejected);
        self.say(|| format!("source {at}: {position} is rejected"));
        let Source { consumed, offered, rejected, .. } = &mut self.sources[at];
        if position <= *consumed || position > *offered {
            let text = format!("source {at}: {position} is rejected, {consumed} consumed, {offered} offered");
            return self.fail(Violation::new(Checker::MqSide, text));
        }
        rejected.push(position);
        let delay = self.delay(500);
        self.clock.after(delay, Event::Reoffer { boot: self.boot, source: at, position });
    }

    /// Whatever positions up to this one caused is done.
    pub(super) fn on_consumed(&mut self, source: SourceId, upto: u64) {
        let at = source.0 as usize;
        let Source { consumed, offered, rejected, .. } = &mut self.sources[at];
        let early = rejected.iter().any(|position| *position <= upto);
        if upto <= *consumed || upto > *offered || early {
            let text =
                format!("source {at}: {upto} is consumed, {consumed} were, {offered} offered, {rejected:?} rejected");
            return self.fail(Violation::new(Checker::MqSide, text));
        }
        let newly = *consumed as usize..upto as usize;
        *consumed = upto;
        self.marks.hits(Mark::Consumed, newly.len() as u64);
        let consumed: Vec<u64> = self.sources[at].messages[newly].to_vec();
        for number in consumed {
            // Of QoS 0 nothing is promised.
            if self.ledger.sent(number).is_some_and(|sent| sent.qos != QoS::AtMostOnce) {
                self.note_acked(number);
            }
        }
    }

    /// Another start of the broker knows of no position.
    pub(super) fn rewind_sources(&mut self) {
        for source in &mut self.sources {
            source.offered = source.consumed;
            source.rejected.clear();
        }
    }

    /// One more message of each source to every topic, with every QoS.
    pub(super) fn offer_last(&mut self) {
        for at in 0..self.sources.len() {
            for topic in 0..self.options.topics {
                for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                    let number = self.make_downlink(at, Some((topic, qos)));
                    self.sources[at].messages.push(number);
                    let position = self.sources[at].messages.len() as u64;
                    self.sources[at].offered = position;
                    self.offer(at, position);
                }
            }
        }
    }

    pub(super) fn unconsumed(&self) -> Option<String> {
        let at = self.sources.iter().position(|source| !source.is_done())?;
        Some(format!("source {at} is not consumed: {:?}", self.sources[at]))
    }

    /// A copy goes up.
    pub(super) fn on_uplink(&mut self, node: usize, ticket: Ticket, message: &Message) {
        if self.rng.per_mille(self.options.features.uplink_missing) {
            return self.marks.hit(Mark::UplinkMissing);
        }
        let number = number_of(&message.payload).filter(|_| !self.rng.per_mille(self.options.features.uplink_fail));
        let taken = number.or_else(|| message.payload.is_empty().then_some(0));
        self.marks.hits(Mark::UplinkFailed, u64::from(taken.is_none()));
        let delay = self.delay(self.options.features.uplink_delay_max_ms);
        self.clock.after(delay, Event::Uplinked { boot: self.boot, node, ticket, taken });
    }

    /// The MQ side has a copy, or does not take it.
    pub(super) fn uplinked(&mut self, node: usize, ticket: Ticket, taken: Option<u64>) {
        self.copies.extend(taken);
        let result = taken.map(|_| Done::Stored).ok_or(Failed::Unavailable);
        let now = self.clock.now();
        self.nodes[node].shard.handle_done(now, ticket, result);
    }

    /// A message of a client is acknowledged: the MQ side has its copy.
    pub(super) fn check_copied(&mut self, number: u64) {
        let is_named = self.ledger.sent(number).is_some_and(|sent| sent.length > 0);
        if self.options.uplink && is_named && !self.copies.contains(&number) {
            let text = format!("message {number} was acknowledged and the MQ side never had it");
            self.fail(Violation::new(Checker::MqSide, text));
        }
    }
}
