//! Accepting, reading, writing and closing.

use std::{
    io,
    time::{Duration, Instant},
};

use lmq_broker::{CloseReason, ConnId, Flow, Front, Handoff, Now, Peer, Shard, TlsInfo, Transport};
use mio::{Interest, Token, event::Event, net::TcpStream};

use super::{
    Visitor,
    link::{Closing, Link, Owner},
    stack::{Received, Sink, Stack},
    worker::Worker,
};

/// Connections taken from one listener in one turn.
const ACCEPTS_MAX: usize = 64;

impl Worker {
    /// Takes connections from a listener until there are none.
    pub(super) fn accept(&mut self, at: usize) {
        self.listeners[at].again = None;
        for _ in 0..ACCEPTS_MAX {
            let Some(socket) = &self.listeners[at].socket else {
                return;
            };
            match socket.accept() {
                Ok((socket, addr)) => {
                    self.listeners[at].accepted();
                    self.welcome(at, socket, addr);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    self.listeners[at].rest(&error);
                    return;
                }
            }
        }
        self.listeners[at].again = Some(Instant::now());
    }

    fn welcome(&mut self, at: usize, socket: TcpStream, addr: std::net::SocketAddr) {
        let listener = &self.listeners[at];
        self.counted.accepted += 1;
        let transport = match listener.kind {
            kind if kind.is_websocket() => Transport::WebSocket,
            _ => Transport::Tcp,
        };
        let peer = Peer { addr, transport, local: listener.local, tls: None };
        let connect_bytes_max = self.setup.settings.limits.connect_bytes_max;
        let stack = match Stack::new(listener.kind, self.setup.tls.as_ref(), connect_bytes_max, listener.http) {
            Ok(stack) => stack,
            Err(error) => return tracing::warn!(%error, "cannot begin TLS"),
        };
        let Ok(conn) = self.front.accept(self.now, peer) else {
            self.counted.turned_away += 1;
            return;
        };
        match self.add_link(socket, stack, Owner::Front(conn)) {
            Ok(link) => note(&mut self.front_links, conn, link),
            Err(error) => {
                tracing::warn!(%error, "cannot watch a connection");
                self.front.handle_closed(conn);
            }
        }
    }

    /// Takes a connection over whose client belongs to this shard.
    pub(super) fn take_over(&mut self, handoff: Handoff, socket: TcpStream, mut stack: Stack) {
        stack.allow_messages(self.setup.settings.limits.packet_bytes_max);
        let conn = self.shard.adopt(self.now, handoff);
        match self.add_link(socket, stack, Owner::Shard(conn)) {
            Ok(link) => {
                self.links[link].paused = true;
                note(&mut self.shard_links, conn, link);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot watch a connection");
                self.shard.handle_closed(self.now, conn);
            }
        }
    }

