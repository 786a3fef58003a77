//! Bytes between clients and machines.

use lmq_broker::{ConnId, Flow, Peer, Transport};

use super::{Event, World, absence::End};
use crate::{
    client::Wish,
    clock::MILLI,
    link::{Link, LinkId, Place},
    marks::Mark,
    violation::{Checker, Violation},
    wire::{self, Heard},
};

impl World {
    pub(super) fn link(&mut self, id: LinkId, change: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.get_mut(&id) {
            change(link);
        }
    }

    /// A client opens a connection.
    pub(super) fn connect(&mut self, client: usize) {
        let id = LinkId(self.next_link);
        self.next_link += 1;
        if let Some(old) = self.clients[client].link {
            // Left to itself: the broker will end it.
            self.say(|| format!("client {client} leaves link {} behind", old.0));
        }
        let now = self.clock.micros();
        self.links.insert(id, Link::new(client, now));
        self.say(|| format!("client {client} connects on link {}", id.0));
        let at = now + self.delay(self.options.net.delay_max_ms);
        self.link(id, |link| link.up_at = at);
        self.clock.at(at, Event::Accept(id));
        self.with_client(client, |client, ctx| client.connect(id, ctx));
        let (will, clean) = (self.clients[client].testament, self.clients[client].clean);
        self.link(id, |link| (link.will, link.clean) = (will, clean));
        if clean {
            self.ledger.asks_for_new(client);
        }
    }

    pub(super) fn accept(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else { return };
        if link.place != Place::Coming {
            return;
        }
        let node = usize::try_from(id.0).unwrap_or(0) % self.nodes.len().max(1);
        let addr = ([10, 0, 0, link.client as u8], (id.0 % 60_000) as u16 + 1).into();
        let peer = Peer { addr, transport: Transport::Tcp, local: true, tls: None };
        let now = self.clock.now();
        let accepted = self.nodes.get_mut(node).and_then(|node| node.front.accept(now, peer).ok());
        match accepted {
            Some(conn) => self.link(id, |link| link.place = Place::Front(node, conn)),
            None => {
                self.link(id, |link| link.place = Place::Gone);
                self.schedule_down_end(id);
            }
        }
    }

