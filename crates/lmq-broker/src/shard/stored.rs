//! What waits in the store for a session: read in its order, sent as far as there is room, recorded step by step.

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

use lmq_codec::{Delivery, PacketId, QoS, ReasonCode};

use super::{Shard, deliver::delivery, effects::Question, fan::Fan};
use crate::{
    Done, DropReason, Failed, StoreOp, StoredInflight, StoredMessage, Ticket,
    conn::Conn,
    planted::{Bug, planted},
    session::{Inflight, Stage, StoredQueue},
    slab::Key,
};

impl Shard {
    /// A message is in the queue of a session in the store.
    pub(super) fn deliver_stored(&mut self, key: Key, stored: StoredMessage) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let online = session.conn.is_some();
        if let Some(queue) = &mut session.stored {
            queue.appended(stored, online);
        }
        if online {
            self.pump(key);
        }
    }

    pub(super) fn fetched(&mut self, ticket: Ticket, key: Key, end: u64, result: Result<Done, Failed>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let (Some(conn), Some(queue)) = (session.conn, &mut session.stored) else {
            return;
        };
        if !queue.awaits(ticket) {
            return;
        }
        match result {
            Ok(Done::Fetched(mut messages)) => {
                if planted(Bug::FetchedBackwards) {
                    messages.reverse();
                }
                let read = queue.fetched(messages, end);
                self.give_up(key, &read);
                self.pump(key);
            }
            // Without its queue the session cannot be served: the client comes back and it is tried again.
            _ => self.close(conn, crate::CloseReason::EffectFailed),
        }
    }

    /// Ends the exchanges of an earlier connection whose message the store has given up: there is nothing to send again, and their
    /// ids would never come free.
    fn give_up(&mut self, key: Key, read: &Range<u64>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(queue) = &session.stored else { return };
        if read.start >= queue.resume_end {
            return;
        }
        let is_gone = |seq: u64| read.contains(&seq) && !queue.is_at_hand(seq);
        // An exchange that is released needs its message no more.
        let needs = |stage: Stage| matches!(stage, Stage::Saving | Stage::AwaitPubAck | Stage::AwaitPubRec);
        let gone = |open: &&Inflight| needs(open.stage) && open.seq.is_some_and(is_gone);
        let ids: Vec<(PacketId, Stage)> =
            session.window.iter().filter(gone).map(|open| (open.id, open.stage)).collect();
        for (id, stage) in ids {
            self.finish_unsent(key, id, stage);
        }
    }

    /// Takes the next stored message if it can be sent now, or needs no sending any more.
    /// Says as well whether it was sent before, on an earlier connection.
    pub(super) fn next_stored(&mut self, key: Key) -> Option<(StoredMessage, bool)> {
        let limits = &self.settings.limits;
        let session = self.sessions.get_mut(key)?;
        let conn = self.conns.get(session.conn?)?;
        if !conn.has_room(limits) {
            return None;
        }
        let queue = session.stored.as_mut()?;
        let seq = queue.peek()?.seq;
        let again = seq < queue.sent_end;
        // What is in the window already needs no room there, and what the queue has before it must not keep it back.
        let open = again || seq < queue.resume_end;
        let full = !open && session.window.len() >= usize::from(limits.inflight_max);
        // [MQTT-3.3.4-9]: also of what is sent again.
        if full || !conn.has_send_quota() {
            return None;
        }
        queue.pop().map(|stored| (stored, again))
    }

    pub(super) fn send_stored(&mut self, key: Key, stored: StoredMessage, again: bool) {
        let StoredMessage { seq, .. } = stored;
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(queue) = &session.stored else { return };
        if again || seq < queue.resume_end {
            if let Some(open) = session.window.with_seq(seq) {
                self.resend(key, open.id, open.stage, stored);
                return;
            }
            if again {
                return;
            }
        }
        self.send_first(key, stored);
    }

    /// Sends a message for the first time, or takes one that its client will never take out of the store.
    fn send_first(&mut self, key: Key, stored: StoredMessage) {
        let (terms, seq) = (stored.options.terms(), stored.seq);
        let Some(mut fan) = Fan::of_message(&stored.message, self.settings.limits.shared_payload_bytes_min) else {
            return;
        };
        if let Some(reason) = self.never_for(key, terms, &mut fan) {
            self.give_up_message(key, reason);
            return self.remove_stored(key, seq);
        }
        let Some(session) = self.sessions.get_mut(key) else { return };
        match terms.qos {
            QoS::ExactlyOnce if !planted(Bug::SentBeforeSaved) => self.save_then_send(key, stored),
            qos => {
                let stage = if qos == QoS::ExactlyOnce { Stage::AwaitPubRec } else { Stage::AwaitPubAck };
                let id = session.window.open(stage, Some(seq));
                self.write_to(key, &mut fan, delivery(qos, id, false), terms);
            }
        }
    }

    /// Sends a message of an earlier connection again, under its packet id [MQTT-4.4.0-1] with DUP [MQTT-3.3.1-1].
    fn resend(&mut self, key: Key, id: PacketId, stage: Stage, stored: StoredMessage) {
        let shared_bytes_min = self.settings.limits.shared_payload_bytes_min;
        let Some(mut fan) = Fan::of_message(&stored.message, shared_bytes_min) else { return };
        let terms = stored.options.terms();
        match stage {
            Stage::AwaitPubAck | Stage::AwaitPubRec if self.is_too_large_for(key, terms, &mut fan) => {
                self.give_up_message(key, DropReason::TooLarge);
                self.finish_unsent(key, id, stage);
            }
            Stage::AwaitPubAck | Stage::AwaitPubRec => {
                self.write_to(key, &mut fan, delivery(terms.qos, id, !planted(Bug::ResentWithoutDup)), terms);
            }
            // Never left the broker: its packet id must be recorded first, if it is to leave at all.
            Stage::Saving => match self.never_for(key, terms, &mut fan) {
                Some(reason) => {
                    self.give_up_message(key, reason);
                    self.finish_unsent(key, id, stage);
                }
                None => self.record_sent(key, id, stored),
            },
            Stage::Releasing | Stage::AwaitPubComp => {}
        }
    }

    /// Ends an exchange as if its message had been sent and acknowledged [MQTT-3.1.2-25].
    fn finish_unsent(&mut self, key: Key, id: PacketId, stage: Stage) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if let (Stage::AwaitPubRec, Some(conn)) = (stage, session.conn) {
            return self.release_unsent(conn, id);
        }
        let Some(finished) = session.window.finish(id, stage) else { return };
        let client = session.client.clone();
        let op = match (stage, finished.seq) {
            (Stage::Saving, _) => StoreOp::SetInflight { client, packet_id: id, state: None },
            (_, Some(seq)) => StoreOp::Remove { client, seqs: alloc::vec![seq] },
            (_, None) => return,
        };
        self.ask_store(op, Question::Unattended);
        if let (Stage::Saving, Some(seq)) = (stage, finished.seq) {
            self.remove_stored(key, seq);
        }
    }

    /// Ends a QoS 2 exchange of an earlier connection whose message is not sent again. The client may have it; PUBREL lets go of its id
    /// on both sides whether it has or not.
    fn release_unsent(&mut self, conn: Key, id: PacketId) {
        // Open until PUBCOMP, like every message that leaves [MQTT-3.3.4-9].
        if let Some(state) = self.conns.get_mut(conn) {
            state.sent_open = state.sent_open.saturating_add(1);
        }
        self.on_pubrec(conn, id, ReasonCode::Success);
    }

    fn remove_stored(&mut self, key: Key, seq: u64) {
        if let Some(session) = self.sessions.get(key) {
            let op = StoreOp::Remove { client: session.client.clone(), seqs: alloc::vec![seq] };
            self.ask_store(op, Question::Unattended);
        }
    }

    /// The packet id of a QoS 2 message is durable before the PUBLISH leaves.
    fn save_then_send(&mut self, key: Key, stored: StoredMessage) {
        if let Some(session) = self.sessions.get_mut(key) {
            let packet_id = session.window.open(Stage::Saving, Some(stored.seq));
            self.record_sent(key, packet_id, stored);
        }
    }

    /// Takes the client's quota and its outbox's room already, so that no more are recorded than may leave.
    fn record_sent(&mut self, key: Key, packet_id: PacketId, stored: StoredMessage) {
        let Some(session) = self.sessions.get(key) else { return };
        let Some(conn) = session.conn else { return };
        let Some(seq) = session.window.seq(packet_id) else { return };
        if let Some(state) = self.conns.get_mut(conn) {
            state.sent_open = state.sent_open.saturating_add(1);
            state.recording_bytes += stored.message.weight();
        }
        let state = Some(StoredInflight::Sent(seq));
        let op = StoreOp::SetInflight { client: session.client.clone(), packet_id, state };
        self.ask_store(op, Question::Send { session: key, conn, packet_id, stored: Box::new(stored) });
    }

    pub(super) fn send_saved(&mut self, key: Key, conn: Key, id: PacketId, stored: &StoredMessage, ok: bool) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        // A connection that came in between asks for itself.
        if session.conn != Some(conn) {
            return;
        }
        if let Some(state) = self.conns.get_mut(conn) {
            state.recording_bytes = state.recording_bytes.saturating_sub(stored.message.weight());
        }
        if !ok {
            self.close(conn, crate::CloseReason::EffectFailed);
        } else if session.window.advance(id, Stage::Saving, Stage::AwaitPubRec).is_some() {
            self.one_finished(conn);
            let delivery = Delivery::ExactlyOnce { id, dup: false };
            let fan = Fan::of_message(&stored.message, self.settings.limits.shared_payload_bytes_min);
            if let Some(mut fan) = fan {
                self.write_to(key, &mut fan, delivery, stored.options.terms());
            }
        }
    }

    /// Reads on in the store, if nothing is at hand and the session can take something.
    pub(super) fn fetch(&mut self, key: Key) {
        const FETCH_BYTES_MAX: u32 = 1024 * 1024;
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if !session.conn.and_then(|conn| self.conns.get(conn)).is_some_and(Conn::is_live) {
            return;
        }
        let Some(queue) = &session.stored else { return };
        let Some((from, end)) = queue.want().filter(|_| !planted(Bug::FetchForgotten)) else {
            return;
        };
        let count_max = StoredQueue::batch();
        let op = StoreOp::Fetch { client: session.client.clone(), from, count_max, bytes_max: FETCH_BYTES_MAX };
        let ticket = self.ask_store(op, Question::Fetch { session: key, end });
        if let Some(queue) = self.sessions.get_mut(key).and_then(|session| session.stored.as_mut()) {
            queue.fetch_begun(ticket);
        }
    }
}
