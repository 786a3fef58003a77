//! The smallest useful MQTT gateway, to copy: one thread, TCP, sessions in memory, everybody may come in. `assemble [ADDR]`

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Buf;
use lmq_broker::{
    ConnId, Flow, Front, FrontOutput, Grant, MemoryStore, Now, Output, Peer, Profile, Quota, Settings, Shard,
};
use mio::{Events, Interest, Poll, Token, event::Event, net};

const READ_WRITE: Interest = Interest::READABLE.add(Interest::WRITABLE);

struct Gateway {
    poll: Poll,
    front: Front,
    shard: Shard,
    store: MemoryStore,
    now: Now,
    links: HashMap<Token, Link>,
    /// In the order they began to close: nobody is kept longer than the longest linger.
    closing: VecDeque<(Instant, Owner)>,
}

struct Link {
    socket: net::TcpStream,
    owner: Owner,
    paused: bool,
    closing: bool,
}

/// A connection belongs to the front until its CONNECT is complete, then to the shard.
#[derive(Clone, Copy, PartialEq)]
enum Owner {
    Front(ConnId),
    Shard(ConnId),
}

/// Slots are numbered from 0 in each machine; the listener has token 0.
const fn token(owner: Owner) -> Token {
    let (Owner::Front(conn) | Owner::Shard(conn)) = owner;
    Token(conn.slot() as usize * 2 + 1 + matches!(owner, Owner::Shard(_)) as usize)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut listener = net::TcpListener::bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:1883").parse()?)?;
    println!("listening on {}", listener.local_addr()?);
    // Every rule of a profile is a field, and so is every limit.
    let settings = std::sync::Arc::new(Settings::new(Profile::mqtt(), 1));
    let (poll, store) = (Poll::new()?, MemoryStore::new(Quota::default()));
    poll.registry().register(&mut listener, Token(0), Interest::READABLE)?;
    // Fresh for every machine: seeds order hash tables, and make ids that no peer may guess.
    let mut seeds = [[0; 32]; 2];
    seeds.iter_mut().try_for_each(|seed| getrandom::fill(seed))?;
    let (front, shard) =
        (Front::new(settings.clone(), seeds[0]), Shard::new(lmq_broker::ShardId(0), settings, seeds[1]));
    let (now, started, mut events) = (Now::default(), Instant::now(), Events::with_capacity(1024));
    let mut gateway = Gateway { poll, front, shard, store, now, links: HashMap::new(), closing: VecDeque::new() };
    loop {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
        let monotonic = lmq_broker::Instant::from_micros(started.elapsed().as_micros() as u64);
        gateway.now = Now { monotonic, wall: wall.into() };
        gateway.turn(&events, &listener);
        let next = gateway.front.poll_timeout().into_iter().chain(gateway.shard.poll_timeout()).min();
        let wait = next.map_or(Duration::MAX, |at| at.saturating_since(monotonic)).min(Duration::from_secs(1));
        gateway.poll.poll(&mut events, Some(wait))?;
    }
}

