//! Who a client is: asked once at its CONNECT, more often with an authentication method of MQTT 5.0.
//!
//! ```text
//!   CONNECT ──▶ Verdict ──Allow──▶ (connect)
//!                 ▲  │ Continue: AUTH 0x18
//!         AUTH 0x18  ▼
//!                Exchange
//! ```
//!
//! A live connection may begin again with AUTH 0x19; it stays live meanwhile, with the rights it had.

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;
use lmq_auth::{Denial, TokenTerm};
use lmq_codec::{Auth, Packet, Properties, Property, ReasonCode};

use super::{Shard, effects::Question, question};
use crate::{
    AuthRequest, AuthStage, CloseReason, ConnectRequest, Grant, Now, Output, Refusal, Ticket, Verdict,
    conn::{Conn, Method, PauseCause, Phase, Welcome},
    connack,
    planted::{Bug, planted},
    slab::Key,
};

impl Shard {
    /// The answer to [`Output::Authenticate`].
    pub fn handle_verdict(&mut self, now: Now, ticket: Ticket, verdict: Verdict) {
        self.advance_clock(now);
        // A token that has ended is replaced by none.
        if self.tokens_are_due() {
            self.serve_tokens();
        }
        let key = question(ticket);
        match self.questions.get(key) {
            Some(Question::Verdict { conn }) => {
                let conn = *conn;
                self.questions.remove(key);
                self.judged(conn, verdict);
            }
            Some(Question::Token { conn }) => {
                let conn = *conn;
                self.questions.remove(key);
                self.judged_upload(conn, verdict);
            }
            _ => {}
        }
    }

    pub(super) fn ask_who(&mut self, conn: Key, request: AuthRequest) {
        let ticket = self.ask(Question::Verdict { conn });
        let given = self.orders.given();
        if let Some(state) = self.conns.get_mut(conn) {
            state.obeyed = given;
            if let Some(method) = state.method_mut() {
                method.orders = given;
            }
        }
        self.outputs.push_back(Output::Authenticate { ticket, request: Box::new(request) });
    }

