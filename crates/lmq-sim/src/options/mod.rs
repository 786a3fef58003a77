//! What one run is like: everything drawn from the seed.

mod features;

pub(crate) use self::features::GROUPS;
pub use self::features::{Features, Tokens};
use crate::rng::Rng;

/// The options of one run, drawn from its seed. Each class of faults is on or off with a rate of its own: a run in which everything
/// goes wrong at once hides as much as one in which nothing does.
///
/// Rates are per mille and half second of virtual time unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The product's profile instead of plain MQTT.
    pub lmq: bool,
    /// Per cent of the clients that speak MQTT 5.0.
    pub version5_percent: u32,
    /// Shards of the broker, 1 to 4.
    pub shards: u16,
    /// Model clients.
    pub clients: usize,
    /// Topics they publish to.
    pub topics: usize,
    /// Messages each publishes in phase one.
    pub messages: u32,
    /// Of a client's messages, per mille go to one other client (profile lmq).
    pub p2p: u32,
    /// Every message also goes to the MQ side.
    pub uplink: bool,
    /// Per cent of the clients whose session outlives the connection.
    pub persistent_percent: u32,
    /// Weights of QoS 0, 1 and 2.
    pub qos_weights: [u32; 3],
    /// Largest payload, in bytes.
    pub payload_bytes_max: u32,
    /// Milliseconds between two messages of a client, on average.
    pub interval_ms: u64,
    /// How long a client waits before it acknowledges, at most.
    pub ack_delay_max_ms: u64,
    /// Packet ids a client uses: small numbers are used again soon.
    pub packet_ids: u16,
    /// Unacknowledged messages of a client.
    pub client_window: usize,
    /// Keep-alive of the clients in seconds.
    pub keep_alive_secs: u16,
    /// Length of phase one in seconds.
    pub seconds: u64,
    /// Several inputs may come before the machines are drained, per mille of events.
    pub lazy_drain: u32,
    /// The broker is stopped and started again at the end, and nothing may come of it.
    pub restart_at_end: bool,
    /// Bounds of the broker.
    pub limits: SmallLimits,
    /// The network.
    pub net: Net,
    /// The store.
    pub store: StoreFaults,
    /// Milliseconds a message between shards takes at most.
    pub route_delay_max_ms: u64,
    /// Milliseconds a verdict takes at most.
    pub auth_delay_max_ms: u64,
    /// Per mille of verdicts that never come.
    pub auth_missing: u32,
    /// Per mille of verdicts that deny.
    pub auth_denied: u32,
    /// Seconds for which sessions of MQTT 5.0 outlive their connection; 0: for ever.
    pub session_expiry_secs: u32,
    /// Per mille of messages of MQTT 5.0 whose time is over at some point.
    pub message_expiry: u32,
    /// Per cent of the clients that leave a will.
    pub will_percent: u32,
    /// Seconds that wills of MQTT 5.0 wait.
    pub will_delay_secs: u32,
    /// The broker crashes.
    pub crash: u32,
    /// A client connects again although its connection is alive, several times in a row.
    pub takeover: u32,
    /// The wall clock is set.
    pub wall_jump: u32,
    /// A client sends nothing for longer than its keep-alive.
    pub silent: u32,
    /// A client says goodbye and comes back.
    pub disconnect: u32,
    /// A client gives a subscription up and takes it again.
    pub unsubscribe: u32,
    /// A persistent client discards its session.
    pub discard: u32,
    /// Areas that not every run uses.
    pub features: Features,
}

/// Limits of the broker that are small enough to be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallLimits {
    /// `Limits::inflight_max`.
    pub inflight_max: u16,
    /// `Limits::outbox_bytes_max`.
    pub outbox_bytes_max: u32,
    /// `Limits::queue_messages_max`.
    pub queue_messages_max: u32,
    /// `Limits::link_messages_max`.
    pub link_messages_max: u32,
    /// `Limits::replies_max`.
    pub replies_max: u32,
    /// `Limits::work_per_call_max`.
    pub work_per_call_max: u32,
    /// `Limits::deliveries_per_call_max`.
    pub deliveries_per_call_max: u32,
    /// `Limits::shared_payload_bytes_min`.
    pub shared_payload_bytes_min: u32,
}

