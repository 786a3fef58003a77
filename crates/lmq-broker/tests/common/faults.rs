//! What a test does to the world: held answers, failures, clients that do not read.

use lmq_broker::{AuthRequest, Done, Failed, Verdict};

use super::{StoreMode, World};

impl World {
    /// Who may come in, from now on.
    pub(crate) fn authenticate_by(&mut self, decide: impl Fn(&AuthRequest) -> Verdict + 'static) {
        self.auth = Box::new(decide);
    }

    /// Verdicts wait for [`World::release_verdicts`].
    pub(crate) fn hold_verdicts(&mut self) {
        self.auth_held = Some(Default::default());
    }

    pub(crate) fn release_verdicts(&mut self) {
        self.give_verdicts();
        self.run();
    }

    /// The same, the last question first.
    pub(crate) fn release_verdicts_backwards(&mut self) {
        self.auth_held.iter_mut().for_each(|held| held.make_contiguous().reverse());
        self.release_verdicts();
    }

    /// The same, with time passing before the outputs are drained.
    pub(crate) fn release_verdicts_and_tick(&mut self) {
        self.give_verdicts();
        self.on_time();
    }

    fn give_verdicts(&mut self) {
        for (node, ticket, verdict) in self.auth_held.take().unwrap_or_default() {
            self.nodes[node].shard.handle_verdict(self.now, ticket, verdict);
        }
    }

    /// Store operations wait for [`World::release_store`]; nothing is executed until then.
    pub(crate) fn hold_store(&mut self) {
        self.store = StoreMode::Hold;
    }

    /// Executes and answers what was held, and everything after it at once.
    pub(crate) fn release_store(&mut self) {
        self.store = StoreMode::Execute;
        while self.execute_held() {}
        self.run();
    }

    /// Executes what was held in its order, and answers it from the last to the first.
    pub(crate) fn release_store_backwards(&mut self) {
        self.store = StoreMode::Execute;
        for node in &mut self.nodes {
            let done: Vec<_> = std::mem::take(&mut node.held)
                .into_iter()
                .map(|(ticket, op)| (ticket, node.store.execute(op).0))
                .collect();
            for (ticket, result) in done.into_iter().rev() {
                node.shard.handle_done(self.now, ticket, result);
            }
        }
        self.run();
    }

    /// Executes and answers the oldest operation of every shard that holds one.
    pub(crate) fn release_one(&mut self) {
        self.execute_held();
        self.run();
    }

    fn execute_held(&mut self) -> bool {
        let mut any = false;
        for node in 0..self.nodes.len() {
            if let Some((ticket, op)) = self.nodes[node].held.pop_front() {
                self.execute(node, ticket, op);
                any = true;
            }
        }
        any
    }

    /// The first operation held fails, and so does every later one, as the contract of the store says.
    pub(crate) fn fail_held(&mut self) {
        self.store = StoreMode::Execute;
        for node in &mut self.nodes {
            let mut failed = Failed::Unavailable;
            for (ticket, _) in std::mem::take(&mut node.held) {
                node.shard.handle_done(self.now, ticket, Err(failed));
                failed = Failed::Fenced;
            }
        }
        self.run();
    }

    /// Every operation fails, from now on.
    pub(crate) fn break_store(&mut self) {
        self.store = StoreMode::Fail;
    }

    pub(crate) fn mend_store(&mut self) {
        self.store = StoreMode::Execute;
    }

    /// How many store operations wait.
    pub(crate) fn held(&self) -> usize {
        self.nodes.iter().map(|node| node.held.len()).sum()
    }

    /// Messages between shards wait for [`World::release_routes`].
    pub(crate) fn hold_routes(&mut self) {
        self.routes_held = true;
    }

    pub(crate) fn release_routes(&mut self) {
        self.routes_held = false;
        self.run();
    }

    /// Delivers the oldest message of one link.
    pub(crate) fn release_route(&mut self, from: u16, to: u16) {
        assert!(self.deliver_from(from, to), "nothing waits from {from} to {to}");
        self.run();
    }

    /// Nothing waits on a link.
    pub(crate) fn is_quiet(&self, from: u16, to: u16) -> bool {
        self.links.get(&(from, to)).is_none_or(|queue| queue.is_empty())
    }

    /// Machines that want to be called at once are not, until [`World::call`].
    pub(crate) fn hold_timeouts(&mut self) {
        self.timeouts_held = true;
    }

    /// Calls the machines once if they want it.
    pub(crate) fn call(&mut self) {
        self.is_due();
        self.run();
    }

    /// Status events are logged but not answered.
    /// Another node opened the session of a client.
    pub(crate) fn supersede(&mut self, client_id: &str) {
        let (node, key) = (self.shard_of(client_id), self.key(client_id));
        self.nodes[node].shard.handle_superseded(self.now, &key);
        self.run();
    }

    pub(crate) fn hold_status(&mut self) {
        self.status_held = true;
    }

    /// The MQ side answers the oldest copy it was handed.
    pub(crate) fn answer_uplink(&mut self, result: Result<Done, Failed>) {
        let (node, ticket) = self.uplinks.pop_front().expect("a copy was handed up");
        self.nodes[node].shard.handle_done(self.now, ticket, result);
        self.run();
    }

    /// Store operations become lines of the log.
    pub(crate) fn trace_store(&mut self) {
        self.trace_store = true;
    }

    /// Messages between shards become lines of the log.
    pub(crate) fn trace_routes(&mut self) {
        self.trace_routes = true;
    }

    /// The client reads nothing more.
    pub(crate) fn block(&mut self, name: &'static str) {
        self.client(name).budget = Some(0);
    }

    /// The client reads so many bytes more.
    pub(crate) fn read(&mut self, name: &'static str, bytes: usize) {
        let client = self.client(name);
        client.budget = Some(client.budget.unwrap_or(0) + bytes);
        client.dirty = true;
        self.run();
    }

    /// The client reads everything again.
    pub(crate) fn unblock(&mut self, name: &'static str) {
        let client = self.client(name);
        client.budget = None;
        client.dirty = true;
        self.run();
    }
}
