//! Acknowledgements, in both directions.

use alloc::vec::Vec;

use lmq_codec::{Ack, Packet, PacketId, ReasonCode};

use super::{
    Shard,
    deliver::announce,
    effects::{Op, Question, Waiter},
};
use crate::{
    CloseReason, MemberState, StoreOp, StoredInflight,
    conn::PauseCause,
    planted::{Bug, planted},
    replies::{Answer, ReplyId},
    session::{InboundStage, Stage},
    slab::Key,
};

impl Shard {
    /// PUBACK, whatever its reason code: the message is not sent again [MQTT-4.3.2-3].
    pub(super) fn on_puback(&mut self, conn: Key, id: PacketId) {
        let Some(key) = self.session_of(conn) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(finished) = session.window.finish(id, Stage::AwaitPubAck) else {
            return;
        };
        if let Some(seq) = finished.seq.filter(|_| !planted(Bug::AckedKeptInStore)) {
            let op = StoreOp::Remove { client: session.client.clone(), seqs: alloc::vec![seq] };
            self.ask_store(op, Question::Unattended);
        } else {
            session.lent.release(id);
        }
        self.one_finished(conn);
        self.pump_if_waiting(key);
    }

    /// PUBREC: the message is the client's now [MQTT-4.3.3-1]. What is stored is released durably before PUBREL leaves.
    pub(super) fn on_pubrec(&mut self, conn: Key, id: PacketId, reason: ReasonCode) {
        let Some(key) = self.session_of(conn) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        match session.window.stage(id) {
            Some(Stage::AwaitPubRec) if reason.is_failure() => {
                return self.end_exchange(conn, key, id, Stage::AwaitPubRec);
            }
            Some(Stage::AwaitPubRec) => {}
            _ if reason.is_failure() => return,
            // Released already: the client must be let go of the id.
            Some(Stage::AwaitPubComp) => return self.write_pubrel(conn, id, ReasonCode::Success),
            None => return self.write_pubrel(conn, id, ReasonCode::PacketIdentifierNotFound),
            Some(Stage::AwaitPubAck | Stage::Saving | Stage::Releasing) => return,
        }
        let stored = session.window.advance(id, Stage::AwaitPubRec, Stage::Releasing).and_then(|entry| entry.seq);
        match stored.filter(|_| !planted(Bug::ReceiptNotStored)) {
            Some(seq) => {
                let client = session.client.clone();
                let op = StoreOp::SetInflight { client, packet_id: id, state: Some(StoredInflight::Released(seq)) };
                self.ask_store(op, Question::Release { session: key, conn, packet_id: id });
            }
            None => {
                session.window.advance(id, Stage::Releasing, Stage::AwaitPubComp);
                self.write_pubrel(conn, id, ReasonCode::Success);
            }
        }
    }

