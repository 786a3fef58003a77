//! A whole broker of one shard in the process: bytes of clients in, bytes of clients out, no sockets.

use std::sync::Arc;

use bytes::Buf;
use lmq_auth::Permissions;
use lmq_broker::{
    ConnId, Done, Front, FrontOutput, Grant, Instant, MemoryStore, Now, Output, Peer, Profile, Quota, Settings, Shard,
    ShardId, Transport, UnixMillis, Verdict,
};

/// The machines and their store, with a driver that discards what clients would receive.
pub struct Broker {
    front: Front,
    shard: Shard,
    store: MemoryStore,
    now: Now,
    dirty: Vec<ConnId>,
    /// Bytes that left, all connections together.
    pub sent: u64,
}

impl Default for Broker {
    fn default() -> Self {
        let settings = Arc::new(Settings::new(Profile::mqtt(), 1));
        let now = Now { monotonic: Instant::from_micros(1), wall: UnixMillis::new(1) };
        let mut broker = Self {
            front: Front::new(settings.clone(), [1; 32]),
            shard: Shard::new(ShardId(0), settings, [2; 32]),
            store: MemoryStore::new(Quota::default()),
            now,
            dirty: Vec::new(),
            sent: 0,
        };
        broker.drain();
        broker
    }
}

impl Broker {
    /// Connects a client; `persistent` keeps its session.
    pub fn connect(&mut self, client_id: &str, persistent: bool) -> ConnId {
        let addr = ([127, 0, 0, 1], 1).into();
        let peer = Peer { addr, transport: Transport::Tcp, local: true, tls: None };
        let conn = self.front.accept(self.now, peer).expect("room for a handshake");
        let _ = self.front.handle_bytes(self.now, conn, &connect(client_id, persistent));
        let Some(FrontOutput::Handoff(handoff)) = self.front.poll_output() else { panic!("no handoff") };
        let conn = self.shard.adopt(self.now, *handoff);
        self.drain();
        conn
    }

    /// Hands bytes of a client to the broker, without carrying anything out.
    #[inline]
    pub fn feed(&mut self, conn: ConnId, bytes: &[u8]) {
        let _ = self.shard.handle_bytes(self.now, conn, bytes);
    }

    /// Does what the broker wants; every outbox is emptied once at the end.
    pub fn drain(&mut self) {
        loop {
            while let Some(output) = self.shard.poll_output() {
                self.carry_out(output);
            }
            if self.dirty.is_empty() {
                return;
            }
            let mut dirty = std::mem::take(&mut self.dirty);
            for conn in dirty.drain(..) {
                let mut out = self.shard.outgoing(conn);
                let count = out.remaining();
                std::hint::black_box(out.chunk());
                out.advance(count);
                self.sent += count as u64;
                self.shard.handle_sent(conn, count);
            }
            if self.dirty.is_empty() {
                self.dirty = dirty;
            }
        }
    }

    /// Whether the broker wants to go on at once.
    pub fn wants_a_call(&self) -> bool {
        self.shard.poll_timeout().is_some_and(|at| at <= self.now.monotonic)
    }

    /// Lets it go on, without carrying anything out.
    pub fn call(&mut self) {
        self.shard.handle_timeout(self.now);
    }

    /// The client is gone.
    pub fn close(&mut self, conn: ConnId) {
        self.shard.handle_closed(self.now, conn);
        self.drain();
    }

    /// PUBLISH packets the broker has sent.
    pub fn delivered(&self) -> u64 {
        self.shard.stats().sent.iter().sum()
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Transmit(conn) => self.dirty.push(conn),
            Output::Authenticate { ticket, .. } => {
                let verdict = Verdict::Allow(Grant::new(Permissions::everything()));
                self.shard.handle_verdict(self.now, ticket, verdict);
            }
            Output::Store { ticket, op } => {
                let (result, _) = self.store.execute(op);
                self.shard.handle_done(self.now, ticket, result);
            }
            Output::Status { ticket, .. } => self.shard.handle_done(self.now, ticket, Ok(Done::Stored)),
            _ => {}
        }
    }
}

/// CONNECT of MQTT 3.1.1 with a keep-alive of 60 s.
pub fn connect(client_id: &str, persistent: bool) -> Vec<u8> {
    let mut body = b"\0\x04MQTT\x04".to_vec();
    body.extend([if persistent { 0 } else { 2 }, 0, 60]);
    text(&mut body, client_id);
    packet(0x10, &body)
}

/// SUBSCRIBE to one filter.
pub fn subscribe(filter: &str, qos: u8) -> Vec<u8> {
    let mut body = vec![0, 1];
    text(&mut body, filter);
    body.push(qos);
    packet(0x82, &body)
}

/// PUBLISH; `id` is used where the QoS is not 0.
pub fn publish(topic: &str, qos: u8, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    if qos > 0 {
        body.extend(id.to_be_bytes());
    }
    body.extend(payload);
    packet(0x30 | qos << 1, &body)
}

/// PUBACK.
pub fn puback(id: u16) -> [u8; 4] {
    let [high, low] = id.to_be_bytes();
    [0x40, 2, high, low]
}

