//! Tokens that a client uploads: on a connection that is there, or to be let in at all.

use lmq_codec::{Delivery, PacketId};
use lmq_id::Access;
use lmq_model::control::{ControlTopic, UploadToken};

use super::{Client, Ctx, Phase, Wish};
use crate::{clock::MILLI, options::Options, rng::Rng, violation::Violation, wire::Words};

/// What a client has to do with tokens.
#[derive(Debug, Default)]
pub(super) struct Papers {
    /// It connects without credentials and uploads a token then.
    legacy: bool,
    /// It has its CONNACK, and is nobody yet.
    greeted: bool,
    /// It uploads its first token then, or never.
    speaks_at: Option<u64>,
    /// An upload of QoS 1 that is not answered.
    waits: Option<PacketId>,
    /// The last token, and how many there were.
    last: Option<(Access, String)>,
    count: u32,
}

impl Papers {
    pub(super) fn draw(options: &Options, named: bool, rng: &mut Rng) -> Self {
        let tokens = &options.features.tokens;
        let legacy = tokens.are_there() && rng.below(100) < u64::from(tokens.legacy_percent) && !named;
        Self { legacy, ..Self::default() }
    }

    /// On a new connection.
    pub(super) fn reset(&mut self) {
        (self.greeted, self.speaks_at, self.waits) = (false, None, None);
    }

    pub(super) const fn next_act(&self) -> Option<u64> {
        self.speaks_at
    }

    pub(super) fn uses(&self, id: PacketId) -> bool {
        self.waits == Some(id)
    }

    pub(super) const fn is_waiting(&self) -> bool {
        self.waits.is_some()
    }

    /// It is let in to upload a token and nothing else.
    pub(super) const fn is_awaiting(&self) -> bool {
        self.greeted
    }
}

impl Client {
    pub(crate) const fn is_legacy(&self) -> bool {
        self.papers.legacy
    }

    /// No upload of it is under way that an acknowledgement would answer.
    pub(crate) const fn waits_for_token(&self) -> bool {
        self.papers.is_waiting()
    }

    /// CONNACK came to a client that gave no credentials.
    pub(super) fn greeted(&mut self, present: bool, ctx: &mut Ctx<'_>) -> Result<Wish, Violation> {
        if present {
            return self.protocol("session present before anybody knows who it is");
        }
        self.papers.greeted = true;
        if ctx.rng.coin() {
            self.writer.ping(&mut ctx.out);
        }
        if !ctx.rng.per_mille(ctx.options.features.tokens.mute) {
            self.papers.speaks_at = Some(ctx.now + ctx.rng.range(0, ctx.options.ack_delay_max_ms) * MILLI);
        }
        Ok(Wish::Nothing)
    }

    pub(super) fn upload_if_due(&mut self, ctx: &mut Ctx<'_>) {
        if self.papers.speaks_at.is_some_and(|at| at <= ctx.now) {
            self.papers.speaks_at = None;
            self.upload(Access::ReadWrite, true, ctx);
        }
    }

    /// Uploads a token on a connection that is there, perhaps the one it has.
    pub(crate) fn upload_token(&mut self, ctx: &mut Ctx<'_>) {
        if self.phase == Phase::Live && !self.papers.is_waiting() {
            let (access, answered) = (ctx.rng.pick(&Access::ALL), ctx.rng.coin());
            self.upload(access, answered, ctx);
        }
    }

    fn upload(&mut self, access: Access, answered: bool, ctx: &mut Ctx<'_>) {
        let Some(link) = self.link else { return };
        let id = if answered { self.free_id(ctx.options) } else { None };
        if answered && id.is_none() {
            return;
        }
        let same = ctx.rng.per_mille(ctx.options.features.tokens.same);
        let last = self.papers.last.take().filter(|_| same && self.phase == Phase::Live);
        self.papers.count += 1;
        let (access, text) = last.unwrap_or_else(|| (access, format!("{}-{}", self.index, self.papers.count)));
        let payload = UploadToken::to_json(&text, access);
        let topic = ControlTopic::UploadToken.as_str();
        let words = Words { topic, payload: payload.as_bytes(), expiry: None, retain: false };
        let delivery = id.map_or(Delivery::AtMostOnce, |id| Delivery::AtLeastOnce { id, dup: false });
        self.writer.publish(&words, delivery, &mut ctx.out);
        ctx.ledger.upload(self.index, link, access, text.clone());
        (self.papers.waits, self.papers.last, self.sent_at) = (id, Some((access, text)), ctx.now);
    }

    /// An upload was accepted: a client that waited for that is in.
    pub(super) fn uploaded(&mut self, ctx: &mut Ctx<'_>) -> Result<Wish, Violation> {
        self.papers.waits = None;
        if !std::mem::take(&mut self.papers.greeted) {
            return Ok(Wish::Nothing);
        }
        // Its CONNACK could not say whether there is a session.
        self.answered(self.session_known, 0, ctx)
    }
}
