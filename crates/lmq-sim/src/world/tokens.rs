//! Tokens: who issues them, who holds them, when they end, and what must not outlive them.

use std::num::NonZeroU64;

use lmq_auth::{Denial, Permissions, TokenId, TokenTerm};
use lmq_broker::{AuthRequest, Flow, Grant, Refusal, Ticket, Verdict};
use lmq_id::Access;
use lmq_model::control::{TokenExpireNotice, TokenInvalidNotice};

use super::{Event, World};
use crate::{
    clock::MILLI,
    link::{Link, LinkId, Place},
    marks::Mark,
    violation::{Checker, Violation},
};

/// A token as the authenticator gave it out.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) term: TokenTerm,
    /// How a client names it that uploads it.
    text: Option<String>,
    pub(super) revoked: bool,
}

/// A token that a client came in with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    term: TokenTerm,
    /// When it ends by the monotonic clock, in microseconds.
    ends_at: u64,
}

/// What the world knows of tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) issued: Vec<Issued>,
    /// What each client may hold, also while it is away.
    current: Vec<Vec<Held>>,
    /// Verdicts that let each client in and of which no session was opened, and no status event came, since.
    entries: Vec<[u32; 2]>,
}

const ENDED: &str = "its token has ended";
const REVOKED: &str = "its token was revoked";
const SPOILED: &str = "it was let in by a token that had ended";
const REFUSED: &str = "its token was refused";

impl Tokens {
    pub(super) fn new(clients: usize) -> Self {
        Self { issued: Vec::new(), current: vec![Vec::new(); clients], entries: vec![[0; 2]; clients] }
    }

    /// Another process knows of no verdict.
    pub(super) fn forget(&mut self) {
        self.entries.fill([0; 2]);
    }

    fn is_revoked(&self, id: TokenId) -> bool {
        self.issued.iter().any(|issued| issued.term.id == id && issued.revoked)
    }
}

impl Held {
    fn is_over(&self, micros: u64, wall: u64) -> bool {
        self.term.expires <= wall || self.ends_at <= micros
    }
}

/// Who a client is to the driver: two share an account.
pub(super) fn principal_of(client: usize) -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(client as u64 / 2)
}

impl World {
    /// The rights of a client that is let in.
    pub(super) fn grant(&mut self, client: usize) -> Grant {
        let grant = Grant::new(Permissions::everything());
        if !self.options.features.tokens.are_there() {
            return grant;
        }
        let mut grant = grant.of_principal(principal_of(client));
        for access in Access::ALL {
            let granted = self.options.features.tokens.granted;
            if self.rng.per_mille(granted) && self.rng.coin() {
                grant = grant.with_token(self.issue(access, None));
            }
        }
        grant
    }

    fn issue(&mut self, access: Access, text: Option<String>) -> TokenTerm {
        let life = self.rng.range(1_000, self.options.features.tokens.secs_max * 1_000);
        let mut id = [0; TokenId::LEN];
        id[..8].copy_from_slice(&(self.tokens.issued.len() as u64).to_be_bytes());
        let expires = self.clock.now().wall.value() + life;
        let term = TokenTerm { id: TokenId::new(id), access, expires };
        self.tokens.issued.push(Issued { term, text, revoked: false });
        term
    }

    /// A shard asks about an upload.
    pub(super) fn on_upload(&mut self, node: usize, ticket: Ticket, id: LinkId, request: &AuthRequest) {
        let Some((access, text)) = &request.token else {
            return self.fail(Violation::new(Checker::Token, format!("asked about no token: {request:?}")));
        };
        let (access, text) = (*access, text.as_str().to_owned());
        let upload = match self.ledger.ask(id, access, &text) {
            Ok(upload) => upload,
            Err(violation) => return self.fail(violation),
        };
        if self.rng.per_mille(self.options.auth_missing) {
            return self.marks.hit(Mark::AuthMissing);
        }
        let verdict = self.decide_upload(self.links[&id].client, access, text);
        let delay = self.delay(self.options.auth_delay_max_ms);
        let upload = Some(upload);
        self.clock.after(delay, Event::Verdict { boot: self.boot, node, ticket, link: id, verdict, upload });
    }

    fn decide_upload(&mut self, client: usize, access: Access, text: String) -> Verdict {
        if self.rng.per_mille(self.options.auth_denied) {
            let denial = self.rng.pick(&[Denial::Forged, Denial::Signature, Denial::Resource]);
            return if self.rng.coin() { Verdict::Invalid(denial) } else { Verdict::Deny(Refusal::NotAuthorized) };
        }
        let known = self.tokens.issued.iter().find(|issued| issued.text.as_deref() == Some(&*text));
        if known.is_some_and(|issued| issued.revoked) {
            return Verdict::Invalid(Denial::Revoked);
        }
        let term = match known.map(|issued| issued.term) {
            Some(term) => term,
            None => self.issue(access, Some(text)),
        };
        let grant = Grant::new(Permissions::everything()).of_principal(principal_of(client));
        Verdict::Allow(grant.with_token(term))
    }

