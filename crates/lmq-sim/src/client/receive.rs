//! Messages that come in: what their aliases mean, how many there may be, and their acknowledgements.

use lmq_codec::{PacketId, QoS};

use super::{Client, Ctx};
use crate::{
    clock::MILLI,
    ledger::Arrival,
    marks::Mark,
    violation::Violation,
    wire::{PUBACK, PUBREC},
};

impl Client {
    /// An alias means what it was said to mean, on this connection [MQTT-3.3.2-8].
    pub(super) fn topic(&mut self, topic: String, alias: Option<u16>) -> Result<String, Violation> {
        let Some(alias) = alias else { return Ok(topic) };
        if alias > self.quota.aliases {
            return self.protocol(format!("topic alias {alias}"));
        }
        if !topic.is_empty() {
            self.aliases.insert(alias, topic.clone());
            return Ok(topic);
        }
        let known = self.aliases.get(&alias).cloned();
        known.ok_or_else(|| self.violation(format!("topic alias {alias}, which means nothing")))
    }

    /// No more messages at once than it takes [MQTT-3.3.4-9].
    pub(super) fn count_in(&mut self, id: Option<PacketId>) -> Result<(), Violation> {
        self.unacknowledged.extend(id.map(|id| id.value().to_be_bytes()));
        let most = if self.version.has_properties() { self.quota.messages } else { u16::MAX };
        if self.unacknowledged.len() > usize::from(most) {
            return self.protocol(format!("{} messages at once, it takes {most}", self.unacknowledged.len()));
        }
        Ok(())
    }

    pub(super) fn take(&mut self, arrival: Arrival, id: Option<PacketId>, ctx: &mut Ctx<'_>) -> Result<(), Violation> {
        let dup = arrival.dup;
        let counted = arrival.expiry.zip(arrival.number).is_some_and(|(left, number)| {
            ctx.ledger.sent(number).and_then(|sent| sent.expiry).is_some_and(|given| left < given)
        });
        ctx.marks.hits(Mark::TimeCounted, u64::from(counted));
        let is_will = arrival.number.is_some_and(|number| number > 0 && ctx.ledger.is_will(number));
        ctx.marks.hits(Mark::Will, u64::from(is_will));
        if dup {
            ctx.marks.hit(Mark::Redelivered);
        }
        let Some(id) = id else { return ctx.ledger.delivered(&arrival) };
        if arrival.qos == QoS::AtLeastOnce {
            ctx.ledger.delivered(&arrival)?;
            self.answer(PUBACK(id), ctx);
            return Ok(());
        }
        // One without payload has no number.
        match (self.inbound.get(&id), arrival.number.unwrap_or(0)) {
            (Some(held), number) if *held != number => {
                return Err(self.violation(format!("message {number} under packet id {id} of message {held}")));
            }
            (Some(_), _) if !dup => return Err(self.violation(format!("packet id {id} again without DUP"))),
            (Some(_), _) => ctx.marks.hit(Mark::TwiceSentOnceTaken),
            (None, number) => {
                ctx.ledger.delivered(&arrival)?;
                self.inbound.insert(id, number);
            }
        }
        self.answer(PUBREC(id), ctx);
        Ok(())
    }

    /// Acknowledgements keep their order, however long the client waits with them [MQTT-4.6.0-2].
    pub(super) fn answer(&mut self, bytes: [u8; 4], ctx: &mut Ctx<'_>) {
        let wanted = ctx.now + ctx.rng.range(0, ctx.options.ack_delay_max_ms) * MILLI;
        let at = self.acks.back().map_or(wanted, |(last, _)| wanted.max(*last));
        self.acks.push_back((at, bytes));
        self.acknowledge(ctx);
    }
}
