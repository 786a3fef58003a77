//! Bytes into packets, and packets to the methods that serve them.

use alloc::vec::Vec;

use lmq_codec::{Frame, Packet, PacketType, Split, split};

use super::Shard;
use crate::{
    CloseReason, ConnId, Flow, Instant, Now, Output,
    conn::{Conn, PauseCause, Phase},
    planted::{Bug, planted},
    slab::Key,
};

/// An emptied assembly buffer is kept for the next cut packet up to this size, in bytes.
const ASSEMBLY_KEPT_MAX: usize = 1024;

impl Shard {
    /// Bytes were received. All of them are taken; what cannot be processed yet is kept for later.
    #[inline]
    pub fn handle_bytes(&mut self, now: Now, conn: ConnId, input: &[u8]) -> Flow {
        self.advance_clock(now);
        if self.tokens_are_due() && !planted(Bug::TokenEndLate) {
            self.serve_tokens();
        }
        let Some(state) = self.conns.get_mut(conn.0) else {
            return Flow::Closed;
        };
        // Who is asked who it is has a whole answer to give in time, not a byte now and then.
        if !matches!(state.phase, Phase::Exchange | Phase::Awaiting) {
            state.seen_at = self.now.monotonic;
        }
        self.deliveries = 0;
        if state.phase == Phase::Closing {
            return Flow::Closed;
        }
        if !state.reads() {
            state.assembly.extend_from_slice(input);
            return Flow::Pause;
        }
        if state.assembly.is_empty() {
            self.take(conn.0, input);
        } else {
            self.assemble(conn.0, input);
        }
        self.flow(conn.0)
    }

    fn flow(&self, conn: Key) -> Flow {
        match self.conns.get(conn) {
            Some(state) if state.reads() => Flow::Continue,
            Some(state) if state.phase != Phase::Closing => Flow::Pause,
            _ => Flow::Closed,
        }
    }

    /// Processes whole packets where they lie and keeps the rest.
    fn take(&mut self, conn: Key, mut input: &[u8]) {
        let max = self.packet_bytes_max(conn);
        while !input.is_empty() && self.may_read(conn) {
            match split(input, max) {
                Ok(Split::Frame { frame, rest }) => {
                    if !self.on_frame(conn, frame) {
                        break;
                    }
                    input = rest;
                }
                Ok(Split::Need(_)) => break,
                Err(error) => return self.close(conn, CloseReason::Malformed(error)),
            }
        }
        self.keep(conn, |assembly| assembly.extend_from_slice(input));
    }

    /// The same when a packet was cut: only as much as completes it is copied behind its beginning.
    fn assemble(&mut self, conn: Key, mut input: &[u8]) {
        let max = self.packet_bytes_max(conn);
        let Some(state) = self.conns.get_mut(conn) else {
            return;
        };
        let mut buffer = core::mem::take(&mut state.assembly);
        let mut done = 0;
        while self.may_read(conn) {
            match split(&buffer[done..], max) {
                Ok(Split::Frame { frame, rest }) => {
                    let end = buffer.len() - rest.len();
                    if !self.on_frame(conn, frame) {
                        break;
                    }
                    done = end;
                    if done == buffer.len() {
                        buffer.clear();
                        buffer.shrink_to(ASSEMBLY_KEPT_MAX);
                        self.keep(conn, |assembly| *assembly = buffer);
                        return self.take(conn, input);
                    }
                }
                Ok(Split::Need(_)) if input.is_empty() => break,
                Ok(Split::Need(more)) => {
                    let (now, later) = input.split_at(more.min(input.len()));
                    buffer.extend_from_slice(now);
                    input = later;
                }
                Err(error) => return self.close(conn, CloseReason::Malformed(error)),
            }
        }
        self.keep(conn, |assembly| {
            buffer.drain(..done);
            buffer.extend_from_slice(input);
            *assembly = buffer;
        });
    }

    fn packet_bytes_max(&self, conn: Key) -> u32 {
        match self.conns.get(conn) {
            Some(state) if matches!(state.phase, Phase::Exchange | Phase::Awaiting) => {
                self.settings.limits.connect_bytes_max
            }
            Some(state) if state.v5.is_some() => self.settings.packet_bytes_max(state.version),
            _ => self.settings.limits.packet_bytes_max,
        }
    }

    fn may_read(&self, conn: Key) -> bool {
        self.conns.get(conn).is_some_and(|state| state.reads())
    }

    /// A connection that is being closed keeps nothing.
    fn keep(&mut self, conn: Key, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(state) = self.conns.get_mut(conn).filter(|state| state.phase != Phase::Closing) {
            change(&mut state.assembly);
        }
    }

    /// Serves one packet. False if it has to wait: the connection is paused then.
    fn on_frame(&mut self, conn: Key, frame: Frame<'_>) -> bool {
        let Some(state) = self.conns.get(conn) else {
            return true;
        };
        let (version, phase) = (state.version, state.phase);
        let (replies, outbox) = (state.replies.len(), state.outbox.len());
        if replies >= self.settings.limits.replies_max as usize {
            return self.pause(conn, PauseCause::Replies);
        }
        // Messages stop at the limit; what goes beyond it is answers to the peer's own packets.
        if outbox >= 2 * self.settings.limits.outbox_bytes_max as usize {
            return self.pause(conn, PauseCause::Outbox);
        }
        let routed =
            matches!(frame.packet_type(), Some(PacketType::Publish | PacketType::Subscribe | PacketType::Unsubscribe));
        if routed {
            if self.links_are_full() {
                self.paused_by_link.push(conn);
                return self.pause(conn, PauseCause::Link);
            }
            if self.has_done_enough() {
                self.paused_by_work.push(conn);
                return self.pause(conn, PauseCause::Work);
            }
            if frame.packet_type() == Some(PacketType::Publish) && !self.may_publish_now(conn) {
                return self.pause(conn, PauseCause::Rate);
            }
        }
        let served = match Packet::decode(frame, version) {
            Ok(packet) if phase == Phase::Exchange => self.on_exchange(conn, packet),
            Ok(packet) if phase == Phase::Awaiting => self.on_awaiting(conn, packet),
            Ok(packet) => self.on_packet(conn, packet),
            Err(error) => Err(CloseReason::Malformed(error)),
        };
        if let Err(reason) = served {
            self.close(conn, reason);
        }
        true
    }

