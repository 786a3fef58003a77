//! A store with group commit that can be slow, fail and crash.
//!
//! ```text
//!   submit ──▶ waiting ──(sync: durable from here on)──▶ answers ──▶ handle_done
//!                 │ crash: lost, but for a prefix          │ crash: durable, and nobody was told
//! ```
//!
//! Operations are applied in their order. Once one fails, every other one that was handed out before the shard is told fails too.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use lmq_broker::{
    ClientKey, Done, Evicted, Failed, MemoryStore, Message, QueueSlot, Quota, StoreOp, StoredSession, Ticket,
};
use lmq_codec::QoS;

use crate::{
    marks::{Mark, Marks},
    options::StoreFaults,
    rng::Rng,
    wire::number_of,
};

/// What a shard is told of one operation.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) ticket: Ticket,
    pub(crate) result: Result<Done, Failed>,
    pub(crate) evicted: Vec<Evicted>,
}

/// The answers of one sync.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) answers: Vec<Answer>,
    /// The last one is a failure: whatever waits when the shard is told fails with it.
    pub(crate) failed: bool,
}

#[derive(Debug)]
pub(crate) struct FaultyStore {
    image: MemoryStore,
    waiting: VecDeque<(Ticket, StoreOp)>,
    /// How many of them the sync that is under way makes durable.
    covered: usize,
    /// A sync is under way.
    syncing: bool,
    /// An operation failed and the shard does not know yet.
    fenced: bool,
    /// When the last answers arrive: later ones are not before them.
    pub(crate) answers_at: u64,
    /// Messages that were durable in the queue of a client once, with the positions they had.
    kept: BTreeMap<(String, u64), Vec<(u64, QoS)>>,
    /// Messages that were given up, by client; drained by the world.
    pub(crate) given_up: Vec<(String, u64)>,
    positions: Vec<(ClientKey, u64, u64)>,
    /// Clients for which a session was made that was not there; drained by the world.
    pub(crate) made: Vec<ClientKey>,
}

impl FaultyStore {
    pub(crate) fn new(faults: &StoreFaults) -> Self {
        let quota = Quota { messages_max: faults.quota_messages, ..Quota::default() };
        Self {
            image: MemoryStore::new(quota),
            waiting: VecDeque::new(),
            covered: 0,
            syncing: false,
            fenced: false,
            answers_at: 0,
            kept: BTreeMap::new(),
            given_up: Vec::new(),
            positions: Vec::new(),
            made: Vec::new(),
        }
    }

    /// Takes an operation; says whether a sync has to be scheduled.
    pub(crate) fn submit(&mut self, ticket: Ticket, op: StoreOp) -> bool {
        self.waiting.push_back((ticket, op));
        self.begin_sync()
    }

    /// Begins a sync of everything that waits, if none is under way.
    pub(crate) fn begin_sync(&mut self) -> bool {
        if self.syncing || self.fenced || self.waiting.is_empty() {
            return false;
        }
        self.covered = self.waiting.len();
        self.syncing = true;
        true
    }

    /// The sync ends: what it covers is durable, or fails from some operation on.
    pub(crate) fn sync(&mut self, faults: &StoreFaults, rng: &mut Rng, marks: &mut Marks) -> Batch {
        self.syncing = false;
        let failed = rng.per_mille(faults.fail);
        let good = if failed { rng.below(self.covered as u64) as usize } else { self.covered };
        let answers = (0..good).filter_map(|_| self.execute_next()).collect();
        let mut batch = Batch { answers, failed };
        if let Some((ticket, _)) = failed.then(|| self.waiting.pop_front()).flatten() {
            marks.hit(Mark::StoreFailed);
            self.fenced = true;
            let why = if rng.coin() { Failed::Unavailable } else { Failed::Full };
            batch.answers.push(Answer { ticket, result: Err(why), evicted: Vec::new() });
        }
        batch
    }

    /// The shard is told of a failure now: everything it has handed out until now fails as well.
    pub(crate) fn fence(&mut self, marks: &mut Marks) -> Vec<Answer> {
        self.fenced = false;
        marks.hits(Mark::Fenced, self.waiting.len() as u64);
        let fenced = |(ticket, _)| Answer { ticket, result: Err(Failed::Fenced), evicted: Vec::new() };
        self.waiting.drain(..).map(fenced).collect()
    }

