//! A deterministic world around fronts and shards: virtual clock, stores, links, and clients that speak bytes.
//!
//! Everything that becomes visible is one line in a log: packets as the clients read them, closes, pauses, drops, status events,
//! and, where a test asks for them, store operations and routes. [`World::expect`] compares the log exactly, and a world that
//! is dropped with lines nobody expected fails the test.

mod bytes;
mod drive;
mod faults;
mod level;
mod v5;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use ::bytes::Buf;
pub(crate) use bytes::*;
pub(crate) use level::Level;
use lmq_auth::Permissions;
use lmq_codec::Version;
pub(crate) use v5::*;

use lmq_broker::{
    AuthRequest, ClientKey, Command, ConnId, Front, Grant, Handoff, Instance, InstanceIndex, Instant, MemoryStore,
    Message, Now, Peer, Profile, Quota, RouteMessage, SessionView, Settings, Shard, ShardId, SourceId, Stats, StoreOp,
    Ticket, Transport, UnixMillis, Verdict,
};

use lmq_model::status::StatusEvent;

/// Wall clock of the first moment, in milliseconds since 1970.
pub(crate) const WALL: u64 = 1_790_000_000_000;

pub(crate) struct World {
    pub(crate) settings: Arc<Settings>,
    pub(crate) now: Now,
    nodes: Vec<Node>,
    clients: BTreeMap<&'static str, Client>,
    /// Messages between shards, by (from, to).
    links: BTreeMap<(u16, u16), VecDeque<RouteMessage>>,
    auth: Box<dyn Fn(&AuthRequest) -> Verdict>,
    auth_held: Option<VecDeque<(usize, Ticket, Verdict)>>,
    store: StoreMode,
    routes_held: bool,
    status_held: bool,
    timeouts_held: bool,
    /// Copies for the MQ side that wait for an answer.
    uplinks: VecDeque<(usize, Ticket)>,
    trace_store: bool,
    trace_routes: bool,
    log: Vec<String>,
    /// Every status event, as it was.
    pub(crate) events: Vec<StatusEvent>,
    ports: u16,
    starts: u8,
}

/// What a world does with store operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StoreMode {
    Execute,
    Hold,
    Fail,
}

struct Node {
    front: Front,
    shard: Shard,
    store: MemoryStore,
    held: VecDeque<(Ticket, StoreOp)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Front(usize, ConnId),
    Shard(usize, ConnId),
    Gone,
}

struct Client {
    /// What it speaks.
    version: Version,
    place: Place,
    /// Received and not yet a whole packet.
    received: Vec<u8>,
    /// Every byte ever received.
    transcript: Vec<u8>,
    /// Sent while the machine did not read.
    unsent: Vec<u8>,
    reading: bool,
    /// How many bytes the client still takes; `None` for all.
    budget: Option<usize>,
    /// The machine has said `Transmit` and something remains.
    dirty: bool,
    closing: bool,
}

/// For tests that talk to a front themselves.
pub(crate) fn peer() -> Peer {
    Peer { addr: ([127, 0, 0, 1], 9).into(), transport: Transport::Tcp, local: true, tls: None }
}

pub(crate) fn allow() -> Verdict {
    Verdict::Allow(Grant::new(Permissions::everything()))
}

/// One instance with the parent topics `T` and `room`, profile lmq.
pub(crate) fn lmq(shards: u16) -> Settings {
    let instance = Instance {
        name: "mqtt-cn-test0001".into(),
        parent_topics: vec!["T".into(), "room".into()],
        ..Instance::default()
    };
    Settings { instances: vec![instance], ..Settings::new(Profile::lmq(), shards) }
}

