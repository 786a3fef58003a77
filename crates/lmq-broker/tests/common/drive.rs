//! The driver: carries out what the machines want, in their order, until they want nothing.

use bytes::Buf;
use lmq_broker::{CloseReason, ConnId, Done, Flow, FrontOutput, Output, RouteMessage, ShardId, StoreOp, Ticket};

use super::{Client, Place, StoreMode, World, take_packets};

impl World {
    /// Until nothing moves any more.
    pub(crate) fn run(&mut self) {
        loop {
            let mut moved = false;
            for node in 0..self.nodes.len() {
                while let Some(output) = self.nodes[node].front.poll_output() {
                    self.on_front(node, output);
                    moved = true;
                }
                while let Some(output) = self.nodes[node].shard.poll_output() {
                    self.on_shard(node, output);
                    moved = true;
                }
            }
            moved |= self.write_dirty();
            moved |= !self.routes_held && self.deliver_route();
            moved |= !moved && !self.timeouts_held && self.is_due();
            if !moved {
                return;
            }
        }
    }

    /// Calls the machines that want to be called now.
    pub(super) fn is_due(&mut self) -> bool {
        let now = self.now;
        let mut any = false;
        for node in &mut self.nodes {
            if node.shard.poll_timeout().is_some_and(|at| at <= now.monotonic) {
                node.shard.handle_timeout(now);
                any = true;
            }
        }
        any
    }

    pub(super) fn on_time(&mut self) {
        let now = self.now;
        for node in &mut self.nodes {
            node.front.handle_timeout(now);
            node.shard.handle_timeout(now);
        }
        self.run();
    }

    pub(super) fn set_clock(&mut self, at: lmq_broker::Instant) {
        let span = at.saturating_since(self.now.monotonic);
        self.now = lmq_broker::Now { monotonic: at, wall: self.now.wall.plus(span.as_millis() as u64) };
    }

    /// Hands bytes to the machine that has the connection, or keeps them while it does not read.
    pub(super) fn give(&mut self, name: &'static str, bytes: &[u8]) {
        let client = self.clients.get_mut(name).expect("a known client");
        if client.closing {
            return;
        }
        if !client.reading {
            client.unsent.extend_from_slice(bytes);
            return;
        }
        let flow = match client.place {
            Place::Front(node, conn) => self.nodes[node].front.handle_bytes(self.now, conn, bytes),
            Place::Shard(node, conn) => self.nodes[node].shard.handle_bytes(self.now, conn, bytes),
            Place::Gone => return,
        };
        if flow == Flow::Pause {
            if matches!(client.place, Place::Shard(..)) {
                self.log.push(format!("{name}: paused"));
            }
            client.reading = false;
        }
    }

    pub(super) fn hang_up(&mut self, name: &'static str) {
        let client = self.clients.get_mut(name).expect("a known client");
        match std::mem::replace(&mut client.place, Place::Gone) {
            Place::Front(node, conn) => self.nodes[node].front.handle_closed(conn),
            Place::Shard(node, conn) => self.nodes[node].shard.handle_closed(self.now, conn),
            Place::Gone => {}
        }
    }

    fn on_front(&mut self, node: usize, output: FrontOutput) {
        match output {
            FrontOutput::Handoff(handoff) => {
                let Some(name) = self.at(Place::Front(node, handoff.conn)) else {
                    return;
                };
                let shard = usize::from(handoff.shard.0);
                let now = self.now;
                let conn = self.nodes[shard].adopt(now, *handoff);
                self.client(name).place = Place::Shard(shard, conn);
            }
            FrontOutput::Transmit(conn) => {
                if let Some(name) = self.at(Place::Front(node, conn)) {
                    self.client(name).dirty = true;
                }
            }
            FrontOutput::Close { conn, reason, .. } => match self.at(Place::Front(node, conn)) {
                Some(name) => self.close(name, &reason),
                None => self.nodes[node].front.handle_closed(conn),
            },
            other => panic!("unknown output {other:?}"),
        }
    }

