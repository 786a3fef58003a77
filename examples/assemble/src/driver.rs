//! Sockets on one side, the two machines of `lmq-broker` on the other, and a loop. The machines decide; this file obeys.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Buf;
use lmq_broker::{ConnId, Done, Flow, Front, FrontOutput, MemoryStore, Now, Output, Peer, Quota, Settings};
use lmq_broker::{Shard, ShardId, Transport, UnixMillis};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::Door;

const LISTENER: Token = Token(0);

pub(crate) struct Driver {
    poll: Poll,
    listener: TcpListener,
    /// The last accept found no end of the queue. mio is edge-triggered: nobody would remind us.
    backlog: bool,
    links: HashMap<Token, Link>,
    /// Where a machine's connection is. Tokens are never used twice, so an event that comes too late finds nothing.
    tokens: HashMap<Owner, Token>,
    last: Token,
    front: Front,
    shard: Shard,
    store: MemoryStore,
    door: Door,
    /// Every socket is read into this: the machine takes all of it, each time.
    buffer: Box<[u8]>,
    ready: Vec<Token>,
    dirty: Vec<Token>,
    /// Every linger is as long as the last, so this is sorted.
    closing: VecDeque<(Instant, Token)>,
    started: Instant,
    now: Now,
}

struct Link {
    socket: TcpStream,
    owner: Owner,
    paused: bool,
    hung_up: bool,
    end: End,
}

/// A connection belongs to the front until its CONNECT is complete, then to the shard.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Owner {
    Front(ConnId),
    Shard(ConnId),
}

/// How far a `Close` has come: first the last bytes leave, then the peer's end is awaited.
#[derive(PartialEq, Eq)]
enum End {
    No,
    Writing,
    Reading,
}

impl Driver {
    pub(crate) fn new(addr: SocketAddr, settings: Arc<Settings>, door: Door) -> io::Result<Self> {
        let (poll, mut listener) = (Poll::new()?, TcpListener::bind(addr)?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let front = Front::new(settings.clone(), seed()?);
        let shard = Shard::new(ShardId(0), settings, seed()?);
        let (store, buffer) = (MemoryStore::new(Quota::default()), vec![0; 64 * 1024].into());
        let (links, tokens, last) = (HashMap::new(), HashMap::new(), LISTENER);
        let (ready, dirty, closing) = (Vec::new(), Vec::new(), VecDeque::new());
        let (started, now, backlog) = (Instant::now(), Now::default(), false);
        Ok(Self { poll, listener, backlog, links, tokens, last, front, shard, store, door, buffer, ready, dirty, closing, started, now })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// One turn: wait, tell the machines what happened, then do what they want until they want nothing.
    pub(crate) fn run(mut self) -> io::Result<std::convert::Infallible> {
        let mut events = Events::with_capacity(1024);
        loop {
            self.drain();
            match self.poll.poll(&mut events, self.patience()) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => self.read_clock(),
            }
            for event in &events {
                let token = event.token();
                self.backlog |= token == LISTENER;
                if let Some(link) = self.links.get_mut(&token) {
                    link.hung_up |= event.is_read_closed() || event.is_error();
                    self.ready.push(token);
                    self.dirty.extend(event.is_writable().then_some(token));
                }
            }
            if self.backlog {
                self.accept();
            }
            for token in std::mem::take(&mut self.ready) {
                self.read(token);
            }
            while self.closing.front().is_some_and(|(at, _)| *at <= Instant::now()) {
                self.closing.pop_front().map(|(_, token)| self.forget(token));
            }
            self.front.handle_timeout(self.now);
            self.shard.handle_timeout(self.now);
        }
    }

    fn accept(&mut self) {
        self.backlog = loop {
            match self.listener.accept() {
                Ok((socket, addr)) => self.welcome(socket, addr).unwrap_or_else(|error| eprintln!("{addr}: {error}")),
                // Too many open files, for example: tried again with the next turn, at most 100 ms later.
                Err(error) => break error.kind() != ErrorKind::WouldBlock,
            }
        };
    }

    fn welcome(&mut self, mut socket: TcpStream, addr: SocketAddr) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let token = Token(self.last.0 + 1);
        self.poll.registry().register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let peer = Peer { addr, transport: Transport::Tcp, local: false, tls: None };
        let owner = Owner::Front(self.front.accept(self.now, peer).map_err(io::Error::other)?);
        self.last = token;
        self.tokens.insert(owner, token);
        self.links.insert(token, Link { socket, owner, paused: false, hung_up: false, end: End::No });
        Ok(())
    }