pub(crate) fn mqtt(shards: u16) -> Settings {
    Settings::new(Profile::mqtt(), shards)
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::with_quota(settings, Quota::default())
    }

    /// The same with stores that keep so much per session.
    pub(crate) fn with_quota(settings: Settings, quota: Quota) -> Self {
        let now = Now { monotonic: Instant::from_micros(1_000_000), wall: UnixMillis::new(WALL) };
        let mut world = Self {
            settings: Arc::new(settings),
            now,
            nodes: Vec::new(),
            clients: BTreeMap::new(),
            links: BTreeMap::new(),
            auth: Box::new(|_| allow()),
            auth_held: None,
            store: StoreMode::Execute,
            routes_held: false,
            status_held: false,
            timeouts_held: false,
            uplinks: VecDeque::new(),
            trace_store: false,
            trace_routes: false,
            log: Vec::new(),
            events: Vec::new(),
            ports: 40_000,
            starts: 0,
        };
        let stores = (0..world.settings.shards).map(|_| MemoryStore::new(quota)).collect();
        world.start(stores);
        world
    }

    /// Ends every shard where it stands and starts new ones over the same stores.
    pub(crate) fn restart(&mut self) {
        let stores = std::mem::take(&mut self.nodes).into_iter().map(|node| node.store).collect();
        self.clients.clear();
        self.links.clear();
        self.start(stores);
    }

    fn start(&mut self, stores: Vec<MemoryStore>) {
        self.starts += 1;
        for (id, store) in (0..).zip(stores) {
            let seed = |machine: u8| [id as u8, machine, self.starts, 7].repeat(8).try_into().unwrap();
            let front = Front::new(self.settings.clone(), seed(0));
            let shard = Shard::new(ShardId(id), self.settings.clone(), seed(1));
            self.nodes.push(Node { front, shard, store, held: VecDeque::new() });
        }
        self.run();
    }

    /// Accepts a connection that sends nothing yet.
    pub(crate) fn open(&mut self, name: &'static str) {
        self.open_at(0, name);
    }

    /// The same at the front of another thread.
    pub(crate) fn open_at(&mut self, node: usize, name: &'static str) {
        self.ports += 1;
        let addr = ([127, 0, 0, 1], self.ports).into();
        let peer = Peer { addr, transport: Transport::Tcp, local: true, tls: None };
        let conn = self.nodes[node].front.accept(self.now, peer).expect("room for a connection");
        let client = Client {
            version: Version::V3_1_1,
            place: Place::Front(node, conn),
            received: Vec::new(),
            transcript: Vec::new(),
            unsent: Vec::new(),
            reading: true,
            budget: None,
            dirty: false,
            closing: false,
        };
        let before = self.clients.insert(name, client);
        assert!(before.is_none_or(|before| before.place == Place::Gone), "{name} is connected");
        self.run();
    }

    /// Sends a CONNECT on a new connection.
    pub(crate) fn connect_with(&mut self, name: &'static str, connect: &Connect) {
        self.open(name);
        if connect.level == 5 {
            self.client(name).version = Version::V5_0;
        }
        self.send(name, connect.bytes());
    }

    /// A client with a clean session and its name as client id is in.
    #[track_caller]
    pub(crate) fn connect(&mut self, name: &'static str) {
        self.connect_with(name, &Connect::new(name));
        self.expect_in(name, false);
    }

    /// A client of MQTT 5.0 with a clean start and its name as client id is in.
    #[track_caller]
    pub(crate) fn connect5(&mut self, name: &'static str, properties: &[u8]) {
        self.connect_with(name, &Connect::v5(name, properties));
        self.expect_in(name, false);
    }

    /// A client with a session that outlives its connections, new in the broker, is in.
    #[track_caller]
    pub(crate) fn connect_kept(&mut self, name: &'static str) {
        self.connect_with(name, &Connect::kept(name));
        self.expect_in(name, false);
    }

    /// The client comes back to its session.
    #[track_caller]
    pub(crate) fn reconnect_kept(&mut self, name: &'static str) {
        self.connect_with(name, &Connect::kept(name));
        self.expect_in(name, true);
    }

    /// The client comes back to its session, and these lines follow its CONNACK.
    #[track_caller]
    pub(crate) fn reconnect_kept_with<const N: usize>(&mut self, name: &'static str, lines: [&str; N]) {
        self.connect_with(name, &Connect::kept(name));
        assert_eq!(
            self.log.first().map(String::as_str),
            Some(&*format!("{name}: CONNACK 0 present")),
            "{:?}",
            self.log
        );
        self.log.remove(0);
        self.expect(lines);
    }

    #[track_caller]
    fn expect_in(&mut self, name: &'static str, present: bool) {
        let connack = format!("{name}: CONNACK 0{}", if present { " present" } else { "" });
        match name.starts_with("GID") {
            true => self.expect([format!("status connect {name}"), connack]),
            false => self.expect([connack]),
        }
    }

    /// Subscribes and is granted what it asked for. The packet id is 999.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, name: &'static str, filter: &str, qos: u8) {
        self.send(name, subscribe(999, &[(filter, qos)]));
        self.expect([format!("{name}: SUBACK 999 [{qos}]")]);
    }

    /// The client's bytes arrive, and everything that follows from them happens.
    pub(crate) fn send(&mut self, name: &'static str, bytes: impl AsRef<[u8]>) {
        self.give(name, bytes.as_ref());
        self.run();
    }

    /// The network loses the connection.
    pub(crate) fn cut(&mut self, name: &'static str) {
        self.hang_up(name);
        self.run();
    }

    /// The client says DISCONNECT and is gone.
    #[track_caller]
    pub(crate) fn disconnect(&mut self, name: &'static str) {
        self.send(name, DISCONNECT);
        let closed = format!("{name}: closed disconnected");
        match name.starts_with("GID") {
            true => self.expect([format!("status disconnect {name}"), format!("status tcpclean {name}"), closed]),
            false => self.expect([closed]),
        }
    }

    /// A message of the MQ side for the clients of every shard.
    pub(crate) fn downlink(&mut self, node: usize, source: u32, position: u64, message: &Arc<Message>) {
        self.nodes[node].shard.handle_downlink(self.now, SourceId(source), position, message);
        self.run();
    }

    /// The same command for every shard, then for every front.
    pub(crate) fn command_all(&mut self, command: &Command) {
        for node in 0..self.nodes.len() {
            self.command(node, command.clone());
        }
        self.nodes.iter_mut().for_each(|node| node.front.handle_command(command.clone()));
        self.run();
    }

    pub(crate) fn command(&mut self, node: usize, command: Command) {
        self.nodes[node].shard.handle_command(self.now, command);
        self.run();
    }

    /// Lets time pass; the machines are called when they asked for it, and at the end.
    pub(crate) fn advance(&mut self, span: Duration) {
        let end = self.now.monotonic.saturating_add(span);
        loop {
            let due = self
                .nodes
                .iter()
                .flat_map(|node| [node.front.poll_timeout(), node.shard.poll_timeout()])
                .flatten()
                .min();
            let Some(due) = due.filter(|due| *due <= end) else {
                break;
            };
            self.set_clock(due.max(self.now.monotonic));
            self.on_time();
        }
        self.set_clock(end);
        self.on_time();
    }

    /// Everything that became visible since the last time, exactly and in this order.
    #[track_caller]
    pub(crate) fn expect<const N: usize>(&mut self, lines: [impl AsRef<str>; N]) {
        let expected: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
        assert_eq!(self.log, expected);
        self.log.clear();
    }

    /// Nothing became visible.
    #[track_caller]
    pub(crate) fn expect_nothing(&mut self) {
        self.expect::<0>([] as [&str; 0]);
    }

    /// What became visible since the last time, for a test that computes what it expects.
    pub(crate) fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// Lines that a test took and found nothing wrong with are expected again.
    pub(crate) fn put_back(&mut self, lines: Vec<String>) {
        self.log.splice(0..0, lines);
    }

    /// The machines are called for their deadlines, at whatever time it is now.
    pub(crate) fn call_timeouts(&mut self) {
        self.on_time();
    }

    /// Every byte a client ever received on its present connection.
    pub(crate) fn transcript(&self, name: &str) -> &[u8] {
        &self.clients[name].transcript
    }

    pub(crate) fn is_gone(&self, name: &str) -> bool {
        self.clients.get(name).is_none_or(|client| client.place == Place::Gone)
    }

    pub(crate) fn key(&self, client_id: &str) -> ClientKey {
        ClientKey { instance: InstanceIndex(0), client_id: client_id.into() }
    }

    pub(crate) fn shard_of(&self, client_id: &str) -> usize {
        usize::from(self.settings.shard_of(InstanceIndex(0), client_id).0)
    }

    pub(crate) fn session(&self, client_id: &str) -> Option<SessionView> {
        self.nodes[self.shard_of(client_id)].shard.session(&self.key(client_id))
    }

    /// How many bytes wait for a client.
    pub(crate) fn unread(&mut self, name: &'static str) -> usize {
        match self.client(name).place {
            Place::Shard(node, conn) => self.nodes[node].shard.outgoing(conn).remaining(),
            _ => 0,
        }
    }

    /// The numbers of all shards together.
    pub(crate) fn stats(&self) -> Stats {
        let mut sum = Stats::default();
        self.nodes.iter().for_each(|node| sum.add(&node.shard.stats()));
        sum
    }

    pub(crate) fn shard(&self, node: usize) -> &Shard {
        &self.nodes[node].shard
    }

    pub(crate) fn front(&mut self, node: usize) -> &mut Front {
        &mut self.nodes[node].front
    }

    pub(crate) fn stored_retained(&self) -> usize {
        self.nodes.iter().map(|node| node.store.retained()).sum()
    }

    pub(crate) fn stored_sessions(&self) -> usize {
        self.nodes.iter().map(|node| node.store.sessions()).sum()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.log, [] as [&str; 0], "nobody expected this");
        }
    }
}

impl Node {
    fn adopt(&mut self, now: Now, handoff: Handoff) -> ConnId {
        self.shard.adopt(now, handoff)
    }
}
