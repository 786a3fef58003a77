/// Counters of a shard since its start, and gauges of now. Add those of all shards up for the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections with a CONNECT, now.
    pub connections: u64,
    /// Sessions, with or without connection, now.
    pub sessions: u64,
    /// Subscriptions of these sessions, now.
    pub subscriptions: u64,
    /// CONNECT packets accepted.
    pub connects_accepted: u64,
    /// CONNECT packets refused by the shard, by return code 1 to 5 (index 0 to 4). What a front refuses does not get here.
    pub connects_refused: [u64; 5],
    /// Bytes of topics and payloads that wait in memory for sessions, now; a message counts once for each.
    pub queued_bytes: u64,
    /// Wills published.
    pub wills: u64,
    /// Sessions that ended because their client did not come back in time.
    pub sessions_expired: u64,
    /// Connections taken over by a newer one with the same client id.
    pub takeovers: u64,
    /// Connections closed because a packet was malformed or out of place.
    pub protocol_errors: u64,
    /// Connections closed by keep-alive, pause or stall limits, or because no token was uploaded in time.
    pub timeouts: u64,
    /// PUBLISH packets received, by QoS.
    pub received: [u64; 3],
    /// PUBLISH packets sent, by QoS; a resent one counts again.
    pub sent: [u64; 3],
    /// Payload bytes received in PUBLISH packets.
    pub payload_bytes_received: u64,
    /// Messages sent to sibling shards.
    pub routed: u64,
    /// Messages discarded at the publisher: payload too large, a control topic, or no right where the profile refuses.
    pub discarded: u64,
    /// Messages not delivered because a queue in memory was full.
    pub dropped_queue_full: u64,
    /// Messages not delivered because the session was away.
    pub dropped_away: u64,
    /// Messages given up by the store.
    pub dropped_evicted: u64,
    /// Messages that the store could not keep.
    pub dropped_store_failed: u64,
    /// Messages whose time was over before they could be delivered.
    pub dropped_expired: u64,
    /// Messages larger than their client takes.
    pub dropped_too_large: u64,
    /// Topics with a retained message that this shard owns, now.
    pub retained: u64,
    /// Retained messages that were not kept: over a limit, or at QoS 0 when the store failed.
    pub retained_dropped: u64,
    /// Messages that no member of a shared subscription took; counted once per subscription.
    pub dropped_shared: u64,
    /// P2P messages for a client without session.
    pub p2p_without_target: u64,
    /// Times a connection was paused.
    pub pauses: u64,
    /// Effects handed out and not answered, now.
    pub effects_pending: u64,
    /// Operations that wait for effects, now.
    pub operations_pending: u64,
    /// Effects that failed or were not answered in time.
    pub effects_failed: u64,
}

impl Stats {
    /// Adds the numbers of another shard.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.connections, other.connections),
            (&mut self.sessions, other.sessions),
            (&mut self.subscriptions, other.subscriptions),
            (&mut self.connects_accepted, other.connects_accepted),
            (&mut self.queued_bytes, other.queued_bytes),
            (&mut self.wills, other.wills),
            (&mut self.sessions_expired, other.sessions_expired),
            (&mut self.takeovers, other.takeovers),
            (&mut self.protocol_errors, other.protocol_errors),
            (&mut self.timeouts, other.timeouts),
            (&mut self.payload_bytes_received, other.payload_bytes_received),
            (&mut self.routed, other.routed),
            (&mut self.discarded, other.discarded),
            (&mut self.dropped_queue_full, other.dropped_queue_full),
            (&mut self.dropped_away, other.dropped_away),
            (&mut self.dropped_evicted, other.dropped_evicted),
            (&mut self.dropped_store_failed, other.dropped_store_failed),
            (&mut self.dropped_expired, other.dropped_expired),
            (&mut self.dropped_too_large, other.dropped_too_large),
            (&mut self.retained, other.retained),
            (&mut self.retained_dropped, other.retained_dropped),
            (&mut self.dropped_shared, other.dropped_shared),
            (&mut self.p2p_without_target, other.p2p_without_target),
            (&mut self.pauses, other.pauses),
            (&mut self.effects_pending, other.effects_pending),
            (&mut self.operations_pending, other.operations_pending),
            (&mut self.effects_failed, other.effects_failed),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
        for (sum, more) in self.connects_refused.iter_mut().zip(other.connects_refused) {
            *sum += more;
        }
        for (sum, more) in self.received.iter_mut().zip(other.received) {
            *sum += more;
        }
        for (sum, more) in self.sent.iter_mut().zip(other.sent) {
            *sum += more;
        }
    }
}
