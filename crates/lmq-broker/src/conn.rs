//! One connection after its CONNECT.
//!
//! ```text
//!   adopt ──▶ Verdict ◀─▶ Exchange
//!                │
//!                ▼
//!        (Awaiting ─▶) Opening ──▶ Live ──▶ Closing ──▶ (handle_closed)
//!
//!   From every phase to Closing: refused, taken over, any error.
//! ```

use alloc::{boxed::Box, vec::Vec};
use core::{net::SocketAddr, num::NonZeroU64, time::Duration};

use bytes::Bytes;
use lmq_auth::Permissions;
use lmq_codec::Version;
use lmq_id::Access;
use lmq_model::status::ChannelId;

use crate::{
    ConnectRequest, Limits, Peer,
    aliases::{InboundAliases, OutboundAliases},
    outbox::Outbox,
    planted::{Bug, planted},
    rate::Rate,
    replies::{Answer, Replies},
    slab::Key,
    time::Instant,
};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its credentials are being checked.
    Verdict,
    /// The client is to say more about who it is.
    Exchange,
    /// It has CONNACK and no right until it has uploaded a token.
    Awaiting,
    /// Its session is being loaded or dropped.
    Opening,
    /// CONNACK with return code 0 was sent.
    Live,
    /// [`Output::Close`](crate::Output::Close) was said; the driver's `handle_closed` is awaited.
    Closing,
}

/// Why the machine takes no further packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PauseCause {
    /// CONNACK has not been sent.
    Handshake,
    /// A token that was uploaded is being judged: what came behind it waits. Ends with the verdict, or like every pause after
    /// [`Limits::pause_max`](crate::Limits::pause_max) with the connection.
    Token,
    /// Too many packets wait for their effects.
    Replies,
    /// A sibling shard has too many unanswered messages.
    Link,
    /// The call has done enough; the next one goes on.
    Work,
    /// The peer sends and does not take the answers.
    Outbox,
    /// It published more than it may in a second.
    Rate,
}

/// In memory in this order: what a message to the client looks at is in the first cache line.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Conn {
    pub(crate) phase: Phase,
    pub(crate) version: Version,
    /// `Transmit` was said and the outbox has not been empty since.
    pub(crate) announced: bool,
    /// It stalls, or is paused because it does not take what is there.
    pub(crate) slow: bool,
    /// QoS 1 and 2 messages that the client takes at a time; what exceeds them waits.
    pub(crate) send_max: u16,
    /// Those sent on this connection and not finished.
    pub(crate) sent_open: u16,
    /// What only MQTT 5.0 has.
    pub(crate) v5: Option<Box<V5>>,
    pub(crate) session: Option<Key>,
    /// Bytes of QoS 2 messages whose packet id is being stored before they leave.
    pub(crate) recording_bytes: usize,
    pub(crate) outbox: Outbox,
    /// Since when the peer takes nothing of what is there; [`Instant::FAR_FUTURE`]: it does.
    pub(crate) stalled_since: Instant,
    pub(crate) paused: Option<(PauseCause, Instant)>,
    pub(crate) replies: Replies,
    /// Bytes received and not processed: a cut packet, or what came behind a pause.
    pub(crate) assembly: Vec<u8>,
    pub(crate) permissions: Option<Permissions>,
    pub(crate) seen_at: Instant,
    /// The live entry of the timer heap.
    pub(crate) timer_at: Instant,
    /// One and a half times the keep-alive, in milliseconds; zero for none.
    pub(crate) silence_max_ms: u32,
    /// It counts for the quota of its instance.
    pub(crate) counted: bool,
    /// It has CONNACK already, though it is not live.
    pub(crate) greeted: bool,
    /// It counts among those that wait to upload a token.
    pub(crate) awaits: bool,
    /// How often it publishes.
    pub(crate) rate: Rate,
    pub(crate) channel: ChannelId,
    pub(crate) addr: SocketAddr,
    /// Who it is to the driver.
    pub(crate) principal: Option<NonZeroU64>,
    /// A token that is being judged.
    pub(crate) upload: Option<Box<Upload>>,
    /// Where it comes from, where tokens may be uploaded.
    pub(crate) peer: Option<Box<Peer>>,
    /// How many orders of operators there were when it was adopted.
    pub(crate) adopted: u64,
    /// The orders that its rights take into account: those before the question that they answer, or carried out since.
    pub(crate) obeyed: u64,
    /// The CONNECT, until the connection is live.
    pub(crate) request: Option<Box<ConnectRequest>>,
}

/// What a connection of MQTT 5.0 agreed on.
#[derive(Debug)]
pub(crate) struct V5 {
    /// The client's QoS 1 and 2 messages that it was not told the end of.
    pub(crate) received_open: u16,
    /// The largest packet the client takes, in bytes.
    pub(crate) packet_bytes_max: u32,
    /// The client wants reason strings.
    pub(crate) problem_information: bool,
    pub(crate) inbound: InboundAliases,
    pub(crate) outbound: OutboundAliases,
    /// How the client proves who it is, if with more than a password.
    pub(crate) method: Option<Box<Method>>,
    /// For CONNACK: authentication data and response information.
    pub(crate) welcome: Option<Box<Welcome>>,
}

