//! A client as the standard wants it: its state survives its connections, it sends again what was not acknowledged, and it keeps
//! the packet ids of what it has received. It also misbehaves in the ways a network makes clients misbehave.

mod auth;
mod exchange;
mod hear;
mod publish;
mod receive;
mod subscriptions;
mod tokens;
mod will;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lmq_codec::{PacketId, QoS, ReasonCode, Version};

use self::{auth::Proof, exchange::Exchanges, subscriptions::Subscriptions, tokens::Papers, will::LastWords};
pub(crate) use self::{
    auth::{answer, words},
    publish::{draw_body, draw_qos},
};
use crate::{
    clock::{MILLI, SECOND},
    ledger::{Ledger, Terms},
    link::{LinkId, Testament},
    marks::{Mark, Marks},
    options::Options,
    rng::Rng,
    violation::{Checker, Violation},
    wire::{Quota, Writer},
};

/// What a client needs of the world while it acts.
pub(crate) struct Ctx<'a> {
    pub(crate) now: u64,
    pub(crate) options: &'a Options,
    pub(crate) rng: &'a mut Rng,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) marks: &'a mut Marks,
    /// Bytes it wants to send.
    pub(crate) out: Vec<u8>,
}

/// What a client wants of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Nothing,
    /// A new connection; the old one, if any, is left to itself.
    Connect,
    /// Its connection to be closed, behind what it sends.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Offline { until: u64 },
    Connecting { since: u64, discards: bool },
    Live,
}

/// How long a client waits for an answer before it gives a connection up.
const PATIENCE: u64 = 12 * SECOND;

/// The first byte of a PUBREC, the only acknowledgement of a message that does not end it.
const PUBREC_BYTE: u8 = 0x50;

pub(crate) struct Client {
    pub(crate) index: usize,
    pub(crate) id: String,
    pub(crate) persistent: bool,
    pub(crate) version: Version,
    pub(crate) link: Option<LinkId>,
    pub(crate) phase: Phase,
    /// When the world wakes it next.
    pub(crate) wake_at: u64,
    /// Received and not yet a whole packet.
    pub(crate) received: Vec<u8>,
    pub(crate) left: u32,
    writer: Writer,
    quota: Quota,
    /// Seconds for which its session outlives a connection, if not for ever.
    pub(crate) expiry_secs: Option<u32>,
    last_words: Option<LastWords>,
    proof: Proof,
    papers: Papers,
    /// Why the broker ends this connection, as it said.
    pub(crate) farewell: Option<ReasonCode>,
    /// The will of its latest CONNECT, and whether that asked for a new session.
    pub(crate) testament: Option<Testament>,
    pub(crate) clean: bool,
    /// What the broker said its topic aliases mean, on this connection.
    aliases: BTreeMap<u16, String>,
    /// Messages of this connection that it has not acknowledged to the end.
    unacknowledged: BTreeSet<[u8; 2]>,
    exchanges: Exchanges,
    subscriptions: Subscriptions,
    /// Packet ids of QoS 2 messages that were taken and not released, with the message.
    inbound: BTreeMap<PacketId, u64>,
    acks: VecDeque<(u64, [u8; 4])>,
    publish_at: u64,
    sent_at: u64,
    pinged_at: Option<u64>,
    pub(crate) silent_until: u64,
    /// So many more connections, one on top of the other.
    pub(crate) storm: u32,
    pub(crate) discard: bool,
    /// A session of this client was confirmed, and nothing may have discarded it since.
    session_known: bool,
    /// Its session was away for too long, and is a new one at the broker.
    expired: bool,
    /// Its session was discarded, and no CONNECT since has made another.
    session_gone: bool,
    /// No connection of this client is left behind in this run.
    never_left_behind: bool,
    others: Vec<String>,
}

