//! `[limits]` of the file: bounds on what clients can make the gateway hold or do.

use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

use super::section::Section;

/// `None` leaves the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) connections_max: Option<u32>,
    pub(crate) sessions_max: Option<u32>,
    pub(crate) handshakes_max: Option<u32>,
    pub(crate) connects_per_sec_max: Option<NonZeroU32>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) connect_bytes_max: Option<u32>,
    pub(crate) packet_bytes_max: Option<u32>,
    pub(crate) publishes_per_sec_max: Option<NonZeroU32>,
    pub(crate) receive_max: Option<NonZeroU16>,
    pub(crate) topic_alias_max: Option<u16>,
    pub(crate) outbox_bytes_max: Option<u32>,
    pub(crate) keep_alive_max: Option<Duration>,
    pub(crate) stall_max: Option<Duration>,
    pub(crate) pause_max: Option<Duration>,
    pub(crate) linger: Option<Duration>,
    pub(crate) subscriptions_max: Option<u32>,
    pub(crate) inflight_max: Option<u16>,
    pub(crate) queue_messages_max: Option<u32>,
    pub(crate) queue_bytes_max: Option<u32>,
    pub(crate) queues_bytes_max: Option<u64>,
    pub(crate) session_expiry_max: Option<Duration>,
    pub(crate) retained_messages_max: Option<u32>,
    pub(crate) retained_bytes_max: Option<u64>,
    pub(crate) drain_grace: Option<Duration>,
    pub(crate) http_connections_max: Option<u32>,
}

impl Limits {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let s = &mut section;
        let limits = Self {
            connections_max: s.number("connections-max", &(1..=10_000_000)).map(|p| p.value),
            sessions_max: s.number("sessions-max", &(1..=10_000_000)).map(|p| p.value),
            handshakes_max: s.number("handshakes-max", &(1..=1_000_000)).map(|p| p.value),
            connects_per_sec_max: s
                .number("connects-per-sec-max", &(1..=1_000_000))
                .and_then(|p| NonZeroU32::new(p.value)),
            connect_timeout: s.duration("connect-timeout", 1..=300).map(|p| p.value),
            connect_bytes_max: s.bytes("connect-bytes-max", &(64..=1 << 20)).map(|p| p.value),
            packet_bytes_max: s.bytes("packet-bytes-max", &(64..=268_435_460)).map(|p| p.value),
            publishes_per_sec_max: s
                .number("publishes-per-sec-max", &(1..=1_000_000))
                .and_then(|p| NonZeroU32::new(p.value)),
            receive_max: s.number("receive-max", &(1..=65_535)).and_then(|p| NonZeroU16::new(p.value)),
            topic_alias_max: s.number("topic-alias-max", &(0..=65_535)).map(|p| p.value),
            outbox_bytes_max: s.bytes("outbox-bytes-max", &(4096..=1 << 30)).map(|p| p.value),
            keep_alive_max: s.duration("keep-alive-max", 1..=65_535).map(|p| p.value),
            stall_max: s.duration("stall-max", 1..=3600).map(|p| p.value),
            pause_max: s.duration("pause-max", 1..=3600).map(|p| p.value),
            linger: s.duration("linger", 0..=300).map(|p| p.value),
            subscriptions_max: s.number("subscriptions-max", &(1..=1_000_000)).map(|p| p.value),
            inflight_max: s.number("inflight-max", &(1..=60_000)).map(|p| p.value),
            queue_messages_max: s.number("queue-messages-max", &(1..=10_000_000)).map(|p| p.value),
            queue_bytes_max: s.bytes("queue-bytes-max", &(1024..=1 << 31)).map(|p| p.value),
            queues_bytes_max: s.bytes("queues-bytes-max", &(1024..=1 << 40)).map(|p| p.value),
            session_expiry_max: s.duration("session-expiry-max", 1..=u64::from(u32::MAX - 1)).map(|p| p.value),
            retained_messages_max: s.number("retained-messages-max", &(0..=100_000_000)).map(|p| p.value),
            retained_bytes_max: s.bytes("retained-bytes-max", &(0..=1 << 40)).map(|p| p.value),
            drain_grace: s.duration("drain-grace", 0..=3600).map(|p| p.value),
            http_connections_max: s.number("http-connections-max", &(1..=100_000)).map(|p| p.value),
        };
        section.finish();
        limits
    }

    /// How long connections may finish what is in flight after SIGINT or SIGTERM; 5 s.
    pub(crate) fn drain_grace(&self) -> Duration {
        self.drain_grace.unwrap_or(Duration::from_secs(5))
    }

    /// Connections on all HTTP listeners together; 256, at about 20 KiB each.
    pub(crate) fn http_connections_max(&self) -> u32 {
        self.http_connections_max.unwrap_or(256)
    }
}
