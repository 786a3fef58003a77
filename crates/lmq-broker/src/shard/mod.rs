//! The broker proper: connections after their CONNECT, sessions, and the way of a message through them.
//!
//! One idea per file: [`restore`] is the start, [`connect`] and [`leave`] are the life of a connection, [`input`] takes packets
//! apart, [`publish`] takes a message and [`judge`] says whether it may go, [`matching`] finds out where, [`targets`] are those
//! it goes to, [`fan_out`] brings it there and [`divide`] to very many, [`fan`] is what they share, [`deliver`] sends it,
//! [`stored`] sends what waited in the store, [`acks`] and [`subscribe`] are the other packets, [`authenticate`] asks who a
//! client is, [`absent`] is what becomes of its session and will while it is away, [`quota`] what it may use, [`query`] what
//! operators ask, [`effects`] keeps what was asked of the world and [`doubts`] what it did not answer, [`outputs`] what the
//! driver is to do, [`siblings`] talks to the other shards, [`bridge`] to the MQ side, [`clock`] serves deadlines, [`orders`]
//! carries out what operators want of many connections, [`tokens`] ends those of clients, [`upload`] takes new ones, [`rights`]
//! ends subscriptions that are not covered any more, [`awaiting`] are clients that have none yet. Of shared subscriptions,
//! [`groups`] knows who shares one, [`members`] says what a session of ours can take, [`shared`] lets one of them have a
//! message. Of retained messages, [`retain`] brings one to its owner, [`keep`] is what all shards have, [`replay`] brings it to
//! new subscriptions.

mod absent;
mod acks;
mod authenticate;
mod awaiting;
mod bridge;
mod clock;
mod connect;
mod deliver;
mod divide;
mod doubts;
mod effects;
mod fan;
mod fan_out;
mod groups;
mod input;
mod judge;
mod keep;
mod leave;
mod matching;
mod members;
mod orders;
mod outputs;
mod publish;
mod query;
mod quota;
mod replay;
mod restore;
mod retain;
mod rights;
mod shared;
mod siblings;
mod stored;
mod subscribe;
mod targets;
mod tokens;
mod upload;

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::fmt;

use foldhash::{SharedSeed, fast::SeedableRandomState};
use hashbrown::HashTable;

pub use self::query::SessionView;
use self::{
    effects::{Op, Question},
    orders::What,
    publish::Scratch,
    siblings::{Interests, Link},
};
use crate::{
    ClientKey, CloseReason, Command, ConnId, Instance, InstanceIndex, InstanceQuota, Instant, MessageId, Now, Output,
    Selector, Settings, ShardId, Stats, Subscription, Ticket,
    conn::Conn,
    outbox::{BlockPool, Outgoing},
    planted::{Bug, planted},
    random::Random,
    rate::Rate,
    session::{QueuedBytes, Session},
    slab::{Key, Slab},
    timers::Timers,
};