impl Client {
    pub(crate) fn new(index: usize, ids: &[String], persistent: bool, options: &Options, rng: &mut Rng) -> Self {
        let version5 = rng.below(100) < u64::from(options.version5_percent);
        let version = if version5 { Version::V5_0 } else { Version::V3_1_1 };
        let proof = Proof::draw(options, version5, rng);
        let papers = Papers::draw(options, proof.is_named(), rng);
        let quota = Quota { messages: rng.pick(&[u16::MAX, 10, 2, 1]), aliases: rng.pick(&[0, 2, 16]) };
        Self {
            index,
            id: ids[index].clone(),
            persistent,
            version,
            link: None,
            phase: Phase::Offline { until: rng.below(SECOND) },
            wake_at: u64::MAX,
            received: Vec::new(),
            left: options.messages,
            writer: Writer(version),
            quota,
            expiry_secs: Some(options.session_expiry_secs).filter(|secs| version5 && persistent && *secs > 0),
            last_words: LastWords::draw(options, rng),
            proof,
            papers,
            farewell: None,
            testament: None,
            clean: false,
            aliases: BTreeMap::new(),
            unacknowledged: BTreeSet::new(),
            exchanges: Exchanges::default(),
            subscriptions: Subscriptions::draw(options, version5, rng),
            inbound: BTreeMap::new(),
            acks: VecDeque::new(),
            publish_at: 0,
            sent_at: 0,
            pinged_at: None,
            silent_until: 0,
            storm: 0,
            discard: false,
            session_known: false,
            expired: false,
            session_gone: false,
            never_left_behind: options.takeover == 0 && options.net.half_open == 0,
            others: ids.to_vec(),
        }
    }

    pub(crate) fn declare(&self, ledger: &mut Ledger) {
        ledger.declare(self.index, None, Terms { qos: QoS::ExactlyOnce, as_published: false });
        for (filter, terms) in self.subscriptions.filters() {
            ledger.declare(self.index, Some(filter), terms);
        }
    }

    /// A new connection is there: say CONNECT.
    pub(crate) fn connect(&mut self, link: LinkId, ctx: &mut Ctx<'_>) {
        self.lose(ctx);
        self.link = Some(link);
        // Tried again until it is answered: only then both sides know that nothing is left.
        let discards = self.persistent && self.discard;
        if discards {
            ctx.ledger.discarded(self.index);
            self.session_known = false;
        }
        self.phase = Phase::Connecting { since: ctx.now, discards };
        self.say_hello(discards || !self.persistent, ctx);
    }

    /// Its session ended in time, and the broker has made a new one: whether the client hears of it or not, it is told by what keeps the
    /// books.
    pub(crate) fn expired(&mut self, ctx: &mut Ctx<'_>) {
        ctx.marks.hits(Mark::SessionExpired, u64::from(self.session_known));
        ctx.ledger.discarded(self.index);
        (self.session_known, self.expired) = (false, true);
    }

    /// The connection is gone.
    pub(crate) fn disconnected(&mut self, ctx: &mut Ctx<'_>) {
        self.lose(ctx);
        self.phase = Phase::Offline { until: ctx.now + ctx.rng.range(10, 800) * MILLI };
    }

    fn lose(&mut self, ctx: &mut Ctx<'_>) {
        // A CONNECT without answer may have made a session.
        self.session_gone &= !matches!(self.phase, Phase::Connecting { .. });
        self.link = None;
        self.received.clear();
        self.acks.clear();
        self.aliases.clear();
        self.unacknowledged.clear();
        self.pinged_at = None;
        self.silent_until = 0;
        self.farewell = None;
        self.proof.reset();
        self.papers.reset();
        self.subscriptions.interrupted(self.persistent);
        ctx.ledger.disconnected(self.index);
        if !self.persistent {
            ctx.ledger.discarded(self.index);
        }
    }

    /// Time has come for something.
    pub(crate) fn wake(&mut self, ctx: &mut Ctx<'_>) -> Wish {
        match self.phase {
            Phase::Offline { until } if until <= ctx.now => Wish::Connect,
            Phase::Offline { .. } => Wish::Nothing,
            Phase::Connecting { since, .. } if since + self.patience() <= ctx.now => Wish::Close,
            Phase::Connecting { discards, .. } => {
                self.speak_if_due(ctx);
                self.upload_if_due(ctx);
                self.storm_on(discards)
            }
            Phase::Live => self.live(ctx),
        }
    }

    /// How long it waits for CONNACK.
    const fn patience(&self) -> u64 {
        if self.proof.waits_longer() { 4 * PATIENCE } else { PATIENCE }
    }

    /// Connects once more on top of the connection that is there.
    fn storm_on(&mut self, discards: bool) -> Wish {
        if self.storm == 0 || discards {
            return Wish::Nothing;
        }
        self.storm -= 1;
        Wish::Connect
    }

