//! From the handoff of a connection to its CONNACK.

use hashbrown::hash_table::Entry;
use lmq_codec::{PacketId, ReasonCode};
use lmq_model::status::{ChannelId, EventType};

use super::{Shard, ShardPhase, effects::Question};
use crate::{
    AuthRequest, AuthStage, ClientKey, CloseReason, ConnId, Done, Failed, Handoff, InstanceIndex, Now, Refusal,
    Resource, StoreOp, StoredInflight, StoredSession,
    conn::{Conn, PauseCause, Phase},
    connack,
    planted::{Bug, planted},
    replies::Answer,
    session::{InboundStage, Session, Stage},
    slab::Key,
};

impl Shard {
    /// Takes a connection over from a front. Do not read from it before [`Output::Resume`](crate::Output::Resume).
    pub fn adopt(&mut self, now: Now, handoff: Handoff) -> ConnId {
        self.advance_clock(now);
        let Handoff { peer, mut request, leftover, .. } = handoff;
        let auth = AuthRequest {
            client: request.client.clone(),
            stage: AuthStage::Connect,
            username: request.username.take(),
            password: request.password.take(),
            method: request.method.clone(),
            data: request.data.take(),
            token: None,
            principal: None,
            peer: (*peer).clone(),
        };
        let channel = ChannelId::new(u128::from_be_bytes(self.random.bytes16()));
        let limits = &self.settings.limits;
        let full = self.conns.len() >= limits.connections_max as usize;
        let kept = self.settings.profile.control_topics.then(|| peer.clone());
        let mut state = Conn::new(request, *peer, leftover, channel, limits.topic_alias_out_max, self.now.monotonic);
        state.adopted = self.orders.given();
        state.peer = kept;
        let conn = self.conns.insert(state);
        let rate = self.settings.limits.connects_per_sec_max;
        if full || self.phase != ShardPhase::Serving {
            self.refuse(conn, Refusal::Unavailable);
        } else if rate.is_some_and(|rate| !self.connect_rate.take(self.now.monotonic, rate)) {
            self.refuse(conn, Refusal::ConnectionRate);
        } else {
            self.ask_who(conn, auth);
        }
        ConnId(conn)
    }

    /// Binds a connection to its session; a clean one of a client without stored session needs no effect.
    pub(super) fn enter(&mut self, conn: Key) {
        let Some(state) = self.conns.get_mut(conn) else {
            return;
        };
        let Some(request) = &state.request else {
            return;
        };
        let (client, clean, expiry_secs) = (request.client.clone(), request.clean_start, request.session_expiry);
        let will = request.will.clone();
        state.phase = Phase::Opening;
        // [MQTT-3.1.4-2]
        if let Some(old) = self.find(&client).and_then(|key| self.sessions.get(key)).and_then(|session| session.conn) {
            self.stats.takeovers += 1;
            if !planted(Bug::TakeoverIgnored) {
                self.close(old, CloseReason::TakenOver);
            }
        }
        if !self.count_connection(conn, client.instance) {
            return self.refuse(conn, Refusal::QuotaExceeded);
        }
        self.end_if_over(&client);
        let existing = self.find(&client);
        // What the store has not dropped yet takes room as well.
        let held = self.sessions.len() + self.undropped.len();
        if existing.is_none() && held >= self.settings.limits.sessions_max as usize {
            self.refuse(conn, Refusal::Unavailable);
            return;
        }
        // What the store has not dropped when it should have, or has not said it dropped, is dropped now.
        let haunted = self.undropped.remove(&client) || self.dropping.contains_key(&client);
        let clean = clean || haunted;
        let (stays, recorded) = (expiry_secs > 0, expiry_secs > 0 || will.is_some());
        let drop = |client| StoreOp::DropSession { client };
        let open = |client| StoreOp::OpenSession { client, clean, expiry_secs, will: will.clone() };
        let empty = |client| if recorded { open(client) } else { drop(client) };
        // [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6]
        let (session, op) = match existing {
            Some(old) if clean => {
                self.publish_will(old);
                self.remove_session(old);
                (self.add_session(client.clone(), stays), Some(empty(client)))
            }
            Some(old) => (old, Some(open(client))),
            None if haunted => (self.add_session(client.clone(), stays), Some(empty(client))),
            None => (self.add_session(client.clone(), stays), recorded.then(|| open(client))),
        };
        self.bind(conn, session);
        if let Some(session) = self.sessions.get_mut(session) {
            // Until the store has answered, nobody knows what it has.
            session.recorded |= op.is_some();
        }
        match op {
            Some(op) => {
                self.ask_store(op, Question::Open { conn, session });
            }
            None => self.go_live(conn, session, false),
        }
    }

