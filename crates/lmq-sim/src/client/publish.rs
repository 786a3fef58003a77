//! Messages that go out.

use lmq_codec::{PacketId, QoS};

use super::{Client, Ctx, Phase};
use crate::{
    clock::MILLI,
    ledger::{Sent, Way},
    marks::Mark,
    options::Options,
};

impl Client {
    pub(super) fn publish(&mut self, ctx: &mut Ctx<'_>) {
        if self.left == 0 || self.publish_at > ctx.now {
            return;
        }
        self.publish_at = ctx.now + ctx.rng.range(1, 2 * ctx.options.interval_ms) * MILLI;
        if self.exchanges.len() >= ctx.options.client_window {
            return;
        }
        self.left -= 1;
        let way = self.way(ctx);
        let qos = draw_qos(ctx);
        let expires = self.version.has_properties() && ctx.rng.per_mille(ctx.options.message_expiry);
        let expiry = expires.then(|| ctx.rng.range(1, 20) as u32);
        self.send(way, qos, expiry, ctx);
    }

    /// Publishes one message to every topic, with every QoS.
    pub(crate) fn publish_last(&mut self, ctx: &mut Ctx<'_>) {
        for topic in 0..ctx.options.topics {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                self.send(Way::Topic(format!("sim/{topic}")), qos, None, ctx);
            }
        }
    }

    /// Publishes one message with RETAIN, while others subscribe.
    pub(crate) fn publish_kept(&mut self, ctx: &mut Ctx<'_>) {
        let topic = ctx.rng.below(ctx.options.topics as u64);
        let (qos, length) = (ctx.rng.pick(&[QoS::AtLeastOnce, QoS::ExactlyOnce]), 8);
        let Some(id) = self.free_id(ctx.options).filter(|_| self.phase == Phase::Live) else { return };
        let (publisher, way) = (self.index, Way::Topic(format!("sim/{topic}")));
        let number = ctx.ledger.publish(Sent { publisher, way, qos, length, expiry: None, retain: true });
        self.sent_at = ctx.now;
        self.exchanges.open(self.writer, id, number, qos, ctx);
    }

    fn send(&mut self, way: Way, qos: QoS, expiry: Option<u32>, ctx: &mut Ctx<'_>) {
        let (retain, length) = draw_body(&way, ctx);
        if length >= ctx.options.limits.shared_payload_bytes_min as usize {
            ctx.marks.hit(Mark::SharedPayload);
        }
        let Some(id) = self.free_id(ctx.options) else { return };
        let number = ctx.ledger.publish(Sent { publisher: self.index, way: way.clone(), qos, length, expiry, retain });
        self.sent_at = ctx.now;
        self.exchanges.open(self.writer, id, number, qos, ctx);
    }

    fn way(&self, ctx: &mut Ctx<'_>) -> Way {
        if ctx.rng.per_mille(ctx.options.p2p) {
            ctx.marks.hit(Mark::PointToPoint);
            let target = ctx.rng.below(self.others.len() as u64) as usize;
            return Way::Client(target, format!("sim/p2p/{}", self.others[target]));
        }
        Way::Topic(format!("sim/{}", ctx.rng.below(ctx.options.topics as u64)))
    }

    pub(super) fn free_id(&mut self, options: &Options) -> Option<PacketId> {
        let (subscriptions, papers) = (&self.subscriptions, &self.papers);
        self.exchanges.free_id(options.packet_ids, |id| subscriptions.uses(id) || papers.uses(id))
    }
}

/// Whether a message has RETAIN, and how long it is: empty, if it removes what is kept.
pub(crate) fn draw_body(way: &Way, ctx: &mut Ctx<'_>) -> (bool, usize) {
    let length = 8 + ctx.rng.below(u64::from(ctx.options.payload_bytes_max)) as usize;
    let features = &ctx.options.features;
    let retain = matches!(way, Way::Topic(_)) && ctx.rng.per_mille(features.retain);
    let clears = retain && ctx.rng.per_mille(features.clear);
    ctx.marks.hits(Mark::Retained, u64::from(retain));
    ctx.marks.hits(Mark::RetainedCleared, u64::from(clears));
    (retain, if clears { 0 } else { length })
}

pub(crate) fn draw_qos(ctx: &mut Ctx<'_>) -> QoS {
    let [zero, one, two] = ctx.options.qos_weights;
    let at = ctx.rng.below(u64::from(zero + one + two)) as u32;
    if at < zero {
        QoS::AtMostOnce
    } else if at < zero + one {
        QoS::AtLeastOnce
    } else {
        QoS::ExactlyOnce
    }
}