    /// What was decided, or [`Refusal::Unavailable`] if nothing was in time.
    pub(super) fn judged(&mut self, conn: Key, verdict: Verdict) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        match (state.phase, verdict) {
            (Phase::Verdict, Verdict::Deny(refusal)) => self.refuse(conn, refusal),
            (Phase::Verdict, Verdict::Allow(grant)) => {
                if let Some(method) = state.method_mut() {
                    method.asked = false;
                }
                self.let_in(conn, grant);
            }
            (Phase::Verdict, Verdict::Invalid(denial)) => self.refuse(conn, Refusal::of_token(denial)),
            (Phase::Verdict, Verdict::AwaitToken) => self.await_token(conn),
            (Phase::Verdict, Verdict::Continue(_)) if planted(Bug::ContinueLetsIn) => {
                self.let_in(conn, Grant::new(lmq_auth::Permissions::everything()));
            }
            (Phase::Verdict, Verdict::Continue(data)) => self.ask_for_more(conn, &data),
            (Phase::Live, verdict) if state.method_mut().is_some_and(|method| method.asked) => {
                self.judged_again(conn, verdict);
            }
            _ => {}
        }
    }

    fn let_in(&mut self, conn: Key, grant: Grant) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        state.permissions = Some(grant.permissions);
        state.principal = grant.principal;
        let obeyed = state.obeyed;
        if let Some(denial) = self.fault_of(&grant.tokens, obeyed) {
            return self.refuse(conn, Refusal::of_token(denial));
        }
        let Some(state) = self.conns.get_mut(conn) else { return };
        if let Some(request) = &mut state.request {
            request.tokens = grant.tokens;
        }
        if let Some(v5) = &mut state.v5 {
            let Grant { authentication_data, response_information, .. } = grant;
            v5.welcome = Some(Box::new(Welcome { authentication_data, response_information }));
        }
        self.let_in_judged(conn);
    }

    /// The same once its rights are known.
    pub(super) fn let_in_judged(&mut self, conn: Key) {
        self.obey(conn);
        if self.conns.get(conn).is_none_or(|state| state.phase != Phase::Verdict) {
            return;
        }
        if self.may_leave_will(conn) {
            self.enter(conn);
        } else {
            self.refuse(conn, Refusal::NotAuthorized);
        }
    }

    /// The authenticator wants to hear more: the client is told so and read from [MQTT-4.12.0-2].
    fn ask_for_more(&mut self, conn: Key, data: &Bytes) {
        if !self.write_auth(conn, ReasonCode::ContinueAuthentication, Some(data)) {
            // Only who names a method can be asked.
            return self.refuse(conn, Refusal::AuthenticationMethod);
        }
        let Some(state) = self.conns.get_mut(conn) else { return };
        if let Some(method) = state.method_mut() {
            method.asked = false;
        }
        state.phase = Phase::Exchange;
        state.seen_at = self.now.monotonic;
        state.paused = Some((PauseCause::Handshake, self.now.monotonic));
        self.watch(conn);
        self.resumable.push_back(conn);
    }

    fn judged_again(&mut self, conn: Key, verdict: Verdict) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        let orders = state.method_mut().map_or(0, |method| method.orders);
        if let Some(method) = state.method_mut() {
            method.asked = false;
            method.again = matches!(verdict, Verdict::Continue(_));
        }
        match verdict {
            Verdict::Allow(grant) => {
                let session = state.session;
                // Orders that were obeyed while it was asked hold against what it brings.
                state.obeyed = orders;
                if let Some(denial) = self.fault_of(&grant.tokens, orders) {
                    return self.fail_again(conn, Refusal::of_token(denial));
                }
                let Some(state) = self.conns.get_mut(conn) else { return };
                state.permissions = Some(grant.permissions);
                state.principal = grant.principal;
                if let Some(session) = session {
                    self.hold_only(session, &grant.tokens);
                }
                self.end_uncovered(conn);
                self.write_auth(conn, ReasonCode::Success, grant.authentication_data.as_ref());
                self.obey(conn);
            }
            Verdict::Continue(data) => {
                self.write_auth(conn, ReasonCode::ContinueAuthentication, Some(&data));
            }
            Verdict::Deny(_) if planted(Bug::ReproofDenialIgnored) => {}
            // Section 4.12.1.
            Verdict::Deny(refusal) => self.fail_again(conn, refusal),
            Verdict::AwaitToken => self.fail_again(conn, Refusal::NotAuthorized),
            Verdict::Invalid(denial) => self.fail_again(conn, Refusal::of_token(denial)),
        }
    }

    fn fail_again(&mut self, conn: Key, refusal: Refusal) {
        self.close(conn, CloseReason::Protocol(refusal_code(refusal), "authentication failed"));
    }

    /// What is wrong with tokens that a verdict lets in which was asked for after so many orders.
    pub(super) fn fault_of(&self, tokens: &[TokenTerm], orders: u64) -> Option<Denial> {
        tokens.iter().find_map(|token| match token {
            token if token.is_expired(self.now.wall.value()) => Some(Denial::Expired),
            token if self.tokens.is_revoked_since(token.id, orders) && !planted(Bug::RevokedLetIn) => {
                Some(Denial::Revoked)
            }
            _ => None,
        })
    }

    /// A packet before CONNACK: only AUTH goes on, and DISCONNECT ends.
    pub(super) fn on_exchange(&mut self, conn: Key, packet: Packet<'_>) -> Result<(), CloseReason> {
        match packet {
            Packet::Auth(auth) => self.on_auth(conn, &auth),
            Packet::Disconnect(_) => Err(CloseReason::Disconnected),
            _ => Err(CloseReason::Unexpected("packet before the end of the authentication")),
        }
    }

    /// AUTH: the next step of an exchange, or the first of a new one on a live connection [MQTT-4.12.1-1].
    pub(super) fn on_auth(&mut self, conn: Key, auth: &Auth<'_>) -> Result<(), CloseReason> {
        const WRONG: ReasonCode = ReasonCode::ProtocolError;
        let Some(state) = self.conns.get_mut(conn) else { return Ok(()) };
        let (live, addr) = (state.is_live(), state.addr);
        let Some(method) = state.method_mut() else {
            // [MQTT-4.12.0-6]
            return Err(CloseReason::Protocol(WRONG, "AUTH without an authentication method in CONNECT"));
        };
        // [MQTT-4.12.0-5] [MQTT-4.12.1-1]
        if auth.properties.authentication_method() != Some(&*method.name) {
            return Err(CloseReason::Protocol(WRONG, "AUTH with another authentication method"));
        }
        let again = auth.reason == ReasonCode::ReAuthenticate;
        // [MQTT-4.12.0-3]
        let in_turn = !method.asked && if live { again != method.again } else { !again };
        if !in_turn || auth.reason == ReasonCode::Success {
            return Err(CloseReason::Protocol(WRONG, "AUTH out of its turn"));
        }
        if !live && self.is_unwanted(conn) {
            return Ok(());
        }
        let Some(state) = self.conns.get_mut(conn) else { return Ok(()) };
        let Some(method) = state.method_mut() else { return Ok(()) };
        method.asked = true;
        let stage = if live && again { AuthStage::Again } else { AuthStage::Continue };
        let (name, mut peer) = (method.name.clone(), method.peer.clone());
        peer.addr = addr;
        let principal = state.principal;
        if !live {
            state.phase = Phase::Verdict;
            state.paused = Some((PauseCause::Handshake, self.now.monotonic));
        }
        let Some(client) = self.client_of(conn) else { return Ok(()) };
        let data = auth.properties.authentication_data().filter(|_| !planted(Bug::AuthWordsLost));
        let data = data.map(Bytes::copy_from_slice);
        let request = AuthRequest {
            client,
            stage,
            username: None,
            password: None,
            method: Some(name),
            data,
            token: None,
            principal,
            peer,
        };
        self.ask_who(conn, request);
        Ok(())
    }

    pub(super) fn client_of(&self, conn: Key) -> Option<crate::ClientKey> {
        let state = self.conns.get(conn)?;
        match &state.request {
            Some(request) => Some(request.client.clone()),
            None => Some(self.sessions.get(state.session?)?.client.clone()),
        }
    }

    /// False for a client without authentication method.
    fn write_auth(&mut self, conn: Key, reason: ReasonCode, data: Option<&Bytes>) -> bool {
        let Some(name) = self.conns.get_mut(conn).and_then(Conn::method_mut).map(|method| method.name.clone()) else {
            return false;
        };
        let mut list = Vec::from([Property::AuthenticationMethod(&name)]);
        list.extend(data.map(|data| Property::AuthenticationData(data)));
        let Ok(properties) = Properties::new(&list) else { return false };
        self.write_packet(conn, &Packet::Auth(Auth { reason, properties }));
        true
    }

    /// CONNACK, with what the authenticator has to say.
    pub(super) fn welcome(&mut self, conn: Key, request: &ConnectRequest, present: bool) -> Vec<u8> {
        let v5 = self.conns.get_mut(conn).and_then(|state| state.v5.as_mut());
        let welcome = v5.and_then(|v5| v5.welcome.take()).unwrap_or_default();
        let mut more = Vec::new();
        if let Some(method) = &request.method {
            more.push(Property::AuthenticationMethod(method));
            more.extend(welcome.authentication_data.as_ref().map(|data| Property::AuthenticationData(data)));
        }
        if request.response_information {
            more.extend(welcome.response_information.as_ref().map(|text| Property::ResponseInformation(text)));
        }
        connack::welcome(request, present, &self.settings, &more)
    }
}

/// What DISCONNECT says of a refusal; some codes are CONNACK's alone.
pub(super) const fn refusal_code(refusal: Refusal) -> ReasonCode {
    match refusal {
        Refusal::AuthenticationMethod => ReasonCode::BadAuthenticationMethod,
        Refusal::QuotaExceeded => ReasonCode::QuotaExceeded,
        Refusal::Unavailable => ReasonCode::ServerBusy,
        _ => ReasonCode::NotAuthorized,
    }
}

impl Method {
    pub(crate) fn new(name: Box<str>, peer: crate::Peer) -> Self {
        Self { name, peer, asked: true, again: false, orders: 0 }
    }
}