    /// Reads once, so that nobody keeps the others waiting. A short read has emptied the socket: the next byte is an event.
    fn read(&mut self, token: Token) {
        let Some(link) = self.links.get_mut(&token).filter(|link| !link.paused) else { return };
        match link.socket.read(&mut self.buffer) {
            Ok(0) => self.forget(token),
            Ok(count) => {
                let input = &self.buffer[..count];
                let flow = match link.owner {
                    Owner::Front(conn) => self.front.handle_bytes(self.now, conn, input),
                    Owner::Shard(conn) => self.shard.handle_bytes(self.now, conn, input),
                };
                link.paused = flow == Flow::Pause;
                self.ready.extend((count == self.buffer.len() || link.hung_up).then_some(token));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => self.ready.push(token),
            Err(_) => self.forget(token),
        }
    }

    /// The contract: take outputs until there are none, in order; then write. A write can make room for more outputs.
    fn drain(&mut self) {
        loop {
            while let Some(output) = self.front.poll_output() {
                match output {
                    FrontOutput::Handoff(handoff) => {
                        let Some(token) = self.tokens.remove(&Owner::Front(handoff.conn)) else { continue };
                        let owner = Owner::Shard(self.shard.adopt(self.now, *handoff));
                        self.tokens.insert(owner, token);
                        self.links.entry(token).and_modify(|link| link.owner = owner);
                    }
                    FrontOutput::Transmit(conn) => self.dirty.extend(self.tokens.get(&Owner::Front(conn))),
                    FrontOutput::Close { conn, reason, linger } => self.close(Owner::Front(conn), &reason.to_string(), linger),
                    other => unreachable!("not made by these settings: {other:?}"),
                }
            }
            while let Some(output) = self.shard.poll_output() {
                self.carry_out(output);
            }
            if self.dirty.is_empty() {
                return;
            }
            for token in std::mem::take(&mut self.dirty) {
                self.write(token);
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Transmit(conn) => self.dirty.extend(self.tokens.get(&Owner::Shard(conn))),
            Output::Resume(conn) => {
                let Some(token) = self.tokens.get(&Owner::Shard(conn)) else { return };
                self.links.entry(*token).and_modify(|link| link.paused = false);
                self.ready.push(*token);
            }
            Output::Close { conn, reason, linger } => self.close(Owner::Shard(conn), &reason.to_string(), linger),
            Output::Authenticate { ticket, request } => self.shard.handle_verdict(self.now, ticket, self.door.decide(&request)),
            // A disk would answer later: keep the ticket, and report when the operation is done.
            Output::Store { ticket, op } => {
                let (result, evicted) = self.store.execute(op);
                evicted.iter().for_each(|evicted| self.shard.handle_evicted(self.now, evicted));
                self.shard.handle_done(self.now, ticket, result);
            }
            // Who came and went: of interest to a back end.
            Output::Status { ticket, .. } => self.shard.handle_done(self.now, ticket, Ok(Done::Stored)),
            Output::Dropped { client, reason, count } => eprintln!("{}: {count} messages lost: {reason:?}", client.client_id),
            other => unreachable!("not made by one shard: {other:?}"),
        }
    }

    /// `Transmit` is said once: after a short write the socket's writability brings us back here.
    fn write(&mut self, token: Token) {
        let Some(link) = self.links.get_mut(&token) else { return };
        let sent = match link.owner {
            Owner::Front(conn) => send(&mut link.socket, self.front.outgoing(conn)).map(|(_, empty)| empty),
            Owner::Shard(conn) => send(&mut link.socket, self.shard.outgoing(conn))
                .map(|(count, _)| self.shard.handle_sent(conn, count)),
        };
        match sent {
            Err(_) => self.forget(token),
            Ok(true) if link.end == End::Writing => {
                link.end = End::Reading;
                let _ = link.socket.shutdown(Shutdown::Write);
            }
            Ok(_) => {}
        }
    }

    /// What is left is written, what comes is read and ignored, until the peer ends too or `linger` is over: no answer is lost to a reset.
    fn close(&mut self, owner: Owner, reason: &str, linger: Duration) {
        let Some(&token) = self.tokens.get(&owner) else { return };
        eprintln!("connection {} closed: {reason}", token.0);
        self.links.entry(token).and_modify(|link| (link.end, link.paused) = (End::Writing, false));
        self.closing.push_back((Instant::now() + linger, token));
        self.dirty.push(token);
        self.ready.push(token);
    }

    /// Drops the socket. `handle_closed` is said once for every connection, whoever ended it.
    fn forget(&mut self, token: Token) {
        let Some(mut link) = self.links.remove(&token) else { return };
        let _ = self.poll.registry().deregister(&mut link.socket);
        self.tokens.remove(&link.owner);
        match link.owner {
            Owner::Front(conn) => self.front.handle_closed(conn),
            Owner::Shard(conn) => self.shard.handle_closed(self.now, conn),
        }
    }

    /// How long nothing has to be done if no event comes.
    fn patience(&self) -> Option<Duration> {
        let machines = [self.front.poll_timeout(), self.shard.poll_timeout()].into_iter().flatten();
        let machines = machines.map(|at| self.started + Duration::from_micros(at.as_micros()));
        let closing = self.closing.front().map(|(at, _)| *at);
        let wait = machines.chain(closing).min().map(|at| at.saturating_duration_since(Instant::now()));
        let soon = if self.ready.is_empty() { Duration::from_millis(100) } else { Duration::ZERO };
        if self.backlog || soon.is_zero() { Some(wait.unwrap_or(soon).min(soon)) } else { wait }
    }

    /// The machines never read a clock.
    fn read_clock(&mut self) {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let monotonic = lmq_broker::Instant::from_micros(self.started.elapsed().as_micros() as u64);
        self.now = Now { monotonic, wall: UnixMillis::new(wall) };
    }
}

/// Writes until nothing is left or the socket is full; says how much left, and whether that was all.
fn send(socket: &mut TcpStream, mut out: impl Buf) -> io::Result<(usize, bool)> {
    let mut total = 0;
    while out.has_remaining() {
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = out.chunks_vectored(&mut slices);
        match socket.write_vectored(&slices[..filled]) {
            Ok(count) => (out.advance(count), total += count).1,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((total, false)),
            Err(error) => return Err(error),
        }
    }
    Ok((total, true))
}

/// Fresh entropy for every machine and every start: it orders hash tables and makes ids that peers must not guess.
fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}
