//! Acknowledgements, in both directions.

use lmq_codec::{Ack, PacketId};

use super::{
    Shard,
    deliver::announce,
    effects::{Op, Question, Waiter},
};
use crate::{
    CloseReason, StoreOp, StoredInflight,
    conn::PauseCause,
    replies::{Answer, ReplyId},
    session::{InboundStage, Stage},
    slab::Key,
};

impl Shard {
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
        if let Some(seq) = finished.seq {
            let op = StoreOp::Remove { client: session.client.clone(), seqs: alloc::vec![seq] };
            self.ask_store(op, Question::Unattended);
        }
        self.pump_if_waiting(key);
    }

    /// PUBREC: the message is the client's now [MQTT-4.3.3-1]. What is stored is released durably before PUBREL leaves.
    pub(super) fn on_pubrec(&mut self, conn: Key, id: PacketId) {
        let Some(key) = self.session_of(conn) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        match session.window.stage(id) {
            Some(Stage::AwaitPubRec) => {}
            // An id we have forgotten, or released already: the client must be let go of it.
            None | Some(Stage::AwaitPubComp) => return self.write_pubrel(conn, id),
            Some(Stage::AwaitPubAck | Stage::Saving | Stage::Releasing) => return,
        }
        let stored = session.window.advance(id, Stage::AwaitPubRec, Stage::Releasing).and_then(|entry| entry.seq);
        match stored {
            Some(seq) => {
                let client = session.client.clone();
                let op = StoreOp::SetInflight { client, packet_id: id, state: Some(StoredInflight::Released(seq)) };
                self.ask_store(op, Question::Release { session: key, conn, packet_id: id });
            }
            None => {
                session.window.advance(id, Stage::Releasing, Stage::AwaitPubComp);
                self.write_pubrel(conn, id);
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
            self.write_pubrel(conn, id);
        }
    }

    pub(super) fn on_pubcomp(&mut self, conn: Key, id: PacketId) {
        let Some(key) = self.session_of(conn) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(finished) = session.window.finish(id, Stage::AwaitPubComp) else {
            return;
        };
        if finished.seq.is_some() {
            let op = StoreOp::SetInflight { client: session.client.clone(), packet_id: id, state: None };
            self.ask_store(op, Question::Unattended);
        }
        self.pump_if_waiting(key);
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
        session.inbound.remove(id);
        let stored = session.stores(lmq_codec::QoS::ExactlyOnce, self.settings.profile.stored_qos_max);
        // An unknown id is released as well: an earlier try may have failed.
        if !stored {
            self.reply(conn, Answer::PubComp(id));
            return;
        }
        let client = session.client.clone();
        let Some(reply) = self.wait_reply(conn, Answer::PubComp(id)) else {
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
        if self.sessions.get(key).is_some_and(|session| session.waits()) {
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
            Answer::PubAck(id) => self.write(conn, &Ack::puback(id)),
            Answer::PubRec(id) => self.write(conn, &Ack::pubrec(id)),
            Answer::PubComp(id) => self.write(conn, &Ack::pubcomp(id)),
            Answer::UnsubAck(id) => self.write_unsuback(conn, id),
            Answer::SubAck(id, codes) => self.write_suback(conn, id, &codes),
        }
    }

    pub(super) fn write_pubrel(&mut self, conn: Key, id: PacketId) {
        self.write(conn, &Ack::pubrel(id));
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
