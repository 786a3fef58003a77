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

impl From<Owner> for Token {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Front(conn) => Self(conn.slot() as usize * 2 + 1),
            Owner::Shard(conn) => Self(conn.slot() as usize * 2 + 2),
        }
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
    let (settings, poll, store) = (Arc::new(Settings::new(profile, 1)), Poll::new()?, MemoryStore::new(Quota::default()));
    poll.registry().register(&mut listener, Token(0), Interest::READABLE)?;
    let (front, shard) = (Front::new(settings.clone(), seed()?), Shard::new(ShardId(0), settings, seed()?));
    let (now, links, closing) = (Now::default(), HashMap::new(), VecDeque::new());
    let mut gateway = Gateway { poll, front, shard, store, now, links, closing, account };
    let (started, mut events) = (Instant::now(), Events::with_capacity(1024));
    loop {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
        let monotonic = lmq_broker::Instant::from_micros(started.elapsed().as_micros() as u64);
        gateway.now = Now { monotonic, wall: UnixMillis::new(wall) };
        gateway.turn(&events, &listener);
        let next = gateway.front.poll_timeout().into_iter().chain(gateway.shard.poll_timeout()).min();
        // A second at most: `closing` is served then, and a listener that was out of descriptors is tried again.
        let tick = Duration::from_secs(1);
        gateway.poll.poll(&mut events, Some(next.map_or(tick, |at| at.saturating_since(monotonic).min(tick))))?;
    }
}

impl Gateway {
    /// Says what happened, any number of things; then takes outputs, in order, until there are none.
    fn turn(&mut self, events: &Events, listener: &TcpListener) {
        while let Ok((socket, addr)) = listener.accept() {
            let peer = Peer { addr, transport: Transport::Tcp, local: false, tls: None };
            if let (Ok(()), Ok(conn)) = (socket.set_nodelay(true), self.front.accept(self.now, peer)) {
                self.adopt(Link { socket, owner: Owner::Front(conn), paused: false, closing: false });
            }
        }
        events.iter().for_each(|event| self.on_event(event));
        while let Some((_, owner)) = self.closing.pop_front_if(|(at, _)| *at <= Instant::now()) {
            self.forget(owner);
        }
        self.front.handle_timeout(self.now);
        self.shard.handle_timeout(self.now);
        while let Some(output) = self.front.poll_output() {
            match output {
                FrontOutput::Transmit(conn) => self.write(Owner::Front(conn)),
                FrontOutput::Close { conn, linger, .. } => self.close(Owner::Front(conn), linger),
                FrontOutput::Handoff(handoff) => {
                    if let Some(link) = self.links.remove(&Owner::Front(handoff.conn).into()) {
                        self.adopt(Link { owner: Owner::Shard(self.shard.adopt(self.now, *handoff)), ..link });
                    }
                }
                _ => {}
            }
        }
        while let Some(output) = self.shard.poll_output() {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Transmit(conn) => self.write(Owner::Shard(conn)),
            Output::Resume(conn) => self.read_on(Owner::Shard(conn)),
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

    /// Reads once, so that nobody keeps the others waiting.
    fn on_event(&mut self, event: &Event) {
        let Some(link) = self.links.get_mut(&event.token()) else { return };
        let (owner, mut buffer) = (link.owner, [0; 16 * 1024]);
        if !link.paused && (event.is_readable() || event.is_read_closed() || event.is_error()) {
            let count = match link.socket.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) | Ok(0) => return self.forget(owner),
                Ok(count) => count,
            };
            let flow = match owner {
                Owner::Front(conn) => self.front.handle_bytes(self.now, conn, &buffer[..count]),
                Owner::Shard(conn) => self.shard.handle_bytes(self.now, conn, &buffer[..count]),
            };
            match flow {
                Flow::Pause => link.paused = true,
                Flow::Continue | Flow::Closed => self.read_on(owner),
            }
        } else if event.is_writable() {
            self.write(owner);
        }
    }