    /// What a verdict means for the tokens of a connection, before the shard hears it.
    pub(super) fn note_verdict(&mut self, id: LinkId, verdict: &Verdict, upload: Option<usize>) {
        let (micros, wall) = (self.clock.micros(), self.clock.now().wall.value());
        let Some(link) = self.links.get(&id).filter(|link| !link.closing) else { return };
        let (client, first) = (link.client, !link.accepted && (upload.is_none() || link.awaiting));
        let grant = match verdict {
            Verdict::Allow(grant) => grant,
            Verdict::AwaitToken => return self.link(id, |link| link.awaiting = true),
            _ if upload.is_some() => {
                self.marks.hit(Mark::UploadRefused);
                return self.link(id, |link| link.doomed = Some(REFUSED));
            }
            _ => return,
        };
        let held = |term: &TokenTerm| Held { term: *term, ends_at: micros + term.expires.saturating_sub(wall) * MILLI };
        let held: Vec<Held> = grant.tokens.iter().map(held).collect();
        if held.iter().any(|held| held.is_over(micros, wall) || self.tokens.is_revoked(held.term.id)) {
            return self.link(id, |link| link.doomed = Some(SPOILED));
        }
        if let Some(upload) = upload {
            self.ledger.allow(upload);
            self.marks.hit(Mark::Uploaded);
        }
        self.tokens.entries[client].iter_mut().for_each(|entries| *entries += u32::from(first));
        self.tokens.current[client].extend(&held);
        let bounded = self.options.limits.work_per_call_max < 100;
        self.link(id, |link| {
            // Where a call looks at few tokens, another one may take the place of one that has ended.
            link.doomed = link.doomed.filter(|why| !bounded || *why != ENDED);
            let kept = |old: &Held| upload.is_some() && held.iter().all(|new| new.term.access != old.term.access);
            // One that it has is not taken anew.
            let taken = held.iter().map(|new| new.term).filter(|term| link.held.iter().all(|old| old.term != *term));
            link.granted.extend(taken);
            link.held.retain(kept);
            link.held.extend(&held);
            link.dossier.let_in();
        });
    }

    /// Tokens end as time goes.
    pub(super) fn note_tokens(&mut self) {
        if !self.options.features.tokens.are_there() {
            return;
        }
        let (micros, wall) = (self.clock.micros(), self.clock.now().wall.value());
        for client in 0..self.clients.len() {
            let over = self.tokens.current[client].iter().any(|held| held.is_over(micros, wall));
            if over && !self.ledger.is_barred(client) {
                self.ledger.bar(client);
            }
        }
        // A shard that is not called does not see that the wall clock was set; deadlines are in whole milliseconds.
        let (micros, wall) = (micros.saturating_sub(2 * MILLI), wall.saturating_sub(2));
        let exact = !self.ledger.wall_jumps();
        for link in self.links.values_mut().filter(|link| link.doomed.is_none()) {
            if exact && link.held.iter().any(|held| held.is_over(micros, wall)) {
                link.doomed = Some(ENDED);
                self.marks.hits(Mark::TokenEnded, u64::from(link.is_live()));
            }
        }
    }

    /// Whether a connection's rights are over at this very moment.
    fn has_ended(&self, link: &Link) -> bool {
        let (micros, wall) = (self.clock.micros(), self.clock.now().wall.value());
        link.held.iter().any(|held| held.is_over(micros, wall))
    }

    /// Bytes of a client were handed over: none are taken once its token is over.
    pub(super) fn check_taken(&mut self, id: LinkId, flow: Flow) {
        // The tokens of several clients may end at once, and one call may look at so many.
        let bounded = self.options.limits.work_per_call_max < 100;
        let Some(link) = self.links.get(&id).filter(|link| !bounded && flow != Flow::Closed && !link.closing) else {
            return;
        };
        if self.has_ended(link) {
            let text = format!("bytes of client {} were taken when {ENDED}: {:?}", link.client, link.held);
            self.fail(Violation::new(Checker::Token, text));
        }
    }