    /// Counts a connection for the quota of its instance, if there is room.
    fn count_connection(&mut self, conn: Key, instance: InstanceIndex) -> bool {
        let room = self.has_quota(instance, Resource::Connections, 1);
        if let (true, Some(state)) = (room, self.conns.get_mut(conn)) {
            state.counted = true;
            if let Some(usage) = self.usage(instance) {
                usage.own.connections += 1;
            }
        }
        room
    }

    fn bind(&mut self, conn: Key, session: Key) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        state.session = Some(session);
        let tokens = state.request.as_mut().map(|request| core::mem::take(&mut request.tokens)).unwrap_or_default();
        if let Some(session) = self.sessions.get_mut(session) {
            session.conn = Some(conn);
        }
        self.hold_only(session, &tokens);
    }

    /// The store has loaded or dropped the session of a connection.
    pub(super) fn opened(&mut self, conn: Key, session: Key, result: Result<Done, Failed>) {
        if self.conns.get(conn).is_none_or(|state| state.phase != Phase::Opening) {
            return;
        }
        match result {
            Ok(Done::Opened(Some(stored))) => {
                self.reload_inbound(session, &stored);
                if self.sessions.get(session).is_some_and(|session| session.unopened) {
                    self.load(session, &stored);
                }
                self.go_live(conn, session, true);
            }
            Ok(_) => {
                if let Some(session) = self.sessions.get_mut(session) {
                    session.unopened = false;
                }
                self.go_live(conn, session, false);
            }
            Err(_) => {
                self.refuse(conn, Refusal::Unavailable);
            }
        }
    }

    fn reload_inbound(&mut self, key: Key, stored: &StoredSession) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if core::mem::take(&mut session.inbound_unknown) {
            session.inbound.reload(&stored.inbound);
            self.resolve_doubts(key, &stored.inbound);
        }
    }

    /// What only the store knows of a session of an earlier start.
    fn load(&mut self, key: Key, stored: &StoredSession) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        session.unopened = false;
        for (id, state) in stored.inflight.iter().filter(|_| !planted(Bug::InflightNotRestored)) {
            match state {
                StoredInflight::Sent(seq) => session.window.restore(*id, Stage::AwaitPubRec, *seq),
                StoredInflight::Released(seq) => session.window.restore(*id, Stage::AwaitPubComp, *seq),
            }
        }
        for id in stored.inbound.iter().filter(|_| !planted(Bug::InboundNotRestored)) {
            session.inbound.set(*id, InboundStage::Received);
        }
        if let Some(queue) = &mut session.stored {
            queue.load(stored.first_seq, stored.next_seq);
        }
        for (filter, granted) in &stored.subscriptions {
            self.add_subscription(key, filter.clone(), *granted, None);
        }
    }

    fn go_live(&mut self, conn: Key, session: Key, present: bool) {
        let Some(request) = self.conns.get_mut(conn).and_then(|state| state.request.take()) else {
            return;
        };
        let greeted = self.conns.get(conn).is_some_and(|state| state.greeted);
        let connack = self.welcome(conn, &request, present && !planted(Bug::PresentForgotten));
        // [MQTT-3.1.2-24]
        if !greeted && connack.len() > request.packet_bytes_max as usize {
            return self.refuse(conn, Refusal::PacketTooLarge);
        }
        let Some(state) = self.conns.get_mut(conn) else { return };
        state.phase = Phase::Live;
        state.seen_at = self.now.monotonic;
        // The pause of the handshake ends with this drain, however long the answers took.
        state.paused = Some((PauseCause::Handshake, self.now.monotonic));
        self.stats.connects_accepted += 1;
        if planted(Bug::WillNotCancelled) {
            self.publish_will(session);
        }
        if let Some(session) = self.sessions.get_mut(session) {
            // A will of an earlier connection that waited is not published any more [MQTT-3.1.3-9].
            (session.will, session.will_at, session.ends_at) = (request.will.clone(), None, None);
            (session.had_will, session.expiry) = (request.will.is_some(), request.session_expiry);
            session.recorded = session.stored.is_some() || session.had_will;
            session.told_expiry = session.expiry;
        }
        if !greeted {
            self.write(conn, &connack);
        }
        self.stop_awaiting(conn);
        self.report(conn, EventType::Connect);
        self.answer_first_upload(conn);
        self.announce_short_tokens(session);
        self.end_uncovered(conn);
        self.watch(conn);
        self.resumable.push_back(conn);
        self.resume_session(session);
        self.tell_member_state(session);
    }

    /// Sends again what was not finished on an earlier connection [MQTT-4.4.0-1], then what waits.
    fn resume_session(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(conn) = session.conn else { return };
        session.window.settle();
        let released = session.window.iter().filter(|entry| entry.stage == Stage::AwaitPubComp);
        let released: alloc::vec::Vec<PacketId> = released.map(|entry| entry.id).collect();
        if let Some(queue) = &mut session.stored {
            queue.attach(&session.window);
        }
        // Open until PUBCOMP, and not before that does the client take another [MQTT-3.3.4-9].
        if let Some(state) = self.conns.get_mut(conn) {
            state.sent_open = u16::try_from(released.len()).unwrap_or(u16::MAX);
        }
        for id in released.into_iter().filter(|_| !planted(Bug::ReleaseNotResent)) {
            self.write_pubrel(conn, id, ReasonCode::Success);
        }
        self.resume_replays(key);
        self.pump(key);
    }

    pub(super) fn refuse(&mut self, conn: Key, refusal: Refusal) {
        let Some(state) = self.conns.get(conn).filter(|state| state.phase != Phase::Closing) else {
            return;
        };
        let connack = connack::refusal(state.version, refusal);
        let fits = connack.len() <= state.packet_bytes_max() && !state.greeted;
        self.stats.connects_refused[usize::from(refusal.return_code()) - 1] += 1;
        if fits {
            self.write(conn, &connack);
        }
        self.close(conn, CloseReason::Refused(refusal));
    }

    pub(super) fn find(&self, client: &ClientKey) -> Option<Key> {
        self.find_client(client.instance, &client.client_id)
    }

    pub(super) fn find_client(&self, instance: InstanceIndex, client_id: &str) -> Option<Key> {
        let slot =
            self.clients.find(self.hash(instance, client_id), |slot| self.is_client(*slot, instance, client_id))?;
        self.sessions.key(*slot)
    }

    pub(super) fn add_session(&mut self, client: ClientKey, persistent: bool) -> Key {
        self.know_tenant(client.instance);
        let hash = self.hash(client.instance, &client.client_id);
        let key = self.sessions.insert(Session::new(client, persistent));
        let Self { clients, sessions, hasher, .. } = self;
        let rehash = |slot: &u32| {
            sessions.at(*slot).map_or(0, |session| hash_of(hasher, session.client.instance, &session.client.client_id))
        };
        clients.insert_unique(hash, key.slot, rehash);
        key
    }

    /// Forgets a session with its subscriptions. The store is told by the caller, where it knows of it.
    pub(super) fn remove_session(&mut self, key: Key) {
        self.resolve_doubts(key, &[]);
        self.forget_tokens(key);
        self.remove_subscriptions(key);
        let Some(session) = self.sessions.remove(key) else {
            return;
        };
        let hash = self.hash(session.client.instance, &session.client.client_id);
        let Self { clients, sessions, hasher, .. } = self;
        let rehash = |slot: &u32| {
            sessions.at(*slot).map_or(0, |session| hash_of(hasher, session.client.instance, &session.client.client_id))
        };
        if let Entry::Occupied(entry) = clients.entry(hash, |slot| *slot == key.slot, rehash) {
            entry.remove();
        }
    }

    fn is_client(&self, slot: u32, instance: InstanceIndex, client_id: &str) -> bool {
        let client = self.sessions.at(slot).map(|session| &session.client);
        client.is_some_and(|client| client.instance == instance && &*client.client_id == client_id)
    }

    fn hash(&self, instance: InstanceIndex, client_id: &str) -> u64 {
        hash_of(&self.hasher, instance, client_id)
    }

    /// Puts the answer to a packet behind those that still wait.
    pub(super) fn reply(&mut self, conn: Key, answer: Answer) {
        let Some(state) = self.conns.get_mut(conn) else {
            return;
        };
        if state.replies.is_empty() {
            self.write_answer(conn, answer);
        } else {
            state.replies.follow(answer);
        }
    }
}

fn hash_of(hasher: &foldhash::fast::SeedableRandomState, instance: InstanceIndex, client_id: &str) -> u64 {
    use core::hash::BuildHasher;
    hasher.hash_one((instance, client_id))
}