    pub(super) fn release_saved(&mut self, key: Key, conn: Key, id: PacketId, ok: bool) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if session.conn != Some(conn) {
            return;
        }
        if !ok {
            self.close(conn, CloseReason::EffectFailed);
        } else if session.window.advance(id, Stage::Releasing, Stage::AwaitPubComp).is_some() {
            self.write_pubrel(conn, id, ReasonCode::Success);
        }
    }

    pub(super) fn on_pubcomp(&mut self, conn: Key, id: PacketId) {
        let Some(key) = self.session_of(conn) else {
            return;
        };
        self.end_exchange(conn, key, id, Stage::AwaitPubComp);
    }

    /// A QoS 2 exchange is over: with PUBCOMP, or with a PUBREC that says why not [MQTT-4.3.3-4].
    fn end_exchange(&mut self, conn: Key, key: Key, id: PacketId, stage: Stage) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(finished) = session.window.finish(id, stage) else {
            return;
        };
        if finished.seq.is_some() && !planted(Bug::ExchangeKeptInStore) {
            let op = StoreOp::SetInflight { client: session.client.clone(), packet_id: id, state: None };
            self.ask_store(op, Question::Unattended);
        }
        self.one_finished(conn);
        self.pump_if_waiting(key);
    }

    /// The client takes one more message [MQTT-3.3.4-9].
    pub(super) fn one_finished(&mut self, conn: Key) {
        if let Some(state) = self.conns.get_mut(conn) {
            state.sent_open = state.sent_open.saturating_sub(1);
        }
    }

    /// PUBREL: the id is free for the next message, and PUBCOMP follows whether or not it was known [MQTT-4.3.3-2].
    pub(super) fn on_pubrel(&mut self, conn: Key, id: PacketId) {
        let Some(key) = self.session_of(conn) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        // A PUBREL before our PUBREC is out of place; the message is still being stored.
        if matches!(session.inbound.stage(id), Some(InboundStage::Pending(_))) {
            return;
        }
        let known = planted(Bug::InboundIdKept) || session.inbound.remove(id).is_some() || session.inbound_unknown;
        let reason = if known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        let stored = session.stores(lmq_codec::QoS::ExactlyOnce, self.settings.profile.stored_qos_max);
        // An unknown id is released as well: an earlier try may have failed.
        if !stored || planted(Bug::ReleaseNotStored) {
            self.reply(conn, Answer::PubComp(id, reason));
            return;
        }
        let client = session.client.clone();
        let Some(reply) = self.wait_reply(conn, Answer::PubComp(id, reason)) else {
            return;
        };
        let op = self.ops.insert(Op::waited_by(Waiter::Reply { conn, reply }));
        self.ask_store(StoreOp::ReleaseInbound { client, packet_id: id }, Question::Op(op));
    }

    pub(super) fn session_of(&self, conn: Key) -> Option<Key> {
        self.conns.get(conn)?.session
    }

    #[inline]
    fn pump_if_waiting(&mut self, key: Key) {
        if self.sessions.get(key).is_some_and(|session| session.waits() || session.told == MemberState::Busy) {
            self.pump(key);
        }
    }

    /// Puts an answer at the end that waits for effects.
    pub(super) fn wait_reply(&mut self, conn: Key, answer: Answer) -> Option<ReplyId> {
        self.conns.get_mut(conn).map(|state| state.replies.wait(answer))
    }

    /// Writes the answers that have become ready, in order.
    pub(super) fn flush_replies(&mut self, conn: Key) {
        while let Some(answer) = self.conns.get_mut(conn).and_then(|state| state.replies.pop()) {
            self.write_answer(conn, answer);
        }
        let low = self.settings.limits.replies_max as usize / 2;
        if self.conns.get(conn).is_some_and(|state| state.replies.len() <= low) {
            self.unpause(conn, PauseCause::Replies);
        }
    }

    pub(super) fn write_answer(&mut self, conn: Key, answer: Answer) {
        match answer {
            Answer::PubAck(id, reason) => {
                self.one_answered(conn);
                self.write_ack(conn, Ack::puback(id), reason, Packet::PubAck);
            }
            Answer::PubRec(id, reason) => {
                if reason.is_failure() {
                    self.one_answered(conn);
                }
                self.write_ack(conn, Ack::pubrec(id), reason, Packet::PubRec);
            }
            Answer::PubComp(id, reason) => {
                self.one_answered(conn);
                self.write_ack(conn, Ack::pubcomp(id), reason, Packet::PubComp);
            }
            Answer::UnsubAck(id, codes) => self.write_unsuback(conn, id, &codes),
            Answer::SubAck(id, codes, replays) => {
                self.write_suback(conn, id, &codes);
                self.begin_replays(conn, replays);
            }
        }
    }

    /// The client may send one more message.
    fn one_answered(&mut self, conn: Key) {
        if let Some(v5) = self.conns.get_mut(conn).and_then(|state| state.v5.as_mut()) {
            v5.received_open = v5.received_open.saturating_sub(1);
        }
    }

    /// Four bytes, unless MQTT 5.0 has something to say.
    #[inline]
    fn write_ack(
        &mut self,
        conn: Key,
        short: [u8; 4],
        reason: ReasonCode,
        packet: impl FnOnce(Ack<'static>) -> Packet<'static>,
    ) {
        let tells = reason != ReasonCode::Success && self.conns.get(conn).is_some_and(|state| state.v5.is_some());
        if !tells {
            return self.write(conn, &short);
        }
        let [_, _, high, low] = short;
        if let Some(id) = PacketId::new(u16::from_be_bytes([high, low])) {
            self.write_packet(conn, &packet(Ack { reason, ..Ack::new(id) }));
        }
    }

    pub(super) fn write_pubrel(&mut self, conn: Key, id: PacketId, reason: ReasonCode) {
        self.write_ack(conn, Ack::pubrel(id), reason, Packet::PubRel);
    }

    /// Writes a packet in the version of the connection, unless it is larger than its client takes.
    pub(super) fn write_packet(&mut self, conn: Key, packet: &Packet<'_>) {
        let Some(state) = self.conns.get(conn) else { return };
        let Ok(encoder) = packet.encoder(state.version) else {
            debug_assert!(false, "{packet:?} in {}", state.version);
            return;
        };
        if encoder.encoded_len() <= state.packet_bytes_max() {
            let mut bytes = Vec::with_capacity(encoder.encoded_len());
            encoder.write(&mut bytes);
            self.write(conn, &bytes);
        }
    }

    #[inline]
    pub(super) fn write(&mut self, conn: Key, bytes: &[u8]) {
        let Self { conns, pool, outputs, .. } = self;
        if let Some(state) = conns.get_mut(conn) {
            state.outbox.push(pool, bytes);
            announce(conn, state, outputs);
        }
    }
}
