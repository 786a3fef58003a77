//! The thread that owns the store: it takes what all shards have handed out since the last transaction, and makes one of it.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lmq_broker::{Evicted, Instance, InstanceIndex, ShardId, Ticket, UnixMillis};

use super::{Answer, Request, Store};

/// Operations in one transaction, so that none waits long for it. The next one takes the rest.
const BATCH_MAX: usize = 4096;
/// How often it is looked for what is old, and whether a disk in trouble works again.
const IDLE: Duration = Duration::from_millis(500);

/// Takes the answers for one shard. What was given up beside them comes to the shard that owns the session.
pub(crate) type Deliver = Box<dyn Fn(ShardId, Letter) + Send>;

/// What the store tells a shard.
#[derive(Debug)]
pub(crate) enum Letter {
    /// In the order of the operations.
    Answers(Vec<Answer<Ticket>>),
    /// For age, or for want of room in an instance.
    Evicted(Vec<Evicted>),
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct StoreThread {
    desk: Arc<Desk>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What threads and the store share.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    inbox: Mutex<Inbox>,
    arrived: Condvar,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Inbox {
    requests: Vec<Request<Ticket>>,
    /// Those that were added or changed.
    instances: Vec<(InstanceIndex, Instance)>,
    stopped: bool,
}

/// How the store does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// Why operations fail; `None` while they do not.
    pub(crate) trouble: Option<String>,
    /// Transactions.
    pub(crate) batches: u64,
    /// Operations, carried out or not.
    pub(crate) operations: u64,
    /// Operations that failed.
    pub(crate) failed: u64,
}

/// What the thread is to do next.
struct Taken {
    batch: Vec<Request<Ticket>>,
    instances: Vec<(InstanceIndex, Instance)>,
    /// Nothing comes after it.
    last: bool,
}

impl Desk {
    /// Hands operations in, in their order, and leaves `requests` empty.
    ///
    /// Nothing bounds their number here: a shard pauses the connections whose effects wait.
    pub(crate) fn submit(&self, requests: &mut Vec<Request<Ticket>>) {
        if requests.is_empty() {
            return;
        }
        lock(&self.inbox).requests.append(requests);
        self.arrived.notify_one();
    }

    /// Makes an instance known that was added; of one that was there nothing changes here. To be said before any shard hears of it.
    pub(crate) fn set_instance(&self, index: InstanceIndex, instance: Instance) {
        lock(&self.inbox).instances.push((index, instance));
    }

    /// How the store does.
    pub(crate) fn health(&self) -> Health {
        lock(&self.health).clone()
    }

    /// Waits for operations, at most until `until`.
    fn take(&self, until: Instant) -> Taken {
        let mut inbox = lock(&self.inbox);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if !inbox.requests.is_empty() || inbox.stopped || left.is_zero() {
                break;
            }
            inbox = self.arrived.wait_timeout(inbox, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let count = inbox.requests.len().min(BATCH_MAX);
        let batch = inbox.requests.drain(..count).collect();
        let instances = std::mem::take(&mut inbox.instances);
        Taken { batch, instances, last: inbox.stopped && inbox.requests.is_empty() }
    }
}

impl StoreThread {
    pub(crate) fn start(store: Store, desk: Arc<Desk>, deliver: Deliver) -> io::Result<Self> {
        let own = desk.clone();
        let run = move || Loop { store, desk: own, deliver }.run();
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(run)?;
        Ok(Self { desk, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// It has ended, which it does not by itself.
    pub(crate) fn is_finished(&self) -> bool {
        lock(&self.thread).as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Carries out what was handed in, closes the file and ends. False if the thread had failed.
    pub(crate) fn stop(&self) -> bool {
        lock(&self.desk.inbox).stopped = true;
        self.desk.arrived.notify_one();
        lock(&self.thread).take().is_none_or(|thread| thread.join().is_ok())
    }
}

struct Loop {
    store: Store,
    desk: Arc<Desk>,
    deliver: Deliver,
}

impl Loop {
    fn run(mut self) {
        let mut idle_at = Instant::now();
        loop {
            let Taken { batch, instances, last } = self.desk.take(idle_at);
            instances.into_iter().for_each(|(index, instance)| self.store.set_instance(index, instance));
            if !batch.is_empty() {
                self.execute(batch);
            }
            if last {
                return;
            }
            if Instant::now() >= idle_at {
                let more = self.look_after();
                idle_at = Instant::now() + if more { Duration::ZERO } else { IDLE };
            }
        }
    }

    fn execute(&mut self, batch: Vec<Request<Ticket>>) {
        let (answers, evicted) = self.store.execute(batch, now());
        self.note(&answers);
        let mut letters: Vec<Vec<_>> = (0..self.store.settings().shards).map(|_| Vec::new()).collect();
        for answer in answers {
            if let Some(letter) = letters.get_mut(usize::from(answer.shard.0)) {
                letter.push(answer);
            }
        }
        for (shard, answers) in (0..).map(ShardId).zip(letters) {
            if !answers.is_empty() {
                (self.deliver)(shard, Letter::Answers(answers));
            }
        }
        self.tell(evicted);
    }

    /// Clears away what is old. Says whether there is more.
    fn look_after(&mut self) -> bool {
        self.store.heal();
        let (more, evicted) = self.store.purge(now());
        self.tell(evicted);
        self.note(&[]);
        more
    }

    fn tell(&self, evicted: Vec<Evicted>) {
        for evicted in evicted {
            let shard = self.store.settings().shard_of(evicted.client.instance, &evicted.client.client_id);
            (self.deliver)(shard, Letter::Evicted(vec![evicted]));
        }
    }

    fn note(&self, answers: &[Answer<Ticket>]) {
        let failed = answers.iter().filter(|answer| answer.result.is_err()).count() as u64;
        let mut health = lock(&self.desk.health);
        health.batches += u64::from(!answers.is_empty());
        health.operations += answers.len() as u64;
        health.failed += failed;
        if health.trouble.as_deref() != self.store.trouble() {
            health.trouble = self.store.trouble().map(str::to_owned);
        }
    }
}

fn now() -> UnixMillis {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::new(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
