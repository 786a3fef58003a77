//! What a client has sent and the broker has not acknowledged to the end.

use lmq_codec::{Delivery, PacketId, QoS};

use super::Ctx;
use crate::{
    ledger::Way,
    marks::Mark,
    wire::{PUBREL, Writer, payload},
};

#[derive(Debug)]
struct Exchange {
    id: PacketId,
    number: u64,
    way: Way,
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
    #[expect(clippy::too_many_arguments, reason = "a message and where its bytes go")]
    pub(super) fn open(
        &mut self,
        writer: Writer,
        id: PacketId,
        number: u64,
        way: Way,
        qos: QoS,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) {
        writer.publish(way.topic(), bytes, delivery(qos, id, false), out);
        if qos != QoS::AtMostOnce {
            self.open.push(Exchange { id, number, way, qos, released: false });
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
            let bytes = payload(exchange.number, ctx.ledger.length(exchange.number));
            writer.publish(exchange.way.topic(), &bytes, delivery(exchange.qos, exchange.id, true), &mut ctx.out);
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

fn delivery(qos: QoS, id: PacketId, dup: bool) -> Delivery {
    match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id, dup },
    }
}