/// The second of the two machines: one per thread, it serves every client that hashes to it.
///
/// - **Inputs**: [`adopt`](Self::adopt), [`handle_bytes`](Self::handle_bytes), [`handle_sent`](Self::handle_sent),
///   [`handle_closed`](Self::handle_closed), [`handle_timeout`](Self::handle_timeout), [`handle_verdict`](Self::handle_verdict),
///   [`handle_done`](Self::handle_done), [`handle_route`](Self::handle_route), [`handle_downlink`](Self::handle_downlink),
///   [`handle_evicted`](Self::handle_evicted), [`handle_superseded`](Self::handle_superseded),
///   [`handle_command`](Self::handle_command).
/// - **Outputs**: [`poll_output`](Self::poll_output) until it says `None`, then [`poll_timeout`](Self::poll_timeout); the bytes of a
///   connection with [`outgoing`](Self::outgoing).
/// - **Views**: [`stats`](Self::stats), [`session`](Self::session), [`sessions`](Self::sessions),
///   [`subscribers`](Self::subscribers), [`retained`](Self::retained), [`is_ready`](Self::is_ready),
///   [`is_drained`](Self::is_drained).
///
/// Any number of inputs may come before the outputs are drained. The [crate's front page](crate) has the contract.
pub struct Shard {
    id: ShardId,
    settings: Arc<Settings>,
    now: Now,
    phase: ShardPhase,
    restoring: restore::Restoring,
    random: Random,
    hasher: SeedableRandomState,
    boot: u64,
    messages: u64,
    conns: Slab<Conn>,
    sessions: Slab<Session>,
    /// Slots of `sessions`, by client key.
    clients: HashTable<u32>,
    tenants: Vec<Tenant>,
    links: Vec<Link>,
    sources: Vec<bridge::Source>,
    questions: Slab<Question>,
    deadlines: VecDeque<(Instant, Key)>,
    ops: Slab<Op>,
    outputs: outputs::Outputs,
    pool: BlockPool,
    timers: Timers,
    session_timers: Timers,
    rate_timers: Timers,
    /// Connections that wait for their turn to publish.
    rate_waits: BTreeMap<Key, InstanceIndex>,
    /// How many messages the store was given.
    appends: u64,
    /// QoS 2 messages whose store was too slow to say whether it has them, by publishing session and packet id.
    in_doubt: BTreeMap<(Key, lmq_codec::PacketId), effects::Forward>,
    /// Sessions that are over and that the store has not dropped yet.
    undropped: BTreeSet<ClientKey>,
    /// Those it was asked to drop and has not answered, with how often.
    dropping: BTreeMap<ClientKey, u32>,
    drop_again_at: Instant,
    /// Somebody's publishes are counted by the second.
    has_rates: bool,
    connect_rate: Rate,
    scratch: Scratch,
    /// Connections whose outbox has room again for what waits in a queue.
    room: Vec<Key>,
    /// Connections whose pause has ended.
    resumable: VecDeque<Key>,
    paused_by_link: Vec<Key>,
    paused_by_work: Vec<Key>,
    /// Deliveries of the current call, and other work as large.
    deliveries: u32,
    /// Messages that one call was not enough for, and those behind them.
    line: divide::Line,
    /// Sessions with messages given up since the last drain.
    lossy: Vec<Key>,
    drained_to: u32,
    orders: orders::Orders,
    tokens: tokens::Ledger,
    /// Connections that wait to upload a token.
    awaiting: u32,
    outstanding: retain::Outstanding,
    keeping: keep::Keeping,
    /// Messages with RETAIN that were delivered.
    live: u64,
    /// Sessions whose retained messages go on in the next call.
    replaying: VecDeque<Key>,
    /// Topics that this call may still look at for them.
    replay_left: u32,
    queued: QueuedBytes,
    stats: Stats,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShardPhase {
    Restoring,
    Serving,
    Draining,
}

/// What belongs to one instance inside a shard.
struct Tenant {
    index: lmq_route::Subscriptions<u32, Subscription>,
    /// The shared subscriptions that this shard owns.
    shares: groups::Shares,
    interests: Interests,
    usage: quota::Usage,
    /// The retained messages of every shard.
    kept: lmq_route::Retained<keep::Kept>,
}

impl Shard {
    /// A shard that first asks its store for the sessions of an earlier start; until [`is_ready`](Self::is_ready) it lets
    /// nobody in.
    ///
    /// `seed`: 32 bytes that no peer can guess, fresh for every start and every machine. They order hash tables and make channel
    /// ids, assigned client ids and message ids. A fixed seed makes a run repeatable.
    ///
    /// # Panics
    ///
    /// If [`Settings::check`] has something against `settings`, or they do not have this shard: mistakes of the caller.
    pub fn new(id: ShardId, settings: Arc<Settings>, seed: [u8; 32]) -> Self {
        if let Err(error) = settings.check() {
            panic!("{error}");
        }
        assert!(id.0 < settings.shards, "shard {} of {}", id.0, settings.shards);
        let mut random = Random::new(seed);
        let new = |instance: &Instance| Tenant::new(&mut random, instance.quota, settings.shards);
        let tenants = settings.instances.iter().map(new).collect();
        let mut shard = Self {
            id,
            now: Now::default(),
            phase: ShardPhase::Restoring,
            restoring: restore::Restoring::new(id, settings.shards),
            hasher: SeedableRandomState::with_seed(random.next_u64(), SharedSeed::global_fixed()),
            boot: random.next_u64(),
            messages: 0,
            conns: Slab::new(),
            sessions: Slab::new(),
            clients: HashTable::new(),
            tenants,
            links: (0..settings.shards).map(|_| Link::default()).collect(),
            sources: Vec::new(),
            questions: Slab::new(),
            deadlines: VecDeque::new(),
            ops: Slab::new(),
            outputs: outputs::Outputs::default(),
            pool: BlockPool::default(),
            timers: Timers::default(),
            session_timers: Timers::default(),
            rate_timers: Timers::default(),
            rate_waits: BTreeMap::new(),
            appends: 0,
            in_doubt: BTreeMap::new(),
            undropped: BTreeSet::new(),
            dropping: BTreeMap::new(),
            drop_again_at: Instant::default(),
            has_rates: settings.has_publish_rates(),
            connect_rate: Rate::default(),
            scratch: Scratch::default(),
            room: Vec::new(),
            resumable: VecDeque::new(),
            paused_by_link: Vec::new(),
            paused_by_work: Vec::new(),
            deliveries: 0,
            line: divide::Line::default(),
            lossy: Vec::new(),
            drained_to: 0,
            orders: orders::Orders::default(),
            tokens: tokens::Ledger::default(),
            awaiting: 0,
            outstanding: retain::Outstanding::default(),
            keeping: keep::Keeping::default(),
            live: 0,
            replaying: VecDeque::new(),
            replay_left: settings.limits.work_per_call_max,
            queued: QueuedBytes::default(),
            stats: Stats::default(),
            random,
            settings,
        };
        shard.ask_for(restore::Page::Sessions(None));
        shard
    }

