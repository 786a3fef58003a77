//! Carries out what the machines want, in their order.

use bytes::Buf;
use lmq_broker::{
    CloseReason, ConnId, DropReason, FrontOutput, Output, Refusal, RouteMessage, ShardId, StoreOp, Ticket,
};
use lmq_codec::ReasonCode;
use lmq_model::status::EventType;

use super::{Event, World, absence::End};
use crate::{
    clock::MILLI,
    link::{LinkId, Place},
    marks::Mark,
    store::Batch,
    violation::{Checker, Violation},
    wire,
};

/// So many rounds of outputs, writes and calls that are due at once; then a machine is spinning.
const ROUNDS_MAX: u32 = 20_000;

/// What the broker says of a client that was asked again who it is.
const UNPROVED: &str = "authentication failed";

impl World {
    /// Until no machine wants anything any more.
    pub(super) fn drain(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let mut moved = false;
            for node in 0..self.nodes.len() {
                while let Some(output) = self.nodes[node].front.poll_output() {
                    self.on_front(node, output);
                    moved = true;
                }
                while let Some(output) = self.nodes.get_mut(node).and_then(|node| node.shard.poll_output()) {
                    self.on_shard(node, output);
                    moved = true;
                }
            }
            moved |= self.write_dirty();
            moved |= !moved && self.call_due();
            if !moved {
                (self.drained_at, self.rested) = (self.clock.micros(), true);
                return self.arm_timers();
            }
        }
        self.fail(Violation::new(Checker::Spin, "the machines never rest"));
    }

    fn call_due(&mut self) -> bool {
        let now = self.clock.now();
        let mut any = false;
        for node in &mut self.nodes {
            if node.shard.poll_timeout().is_some_and(|at| at <= now.monotonic) {
                node.shard.handle_timeout(now);
                any = true;
            }
            if node.front.poll_timeout().is_some_and(|at| at <= now.monotonic) {
                node.front.handle_timeout(now);
                any = true;
            }
        }
        any
    }

    fn arm_timers(&mut self) {
        let boot = self.boot;
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let next = [node.front.poll_timeout(), node.shard.poll_timeout()].into_iter().flatten().min();
            let Some(next) = next.map(lmq_broker::Instant::as_micros) else { continue };
            if next < node.timer_at {
                node.timer_at = next;
                self.clock.at(next, Event::Timer { boot, node: at });
            }
        }
    }

    fn on_front(&mut self, node: usize, output: FrontOutput) {
        match output {
            FrontOutput::Handoff(handoff) => {
                let Some(id) = self.at(Place::Front(node, handoff.conn)) else { return };
                let shard = usize::from(handoff.shard.0);
                let now = self.clock.now();
                let conn = self.nodes[shard].shard.adopt(now, *handoff);
                self.link(id, |link| {
                    link.place = Place::Shard(shard, conn);
                    link.reading = false;
                });
                self.note_adopted(id);
            }
            FrontOutput::Transmit(conn) => self.transmit(Place::Front(node, conn)),
            FrontOutput::Close { conn, reason, linger } => self.on_close(Place::Front(node, conn), &reason, linger),
            other => self.fail(Violation::new(Checker::Protocol, format!("unknown output {other:?}"))),
        }
    }

    fn on_shard(&mut self, node: usize, output: Output) {
        let boot = self.boot;
        match output {
            Output::Transmit(conn) => self.transmit(Place::Shard(node, conn)),
            Output::Resume(conn) => self.on_resume(node, conn),
            Output::Close { conn, reason, linger } => self.on_close(Place::Shard(node, conn), &reason, linger),
            Output::Authenticate { ticket, request } => self.on_authenticate(node, ticket, &request),
            Output::Store { ticket, op } => self.on_store(node, ticket, op),
            Output::Status { ticket, event, .. } => {
                self.say(|| format!("status {} {}", event.tag(), event.client_id));
                if event.event_type == EventType::Connect {
                    self.spend_entry(event.client_id.as_ref(), 1);
                }
                if let Err(violation) = self.status.take(&event) {
                    self.fail(violation);
                }
                let delay = self.delay(self.options.store.sync_max_ms);
                self.clock.after(delay, Event::Effect { boot, node, ticket });
            }
            Output::Uplink { ticket, message } => self.on_uplink(node, ticket, &message),
            Output::Route { to, message } => self.on_route(ShardId(node as u16), to, message),
            Output::Dropped { client, reason, count } => self.on_dropped(&client.client_id, reason, count),
            Output::Consumed { source, upto } => self.on_consumed(source, upto),
            Output::Rejected { source, position } => self.on_rejected(source, position),
            other => self.fail(Violation::new(Checker::Protocol, format!("unknown output {other:?}"))),
        }
    }

    fn on_store(&mut self, node: usize, ticket: Ticket, op: StoreOp) {
        self.say(|| format!("store {node} {}", store_line(&op)));
        if let StoreOp::OpenSession { client, .. } = &op {
            self.spend_entry(&client.client_id, 0);
        }
        if self.stores[node].submit(ticket, op) {
            self.plan_sync(node);
        }
    }

    fn plan_sync(&mut self, node: usize) {
        let faults = self.options.store.clone();
        let mut delay = self.delay(faults.sync_max_ms);
        if self.rng.per_mille(faults.stall) {
            delay += self.rng.range(1_000, faults.stall_max_ms) * MILLI;
            self.marks.hit(Mark::StoreStalled);
            let timeout = self.settings.limits.effect_timeout.as_micros() as u64;
            self.marks.hits(Mark::StoreStalledLong, u64::from(delay > timeout));
            self.say(|| format!("store {node} stalls for {} ms", delay / MILLI));
        }
        self.clock.after(delay, Event::Sync { boot: self.boot, node });
    }

    pub(super) fn sync(&mut self, node: usize) {
        let faults = self.options.store.clone();
        let batch = self.stores[node].sync(&faults, &mut self.rng, &mut self.marks);
        if batch.failed {
            self.say(|| format!("store {node} fails"));
        }
        self.note_given_up();
        self.note_made();
        let wanted = self.clock.micros() + self.delay(faults.answer_max_ms);
        let at = wanted.max(self.stores[node].answers_at);
        self.stores[node].answers_at = at;
        self.clock.at(at, Event::Answers { boot: self.boot, node, batch });
        if self.stores[node].begin_sync() {
            self.plan_sync(node);
        }
    }

    pub(super) fn answer(&mut self, node: usize, batch: Batch) {
        if batch.failed {
            // What the shard has asked for until now is handed out before it is told.
            self.drain();
        }
        let now = self.clock.now();
        let fenced = if batch.failed { self.stores[node].fence(&mut self.marks) } else { Vec::new() };
        for answer in batch.answers.into_iter().chain(fenced) {
            self.trace.number(u64::from(answer.result.is_ok()));
            let shard = &mut self.nodes[node].shard;
            answer.evicted.iter().for_each(|evicted| shard.handle_evicted(now, evicted));
            shard.handle_done(now, answer.ticket, answer.result);
        }
    }

    fn on_route(&mut self, from: ShardId, to: ShardId, message: RouteMessage) {
        if matches!(message, RouteMessage::Publish { .. } | RouteMessage::PointToPoint { .. }) {
            self.marks.hit(Mark::Routed);
        }
        if matches!(message, RouteMessage::SharedReturn { ticket: Some(_), .. }) {
            self.marks.hit(Mark::GivenBack);
        }
        let wanted = self.clock.micros() + self.delay(self.options.route_delay_max_ms);
        let last = self.route_at.entry((from, to)).or_default();
        *last = wanted.max(*last);
        let at = *last;
        self.clock.at(at, Event::Route { boot: self.boot, from, to, message });
    }

    /// A message between shards arrives. One that a member gave back goes to another one, waits for one, or is counted as dropped.
    pub(super) fn deliver_route(&mut self, from: ShardId, to: ShardId, message: RouteMessage) {
        let returned = matches!(message, RouteMessage::SharedReturn { ticket: Some(_), .. });
        let now = self.clock.now();
        let shard = &mut self.nodes[usize::from(to.0)].shard;
        let before = shard.stats();
        shard.handle_route(now, from, message);
        let after = shard.stats();
        // What answers the question asks no other one, and nobody here has it.
        let mut same = before;
        (same.effects_pending, same.operations_pending) = (after.effects_pending, after.operations_pending);
        let ignored = after == same;
        if returned && ignored && after.effects_pending < before.effects_pending {
            let text = format!("shard {} was given a message back and nobody else gets it", to.0);
            self.fail(Violation::new(Checker::SharedLost, text));
        }
    }

    fn on_dropped(&mut self, client: &str, reason: DropReason, count: u32) {
        self.say(|| format!("{client}: dropped {count} {reason:?}"));
        let mark = match reason {
            DropReason::QueueFull => Mark::DroppedQueueFull,
            DropReason::Away => Mark::DroppedAway,
            DropReason::Evicted => Mark::Evicted,
            DropReason::Expired => Mark::DroppedExpired,
            _ => Mark::DroppedStoreFailed,
        };
        self.marks.hits(mark, u64::from(count));
        if let Some(client) = self.client_with(client) {
            self.ledger.dropped(client, count);
        }
    }

    fn on_close(&mut self, place: Place, reason: &CloseReason, linger: std::time::Duration) {
        let mark = match reason {
            CloseReason::KeepAlive => Some(Mark::ClosedKeepAlive),
            CloseReason::Stalled => Some(Mark::ClosedStalled),
            CloseReason::PausedTooLong => Some(Mark::ClosedPaused),
            CloseReason::EffectFailed => Some(Mark::ClosedEffect),
            CloseReason::TakenOver => Some(Mark::Takeover),
            CloseReason::TokenTimeout => Some(Mark::TokenTimeout),
            CloseReason::Refused(Refusal::Unavailable) => Some(Mark::Unavailable),
            _ => None,
        };
        mark.into_iter().for_each(|mark| self.marks.hit(mark));
        let id = self.at(place);
        // Who did not prove who it is ends like that.
        let unproved = *reason == CloseReason::Protocol(ReasonCode::NotAuthorized, UNPROVED)
            || *reason == CloseReason::Protocol(ReasonCode::ServerBusy, UNPROVED);
        let denied = unproved && id.is_some_and(|id| self.is_denied(id));
        let faulty = !denied
            && matches!(
                reason,
                CloseReason::Malformed(_)
                    | CloseReason::Unexpected(_)
                    | CloseReason::InvalidTopic(_)
                    | CloseReason::Protocol(..)
            );
        if faulty {
            self.fail(Violation::new(Checker::Protocol, format!("a client in order was closed: {reason}")));
        }
        let Some(id) = id else { return };
        self.trace.bytes(reason.name().as_bytes());
        self.say(|| format!("link {} of client {}: closed {reason}", id.0, self.links[&id].client));
        self.note_reason(id, reason);
        if *reason == CloseReason::TakenOver {
            self.check_takeover(id);
        }
        let clean = *reason == CloseReason::Disconnected;
        self.note_end(id, if clean { End::Goodbye } else { End::Closed });
        self.link(id, |link| (link.closing, link.dirty) = (true, true));
        self.clock.after(linger.as_micros() as u64, Event::Linger(id));
    }

    fn transmit(&mut self, place: Place) {
        if let Some(id) = self.at(place) {
            self.link(id, |link| link.dirty = true);
        }
    }

    fn write_dirty(&mut self) -> bool {
        let dirty: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| link.dirty && !link.blocked).map(|(id, _)| *id).collect();
        dirty.into_iter().fold(false, |moved, id| self.write(id) | moved)
    }

    /// Writes what the socket takes.
    fn write(&mut self, id: LinkId) -> bool {
        let window = self.options.net.window_bytes;
        let Some(link) = self.links.get_mut(&id) else { return false };
        link.dirty = false;
        if link.shut {
            return false;
        }
        let room = window.saturating_sub(link.in_flight);
        let (bytes, left) = match link.place {
            Place::Shard(node, conn) => {
                let shard = &mut self.nodes[node].shard;
                let (bytes, left) = take(&mut shard.outgoing(conn), room);
                if !(bytes.is_empty() && left == 0) {
                    shard.handle_sent(conn, bytes.len());
                }
                (bytes, left)
            }
            Place::Front(node, conn) => take(&mut self.nodes[node].front.outgoing(conn), room),
            Place::Coming | Place::Gone => return false,
        };
        link.in_flight += bytes.len();
        let now = self.clock.micros();
        if !bytes.is_empty() || !link.stuffed {
            link.written_at = now;
        }
        (link.blocked, link.stuffed) = (left > 0, left > 0);
        let moved = !bytes.is_empty();
        let shut = link.closing && left == 0;
        if moved {
            self.note_connack(id, &bytes);
            self.send_down(id, bytes);
        }
        if shut {
            self.link(id, |link| link.whole = true);
            self.shut_down(id);
        }
        moved
    }

    fn note_connack(&mut self, id: LinkId, bytes: &[u8]) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.answered {
            return;
        }
        link.head.extend_from_slice(bytes);
        let mut present = false;
        if !link.greeted {
            let Some((code, said)) = wire::take_connack(&mut link.head) else { return };
            (link.greeted, link.answered, present) = (true, code != 0, said);
        }
        // Who waits for its token is in behind that.
        if link.answered || link.awaiting && !wire::take_puback(&mut link.head) {
            return;
        }
        (link.accepted, link.answered) = (true, true);
        self.check_let_in(id);
        let Some(link) = self.links.get(&id) else { return };
        let (client, live) = (link.client, link.is_live());
        self.note_accepted(id, present);
        self.note_rights(id);
        let is_second =
            |(other, link): (&LinkId, &crate::link::Link)| *other != id && link.client == client && link.is_live();
        if live && self.links.iter().any(is_second) {
            let text = format!("client {client} is connected twice");
            self.fail(Violation::new(Checker::OneConnection, text));
        }
    }

    fn client_with(&self, id: &str) -> Option<usize> {
        self.clients.iter().position(|client| client.id == id)
    }

    pub(super) fn at(&self, place: Place) -> Option<LinkId> {
        self.links.iter().find(|(_, link)| link.place == place).map(|(id, _)| *id)
    }

    pub(super) fn outbox_bytes(&mut self, node: usize, conn: ConnId) -> usize {
        self.nodes[node].shard.outgoing(conn).remaining()
    }
}

fn take(outgoing: &mut impl Buf, room: usize) -> (Vec<u8>, usize) {
    let count = outgoing.remaining().min(room);
    let bytes = outgoing.copy_to_bytes(count).to_vec();
    (bytes, outgoing.remaining())
}

fn store_line(op: &StoreOp) -> String {
    match op {
        StoreOp::Append { message, queues, dedup } => {
            let number = wire::number_of(&message.payload);
            let queues: Vec<_> = queues.iter().map(|slot| (&*slot.client.client_id, slot.seq)).collect();
            format!("append message {number:?} to {queues:?} dedup {:?}", dedup.as_ref().map(|(_, id)| id.value()))
        }
        other => format!("{other:?}"),
    }
}