    fn add_link(&mut self, mut socket: TcpStream, stack: Stack, owner: Owner) -> io::Result<usize> {
        socket.set_nodelay(true)?;
        let entry = self.links.vacant_entry();
        let link = entry.key();
        // Both, once and edge-triggered: writability costs no further system call, and is told only after a write had to stop.
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, Token(self.listeners.len() + link), interest)?;
        entry.insert(Link::new(socket, stack, owner));
        Ok(link)
    }

    pub(super) fn on_socket(&mut self, link: usize, event: &Event) {
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            if let Some(state) = self.links.get_mut(link) {
                state.read_closed |= event.is_read_closed() || event.is_error();
            }
            self.read(link);
        }
        if event.is_writable() {
            self.write_soon(link);
        }
    }

    pub(super) fn read_again(&mut self, link: usize) {
        if let Some(state) = self.links.get_mut(link) {
            state.ready = false;
            self.read(link);
        }
    }

    /// Reads once. A paused connection is not read: what it sent since shows when it is resumed.
    fn read(&mut self, link: usize) {
        let Self { links, front, shard, buffer, now, .. } = self;
        let Some(state) = links.get_mut(link) else {
            return;
        };
        if state.paused && state.closing == Closing::No {
            return;
        }
        let mut machine = Machine { front, shard, now: *now, owner: state.owner };
        let received = state.stack.receive(&mut state.socket, buffer, &mut machine);
        if matches!(state.stack, Stack::Layered(_)) {
            self.write_soon(link);
        }
        match received {
            Received::Blocked if self.links[link].read_closed => self.read_soon(link),
            Received::Blocked => {}
            Received::More => self.read_soon(link),
            Received::Paused => self.links[link].paused = true,
            Received::Ended => self.end(link),
            Received::Http => self.give_to_http(link),
        }
    }

    /// Lets the HTTP thread serve a connection from now on; it is answered here if that has too much to do.
    fn give_to_http(&mut self, link: usize) {
        let visitors = self.setup.visitors.clone();
        let Ok(place) = visitors.try_reserve() else {
            if let Some(state) = self.links.get_mut(link) {
                state.stack.refuse_http();
            }
            return self.end(link);
        };
        let Some(state) = self.unlink(link) else {
            return;
        };
        self.counted.given_to_http += 1;
        let (tls, received) = state.stack.into_http();
        place.send(Visitor { socket: state.socket.into(), tls, received });
    }

    pub(super) fn read_soon(&mut self, link: usize) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        if !std::mem::replace(&mut state.ready, true) {
            self.ready.push(link);
        }
    }

    pub(super) fn write_soon(&mut self, link: usize) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        if !std::mem::replace(&mut state.dirty, true) {
            self.dirty.push(link);
        }
    }

    /// Writes what there is; a connection that is being closed is shut down after the last byte.
    pub(super) fn write(&mut self, link: usize) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        state.dirty = false;
        let sent = match state.owner {
            Owner::Front(conn) => state.stack.send(&mut state.socket, &mut self.front.outgoing(conn)),
            Owner::Shard(conn) => state.stack.send(&mut state.socket, &mut self.shard.outgoing(conn)),
        };
        let Ok((count, empty)) = sent else {
            return self.finish(link);
        };
        if let Owner::Shard(conn) = state.owner {
            self.shard.handle_sent(conn, count);
        }
        if !empty {
            return;
        }
        let read = state.stack.take_read_put_off();
        if let Closing::Writing(until) = state.closing {
            self.shut(link, until);
        } else if read {
            self.read_soon(link);
        }
    }

    fn shut(&mut self, link: usize, until: Instant) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        state.stack.say_goodbye();
        let nothing: &mut &[u8] = &mut &[][..];
        // The goodbye is a courtesy: what the socket does not take now is left out.
        let _ = state.stack.send(&mut state.socket, nothing);
        let _ = state.socket.shutdown(std::net::Shutdown::Write);
        state.closing = Closing::Reading(until);
        self.read_soon(link);
    }

    /// A machine wants a connection closed.
    pub(super) fn close(&mut self, link: usize, reason: &CloseReason, linger: Duration) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        log_close(&state.socket, reason);
        if linger.is_zero() {
            return self.end(link);
        }
        let until = Instant::now() + linger;
        state.closing = Closing::Writing(until);
        self.closing.push_back((until, link));
        self.write_soon(link);
    }

    /// The peer is gone, or has broken a layer: what a layer still has to say (an alert, a refusal) is tried once.
    fn end(&mut self, link: usize) {
        if let Some(state) = self.links.get_mut(link)
            && matches!(state.stack, Stack::Layered(_))
        {
            state.stack.say_goodbye();
            let _ = state.stack.send(&mut state.socket, &mut &[][..]);
        }
        self.finish(link);
    }

    /// Forgets a connection, which closes it.
    pub(super) fn finish(&mut self, link: usize) {
        drop(self.unlink(link));
    }

    /// Forgets a connection.
    fn unlink(&mut self, link: usize) -> Option<Link> {
        let mut state = self.links.try_remove(link)?;
        let _ = self.poll.registry().deregister(&mut state.socket);
        match state.owner {
            Owner::Front(conn) => self.front.handle_closed(conn),
            Owner::Shard(conn) => self.shard.handle_closed(self.now, conn),
        }
        Some(state)
    }
}

/// The machine that a connection belongs to.
struct Machine<'a> {
    front: &'a mut Front,
    shard: &'a mut Shard,
    now: Now,
    owner: Owner,
}

impl Sink for Machine<'_> {
    fn tls(&mut self, info: TlsInfo) {
        if let Owner::Front(conn) = self.owner {
            self.front.handle_tls(conn, info);
        }
    }

    #[inline]
    fn feed(&mut self, bytes: &[u8]) -> Flow {
        match self.owner {
            Owner::Front(conn) => self.front.handle_bytes(self.now, conn, bytes),
            Owner::Shard(conn) => self.shard.handle_bytes(self.now, conn, bytes),
        }
    }
}

/// What a peer did wrong is worth a line; that it left is not.
fn log_close(socket: &TcpStream, reason: &CloseReason) {
    let quiet = matches!(reason, CloseReason::Disconnected | CloseReason::Draining);
    let peer = socket.peer_addr().map_or_else(|_| "gone".to_owned(), |addr| addr.to_string());
    if quiet {
        tracing::debug!(peer, "closed: {reason}");
    } else {
        tracing::info!(peer, reason = reason.name(), "closed: {reason}");
    }
}

/// Remembers the link of a connection.
pub(super) fn note(links: &mut Vec<usize>, conn: ConnId, link: usize) {
    let slot = conn.slot() as usize;
    if links.len() <= slot {
        links.resize(slot + 1, usize::MAX);
    }
    links[slot] = link;
}

/// Errors of `accept` that say something of one connection, not of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