/// DISCONNECT.
pub const DISCONNECT: [u8; 2] = [0xe0, 0];

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend((text.len() as u16).to_be_bytes());
    body.extend(text.as_bytes());
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut rest = body.len();
    loop {
        let more = rest > 127;
        out.push((rest % 128) as u8 | if more { 128 } else { 0 });
        rest /= 128;
        if !more {
            break;
        }
    }
    out.extend(body);
    out
}

/// One publisher, one subscriber, one topic.
pub struct Pair {
    broker: Broker,
    publisher: ConnId,
    subscriber: ConnId,
    /// One turn of the publisher.
    input: Vec<u8>,
    qos: u8,
    batch: u16,
    /// The packet id the broker gives next.
    next: u16,
}

impl Pair {
    /// `batch` messages of `payload` bytes come in with one read.
    pub fn new(qos: u8, batch: u16, payload: usize) -> Self {
        let mut broker = Broker::default();
        let (publisher, subscriber) = (broker.connect("publisher", false), broker.connect("subscriber", false));
        broker.feed(subscriber, &subscribe("bench/pair/0001", qos));
        broker.drain();
        let input = (1..=batch).flat_map(|id| publish("bench/pair/0001", qos, id, &vec![7; payload])).collect();
        Self { broker, publisher, subscriber, input, qos, batch, next: 1 }
    }

    /// The messages go from one client to the other; with QoS 1 both acknowledgements go back.
    pub fn turn(&mut self) {
        self.broker.feed(self.publisher, &self.input);
        self.broker.drain();
        if self.qos == 1 {
            for _ in 0..self.batch {
                self.broker.feed(self.subscriber, &puback(self.next));
                self.next = self.next.checked_add(1).unwrap_or(1);
            }
            self.broker.drain();
        }
    }

    /// Messages that arrived.
    pub fn delivered(&self) -> u64 {
        self.broker.delivered()
    }
}

/// One publisher and many subscribers of one topic.
pub struct FanOut {
    broker: Broker,
    publisher: ConnId,
    input: Vec<u8>,
}

impl FanOut {
    /// `receivers` clients with the same subscription, QoS 0.
    pub fn new(receivers: u32, payload: usize) -> Self {
        let mut broker = Broker::default();
        let publisher = broker.connect("publisher", false);
        for at in 0..receivers {
            let conn = broker.connect(&format!("subscriber-{at}"), false);
            broker.feed(conn, &subscribe("bench/fan", 0));
            broker.drain();
        }
        Self { broker, publisher, input: publish("bench/fan", 0, 0, &vec![7; payload]) }
    }

    /// One message, to all.
    pub fn turn(&mut self) {
        self.publish();
        self.collect();
    }

    /// One message, into the outboxes of all.
    pub fn publish(&mut self) {
        self.broker.feed(self.publisher, &self.input);
    }

    /// What is in the outboxes leaves.
    pub fn collect(&mut self) {
        self.broker.drain();
    }

    /// Messages that arrived.
    pub fn delivered(&self) -> u64 {
        self.broker.delivered()
    }
}

/// Clients that come, subscribe and go.
#[derive(Default)]
pub struct Visits {
    broker: Broker,
}

impl Visits {
    /// CONNECT, SUBSCRIBE, DISCONNECT.
    pub fn turn(&mut self) {
        let conn = self.broker.connect("visitor", false);
        self.broker.feed(conn, &subscribe("bench/visit/+", 1));
        self.broker.drain();
        self.broker.feed(conn, &DISCONNECT);
        self.broker.drain();
        self.broker.close(conn);
    }
}

/// A persistent session that is away while messages come.
pub struct Away {
    broker: Broker,
    publisher: ConnId,
    input: Vec<u8>,
    /// The packet id the broker gives next.
    next: u16,
}

impl Away {
    /// Messages per turn: below the inflight limit, so that one visit takes them all.
    pub const MESSAGES: u16 = 100;

    /// Messages of QoS 1 and 64 bytes.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let mut broker = Broker::default();
        let publisher = broker.connect("publisher", false);
        let conn = broker.connect("away", true);
        broker.feed(conn, &subscribe("bench/away", 1));
        broker.drain();
        broker.close(conn);
        Self { broker, publisher, input: publish("bench/away", 1, 1, &[7; 64]), next: 1 }
    }

    /// The messages are stored and acknowledged to the publisher, one by one.
    pub fn append(&mut self) {
        for _ in 0..Self::MESSAGES {
            self.broker.feed(self.publisher, &self.input);
            self.broker.drain();
        }
    }

    /// The client comes back, takes and acknowledges them all, and goes.
    pub fn fetch(&mut self) {
        let conn = self.broker.connect("away", true);
        for _ in 0..Self::MESSAGES {
            self.broker.feed(conn, &puback(self.next));
            self.next = self.next.checked_add(1).unwrap_or(1);
        }
        self.broker.drain();
        self.broker.close(conn);
    }

    /// Messages that arrived.
    pub fn delivered(&self) -> u64 {
        self.broker.delivered()
    }
}