    /// An operator asks for something.
    pub fn handle_command(&mut self, now: Now, command: Command) {
        self.advance_clock(now);
        match command {
            Command::Kick(_) if planted(Bug::KickIgnored) => {}
            Command::Kick(client) => self.order(Selector::Client(client), What::Close(CloseReason::Kicked)),
            Command::Close { whom, reason } => self.order(whom, What::Close(reason.of_operator())),
            Command::SetPermissions { whom, permissions } => self.order(whom, What::Permit(permissions)),
            Command::RevokeToken(id) => self.revoke(id),
            Command::SetInstance { index, instance } => self.set_instance(index, instance),
            Command::SetQuota { instance, quota } => self.set_quota(instance, quota),
            Command::Drain => self.phase = ShardPhase::Draining,
        }
    }

    /// The next thing to do, in order. After `None` the shard waits for inputs.
    #[inline]
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.outputs.is_empty() {
            self.finish_drain();
        }
        self.outputs.pop_front()
    }

    /// What a connection has to send. Empty for one that is not known.
    pub fn outgoing(&mut self, conn: ConnId) -> Outgoing<'_> {
        let outbox = self.conns.get_mut(conn.0).map(|conn| &mut conn.outbox);
        Outgoing { outbox, pool: &mut self.pool }
    }

    /// The driver wrote `count` bytes of [`outgoing`](Self::outgoing), possibly none: call it once after every write.
    ///
    /// Returns whether nothing remains; if something does, write again when the socket can take more.
    #[inline]
    pub fn handle_sent(&mut self, conn: ConnId, count: usize) -> bool {
        let Some(state) = self.conns.get_mut(conn.0) else {
            return true;
        };
        let remaining = state.outbox.len();
        if remaining <= self.settings.limits.outbox_bytes_max as usize / 4 {
            if state.session.and_then(|key| self.sessions.get(key)).is_some_and(Session::waits) {
                self.room.push(conn.0);
            }
            if state.slow {
                self.unpause(conn.0, crate::conn::PauseCause::Outbox);
            }
        }
        self.note_progress(conn.0, remaining, count)
    }

    /// Watches a connection that does not take everything.
    #[inline]
    fn note_progress(&mut self, conn: Key, remaining: usize, count: usize) -> bool {
        let Some(state) = self.conns.get_mut(conn) else {
            return true;
        };
        if remaining == 0 {
            state.announced = false;
            if state.slow {
                state.stalled_since = Instant::FAR_FUTURE;
                state.slow = state.is_paused_by_outbox();
            }
            return true;
        }
        if count > 0 || state.stalled_since == Instant::FAR_FUTURE {
            state.stalled_since = self.now.monotonic;
            state.slow = true;
            self.watch(conn);
        }
        false
    }

    /// The settings as they are now, with the instances that were added or changed since.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the sessions of an earlier start are restored, here and in every sibling, and clients may come in.
    pub fn is_ready(&self) -> bool {
        self.phase == ShardPhase::Serving
    }

    /// Whether a drain has closed everything and nothing is awaited any more.
    pub fn is_drained(&self) -> bool {
        let quiet = (self.questions.len() == 0 && !self.line.is_busy()) || planted(Bug::DrainedTooEarly);
        self.phase == ShardPhase::Draining && self.conns.len() == 0 && quiet
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        Stats {
            connections: self.conns.len() as u64,
            sessions: self.sessions.len() as u64,
            queued_bytes: self.queued.get() as u64,
            effects_pending: self.questions.len() as u64,
            retained: self.kept_own(),
            operations_pending: self.ops.len() as u64,
            ..self.stats
        }
    }

    fn advance_clock(&mut self, now: Now) {
        self.now = Now { monotonic: self.now.monotonic.max(now.monotonic), wall: now.wall };
        self.replay_left = self.settings.limits.work_per_call_max;
    }

    fn next_message_id(&mut self) -> MessageId {
        self.messages += 1;
        let low = u64::from(self.id.0) << 48 | (self.messages & 0xffff_ffff_ffff);
        MessageId(u128::from(self.boot) << 64 | u128::from(low))
    }

    /// Adds or changes an instance.
    fn set_instance(&mut self, index: InstanceIndex, instance: Instance) {
        let quota = instance.quota;
        if Arc::make_mut(&mut self.settings).set_instance(index, instance) {
            self.know_tenant(index);
            self.set_quota(index, quota);
        }
    }

    /// Makes room for an instance: a sibling, or the store, may name it before the command that adds it comes.
    fn know_tenant(&mut self, instance: InstanceIndex) {
        while self.tenants.len() <= usize::from(instance.0) {
            let tenant = Tenant::new(&mut self.random, InstanceQuota::default(), self.settings.shards);
            self.tenants.push(tenant);
        }
    }

    fn tenant(&mut self, instance: InstanceIndex) -> Option<&mut Tenant> {
        self.tenants.get_mut(usize::from(instance.0))
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("id", &self.id).field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl Tenant {
    fn new(random: &mut Random, quota: InstanceQuota, shards: u16) -> Self {
        Self {
            index: lmq_route::Subscriptions::new(random.next_u64()),
            interests: Interests::new(random.next_u64()),
            shares: groups::Shares::new(random.next_u64()),
            usage: quota::Usage::new(quota, shards),
            kept: lmq_route::Retained::new(),
        }
    }
}

/// For tickets and questions: a key fits into one number.
fn ticket(key: Key) -> Ticket {
    Ticket(u64::from(key.generation) << 32 | u64::from(key.slot))
}

fn question(ticket: Ticket) -> Key {
    Key { slot: ticket.0 as u32, generation: (ticket.0 >> 32) as u32 }
}
