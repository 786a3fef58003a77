//! How a connection ends.

use lmq_codec::{Disconnect, Packet, Properties, Property, ReasonCode};
use lmq_model::status::{EventType, StatusEvent};

use super::{Shard, authenticate::refusal_code, effects::Question};
use crate::{
    ClientIds, ClientKey, CloseReason, ConnId, Now, Output,
    conn::Phase,
    planted::{Bug, planted},
    slab::Key,
};

impl Shard {
    /// The driver is done with a connection: the peer left, or a [`Output::Close`] was carried out. Only now is its id free.
    pub fn handle_closed(&mut self, now: Now, conn: ConnId) {
        self.advance_clock(now);
        self.end(conn.0, &CloseReason::PeerClosed);
        if let Some(mut state) = self.conns.remove(conn.0) {
            state.outbox.clear(&mut self.pool);
        }
    }

    /// Another node has opened the session of this client since: it is not ours any more.
    ///
    /// Its connection is closed as taken over, and it is forgotten without a word to the store, which is another's now. Say it when the
    /// store finds a newer epoch than that of the last [`StoreOp::OpenSession`](crate::StoreOp::OpenSession).
    pub fn handle_superseded(&mut self, now: Now, client: &ClientKey) {
        self.advance_clock(now);
        let Some(key) = self.find(client) else { return };
        let Some(session) = self.sessions.get_mut(key) else { return };
        (session.will, session.recorded, session.expiry) = (None, false, 0);
        match session.conn {
            Some(conn) => self.close(conn, CloseReason::TakenOver),
            None => self.remove_session(key),
        }
    }

    /// DISCONNECT: the client goes, and may say how long its session stays [MQTT-3.14.4-2].
    pub(super) fn on_disconnect(&mut self, conn: Key, disconnect: &Disconnect<'_>) -> CloseReason {
        let asked = disconnect.properties.session_expiry_interval();
        let keeps_will = disconnect.reason == ReasonCode::DisconnectWithWill;
        let reason = if keeps_will { CloseReason::DisconnectedWithWill } else { CloseReason::Disconnected };
        let Some(session) = self.session_of(conn).and_then(|key| self.sessions.get_mut(key)) else {
            return reason;
        };
        if let Some(asked) = asked {
            // Section 3.14.2.2.2.
            if session.expiry == 0 && asked != 0 {
                return CloseReason::Protocol(ReasonCode::ProtocolError, "a session of no length cannot be prolonged");
            }
            session.expiry = self.settings.profile.session_expiry(asked);
        }
        reason
    }

    /// Ends a connection from our side.
    pub(super) fn close(&mut self, conn: Key, reason: CloseReason) {
        self.say_goodbye(conn, &reason);
        if self.end(conn, &reason) {
            self.outputs.push_back(Output::Close { conn: ConnId(conn), reason, linger: self.settings.limits.linger });
        }
    }

    /// A client of MQTT 5.0 is told why its connection ends [MQTT-3.14.0-1].
    fn say_goodbye(&mut self, conn: Key, reason: &CloseReason) {
        // Once: what is being closed may have had its CONNACK long ago.
        if self.conns.get(conn).is_none_or(|state| state.phase == Phase::Closing) {
            return;
        }
        if let (CloseReason::TokenInvalid { denial, access }, true) = (reason, self.is_in(conn)) {
            self.write_invalid(conn, *denial, *access);
        }
        let Some(state) = self.conns.get(conn) else { return };
        let Some(v5) = state.v5.as_ref().filter(|_| state.is_in()) else { return };
        let code = match reason {
            // Without CONNACK, which it has already.
            CloseReason::Refused(refusal) if state.greeted => Some(refusal_code(*refusal)),
            _ => reason.disconnect_code(),
        };
        let Some(code) = code.filter(|_| !planted(Bug::FarewellForgotten)) else { return };
        let text = alloc::format!("{reason}");
        let list = [Property::ReasonString(&text)];
        // [MQTT-3.14.2-3]: without the words where they are not wanted or have no room.
        let words = Properties::new(&list).ok().filter(|_| v5.problem_information);
        let full = Disconnect { reason: code, properties: words.unwrap_or_default() };
        let fits = Packet::Disconnect(full)
            .encoder(state.version)
            .is_ok_and(|encoder| encoder.encoded_len() <= state.packet_bytes_max());
        self.write_packet(conn, &Packet::Disconnect(if fits { full } else { Disconnect::new(code) }));
    }

    fn is_in(&self, conn: Key) -> bool {
        self.conns.get(conn).is_some_and(|state| state.is_in())
    }

    /// Separates a connection from its session. False if that was done before.
    fn end(&mut self, conn: Key, reason: &CloseReason) -> bool {
        let Some(state) = self.conns.get(conn) else {
            return false;
        };
        if state.phase == Phase::Closing {
            return false;
        }
        self.stop_awaiting(conn);
        let Some(state) = self.conns.get(conn) else { return false };
        let was_live = state.phase == Phase::Live;
        if was_live {
            if matches!(reason, CloseReason::Disconnected | CloseReason::DisconnectedWithWill) {
                self.report(conn, EventType::Disconnect);
            }
            if !(planted(Bug::TcpCleanForgotten) && *reason == CloseReason::Disconnected) {
                self.report(conn, EventType::TcpClean);
            }
        }
        self.count(reason);
        let Some(state) = self.conns.get_mut(conn) else {
            return false;
        };
        state.phase = Phase::Closing;
        state.assembly = alloc::vec::Vec::new();
        state.replies = Default::default();
        state.permissions = None;
        state.upload = None;
        let request = state.request.take();
        if core::mem::take(&mut state.counted) {
            let session = state.session.and_then(|key| self.sessions.get(key));
            let instance = request.map(|request| request.client.instance);
            let instance = instance.or_else(|| session.map(|session| session.client.instance));
            if let Some(usage) = instance.and_then(|instance| self.usage(instance)) {
                usage.own.connections = usage.own.connections.saturating_sub(1);
            }
        }
        let Some(state) = self.conns.get_mut(conn) else {
            return false;
        };
        if let Some(session) = state.session.take() {
            let shared = self.take_shared(session, conn);
            self.part(session, conn, was_live, reason);
            self.member_left(session, shared);
        }
        true
    }

    fn count(&mut self, reason: &CloseReason) {
        match reason {
            CloseReason::Malformed(_)
            | CloseReason::NotConnect
            | CloseReason::Unexpected(_)
            | CloseReason::Protocol(..)
            | CloseReason::InvalidTopic(_) => self.stats.protocol_errors += 1,
            CloseReason::KeepAlive | CloseReason::PausedTooLong | CloseReason::Stalled | CloseReason::TokenTimeout => {
                self.stats.timeouts += 1;
            }
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
        let instance = session.client.instance;
        let ticket = self.ask(Question::Unattended);
        self.outputs.push_back(Output::Status { ticket, instance, event: event.into() });
    }
}
