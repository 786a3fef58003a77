//! Carrying out what the machines want.

use lmq_broker::{CloseReason, Done, FrontOutput, Handoff, InstanceIndex, Output, Resource};

use lmq_model::status::StatusEvent;

use super::{link::Owner, mail::Mail, sockets::note, worker::Worker};

impl Worker {
    /// Drains both machines, then writes every connection that has something to send, until nothing is left to do.
    pub(super) fn carry_out(&mut self) {
        loop {
            while let Some(output) = self.front.poll_output() {
                self.on_front(output);
            }
            while let Some(output) = self.shard.poll_output() {
                self.on_shard(output);
            }
            if self.dirty.is_empty() {
                return;
            }
            let mut dirty = std::mem::take(&mut self.dirty);
            for link in dirty.drain(..) {
                self.write(link);
            }
            if self.dirty.is_empty() {
                self.dirty = dirty;
            }
        }
    }

    fn on_front(&mut self, output: FrontOutput) {
        match output {
            FrontOutput::Handoff(handoff) => self.hand_off(handoff),
            FrontOutput::Transmit(conn) => {
                if let Some(link) = self.link_of(Owner::Front(conn)) {
                    self.write_soon(link);
                }
            }
            FrontOutput::Close { conn, reason, linger } => {
                self.count(&reason);
                match self.link_of(Owner::Front(conn)) {
                    Some(link) => self.close(link, &reason, linger),
                    None => self.front.handle_closed(conn),
                }
            }
            _ => {}
        }
    }

    fn on_shard(&mut self, output: Output) {
        match output {
            Output::Transmit(conn) => {
                if let Some(link) = self.link_of(Owner::Shard(conn)) {
                    self.write_soon(link);
                }
            }
            Output::Resume(conn) => {
                if let Some(link) = self.link_of(Owner::Shard(conn)) {
                    self.links[link].paused = false;
                    self.read_soon(link);
                }
            }
            Output::Close { conn, reason, linger } => {
                self.count(&reason);
                match self.link_of(Owner::Shard(conn)) {
                    Some(link) => self.close(link, &reason, linger),
                    None => self.shard.handle_closed(self.now, conn),
                }
            }
            Output::Authenticate { ticket, request } => {
                let verdict = self.setup.authenticator.decide(self.now.wall.value(), &request);
                self.shard.handle_verdict(self.now, ticket, verdict);
            }
            Output::Store { ticket, op } => self.on_store(ticket, op),
            Output::Status { ticket, instance, event } => {
                self.on_event_of_client(instance, &event);
                self.shard.handle_done(self.now, ticket, Ok(Done::Stored));
            }
            Output::Route { to, message } => {
                let from = self.setup.id;
                self.letters[usize::from(to.0)].push(Mail::Route { from, message });
            }
            Output::Dropped { client, reason, count } => {
                tracing::debug!(client = %client.client_id, ?reason, count, "messages dropped");
            }
            Output::Exceeded { instance, resource, used, max } => self.on_exceeded(instance, resource, used, max),
            output => tracing::error!(?output, "the gateway does not know what the broker wants"),
        }
    }

    /// Without a topic of the MQ side that takes it, an event is dropped and counted.
    fn on_event_of_client(&mut self, instance: InstanceIndex, event: &StatusEvent) {
        tracing::debug!(client = %event.client_id, channel = %event.channel_id, "{}", event.tag());
        let snapshot = self.setup.authenticator.snapshot();
        let instance = snapshot.at(instance);
        if instance.is_some_and(|instance| instance.event_topic(event).is_some()) {
            return;
        }
        let name = instance.map_or("", |instance| &*instance.id);
        *self.counted.events_dropped.entry(name.into()).or_default() += 1;
    }

    /// Every thread says this for itself, once, and again after the instance had come down.
    fn on_exceeded(&mut self, instance: InstanceIndex, resource: Resource, used: u32, max: u32) {
        let snapshot = self.setup.authenticator.snapshot();
        let name = snapshot.at(instance).map_or("", |instance| &*instance.id);
        let resource = name_of(resource);
        tracing::warn!(instance = name, resource, used, max, "an instance uses more than its quota");
        *self.counted.exceeded.entry((name.into(), resource)).or_default() += 1;
    }

    /// Moves a connection from the front to the shard that owns its client.
    fn hand_off(&mut self, handoff: Box<Handoff>) {
        let Some(link) = self.link_of(Owner::Front(handoff.conn)) else {
            return;
        };
        if handoff.shard == self.setup.id {
            let conn = self.shard.adopt(self.now, *handoff);
            self.links[link].owner = Owner::Shard(conn);
            self.links[link].stack.allow_messages(self.setup.settings.limits.packet_bytes_max);
            note(&mut self.shard_links, conn, link);
            return;
        }
        let mut state = self.links.remove(link);
        if let Err(error) = self.poll.registry().deregister(&mut state.socket) {
            return tracing::warn!(%error, "cannot move a connection");
        }
        let to = usize::from(handoff.shard.0);
        self.letters[to].push(Mail::Connection { handoff, socket: state.socket, stack: state.stack });
    }

    fn link_of(&self, owner: Owner) -> Option<usize> {
        let (links, conn) = match owner {
            Owner::Front(conn) => (&self.front_links, conn),
            Owner::Shard(conn) => (&self.shard_links, conn),
        };
        let link = *links.get(conn.slot() as usize)?;
        (self.links.get(link)?.owner == owner).then_some(link)
    }

    fn count(&mut self, reason: &CloseReason) {
        *self.counted.closed.entry(reason.name()).or_default() += 1;
    }
}

/// As it stands in logs and metrics.
fn name_of(resource: Resource) -> &'static str {
    match resource {
        Resource::Connections => "connections",
        Resource::Subscriptions => "subscriptions",
        Resource::PublishesPerSec => "publishes_per_sec",
        _ => "other",
    }
}
