//! The redb store on a disk that goes wrong, as a store under test.

use lmq_broker::{ShardId, StoreOp, UnixMillis};
use lmq_sim::store_tests::{Answer, Setup, Stop, TestStore};

use super::disk::{Disk, Faults};
use crate::store::{Keep, Request, Store};

/// All operations are handed in at this moment.
const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

pub(super) struct Subject {
    disk: Disk,
    store: Option<Store>,
    waiting: Vec<Request<u64>>,
    /// Answers that no shard was told.
    held: Vec<crate::store::Answer<u64>>,
    eras: Vec<u64>,
    /// Faults of every kind, not only those that are sure to fail the next operation.
    wild: bool,
    chance: u64,
}

impl Subject {
    pub(super) fn new(setup: &Setup, chance: u64, wild: bool) -> Self {
        let disk = Disk::new(chance);
        let store = open(&disk, setup);
        let eras = vec![0; usize::from(setup.settings.shards)];
        Self { disk, store: Some(store), waiting: Vec::new(), held: Vec::new(), eras, wild, chance }
    }

    fn draw(&mut self, bound: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % bound
    }
}

fn open(disk: &Disk, setup: &Setup) -> Store {
    let keep = Keep {
        session_messages_max: setup.quota.messages_max as u64,
        session_bytes_max: setup.quota.bytes_max as u64,
        ..Keep::default()
    };
    let mut store = Store::open(Box::new(disk.clone()), setup.settings.clone(), keep).unwrap();
    store.never_rest();
    store
}

impl TestStore for Subject {
    fn submit(&mut self, shard: ShardId, ticket: u64, op: StoreOp) {
        let era = self.eras[usize::from(shard.0)];
        self.waiting.push(Request { shard, era, ticket, op });
    }

    fn work(&mut self) -> bool {
        let waiting = std::mem::take(&mut self.waiting);
        let (answers, aged) = self.store.as_mut().unwrap().execute(waiting, NOW);
        assert!(aged.is_empty(), "nothing is old");
        // What goes wrong goes wrong once.
        self.disk.set_faults(Faults::default());
        self.held.extend(answers);
        true
    }

    fn pump(&mut self) -> Vec<Answer> {
        self.work();
        let answers = std::mem::take(&mut self.held).into_iter().map(|answer| {
            let era = &mut self.eras[usize::from(answer.shard.0)];
            if answer.result.is_err() && *era == answer.era {
                *era += 1;
            }
            Answer { shard: answer.shard, ticket: answer.ticket, result: answer.result, evicted: answer.evicted }
        });
        answers.collect()
    }

    fn reopen(&mut self, how: Stop, setup: &Setup) -> bool {
        if how == Stop::Clean {
            assert!(self.pump().iter().all(|answer| answer.result.is_ok()));
            self.store = None;
        } else {
            // In the middle of a transaction, or behind it.
            let calls = self.draw(40) as u32;
            self.disk.go_dark_after(calls);
            drop(self.store.as_mut().unwrap().execute(std::mem::take(&mut self.waiting), NOW));
            self.disk = self.disk.after_power_loss();
        }
        self.store = Some(open(&self.disk, setup));
        self.eras = vec![0; usize::from(setup.settings.shards)];
        true
    }

    fn fail_next(&mut self) -> bool {
        let which = if self.wild { self.draw(5) } else { 0 };
        let later = self.draw(6) as u32 + 1;
        self.disk.set_faults(match which {
            // The first of the two syncs: the transaction did not take place.
            0 => Faults { sync: 1, ..Faults::default() },
            // The second one: perhaps it did.
            1 => Faults { sync: 2, ..Faults::default() },
            2 => Faults { write: later, ..Faults::default() },
            3 => Faults { read: later, ..Faults::default() },
            _ => Faults { read_only: true, ..Faults::default() },
        });
        true
    }
}
