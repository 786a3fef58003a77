//! Who decides who comes in: slowly, not at all, against it, or after some questions.

use bytes::Bytes;
use lmq_broker::{AuthRequest, AuthStage, Refusal, Ticket, Verdict};

use super::{Event, World};
use crate::{
    client::{answer, words},
    clock::{MILLI, SECOND},
    link::{Link, LinkId, Place},
    marks::Mark,
    violation::{Checker, Violation},
};

/// What the authenticator knows of one connection.
#[derive(Debug, Default)]
pub(crate) struct Dossier {
    /// How often it was asked.
    step: u8,
    /// It wanted to hear more.
    open: bool,
    /// And since then.
    open_since: u64,
    /// A verdict that lets its client in was handed to the shard.
    allowed: bool,
    /// So was one that does not, then, or it gave none.
    denied_at: Option<u64>,
    silent: bool,
    /// A question is not answered, and since when the authenticator knows what an operator wanted.
    pub(super) asked: bool,
    knows: bool,
}

impl Dossier {
    fn begin(&mut self, knows: bool) {
        (self.asked, self.knows) = (true, knows);
    }

    /// A token that was uploaded let its client in.
    pub(super) fn let_in(&mut self) {
        self.allowed = true;
    }

    pub(super) const fn is_allowed(&self) -> bool {
        self.allowed
    }
}

/// `Limits::token_wait`.
const TOKEN_WAIT: u64 = 5 * SECOND;

/// A connection may be closed so much later.
const GRACE: u64 = 8 * SECOND;

impl World {
    pub(super) fn on_authenticate(&mut self, node: usize, ticket: Ticket, request: &AuthRequest) {
        let Some(id) = self.link_from(request) else { return };
        if request.stage == AuthStage::Token {
            return self.on_upload(node, ticket, id, request);
        }
        self.link(id, |link| link.dossier.begin(link.forbidden.is_some()));
        if let Err(text) = self.check_question(id, request) {
            return self.fail(Violation::new(Checker::Auth, format!("{text}: {request:?}")));
        }
        let again = self.links[&id].accepted;
        if self.rng.per_mille(self.options.auth_missing) {
            self.link(id, |link| link.dossier.silent = true);
            return self.marks.hit(Mark::AuthMissing);
        }
        let verdict = self.decide(id, request.method.is_some());
        if matches!(verdict, Verdict::Deny(_)) {
            self.marks.hit(if again { Mark::ReproofDenied } else { Mark::AuthDenied });
        }
        let delay = self.delay(self.options.auth_delay_max_ms);
        if delay > 100 * MILLI {
            self.marks.hit(Mark::AuthSlow);
        }
        self.clock.after(delay, Event::Verdict { boot: self.boot, node, ticket, link: id, verdict, upload: None });
    }

    fn decide(&mut self, id: LinkId, named: bool) -> Verdict {
        let rounds = self.options.features.auth_rounds;
        let (denies, asks) = (self.rng.per_mille(self.options.auth_denied), self.rng.below(rounds + 1) > 0);
        let link = &self.links[&id];
        let said = Bytes::from(answer(link.client, link.dossier.step));
        // Who names no method cannot be asked, and is denied by that as well.
        if denies && !named && self.rng.coin() {
            return Verdict::Continue(said);
        }
        if denies {
            return Verdict::Deny(Refusal::NotAuthorized);
        }
        if named && asks {
            return Verdict::Continue(said);
        }
        let client = link.client;
        if self.clients[client].is_legacy() {
            return Verdict::AwaitToken;
        }
        let mut grant = self.grant(client);
        grant.authentication_data = Some(said);
        Verdict::Allow(grant)
    }

    fn link_from(&self, request: &AuthRequest) -> Option<LinkId> {
        let port = u32::from(request.peer.addr.port());
        let is_it = |(id, link): &(&LinkId, &Link)| {
            id.0 % 60_000 + 1 == port && *self.clients[link.client].id == *request.client.client_id
        };
        self.links.iter().find(is_it).map(|(id, _)| *id)
    }

