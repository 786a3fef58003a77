//! What one message costs in allocations once everything has its size: nothing. A program of its own: the counter is the process's.

use std::{alloc::System, sync::Arc, time::Duration};

use bytes::Buf;
use lmq_auth::Permissions;
use lmq_broker::{
    ConnId, Flow, Front, FrontOutput, Grant, MemoryStore, Now, Output, Peer, Profile, Quota, Settings, Shard, ShardId,
    Transport, Verdict,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    one_to_one_at_qos_0();
    one_to_one_at_qos_1();
    one_of_a_group_at_qos_0();
    fan_out_to_a_thousand();
    pings_and_cut_packets();
    everything_is_given_back();
    an_idle_client_takes_less_than_a_kibibyte();
}

struct Broker {
    front: Front,
    shard: Shard,
    store: MemoryStore,
    now: Now,
    /// Bytes that left for the connection that is watched, and the last four of them.
    watched: Option<ConnId>,
    sent: usize,
    last: [u8; 4],
}

impl Broker {
    fn new() -> Self {
        let settings = Arc::new(Settings::new(Profile::mqtt(), 1));
        let mut broker = Self {
            front: Front::new(settings.clone(), [1; 32]),
            shard: Shard::new(ShardId(0), settings, [2; 32]),
            store: MemoryStore::new(Quota::default()),
            now: Now::default(),
            watched: None,
            sent: 0,
            last: [0; 4],
        };
        broker.carry_out();
        broker
    }

    fn connect(&mut self, client_id: &str) -> ConnId {
        self.connect_as(client_id, true)
    }

    fn connect_as(&mut self, client_id: &str, clean: bool) -> ConnId {
        let addr = ([127, 0, 0, 1], 1).into();
        let peer = Peer { addr, transport: Transport::Tcp, local: true, tls: None };
        let conn = self.front.accept(self.now, peer).expect("room");
        let (length, flags) = (12 + client_id.len() as u8, u8::from(clean) << 1);
        let mut connect = vec![0x10, length, 0, 4, b'M', b'Q', b'T', b'T', 4, flags, 0, 0, 0, client_id.len() as u8];
        connect.extend(client_id.bytes());
        assert_eq!(self.front.handle_bytes(self.now, conn, &connect), Flow::Pause);
        let Some(FrontOutput::Handoff(handoff)) = self.front.poll_output() else { panic!("a handoff") };
        let conn = self.shard.adopt(self.now, *handoff);
        self.carry_out();
        conn
    }

    fn subscriber(&mut self, client_id: &str, qos: u8) -> ConnId {
        let conn = self.connect(client_id);
        self.send(conn, &[0x82, 6, 0, 1, 0, 1, b't', qos]);
        conn
    }

    fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        assert_eq!(self.shard.handle_bytes(self.now, conn, bytes), Flow::Continue);
        self.carry_out();
    }

    fn close(&mut self, conn: ConnId) {
        self.shard.handle_closed(self.now, conn);
        self.carry_out();
    }

    /// Deadlines of connections that are gone are forgotten when they come up.
    fn pass(&mut self, span: Duration) {
        self.now.monotonic = self.now.monotonic.saturating_add(span);
        self.front.handle_timeout(self.now);
        self.shard.handle_timeout(self.now);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Transmit(conn) => self.write(conn),
                Output::Authenticate { ticket, .. } => {
                    let grant = Grant::new(Permissions::everything());
                    self.shard.handle_verdict(self.now, ticket, Verdict::Allow(grant));
                }
                Output::Store { ticket, op } => {
                    let (done, _) = self.store.execute(op);
                    self.shard.handle_done(self.now, ticket, done);
                }
                Output::Resume(_) => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    fn write(&mut self, conn: ConnId) {
        let mut outgoing = self.shard.outgoing(conn);
        let count = outgoing.remaining();
        while outgoing.has_remaining() {
            let chunk = outgoing.chunk();
            if self.watched == Some(conn) {
                self.last.copy_from_slice(&chunk[chunk.len() - 4..]);
                self.sent += chunk.len();
            }
            let size = chunk.len();
            outgoing.advance(size);
        }
        assert!(self.shard.handle_sent(conn, count));
    }
}

/// Runs `step` until everything has its size, then counts what a thousand more steps allocate.
#[track_caller]
fn assert_no_allocation(broker: &mut Broker, mut step: impl FnMut(&mut Broker)) {
    (0..2000).for_each(|_| step(broker));
    let region = Region::new(ALLOCATOR);
    (0..1000).for_each(|_| step(broker));
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0), "{change:?}");
}

const SMALL: [u8; 13] = [0x30, 11, 0, 1, b't', b'h', b'e', b'l', b'l', b'o', b'1', b'2', b'3'];

fn one_to_one_at_qos_0() {
    let mut broker = Broker::new();
    let publisher = broker.connect("p");
    broker.watched = Some(broker.subscriber("s", 0));
    let before = broker.sent;
    assert_no_allocation(&mut broker, |broker| broker.send(publisher, &SMALL));
    assert_eq!(broker.sent - before, 3000 * SMALL.len());
    let batch = SMALL.repeat(64);
    assert_no_allocation(&mut broker, |broker| broker.send(publisher, &batch));
}

