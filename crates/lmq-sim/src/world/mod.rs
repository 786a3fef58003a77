//! The world: machines, links, stores and clients on one clock.
//!
//! [`machines`] carries out what the machines want, [`network`] moves bytes, [`authenticator`] lets clients in, [`mq`] is the MQ side,
//! [`operator`] who closes and stops, [`orders`] what they want of many, [`faults`] is what goes wrong, [`absence`] knows when sessions may and must have ended, [`checks`] looks
//! at the whole after every step and [`kept`] at retained messages in the end. [`tokens`] are rights that
//! end, [`setup`] makes the settings of a run.

mod absence;
mod authenticator;
mod checks;
mod faults;
mod kept;
mod machines;
mod mq;
mod network;
mod operator;
mod orders;
mod setup;
mod tokens;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use lmq_broker::{ClientKey, Front, InstanceIndex, RouteMessage, Settings, Shard, ShardId, Ticket, Verdict};

use self::{
    absence::Absence,
    mq::Source,
    setup::{client_id, settings},
    tokens::Tokens,
};
pub(crate) use self::{authenticator::Dossier, tokens::Held};
use crate::{
    client::{Client, Ctx, Wish},
    clock::{Clock, MILLI, SECOND},
    ledger::{Ledger, Rules},
    link::{Link, LinkId},
    marks::Marks,
    options::Options,
    rng::Rng,
    status::StatusBook,
    store::{Batch, FaultyStore},
    trace::Trace,
    violation::{Checker, Violation},
};

#[derive(Debug)]
pub(crate) enum Event {
    Accept(LinkId),
    Up(LinkId, Vec<u8>),
    UpEnd(LinkId),
    Down(LinkId, Vec<u8>),
    DownEnd(LinkId),
    Writable(LinkId),
    ReadMore(LinkId),
    Linger(LinkId),
    Verdict {
        boot: u32,
        node: usize,
        ticket: Ticket,
        link: LinkId,
        verdict: Verdict,
        /// The upload it is about, in the books.
        upload: Option<usize>,
    },
    Sync {
        boot: u32,
        node: usize,
    },
    Answers {
        boot: u32,
        node: usize,
        batch: Batch,
    },
    Effect {
        boot: u32,
        node: usize,
        ticket: Ticket,
    },
    Route {
        boot: u32,
        from: ShardId,
        to: ShardId,
        message: RouteMessage,
    },
    Timer {
        boot: u32,
        node: usize,
    },
    Wake(usize),
    /// A source of the MQ side has something to say.
    Downlink(usize),
    Reoffer {
        boot: u32,
        source: usize,
        position: u64,
    },
    /// The MQ side has a copy of this message, or does not take it.
    Uplinked {
        boot: u32,
        node: usize,
        ticket: Ticket,
        taken: Option<u64>,
    },
    /// A client publishes with RETAIN, while others subscribe.
    PublishKept(usize),
    /// Faults are rolled.
    Tick,
    /// The broker starts.
    Boot,
}

pub(crate) struct Node {
    front: Front,
    shard: Shard,
    /// When its next timer event is.
    timer_at: u64,
}

pub(crate) struct World {
    pub(crate) options: Options,
    seed: u64,
    settings: Arc<Settings>,
    pub(crate) clock: Clock<Event>,
    rng: Rng,
    /// Cuts what arrives in one moment into calls; has no effect on anything else.
    cuts: Option<Rng>,
    /// None while the broker is down.
    nodes: Vec<Node>,
    stores: Vec<FaultyStore>,
    /// Counts the starts of the broker.
    boot: u32,
    route_at: BTreeMap<(ShardId, ShardId), u64>,
    links: BTreeMap<LinkId, Link>,
    next_link: u32,
    clients: Vec<Client>,
    keys: Vec<ClientKey>,
    /// The shard of each client.
    homes: Vec<usize>,
    absences: Vec<Absence>,
    sources: Vec<Source>,
    tokens: Tokens,
    /// Messages of which the MQ side has a copy.
    copies: BTreeSet<u64>,
    /// An operator stops the broker.
    draining_since: Option<u64>,
    /// When the machines came to rest last.
    drained_at: u64,
    /// They have said what follows from all bytes that they got.
    rested: bool,
    /// The machines are not drained after every event in this run.
    was_lazy: bool,
    pub(crate) ledger: Ledger,
    status: StatusBook,
    pub(crate) marks: Marks,
    pub(crate) trace: Trace,
    pub(crate) violation: Option<Violation>,
}

