//! Looks at the whole.

use super::World;
use crate::{
    clock::SECOND,
    link::{Link, LinkId, Place},
    violation::{Checker, Violation},
};

/// No pause lasts longer: `pause_max` or `stall_max`, and an effect or two that end before.
const PAUSE_MAX: u64 = 25 * SECOND;

/// A deadline may be met so much later: the machines are not drained after every event.
const GRACE: u64 = 8 * SECOND;

impl World {
    /// After every step.
    pub(super) fn check(&mut self) {
        if self.violation.is_none() {
            self.check_sessions();
            self.check_outboxes();
            self.check_doomed();
        }
    }

    fn check_sessions(&mut self) {
        let limits = &self.settings.limits;
        for client in 0..self.clients.len() {
            let Some(node) = self.nodes.get(self.homes[client]) else { return };
            let Some(view) = node.shard.session(&self.keys[client]) else { continue };
            // After a restart a window also holds exchanges whose end was not recorded: any number where the store fails.
            let starts = if self.ledger.store_fails() { 1_000 } else { 1 + usize::from(self.boot > 1) };
            let (inflight, queued) = (starts * usize::from(limits.inflight_max), limits.queue_messages_max as usize);
            if view.inflight > inflight || view.queued > queued {
                let text = format!("client {client} has {} in flight, {} queued", view.inflight, view.queued);
                return self.fail(Violation::new(Checker::Memory, text));
            }
        }
    }

    fn check_outboxes(&mut self) {
        let most = self.outbox_most();
        let places: Vec<(LinkId, Place)> = self.links.iter().map(|(id, link)| (*id, link.place)).collect();
        for (id, place) in places {
            let Place::Shard(node, conn) = place else { continue };
            let bytes = self.outbox_bytes(node, conn);
            if bytes > most {
                let text = format!("link {} has {bytes} bytes in its outbox, at most {most} are allowed", id.0);
                return self.fail(Violation::new(Checker::Memory, text));
            }
        }
    }

    /// Twice the limit, one message, and the answers that were under way.
    fn outbox_most(&self) -> usize {
        let limits = &self.settings.limits;
        let message = self.options.payload_bytes_max as usize + 100;
        let answers = 4 * (limits.replies_max as usize + usize::from(limits.inflight_max));
        2 * limits.outbox_bytes_max as usize + message + answers
    }

    /// A pause ends, or its connection does; one whose peer takes its answers slowly may last.
    pub(super) fn check_pauses(&mut self) {
        let now = self.clock.micros();
        let stuck = |link: &&Link| {
            let since = link.paused_since.map_or(now, |since| since.max(link.progress_at));
            matches!(link.place, Place::Shard(..)) && !link.closing && !link.reading && since + PAUSE_MAX < now
        };
        if let Some(link) = self.links.values().find(stuck) {
            let text = format!("a connection of client {} is paused since {:?}", link.client, link.paused_since);
            self.fail(Violation::new(Checker::StuckPause, text));
        }
    }

    /// Who says nothing for too long is closed [MQTT-3.1.2-24], and so is who takes nothing.
    pub(super) fn check_silence(&mut self) {
        let now = self.clock.micros();
        let silence = u64::from(self.options.keep_alive_secs) * SECOND * 3 / 2;
        let stall = self.settings.limits.stall_max.as_micros() as u64;
        let overdue = |link: &&Link| {
            let silent = silence > 0 && link.reading && link.heard_at + silence + GRACE < now;
            let stalled = link.stuffed && link.written_at + stall + GRACE < now;
            link.is_live() && (silent || stalled)
        };
        if let Some(link) = self.links.values().find(overdue) {
            let text = format!("client {} is silent or takes nothing, and is not closed", link.client);
            self.fail(Violation::new(Checker::Overdue, text));
        }
    }

