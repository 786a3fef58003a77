//! How long clients are away, as the broker sees it: what sessions that end in time may and must have done.

use super::World;
use crate::{
    clock::{MILLI, SECOND},
    ledger::Return,
    link::{Link, LinkId, Place},
    marks::Mark,
    violation::{Checker, Violation},
};

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With DISCONNECT.
    Goodbye,
    /// The broker closed it.
    Closed,
    /// Its client ended it, or the network.
    Lost,
    /// With all others.
    Crash,
}

/// When the broker has last seen a client.
#[derive(Debug, Default)]
pub(super) struct Absence {
    /// The latest end of a connection with a session.
    live_end: Option<u64>,
    /// A connection with a session has ended since the broker began.
    known: bool,
    /// The latest end of any connection that a shard had since the broker began.
    any_end: Option<u64>,
}

impl Absence {
    /// Another process knows only what is stored.
    pub(super) const fn forget(&mut self) {
        (self.any_end, self.known) = (None, false);
    }
}

impl World {
    /// A shard has a connection from now on.
    pub(super) fn note_adopted(&mut self, id: LinkId) {
        let (now, client) = (self.clock.micros(), self.links[&id].client);
        let is_there = |link: &Link| link.client == client && matches!(link.place, Place::Shard(..)) && !link.closing;
        let alone = self.links.iter().all(|(other, link)| *other == id || !is_there(link));
        let Absence { known, any_end, .. } = self.absences[client];
        let left = any_end.filter(|_| alone && known);
        self.link(id, |link| link.away = left.map(|left| (now - left, left)));
    }

    /// A connection of a shard ends.
    pub(super) fn note_end(&mut self, id: LinkId, end: End) {
        self.note_will(id, end);
        let now = self.clock.micros();
        let Some(link) = self.links.get(&id) else { return };
        self.ledger.ended(link.client, self.clients[link.client].link == Some(id));
        let absence = &mut self.absences[link.client];
        if matches!(link.place, Place::Shard(..)) && !link.closing {
            absence.any_end = Some(now);
            absence.known |= link.accepted;
            // The broker may have known since it was drained before.
            absence.live_end = absence.live_end.max(link.accepted.then_some(self.drained_at));
        }
    }

    /// The stores have made sessions: of clients that were away for long enough, in place of older ones.
    pub(super) fn note_made(&mut self) {
        let made: Vec<_> = self.stores.iter_mut().flat_map(|store| std::mem::take(&mut store.made)).collect();
        for key in made {
            let client = self.keys.iter().position(|known| *known == key);
            if let Some(client) = client.filter(|client| self.may_have_ended(*client)) {
                self.with_client(client, |client, ctx| client.expired(ctx));
            }
        }
    }

    /// What the end of a connection means for its will.
    fn note_will(&mut self, id: LinkId, end: End) {
        let Some(link) = self.links.get(&id) else { return };
        let is_first = matches!(link.place, Place::Shard(..)) && !link.closing;
        let Some(will) = link.will.filter(|_| is_first) else { return };
        // What it said last may be on its way out of the machine.
        let unknown = end == End::Lost && !self.rested;
        if link.awaiting && !link.dossier.is_allowed() {
            // It was never anybody.
            return self.ledger.will_cleared(will.number);
        }
        // A will is as good as the rights of who left it.
        let barred = self.ledger.is_barred(link.client) || link.forbidden.is_some();
        if !link.accepted || unknown || barred {
            return self.ledger.will_unknown(will.number);
        }
        let later = |other: &Link| other.client == link.client && other.clean && !other.closing;
        let asks = self.links.iter().any(|(other, link)| *other != id && later(link));
        if end == End::Goodbye {
            self.marks.hit(Mark::WillCleared);
            return self.ledger.will_cleared(will.number);
        }
        self.marks.hits(Mark::WillDelayed, u64::from(will.delay > 0));
        // The broker may have known since it was drained before.
        let due = if asks { 0 } else { self.drained_at + will.delay };
        self.ledger.will_lost(will.number, due, will.delay);
    }

    /// A CONNACK leaves.
    pub(super) fn note_accepted(&mut self, id: LinkId, present: bool) {
        let (now, client) = (self.clock.micros(), self.links[&id].client);
        let live_from = self.stores[self.homes[client]].next_position(&self.keys[client]);
        self.link(id, |link| link.live_from = live_from);
        let Link { away, closing, .. } = self.links[&id];
        // One of a connection the client gave up says nothing of what it reads on another.
        if self.clients[client].link == Some(id) {
            self.ledger.accepted(client);
        }
        let limit = self.clients[client].expiry_secs.map(|secs| u64::from(secs) * SECOND + self.lateness());
        // Nobody came in between, and it was away for long.
        let away = away.filter(|(_, left)| !self.wall_counts() && self.absences[client].any_end == Some(*left));
        if let Some(((away, _), limit)) = away.zip(limit).filter(|((away, _), limit)| present && away > limit) {
            let text = format!("client {client} was away for {away} us and found its session");
            self.fail(Violation::new(Checker::SessionKept, format!("{text}, which ends after {limit}")));
        }
        let way = Return { away: away.map(|(away, _)| away), clean: self.links[&id].clean, unsure: self.wall_counts() };
        let cancelled = self.ledger.returned(client, way, self.lateness());
        self.marks.hits(Mark::WillCancelled, cancelled);
        if closing {
            self.absences[client].live_end = Some(now);
        }
    }

    /// Whether deadlines may have come back from a store by a clock that was set.
    const fn wall_counts(&self) -> bool {
        self.ledger.wall_jumps() && self.boot > 1
    }

    /// How late a deadline may be served: the machines are not drained after every event.
    const fn lateness(&self) -> u64 {
        if self.was_lazy { 2 * SECOND } else { MILLI }
    }

    /// Whether the session of a client may be over: it is away for long enough.
    pub(super) fn may_be_gone(&self, client: usize) -> bool {
        let is_live = self.links.values().any(|link| link.client == client && link.is_live());
        !is_live && self.may_have_ended(client)
    }

    /// The same of a client that has just come back.
    fn may_have_ended(&self, client: usize) -> bool {
        let Some(limit) = self.clients[client].expiry_secs.map(|secs| u64::from(secs) * SECOND) else {
            return false;
        };
        let ended = |end: u64| self.wall_counts() || end + limit <= self.clock.micros() + MILLI;
        self.absences[client].live_end.is_some_and(ended)
    }
}