    /// The machines have come to rest: whoever is to be closed is.
    pub(super) fn check_doomed(&mut self) {
        let here = |link: &&Link| matches!(link.place, Place::Shard(..)) && !link.closing;
        let left = self.links.values().filter(here).find_map(|link| Some((link.client, link.doomed?, &link.held)));
        if let Some((client, why, held)) = left {
            let text = format!("client {client} is still there although {why}: {held:?}");
            self.fail(Violation::new(Checker::Token, text));
        }
    }

    /// A client is in: what it held before counts no more.
    pub(super) fn note_rights(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else { return };
        let client = link.client;
        if link.unwanted {
            let text = format!("client {client} was let in by a verdict from before an operator wanted it gone");
            return self.fail(Violation::new(Checker::Operator, text));
        }
        self.tokens.current[client].clone_from(&link.held);
        self.ledger.unbar(client);
        if link.awaiting {
            self.marks.hit(Mark::LetInByToken);
        }
        self.note_tokens();
    }

    /// A session is opened, or a status event says that a client is there: by a verdict that let it in.
    pub(super) fn spend_entry(&mut self, client_id: &str, which: usize) {
        let Some(client) = self.clients.iter().position(|client| client.id == client_id) else { return };
        let left = &mut self.tokens.entries[client][which];
        if *left == 0 {
            let what = ["opened a session", "was reported to be there"][which];
            return self
                .fail(Violation::new(Checker::Token, format!("client {client} {what} and was let in by nobody")));
        }
        *left -= 1;
    }

    /// A connection is taken over: by one that was let in.
    pub(super) fn check_takeover(&mut self, id: LinkId) {
        let client = self.links[&id].client;
        let is_in =
            |(other, link): (&LinkId, &Link)| *other != id && link.client == client && link.dossier.is_allowed();
        if !self.was_lazy && !self.links.iter().any(is_in) {
            let text = format!("client {client} was taken over by nobody who was let in");
            self.fail(Violation::new(Checker::Token, text));
        }
    }

    /// An operator revokes one of the latest tokens.
    pub(super) fn revoke_one(&mut self) {
        let count = self.tokens.issued.len() as u64;
        if count == 0 || self.nodes.is_empty() {
            return;
        }
        let back = self.rng.below(count.min(6));
        let issued = &mut self.tokens.issued[(count - 1 - back) as usize];
        if std::mem::replace(&mut issued.revoked, true) {
            return;
        }
        let id = issued.term.id;
        self.say(|| format!("token {id:?} is revoked"));
        self.drain();
        let now = self.clock.now();
        for node in &mut self.nodes {
            node.shard.handle_command(now, lmq_broker::Command::RevokeToken(id));
        }
        for client in 0..self.clients.len() {
            if self.tokens.current[client].iter().any(|held| held.term.id == id) {
                self.ledger.bar(client);
            }
        }
        for link in self.links.values_mut().filter(|link| link.held.iter().any(|held| held.term.id == id)) {
            self.marks.hits(Mark::TokenRevoked, u64::from(link.is_live()));
            link.doomed = link.doomed.or(Some(REVOKED));
        }
        self.drain();
        self.check_doomed();
    }

    /// A client hears that a token ends: once for each that it has on this connection.
    pub(super) fn check_announced(&mut self, at: usize, notice: &TokenExpireNotice) {
        let Some(id) = self.clients[at].link else { return };
        let Some(link) = self.links.get_mut(&id) else { return };
        let said = (notice.expire_time.value(), notice.access);
        link.announced.push(said);
        let taken = link.granted.iter().filter(|term| (term.expires, term.access) == said).count();
        let times = link.announced.iter().filter(|one| **one == said).count();
        self.marks.hit(Mark::TokenAnnounced);
        if times > taken {
            let text = format!("client {at} heard {times} times of {taken} tokens that they end: {notice:?}");
            self.fail(Violation::new(Checker::Token, text));
        }
    }

    /// A client hears that a token is worth nothing: for a reason, and after it was told that it ends.
    pub(super) fn check_invalid(&mut self, at: usize, notice: &TokenInvalidNotice) {
        let Some(link) = self.clients[at].link.and_then(|id| self.links.get(&id)) else { return };
        let over = |held: &&Held| held.is_over(self.clock.micros(), self.clock.now().wall.value());
        let told = |held: &Held| link.announced.contains(&(held.term.expires, held.term.access));
        let unreasoned =
            link.doomed.is_none() && !self.has_ended(link) && link.forbidden.is_none() && !self.ledger.wall_jumps();
        let untold = link.accepted
            && link.doomed == Some(ENDED)
            && notice.code == Denial::Expired.code()
            && !link.held.iter().filter(over).any(told);
        if unreasoned || untold {
            let text = format!("client {at} heard {notice:?}, its connection is {link:?}");
            self.fail(Violation::new(Checker::Token, text));
        }
    }
}
