//! Sockets on one side, the two machines of `lmq-broker` on the other: the machines decide, the driver obeys.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{mem::take, sync::Arc};

use bytes::Buf;
use lmq_auth::Permissions;
use lmq_broker::{AuthRequest, ConnId, Done, Flow, Front, FrontOutput as Fo, Grant, MemoryStore};
use lmq_broker::{
    Now, Output, Peer, Profile, Quota, Refusal, Settings, Shard, ShardId, Transport, UnixMillis,
    Verdict,
};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
const TICK: Duration = Duration::from_secs(1);

struct Driver {
    front: Front,
    shard: Shard,
    store: MemoryStore,
    now: Now,
    poll: Poll,
    /// By tokens that are never used twice, so an event that comes too late finds nothing.
    links: HashMap<Token, Link>,
    tokens: HashMap<Owner, Token>,
    dirty: Vec<Token>,
    closing: VecDeque<(Instant, Token)>,
}

struct Link {
    socket: TcpStream,
    owner: Owner,
    paused: bool,
    closing: bool,
}

/// A connection belongs to the front until its CONNECT is complete, then to the shard.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Owner {
    Front(ConnId),
    Shard(ConnId),
}

/// Turn after turn: wait, say what happened, do what the machines want.
pub(crate) fn run(
    addr: SocketAddr,
    profile: Profile,
    may_enter: impl Fn(&AuthRequest) -> bool,
) -> io::Result<()> {
    let mut listener = TcpListener::bind(addr)?;
    println!("listening on {}", listener.local_addr()?);
    let mut driver = Driver::new(Arc::new(Settings::new(profile, 1)))?;
    driver
        .poll
        .registry()
        .register(&mut listener, Token(0), Interest::READABLE)?;
    let (started, mut events, mut last) = (Instant::now(), Events::with_capacity(1024), 0);
    loop {
        driver.drain(&may_enter);
        driver.poll.poll(&mut events, driver.patience(started))?;
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let monotonic = lmq_broker::Instant::from_micros(started.elapsed().as_micros() as u64);
        driver.now = Now {
            monotonic,
            wall: UnixMillis::new(wall.as_millis() as u64),
        };
        while let Ok((socket, addr)) = listener.accept() {
            last += 1;
            driver.welcome(Token(last), socket, addr);
        }
        events.iter().for_each(|event| driver.read(event.token()));
        while driver
            .closing
            .front()
            .is_some_and(|(at, _)| *at <= Instant::now())
        {
            driver
                .closing
                .pop_front()
                .map(|(_, token)| driver.forget(token));
        }
        driver.front.handle_timeout(driver.now);
        driver.shard.handle_timeout(driver.now);
    }
}

impl Driver {
    /// Seeds are fresh entropy: they order hash tables, and make ids that no peer may guess.
    fn new(settings: Arc<Settings>) -> io::Result<Self> {
        let (mut front_seed, mut shard_seed) = ([0; 32], [0; 32]);
        getrandom::fill(&mut front_seed).and_then(|()| getrandom::fill(&mut shard_seed))?;
        Ok(Self {
            front: Front::new(settings.clone(), front_seed),
            shard: Shard::new(ShardId(0), settings, shard_seed),
            store: MemoryStore::new(Quota::default()),
            now: Now::default(),
            poll: Poll::new()?,
            links: HashMap::new(),
            tokens: HashMap::new(),
            dirty: Vec::new(),
            closing: VecDeque::new(),
        })
    }

    /// How long to wait for events. A listener out of descriptors tells nobody, so it is tried every second.
    fn patience(&self, started: Instant) -> Option<Duration> {
        let machines = [self.front.poll_timeout(), self.shard.poll_timeout()]
            .into_iter()
            .flatten();
        let machines = machines.map(|at| started + Duration::from_micros(at.as_micros()));
        let next = machines
            .chain(self.closing.front().map(|(at, _)| *at))
            .min();
        let wait = next.map(|at| at.saturating_duration_since(Instant::now()));
        Some(wait.map_or(TICK, |wait| wait.min(TICK)))
    }

    fn welcome(&mut self, token: Token, mut socket: TcpStream, addr: SocketAddr) {
        let peer = Peer {
            addr,
            transport: Transport::Tcp,
            local: false,
            tls: None,
        };
        let registry = self.poll.registry();
        if socket.set_nodelay(true).is_ok() && registry.register(&mut socket, token, BOTH).is_ok() {
            if let Ok(conn) = self.front.accept(self.now, peer) {
                let owner = Owner::Front(conn);
                self.tokens.insert(owner, token);
                self.links.insert(
                    token,
                    Link {
                        socket,
                        owner,
                        paused: false,
                        closing: false,
                    },
                );
            }
        }
    }

