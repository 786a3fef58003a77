//! How a client proves who it is by an authentication method of MQTT 5.0.
//!
//! Its words are numbered, and so are the answers: both sides know what must arrive.

use lmq_codec::ReasonCode;

use super::{Client, Ctx, Phase};
use crate::{clock::MILLI, marks::Mark, options::Options, rng::Rng, violation::Violation};

/// Where a client's exchange stands, on this connection.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// It names a method.
    named: bool,
    /// How often it has spoken.
    said: u8,
    /// The broker's turn.
    waits: bool,
    /// Its own turn: it speaks then, or never.
    speaks_at: Option<u64>,
    /// It will never speak again.
    mute: bool,
    /// An exchange on a live connection is not over.
    open: bool,
}

/// What a client says when it speaks for the `step`th time on a connection.
pub(crate) fn words(client: usize, step: u8) -> Vec<u8> {
    vec![client as u8, step]
}

/// What the authenticator answers.
pub(crate) fn answer(client: usize, step: u8) -> Vec<u8> {
    vec![client as u8, step, 0xaa]
}

impl Proof {
    pub(super) fn draw(options: &Options, version5: bool, rng: &mut Rng) -> Self {
        let named = rng.below(100) < u64::from(options.features.auth_percent) && version5;
        Self { named, ..Self::default() }
    }

    pub(super) const fn is_named(&self) -> bool {
        self.named
    }

    pub(super) fn reset(&mut self) {
        *self = Self { named: self.named, ..Self::default() };
    }

    /// Who says nothing more wants to see what the broker does.
    pub(super) const fn waits_longer(&self) -> bool {
        self.mute
    }

    pub(super) fn next_act(&self) -> Option<u64> {
        self.speaks_at
    }
}

impl Client {
    /// The first words, in CONNECT.
    pub(super) fn first_words(&mut self) -> Option<Vec<u8>> {
        self.proof.named.then(|| {
            (self.proof.said, self.proof.waits) = (1, true);
            words(self.index, 1)
        })
    }

    /// Proves once more who it is, on a live connection.
    pub(crate) fn prove_again(&mut self, ctx: &mut Ctx<'_>) {
        if self.phase == Phase::Live && self.proof.named && !self.proof.open {
            ctx.marks.hit(Mark::ProvedAgain);
            self.proof.open = true;
            self.speak(ReasonCode::ReAuthenticate, ctx);
        }
    }

    pub(super) fn speak_if_due(&mut self, ctx: &mut Ctx<'_>) {
        if self.proof.speaks_at.is_some_and(|at| at <= ctx.now) {
            self.speak(ReasonCode::ContinueAuthentication, ctx);
        }
    }

    fn speak(&mut self, reason: ReasonCode, ctx: &mut Ctx<'_>) {
        let proof = &mut self.proof;
        (proof.said, proof.waits, proof.speaks_at) = (proof.said.wrapping_add(1), true, None);
        self.writer.auth(reason, &words(self.index, proof.said), &mut ctx.out);
        self.sent_at = ctx.now;
    }

    /// AUTH came.
    pub(super) fn hear_auth(
        &mut self,
        code: ReasonCode,
        proof: Option<&[u8]>,
        ctx: &mut Ctx<'_>,
    ) -> Result<(), Violation> {
        self.check_words(proof)?;
        let in_turn = match code {
            ReasonCode::ContinueAuthentication => true,
            _ => code == ReasonCode::Success && self.phase == Phase::Live && self.proof.open,
        };
        if !in_turn {
            return self.protocol(format!("AUTH {code} out of its turn"));
        }
        if code == ReasonCode::Success {
            ctx.marks.hit(Mark::ReproofTaken);
            self.proof.open = false;
            return Ok(());
        }
        ctx.marks.hit(Mark::AskedForMore);
        if ctx.rng.per_mille(ctx.options.features.auth_mute) {
            ctx.marks.hit(Mark::MuteInExchange);
            self.proof.mute = true;
            return Ok(());
        }
        self.proof.speaks_at = Some(ctx.now + ctx.rng.range(0, ctx.options.ack_delay_max_ms) * MILLI);
        Ok(())
    }

    /// The last words of the authenticator, in CONNACK or AUTH, and those in between: they are for what was said last.
    pub(super) fn check_words(&mut self, proof: Option<&[u8]>) -> Result<(), Violation> {
        let waited = std::mem::take(&mut self.proof.waits);
        let wanted = self.proof.named.then(|| answer(self.index, self.proof.said));
        if proof == wanted.as_deref() && (waited || !self.proof.named) {
            return Ok(());
        }
        self.protocol(format!("{proof:?} in an exchange, wanted {wanted:?}"))
    }
}
