//! Connections before their CONNECT.

mod connect;

use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec::Vec};
use core::{fmt, time::Duration};

use bytes::Buf;
use lmq_codec::{ReasonCode, Split, Version, split};
use zeroize::Zeroizing;

use crate::{
    CloseReason, Command, ConnId, Handoff, Instant, Now, Peer, Settings, TlsInfo, connack, random::Random, slab::Slab,
    timers::Timers,
};

/// The first of the two machines: it holds a connection until its CONNECT is complete and knows which shard it belongs to.
///
/// - Inputs: [`accept`](Self::accept), [`handle_bytes`](Self::handle_bytes), [`handle_closed`](Self::handle_closed),
///   [`handle_timeout`](Self::handle_timeout), [`handle_command`](Self::handle_command), [`drain`](Self::drain).
/// - Outputs: [`poll_output`](Self::poll_output) until it says `None`, then [`poll_timeout`](Self::poll_timeout).
///
/// Every thread of a driver has one. Who answers what: a CONNECT that is malformed, of an unknown version, or with a client id
/// the profile does not know is refused here; credentials are the shard's affair.
pub struct Front {
    settings: Arc<Settings>,
    handshakes: Slab<Handshake>,
    outputs: VecDeque<Pending>,
    timers: Timers,
    random: Random,
    now: Instant,
    draining: bool,
}

/// What a front wants done.
#[derive(Debug)]
#[non_exhaustive]
pub enum FrontOutput {
    /// The CONNECT is complete: give the connection to the shard it names. The front has forgotten it.
    Handoff(Box<Handoff>),
    /// [`Front::outgoing`] has bytes for this connection.
    Transmit(ConnId),
    /// Write what remains, shut the write side down, read to the end, then call [`Front::handle_closed`].
    Close {
        /// Which connection.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
        /// Give up writing and reading after so long.
        linger: Duration,
    },
}

/// Whether a machine takes more bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// Go on reading.
    Continue,
    /// All bytes were taken, but read no more before `Resume`, or before the shard has adopted the connection.
    Pause,
    /// The connection is being closed, or is not known: read only to see its end.
    Closed,
}

struct Handshake {
    peer: Box<Peer>,
    /// A part of a CONNECT, or what came behind it.
    received: Zeroizing<Vec<u8>>,
    /// A CONNACK that refuses.
    answer: Vec<u8>,
    answer_sent: usize,
    phase: Phase,
}

enum Phase {
    /// The CONNECT is not complete.
    Waiting,
    /// It is; the handoff is on the list of outputs, and the id stays taken until it is polled.
    Leaving(Box<connect::Request>),
    /// [`FrontOutput::Close`] was said.
    Closing,
}

#[derive(Debug)]
enum Pending {
    Handoff(ConnId),
    Transmit(ConnId),
    Close(ConnId, CloseReason),
}

/// The front holds twice [`Limits::handshakes_max`](crate::Limits::handshakes_max) connections, those being closed included, or is draining.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for another connection without CONNECT")]
pub struct Full;

impl Front {
    /// A front without connections. `seed`: see [`Shard::new`](crate::Shard::new).
    pub fn new(settings: Arc<Settings>, seed: [u8; 32]) -> Self {
        Self {
            settings,
            handshakes: Slab::new(),
            outputs: VecDeque::new(),
            timers: Timers::default(),
            random: Random::new(seed),
            now: Instant::default(),
            draining: false,
        }
    }

    /// A connection was accepted; it has [`Limits::connect_timeout`](crate::Limits::connect_timeout) for its CONNECT.
    ///
    /// Where [`Limits::handshakes_max`](crate::Limits::handshakes_max) are waiting already, the oldest gives way: a crowd that says nothing must not
    /// keep those out who would.
    ///
    /// # Errors
    ///
    /// [`Full`]: close the connection at once.
    pub fn accept(&mut self, now: Now, peer: Peer) -> Result<ConnId, Full> {
        self.now = self.now.max(now.monotonic);
        let max = self.settings.limits.handshakes_max as usize;
        if self.draining || self.handshakes.len() >= 2 * max {
            return Err(Full);
        }
        if self.handshakes.len() >= max {
            self.close_oldest();
        }
        let handshake = Handshake {
            peer: Box::new(peer),
            received: Zeroizing::default(),
            answer: Vec::new(),
            answer_sent: 0,
            phase: Phase::Waiting,
        };
        let key = self.handshakes.insert(handshake);
        self.timers.arm(self.now.saturating_add(self.settings.limits.connect_timeout), key);
        Ok(ConnId(key))
    }