    /// Reads once, so that nobody keeps the others waiting; an edge-triggered poller is asked to tell us again.
    fn read(&mut self, token: Token) {
        let Some(link) = self.links.get_mut(&token) else {
            return;
        };
        self.dirty.push(token);
        if link.paused {
            return;
        }
        let mut buffer = [0; 16 * 1024];
        match link.socket.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) | Ok(0) => self.forget(token),
            Ok(count) => {
                let flow = match link.owner {
                    Owner::Front(conn) => self.front.handle_bytes(self.now, conn, &buffer[..count]),
                    Owner::Shard(conn) => self.shard.handle_bytes(self.now, conn, &buffer[..count]),
                };
                link.paused = flow == Flow::Pause;
                self.remind(token);
            }
        }
    }

    fn remind(&mut self, token: Token) {
        let Some(link) = self.links.get_mut(&token) else {
            return;
        };
        if self
            .poll
            .registry()
            .reregister(&mut link.socket, token, BOTH)
            .is_err()
        {
            self.forget(token);
        }
    }

    /// Takes outputs, in order, until there are none; then writes, which may make room for more.
    fn drain(&mut self, may_enter: impl Fn(&AuthRequest) -> bool) {
        loop {
            while let Some(output) = self.front.poll_output() {
                match output {
                    Fo::Handoff(handoff) => {
                        let Some(token) = self.tokens.remove(&Owner::Front(handoff.conn)) else {
                            continue;
                        };
                        let owner = Owner::Shard(self.shard.adopt(self.now, *handoff));
                        self.tokens.insert(owner, token);
                        self.links
                            .entry(token)
                            .and_modify(|link| link.owner = owner);
                    }
                    Fo::Transmit(conn) => self.dirty.extend(self.tokens.get(&Owner::Front(conn))),
                    Fo::Close { conn, linger, .. } => self.close(Owner::Front(conn), linger),
                    _ => {}
                }
            }
            while let Some(output) = self.shard.poll_output() {
                self.carry_out(output, &may_enter);
            }
            if self.dirty.is_empty() {
                return;
            }
            take(&mut self.dirty)
                .into_iter()
                .for_each(|token| self.write(token));
        }
    }

    fn carry_out(&mut self, output: Output, may_enter: impl Fn(&AuthRequest) -> bool) {
        match output {
            Output::Transmit(conn) => self.dirty.extend(self.tokens.get(&Owner::Shard(conn))),
            Output::Resume(conn) => {
                let Some(token) = self.tokens.get(&Owner::Shard(conn)).copied() else {
                    return;
                };
                self.links
                    .entry(token)
                    .and_modify(|link| link.paused = false);
                self.remind(token);
            }
            Output::Close { conn, linger, .. } => self.close(Owner::Shard(conn), linger),
            Output::Authenticate { ticket, request } => {
                let grant = Grant {
                    permissions: Permissions::everything(),
                };
                let verdict = if may_enter(&request) {
                    Verdict::Allow(grant)
                } else {
                    Verdict::Deny(Refusal::Credentials)
                };
                self.shard.handle_verdict(self.now, ticket, verdict);
            }
            // A disk would answer later, a whole batch at once.
            Output::Store { ticket, op } => {
                let (result, evicted) = self.store.execute(op);
                evicted
                    .iter()
                    .for_each(|evicted| self.shard.handle_evicted(self.now, evicted));
                self.shard.handle_done(self.now, ticket, result);
            }
            // Who came and went: a back end would like to know.
            Output::Status { ticket, .. } => {
                self.shard.handle_done(self.now, ticket, Ok(Done::Stored))
            }
            _ => {}
        }
    }

    /// `Transmit` is said once: the socket tells when it takes the rest.
    fn write(&mut self, token: Token) {
        let Some(link) = self.links.get_mut(&token) else {
            return;
        };
        let (socket, closing) = (&mut link.socket, link.closing);
        let empty = match link.owner {
            Owner::Front(conn) => send(socket, self.front.outgoing(conn)).map(|(_, empty)| empty),
            Owner::Shard(conn) => send(socket, self.shard.outgoing(conn))
                .map(|(count, _)| self.shard.handle_sent(conn, count)),
        };
        match empty {
            Err(_) => self.forget(token),
            Ok(true) if closing => _ = link.socket.shutdown(Shutdown::Write),
            Ok(_) => {}
        }
    }

    /// The last bytes leave, then the peer's end is awaited: a reset would destroy what is under way.
    fn close(&mut self, owner: Owner, linger: Duration) {
        let Some(token) = self.tokens.get(&owner).copied() else {
            return;
        };
        self.links
            .entry(token)
            .and_modify(|link| (link.closing, link.paused) = (true, false));
        self.closing.push_back((Instant::now() + linger, token));
        self.dirty.push(token);
        self.remind(token);
    }

    /// Every connection ends here, once.
    fn forget(&mut self, token: Token) {
        let Some(link) = self.links.remove(&token) else {
            return;
        };
        self.tokens.remove(&link.owner);
        match link.owner {
            Owner::Front(conn) => self.front.handle_closed(conn),
            Owner::Shard(conn) => self.shard.handle_closed(self.now, conn),
        }
    }
}

/// Writes until nothing is left or the socket is full: how much left, and whether that was all.
fn send(socket: &mut TcpStream, mut out: impl Buf) -> io::Result<(usize, bool)> {
    let mut total = 0;
    while out.has_remaining() {
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = out.chunks_vectored(&mut slices);
        match socket.write_vectored(&slices[..filled]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((total, false)),
            Err(error) => return Err(error),
            Ok(count) => {
                out.advance(count);
                total += count;
            }
        }
    }
    Ok((total, true))
}