/// How the network behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Net {
    /// Milliseconds a piece takes at most.
    pub delay_max_ms: u64,
    /// Pieces arrive in parts, at different times.
    pub fragments: bool,
    /// Bytes under way to a client before the broker's socket takes no more.
    pub window_bytes: usize,
    /// A link is cut; what is under way is lost.
    pub cut: u32,
    /// A link goes dark: nothing arrives, nothing ends.
    pub half_open: u32,
    /// A client reads a few bytes at a time for a while.
    pub slow_reader: u32,
    /// A client reads nothing for a while.
    pub stopped_reader: u32,
}

/// How the store behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFaults {
    /// Milliseconds a sync takes at most.
    pub sync_max_ms: u64,
    /// Milliseconds from a sync to the answers at most.
    pub answer_max_ms: u64,
    /// Messages a queue may hold.
    pub quota_messages: usize,
    /// Per mille of syncs that fail.
    pub fail: u32,
    /// Per mille of syncs that take long.
    pub stall: u32,
    /// Milliseconds such a sync takes at most; more than the effect timeout in some runs.
    pub stall_max_ms: u64,
}

impl Options {
    /// Draws the options of a seed.
    pub fn draw(seed: u64) -> Self {
        let rng = &mut Rng::fork(seed, 1);
        let lmq = rng.below(3) == 0;
        let shards = rng.pick(&[1, 1, 2, 2, 3, 4]);
        let inflight_max = rng.pick(&[128, 128, 16, 3, 1]);
        Self {
            lmq,
            version5_percent: rng.pick(&[0, 50, 100]),
            shards,
            clients: rng.range(2, 6) as usize,
            topics: rng.range(1, 4) as usize,
            messages: rng.range(5, 40) as u32,
            p2p: if lmq && rng.coin() { 300 } else { 0 },
            uplink: rng.below(4) == 0,
            persistent_percent: rng.pick(&[0, 30, 60, 100, 100]),
            qos_weights: rng.pick(&[[1, 1, 1], [0, 1, 1], [0, 1, 0], [0, 0, 1], [1, 3, 3]]),
            payload_bytes_max: rng.pick(&[16, 16, 200, 2_000, 6_000]),
            interval_ms: rng.pick(&[5, 50, 300, 1_000]),
            ack_delay_max_ms: rng.pick(&[0, 0, 20, 500, 3_000]),
            packet_ids: rng.pick(&[24, 200, u16::MAX]),
            client_window: rng.pick(&[1, 4, 16]),
            keep_alive_secs: rng.pick(&[0, 4, 10, 30]),
            seconds: rng.range(10, 50),
            lazy_drain: rng.pick(&[0, 0, 100, 500]),
            restart_at_end: rng.below(3) == 0,
            limits: SmallLimits::draw(rng, inflight_max),
            net: Net::draw(rng),
            store: StoreFaults::draw(rng),
            route_delay_max_ms: rng.pick(&[0, 1, 20, 200, 2_000]),
            auth_delay_max_ms: rng.pick(&[0, 5, 500, 4_000]),
            auth_missing: rate(rng, 100),
            auth_denied: rate(rng, 100),
            session_expiry_secs: rng.pick(&[0, 0, 1, 2, 5, 15]),
            message_expiry: rng.pick(&[0, 0, 300, 1_000]),
            will_percent: if lmq { 0 } else { rng.pick(&[0, 50, 100]) },
            will_delay_secs: rng.pick(&[0, 1, 3, 10]),
            crash: rate(rng, 40),
            takeover: rate(rng, 100),
            wall_jump: rate(rng, 100),
            silent: rate(rng, 60),
            disconnect: rate(rng, 80),
            unsubscribe: rate(rng, 60),
            discard: rate(rng, 20),
            features: Features::draw(rng),
        }
    }

    /// The same without any limit that could be met, and with the network cut only where the test wants it: for comparisons.
    pub fn roomy(mut self) -> Self {
        self.limits.deliveries_per_call_max = 65_536;
        // Every call serves so many tokens that have ended.
        self.limits.work_per_call_max = 1_024;
        self
    }

    /// Whether a store may fail an operation, or let it time out.
    pub const fn store_fails(&self) -> bool {
        self.store.fail > 0 || self.store.stall > 0
    }

