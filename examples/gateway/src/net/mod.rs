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
mod worker;

use std::{
    collections::BTreeMap,
    io,
    net::TcpStream,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use lmq_broker::{ShardId, Stats};

use self::{
    mail::{Mail, Mailbox},
    worker::{Setup, Worker},
};
pub(crate) use crate::listen::{BoundListener, ListenerKind};
use crate::{
    authenticate::Authenticator,
    config::Config,
    error::Error,
    registry::{Order, Registry},
    settings,
    tokens::Tokens,
};

/// The running threads. Shared with the HTTP thread, which reads `stats`.
pub(crate) struct Running {
    mailboxes: Vec<Arc<Mailbox>>,
    threads: Mutex<Vec<JoinHandle<io::Result<()>>>>,
    reports: Vec<Arc<Mutex<Report>>>,
    /// Milliseconds since `started` at which a drain gives up.
    drain_until: Arc<AtomicU64>,
    started: Instant,
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

/// Where [`Visitor`]s are left.
pub(crate) type Visitors = tokio::sync::mpsc::Sender<Visitor>;

/// Starts `config.threads` threads that serve `listeners` (never of a kind that is HTTP). `tls` is there if a listener needs it.
pub(crate) fn start(
    config: &Config,
    registry: &Arc<Registry>,
    tokens: &Arc<Tokens>,
    tls: Option<Arc<rustls::ServerConfig>>,
    listeners: Vec<BoundListener>,
    visitors: &Visitors,
) -> Result<Running, Error> {
    let settings = Arc::new(settings::of(config, registry.snapshot().for_broker()));
    settings.check().map_err(Error::new)?;
    let authenticator =
        Arc::new(Authenticator::new(registry.clone(), tokens.clone(), config.profile, config.allow_anonymous));
    let started = Instant::now();
    let drain_until = Arc::new(AtomicU64::new(u64::MAX));
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
        };
        Worker::new(setup, &listeners)
    });
    let mut workers = workers.collect::<Result<Vec<_>, _>>().map_err(|e| Error::io("cannot start a thread", &e))?;
    let mailboxes: Vec<_> = workers.iter().map(|worker| worker.mailbox()).collect();
    let reports = workers.iter().map(|worker| worker.report()).collect();
    for worker in &mut workers {
        worker.introduce(&mailboxes);
    }
    // The store is in memory and answers at once: this is a few rounds. Nobody is accepted before every shard serves.
    while !workers.iter().all(Worker::is_ready) {
        workers.iter_mut().for_each(Worker::settle);
    }
    let threads = workers
        .into_iter()
        .enumerate()
        .map(|(id, worker)| std::thread::Builder::new().name(format!("shard-{id}")).spawn(move || worker.run()));
    let threads = threads.collect::<Result<Vec<_>, _>>().map_err(|e| Error::io("cannot start a thread", &e))?;
    let boxes = mailboxes.clone();
    registry.listen(move |given| orders::give(&boxes, given));
    let boxes = mailboxes.clone();
    tokens.listen(move |id| orders::give(&boxes, vec![Order::RevokeToken(id)]));
    Ok(Running { mailboxes, threads: Mutex::new(threads), reports, drain_until, started })
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

    /// Whether a thread has ended: after `drain`, or because it failed.
    pub(crate) fn is_finished(&self) -> bool {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).iter().any(JoinHandle::is_finished)
    }

    /// Waits for the threads to end. An error says which one failed.
    pub(crate) fn join(&self) -> Result<(), Error> {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let name = thread.thread().name().unwrap_or("shard").to_owned();
            let ended = thread.join().map_err(|_| Error::new(format_args!("thread {name} failed")))?;
            ended.map_err(|error| Error::io(format_args!("thread {name} failed"), &error))?;
        }
        Ok(())
    }
}