/// Faults are rolled so often.
const TICK: u64 = SECOND / 2;

impl World {
    pub(crate) fn new(seed: u64, options: Options, cuts: Option<Rng>, printed: bool, tape: &[u8]) -> Self {
        let settings = Arc::new(settings(&options));
        let mut rng = Rng::fork(seed, 2).following(tape);
        let ids: Vec<String> = (0..options.clients).map(|at| client_id(&options, at)).collect();
        let persistent: Vec<bool> =
            ids.iter().map(|_| rng.below(100) < u64::from(options.persistent_percent)).collect();
        let rules = Rules {
            stored_qos_max: settings.profile.stored_qos_max,
            store_fails: options.store_fails(),
            shards: options.shards,
            uplink: options.uplink,
            uplink_fails: options.uplink && options.features.uplink_fail + options.features.uplink_missing > 0,
            siblings_late: options.siblings_late(),
            retained_limited: options.features.retained_max < options.topics as u32,
            live_overtakes: options.lmq,
            wall_jumps: options.wall_jump > 0,
        };
        let homes = ids.iter().map(|id| usize::from(settings.shard_of(InstanceIndex(0), id).0)).collect();
        let mut ledger = Ledger::new(rules, &persistent);
        let clients: Vec<Client> = persistent
            .iter()
            .enumerate()
            .map(|(at, persistent)| Client::new(at, &ids, *persistent, &options, &mut rng))
            .collect();
        clients.iter().for_each(|client| client.declare(&mut ledger));
        let source = |_| Source::new(ledger.add_source(), options.features.downlinks);
        let sources: Vec<Source> = (0..options.features.sources).map(source).collect();
        let mut world = Self {
            seed,
            settings,
            clock: Clock::new(),
            rng,
            cuts,
            nodes: Vec::new(),
            stores: (0..options.shards).map(|_| FaultyStore::new(&options.store)).collect(),
            boot: 0,
            route_at: BTreeMap::new(),
            links: BTreeMap::new(),
            next_link: 0,
            keys: ids
                .iter()
                .map(|id| ClientKey { instance: InstanceIndex(0), client_id: id.as_str().into() })
                .collect(),
            homes,
            drained_at: 0,
            rested: true,
            was_lazy: options.lazy_drain > 0,
            absences: ids.iter().map(|_| Absence::default()).collect(),
            tokens: Tokens::new(clients.len()),
            clients,
            sources,
            copies: BTreeSet::new(),
            draining_since: None,
            ledger,
            status: StatusBook::default(),
            marks: Marks::default(),
            trace: Trace::new(printed),
            violation: None,
            options,
        };
        world.clock.after(0, Event::Boot);
        world.clock.after(TICK, Event::Tick);
        for client in 0..world.clients.len() {
            world.plan_wake(client);
        }
        (0..world.sources.len()).for_each(|source| world.plan_downlink(source));
        world
    }

    /// Everything up to a moment.
    pub(crate) fn run_until(&mut self, at: u64) {
        while self.clock.micros() < at && self.violation.is_none() && self.step() {}
    }