    /// The process ends: what no sync covered is lost, but for a prefix that had been written already.
    pub(crate) fn crash(&mut self, rng: &mut Rng, marks: &mut Marks) {
        let written = if self.fenced { 0 } else { rng.below(self.waiting.len() as u64 + 1) };
        for _ in 0..written {
            self.execute_next();
        }
        marks.hits(Mark::CrashKept, written);
        marks.hits(Mark::CrashLost, self.waiting.len() as u64);
        self.waiting.clear();
        (self.covered, self.syncing, self.fenced, self.answers_at) = (0, false, false, 0);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.syncing && !self.fenced
    }

    /// Whether a message was durable in the queue of a client at some time.
    pub(crate) fn has_kept(&self, client: &str, number: u64) -> bool {
        self.kept.contains_key(&(client.to_owned(), number))
    }

    /// Where a message stands in the queue of a client, if it was put there once and no more, with this QoS.
    pub(crate) fn position_of(&self, client: &str, number: u64, qos: QoS) -> Option<u64> {
        match self.kept.get(&(client.to_owned(), number)).map(Vec::as_slice) {
            Some([(seq, with)]) if *with == qos => Some(*seq),
            _ => None,
        }
    }

    /// The next position of a client's queue.
    pub(crate) fn next_position(&self, client: &ClientKey) -> u64 {
        let own = self.positions.iter().filter(|(owner, ..)| owner == client);
        own.map(|(_, seq, _)| seq + 1).max().unwrap_or(0)
    }

    /// What is kept for a topic.
    pub(crate) fn kept_of(&mut self, topic: &str) -> Option<Arc<Message>> {
        let Ok(Done::RestoredRetained { messages, .. }) =
            self.image.execute(StoreOp::RestoreRetained { after: None }).0
        else {
            return None;
        };
        messages.into_iter().find(|kept| *kept.topic == *topic).map(|kept| kept.message)
    }

    /// What is left of a session: the numbers of the messages in its queue, and the record itself.
    pub(crate) fn left_over(&mut self, client: &ClientKey) -> (Vec<u64>, Option<StoredSession>) {
        let fetch = StoreOp::Fetch { client: client.clone(), from: 0, count_max: u32::MAX, bytes_max: u32::MAX };
        let Ok(Done::Fetched(messages)) = self.image.execute(fetch).0 else { return (Vec::new(), None) };
        let numbers = messages.iter().filter_map(|stored| number_of(&stored.message.payload)).collect();
        let Ok(Done::Restored { sessions, .. }) = self.image.execute(StoreOp::Restore { after: None }).0 else {
            return (numbers, None);
        };
        (numbers, sessions.into_iter().find(|(key, _)| key == client).map(|(_, session)| session))
    }

    fn execute_next(&mut self) -> Option<Answer> {
        let (ticket, op) = self.waiting.pop_front()?;
        if let StoreOp::Append { message, queues, .. } = &op {
            if let Some(number) = number_of(&message.payload) {
                queues.iter().for_each(|slot| self.keep(slot, number));
            }
        }
        let opened = if let StoreOp::OpenSession { client, .. } = &op { Some(client.clone()) } else { None };
        let (result, evicted) = self.image.execute(op);
        self.note_evicted(&evicted);
        self.made.extend(opened.filter(|_| result == Ok(Done::Opened(None))));
        Some(Answer { ticket, result, evicted })
    }

    fn keep(&mut self, slot: &QueueSlot, number: u64) {
        self.kept.entry((slot.client.client_id.to_string(), number)).or_default().push((slot.seq, slot.options.qos));
        self.positions.push((slot.client.clone(), slot.seq, number));
    }

    fn note_evicted(&mut self, evicted: &[Evicted]) {
        for Evicted { client, seqs, .. } in evicted {
            let gone = self.positions.iter().filter(|(owner, seq, _)| owner == client && seqs.contains(seq));
            self.given_up.extend(gone.map(|(client, _, number)| (client.client_id.to_string(), *number)));
        }
    }
}
