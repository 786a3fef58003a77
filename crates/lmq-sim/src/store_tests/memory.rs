use std::collections::VecDeque;

use lmq_broker::{MemoryStore, ShardId, StoreOp};

use super::{Answer, Setup, Stop, TestStore};

/// The broker's own store in memory, one for each shard: it shows how a store is put under test.
#[derive(Debug)]
pub struct MemoryUnderTest {
    shards: Vec<MemoryStore>,
    waiting: VecDeque<(ShardId, u64, StoreOp)>,
}

impl MemoryUnderTest {
    /// Empty stores.
    pub fn new(setup: &Setup) -> Self {
        let shards = (0..setup.settings.shards).map(|_| MemoryStore::new(setup.quota)).collect();
        Self { shards, waiting: VecDeque::new() }
    }
}

impl TestStore for MemoryUnderTest {
    fn submit(&mut self, shard: ShardId, ticket: u64, op: StoreOp) {
        self.waiting.push_back((shard, ticket, op));
    }

    fn pump(&mut self) -> Vec<Answer> {
        let Self { shards, waiting } = self;
        let answer = |(shard, ticket, op): (ShardId, u64, StoreOp)| {
            let (result, evicted) = shards[usize::from(shard.0)].execute(op);
            Answer { shard, ticket, result, evicted }
        };
        waiting.drain(..).map(answer).collect()
    }

    fn reopen(&mut self, _: Stop, _: &Setup) -> bool {
        false
    }
}
