//! Where a thread keeps what outlives connections.

use std::sync::Arc;

use lmq_broker::{MemoryStore, ShardId, StoreOp, Ticket};

use super::worker::Worker;
use crate::store::{Answer, Desk, Letter, Request};

/// The store of one shard.
pub(super) enum Storage {
    /// It answers at once, and forgets when the process ends.
    Memory(MemoryStore),
    /// It answers by mail.
    Durable(Durable),
}

/// The way to the store thread.
pub(super) struct Durable {
    desk: Arc<Desk>,
    /// Operations of this turn.
    requests: Vec<Request<Ticket>>,
    /// Failures that the shard was told of: what was handed out before must not be carried out.
    era: u64,
}

impl Durable {
    pub(super) const fn new(desk: Arc<Desk>) -> Self {
        Self { desk, requests: Vec::new(), era: 0 }
    }

    fn push(&mut self, shard: ShardId, ticket: Ticket, op: StoreOp) {
        self.requests.push(Request { shard, era: self.era, ticket, op });
    }

    fn submit(&mut self) {
        self.desk.submit(&mut self.requests);
    }

    fn note(&mut self, answer: &Answer<Ticket>) {
        if answer.result.is_err() && answer.era == self.era {
            self.era += 1;
        }
    }
}

impl Worker {
    pub(super) fn on_store(&mut self, ticket: Ticket, op: StoreOp) {
        match &mut self.storage {
            Storage::Memory(store) => {
                let (result, evicted) = store.execute(op);
                for evicted in &evicted {
                    self.shard.handle_evicted(self.now, evicted);
                }
                self.shard.handle_done(self.now, ticket, result);
            }
            Storage::Durable(durable) => durable.push(self.setup.id, ticket, op),
        }
    }

    pub(super) fn on_letter(&mut self, letter: Letter) {
        match letter {
            Letter::Answers(answers) => answers.into_iter().for_each(|answer| self.on_answer(answer)),
            Letter::Evicted(evicted) => {
                evicted.iter().for_each(|evicted| self.shard.handle_evicted(self.now, evicted));
            }
        }
    }

    fn on_answer(&mut self, answer: Answer<Ticket>) {
        if let Storage::Durable(durable) = &mut self.storage {
            durable.note(&answer);
        }
        for evicted in &answer.evicted {
            self.shard.handle_evicted(self.now, evicted);
        }
        self.shard.handle_done(self.now, answer.ticket, answer.result);
    }

    /// Hands the operations of this turn to the store thread.
    pub(super) fn submit(&mut self) {
        if let Storage::Durable(durable) = &mut self.storage {
            durable.submit();
        }
    }
}