    /// Bytes were received.
    pub fn handle_bytes(&mut self, now: Now, conn: ConnId, input: &[u8]) -> Flow {
        self.now = self.now.max(now.monotonic);
        let Some(handshake) = self.handshakes.get_mut(conn.0) else {
            return Flow::Closed;
        };
        match handshake.phase {
            Phase::Waiting => {}
            Phase::Leaving(_) => {
                handshake.received.extend_from_slice(input);
                return Flow::Pause;
            }
            Phase::Closing => return Flow::Closed,
        }
        let mut received = core::mem::take(&mut handshake.received);
        let whole = if received.is_empty() {
            input
        } else {
            received.extend_from_slice(input);
            &received[..]
        };
        // [MQTT-3.1.0-1]: seen from the first byte, before a length is believed.
        if whole.first().is_some_and(|first| first >> 4 != 1) {
            return self.close(conn, Version::V3_1_1, CloseReason::NotConnect);
        }
        match split(whole, self.settings.limits.connect_bytes_max) {
            Ok(Split::Need(_)) => {
                let kept = if received.is_empty() { Zeroizing::new(input.to_vec()) } else { received };
                if let Some(handshake) = self.handshakes.get_mut(conn.0) {
                    handshake.received = kept;
                }
                Flow::Continue
            }
            Ok(Split::Frame { frame, rest }) => {
                let tls = self.handshakes.get(conn.0).and_then(|handshake| handshake.peer.tls.as_ref());
                let server_name = tls.and_then(|tls| tls.server_name.as_deref());
                match connect::read(frame, server_name, &self.settings, &mut self.random) {
                    Ok(request) => self.leave(conn, request, rest.to_vec()),
                    Err(connect::Refused { version, reason }) => self.close(conn, version, reason),
                }
            }
            Err(error) => self.close(conn, Version::V3_1_1, CloseReason::Malformed(error)),
        }
    }

    /// The TLS handshake of a connection is over; say it before the first bytes.
    pub fn handle_tls(&mut self, conn: ConnId, info: TlsInfo) {
        if let Some(handshake) = self.handshakes.get_mut(conn.0) {
            handshake.peer.tls = Some(Box::new(info));
        }
    }

    /// The driver is done with a connection: the peer left, or a `Close` was carried out.
    pub fn handle_closed(&mut self, conn: ConnId) {
        self.handshakes.remove(conn.0);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        self.now = self.now.max(now.monotonic);
        while let Some((_, key)) = self.timers.pop_due(self.now) {
            if self.handshakes.get(key).is_some_and(|handshake| matches!(handshake.phase, Phase::Waiting)) {
                let _ = self.close(ConnId(key), Version::V3_1_1, CloseReason::ConnectTimeout);
            }
        }
    }

    /// Refuses new connections and closes those that wait for a CONNECT.
    pub fn drain(&mut self) {
        self.draining = true;
        for slot in 0..self.handshakes.slots() {
            if let Some(key) = self.handshakes.key(slot) {
                let _ = self.close(ConnId(key), Version::V3_1_1, CloseReason::Draining);
            }
        }
    }

