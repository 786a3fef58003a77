//! A socket and what the thread knows of it.

use std::time::Instant;

use lmq_broker::ConnId;
use mio::net::TcpStream;

use super::stack::Stack;

/// The machine that a connection belongs to, and its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Front(ConnId),
    Shard(ConnId),
}

pub(super) struct Link {
    pub(super) socket: TcpStream,
    pub(super) stack: Stack,
    pub(super) owner: Owner,
    /// The machine takes no bytes at the moment.
    pub(super) paused: bool,
    /// It is on the list of connections to read without waiting for an event.
    pub(super) ready: bool,
    /// It is on the list of connections to write at the end of the turn.
    pub(super) dirty: bool,
    /// The peer has sent its last byte; no further event will say so.
    pub(super) read_closed: bool,
    pub(super) closing: Closing,
}

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// It has not begun.
    No,
    /// What remains is being written; not beyond this moment.
    Writing(Instant),
    /// Our side is shut; the peer's end is awaited, not beyond this moment.
    Reading(Instant),
}

impl Link {
    pub(super) const fn new(socket: TcpStream, stack: Stack, owner: Owner) -> Self {
        Self {
            socket,
            stack,
            owner,
            paused: false,
            ready: false,
            dirty: false,
            read_closed: false,
            closing: Closing::No,
        }
    }
}

impl Closing {
    pub(super) const fn deadline(self) -> Option<Instant> {
        match self {
            Self::No => None,
            Self::Writing(at) | Self::Reading(at) => Some(at),
        }
    }
}