impl Gateway {
    /// Says what happened, any number of things; then takes outputs, in order, until there are none.
    fn turn(&mut self, events: &Events, listener: &net::TcpListener) {
        while let Ok((mut socket, addr)) = listener.accept() {
            let peer = Peer { addr, transport: lmq_broker::Transport::Tcp, local: false, tls: None };
            if let (Ok(()), Ok(conn)) = (socket.set_nodelay(true), self.front.accept(self.now, peer)) {
                let owner = Owner::Front(conn);
                // If this fails, the time for a CONNECT runs out and ends the connection.
                let _ = self.poll.registry().register(&mut socket, token(owner), READ_WRITE);
                self.links.insert(token(owner), Link { socket, owner, paused: false, closing: false });
            }
        }
        events.iter().for_each(|event| self.on_event(event));
        while let Some((_, owner)) = self.closing.front().filter(|(at, _)| *at <= Instant::now()).copied() {
            self.closing.pop_front();
            self.forget(owner);
        }
        self.front.handle_timeout(self.now);
        self.shard.handle_timeout(self.now);
        while let Some(output) = self.front.poll_output() {
            match output {
                FrontOutput::Transmit(conn) => self.write(Owner::Front(conn)),
                FrontOutput::Close { conn, linger, .. } => self.close(Owner::Front(conn), linger),
                FrontOutput::Handoff(handoff) => {
                    let Some(link) = self.links.remove(&token(Owner::Front(handoff.conn))) else { continue };
                    let owner = Owner::Shard(self.shard.adopt(self.now, *handoff));
                    self.links.insert(token(owner), Link { owner, ..link });
                    self.watch(owner, true);
                }
                _ => {}
            }
        }
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Transmit(conn) => self.write(Owner::Shard(conn)),
                Output::Resume(conn) => self.watch(Owner::Shard(conn), false),
                Output::Close { conn, linger, .. } => self.close(Owner::Shard(conn), linger),
                // Here `lmq_auth::Username::verify` would look at the user name and password of the request.
                Output::Authenticate { ticket, .. } => {
                    let grant = Grant::new(lmq_auth::Permissions::everything());
                    self.shard.handle_verdict(self.now, ticket, lmq_broker::Verdict::Allow(grant));
                }
                // A disk would answer later, for a whole batch at once.
                Output::Store { ticket, op } => {
                    let (result, evicted) = self.store.execute(op);
                    evicted.iter().for_each(|evicted| self.shard.handle_evicted(self.now, evicted));
                    self.shard.handle_done(self.now, ticket, result);
                }
                // What was dropped; and what this profile never asks for, such as `Status` events.
                _ => {}
            }
        }
    }

    fn on_event(&mut self, event: &Event) {
        let Some(owner) = self.links.get(&event.token()).map(|link| link.owner) else { return };
        self.write(owner);
        let Some(link) = self.links.get_mut(&event.token()).filter(|link| !link.paused) else { return };
        // Once, so that nobody keeps the others waiting. All bytes are taken, however they are cut.
        let mut buffer = [0; 16 * 1024];
        match link.socket.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) | Ok(0) => self.forget(owner),
            Ok(count) => {
                let flow = match owner {
                    Owner::Front(conn) => self.front.handle_bytes(self.now, conn, &buffer[..count]),
                    Owner::Shard(conn) => self.shard.handle_bytes(self.now, conn, &buffer[..count]),
                };
                self.watch(owner, flow == Flow::Pause);
            }
        }
    }

    /// The poller tells of changes only. Watching a socket anew makes it tell what can be read and written already.
    fn watch(&mut self, owner: Owner, paused: bool) {
        let Some(link) = self.links.get_mut(&token(owner)) else { return };
        link.paused = paused;
        if self.poll.registry().reregister(&mut link.socket, token(owner), READ_WRITE).is_err() {
            self.forget(owner);
        }
    }

    /// `Transmit` is said once: what the socket does not take now follows when it is writable.
    fn write(&mut self, owner: Owner) {
        let Some(link) = self.links.get_mut(&token(owner)) else { return };
        let sent = match owner {
            Owner::Front(conn) => send(&mut link.socket, self.front.outgoing(conn)).map(|_| true),
            Owner::Shard(conn) => {
                send(&mut link.socket, self.shard.outgoing(conn)).map(|count| self.shard.handle_sent(conn, count))
            }
        };
        let Ok(empty) = sent else { return self.forget(owner) };
        if empty && link.closing {
            let _ = link.socket.shutdown(std::net::Shutdown::Write);
        }
    }

    /// The last bytes leave, then the peer's end is awaited: a reset would destroy what is under way.
    fn close(&mut self, owner: Owner, linger: Duration) {
        let Some(link) = self.links.get_mut(&token(owner)).filter(|link| link.owner == owner) else { return };
        link.closing = true;
        self.closing.push_back((Instant::now() + linger, owner));
        self.write(owner);
        self.watch(owner, false);
    }

    /// Every connection ends here, once.
    fn forget(&mut self, owner: Owner) {
        if self.links.get(&token(owner)).is_some_and(|link| link.owner == owner) {
            self.links.remove(&token(owner));
            match owner {
                Owner::Front(conn) => self.front.handle_closed(conn),
                Owner::Shard(conn) => self.shard.handle_closed(self.now, conn),
            }
        }
    }
}

/// Writes until nothing is left or the socket is full; says how many bytes left.
fn send(socket: &mut net::TcpStream, mut out: impl Buf) -> io::Result<usize> {
    let before = out.remaining();
    while out.has_remaining() {
        match socket.write(out.chunk()) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            written => out.advance(written?),
        }
    }
    Ok(before - out.remaining())
}
