use core::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

/// Bounds on everything a peer can make the broker hold or do. All are per shard unless they say otherwise.
///
/// Memory of idle clients is what `tests/allocations.rs` counts for client ids and filters of 23 bytes; it is up to twice as much where a
/// table has just grown.
///
/// | field | default | worst memory | the attack it stops |
/// |---|---|---|---|
/// | `handshakes_max` | 4,096 | `handshakes_max` x `connect_bytes_max` | connections that never send CONNECT |
/// | `connect_timeout` | 10 s | - | the same, over time |
/// | `connect_bytes_max` | 16 KiB | see above | a huge CONNECT before anyone is known |
/// | `connections_max` | 1,000,000 | 400 bytes each while idle, without its session | connection floods |
/// | `sessions_max` | 1,000,000 | 500 bytes each with one subscription | sessions left behind |
/// | `packet_bytes_max` | 16 MiB | one per connection, grown with what was received | giant packets |
/// | `subscriptions_max` | 100,000 | filter text and about 100 bytes each, per session | subscription floods |
/// | `filter_levels_max` | 128 | 100 bytes a level, per subscription | filters of 65,535 levels |
/// | `filters_per_packet_max` | 1,024 | 100 bytes each and sibling, while they are confirmed | a SUBSCRIBE of a million filters |
/// | `inflight_max` | 128 | 32 bytes each, per session | a peer that never acknowledges |
/// | `queue_messages_max` | 10,000 | with the next | a subscriber slower than its publishers |
/// | `queue_bytes_max` | 8 MiB | twice, per session | the same |
/// | `queues_bytes_max` | 1 GiB | twice, once for each session a message waits for | many such subscribers |
/// | `outbox_bytes_max` | 256 KiB | twice that per connection, plus one message | a peer that does not read |
/// | `connects_per_sec_max` | none | - | storms of connections |
/// | `publishes_per_sec_max` | none | - | a client that floods |
/// | `receive_max` | 1,024 | 8 bytes each, per connection of MQTT 5.0 | a publisher that waits for nothing |
/// | `topic_alias_max` | 30 | a topic each, per connection of MQTT 5.0 | aliases as a store of texts |
/// | `topic_alias_out_max` | 16 | a topic each, per connection of MQTT 5.0 | the same, by the topics of others |
/// | `replies_max` | 1,024 | 64 bytes each, per connection | effects slower than a publisher |
/// | `link_messages_max` | 65,536 | per sibling shard | a shard slower than its siblings, a store slower than retained messages |
/// | `link_bytes_max` | 16 MiB | per sibling shard, plus one message of each publisher | the same, with large messages |
/// | `retained_messages_max` | 1,000,000 | about 200 bytes each and shard, and the next | a retained message on every topic there could be |
/// | `retained_bytes_max` | 256 MiB | once, however many shards, plus what is being stored | the same, with large messages |
/// | `stall_max` | 30 s | - | a peer that stopped reading |
/// | `pause_max` | 30 s | - | effects that never finish |
/// | `effect_timeout` | 30 s | - | a store that never answers |
/// | `token_notice` | 5 min | about 200 bytes per token | - |
/// | `awaiting_max` | 10,000 | with `token_wait`: as a connection, and one CONNECT and read each | connections that never upload a token |
/// | `token_wait` | 10 s | - | the same, over time |
/// | `work_per_call_max` | 1,024 | - | calls that take long |
/// | `linger` | 5 s | - | peers that never take the last bytes |
/// | `shared_payload_bytes_min` | 4 KiB | - | large messages copied to each of many subscribers |
/// | `shared_asks_max` | 64 | - | shared subscriptions with many members that take nothing |
/// | `deliveries_per_call_max` | 16,384 | - | floods of messages to many subscribers, or with filters that are slow to search |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of one front that have not sent a whole CONNECT yet.
    pub handshakes_max: u32,
    /// Time a connection has to send its CONNECT.
    pub connect_timeout: Duration,
    /// Largest CONNECT, in bytes with its header.
    pub connect_bytes_max: u32,
    /// Connections with a CONNECT; one more is refused with return code 3.
    pub connections_max: u32,
    /// Sessions, with or without connection; one more is refused with return code 3.
    pub sessions_max: u32,
    /// Largest packet after CONNECT, in bytes with its header; 1 to 268,435,460. A larger one closes the connection before it is read.
    pub packet_bytes_max: u32,
    /// Subscriptions of one session; the profile may allow fewer.
    pub subscriptions_max: u32,
    /// Levels of one filter, that is, slashes and one; one with more is refused with 0x8f, 0x80 before MQTT 5.0.
    pub filter_levels_max: u16,
    /// New filters that one SUBSCRIBE may bring; further ones are refused with 0x80.
    pub filters_per_packet_max: u32,
    /// Messages with QoS 1 or 2 sent to a session and not acknowledged; 1 to 60,000. What exceeds them waits in the queue.
    pub inflight_max: u16,
    /// Messages that wait in memory for one session: QoS 0 drops the oldest, QoS 1 and 2 the newest, both counted.
    pub queue_messages_max: u32,
    /// Bytes (topics and payloads) that wait in memory for one session. As many of shared subscriptions are kept while the client
    /// has them and has not acknowledged them.
    pub queue_bytes_max: u32,
    /// Bytes (topics and payloads) that wait in memory for all sessions together, a message counted once for each. What exceeds
    /// them is dropped from the queue it was to join, as with `queue_bytes_max`.
    pub queues_bytes_max: u64,
    /// Bytes that wait for one socket before further messages wait in the queue instead. At twice as many, answers included, no more
    /// of the peer's packets are served until it reads.
    pub outbox_bytes_max: u32,
    /// CONNECT packets a second, in bursts of as many; one more is refused with 0x9f, return code 3 before MQTT 5.0.
    pub connects_per_sec_max: Option<NonZeroU32>,
    /// PUBLISH packets of one client a second, in bursts of as many; one more makes it wait, as a pause.
    pub publishes_per_sec_max: Option<NonZeroU32>,
    /// QoS 1 and 2 messages that a client of MQTT 5.0 may send before they are acknowledged, announced as receive maximum; 1 to
    /// 65,535. One more closes the connection. Older clients are paused at `replies_max`.
    pub receive_max: NonZeroU16,
    /// The highest topic alias a client of MQTT 5.0 may use; 0: none.
    pub topic_alias_max: u16,
    /// How many topics of its messages a client of MQTT 5.0 is told by alias, if it takes so many; 0: none.
    pub topic_alias_out_max: u16,
    /// Packets of one connection whose answer waits for an effect; at the limit the connection is paused.
    pub replies_max: u32,
    /// Messages sent to one sibling shard and not answered; at the limit publishers are paused. The same holds for the retained messages
    /// that the shard's own store has not answered.
    pub link_messages_max: u32,
    /// Bytes of topics and payloads sent to one sibling shard and not answered; at the limit publishers are paused.
    pub link_bytes_max: u64,
    /// Retained messages of the whole broker. What exceeds them is delivered and not kept, and counted in
    /// [`Stats::retained_dropped`](crate::Stats::retained_dropped); an older message of the topic is not kept either. Messages that shards
    /// store at the same moment may exceed it.
    pub retained_messages_max: u32,
    /// Bytes of topics, properties and payloads of the retained messages of the whole broker; what exceeds them is not kept.
    pub retained_bytes_max: u64,
    /// A connection that has something to read and takes nothing for so long is closed.
    pub stall_max: Duration,
    /// The longest [`Flow::Pause`](crate::Flow::Pause); half the keep-alive where that is shorter. Then the connection is closed.
    pub pause_max: Duration,
    /// An effect without answer for so long counts as failed.
    pub effect_timeout: Duration,
    /// So long before a token expires its client is told with `$SYS/tokenExpireNotice`, once per token and connection; at once if less is left.
    pub token_notice: Duration,
    /// Connections without credentials that may wait to upload a token at a time; one more is refused with return code 3.
    pub awaiting_max: u32,
    /// The time they have from CONNACK until their token is accepted; then they are closed.
    pub token_wait: Duration,
    /// How long the driver should wait for a peer to take the last bytes of a closed connection.
    pub linger: Duration,
    /// Connections resumed or closed, timers served, and retained messages looked at, in one call; the rest follows in the next, at once.
    pub work_per_call_max: u32,
    /// Deliveries (message and subscription) that one call makes before it leaves further packets for the next; at least 1. A message
    /// with more is divided between calls, one with as many is not, so a call makes at most twice as many. Nodes and filters that were
    /// looked at to find subscribers count as deliveries; one search looks at no more than three for each way to replace some of the
    /// first 16 levels of its topic by `+` that filters make use of. The default is about 1 ms, 2 ms where sessions are many.
    pub deliveries_per_call_max: u32,
    /// Members of a shared subscription that are looked at for one message. If none of them takes it, it is dropped; the next
    /// message begins with those behind them.
    pub shared_asks_max: u32,
    /// Payloads of at least so many bytes are shared between receivers instead of copied to each.
    pub shared_payload_bytes_min: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshakes_max: 4096,
            connect_timeout: Duration::from_secs(10),
            connect_bytes_max: 16 * 1024,
            connections_max: 1_000_000,
            sessions_max: 1_000_000,
            packet_bytes_max: 16 * 1024 * 1024,
            subscriptions_max: 100_000,
            filter_levels_max: 128,
            filters_per_packet_max: 1024,
            inflight_max: 128,
            queue_messages_max: 10_000,
            queue_bytes_max: 8 * 1024 * 1024,
            queues_bytes_max: 1024 * 1024 * 1024,
            outbox_bytes_max: 256 * 1024,
            connects_per_sec_max: None,
            publishes_per_sec_max: None,
            receive_max: NonZeroU16::MIN.saturating_add(1023),
            topic_alias_max: 30,
            topic_alias_out_max: 16,
            replies_max: 1024,
            link_messages_max: 65_536,
            link_bytes_max: 16 * 1024 * 1024,
            retained_messages_max: 1_000_000,
            retained_bytes_max: 256 * 1024 * 1024,
            stall_max: Duration::from_secs(30),
            pause_max: Duration::from_secs(30),
            effect_timeout: Duration::from_secs(30),
            token_notice: Duration::from_secs(300),
            awaiting_max: 10_000,
            token_wait: Duration::from_secs(10),
            linger: Duration::from_secs(5),
            work_per_call_max: 1024,
            deliveries_per_call_max: 16_384,
            shared_asks_max: 64,
            shared_payload_bytes_min: 4096,
        }
    }
}
