//! How a connection ends.

use lmq_model::status::{EventType, StatusEvent};

use super::{Shard, effects::Question};
use crate::{ClientIds, CloseReason, ConnId, Now, Output, conn::Phase, slab::Key};

impl Shard {
    /// The driver is done with a connection: the peer left, or a [`Output::Close`] was carried out. Only now is its id free.
    pub fn handle_closed(&mut self, now: Now, conn: ConnId) {
        self.advance_clock(now);
        self.end(conn.0, &CloseReason::PeerClosed);
        if let Some(mut state) = self.conns.remove(conn.0) {
            state.outbox.clear(&mut self.pool);
        }
    }

    /// Ends a connection from our side.
    pub(super) fn close(&mut self, conn: Key, reason: CloseReason) {
        if self.end(conn, &reason) {
            self.outputs.push_back(Output::Close { conn: ConnId(conn), reason, linger: self.settings.limits.linger });
        }
    }

    /// Separates a connection from its session. False if that was done before.
    fn end(&mut self, conn: Key, reason: &CloseReason) -> bool {
        let Some(state) = self.conns.get(conn) else {
            return false;
        };
        if state.phase == Phase::Closing {
            return false;
        }
        if state.phase == Phase::Live {
            if *reason == CloseReason::Disconnected {
                self.report(conn, EventType::Disconnect);
            }
            self.report(conn, EventType::TcpClean);
        }
        self.count(reason);
        let Some(state) = self.conns.get_mut(conn) else {
            return false;
        };
        state.phase = Phase::Closing;
        state.assembly = alloc::vec::Vec::new();
        state.replies = Default::default();
        state.permissions = None;
        state.request = None;
        if let Some(session) = state.session.take() {
            self.part(session, conn);
        }
        true
    }

    fn part(&mut self, key: Key, conn: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if session.conn != Some(conn) {
            return;
        }
        session.detach();
        if session.stored.is_none() {
            self.remove_session(key);
        }
    }

    fn count(&mut self, reason: &CloseReason) {
        match reason {
            CloseReason::Malformed(_)
            | CloseReason::NotConnect
            | CloseReason::Unexpected(_)
            | CloseReason::InvalidTopic(_) => self.stats.protocol_errors += 1,
            CloseReason::KeepAlive | CloseReason::PausedTooLong | CloseReason::Stalled => self.stats.timeouts += 1,
            _ => {}
        }
    }

    /// Says that a client came or went.
    pub(super) fn report(&mut self, conn: Key, event_type: EventType) {
        if self.settings.profile.client_ids != ClientIds::GroupAndDevice {
            return;
        }
        let Some(state) = self.conns.get(conn) else {
            return;
        };
        let Some(session) = state.session.and_then(|key| self.sessions.get(key)) else {
            return;
        };
        // Only a product client id has a group, and so a topic for its events.
        let Ok(client_id) = session.client.client_id.parse() else {
            return;
        };
        let event = StatusEvent {
            client_id,
            channel_id: state.channel,
            client_ip: Some(state.addr),
            event_type,
            time: self.now.wall,
        };
        let ticket = self.ask(Question::Unattended);
        self.outputs.push_back(Output::Status { ticket, event: event.into() });
    }
}