    pub(super) fn note_given_up(&mut self) {
        for node in 0..self.stores.len() {
            for (client, number) in std::mem::take(&mut self.stores[node].given_up) {
                if let Some(client) = self.clients.iter().position(|known| known.id == client) {
                    self.ledger.excuse(client, number);
                }
            }
        }
    }

    /// What is still under way once everything has healed.
    pub(super) fn unsettled(&mut self) -> Option<Violation> {
        let alive = |text: String| Some(Violation::new(Checker::Liveness, text));
        if self.nodes.is_empty() || !self.nodes.iter().all(|node| node.shard.is_ready()) {
            return alive("the broker does not start".into());
        }
        for client in &self.clients {
            if let Some(what) = client.unfinished() {
                return alive(format!("client {} {what}", client.index));
            }
        }
        if let Some(text) = self.unconsumed() {
            return alive(text);
        }
        let left = self.left_in_sessions().or_else(|| self.left_in_shards()).or_else(|| self.left_in_links());
        left.map(|text| Violation::new(Checker::LeftOver, text))
    }

    fn left_in_sessions(&self) -> Option<String> {
        for client in 0..self.clients.len() {
            let Some(view) = self.nodes[self.homes[client]].shard.session(&self.keys[client]) else {
                return Some(format!("client {client} is live without session"));
            };
            if view.inflight > 0 || view.queued > 0 || view.replays > 0 || view.conn.is_none() {
                return Some(format!("the session of client {client}: {view:?}"));
            }
        }
        None
    }

    fn left_in_shards(&self) -> Option<String> {
        for (at, node) in self.nodes.iter().enumerate() {
            let stats = node.shard.stats();
            if stats.effects_pending > 0 || stats.operations_pending > 0 {
                let (effects, operations) = (stats.effects_pending, stats.operations_pending);
                return Some(format!("shard {at} waits for {effects} effects in {operations} operations"));
            }
        }
        let connections: u64 = self.nodes.iter().map(|node| node.shard.stats().connections).sum();
        let sessions: u64 = self.nodes.iter().map(|node| node.shard.stats().sessions).sum();
        let clients = self.clients.len() as u64;
        if connections != clients || sessions != clients {
            return Some(format!("{connections} connections and {sessions} sessions of {clients} clients"));
        }
        if let Some(at) = self.stores.iter().position(|store| !store.is_idle()) {
            return Some(format!("store {at} is busy"));
        }
        let open = self.status.open() as u64;
        (self.options.lmq && open != clients).then(|| format!("{open} channels are open"))
    }

    fn left_in_links(&mut self) -> Option<String> {
        let places: Vec<(LinkId, Place)> = self.links.iter().map(|(id, link)| (*id, link.place)).collect();
        for (id, place) in places {
            let Place::Shard(node, conn) = place else { return Some(format!("link {} is at {place:?}", id.0)) };
            let bytes = self.outbox_bytes(node, conn);
            let link = &self.links[&id];
            if bytes > 0 || !link.reading || !link.inbox.is_empty() || self.clients[link.client].link != Some(id) {
                return Some(format!("link {} of client {}: {bytes} bytes, {link:?}", id.0, link.client));
            }
        }
        None
    }

    /// What the stores keep of sessions in which everything came to an end.
    pub(crate) fn check_stores(&mut self) {
        for client in (0..self.clients.len()).filter(|client| self.clients[*client].persistent).collect::<Vec<_>>() {
            let key = self.keys[client].clone();
            let shard = self.homes[client];
            let (messages, session) = self.stores[shard].left_over(&key);
            let exchanges = session.as_ref().map_or(0, |session| session.inflight.len() + session.inbound.len());
            // A removal that failed is not repeated before the next start.
            if !self.ledger.store_fails() && (!messages.is_empty() || exchanges > 0) {
                let text =
                    format!("the store keeps {messages:?} and {exchanges} exchanges of client {client}: {session:?}");
                return self.fail(Violation::new(Checker::LeftOver, text));
            }
        }
    }
}
