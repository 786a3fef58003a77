//! What becomes of the tokens that clients hold: they are announced to end, they end, and they are revoked.
//!
//! A token ends at a moment of the wall clock. It also ends when as much time has passed by the monotonic clock as it had left when it was
//! taken: a wall clock that is set back prolongs no token, one that is set forward ends those that are over by it.

use alloc::{
    collections::{BTreeSet, VecDeque},
    vec::Vec,
};
use core::time::Duration;

use lmq_auth::{Denial, TokenId, TokenTerm};
use lmq_codec::{Delivery, Packet, Properties, Publish, TopicName};
use lmq_id::Access;
use lmq_model::control::{ControlTopic, TokenExpireNotice, TokenInvalidNotice};

use super::Shard;
use crate::{
    CloseReason, Instant, Now, Refusal, UnixMillis,
    planted::{Bug, planted},
    session::{Token, Turn},
    slab::Key,
};

/// A token by the session that holds it and its type.
type Place = (Key, Access);

/// The tokens of all sessions of a shard, in the orders in which they are looked for. Empty where nobody holds any.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    by_wall: BTreeSet<(UnixMillis, Place)>,
    by_monotonic: BTreeSet<(Instant, Place)>,
    by_id: BTreeSet<(TokenId, Place)>,
    /// The first moments of the first two.
    next: Option<Now>,
    /// Revoked, and held by more sessions than there was time for.
    revoking: VecDeque<TokenId>,
    /// Revoked since a verdict that is under way was asked for, and until when one may come.
    revoked: VecDeque<(Instant, u64, TokenId)>,
}

impl Ledger {
    fn enter(&mut self, place: Place, token: &Token) {
        self.by_wall.insert((token.next.wall, place));
        self.by_monotonic.insert((token.next.monotonic, place));
        self.by_id.insert((token.term.id, place));
        self.look_ahead();
    }

    fn strike(&mut self, place: Place, token: &Token) {
        self.by_wall.remove(&(token.next.wall, place));
        self.by_monotonic.remove(&(token.next.monotonic, place));
        self.by_id.remove(&(token.term.id, place));
        self.look_ahead();
    }

    fn look_ahead(&mut self) {
        let (wall, monotonic) = (self.by_wall.first(), self.by_monotonic.first());
        self.next = wall.zip(monotonic).map(|(wall, monotonic)| Now { monotonic: monotonic.0, wall: wall.0 });
    }

    fn due(&self, now: Now) -> Option<Place> {
        let wall = self.by_wall.first().filter(|(at, _)| *at <= now.wall).map(|(_, place)| *place);
        wall.or_else(|| self.by_monotonic.first().filter(|(at, _)| *at <= now.monotonic).map(|(_, place)| *place))
    }

    /// A holder of this token.
    fn holder(&self, id: TokenId) -> Option<Place> {
        let first = Key { slot: 0, generation: 0 };
        let next = self.by_id.range((id, (first, Access::Read))..).next();
        next.filter(|(found, _)| *found == id).map(|(_, place)| *place)
    }

    /// Whether an answer to a question asked after so many orders may not know that the token is revoked.
    pub(super) fn is_revoked_since(&self, id: TokenId, orders: u64) -> bool {
        self.revoked.iter().rev().take_while(|(_, number, _)| *number > orders).any(|(.., revoked)| *revoked == id)
    }
}

impl Shard {
    /// The client of a session holds these tokens and no others.
    pub(super) fn hold_only(&mut self, key: Key, terms: &[TokenTerm]) {
        self.forget_tokens(key);
        if let Some(session) = self.sessions.get_mut(key) {
            session.barred = false;
        }
        for term in terms {
            self.hold(key, *term);
        }
    }

    /// The client of a session holds one more token, in place of that of its type; one that it has is neither prolonged nor announced again.
    pub(super) fn hold(&mut self, key: Key, term: TokenTerm) {
        if self
            .token_mut(key, term.access)
            .is_some_and(|token| token.term == term && !planted(Bug::TokenAnnouncedAgain))
        {
            return;
        }
        let notice = u64::try_from(self.settings.limits.token_notice.as_millis()).unwrap_or(u64::MAX);
        let announced = term.expires.saturating_sub(notice);
        let ends = announced <= self.now.wall.value();
        let token = Token { term, next: self.turn(if ends { term.expires } else { announced }, ends) };
        let Some(session) = self.sessions.get_mut(key) else { return };
        let before = session.tokens.get_or_insert_default().put(token);
        if let Some(before) = before {
            self.tokens.strike((key, term.access), &before);
        }
        self.tokens.enter((key, term.access), &token);
        if ends {
            self.announce_end(key, term);
        }
    }

    /// Those whose last minutes had begun when their client was not in yet are announced when it is.
    pub(super) fn announce_short_tokens(&mut self, key: Key) {
        let Some(tokens) = self.sessions.get(key).and_then(|session| session.tokens.as_ref()) else { return };
        let short: Vec<TokenTerm> = tokens.iter().filter(|token| token.next.ends).map(|token| token.term).collect();
        for term in short {
            self.announce_end(key, term);
        }
    }

    pub(super) fn forget_tokens(&mut self, key: Key) {
        let Some(tokens) = self.sessions.get_mut(key).and_then(|session| session.tokens.take()) else { return };
        for token in tokens.iter() {
            self.tokens.strike((key, token.term.access), token);
        }
    }

