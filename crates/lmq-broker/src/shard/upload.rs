//! `$SYS/uploadToken`: a client gives a token, or replaces one, on a connection that is there.
//!
//! ```text
//!   PUBLISH $SYS/uploadToken ──▶ the connection pauses ──▶ Verdict ──Allow──▶ rights, answer, what came behind it
//!                                                             └─────────────▶ tokenInvalidNotice, closed
//! ```
//!
//! What follows the upload on its connection waits for the verdict, so that a client which does not wait for its answer works as well.
//! Uploads are neither forwarded nor stored, and giving the same token again changes nothing.

use alloc::boxed::Box;

use lmq_auth::{Denial, Permissions, TokenTerm};
use lmq_codec::{Delivery, PacketId, Publish, ReasonCode};
use lmq_id::Access;
use lmq_model::control::{ControlTopic, UploadToken};

use super::{Shard, effects::Question};
use crate::{
    AuthRequest, AuthStage, CloseReason, Grant, Output, Refusal, TokenText, Verdict,
    conn::{PauseCause, Phase, Upload},
    planted::{Bug, planted},
    replies::Answer,
    session::InboundStage,
    slab::Key,
};

impl Shard {
    /// Whether a topic is that of uploads, where the profile has them.
    #[inline]
    pub(super) fn is_upload(&self, topic: &[u8]) -> bool {
        self.settings.profile.control_topics
            && topic.first() == Some(&b'$')
            && topic == ControlTopic::UploadToken.as_str().as_bytes()
    }

    /// Asks whether the token is good; until the answer the connection is not served.
    pub(super) fn on_upload(&mut self, conn: Key, delivery: Delivery, payload: &[u8]) -> Result<(), CloseReason> {
        let answer = match delivery {
            Delivery::AtMostOnce => None,
            Delivery::AtLeastOnce { id, .. } => Some(Answer::PubAck(id, ReasonCode::Success)),
            Delivery::ExactlyOnce { id, .. } if self.is_known(conn, id) => return Ok(()),
            Delivery::ExactlyOnce { id, .. } => Some(Answer::PubRec(id, ReasonCode::Success)),
        };
        // Not a token at all, of whatever type.
        let unreadable = CloseReason::TokenInvalid { denial: Denial::Forged, access: Access::ReadWrite };
        let upload = UploadToken::parse(payload).map_err(|_| unreadable)?;
        let (access, text) = (upload.access(), TokenText::new(upload.token()));
        let (Some(client), orders) = (self.client_of(conn), self.orders.given()) else { return Ok(()) };
        let Some(state) = self.conns.get_mut(conn) else { return Ok(()) };
        let Some(peer) = state.peer.as_deref().cloned() else { return Ok(()) };
        let principal = state.principal;
        state.upload = Some(Box::new(Upload { access, answer, orders }));
        let request = AuthRequest {
            client,
            username: None,
            password: None,
            method: None,
            data: None,
            token: Some((access, text)),
            principal,
            stage: AuthStage::Token,
            peer,
        };
        let ticket = self.ask(Question::Token { conn });
        self.outputs.push_back(Output::Authenticate { ticket, request: Box::new(request) });
        if !planted(Bug::UploadNotAwaited) {
            self.pause(conn, PauseCause::Token);
        }
        Ok(())
    }

    /// What was decided of an upload, or [`Refusal::Unavailable`] if nothing was in time.
    pub(super) fn judged_upload(&mut self, conn: Key, verdict: Verdict) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        let Some(upload) = state.upload.take() else { return };
        let denial = match verdict {
            Verdict::Allow(grant) => return self.take_token(conn, *upload, grant),
            _ if planted(Bug::UploadRefusalIgnored) => return self.unpause(conn, PauseCause::Token),
            Verdict::Invalid(denial) => denial,
            Verdict::Deny(Refusal::Unavailable) => return self.close(conn, CloseReason::EffectFailed),
            // Whoever gave the token has no right here.
            Verdict::Deny(_) | Verdict::Continue(_) | Verdict::AwaitToken => Denial::Account,
        };
        self.close(conn, CloseReason::TokenInvalid { denial, access: upload.access });
    }

    fn take_token(&mut self, conn: Key, upload: Upload, grant: Grant) {
        let access = upload.access;
        // The type is what the client says; that the token is good for it was the verdict's to find out.
        let term = grant.tokens.last().map(|term| TokenTerm { access, ..*term });
        if let Some(denial) = self.fault_of(term.as_slice(), upload.orders) {
            return self.close(conn, CloseReason::TokenInvalid { denial, access });
        }
        let Some(state) = self.conns.get_mut(conn) else { return };
        let rights = state.permissions.get_or_insert_with(Permissions::nothing);
        if rights.set_token(access, grant.permissions).is_err() {
            return self.close(conn, CloseReason::TokenInvalid { denial: Denial::Resource, access });
        }
        state.principal = state.principal.or(grant.principal);
        if state.phase == Phase::Awaiting {
            return self.end_waiting(conn, upload, term);
        }
        self.answer_upload(conn, upload.answer);
        if let (Some(session), Some(term)) = (self.session_of(conn), term) {
            self.hold(session, term);
        }
        self.end_uncovered(conn);
        self.unpause(conn, PauseCause::Token);
    }

    /// The ordinary acknowledgement, behind those that packets before still wait for.
    pub(super) fn answer_upload(&mut self, conn: Key, answer: Option<Answer>) {
        let Some(answer) = answer else { return };
        let session = self.session_of(conn).and_then(|key| self.sessions.get_mut(key));
        if let (Answer::PubRec(id, _), Some(session)) = (&answer, session) {
            session.inbound.set(*id, InboundStage::Received);
        }
        self.reply(conn, answer);
    }

    /// A client that waited for its token is in.
    pub(super) fn answer_first_upload(&mut self, conn: Key) {
        let upload = self.conns.get_mut(conn).and_then(|state| state.upload.take());
        self.answer_upload(conn, upload.and_then(|upload| upload.answer));
    }

    /// Whether an exchange with this id is going on: then PUBREC is all it takes, now or, while a message is being stored, by and by.
    fn is_known(&mut self, conn: Key, id: PacketId) -> bool {
        let session = self.session_of(conn).and_then(|key| self.sessions.get(key));
        let stage = session.and_then(|session| session.inbound.stage(id));
        if stage == Some(InboundStage::Received) {
            self.reply(conn, Answer::PubRec(id, ReasonCode::Success));
        }
        stage.is_some()
    }

    /// PUBLISH as far as it can be an upload; the topic may be an alias.
    pub(super) fn upload_of<'a>(&mut self, conn: Key, publish: &Publish<'a>) -> Result<&'a [u8], CloseReason> {
        let aliased = self.resolve_alias(conn, publish)?;
        let topic = aliased.as_deref().or(publish.topic.as_ref().map(|topic| topic.as_str())).unwrap_or_default();
        if !self.is_upload(topic.as_bytes()) {
            return Err(CloseReason::NotAuthorized);
        }
        Ok(publish.payload)
    }
}