    fn on_shard(&mut self, node: usize, output: Output) {
        match output {
            Output::Transmit(conn) => {
                if let Some(name) = self.at(Place::Shard(node, conn)) {
                    self.client(name).dirty = true;
                }
            }
            Output::Resume(conn) => self.resume(node, conn),
            Output::Close { conn, reason, .. } => match self.at(Place::Shard(node, conn)) {
                Some(name) => self.close(name, &reason),
                None => self.nodes[node].shard.handle_closed(self.now, conn),
            },
            Output::Authenticate { ticket, request } => {
                let verdict = (self.auth)(&request);
                match &mut self.auth_held {
                    Some(held) => held.push_back((node, ticket, verdict)),
                    None => self.nodes[node].shard.handle_verdict(self.now, ticket, verdict),
                }
            }
            Output::Store { ticket, op } => self.on_store(node, ticket, op),
            Output::Status { ticket, event, .. } => {
                self.events.push((*event).clone());
                self.log.push(format!("status {} {}", event.tag(), event.client_id));
                if !self.status_held {
                    self.nodes[node].shard.handle_done(self.now, ticket, Ok(Done::Stored));
                }
            }
            Output::Uplink { ticket, message } => {
                self.log.push(format!("uplink {} of {}", message.topic, message.publisher));
                self.uplinks.push_back((node, ticket));
            }
            Output::Rejected { source, position } => self.log.push(format!("rejected {}@{position}", source.0)),
            Output::Consumed { source, upto } => self.log.push(format!("consumed {}@{upto}", source.0)),
            Output::Route { to, message } => {
                if self.trace_routes {
                    self.log.push(format!("route {node}>{} {}", to.0, route_line(&message)));
                }
                self.links.entry((node as u16, to.0)).or_default().push_back(message);
            }
            Output::Dropped { client, reason, count } => {
                self.log.push(format!("{}: dropped {count} {reason:?}", client.client_id));
            }
            Output::Exceeded { resource, used, max, .. } => {
                self.log.push(format!("exceeded {resource:?} {used}/{max}"));
            }
            other => panic!("unknown output {other:?}"),
        }
    }

    fn on_store(&mut self, node: usize, ticket: Ticket, op: StoreOp) {
        if self.trace_store {
            self.log.push(format!("store {}", store_line(&op)));
        }
        match self.store {
            StoreMode::Execute => self.execute(node, ticket, op),
            StoreMode::Hold => self.nodes[node].held.push_back((ticket, op)),
            StoreMode::Fail => {
                self.nodes[node].shard.handle_done(self.now, ticket, Err(lmq_broker::Failed::Unavailable))
            }
        }
    }

    pub(super) fn execute(&mut self, node: usize, ticket: Ticket, op: StoreOp) {
        let now = self.now;
        let node = &mut self.nodes[node];
        let (result, evicted) = node.store.execute(op);
        for evicted in &evicted {
            node.shard.handle_evicted(now, evicted);
        }
        node.shard.handle_done(now, ticket, result);
    }

    fn resume(&mut self, node: usize, conn: ConnId) {
        let Some(name) = self.at(Place::Shard(node, conn)) else {
            return;
        };
        let live = !self.client(name).transcript.is_empty();
        if live {
            self.log.push(format!("{name}: resumed"));
        }
        let client = self.client(name);
        client.reading = true;
        let unsent = std::mem::take(&mut client.unsent);
        self.give(name, &unsent);
    }

    /// Writes what remains, as far as the client takes it, and is done with the connection.
    fn close(&mut self, name: &'static str, reason: &CloseReason) {
        self.write(name);
        self.log.push(format!("{name}: closed {}", reason.name()));
        self.client(name).closing = true;
        self.hang_up(name);
    }

    fn write_dirty(&mut self) -> bool {
        let dirty: Vec<&'static str> =
            self.clients.iter().filter(|(_, client)| client.dirty).map(|(name, _)| *name).collect();
        dirty.into_iter().fold(false, |moved, name| self.write(name) | moved)
    }

    /// One write; says whether it moved anything.
    fn write(&mut self, name: &'static str) -> bool {
        let now_budget = self.client(name).budget;
        let Self { nodes, clients, .. } = self;
        let Some(client) = clients.get_mut(name) else {
            return false;
        };
        client.dirty = false;
        let mut taken = Vec::new();
        match client.place {
            Place::Front(node, conn) => read(nodes[node].front.outgoing(conn), None, &mut taken),
            Place::Shard(node, conn) => read(nodes[node].shard.outgoing(conn), now_budget, &mut taken),
            Place::Gone => return false,
        }
        if let Place::Shard(node, conn) = client.place {
            nodes[node].shard.handle_sent(conn, taken.len());
        }
        if let Some(budget) = &mut client.budget {
            *budget -= taken.len();
        }
        let moved = !taken.is_empty();
        client.transcript.extend_from_slice(&taken);
        client.received.append(&mut taken);
        let lines = take_packets(&mut client.received, client.version);
        self.log.extend(lines.into_iter().map(|line| format!("{name}: {line}")));
        moved
    }

    fn deliver_route(&mut self) -> bool {
        let Some((&(from, to), _)) = self.links.iter().find(|(_, queue)| !queue.is_empty()) else {
            return false;
        };
        self.deliver_from(from, to)
    }

    pub(super) fn deliver_from(&mut self, from: u16, to: u16) -> bool {
        let Some(message) = self.links.get_mut(&(from, to)).and_then(|queue| queue.pop_front()) else {
            return false;
        };
        self.nodes[usize::from(to)].shard.handle_route(self.now, ShardId(from), message);
        true
    }

    fn at(&self, place: Place) -> Option<&'static str> {
        self.clients.iter().find(|(_, client)| client.place == place).map(|(name, _)| *name)
    }

    pub(super) fn client(&mut self, name: &'static str) -> &mut Client {
        self.clients.get_mut(name).expect("a known client")
    }
}

