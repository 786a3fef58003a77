//! What a client wants to receive.

use lmq_codec::{PacketId, QoS};

use super::Ctx;
use crate::{clock::SECOND, marks::Mark, options::Options, rng::Rng, wire::Writer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// To be asked for, from then on.
    Wanted(u64),
    Asked(PacketId),
    Active,
    /// UNSUBSCRIBE was sent.
    Leaving(PacketId),
}

#[derive(Debug)]
struct Subscription {
    filter: String,
    qos: QoS,
    stage: Stage,
}

#[derive(Debug)]
pub(super) struct Subscriptions(Vec<Subscription>);

impl Subscriptions {
    pub(super) fn draw(options: &Options, rng: &mut Rng) -> Self {
        let mut filters = vec!["sim/#".to_owned(), "sim/+".to_owned()];
        filters.extend((0..options.topics).map(|topic| format!("sim/{topic}")));
        let count = rng.range(0, 3).min(filters.len() as u64);
        let mut list = Vec::new();
        for _ in 0..count {
            let filter = filters.remove(rng.below(filters.len() as u64) as usize);
            let qos = rng.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce]);
            list.push(Subscription { filter, qos, stage: Stage::Wanted(0) });
        }
        Self(list)
    }

    pub(super) fn filters(&self) -> impl Iterator<Item = (&str, QoS)> {
        self.0.iter().map(|subscription| (&*subscription.filter, subscription.qos))
    }

    /// Asks for what is wanted, all in one packet.
    pub(super) fn act(&mut self, writer: Writer, id: Option<PacketId>, ctx: &mut Ctx<'_>) {
        let Some(id) = id else { return };
        let due = |stage: Stage| matches!(stage, Stage::Wanted(at) if at <= ctx.now);
        let wanted: Vec<(&str, QoS)> =
            self.0.iter().filter(|one| due(one.stage)).map(|one| (&*one.filter, one.qos)).collect();
        if wanted.is_empty() {
            return;
        }
        writer.subscribe(id, &wanted, &mut ctx.out);
        self.0.iter_mut().filter(|one| due(one.stage)).for_each(|one| one.stage = Stage::Asked(id));
    }

    pub(super) fn granted(
        &mut self,
        id: PacketId,
        codes: &[u8],
        client: usize,
        ctx: &mut Ctx<'_>,
    ) -> Result<(), String> {
        let mut asked: Vec<&mut Subscription> = self.0.iter_mut().filter(|one| one.stage == Stage::Asked(id)).collect();
        if asked.len() != codes.len() || asked.is_empty() {
            return Err(format!("SUBACK {id} with {codes:?} for {} filters", asked.len()));
        }
        for (one, code) in asked.iter_mut().zip(codes) {
            if *code != u8::from(one.qos) {
                return Err(format!("SUBACK {id} with {codes:?}"));
            }
            one.stage = Stage::Active;
            ctx.ledger.subscribed(client, Some(&one.filter));
        }
        Ok(())
    }

    /// Gives one up.
    pub(super) fn leave(&mut self, writer: Writer, id: PacketId, client: usize, ctx: &mut Ctx<'_>) {
        let active: Vec<usize> = (0..self.0.len()).filter(|at| self.0[*at].stage == Stage::Active).collect();
        if active.is_empty() {
            return;
        }
        let one = &mut self.0[ctx.rng.pick(&active)];
        one.stage = Stage::Leaving(id);
        ctx.ledger.unsubscribed(client, &one.filter);
        ctx.marks.hit(Mark::Unsubscribed);
        writer.unsubscribe(id, &one.filter, &mut ctx.out);
    }

    /// A while later it is wanted again.
    pub(super) fn removed(&mut self, id: PacketId, now: u64) -> Result<(), String> {
        let Some(one) = self.0.iter_mut().find(|one| one.stage == Stage::Leaving(id)) else {
            return Err(format!("UNSUBACK {id} for nothing"));
        };
        one.stage = Stage::Wanted(now + SECOND);
        Ok(())
    }

    /// The connection ended: what was not answered is asked for again.
    pub(super) fn interrupted(&mut self, persistent: bool) {
        for one in self.0.iter_mut().filter(|one| !(persistent && one.stage == Stage::Active)) {
            one.stage = Stage::Wanted(0);
        }
    }

    /// The session is a new one.
    pub(super) fn forget(&mut self) {
        self.0.iter_mut().for_each(|one| one.stage = Stage::Wanted(0));
    }

    pub(super) fn uses(&self, id: PacketId) -> bool {
        self.0.iter().any(|one| one.stage == Stage::Asked(id) || one.stage == Stage::Leaving(id))
    }

    pub(super) fn next_act(&self) -> Option<u64> {
        let wanted = |one: &Subscription| if let Stage::Wanted(at) = one.stage { Some(at) } else { None };
        self.0.iter().filter_map(wanted).min()
    }

    pub(super) fn unfinished(&self) -> Option<String> {
        let one = self.0.iter().find(|one| one.stage != Stage::Active)?;
        Some(format!("has {} at {:?}", one.filter, one.stage))
    }
}
