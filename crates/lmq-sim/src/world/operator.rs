//! What operators do: close one connection, or stop the broker gently.

use lmq_broker::{CloseReason, Command};

use super::{Event, World, absence::Absence};
use crate::{
    clock::{MILLI, SECOND},
    link::{Link, LinkId, Place},
    marks::Mark,
    violation::{Checker, Violation},
};

/// A drain takes no longer: effects time out, and connections that are closed linger.
const DRAIN_MAX: u64 = 40 * SECOND;

impl World {
    pub(super) fn operate(&mut self) {
        for client in 0..self.clients.len() {
            if self.rng.per_mille(self.options.features.kick) {
                self.kick(client);
            }
        }
        self.order_rights();
        if self.rng.per_mille(self.options.features.drain) && self.draining_since.is_none() {
            self.begin_drain();
        }
        let since = self.draining_since.unwrap_or(u64::MAX);
        if since.saturating_add(DRAIN_MAX) < self.clock.micros() {
            self.fail(Violation::new(Checker::Liveness, format!("a drain does not end: {}", self.undrained())));
        }
    }

    fn kick(&mut self, client: usize) {
        let home = self.homes[client];
        if self.nodes.is_empty() {
            return;
        }
        // What is under way in the machines is not what is looked at here.
        self.drain();
        let live: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| link.client == client && link.is_live()).map(|(id, _)| *id).collect();
        let now = self.clock.now();
        self.say(|| format!("client {client} is kicked"));
        self.nodes[home].shard.handle_command(now, Command::Kick(self.keys[client].clone()));
        self.drain();
        for id in live {
            self.marks.hit(Mark::Kicked);
            if self.links.get(&id).is_some_and(Link::is_live) {
                let text = format!("client {client} was kicked and is still there");
                return self.fail(Violation::new(Checker::Operator, text));
            }
        }
    }

    fn begin_drain(&mut self) {
        if self.nodes.is_empty() {
            return;
        }
        self.say(|| "broker drains".into());
        self.draining_since = Some(self.clock.micros());
        let now = self.clock.now();
        for node in &mut self.nodes {
            node.front.drain();
            node.shard.handle_command(now, Command::Drain);
        }
    }

    /// A drain that has come to its end is followed by the end of the process.
    pub(super) fn end_drain(&mut self) {
        let held = |link: &Link| matches!(link.place, Place::Front(..) | Place::Shard(..));
        let over = self.draining_since.is_some() && self.nodes.iter().all(|node| node.shard.is_drained());
        if !over || self.links.values().any(held) {
            return;
        }
        if let Some(text) = self.left_by_drain() {
            return self.fail(Violation::new(Checker::LeftOver, format!("behind a drain {text}")));
        }
        self.say(|| "broker stops".into());
        self.marks.hit(Mark::Drained);
        self.ledger.stopped();
        self.stores.iter_mut().for_each(|store| store.crash(&mut self.rng, &mut self.marks));
        self.begin_downtime();
    }

    /// The process is gone; it comes back.
    pub(super) fn begin_downtime(&mut self) {
        self.absences.iter_mut().for_each(Absence::forget);
        self.nodes.clear();
        self.tokens.forget();
        self.boot += 1;
        self.route_at.clear();
        self.draining_since = None;
        self.rewind_sources();
        let downtime = self.rng.range(0, 3_000) * MILLI;
        self.clock.after(downtime, Event::Boot);
    }

    fn left_by_drain(&self) -> Option<String> {
        for (at, node) in self.nodes.iter().enumerate() {
            let stats = node.shard.stats();
            if stats.connections > 0 || stats.effects_pending > 0 || stats.operations_pending > 0 {
                return Some(format!("shard {at} has {stats:?}"));
            }
        }
        // One that was given up on may still be working.
        if let Some(at) = self.stores.iter().position(|store| !store.is_idle() && !self.ledger.store_fails()) {
            return Some(format!("store {at} is busy"));
        }
        let open = self.status.open();
        (self.options.lmq && open > 0).then(|| format!("{open} channels are open"))
    }

    fn undrained(&self) -> String {
        let nodes = self.nodes.iter().map(|node| node.shard.stats());
        let waiting = nodes.map(|stats| (stats.connections, stats.effects_pending));
        let places = self.links.values().map(|link| link.place).filter(|place| *place != Place::Gone);
        format!("{:?} {:?}", waiting.collect::<Vec<_>>(), places.collect::<Vec<_>>())
    }

    /// A connection that a client has is closed by its shard: in MQTT 5.0 the client must be told why [MQTT-3.14.0-1].
    pub(super) fn note_reason(&mut self, id: LinkId, reason: &CloseReason) {
        let code = reason.disconnect_code();
        self.link(id, |link| link.farewell = code.filter(|_| link.accepted));
    }

    /// A client has read everything that came on a connection, to its end.
    pub(super) fn check_told(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id).filter(|link| link.carries() && link.whole) else { return };
        let client = &self.clients[link.client];
        let Some(code) = link.farewell.filter(|_| client.version.has_properties()) else { return };
        if client.farewell == Some(code) {
            return self.marks.hit(Mark::Told);
        }
        let text = format!("client {} was told {:?} and not {code}", client.index, client.farewell);
        self.fail(Violation::new(Checker::Operator, text));
    }
}
