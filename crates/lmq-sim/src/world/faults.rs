//! What goes wrong, rolled twice a second of virtual time.

use super::{Event, TICK, World, absence::End};
use crate::{
    client::Phase,
    clock::SECOND,
    link::{LinkId, Place},
    marks::Mark,
};

impl World {
    pub(super) fn tick(&mut self) {
        self.clock.after(TICK, Event::Tick);
        self.check_pauses();
        self.check_silence();
        self.check_exchanges();
        for client in 0..self.clients.len() {
            self.disturb(client);
        }
        self.operate();
        if self.rng.per_mille(self.options.crash) {
            self.crash();
        }
        if self.rng.per_mille(self.options.wall_jump) {
            let millis = self.rng.below(7_200_000) as i64 - 3_600_000;
            self.say(|| format!("wall clock set by {millis} ms"));
            self.marks.hit(Mark::WallJump);
            self.clock.jump(millis);
        }
    }

    fn disturb(&mut self, client: usize) {
        let ids: Vec<LinkId> = self.links.iter().filter(|(_, link)| link.client == client).map(|(id, _)| *id).collect();
        for id in ids {
            self.disturb_link(id);
        }
        let options = &self.options;
        let rng = &mut self.rng;
        let discard = rng.per_mille(options.discard);
        let (silent, goodbye) = (rng.per_mille(options.silent), rng.per_mille(options.disconnect));
        let (unsubscribe, takeover) = (rng.per_mille(options.unsubscribe), rng.per_mille(options.takeover));
        let (again, reproof) = (rng.per_mille(options.features.resubscribe), rng.per_mille(options.features.reauth));
        let live = self.clients[client].phase == Phase::Live;
        let tokens = &options.features.tokens;
        let upload = tokens.are_there() && rng.per_mille(tokens.upload);
        if discard && self.clients[client].persistent {
            self.clients[client].discard = true;
        }
        if silent && live {
            let until = self.clock.micros() + self.rng.range(1, 30) * SECOND;
            self.clients[client].silent_until = until;
            self.say(|| format!("client {client} is silent"));
        }
        if takeover && live {
            self.clients[client].storm = self.rng.range(1, 4) as u32;
        }
        if unsubscribe {
            self.with_client(client, |client, ctx| client.unsubscribe_one(ctx));
        }
        if again {
            self.with_client(client, |client, ctx| client.subscribe_again(ctx));
        }
        if upload {
            self.with_client(client, |client, ctx| client.upload_token(ctx));
        }
        if reproof {
            self.with_client(client, |client, ctx| client.prove_again(ctx));
        }
        if goodbye && live {
            self.with_client(client, |client, ctx| client.say_goodbye(ctx));
            self.client_closes(client);
        }
        self.plan_wake(client);
    }

    fn disturb_link(&mut self, id: LinkId) {
        let now = self.clock.micros();
        let net = self.options.net.clone();
        if self.rng.per_mille(net.cut) {
            self.sever(id);
        }
        let whole = self.links.get(&id).is_some_and(|link| !link.severed);
        if self.rng.per_mille(net.half_open) && whole {
            self.marks.hit(Mark::HalfOpen);
            self.say(|| format!("link {} goes dark", id.0));
            self.link(id, |link| link.dark = true);
        }
        let (slow, stopped) = (self.rng.range(1, 10) * SECOND, self.rng.range(1, 25) * SECOND);
        if self.rng.per_mille(net.slow_reader) {
            self.marks.hit(Mark::SlowReader);
            self.link(id, |link| link.slow_until = now + slow);
        }
        if self.rng.per_mille(net.stopped_reader) {
            self.marks.hit(Mark::StoppedReader);
            self.say(|| format!("link {}: the client stops reading", id.0));
            self.link(id, |link| link.stopped_until = now + stopped);
        }
    }

    /// Both ends see the end; what is under way is lost.
    fn sever(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if std::mem::replace(&mut link.severed, true) {
            return;
        }
        link.dark = false;
        let lost = link.in_flight > 0;
        link.buffer.clear();
        link.inbox.clear();
        self.marks.hit(Mark::Cut);
        self.marks.hits(Mark::DownlinkLost, u64::from(lost));
        self.say(|| format!("link {} is cut", id.0));
        let (up, down) = (self.delay(500), self.delay(500));
        self.clock.after(up, Event::UpEnd(id));
        self.clock.after(down, Event::DownEnd(id));
    }

    /// The broker's process ends. Links end, or go dark with the machine.
    pub(crate) fn crash(&mut self) {
        if self.nodes.is_empty() {
            return;
        }
        self.say(|| "broker crashes".into());
        self.marks.hit(Mark::Crash);
        self.status.crashed();
        self.ledger.crashed();
        for store in &mut self.stores {
            store.crash(&mut self.rng, &mut self.marks);
        }
        self.note_given_up();
        let ids: Vec<LinkId> = self.links.keys().copied().collect();
        for id in ids {
            self.note_end(id, End::Crash);
            self.link(id, |link| {
                (link.place, link.shut, link.dirty) = (Place::Gone, true, false);
                link.inbox.clear();
            });
            self.schedule_down_end(id);
        }
        self.note_made();
        self.begin_downtime();
    }

    /// From now on nothing goes wrong, and what went wrong in silence is seen.
    pub(crate) fn heal(&mut self) {
        self.say(|| "everything heals".into());
        self.options.heal();
        for client in &mut self.clients {
            (client.storm, client.silent_until) = (0, 0);
        }
        let now = self.clock.micros();
        let ids: Vec<LinkId> = self.links.keys().copied().collect();
        for id in ids {
            self.link(id, |link| (link.slow_until, link.stopped_until) = (now, now));
            if self.links.get(&id).is_some_and(|link| link.dark) {
                self.sever(id);
            }
            self.read_more(id);
        }
        (0..self.clients.len()).for_each(|client| self.plan_wake(client));
    }
}
