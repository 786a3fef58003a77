//! What a client has sent and the broker has not acknowledged to the end.

use lmq_codec::{Delivery, PacketId, QoS};

use super::Ctx;
use crate::{
    marks::Mark,
    wire::{PUBREL, Words, Writer, payload},
};

#[derive(Debug)]
struct Exchange {
    id: PacketId,
    number: u64,
    qos: QoS,
    /// PUBREC came.
    released: bool,
}

/// In the order the messages were sent first.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    open: Vec<Exchange>,
    last_id: u16,
}

impl Exchanges {
    /// Sends a message for the first time.
    pub(super) fn open(&mut self, writer: Writer, id: PacketId, number: u64, qos: QoS, ctx: &mut Ctx<'_>) {
        publish(writer, number, delivery(qos, id, false), ctx);
        if qos != QoS::AtMostOnce {
            self.open.push(Exchange { id, number, qos, released: false });
        }
    }

    /// On a new connection of the same session [MQTT-4.4.0-1].
    pub(super) fn send_again(&mut self, writer: Writer, ctx: &mut Ctx<'_>) {
        for exchange in &self.open {
            if exchange.released {
                ctx.marks.hit(Mark::ReleasedAgain);
                ctx.out.extend_from_slice(&PUBREL(exchange.id));
                continue;
            }
            ctx.marks.hit(Mark::Resent);
            ctx.ledger.resend(exchange.number);
            let delivery = delivery(exchange.qos, exchange.id, true);
            publish(writer, exchange.number, delivery, ctx);
        }
    }

    pub(super) fn puback(&mut self, id: PacketId) -> Option<u64> {
        let at = self.open.iter().position(|open| open.id == id && open.qos == QoS::AtLeastOnce)?;
        Some(self.open.remove(at).number)
    }

    pub(super) fn pubrec(&mut self, id: PacketId, out: &mut Vec<u8>) -> Option<()> {
        let exchange = self.open.iter_mut().find(|open| open.id == id && open.qos == QoS::ExactlyOnce)?;
        if std::mem::replace(&mut exchange.released, true) {
            return None;
        }
        out.extend_from_slice(&PUBREL(id));
        Some(())
    }

    pub(super) fn pubcomp(&mut self, id: PacketId) -> bool {
        let at = self.open.iter().position(|open| open.id == id && open.released);
        at.map(|at| self.open.remove(at)).is_some()
    }

    /// The session is a new one: nothing is sent again.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }

    pub(super) fn number(&self, id: PacketId) -> Option<u64> {
        self.open.iter().find(|open| open.id == id).map(|open| open.number)
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// The next packet id that nothing uses, out of `count`.
    pub(super) fn free_id(&mut self, count: u16, used: impl Fn(PacketId) -> bool) -> Option<PacketId> {
        for _ in 0..count {
            self.last_id = if self.last_id >= count { 1 } else { self.last_id + 1 };
            let id = PacketId::new(self.last_id)?;
            if self.number(id).is_none() && !used(id) {
                return Some(id);
            }
        }
        None
    }

    pub(super) fn unfinished(&self) -> Option<String> {
        self.open.first().map(|open| format!("waits for an answer to message {} under {}", open.number, open.id))
    }
}

fn publish(writer: Writer, number: u64, delivery: Delivery, ctx: &mut Ctx<'_>) {
    let Some(sent) = ctx.ledger.sent(number) else { return };
    let payload = payload(number, sent.length);
    let words = Words { topic: sent.way.topic(), payload: &payload, expiry: sent.expiry, retain: sent.retain };
    writer.publish(&words, delivery, &mut ctx.out);
}

fn delivery(qos: QoS, id: PacketId, dup: bool) -> Delivery {
    match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id, dup },
    }
}
