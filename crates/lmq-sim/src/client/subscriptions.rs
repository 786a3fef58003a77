//! What a client wants to receive.

use lmq_codec::{PacketId, QoS, RetainHandling, SubscribeOptions};

use super::Ctx;
use crate::{
    clock::SECOND,
    ledger::Terms,
    marks::Mark,
    options::{GROUPS, Options},
    rng::Rng,
    wire::Writer,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// To be asked for, from then on.
    Wanted(u64),
    Asked(PacketId),
    Active,
    /// Active, and asked for once more.
    Again(PacketId),
    /// UNSUBSCRIBE was sent.
    Leaving(PacketId),
}

#[derive(Debug)]
struct Subscription {
    filter: String,
    options: SubscribeOptions,
    stage: Stage,
    /// The broker cannot have it.
    fresh: bool,
    /// When the SUBSCRIBE that is not answered was sent, if it must bring what is kept.
    must_bring: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Subscriptions(Vec<Subscription>);

impl Subscriptions {
    pub(super) fn draw(options: &Options, version5: bool, rng: &mut Rng) -> Self {
        let mut filters = vec!["sim/#".to_owned(), "sim/+".to_owned()];
        filters.extend((0..options.topics).map(|topic| format!("sim/{topic}")));
        let features = &options.features;
        let shared = rng.below(100) < u64::from(features.shared_percent);
        let shared = shared.then(|| rng.pick(&GROUPS[..features.groups]).to_owned());
        let alone = shared.is_some() && rng.below(100) >= u64::from(features.shared_mixed_percent);
        let count = if alone { 0 } else { rng.range(0, 3).min(filters.len() as u64) };
        let mut list = Vec::new();
        for _ in 0..count {
            let filter = filters.remove(rng.below(filters.len() as u64) as usize);
            list.push(Subscription::draw(filter, version5 && features.retain > 0, rng));
        }
        list.extend(shared.map(|filter| {
            let mut one = Subscription::draw(filter, false, rng);
            one.options.qos = features.shared_qos.unwrap_or(one.options.qos);
            one
        }));
        Self(list)
    }

    pub(super) fn filters(&self) -> impl Iterator<Item = (&str, Terms)> {
        self.0.iter().map(|one| (&*one.filter, one.terms()))
    }

    /// Asks for what is wanted, all in one packet.
    pub(super) fn act(&mut self, writer: Writer, id: Option<PacketId>, client: usize, ctx: &mut Ctx<'_>) {
        let Some(id) = id else { return };
        let now = ctx.now;
        let due = |stage: Stage| matches!(stage, Stage::Wanted(at) if at <= now);
        let wanted: Vec<(&str, SubscribeOptions)> =
            self.0.iter().filter(|one| due(one.stage)).map(|one| (&*one.filter, one.options)).collect();
        if wanted.is_empty() {
            return;
        }
        writer.subscribe(id, &wanted, &mut ctx.out);
        for one in self.0.iter_mut().filter(|one| due(one.stage)) {
            one.asked(Stage::Asked(id), client, ctx);
        }
    }

    /// Asks once more for one that it has.
    pub(super) fn ask_again(&mut self, writer: Writer, id: PacketId, client: usize, ctx: &mut Ctx<'_>) {
        let Some(at) = self.active(ctx) else { return };
        let one = &mut self.0[at];
        writer.subscribe(id, &[(&one.filter, one.options)], &mut ctx.out);
        ctx.marks.hit(Mark::SubscribedAgain);
        one.asked(Stage::Again(id), client, ctx);
    }

    pub(super) fn granted(
        &mut self,
        id: PacketId,
        codes: &[u8],
        client: usize,
        ctx: &mut Ctx<'_>,
    ) -> Result<(), String> {
        let is_asked = |one: &&mut Subscription| one.stage == Stage::Asked(id) || one.stage == Stage::Again(id);
        let mut asked: Vec<&mut Subscription> = self.0.iter_mut().filter(is_asked).collect();
        if asked.len() != codes.len() || asked.is_empty() {
            return Err(format!("SUBACK {id} with {codes:?} for {} filters", asked.len()));
        }
        for (one, code) in asked.iter_mut().zip(codes) {
            if *code != u8::from(one.options.qos) {
                return Err(format!("SUBACK {id} with {codes:?}"));
            }
            one.stage = Stage::Active;
            ctx.ledger.subscribed(client, Some(&one.filter));
            if let Some(since) = one.must_bring.take() {
                ctx.ledger.claim(client, &one.filter, one.options.qos, since);
            }
        }
        Ok(())
    }

