//! The smallest useful MQTT gateway, to copy: one thread, TCP, sessions in memory. `assemble mqtt ADDR` lets everybody in,
//! `assemble lmq ADDR` whoever signs with the account in `LMQ_ACCESS_KEY` and `LMQ_SECRET_KEY`.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, error::Error, net::Shutdown, sync::Arc};

use bytes::Buf;
use lmq_auth::{Permissions, SecretKey, Username};
use lmq_broker::{AuthRequest, ConnId, Done, Flow, Front, FrontOutput, Grant, MemoryStore, Now, Output, Peer};
use lmq_broker::{Profile, Quota, Refusal, Settings, Shard, ShardId, Transport, UnixMillis, Verdict};
use lmq_id::ClientIdRef;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, event::Event};

/// How often `closing` is served, and a listener that was out of descriptors tried again, if nothing happens.
const TICK: Duration = Duration::from_secs(1);

struct Gateway {
    poll: Poll,
    front: Front,
    shard: Shard,
    store: MemoryStore,
    now: Now,
    links: HashMap<Token, Link>,
    /// Every linger is as long as the last, so this is sorted.
    closing: VecDeque<(Instant, Owner)>,
    /// Access key and secret; without them everybody may come in.
    account: Option<(String, SecretKey)>,
}

struct Link {
    socket: TcpStream,
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
fn token(owner: Owner) -> Token {
    match owner {
        Owner::Front(conn) => Token(conn.slot() as usize * 2 + 1),
        Owner::Shard(conn) => Token(conn.slot() as usize * 2 + 2),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().collect();
    let (profile, account) = match args.get(1).map(String::as_str) {
        Some("mqtt") => (Profile::mqtt(), None),
        Some("lmq") => {
            let account = (env::var("LMQ_ACCESS_KEY")?, env::var("LMQ_SECRET_KEY")?.parse()?);
            // Every rule is a field. Here any instance and any parent topic will do.
            (Profile { instance_in_username: false, parent_topics: false, ..Profile::lmq() }, Some(account))
        }
        _ => return Err("usage: assemble mqtt|lmq ADDR".into()),
    };
    let mut listener = TcpListener::bind(args.get(2).ok_or("no address")?.parse()?)?;
    println!("listening on {}", listener.local_addr()?);
    let (settings, poll, store) =
        (Arc::new(Settings::new(profile, 1)), Poll::new()?, MemoryStore::new(Quota::default()));
    poll.registry().register(&mut listener, Token(0), Interest::READABLE)?;
    // Fresh for every machine: seeds order hash tables, and make ids that no peer may guess.
    let mut seeds = [[0; 32]; 2];
    seeds.iter_mut().try_for_each(|seed| getrandom::fill(seed))?;
    let (front, shard) = (Front::new(settings.clone(), seeds[0]), Shard::new(ShardId(0), settings, seeds[1]));
    let (now, links, closing) = (Now::default(), HashMap::new(), VecDeque::new());
    let mut gateway = Gateway { poll, front, shard, store, now, links, closing, account };
    let (started, mut events) = (Instant::now(), Events::with_capacity(1024));
    loop {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
        let monotonic = lmq_broker::Instant::from_micros(started.elapsed().as_micros() as u64);
        gateway.now = Now { monotonic, wall: UnixMillis::new(wall) };
        gateway.turn(&events, &listener);
        let next = gateway.front.poll_timeout().into_iter().chain(gateway.shard.poll_timeout()).min();
        let wait = next.map_or(TICK, |at| at.saturating_since(monotonic).min(TICK));
        gateway.poll.poll(&mut events, Some(wait))?;
    }
}

impl Gateway {
    /// Says what happened, any number of things; then takes outputs, in order, until there are none.
    fn turn(&mut self, events: &Events, listener: &TcpListener) {
        while let Ok((mut socket, addr)) = listener.accept() {
            let peer = Peer { addr, transport: Transport::Tcp, local: false, tls: None };
            if let (Ok(()), Ok(conn)) = (socket.set_nodelay(true), self.front.accept(self.now, peer)) {
                let owner = Owner::Front(conn);
                // If this fails, so does the next call, and that ends the connection.
                let _ = self.poll.registry().register(&mut socket, token(owner), Interest::READABLE);
                self.links.insert(token(owner), Link { socket, owner, paused: false, closing: false });
                self.watch(owner, false);
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
                    if let Some(link) = self.links.remove(&token(Owner::Front(handoff.conn))) {
                        let owner = Owner::Shard(self.shard.adopt(self.now, *handoff));
                        self.links.insert(token(owner), Link { owner, ..link });
                        self.watch(owner, true);
                    }
                }
                _ => {}
            }
        }
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Transmit(conn) => self.write(Owner::Shard(conn)),
                Output::Resume(conn) => self.watch(Owner::Shard(conn), false),
                Output::Close { conn, linger, .. } => self.close(Owner::Shard(conn), linger),
                Output::Authenticate { ticket, request } => {
                    let verdict = self.decide(&request).unwrap_or(Verdict::Deny(Refusal::Credentials));
                    self.shard.handle_verdict(self.now, ticket, verdict);
                }
                // A disk would answer later, for a whole batch at once.
                Output::Store { ticket, op } => {
                    let (result, evicted) = self.store.execute(op);
                    evicted.iter().for_each(|evicted| self.shard.handle_evicted(self.now, evicted));
                    self.shard.handle_done(self.now, ticket, result);
                }
                // Who came and went: a back end would like to know.
                Output::Status { ticket, .. } => self.shard.handle_done(self.now, ticket, Ok(Done::Stored)),
                _ => {}
            }
        }
    }

    fn on_event(&mut self, event: &Event) {
        let Some(owner) = self.links.get(&event.token()).map(|link| link.owner) else { return };
        if event.is_writable() {
            self.write(owner);
        }
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
        let (registry, both) = (self.poll.registry(), Interest::READABLE | Interest::WRITABLE);
        link.paused = paused;
        if registry.reregister(&mut link.socket, token(owner), both).is_err() {
            self.forget(owner);
        }
    }

    /// `Transmit` is said once: what the socket does not take now follows when it is writable.
    fn write(&mut self, owner: Owner) {
        let Some(link) = self.links.get_mut(&token(owner)) else { return };
        let sent = match owner {
            Owner::Front(conn) => send(&mut link.socket, self.front.outgoing(conn)).map(|_| true),
            Owner::Shard(conn) => {
                let sent = send(&mut link.socket, self.shard.outgoing(conn));
                sent.map(|count| self.shard.handle_sent(conn, count))
            }
        };
        match sent {
            Err(_) => self.forget(owner),
            Ok(empty) if empty && link.closing => drop(link.socket.shutdown(Shutdown::Write)),
            Ok(_) => {}
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

    /// `None` where something is missing or malformed: to the client that looks like a wrong signature.
    fn decide(&self, request: &AuthRequest) -> Option<Verdict> {
        if let Some((access_key, secret_key)) = &self.account {
            let username = Username::parse(request.username.as_deref()?).ok()?;
            let client = ClientIdRef::try_from(&*request.client.client_id).ok()?;
            username.verify(secret_key, client, request.password.as_ref()?.as_bytes()).ok()?;
            (username.access_key() == access_key).then_some(())?;
        }
        Some(Verdict::Allow(Grant { permissions: Permissions::everything() }))
    }
}

/// Writes until nothing is left or the socket is full; says how many bytes left.
fn send(socket: &mut TcpStream, mut out: impl Buf) -> io::Result<usize> {
    let before = out.remaining();
    while out.has_remaining() {
        match socket.write(out.chunk()) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            written => out.advance(written?),
        }
    }
    Ok(before - out.remaining())
}