    /// One event and what follows from it.
    pub(crate) fn step(&mut self) -> bool {
        let Some(event) = self.clock.pop() else { return false };
        self.ledger.now = self.clock.micros();
        self.trace.number(self.clock.micros());
        self.note_tokens();
        self.handle(event);
        if !self.rng.per_mille(self.options.lazy_drain) {
            self.drain();
            self.check();
            self.end_drain();
        }
        true
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Accept(link) => self.accept(link),
            Event::Up(link, bytes) => self.arrive_up(link, &bytes),
            Event::UpEnd(link) => self.end_up(link),
            Event::Down(link, bytes) => self.arrive_down(link, &bytes),
            Event::DownEnd(link) => self.end_down(link),
            Event::Writable(link) => self.writable(link),
            Event::ReadMore(link) => self.read_more(link),
            Event::Linger(link) => self.give_up(link),
            Event::Verdict { boot, node, ticket, link, verdict, upload } if boot == self.boot => {
                self.hand_over_verdict(node, ticket, link, verdict, upload);
            }
            Event::Sync { boot, node } if boot == self.boot => self.sync(node),
            Event::Answers { boot, node, batch } if boot == self.boot => self.answer(node, batch),
            Event::Effect { boot, node, ticket } if boot == self.boot => {
                let now = self.clock.now();
                self.nodes[node].shard.handle_done(now, ticket, Ok(lmq_broker::Done::Stored));
            }
            Event::Route { boot, from, to, message } if boot == self.boot => {
                self.deliver_route(from, to, message);
            }
            Event::Timer { boot, node } if boot == self.boot => {
                let now = self.clock.now();
                let node = &mut self.nodes[node];
                node.timer_at = u64::MAX;
                node.front.handle_timeout(now);
                node.shard.handle_timeout(now);
            }
            Event::Wake(client) => self.wake(client),
            Event::Downlink(source) => self.downlink(source),
            Event::PublishKept(client) => self.with_client(client, |client, ctx| client.publish_kept(ctx)),
            Event::Reoffer { boot, source, position } if boot == self.boot => self.reoffer(source, position),
            Event::Uplinked { boot, node, ticket, taken } if boot == self.boot => self.uplinked(node, ticket, taken),
            Event::Tick => self.tick(),
            Event::Boot => self.start(),
            // Of an earlier start.
            _ => {}
        }
    }

    fn start(&mut self) {
        self.boot += 1;
        let seeds = &mut Rng::fork(self.seed, 1000 + u64::from(self.boot));
        let node = |at| Node {
            front: Front::new(self.settings.clone(), seeds.bytes32()),
            shard: Shard::new(ShardId(at), self.settings.clone(), seeds.bytes32()),
            timer_at: u64::MAX,
        };
        self.nodes = (0..self.options.shards).map(node).collect();
        self.say(|| "broker starts".into());
    }

    fn wake(&mut self, at: usize) {
        if self.clients[at].wake_at > self.clock.micros() {
            return;
        }
        self.clients[at].wake_at = u64::MAX;
        let wish = self.with_client(at, |client, ctx| client.wake(ctx));
        self.fulfil(at, wish);
    }

    fn fulfil(&mut self, at: usize, wish: Wish) {
        match wish {
            Wish::Nothing => {}
            Wish::Connect => self.connect(at),
            Wish::Close => self.client_closes(at),
        }
        self.plan_wake(at);
    }

    /// Lets a client act, and sends what it says.
    fn with_client<T>(&mut self, at: usize, act: impl FnOnce(&mut Client, &mut Ctx<'_>) -> T) -> T {
        let mut ctx = Ctx {
            now: self.clock.micros(),
            options: &self.options,
            rng: &mut self.rng,
            ledger: &mut self.ledger,
            marks: &mut self.marks,
            out: Vec::new(),
        };
        let result = act(&mut self.clients[at], &mut ctx);
        let out = ctx.out;
        if let Some(link) = self.clients[at].link.filter(|_| !out.is_empty()) {
            self.say(|| format!("client {at} says {}", crate::wire::describe(&out, self.clients[at].version)));
            self.send_up(link, out);
        }
        result
    }

    fn plan_wake(&mut self, at: usize) {
        let now = self.clock.micros();
        let next = self.clients[at].next_wake(&self.options, now).max(now);
        if next < self.clients[at].wake_at {
            self.clients[at].wake_at = next;
            self.clock.at(next, Event::Wake(at));
        }
    }

    pub(crate) fn publish_last(&mut self) {
        for at in 0..self.clients.len() {
            self.with_client(at, |client, ctx| client.publish_last(ctx));
        }
        self.offer_last();
    }

    fn fail(&mut self, violation: Violation) {
        self.say(|| format!("VIOLATION {violation}"));
        self.violation.get_or_insert(violation);
    }

    fn say(&self, line: impl FnOnce() -> String) {
        self.trace.say(self.clock.micros(), line);
    }

    fn delay(&mut self, max_ms: u64) -> u64 {
        self.rng.range(0, max_ms * MILLI)
    }
}

/// A virtual connection, session or effect that outlives this much of healing is stuck.
pub(crate) const SETTLE_MAX: u64 = 120 * SECOND;

impl World {
    /// After healing: until nothing is under way any more.
    pub(crate) fn settle(&mut self) {
        let deadline = self.clock.micros() + SETTLE_MAX;
        let mut next = self.clock.micros();
        while self.violation.is_none() {
            if self.clock.micros() >= next {
                let Some(unsettled) = self.unsettled() else { return };
                if self.clock.micros() > deadline {
                    return self.fail(unsettled);
                }
                next = self.clock.micros() + 50 * MILLI;
            }
            if !self.step() {
                return self.fail(Violation::new(Checker::Liveness, "nothing happens any more"));
            }
        }
    }
}