    /// The client's words arrive as it said them, at the stage they were said at.
    fn check_question(&mut self, id: LinkId, request: &AuthRequest) -> Result<(), String> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        let Dossier { step, open, .. } = &mut link.dossier;
        *step = step.wrapping_add(1);
        let stage = match (*step, std::mem::take(open)) {
            (1, _) => AuthStage::Connect,
            (_, true) => AuthStage::Continue,
            (_, false) => AuthStage::Again,
        };
        let wanted = request.method.is_some().then(|| words(link.client, *step));
        if request.stage != stage {
            return Err(format!("asked at {:?}, the exchange is at {stage:?}", request.stage));
        }
        if request.data.as_deref() != wanted.as_deref() {
            return Err(format!("the client said {wanted:?}, what came is {:?}", request.data));
        }
        Ok(())
    }

    /// A verdict reaches the shard.
    pub(super) fn hand_over_verdict(
        &mut self,
        node: usize,
        ticket: Ticket,
        id: LinkId,
        verdict: Verdict,
        upload: Option<usize>,
    ) {
        self.note_verdict(id, &verdict, upload);
        if upload.is_none() {
            self.note_answer(id, &verdict);
        }
        let now = self.clock.now();
        self.nodes[node].shard.handle_verdict(now, ticket, verdict);
    }

    fn note_answer(&mut self, id: LinkId, verdict: &Verdict) {
        let (named, since) = (matches!(verdict, Verdict::Continue(_)), self.clock.micros());
        self.link(id, |link| match verdict {
            Verdict::Allow(_) => link.dossier.allowed = true,
            Verdict::Deny(_) => link.dossier.denied_at = Some(since),
            _ => (link.dossier.open, link.dossier.open_since) = (named, since),
        });
        let Some(link) = self.links.get_mut(&id) else { return };
        link.dossier.asked = false;
        // What follows is asked about when the authenticator can know of the order.
        link.unwanted &= !named && !matches!(verdict, Verdict::AwaitToken);
        // Who proves again who it is gets other rights.
        if let (Some(forbidden), true, Verdict::Allow(_)) = (link.forbidden, link.dossier.knows, verdict) {
            self.ledger.allow(forbidden);
        }
    }

    /// A CONNACK that lets somebody in leaves.
    pub(super) fn check_let_in(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id).filter(|link| !link.dossier.allowed) else { return };
        let text = format!("client {} was let in by nobody: {:?}", link.client, link.dossier);
        self.fail(Violation::new(Checker::Auth, text));
    }

    /// Who is asked who it is and does not answer is closed, and so is who was not believed; the machines are not drained after every event.
    pub(super) fn check_exchanges(&mut self) {
        let now = self.clock.micros();
        let patience = self.settings.limits.connect_timeout.as_micros() as u64 + GRACE;
        let overdue = |link: &&Link| {
            let asked = !link.accepted && link.dossier.open && link.dossier.open_since + patience < now;
            let waits = link.awaiting && !link.accepted && !link.dossier.allowed;
            let late = waits && link.dossier.open_since + TOKEN_WAIT + GRACE < now;
            let denied = link.dossier.denied_at.is_some_and(|at| at + GRACE < now);
            (asked || denied || late) && !link.closing && matches!(link.place, Place::Shard(..))
        };
        if let Some(link) = self.links.values().find(overdue) {
            let text = format!("client {} did not prove who it is and is still there: {:?}", link.client, link.dossier);
            self.fail(Violation::new(Checker::Auth, text));
        }
    }

    /// Whether a connection may be closed because its client did not prove who it is.
    pub(super) fn is_denied(&self, id: LinkId) -> bool {
        let unproved = |link: &Link| link.dossier.silent || link.dossier.denied_at.is_some() || link.doomed.is_some();
        self.links.get(&id).is_some_and(unproved)
    }
}
