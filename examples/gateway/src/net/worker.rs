//! One thread: its poller, its machines, and the turn they take together.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lmq_broker::{Command, Front, MemoryStore, Now, Quota, Settings, Shard, ShardId, UnixMillis};
use mio::{Events, Interest, Poll, Token, Waker, event::Event, net::TcpListener};
use slab::Slab;

use super::{
    BoundListener, ListenerKind, Report, Visitor,
    link::Link,
    mail::{Mail, Mailbox},
    storage::{Durable, Storage},
};
use crate::{authenticate::Authenticator, store::Desk};

/// The buffer that every socket of the thread is read into.
const READ_BUFFER_BYTES: usize = 256 * 1024;
/// Events taken from the poller at once.
const EVENTS_MAX: usize = 1024;
/// How long a listener rests after the system had no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often a thread tells others what it has counted.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);
const WAKER: Token = Token(usize::MAX - 1);

/// What a thread is made from.
pub(super) struct Setup {
    pub(super) id: ShardId,
    pub(super) settings: Arc<Settings>,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
    pub(super) started: Instant,
    pub(super) drain_until: Arc<AtomicU64>,
    /// Where connections go that speak plain HTTP.
    pub(super) visitors: tokio::sync::mpsc::Sender<Visitor>,
    /// [`Config::open_http`](crate::config::Config::open_http).
    pub(super) open_http: bool,
    /// The way to the store; `None`: everything stays in memory.
    pub(super) desk: Option<Arc<Desk>>,
}

pub(super) struct Worker {
    pub(super) setup: Setup,
    pub(super) poll: Poll,
    pub(super) listeners: Vec<Listener>,
    pub(super) links: Slab<Link>,
    pub(super) front: Front,
    pub(super) shard: Shard,
    pub(super) storage: Storage,
    /// The link of every connection, by the slot of its id.
    pub(super) front_links: Vec<usize>,
    pub(super) shard_links: Vec<usize>,
    pub(super) buffer: Box<[u8]>,
    /// Links to read without waiting for an event.
    pub(super) ready: Vec<usize>,
    /// Links to write at the end of the turn.
    pub(super) dirty: Vec<usize>,
    /// Links that are being closed, by deadline.
    pub(super) closing: VecDeque<(Instant, usize)>,
    pub(super) siblings: Vec<Arc<Mailbox>>,
    /// Letters of this turn, for each sibling.
    pub(super) letters: Vec<Vec<Mail>>,
    pub(super) now: Now,
    pub(super) counted: Report,
    mailbox: Arc<Mailbox>,
    report: Arc<Mutex<Report>>,
    /// When the report was last published, and when that must be done again because something may have changed.
    reported: Instant,
    report_due: Option<Instant>,
    draining: bool,
}

pub(super) struct Listener {
    pub(super) kind: ListenerKind,
    pub(super) local: bool,
    /// A WebSocket port that receives plain HTTP as well.
    pub(super) http: bool,
    /// Closed, and gone, once the thread drains.
    pub(super) socket: Option<TcpListener>,
    /// Try again at this moment, without an event.
    pub(super) again: Option<Instant>,
    /// That the system has no room for another connection was said, and is still so.
    complained: bool,
}