    /// Gives one up.
    pub(super) fn leave(&mut self, writer: Writer, id: PacketId, client: usize, ctx: &mut Ctx<'_>) {
        let Some(at) = self.active(ctx) else { return };
        let one = &mut self.0[at];
        one.stage = Stage::Leaving(id);
        ctx.ledger.unsubscribed(client, &one.filter);
        ctx.marks.hit(Mark::Unsubscribed);
        writer.unsubscribe(id, &one.filter, &mut ctx.out);
    }

    fn active(&self, ctx: &mut Ctx<'_>) -> Option<usize> {
        let active: Vec<usize> = (0..self.0.len()).filter(|at| self.0[*at].stage == Stage::Active).collect();
        (!active.is_empty()).then(|| ctx.rng.pick(&active))
    }

    /// A while later it is wanted again.
    pub(super) fn removed(&mut self, id: PacketId, now: u64) -> Result<(), String> {
        let Some(one) = self.0.iter_mut().find(|one| one.stage == Stage::Leaving(id)) else {
            return Err(format!("UNSUBACK {id} for nothing"));
        };
        (one.stage, one.fresh) = (Stage::Wanted(now + SECOND), true);
        Ok(())
    }

    /// The connection ended: what was not answered is asked for again.
    pub(super) fn interrupted(&mut self, persistent: bool) {
        for one in &mut self.0 {
            let has = persistent && matches!(one.stage, Stage::Active | Stage::Again(_));
            one.stage = if has { Stage::Active } else { Stage::Wanted(0) };
            one.fresh |= !persistent;
            one.must_bring = None;
        }
    }

    /// The session is a new one.
    pub(super) fn forget(&mut self) {
        self.0.iter_mut().for_each(|one| (one.stage, one.fresh) = (Stage::Wanted(0), true));
    }

    pub(super) fn uses(&self, id: PacketId) -> bool {
        let stages = [Stage::Asked(id), Stage::Again(id), Stage::Leaving(id)];
        self.0.iter().any(|one| stages.contains(&one.stage))
    }

    pub(super) fn next_act(&self) -> Option<u64> {
        let wanted = |one: &Subscription| if let Stage::Wanted(at) = one.stage { Some(at) } else { None };
        self.0.iter().filter_map(wanted).min()
    }

    pub(super) fn unfinished(&self) -> Option<String> {
        let one = self.0.iter().find(|one| one.stage != Stage::Active)?;
        Some(format!("has {} at {:?}", one.filter, one.stage))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Subscription {
    fn draw(filter: String, with_options: bool, rng: &mut Rng) -> Self {
        let mut options =
            SubscribeOptions::new(rng.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce]));
        if with_options {
            options.retain_as_published = rng.coin();
            options.retain_handling =
                rng.pick(&[RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend]);
        }
        Self { filter, options, stage: Stage::Wanted(0), fresh: true, must_bring: None }
    }

    const fn terms(&self) -> Terms {
        Terms { qos: self.options.qos, as_published: self.options.retain_as_published }
    }

    /// Its SUBSCRIBE leaves.
    fn asked(&mut self, stage: Stage, client: usize, ctx: &mut Ctx<'_>) {
        self.stage = stage;
        let fresh = std::mem::take(&mut self.fresh);
        let (may, must) = match self.options.retain_handling {
            RetainHandling::Send => (true, true),
            RetainHandling::SendIfNew => (matches!(stage, Stage::Asked(_)), fresh),
            RetainHandling::DoNotSend => (false, false),
        };
        let kept = ctx.options.features.retain > 0 && !self.filter.starts_with("$share/");
        self.must_bring = None;
        if may && kept {
            let since = ctx.ledger.entitle(client, &self.filter);
            self.must_bring = must.then_some(since);
        }
    }
}