    /// Serves moments that have come, by either clock.
    pub(super) fn serve_tokens(&mut self) {
        for _ in 0..self.settings.limits.work_per_call_max {
            let Some((key, access)) = self.tokens.due(self.now) else { return };
            let Some(token) = self.token_mut(key, access).map(|token| *token) else { return };
            let end = self.end_of(&token);
            if end.wall <= self.now.wall || end.monotonic <= self.now.monotonic {
                if planted(Bug::TokenEndIgnored) {
                    self.forget_tokens(key);
                } else {
                    self.invalidate(key, access, Denial::Expired);
                }
                continue;
            }
            self.tokens.strike((key, access), &token);
            self.tokens.enter((key, access), &Token { next: end, ..token });
            if let Some(token) = self.token_mut(key, access) {
                token.next = end;
            }
            if !planted(Bug::TokenNotAnnounced) {
                self.announce_end(key, token.term);
            }
        }
    }

    /// When a token ends. What was left when it was taken is not prolonged by a clock that was set back since.
    fn end_of(&self, token: &Token) -> Turn {
        if token.next.ends {
            return token.next;
        }
        let lead = Duration::from_millis(token.term.expires.saturating_sub(token.next.wall.value()));
        let end = self.turn(token.term.expires, true);
        Turn { monotonic: end.monotonic.min(token.next.monotonic.saturating_add(lead)), ..end }
    }

    /// Whether [`serve_tokens`](Self::serve_tokens) has something to do.
    #[inline]
    pub(super) fn tokens_are_due(&self) -> bool {
        let Now { monotonic, wall } = self.now;
        self.tokens.next.is_some_and(|next| next.wall <= wall || next.monotonic <= monotonic)
    }

    pub(super) fn token_deadline(&self) -> Option<Instant> {
        if !self.tokens.revoking.is_empty() {
            return Some(self.now.monotonic);
        }
        let Now { monotonic, wall } = self.tokens.next?;
        let by_wall = self.now.monotonic.saturating_add(Duration::from_millis(wall.since(self.now.wall)));
        Some(by_wall.min(monotonic))
    }

    /// A token is worth nothing any more, whoever holds it.
    pub(super) fn revoke(&mut self, id: TokenId) {
        let number = self.orders.count_one();
        let limits = &self.settings.limits;
        let until = self.now.monotonic.saturating_add(limits.effect_timeout.max(limits.connect_timeout));
        self.tokens.revoked.push_back((until, number, id));
        self.tokens.revoking.push_back(id);
        self.revoke_some();
    }

    pub(super) fn revoke_some(&mut self) {
        let now = self.now.monotonic;
        while self.tokens.revoked.front().is_some_and(|(until, ..)| *until <= now) {
            self.tokens.revoked.pop_front();
        }
        for _ in 0..self.settings.limits.work_per_call_max {
            let Some(id) = self.tokens.revoking.front().copied() else { return };
            match self.tokens.holder(id).filter(|_| !planted(Bug::RevocationIgnored)) {
                Some((key, access)) => self.invalidate(key, access, Denial::Revoked),
                None => drop(self.tokens.revoking.pop_front()),
            }
        }
    }

    /// A token that a session holds is worth nothing any more: who is in is told and closed, and nothing is stored for who is away.
    fn invalidate(&mut self, key: Key, access: Access, denial: Denial) {
        self.forget_tokens(key);
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.barred = true;
        let Some(conn) = session.conn else { return };
        match self.conns.get(conn).map(|state| state.is_in()) {
            Some(true) => self.close(conn, CloseReason::TokenInvalid { denial, access }),
            Some(false) => self.refuse(conn, Refusal::of_token(denial)),
            None => {}
        }
    }

    /// What a client is closed for that has no right to what it asked for: with tokens it is told which of them is not enough.
    #[cold]
    pub(super) fn denied(&self, conn: Key, denial: Denial, direction: fn(Access) -> bool) -> CloseReason {
        let session = self.conns.get(conn).and_then(|state| self.sessions.get(state.session?));
        let access = session.and_then(|session| session.tokens.as_ref()?.blamed(direction));
        access.map_or(CloseReason::NotAuthorized, |access| CloseReason::TokenInvalid { denial, access })
    }

    /// `$SYS/tokenExpireNotice`, to who is in.
    fn announce_end(&mut self, key: Key, term: TokenTerm) {
        let Some(conn) = self.sessions.get(key).and_then(|session| session.conn) else { return };
        if self.conns.get(conn).is_some_and(|state| state.is_live()) {
            let notice = TokenExpireNotice { expire_time: UnixMillis::new(term.expires), access: term.access };
            self.write_notice(conn, ControlTopic::TokenExpireNotice, notice.to_json().as_bytes());
        }
    }

    /// `$SYS/tokenInvalidNotice`.
    pub(super) fn write_invalid(&mut self, conn: Key, denial: Denial, access: Access) {
        let notice = TokenInvalidNotice { code: denial.code(), access };
        self.write_notice(conn, ControlTopic::TokenInvalidNotice, notice.to_json().as_bytes());
    }

    fn write_notice(&mut self, conn: Key, topic: ControlTopic, payload: &[u8]) {
        let Ok(topic) = TopicName::new(topic.as_str()) else { return };
        let (delivery, properties) = (Delivery::AtMostOnce, Properties::EMPTY);
        let publish = Publish { delivery, retain: false, topic: Some(topic), properties, payload };
        self.write_packet(conn, &Packet::Publish(publish));
    }

    fn token_mut(&mut self, key: Key, access: Access) -> Option<&mut Token> {
        self.sessions.get_mut(key)?.tokens.as_mut()?.token_mut(access)
    }

    fn turn(&self, wall: u64, ends: bool) -> Turn {
        let wall = UnixMillis::new(wall);
        let left = Duration::from_millis(wall.since(self.now.wall));
        Turn { wall, monotonic: self.now.monotonic.saturating_add(left), ends }
    }
}
