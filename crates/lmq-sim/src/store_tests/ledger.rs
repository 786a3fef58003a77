use std::{borrow::Cow, collections::VecDeque};

use lmq_broker::{Done, Evicted, Failed, MemoryStore, Quota, ShardId, StoreOp, StoredSession};

use super::Answer;

/// What a store may hold, judged by its answers.
///
/// For each shard it keeps a reference in memory. After a crash, or an answer that leaves open whether the operation was carried out
/// ([`Failed::TimedOut`]), there is more than one: then every later answer rules out those that would have answered otherwise. When none is left the
/// store has broken the contract.
#[derive(Clone, Debug)]
pub struct Ledger {
    shards: Vec<Track>,
}

#[derive(Clone, Debug)]
struct Track {
    /// What the store may hold, but for the operations in doubt.
    candidates: Vec<MemoryStore>,
    /// Carried out, if at all, in this order and none without those before it.
    doubts: Vec<StoreOp>,
    waiting: VecDeque<(u64, StoreOp)>,
}

impl Ledger {
    /// An empty store of so many shards.
    pub fn new(shards: u16, quota: Quota) -> Self {
        let track = Track { candidates: vec![MemoryStore::new(quota)], doubts: Vec::new(), waiting: VecDeque::new() };
        Self { shards: (0..shards).map(|_| track.clone()).collect() }
    }

    /// An operation was handed in.
    pub fn submitted(&mut self, shard: ShardId, ticket: u64, op: StoreOp) {
        self.shards[usize::from(shard.0)].waiting.push_back((ticket, op));
    }

    /// An answer came.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn answered(&mut self, answer: &Answer) -> Result<(), String> {
        let Answer { shard, ticket, result, evicted } = answer;
        let Some(track) = self.shards.get_mut(usize::from(shard.0)) else {
            return Err(format!("an answer to shard {}, which does not exist", shard.0));
        };
        let op = match track.waiting.pop_front() {
            Some((waiting, op)) if waiting == *ticket => op,
            _ => return Err(format!("the answer {ticket} is none to the oldest operation of shard {}", shard.0)),
        };
        match result {
            Ok(done) => track.confirm(&op, done, evicted),
            Err(Failed::TimedOut) => {
                track.doubts.push(op);
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// The store ended at once: operations without answer may have been carried out, the first ones first.
    pub fn crashed(&mut self) {
        for track in &mut self.shards {
            track.doubts.extend(track.waiting.drain(..).map(|(_, op)| op));
        }
    }

    /// Operations without answer.
    pub fn waiting(&self) -> usize {
        self.shards.iter().map(|track| track.waiting.len()).sum()
    }
}

impl Track {
    fn confirm(&mut self, op: &StoreOp, done: &Done, evicted: &[Evicted]) -> Result<(), String> {
        self.resolve();
        // A page may end where the store likes: only whole reads are compared.
        let partial = |op: &StoreOp| {
            matches!(op, StoreOp::Restore { after: Some(_) } | StoreOp::RestoreRetained { after: Some(_) })
        };
        let cut = matches!(done, Done::Restored { more: true, .. } | Done::RestoredRetained { more: true, .. });
        if partial(op) || cut {
            return Ok(());
        }
        let mut expected = None;
        self.candidates.retain_mut(|store| {
            let (result, given_up) = store.execute(op.clone());
            let same =
                result.as_ref().is_ok_and(|result| comparable(result) == comparable(done)) && given_up == evicted;
            if !same {
                expected = Some((result, given_up));
            }
            same
        });
        // An operation in doubt that changed nothing leaves two of a kind, which stand side by side.
        self.candidates.dedup();
        if self.candidates.is_empty() {
            return Err(format!("{op:?}\nwas answered with {done:?}, {evicted:?}\ninstead of {expected:?}"));
        }
        Ok(())
    }

    /// Every operation in doubt may have been the last one that was carried out.
    fn resolve(&mut self) {
        let doubts = std::mem::take(&mut self.doubts);
        let mut reached = self.candidates.clone();
        for op in doubts {
            for store in &mut reached {
                // A reference never fails.
                drop(store.execute(op.clone()));
            }
            self.candidates.extend(reached.iter().cloned());
        }
    }
}

/// Without what the contract leaves open: the order of subscriptions and of inbound packet ids.
fn comparable(done: &Done) -> Cow<'_, Done> {
    let sort = |session: &mut StoredSession| {
        session.inbound.sort_unstable_by_key(|id| id.value());
        session.inbound.dedup();
        session.subscriptions.sort_by(|one, other| one.0.cmp(&other.0));
    };
    let mut sorted = Cow::Borrowed(done);
    match done {
        Done::Opened(Some(_)) | Done::Restored { .. } => match sorted.to_mut() {
            Done::Opened(Some(session)) => sort(session),
            Done::Restored { sessions, .. } => sessions.iter_mut().for_each(|(_, session)| sort(session)),
            _ => {}
        },
        _ => {}
    }
    sorted
}
