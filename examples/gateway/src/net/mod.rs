//! The message path: threads that own sockets and broker shards.
//!
//! Every thread has a [`Front`](lmq_broker::Front), a [`Shard`](lmq_broker::Shard) and a poller. A turn reads every ready socket once into
//! a buffer that the thread shares, feeds the machines, carries out what they want, and writes every connection that has something to send
//! once. Threads share nothing but letter boxes: [`mail`].

mod link;
mod mail;
mod orders;
mod outputs;
mod sockets;
mod stack;
mod storage;
mod worker;

use std::{
    collections::BTreeMap,
    io,
    net::TcpStream,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use lmq_broker::{Settings, ShardId, Stats};
use tokio::sync::mpsc::Sender;

use self::{
    mail::{Mail, Mailbox},
    worker::{Setup, Worker},
};
pub(crate) use crate::listen::{BoundListener, ListenerKind};
use crate::{
    authenticate::Authenticator,
    config::{self, Config},
    error::Error,
    registry::{Order, Registry},
    settings,
    store::{Desk, FileMedium, Health, Keep, Store, StoreThread},
    tokens::Tokens,
};

/// Between two looks whether all shards have got back what an earlier start left.
const RESTORE_PAUSE: Duration = Duration::from_micros(200);

/// The running threads. Shared with the HTTP thread, which reads `stats`.
pub(crate) struct Running {
    mailboxes: Vec<Arc<Mailbox>>,
    threads: Mutex<Vec<JoinHandle<io::Result<()>>>>,
    reports: Vec<Arc<Mutex<Report>>>,
    /// Milliseconds since `started` at which a drain gives up.
    drain_until: Arc<AtomicU64>,
    started: Instant,
    /// `None`: everything is in memory.
    store: Option<StoreThread>,
}

/// What one thread last said of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// The counters of its shard.
    pub(crate) broker: Stats,
    /// Connections accepted.
    pub(crate) accepted: u64,
    /// Connections closed at once because there were too many without CONNECT.
    pub(crate) turned_away: u64,
    /// Connections of WebSocket ports that spoke plain HTTP.
    pub(crate) given_to_http: u64,
    /// Connections closed, by [`CloseReason::name`](lmq_broker::CloseReason::name).
    pub(crate) closed: BTreeMap<&'static str, u64>,
    /// Times an instance was said to exceed its quota, by its id and the resource.
    pub(crate) exceeded: BTreeMap<(Box<str>, &'static str), u64>,
    /// Events of clients that no topic of the MQ side takes, by the id of the instance.
    pub(crate) events_dropped: BTreeMap<Box<str>, u64>,
}

impl Report {
    fn add(&mut self, other: &Self) {
        self.broker.add(&other.broker);
        self.accepted += other.accepted;
        self.turned_away += other.turned_away;
        self.given_to_http += other.given_to_http;
        for (reason, count) in &other.closed {
            *self.closed.entry(reason).or_default() += count;
        }
        for (key, count) in &other.exceeded {
            *self.exceeded.entry(key.clone()).or_default() += count;
        }
        for (instance, count) in &other.events_dropped {
            *self.events_dropped.entry(instance.clone()).or_default() += count;
        }
    }
}

/// A connection of a WebSocket port whose peer speaks plain HTTP.
pub(crate) struct Visitor {
    /// In non-blocking mode.
    pub(crate) socket: TcpStream,
    /// After its handshake; it may hold bytes that were decrypted and not read.
    pub(crate) tls: Option<rustls::ServerConnection>,
    /// What was received of HTTP so far.
    pub(crate) received: Vec<u8>,
}

/// Starts `config.threads` threads that serve `listeners` (never of a kind that is HTTP). `tls` is there if a listener needs it.
pub(crate) fn start(
    config: &Config,
    registry: &Arc<Registry>,
    tokens: &Arc<Tokens>,
    tls: Option<Arc<rustls::ServerConfig>>,
    listeners: Vec<BoundListener>,
    visitors: &Sender<Visitor>,
) -> Result<Running, Error> {
    let settings = Arc::new(settings::of(config, registry.snapshot().for_broker()));
    settings.check().map_err(Error::new)?;
    let authenticator =
        Arc::new(Authenticator::new(registry.clone(), tokens.clone(), config.profile, config.allow_anonymous));
    let started = Instant::now();
    let drain_until = Arc::new(AtomicU64::new(u64::MAX));
    let store = match &config.storage {
        config::Storage::Memory => None,
        config::Storage::Data(folder) => Some(open_store(folder, &settings)?),
    };
    let desk = store.is_some().then(Arc::<Desk>::default);
    let workers = (0..config.threads).map(|id| {
        let setup = Setup {
            id: ShardId(id),
            settings: settings.clone(),
            authenticator: authenticator.clone(),
            tls: tls.clone(),
            started,
            drain_until: drain_until.clone(),
            visitors: visitors.clone(),
            open_http: config.open_http,
            desk: desk.clone(),
        };
        Worker::new(setup, &listeners)
    });
    let mut workers = workers.collect::<Result<Vec<_>, _>>().map_err(|e| Error::io("cannot start a thread", &e))?;
    let mailboxes: Vec<_> = workers.iter().map(|worker| worker.mailbox()).collect();
    let reports = workers.iter().map(|worker| worker.report()).collect();
    for worker in &mut workers {
        worker.introduce(&mailboxes);
    }
    let store = match (store, desk) {
        (Some(store), Some(desk)) => Some(start_store(store, desk, &mailboxes)?),
        _ => None,
    };
    // Nobody is accepted before every shard serves.
    while !workers.iter().all(Worker::is_ready) {
        workers.iter_mut().for_each(Worker::settle);
        if let Some(store) = &store {
            if let Some(trouble) = store.desk().health().trouble {
                return Err(Error::new(format_args!("cannot read what an earlier start left: {trouble}")));
            }
            std::thread::sleep(RESTORE_PAUSE);
        }
    }
    let threads = workers
        .into_iter()
        .enumerate()
        .map(|(id, worker)| std::thread::Builder::new().name(format!("shard-{id}")).spawn(move || worker.run()));
    let threads = threads.collect::<Result<Vec<_>, _>>().map_err(|e| Error::io("cannot start a thread", &e))?;
    let boxes = mailboxes.clone();
    let desk = store.as_ref().map(|store| store.desk().clone());
    registry.listen(move |given| {
        desk.iter().for_each(|desk| orders::tell_store(desk, &given));
        orders::give(&boxes, given);
    });
    let boxes = mailboxes.clone();
    tokens.listen(move |id| orders::give(&boxes, vec![Order::RevokeToken(id)]));
    Ok(Running { mailboxes, threads: Mutex::new(threads), reports, drain_until, started, store })
}

fn open_store(folder: &Path, settings: &Arc<Settings>) -> Result<Store, Error> {
    let medium = FileMedium::create(folder)?;
    let path = medium.path().display().to_string();
    Store::open(Box::new(medium), settings.clone(), Keep::default())
        .map_err(|why| Error::new(format_args!("cannot open {path}: {why}")))
}

/// Starts the store thread, which answers into the letter boxes of the shards.
fn start_store(store: Store, desk: Arc<Desk>, mailboxes: &[Arc<Mailbox>]) -> Result<StoreThread, Error> {
    let mailboxes = mailboxes.to_vec();
    let deliver = move |shard: ShardId, letter| {
        let Some(mailbox) = mailboxes.get(usize::from(shard.0)) else { return };
        if let Err(error) = mailbox.post(&mut vec![Mail::Stored(letter)]) {
            tracing::error!(%error, "a thread cannot be woken");
        }
    };
    StoreThread::start(store, desk, Box::new(deliver)).map_err(|e| Error::io("cannot start the store", &e))
}

impl Running {
    /// Stops accepting, lets every connection take what is on its way to it for at most `grace`, and closes it. Returns at once.
    pub(crate) fn drain(&self, grace: Duration) {
        let until = (self.started.elapsed() + grace).as_millis() as u64;
        self.drain_until.store(until, Ordering::Relaxed);
        for mailbox in &self.mailboxes {
            // A box that cannot wake its thread belongs to a thread that is gone.
            let _ = mailbox.post(&mut vec![Mail::Drain]);
        }
    }

    /// What all threads said of themselves last, added up.
    pub(crate) fn report(&self) -> Report {
        let mut sum = Report::default();
        for report in &self.reports {
            sum.add(&report.lock().unwrap_or_else(PoisonError::into_inner));
        }
        sum
    }

    /// How the store does; `None` if everything is in memory.
    pub(crate) fn store_health(&self) -> Option<Health> {
        self.store.as_ref().map(|store| store.desk().health())
    }

    /// Whether a thread has ended: after `drain`, or because it failed.
    pub(crate) fn is_finished(&self) -> bool {
        self.store.as_ref().is_some_and(StoreThread::is_finished)
            || self.threads.lock().unwrap_or_else(PoisonError::into_inner).iter().any(JoinHandle::is_finished)
    }

    /// Waits for the threads to end. An error says which one failed.
    pub(crate) fn join(&self) -> Result<(), Error> {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let name = thread.thread().name().unwrap_or("shard").to_owned();
            let ended = thread.join().map_err(|_| Error::new(format_args!("thread {name} failed")))?;
            ended.map_err(|error| Error::io(format_args!("thread {name} failed"), &error))?;
        }
        // Only now has everything been handed in.
        match &self.store {
            Some(store) if !store.stop() => Err(Error::new("thread store failed")),
            _ => Ok(()),
        }
    }
}