    /// Whether what siblings do for a message one after another may take longer than an effect may: a group may ask several members.
    pub const fn siblings_late(&self) -> bool {
        const PATIENCE_MS: u64 = 4_000;
        let store_ms = 2 * (self.store.sync_max_ms + self.store.answer_max_ms);
        self.shards > 1 && 4 * self.route_delay_max_ms + store_ms > PATIENCE_MS
    }

    /// The classes of faults that are on, by name.
    pub fn faults(&self) -> Vec<&'static str> {
        let classes = [
            ("cut", self.net.cut > 0),
            ("half-open", self.net.half_open > 0),
            ("slow reader", self.net.slow_reader > 0),
            ("stopped reader", self.net.stopped_reader > 0),
            ("store failure", self.store.fail > 0),
            ("store stall", self.store.stall > 0),
            ("eviction", self.store.quota_messages < 100_000),
            ("crash", self.crash > 0),
            ("takeover", self.takeover > 0),
            ("silence", self.silent > 0),
            ("missing verdict", self.auth_missing > 0),
            ("denial", self.auth_denied > 0),
            ("disconnect", self.disconnect > 0),
            ("unsubscribe", self.unsubscribe > 0),
            ("discard", self.discard > 0),
            ("clock jump", self.wall_jump > 0),
        ];
        let names = classes.into_iter().filter(|(_, on)| *on).map(|(name, _)| name);
        names.chain(self.features.names(self.uplink)).collect()
    }

    /// No fault from now on.
    pub(crate) fn heal(&mut self) {
        self.net = Net {
            delay_max_ms: 2,
            window_bytes: 64 * 1024,
            cut: 0,
            half_open: 0,
            slow_reader: 0,
            stopped_reader: 0,
            ..self.net
        };
        self.store = StoreFaults { sync_max_ms: 2, answer_max_ms: 1, fail: 0, stall: 0, ..self.store };
        (self.route_delay_max_ms, self.auth_delay_max_ms, self.ack_delay_max_ms) =
            (2, 2, self.ack_delay_max_ms.min(20));
        self.lazy_drain = 0;
        (self.auth_missing, self.auth_denied, self.crash, self.takeover) = (0, 0, 0, 0);
        (self.wall_jump, self.silent, self.disconnect, self.unsubscribe, self.discard) = (0, 0, 0, 0, 0);
        self.features.heal();
    }
}

/// Off in half of the runs.
fn rate(rng: &mut Rng, max: u64) -> u32 {
    if rng.coin() { 0 } else { rng.range(1, max) as u32 }
}

impl SmallLimits {
    fn draw(rng: &mut Rng, inflight_max: u16) -> Self {
        Self {
            inflight_max,
            outbox_bytes_max: rng.pick(&[256 * 1024, 256 * 1024, 4_096, 300]),
            queue_messages_max: rng.pick(&[10_000, 10_000, 20, 2]),
            link_messages_max: rng.pick(&[65_536, 65_536, 8, 1]),
            replies_max: rng.pick(&[1_024, 1_024, 8, 2]),
            work_per_call_max: rng.pick(&[1_024, 1_024, 1]),
            deliveries_per_call_max: rng.pick(&[65_536, 65_536, 3]),
            shared_payload_bytes_min: rng.pick(&[4_096, 100]),
        }
    }
}

impl Net {
    fn draw(rng: &mut Rng) -> Self {
        Self {
            delay_max_ms: rng.pick(&[1, 5, 50, 400]),
            fragments: rng.coin(),
            window_bytes: rng.pick(&[64 * 1024, 64 * 1024, 1_024, 64]),
            cut: rate(rng, 100),
            half_open: rate(rng, 40),
            slow_reader: rate(rng, 60),
            stopped_reader: rate(rng, 40),
        }
    }
}

impl StoreFaults {
    fn draw(rng: &mut Rng) -> Self {
        Self {
            sync_max_ms: rng.pick(&[0, 2, 20, 200, 1_000]),
            answer_max_ms: rng.pick(&[0, 5, 100]),
            quota_messages: rng.pick(&[100_000, 100_000, 100_000, 10, 2]),
            fail: rate(rng, 60),
            stall: rate(rng, 30),
            stall_max_ms: rng.pick(&[2_000, 5_000, 15_000]),
        }
    }
}