    /// Whether messages and subscriptions are for the next call.
    #[inline]
    fn has_done_enough(&self) -> bool {
        self.deliveries >= self.settings.limits.deliveries_per_call_max || self.line.is_busy()
    }

    fn on_packet(&mut self, conn: Key, packet: Packet<'_>) -> Result<(), CloseReason> {
        match packet {
            Packet::Publish(publish) => return self.on_publish(conn, publish),
            Packet::PubAck(ack) => self.on_puback(conn, ack.id),
            Packet::PubRec(ack) => self.on_pubrec(conn, ack.id, ack.reason),
            Packet::PubRel(ack) => self.on_pubrel(conn, ack.id),
            Packet::PubComp(ack) => self.on_pubcomp(conn, ack.id),
            Packet::Subscribe(subscribe) => return self.on_subscribe(conn, subscribe),
            Packet::Unsubscribe(unsubscribe) => self.on_unsubscribe(conn, &unsubscribe),
            // [MQTT-3.12.4-1]
            Packet::PingReq => self.write(conn, &[0xd0, 0]),
            Packet::Disconnect(disconnect) => return Err(self.on_disconnect(conn, &disconnect)),
            Packet::Auth(auth) => return self.on_auth(conn, &auth),
            // [MQTT-3.1.0-2]
            Packet::Connect(_) => return Err(CloseReason::Unexpected("CONNECT")),
            _ => return Err(CloseReason::Unexpected("packet of a server")),
        }
        Ok(())
    }

    pub(super) fn pause(&mut self, conn: Key, cause: PauseCause) -> bool {
        if let Some(state) = self.conns.get_mut(conn) {
            state.paused = Some((cause, self.now.monotonic));
            state.slow |= cause == PauseCause::Outbox;
            self.stats.pauses += 1;
        }
        self.watch(conn);
        false
    }

    /// The cause of a pause is gone; the connection goes on with the next drain.
    pub(super) fn unpause(&mut self, conn: Key, cause: PauseCause) {
        if self.conns.get(conn).and_then(|state| state.paused).is_some_and(|(paused_by, _)| paused_by == cause) {
            self.resumable.push_back(conn);
        }
    }

    fn is_paused_by_work(&self, conn: Key) -> bool {
        matches!(self.conns.get(conn).and_then(|state| state.paused), Some((PauseCause::Work, _)))
    }

    /// Serves what came during a pause, and lets the driver read on if that does not pause again.
    fn resume(&mut self, conn: Key) {
        let reads = |state: &&mut Conn| matches!(state.phase, Phase::Live | Phase::Exchange | Phase::Awaiting);
        let Some(state) = self.conns.get_mut(conn).filter(reads) else {
            return;
        };
        // More than one cause may have sent it here: none but the verdict ends the wait for a token.
        if state.upload.is_some() && !planted(Bug::UploadWaitCutShort) {
            return;
        }
        let Some((_, since)) = state.paused.take() else {
            return;
        };
        if state.phase != Phase::Awaiting {
            state.seen_at = self.now.monotonic;
        }
        if !state.assembly.is_empty() {
            self.assemble(conn, &[]);
        }
        self.go_on_pausing(conn, since);
        if self.may_read(conn) && !planted(Bug::ResumeForgotten) {
            self.outputs.push_back(Output::Resume(ConnId(conn)));
        }
    }

    /// A pause that follows a pause at once is the same one: nothing was read in between. Waiting for one's turn to publish is
    /// not, as every turn is served in time.
    fn go_on_pausing(&mut self, conn: Key, since: Instant) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        match &mut state.paused {
            Some((cause, began)) if *cause != PauseCause::Rate => *began = since,
            _ => return,
        }
        self.watch(conn);
    }

    /// What was put off while inputs came in.
    pub(super) fn finish_drain(&mut self) {
        self.deliveries = 0;
        for _ in 0..self.settings.limits.work_per_call_max {
            let Some(conn) = self.resumable.front().copied() else {
                break;
            };
            // Who would have to wait again is not sent to the end of the line.
            if self.has_done_enough() && self.is_paused_by_work(conn) {
                break;
            }
            self.resumable.pop_front();
            self.resume(conn);
        }
        // After the peers' own packets, so that messages cannot take all the room from the answers.
        for conn in core::mem::take(&mut self.room) {
            if let Some(session) = self.conns.get(conn).and_then(|state| state.session) {
                self.pump(session);
            }
        }
        self.give_credit();
        self.tell_usage();
        for key in core::mem::take(&mut self.lossy) {
            let Some(session) = self.sessions.get_mut(key) else {
                continue;
            };
            if let Some((reason, count)) = session.dropped.take() {
                let client = session.client.clone();
                self.outputs.push_back(Output::Dropped { client, reason, count });
            }
        }
    }
}