fn one_to_one_at_qos_1() {
    let mut broker = Broker::new();
    let publisher = broker.connect("p");
    let subscriber = broker.subscriber("s", 1);
    broker.watched = Some(subscriber);
    let mut id = 0_u16;
    // Its payload is empty, so that the packet id of what is sent comes last.
    let mut step = |broker: &mut Broker| {
        id = id.checked_add(1).unwrap_or(1);
        let [high, low] = id.to_be_bytes();
        broker.send(publisher, &[0x32, 5, 0, 1, b't', high, low]);
        let [.., topic, high, low] = broker.last;
        assert_eq!(topic, b't');
        broker.send(subscriber, &[0x40, 2, high, low]);
    };
    assert_no_allocation(&mut broker, &mut step);
    // Through the wrap of the packet ids, too.
    assert_no_allocation(&mut broker, |broker| (0..40).for_each(|_| step(broker)));
    assert_eq!(broker.shard.stats().sent[1], 3000 * 41);
}

fn one_of_a_group_at_qos_0() {
    let mut broker = Broker::new();
    let publisher = broker.connect("p");
    for name in ["s1", "s2"] {
        let member = broker.connect(name);
        broker.send(member, b"\x82\x0f\0\x01\0\x0a$share/g/t\0");
    }
    assert_no_allocation(&mut broker, |broker| broker.send(publisher, &SMALL));
    assert_eq!(broker.shard.stats().sent[0], 3000);
}

fn fan_out_to_a_thousand() {
    let mut broker = Broker::new();
    let publisher = broker.connect("p");
    let subscribers: Vec<ConnId> = (0..1000).map(|n| broker.subscriber(&format!("s{n}"), 1)).collect();
    assert_no_allocation(&mut broker, |broker| broker.send(publisher, &SMALL));
    broker.watched = Some(subscribers[999]);
    let step = |broker: &mut Broker| {
        broker.send(publisher, &[0x32, 5, 0, 1, b't', 0, 9]);
        let [.., high, low] = broker.last;
        for subscriber in &subscribers {
            broker.send(*subscriber, &[0x40, 2, high, low]);
        }
    };
    (0..50).for_each(|_| step(&mut broker));
    let region = Region::new(ALLOCATOR);
    (0..50).for_each(|_| step(&mut broker));
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0), "{change:?}");
    assert_eq!(broker.shard.stats().sent, [3_000_000, 100_000, 0]);
}

fn pings_and_cut_packets() {
    let mut broker = Broker::new();
    let publisher = broker.connect("p");
    broker.subscriber("s", 0);
    assert_no_allocation(&mut broker, |broker| broker.send(publisher, &[0xc0, 0]));
    assert_no_allocation(&mut broker, |broker| {
        broker.send(publisher, &SMALL[..5]);
        broker.send(publisher, &SMALL[5..]);
    });
}

/// Clients that come, subscribe, send and go leave as much memory in use as the round before them.
fn everything_is_given_back() {
    let mut broker = Broker::new();
    let round = |broker: &mut Broker| {
        let conns: Vec<ConnId> = (0..200).map(|n| broker.subscriber(&format!("client-{n}"), 0)).collect();
        broker.send(conns[0], &SMALL.repeat(20));
        conns.into_iter().for_each(|conn| broker.close(conn));
        broker.pass(Duration::from_secs(60));
    };
    let in_use = || {
        let stats = ALLOCATOR.stats();
        stats.bytes_allocated as i64 - stats.bytes_deallocated as i64
    };
    (0..20).for_each(|_| round(&mut broker));
    let before = in_use();
    (0..50).for_each(|_| round(&mut broker));
    let grown = in_use() - before;
    assert!(grown <= 0, "{grown} bytes more");
    let stats = broker.shard.stats();
    assert_eq!((stats.connections, stats.sessions, stats.subscriptions, stats.effects_pending), (0, 0, 0, 0));
}

/// How many bytes a shard holds for each of so many clients: those with a connection, or those whose session waits for them. Each
/// has a client id of 23 bytes and subscribed to one filter of its own, of 23 bytes.
fn bytes_per_client(count: u32, clean: bool) -> usize {
    let held = |count| {
        let mut broker = Broker::new();
        for n in 0..count {
            let conn = broker.connect_as(&format!("GID_Sensors@@@{n:09}"), clean);
            let filter = format!("sensors/{n:09}/order");
            let mut subscribe = vec![0x82, 5 + filter.len() as u8, 0, 1, 0, filter.len() as u8];
            subscribe.extend(filter.bytes().chain([1]));
            broker.send(conn, &subscribe);
            if !clean {
                broker.close(conn);
            }
        }
        broker.pass(Duration::from_secs(60));
        assert_eq!(broker.shard.stats().sessions, u64::from(count));
        let region = Region::new(ALLOCATOR);
        drop(broker.shard);
        region.change().bytes_deallocated
    };
    (held(count) - held(0)) / count as usize
}

/// What [`lmq_broker::Limits`] says of memory. The worst is behind a power of two, when every table has just doubled.
fn an_idle_client_takes_less_than_a_kibibyte() {
    for (what, clean) in [("connection and its session", true), ("session of a client that is away", false)] {
        let (full, doubled) = (bytes_per_client(16_384, clean), bytes_per_client(16_385, clean));
        println!("an idle {what}: {full} bytes, {doubled} where tables have just doubled");
        assert!(full <= 1024 && doubled <= 1536, "{what}: {full}, {doubled}");
    }
}
