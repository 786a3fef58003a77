//! What threads tell each other.

use std::sync::{Mutex, PoisonError};

use lmq_broker::{Command, Handoff, RouteMessage, ShardId};
use mio::{Waker, net::TcpStream};

use super::stack::Stack;
use crate::store::Letter;

/// A letter from one thread to another.
pub(super) enum Mail {
    /// From shard to shard.
    Route { from: ShardId, message: RouteMessage },
    /// A connection whose client belongs to the receiver.
    Connection { handoff: Box<Handoff>, socket: TcpStream, stack: Stack },
    /// What an operator wants of the shard.
    Command(Command),
    /// What an operator wants of the front.
    FrontCommand(Command),
    /// From the store.
    Stored(Letter),
    /// Close everything; end when that is done.
    Drain,
}

/// The letters for one thread. It takes all there are at once; the first letter into an empty box wakes it.
pub(super) struct Mailbox {
    letters: Mutex<Vec<Mail>>,
    waker: Waker,
}

impl Mailbox {
    pub(super) const fn new(waker: Waker) -> Self {
        Self { letters: Mutex::new(Vec::new()), waker }
    }

    /// Puts letters in, in order, and leaves `letters` empty.
    pub(super) fn post(&self, letters: &mut Vec<Mail>) -> std::io::Result<()> {
        let mut waiting = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = waiting.is_empty();
        waiting.append(letters);
        drop(waiting);
        if was_empty { self.waker.wake() } else { Ok(()) }
    }

    /// Takes everything out, into a `letters` that is empty.
    pub(super) fn take(&self, letters: &mut Vec<Mail>) {
        std::mem::swap(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner), letters);
    }
}