fn read(mut outgoing: impl Buf, budget: Option<usize>, into: &mut Vec<u8>) {
    let mut left = budget.unwrap_or(usize::MAX);
    while outgoing.has_remaining() && left > 0 {
        let chunk = outgoing.chunk();
        let take = chunk.len().min(left);
        into.extend_from_slice(&chunk[..take]);
        outgoing.advance(take);
        left -= take;
    }
}

fn route_line(message: &RouteMessage) -> String {
    match message {
        RouteMessage::Publish { ticket, message } => {
            format!("publish {}{}", message.topic, asked(ticket.is_some()))
        }
        RouteMessage::PointToPoint { ticket, target, .. } => {
            format!("p2p {target}{}", asked(ticket.is_some()))
        }
        RouteMessage::Interest { filter, wanted, .. } => {
            format!("{} {filter}", if *wanted { "want" } else { "unwant" })
        }
        RouteMessage::Retain { message, .. } => format!("retain {}", message.topic),
        RouteMessage::Retained { topic, version, message, .. } => {
            format!("retained {topic}@{version}{}", if message.is_some() { "" } else { " none" })
        }
        RouteMessage::Settle { .. } => "settle".into(),
        RouteMessage::Share { share, client, joins, .. } => {
            let what = joins.map_or("leaves".into(), |state| format!("joins {state:?}"));
            format!("{client} {what} {share}")
        }
        RouteMessage::MemberState { client, state, .. } => format!("{client} is {state:?}"),
        RouteMessage::SharedDelivery { ticket, client, message, .. } => {
            format!("shared {} for {client}{}", message.topic, asked(ticket.is_some()))
        }
        RouteMessage::SharedReturn { ticket, message, .. } => {
            format!("returned {}{}", message.topic, if ticket.is_some() { " answer" } else { "" })
        }
        RouteMessage::Done { ok, .. } => format!("done{}", if *ok { "" } else { " failed" }),
        RouteMessage::Restored => "restored".into(),
        RouteMessage::Usage { connections, subscriptions, .. } => format!("usage {connections} {subscriptions}"),
        RouteMessage::Credit { messages, .. } => format!("credit {messages}"),
        other => panic!("unknown route {other:?}"),
    }
}

fn asked(ticket: bool) -> &'static str {
    if ticket { " ?" } else { "" }
}

fn store_line(op: &StoreOp) -> String {
    match op {
        StoreOp::Restore { .. } => "restore".into(),
        StoreOp::RestoreRetained { .. } => "restore retained".into(),
        StoreOp::SetRetained { topic, version, message, .. } => {
            format!("retain {topic}@{version}{}", if message.is_some() { "" } else { " none" })
        }
        StoreOp::OpenSession { client, clean, expiry_secs, will } => {
            let stays = if *expiry_secs == u32::MAX { String::new() } else { format!(" {expiry_secs}s") };
            let will = if will.is_some() { " will" } else { "" };
            format!("open {}{}{stays}{will}", client.client_id, if *clean { " clean" } else { "" })
        }
        StoreOp::Detach { client, expires_at, will_at, .. } => {
            let after = |at: &Option<lmq_broker::UnixMillis>| at.map(|at| at.value() - super::WALL);
            format!("detach {} {:?} will {:?}", client.client_id, after(expires_at), after(will_at))
        }
        StoreOp::SaveSession { client, subscribed, unsubscribed } => {
            let more: String = subscribed
                .iter()
                .map(|(filter, granted)| format!(" +{filter}:{}", u8::from(granted.options.qos)))
                .collect();
            let less: String = unsubscribed.iter().map(|filter| format!(" -{filter}")).collect();
            format!("save {}{more}{less}", client.client_id)
        }
        StoreOp::DropSession { client } => format!("drop {}", client.client_id),
        StoreOp::Append { queues, dedup, .. } => {
            let slots: String = queues
                .iter()
                .map(|slot| format!(" {}@{}:{}", slot.client.client_id, slot.seq, u8::from(slot.options.qos)))
                .collect();
            let dedup = dedup
                .as_ref()
                .map_or(String::new(), |(client, id)| format!(" dedup {}#{}", client.client_id, id.value()));
            format!("append{slots}{dedup}")
        }
        StoreOp::Fetch { client, from, .. } => format!("fetch {}@{from}", client.client_id),
        StoreOp::Remove { client, seqs } => format!("remove {}@{seqs:?}", client.client_id),
        StoreOp::SetInflight { client, packet_id, state } => {
            format!("inflight {}#{} {state:?}", client.client_id, packet_id.value())
        }
        StoreOp::RecordInbound { client, packet_id } => {
            format!("record {}#{}", client.client_id, packet_id.value())
        }
        StoreOp::ReleaseInbound { client, packet_id } => {
            format!("release {}#{}", client.client_id, packet_id.value())
        }
        other => panic!("unknown operation {other:?}"),
    }
}