    /// An operator asks for something: [`Command::SetInstance`], after every shard was told, and [`Command::Drain`]. Other commands are the
    /// shards' alone and do nothing here.
    pub fn handle_command(&mut self, command: Command) {
        match command {
            Command::SetInstance { index, instance } => {
                Arc::make_mut(&mut self.settings).set_instance(index, instance);
            }
            Command::Drain => self.drain(),
            _ => {}
        }
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<FrontOutput> {
        loop {
            return Some(match self.outputs.pop_front()? {
                Pending::Handoff(conn) => match self.hand_off(conn) {
                    Some(handoff) => FrontOutput::Handoff(handoff),
                    None => continue,
                },
                Pending::Transmit(conn) => FrontOutput::Transmit(conn),
                Pending::Close(conn, reason) => FrontOutput::Close { conn, linger: self.linger(conn), reason },
            });
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// What this connection has to send.
    pub fn outgoing(&mut self, conn: ConnId) -> impl Buf {
        FrontOutgoing(self.handshakes.get_mut(conn.0))
    }

    /// Connections that have not sent a whole CONNECT yet, and those that were refused and are being closed.
    pub fn len(&self) -> usize {
        self.handshakes.len()
    }

    /// Whether no connection is here.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn leave(&mut self, conn: ConnId, request: connect::Request, leftover: Vec<u8>) -> Flow {
        let Some(handshake) = self.handshakes.get_mut(conn.0) else {
            return Flow::Closed;
        };
        handshake.received = Zeroizing::new(leftover);
        handshake.phase = Phase::Leaving(Box::new(request));
        self.outputs.push_back(Pending::Handoff(conn));
        Flow::Pause
    }

    /// Only a peer that gets an answer is given time to read it.
    fn linger(&self, conn: ConnId) -> Duration {
        let answered = self.handshakes.get(conn.0).is_some_and(|handshake| !handshake.answer.is_empty());
        if answered { self.settings.limits.linger } else { Duration::ZERO }
    }

    fn close_oldest(&mut self) {
        while let Some((_, key)) = self.timers.pop_due(Instant::FAR_FUTURE) {
            if self.handshakes.get(key).is_some_and(|handshake| matches!(handshake.phase, Phase::Waiting)) {
                let _ = self.close(ConnId(key), Version::V3_1_1, CloseReason::ConnectTimeout);
                return;
            }
        }
    }

    /// Nothing is handed off of a connection that was closed in the meantime.
    fn hand_off(&mut self, conn: ConnId) -> Option<Box<Handoff>> {
        if !matches!(self.handshakes.get(conn.0)?.phase, Phase::Leaving(_)) {
            return None;
        }
        let Handshake { peer, mut received, phase, .. } = self.handshakes.remove(conn.0)?;
        let leftover = core::mem::take(&mut *received);
        let Phase::Leaving(request) = phase else {
            return None;
        };
        let shard = self.settings.shard_of(request.client.instance, &request.client.client_id);
        Some(Box::new(Handoff { conn, shard, peer, request, leftover }))
    }

    fn close(&mut self, conn: ConnId, version: Version, reason: CloseReason) -> Flow {
        let Some(handshake) = self.handshakes.get_mut(conn.0) else {
            return Flow::Closed;
        };
        if matches!(handshake.phase, Phase::Closing) {
            return Flow::Closed;
        }
        handshake.phase = Phase::Closing;
        handshake.answer = refusal(version, &reason).unwrap_or_default();
        if !handshake.answer.is_empty() {
            self.outputs.push_back(Pending::Transmit(conn));
        }
        self.outputs.push_back(Pending::Close(conn, reason));
        Flow::Closed
    }
}

impl fmt::Debug for Front {
    /// Without what was received: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("handshakes", &self.handshakes.len()).finish_non_exhaustive()
    }
}

/// Before MQTT 5.0 only a CONNECT that could be read is answered; anything else is closed in silence [MQTT-3.1.4-1].
fn refusal(version: Version, reason: &CloseReason) -> Option<Vec<u8>> {
    match reason {
        CloseReason::Refused(refusal) => Some(connack::refusal(version, *refusal)),
        CloseReason::Malformed(error) if version.has_properties() => {
            Some(connack::failure(version, ReasonCode::from(error)))
        }
        CloseReason::Malformed(error) => {
            ReasonCode::from_connack_code(error.connack_code()?).map(|code| connack::failure(version, code))
        }
        _ => None,
    }
}

struct FrontOutgoing<'a>(Option<&'a mut Handshake>);

impl Buf for FrontOutgoing<'_> {
    fn remaining(&self) -> usize {
        self.chunk().len()
    }

    fn chunk(&self) -> &[u8] {
        let Some(handshake) = &self.0 else { return &[] };
        &handshake.answer[handshake.answer_sent..]
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "advanced by {count} of {} bytes", self.remaining());
        if let Some(handshake) = &mut self.0 {
            handshake.answer_sent += count;
        }
    }
}