/// A token that a client uploaded.
#[derive(Debug)]
pub(crate) struct Upload {
    /// As what it was given.
    pub(crate) access: Access,
    /// What acknowledges it; `None` at QoS 0.
    pub(crate) answer: Option<Answer>,
    /// The orders of operators that its verdict may know of.
    pub(crate) orders: u64,
}

/// What an authenticator wants said in CONNACK.
#[derive(Debug, Default)]
pub(crate) struct Welcome {
    pub(crate) authentication_data: Option<Bytes>,
    pub(crate) response_information: Option<Box<str>>,
}

/// An authentication method of MQTT 5.0, and how far it has come.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: Box<str>,
    pub(crate) peer: Peer,
    /// The authenticator has not answered yet.
    pub(crate) asked: bool,
    /// A live connection is in the middle of proving it again.
    pub(crate) again: bool,
    /// Orders of operators that were given when it was asked last.
    pub(crate) orders: u64,
}

impl V5 {
    fn new(request: &ConnectRequest, peer: Peer, topic_alias_out_max: u16) -> Self {
        Self {
            received_open: 0,
            packet_bytes_max: request.packet_bytes_max,
            problem_information: request.problem_information,
            inbound: InboundAliases::default(),
            outbound: OutboundAliases::new(request.topic_alias_max.min(topic_alias_out_max)),
            method: request.method.clone().map(|name| Box::new(Method::new(name, peer))),
            welcome: None,
        }
    }
}

impl Conn {
    pub(crate) fn new(
        request: Box<ConnectRequest>,
        peer: Peer,
        leftover: Vec<u8>,
        channel: ChannelId,
        topic_alias_out_max: u16,
        now: Instant,
    ) -> Self {
        Self {
            phase: Phase::Verdict,
            session: None,
            version: request.version,
            addr: peer.addr,
            v5: request.version.has_properties().then(|| Box::new(V5::new(&request, peer, topic_alias_out_max))),
            send_max: request.receive_max,
            sent_open: 0,
            recording_bytes: 0,
            silence_max_ms: u32::from(request.keep_alive_secs) * 1500,
            seen_at: now,
            stalled_since: Instant::FAR_FUTURE,
            timer_at: Instant::FAR_FUTURE,
            paused: Some((PauseCause::Handshake, now)),
            assembly: leftover,
            outbox: Outbox::default(),
            announced: false,
            slow: false,
            replies: Replies::default(),
            permissions: None,
            rate: Rate::default(),
            counted: false,
            channel,
            principal: None,
            greeted: false,
            awaits: false,
            upload: None,
            peer: None,
            adopted: 0,
            obeyed: 0,
            request: Some(request),
        }
    }

    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Whether it has a CONNACK that let it in.
    pub(crate) fn is_in(&self) -> bool {
        self.is_live() || self.greeted
    }

    /// Whether the next packet may be processed.
    #[inline]
    pub(crate) fn reads(&self) -> bool {
        self.paused.is_none() && matches!(self.phase, Phase::Live | Phase::Exchange | Phase::Awaiting)
    }

    pub(crate) fn is_paused_by_outbox(&self) -> bool {
        matches!(self.paused, Some((PauseCause::Outbox, _)))
    }

    pub(crate) fn method_mut(&mut self) -> Option<&mut Method> {
        self.v5.as_mut()?.method.as_deref_mut()
    }

    /// Whether one more QoS 1 or 2 message may leave [MQTT-3.3.4-9].
    #[inline]
    pub(crate) fn has_send_quota(&self) -> bool {
        self.sent_open < self.send_max
    }

    /// Bytes in the outbox, and those that will follow once they are recorded.
    #[inline]
    pub(crate) fn outgoing_bytes(&self) -> usize {
        self.outbox.len() + self.recording_bytes
    }

    /// Whether one more message may be put into the outbox.
    #[inline]
    pub(crate) fn has_room(&self, limits: &Limits) -> bool {
        let crowded = self.outgoing_bytes() >= limits.outbox_bytes_max as usize;
        self.is_live() && (!crowded || planted(Bug::OutboxUnbounded))
    }

    /// The largest packet the client takes, in bytes.
    #[inline]
    pub(crate) fn packet_bytes_max(&self) -> usize {
        match self.v5.as_ref().map(|v5| v5.packet_bytes_max) {
            None | Some(u32::MAX) => usize::MAX,
            Some(max) => max as usize,
        }
    }

    /// How long the client may say nothing [MQTT-3.1.2-24]; `None`: for ever.
    pub(crate) fn silence_max(&self) -> Option<Duration> {
        (self.silence_max_ms > 0).then(|| Duration::from_millis(u64::from(self.silence_max_ms)))
    }

    /// How long a pause may last: never so long that the client gives up because we do not answer its PINGREQ.
    pub(crate) fn pause_max(&self, limit: Duration) -> Duration {
        match self.silence_max() {
            Some(silence) => limit.min(silence / 3),
            None => limit,
        }
    }
}
