//! Sockets on one side, the two machines of `lmq-broker` on the other. The machines decide, the driver obeys.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{mem::take, sync::Arc};

use bytes::Buf;
use lmq_auth::Permissions;
use lmq_broker::*;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(0);

struct Driver<F> {
    poll: Poll,
    listener: TcpListener,
    links: HashMap<Token, Link>,
    front: Front,
    shard: Shard,
    store: MemoryStore,
    may_enter: F,
    /// All sockets are read into this: the machines take everything, every time.
    buffer: Box<[u8]>,
    /// What to read and what to write in this turn. An edge-triggered poller does not remind us.
    ready: Vec<Token>,
    dirty: Vec<Token>,
    deadlines: BTreeSet<(Instant, Token)>,
    started: Instant,
    now: Now,
}

struct Link {
    socket: TcpStream,
    owner: Owner,
    paused: bool,
    /// The machine wants it closed: not later than this.
    until: Option<Instant>,
}

/// A connection belongs to the front until its CONNECT is complete, then to the shard.
#[derive(Clone, Copy, PartialEq)]
enum Owner {
    Front(ConnId),
    Shard(ConnId),
}

impl Owner {
    fn token(self) -> Token {
        match self {
            Self::Front(conn) => Token(conn.slot() as usize * 2 + 1),
            Self::Shard(conn) => Token(conn.slot() as usize * 2 + 2),
        }
    }
}