    fn live(&mut self, ctx: &mut Ctx<'_>) -> Wish {
        if self.discard {
            return Wish::Close;
        }
        if self.storm > 0 {
            return self.storm_on(false);
        }
        self.acknowledge(ctx);
        if self.silent_until > ctx.now {
            return Wish::Nothing;
        }
        if self.pinged_at.is_some_and(|at| at + PATIENCE <= ctx.now) {
            return Wish::Close;
        }
        let id = self.free_id(ctx.options);
        self.subscriptions.act(self.writer, id, self.index, ctx);
        self.speak_if_due(ctx);
        self.publish(ctx);
        self.ping(ctx);
        Wish::Nothing
    }

    fn acknowledge(&mut self, ctx: &mut Ctx<'_>) {
        while self.acks.front().is_some_and(|(at, _)| *at <= ctx.now) {
            if let Some((_, bytes)) = self.acks.pop_front() {
                ctx.out.extend_from_slice(&bytes);
                if bytes[0] != PUBREC_BYTE {
                    self.unacknowledged.remove(&[bytes[2], bytes[3]]);
                }
                self.sent_at = ctx.now;
            }
        }
    }

    fn ping(&mut self, ctx: &mut Ctx<'_>) {
        if self.pinged_at.is_none() && self.ping_due(ctx.options) <= ctx.now {
            self.writer.ping(&mut ctx.out);
            (self.sent_at, self.pinged_at) = (ctx.now, Some(ctx.now));
        }
    }

    fn ping_due(&self, options: &Options) -> u64 {
        let every = if options.keep_alive_secs == 0 { 5 } else { u64::from(options.keep_alive_secs) };
        self.sent_at + every * SECOND / 2
    }

    /// When it wants to be woken, at the latest.
    pub(crate) fn next_wake(&self, options: &Options, now: u64) -> u64 {
        match self.phase {
            Phase::Offline { until } => until,
            Phase::Connecting { .. } if self.storm > 0 => now + MILLI,
            Phase::Connecting { since, .. } => {
                let acts = [self.proof.next_act(), self.papers.next_act()];
                acts.into_iter().flatten().fold(since + self.patience(), u64::min)
            }
            Phase::Live if self.discard || self.storm > 0 => now,
            Phase::Live => {
                let acks = self.acks.front().map(|(at, _)| *at);
                if self.silent_until > now {
                    return acks.unwrap_or(self.silent_until).min(self.silent_until);
                }
                let ping = self.pinged_at.map_or(self.ping_due(options), |at| at + PATIENCE);
                let publish = (self.left > 0).then_some(self.publish_at.max(now + MILLI));
                let subscribe = self.subscriptions.next_act();
                [acks, publish, subscribe, self.proof.next_act()].into_iter().flatten().fold(ping, u64::min)
            }
        }
    }

    pub(crate) fn unsubscribe_one(&mut self, ctx: &mut Ctx<'_>) {
        if self.phase == Phase::Live {
            if let Some(id) = self.free_id(ctx.options) {
                self.subscriptions.leave(self.writer, id, self.index, ctx);
            }
        }
    }

    /// Asks once more for a subscription that it has.
    pub(crate) fn subscribe_again(&mut self, ctx: &mut Ctx<'_>) {
        if self.phase == Phase::Live {
            if let Some(id) = self.free_id(ctx.options) {
                self.subscriptions.ask_again(self.writer, id, self.index, ctx);
            }
        }
    }

    /// Gives up every subscription; each is wanted again a while later.
    pub(crate) fn unsubscribe_all(&mut self, ctx: &mut Ctx<'_>) {
        (0..self.subscriptions.len()).for_each(|_| self.unsubscribe_one(ctx));
    }

    /// What it still waits for, once nothing new happens.
    pub(crate) fn unfinished(&self) -> Option<String> {
        if self.phase != Phase::Live {
            return Some(format!("is {:?}", self.phase));
        }
        if self.left > 0 {
            return Some(format!("has {} messages to publish", self.left));
        }
        if let Some(what) = self.exchanges.unfinished().or_else(|| self.subscriptions.unfinished()) {
            return Some(what);
        }
        if self.papers.is_waiting() {
            return Some("waits for an answer to its token".into());
        }
        if !self.inbound.is_empty() {
            return Some(format!("waits for PUBREL of {:?}", self.inbound));
        }
        (!self.acks.is_empty()).then(|| "has something to acknowledge".into())
    }

    fn protocol<T>(&self, text: impl Into<String>) -> Result<T, Violation> {
        Err(self.violation(text))
    }

    fn violation(&self, text: impl Into<String>) -> Violation {
        Violation::new(Checker::Protocol, format!("client {} got {}", self.index, text.into()))
    }
}
