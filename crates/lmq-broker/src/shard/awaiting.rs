//! Clients of the first edition, which connect without credentials and upload a token then.
//!
//! ```text
//!   CONNECT ──▶ Verdict ──AwaitToken: CONNACK 0──▶ Awaiting ──token accepted──▶ Opening ──▶ Live, then PUBACK
//! ```
//!
//! Until its token is accepted such a client is nobody: it takes over no connection, opens no session, gets nothing and is reported to
//! nobody. Its CONNACK says session present 0, as at that time nobody may know whether there is one.

use alloc::boxed::Box;

use lmq_auth::TokenTerm;
use lmq_codec::Packet;

use super::Shard;
use crate::{
    CloseReason, Refusal,
    conn::{PauseCause, Phase, Upload},
    planted::{Bug, planted},
    slab::Key,
};

impl Shard {
    /// The authenticator lets a client without credentials upload a token, where its instance has that.
    pub(super) fn await_token(&mut self, conn: Key) {
        let Some(request) = self.conns.get_mut(conn).and_then(|state| state.request.take()) else { return };
        let instance = self.settings.instances.get(usize::from(request.client.instance.0));
        let may = self.settings.profile.control_topics && instance.is_some_and(|instance| instance.awaits_tokens);
        let connack = self.welcome(conn, &request, false);
        let fits = connack.len() <= request.packet_bytes_max as usize;
        let bare = !request.has_credentials;
        let Some(state) = self.conns.get_mut(conn) else { return };
        state.request = Some(request);
        if !may || !bare {
            return self.refuse(conn, Refusal::Credentials);
        }
        if self.awaiting >= self.settings.limits.awaiting_max {
            return self.refuse(conn, Refusal::Unavailable);
        }
        if !fits {
            return self.refuse(conn, Refusal::PacketTooLarge);
        }
        state.phase = Phase::Awaiting;
        state.greeted = true;
        state.awaits = true;
        state.seen_at = self.now.monotonic;
        state.paused = Some((PauseCause::Handshake, self.now.monotonic));
        self.awaiting += 1;
        if planted(Bug::AwaitingTakesOver) {
            let session = self.client_of(conn).and_then(|client| self.find(&client));
            if let Some(old) = session.and_then(|key| self.sessions.get(key)?.conn) {
                self.close(old, CloseReason::TakenOver);
            }
        }
        self.write(conn, &connack);
        self.watch(conn);
        self.resumable.push_back(conn);
    }

    /// A packet of a client that has given no token: anything that needs a right closes.
    pub(super) fn on_awaiting(&mut self, conn: Key, packet: Packet<'_>) -> Result<(), CloseReason> {
        match packet {
            Packet::Publish(publish) => {
                let payload = self.upload_of(conn, &publish)?;
                self.on_upload(conn, publish.delivery, payload)?;
            }
            Packet::PingReq => self.write(conn, &[0xd0, 0]),
            Packet::Disconnect(_) => return Err(CloseReason::Disconnected),
            _ => return Err(CloseReason::NotAuthorized),
        }
        Ok(())
    }

    /// The token is good: from here on as if the CONNECT had come with it, CONNACK aside.
    pub(super) fn end_waiting(&mut self, conn: Key, upload: Upload, term: Option<TokenTerm>) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        if let Some(request) = &mut state.request {
            request.tokens.extend(term);
        }
        state.phase = Phase::Verdict;
        state.obeyed = upload.orders;
        state.upload = Some(Box::new(upload));
        self.let_in_judged(conn);
    }

    /// A connection does not wait for a token any more.
    pub(super) fn stop_awaiting(&mut self, conn: Key) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        if core::mem::take(&mut state.awaits) {
            self.awaiting = self.awaiting.saturating_sub(1);
        }
    }
}