impl Worker {
    pub(super) fn new(setup: Setup, listeners: &[BoundListener]) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mailbox = Arc::new(Mailbox::new(Waker::new(poll.registry(), WAKER)?));
        let open_http = setup.open_http;
        let listeners =
            listeners.iter().enumerate().map(|(at, listener)| Listener::new(&poll, at, listener, open_http));
        Ok(Self {
            listeners: listeners.collect::<io::Result<_>>()?,
            links: Slab::new(),
            front: Front::new(setup.settings.clone(), seed()?),
            shard: Shard::new(setup.id, setup.settings.clone(), seed()?),
            storage: match setup.desk.clone() {
                Some(desk) => Storage::Durable(Durable::new(desk)),
                None => Storage::Memory(MemoryStore::new(Quota::default())),
            },
            front_links: Vec::new(),
            shard_links: Vec::new(),
            buffer: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
            ready: Vec::new(),
            dirty: Vec::new(),
            closing: VecDeque::new(),
            siblings: Vec::new(),
            letters: Vec::new(),
            now: Now::default(),
            counted: Report::default(),
            report: Arc::default(),
            reported: setup.started,
            report_due: None,
            draining: false,
            mailbox,
            poll,
            setup,
        })
    }

    pub(super) fn mailbox(&self) -> Arc<Mailbox> {
        self.mailbox.clone()
    }

    pub(super) fn report(&self) -> Arc<Mutex<Report>> {
        self.report.clone()
    }

    /// Makes the letter boxes of all threads known, in the order of their shards.
    pub(super) fn introduce(&mut self, mailboxes: &[Arc<Mailbox>]) {
        self.siblings = mailboxes.to_vec();
        self.letters = mailboxes.iter().map(|_| Vec::new()).collect();
    }

    /// Whether clients may come in.
    pub(super) fn is_ready(&self) -> bool {
        self.shard.is_ready()
    }

    /// A turn without sockets.
    pub(super) fn settle(&mut self) {
        self.read_clock();
        self.read_mail();
        self.carry_out();
        self.post_mail();
    }

    /// Takes turns until a drain is finished. The error is that of the poller.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        self.settle();
        while !self.is_finished() {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => self.turn(&events),
            }
        }
        Ok(())
    }

    fn turn(&mut self, events: &Events) {
        self.read_clock();
        let ready = std::mem::take(&mut self.ready);
        for event in events {
            self.on_event(event);
        }
        for link in ready {
            self.read_again(link);
        }
        self.on_time();
        self.carry_out();
        self.post_mail();
        self.publish_report();
    }

    fn on_event(&mut self, event: &Event) {
        let Token(token) = event.token();
        if event.token() == WAKER {
            self.read_mail();
            return;
        }
        if let Some(at) = token.checked_sub(self.listeners.len()) {
            self.on_socket(at, event);
        } else {
            self.accept(token);
        }
    }

    fn read_mail(&mut self) {
        let mut letters = Vec::new();
        self.mailbox.take(&mut letters);
        for letter in letters {
            match letter {
                Mail::Route { from, message } => self.shard.handle_route(self.now, from, message),
                Mail::Connection { handoff, socket, stack } => self.take_over(*handoff, socket, stack),
                Mail::Command(command) => self.shard.handle_command(self.now, command),
                Mail::FrontCommand(command) => self.front.handle_command(command),
                Mail::Stored(letter) => self.on_letter(letter),
                Mail::Drain => self.drain(),
            }
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        for listener in &mut self.listeners {
            listener.again = None;
            if let Some(mut socket) = listener.socket.take() {
                // Its twins in the other threads may live a little longer: without this their events would still come here.
                let _ = self.poll.registry().deregister(&mut socket);
            }
        }
        self.front.drain();
        self.shard.handle_command(self.now, Command::Drain);
    }

    fn on_time(&mut self) {
        let moment = self.now.monotonic;
        if self.front.poll_timeout().is_some_and(|at| at <= moment) {
            self.front.handle_timeout(self.now);
        }
        if self.shard.poll_timeout().is_some_and(|at| at <= moment) {
            self.shard.handle_timeout(self.now);
        }
        let instant = Instant::now();
        while self.closing.front().is_some_and(|(at, _)| *at <= instant) {
            let Some((at, link)) = self.closing.pop_front() else {
                break;
            };
            if self.links.get(link).is_some_and(|link| link.closing.deadline() == Some(at)) {
                self.finish(link);
            }
        }
        for at in 0..self.listeners.len() {
            if self.listeners[at].again.is_some_and(|again| again <= instant) {
                self.accept(at);
            }
        }
    }

    fn post_mail(&mut self) {
        self.submit();
        for (letters, sibling) in self.letters.iter_mut().zip(&self.siblings) {
            if letters.is_empty() {
                continue;
            }
            if let Err(error) = sibling.post(letters) {
                tracing::error!(%error, "a sibling thread cannot be woken");
            }
        }
    }

    /// Not in every turn: what others read must not cost messages a lock.
    fn publish_report(&mut self) {
        if self.reported.elapsed() < REPORT_INTERVAL {
            self.report_due = Some(self.reported + REPORT_INTERVAL);
            return;
        }
        self.report_due = None;
        self.reported = Instant::now();
        self.counted.broker = self.shard.stats();
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.broker = self.counted.broker;
        report.accepted = self.counted.accepted;
        report.turned_away = self.counted.turned_away;
        report.given_to_http = self.counted.given_to_http;
        if report.closed != self.counted.closed {
            report.closed.clone_from(&self.counted.closed);
        }
        if report.exceeded != self.counted.exceeded {
            report.exceeded.clone_from(&self.counted.exceeded);
        }
        if report.events_dropped != self.counted.events_dropped {
            report.events_dropped.clone_from(&self.counted.events_dropped);
        }
    }

    /// How long nothing has to be done if no event comes.
    fn timeout(&self) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let machines = [self.front.poll_timeout(), self.shard.poll_timeout()].into_iter().flatten().min();
        let elapsed = u64::try_from(self.setup.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let machines = machines.map(|at| Duration::from_micros(at.as_micros().saturating_sub(elapsed)));
        let report = self.report_due;
        let again = self.listeners.iter().filter_map(|listener| listener.again);
        let own = self.closing.front().map(|(at, _)| *at).into_iter().chain(again).chain(report).min();
        let own = own.map(|at| at.saturating_duration_since(Instant::now()));
        let drain = self.draining.then(|| self.drain_left());
        [machines, own, drain].into_iter().flatten().min()
    }

    fn drain_left(&self) -> Duration {
        let until = Duration::from_millis(self.setup.drain_until.load(Ordering::Relaxed));
        until.saturating_sub(self.setup.started.elapsed())
    }

    fn is_finished(&self) -> bool {
        self.draining && (self.drain_left().is_zero() || (self.shard.is_drained() && self.links.is_empty()))
    }

    fn read_clock(&mut self) {
        let monotonic = u64::try_from(self.setup.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.now = Now {
            monotonic: lmq_broker::Instant::from_micros(monotonic),
            wall: UnixMillis::new(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)),
        };
    }
}

impl Listener {
    fn new(poll: &Poll, at: usize, bound: &BoundListener, open_http: bool) -> io::Result<Self> {
        let socket = bound.socket.try_clone()?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpListener::from_std(socket);
        poll.registry().register(&mut socket, Token(at), Interest::READABLE)?;
        Ok(Self {
            kind: bound.kind,
            local: bound.local_addr.ip().is_loopback(),
            http: bound.serves_public(open_http),
            socket: Some(socket),
            again: None,
            complained: false,
        })
    }

    /// The system has no room for another connection just now.
    pub(super) fn rest(&mut self, error: &io::Error) {
        self.again = Some(Instant::now() + ACCEPT_PAUSE);
        if !std::mem::replace(&mut self.complained, true) {
            tracing::warn!(%error, "cannot accept connections; trying on");
        }
    }

    pub(super) fn accepted(&mut self) {
        if std::mem::replace(&mut self.complained, false) {
            tracing::info!("accepting connections again");
        }
    }
}

fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}
