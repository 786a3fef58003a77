//! The will a client leaves with each of its connections.

use lmq_codec::QoS;

use super::{Client, Ctx, publish::draw_qos};
use crate::{
    clock::SECOND,
    ledger::{Sent, Way},
    link::Testament,
    marks::Mark,
    options::Options,
    rng::Rng,
    wire::{Hello, Leaving, payload},
};

/// What it wants to be said. Every connection says it with a number of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastWords {
    delay_secs: u32,
    length: usize,
}

impl LastWords {
    pub(super) fn draw(options: &Options, rng: &mut Rng) -> Option<Self> {
        let length = 8 + rng.below(u64::from(options.payload_bytes_max)) as usize;
        let wanted = rng.below(100) < u64::from(options.will_percent);
        wanted.then_some(Self { delay_secs: options.will_delay_secs, length })
    }
}

impl Client {
    /// Says CONNECT.
    pub(super) fn say_hello(&mut self, clean: bool, ctx: &mut Ctx<'_>) {
        self.clean = clean;
        self.testament = None;
        let will = self.last_words.map(|words| self.leave_will(words, clean, ctx));
        let (topic, bytes, qos, retain, delay_secs) = will.unwrap_or_default();
        let will = self.testament.map(|_| Leaving { topic: &topic, payload: &bytes, qos, retain, delay_secs });
        let expiry_secs = self.expiry_secs.unwrap_or(u32::MAX);
        let (keep_alive, proof) = (ctx.options.keep_alive_secs, self.first_words());
        let (client_id, quota, proof) = (&*self.id, self.quota, proof.as_deref());
        self.writer.connect(&Hello { client_id, clean, keep_alive, quota, expiry_secs, will, proof }, &mut ctx.out);
    }

    fn leave_will(&mut self, words: LastWords, clean: bool, ctx: &mut Ctx<'_>) -> (String, Vec<u8>, QoS, bool, u32) {
        let topic = format!("sim/{}", ctx.rng.below(ctx.options.topics as u64));
        let (qos, retain) = (draw_qos(ctx), ctx.rng.per_mille(ctx.options.features.retain));
        let (publisher, way, length) = (self.index, Way::Topic(topic.clone()), words.length);
        let number = ctx.ledger.leave_will(Sent { publisher, way, qos, length, expiry: None, retain });
        // The end of the session ends the delay [MQTT-3.1.2-8].
        let most = if clean { 0 } else { self.expiry_secs.unwrap_or(u32::MAX) };
        let delay_secs = if self.version.has_properties() { words.delay_secs } else { 0 };
        let delay = u64::from(delay_secs.min(most)) * SECOND;
        self.testament = Some(Testament { number, delay });
        (topic, payload(number, length), qos, retain, delay_secs)
    }

    pub(crate) fn say_goodbye(&mut self, ctx: &mut Ctx<'_>) {
        ctx.marks.hit(Mark::Disconnected);
        if self.testament.is_some() && self.version.has_properties() && ctx.rng.coin() {
            ctx.marks.hit(Mark::WillAskedFor);
            return self.writer.disconnect_with_will(&mut ctx.out);
        }
        self.writer.disconnect(&mut ctx.out);
    }
}