    /// The client says something.
    pub(super) fn send_up(&mut self, id: LinkId, bytes: Vec<u8>) {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let size =
                if self.options.net.fragments { self.rng.range(1, rest.len() as u64) as usize } else { rest.len() };
            let (piece, later) = rest.split_at(size);
            let wanted = self.clock.micros() + self.delay(self.options.net.delay_max_ms);
            let Some(link) = self.links.get_mut(&id) else { return };
            link.up_at = link.up_at.max(wanted);
            let at = link.up_at;
            self.clock.at(at, Event::Up(id, piece.to_vec()));
            rest = later;
        }
    }

    pub(super) fn arrive_up(&mut self, id: LinkId, bytes: &[u8]) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if !link.carries() || link.closing {
            return;
        }
        self.trace.bytes(bytes);
        if link.reading {
            self.give(id, bytes);
        } else {
            link.inbox.extend_from_slice(bytes);
        }
    }

    /// Hands bytes to the machine that has the connection. Where they are cut makes no difference to it.
    fn give(&mut self, id: LinkId, bytes: &[u8]) {
        let mut rest = bytes;
        let mut flow = Flow::Continue;
        self.rested = false;
        let now = self.clock.now();
        let Some(link) = self.links.get_mut(&id) else { return };
        link.heard_at = now.monotonic.as_micros();
        let place = link.place;
        while !rest.is_empty() {
            let size = self.cuts.as_mut().map_or(rest.len(), |cuts| cuts.range(1, rest.len() as u64) as usize);
            let (piece, later) = rest.split_at(size);
            flow = match place {
                Place::Front(node, conn) => self.nodes[node].front.handle_bytes(now, conn, piece),
                Place::Shard(node, conn) => self.nodes[node].shard.handle_bytes(now, conn, piece),
                Place::Coming | Place::Gone => return,
            };
            rest = later;
        }
        if matches!(place, Place::Shard(..)) && !bytes.is_empty() {
            self.check_taken(id, flow);
        }
        if flow == Flow::Pause {
            let now = now.monotonic.as_micros();
            if matches!(place, Place::Shard(..)) {
                self.marks.hit(Mark::Paused);
                self.say(|| format!("link {} paused", id.0));
            }
            self.link(id, |link| {
                link.reading = false;
                link.paused_since.get_or_insert(now);
            });
        }
    }

    pub(super) fn on_resume(&mut self, node: usize, conn: ConnId) {
        let Some(id) = self.at(Place::Shard(node, conn)) else { return };
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.accepted {
            self.marks.hit(Mark::Resumed);
        }
        (link.reading, link.paused_since, link.heard_at) = (true, None, self.clock.micros());
        let inbox = std::mem::take(&mut link.inbox);
        self.give(id, &inbox);
        let Some(link) = self.links.get(&id) else { return };
        if link.up_ended && link.inbox.is_empty() {
            self.hang_up(id);
        }
    }

    /// The client's end has arrived.
    pub(super) fn end_up(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.dark {
            return;
        }
        link.up_ended = true;
        if link.inbox.is_empty() || link.closing || link.severed {
            self.hang_up(id);
        }
    }

    /// The broker's driver is done with it.
    pub(super) fn hang_up(&mut self, id: LinkId) {
        let now = self.clock.now();
        self.note_end(id, End::Lost);
        let Some(link) = self.links.get_mut(&id) else { return };
        match std::mem::replace(&mut link.place, Place::Gone) {
            Place::Front(node, conn) => self.nodes[node].front.handle_closed(conn),
            Place::Shard(node, conn) => self.nodes[node].shard.handle_closed(now, conn),
            Place::Coming | Place::Gone => {}
        }
        if !std::mem::replace(&mut link.shut, true) {
            self.schedule_down_end(id);
        }
        self.forget_if_over(id);
    }

    /// The broker has waited long enough for the end of a connection it closed.
    pub(super) fn give_up(&mut self, id: LinkId) {
        self.hang_up(id);
    }

    pub(super) fn shut_down(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if !std::mem::replace(&mut link.shut, true) {
            self.schedule_down_end(id);
        }
    }

    pub(super) fn send_down(&mut self, id: LinkId, bytes: Vec<u8>) {
        let wanted = self.clock.micros() + self.delay(self.options.net.delay_max_ms);
        let Some(link) = self.links.get_mut(&id) else { return };
        link.down_at = link.down_at.max(wanted);
        let at = link.down_at;
        self.clock.at(at, Event::Down(id, bytes));
    }

    pub(super) fn schedule_down_end(&mut self, id: LinkId) {
        let wanted = self.clock.micros() + self.delay(self.options.net.delay_max_ms);
        let Some(link) = self.links.get_mut(&id) else { return };
        link.down_at = link.down_at.max(wanted);
        let at = link.down_at;
        self.clock.at(at, Event::DownEnd(id));
    }

    pub(super) fn arrive_down(&mut self, id: LinkId, bytes: &[u8]) {
        self.trace.number(u64::from(id.0));
        self.trace.bytes(bytes);
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.carries() {
            link.buffer.extend(bytes);
            self.read(id);
        }
    }

    pub(super) fn read_more(&mut self, id: LinkId) {
        self.link(id, |link| link.read_scheduled = false);
        self.read(id);
    }

    /// The client reads what it wants to read now.
    fn read(&mut self, id: LinkId) {
        let now = self.clock.micros();
        let Some(link) = self.links.get_mut(&id) else { return };
        let count = link.readable(now);
        let bytes: Vec<u8> = link.buffer.drain(..count).collect();
        link.in_flight = link.in_flight.saturating_sub(count);
        if count > 0 {
            link.progress_at = now;
        }
        let (client, blocked) = (link.client, link.blocked);
        if !link.buffer.is_empty() && !link.read_scheduled {
            link.read_scheduled = true;
            let at = link.stopped_until.max(now + 40 * MILLI);
            self.clock.at(at, Event::ReadMore(id));
        }
        if blocked && count > 0 {
            let delay = self.delay(self.options.net.delay_max_ms);
            self.clock.after(delay, Event::Writable(id));
        }
        if self.clients[client].link == Some(id) && count > 0 {
            self.hear(client, &bytes);
        }
        if self.links.get(&id).is_some_and(|link| link.down_ended && link.buffer.is_empty()) {
            self.client_sees_end(id);
        }
    }

    pub(super) fn writable(&mut self, id: LinkId) {
        self.link(id, |link| (link.blocked, link.dirty) = (false, true));
    }

    fn hear(&mut self, at: usize, bytes: &[u8]) {
        self.clients[at].received.extend_from_slice(bytes);
        let link = self.clients[at].link;
        while self.violation.is_none() && self.clients[at].link == link {
            let version = self.clients[at].version;
            let heard = match wire::next(&mut self.clients[at].received, version) {
                Ok(Some(heard)) => heard,
                Ok(None) => break,
                Err(text) => return self.fail(Violation::new(Checker::Protocol, format!("client {at} got {text}"))),
            };
            self.say(|| format!("client {at} hears {heard:?}"));
            if let Some(number) = self.clients[at].acknowledges(&heard) {
                self.check_copied(number);
                self.note_acked(number);
            }
            match &heard {
                Heard::Expires(notice) => self.check_announced(at, notice),
                Heard::Invalid(notice) => self.check_invalid(at, notice),
                _ => {}
            }
            if let Err(violation) = self.check_position(at, &heard) {
                return self.fail(violation);
            }
            match self.with_client(at, |client, ctx| client.hear(heard, ctx)) {
                Ok(Wish::Nothing) => {}
                Ok(wish) => self.fulfil(at, wish),
                Err(violation) => return self.fail(violation),
            }
        }
        self.plan_wake(at);
    }

    /// Stored messages come in the order of their queue.
    fn check_position(&mut self, at: usize, heard: &Heard) -> Result<(), Violation> {
        let Heard::Publish { number: Some(number), qos, dup: false, length: 1.., .. } = heard else { return Ok(()) };
        let live_from = self.clients[at].link.and_then(|id| self.links.get(&id)).map_or(0, |link| link.live_from);
        let position = self.stores[self.homes[at]].position_of(&self.clients[at].id, *number, *qos);
        let Some(position) = position else { return Ok(()) };
        self.marks.hit(Mark::QueueDrained);
        self.ledger.drained(at, *qos, position, position >= live_from)
    }

    pub(super) fn note_acked(&mut self, number: u64) {
        let gone: Vec<bool> = (0..self.clients.len()).map(|client| self.may_be_gone(client)).collect();
        for client in (0..gone.len()).filter(|client| gone[*client]) {
            // Its session was over; a crash may bring it back from a store that did not know yet.
            let home = &self.stores[self.homes[client]];
            if self.ledger.store_fails() && !home.has_kept(&self.clients[client].id, number) {
                self.ledger.excuse(client, number);
            }
        }
        let Self { stores, homes, keys, .. } = self;
        let is_kept = |client: usize| gone[client] || stores[homes[client]].has_kept(&keys[client].client_id, number);
        if let Err(violation) = self.ledger.acked(number, is_kept) {
            self.fail(violation);
        }
    }

    /// The broker's end has arrived.
    pub(super) fn end_down(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.dark {
            return;
        }
        link.down_ended = true;
        if link.buffer.is_empty() || link.severed {
            self.client_sees_end(id);
        }
    }

    fn client_sees_end(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else { return };
        let client = link.client;
        if self.clients[client].link == Some(id) {
            self.say(|| format!("client {client} sees the end of link {}", id.0));
            self.check_told(id);
            self.with_client(client, |client, ctx| client.disconnected(ctx));
            self.plan_wake(client);
        }
        self.client_ends(id);
    }

    /// The client closes its connection, behind what it has sent.
    pub(super) fn client_closes(&mut self, at: usize) {
        let Some(id) = self.clients[at].link else { return };
        self.say(|| format!("client {at} closes link {}", id.0));
        self.with_client(at, |client, ctx| client.disconnected(ctx));
        self.client_ends(id);
    }

    fn client_ends(&mut self, id: LinkId) {
        let wanted = self.clock.micros() + self.delay(self.options.net.delay_max_ms);
        let Some(link) = self.links.get_mut(&id) else { return };
        if std::mem::replace(&mut link.client_done, true) {
            return self.forget_if_over(id);
        }
        link.up_at = link.up_at.max(wanted);
        let at = link.up_at;
        self.clock.at(at, Event::UpEnd(id));
        self.forget_if_over(id);
    }

    fn forget_if_over(&mut self, id: LinkId) {
        if self.links.get(&id).is_some_and(Link::is_over) {
            self.links.remove(&id);
        }
    }
}
