//! What the broker remembers of a client between, or during, its connections.

mod filters;
mod inbound;
mod lent;
mod queue;
mod replays;
mod stored;
mod tokens;
mod window;

use alloc::{boxed::Box, sync::Arc, vec::Vec};

pub(crate) use filters::Filters;
pub(crate) use inbound::{Inbound, InboundStage};
pub(crate) use lent::{Lent, SharedMessage};
use lmq_codec::QoS;
pub(crate) use queue::{MemoryQueue, QueuedBytes, Waiting};
pub(crate) use replays::{Replay, Replays};
pub(crate) use stored::StoredQueue;
pub(crate) use tokens::{Token, Tokens, Turn};
pub(crate) use window::{Inflight, Stage, Window};

use crate::{ClientKey, DropReason, Instant, MemberState, Will, slab::Key};

/// In memory in this order: what a message of QoS 0 to the client looks at is in the first cache line, with QoS 1 and 2 in the first two.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Session {
    /// The connection that serves it now.
    pub(crate) conn: Option<Key>,
    /// What other shards were told of it, as a member of their shared subscriptions.
    pub(crate) told: MemberState,
    /// Made at start-up or for a connection, and not opened since: the store may know exchanges of it that we do not.
    pub(crate) unopened: bool,
    /// A record of an inbound QoS 2 message failed or was late: only the store knows which ids it has.
    pub(crate) inbound_unknown: bool,
    /// A token of its client is worth nothing any more: nothing is stored for it until the client comes back.
    pub(crate) barred: bool,
    /// The store was told of a will when the session was opened last.
    pub(crate) had_will: bool,
    /// The store has a record of it.
    pub(crate) recorded: bool,
    /// Present in a session that outlives its connection.
    pub(crate) stored: Option<Box<StoredQueue>>,
    pub(crate) queue: MemoryQueue,
    /// Retained messages that its subscriptions bring and that were not all sent.
    pub(crate) replays: Option<Box<Replays>>,
    pub(crate) window: Window,
    pub(crate) client: ClientKey,
    pub(crate) inbound: Inbound,
    pub(crate) lent: Lent,
    /// The filters as they stand in the index, with what was granted.
    pub(crate) subscriptions: Filters,
    /// Messages given up since the last drain.
    pub(crate) dropped: Option<(DropReason, u32)>,
    /// Seconds it outlives its connection; 0: not at all, `u32::MAX`: for ever.
    pub(crate) expiry: u32,
    /// What the store was told of `expiry`.
    pub(crate) told_expiry: u32,
    /// The live entry of the timer heap.
    pub(crate) timer_at: Instant,
    /// When it ends, while no connection serves it.
    pub(crate) ends_at: Option<Instant>,
    pub(crate) will: Option<Arc<Will>>,
    /// What its client holds.
    pub(crate) tokens: Option<Box<Tokens>>,
    /// When the will is published, while no connection serves the session.
    pub(crate) will_at: Option<Instant>,
}

impl Session {
    pub(crate) fn new(client: ClientKey, persistent: bool) -> Self {
        Self {
            client,
            conn: None,
            stored: persistent.then(Box::default),
            expiry: 0,
            ends_at: None,
            told_expiry: 0,
            timer_at: Instant::FAR_FUTURE,
            recorded: persistent,
            barred: false,
            tokens: None,
            will: None,
            had_will: false,
            will_at: None,
            subscriptions: Filters::default(),
            window: Window::default(),
            queue: MemoryQueue::default(),
            lent: Lent::default(),
            told: MemberState::Away,
            inbound: Inbound::default(),
            unopened: persistent,
            inbound_unknown: false,
            dropped: None,
            replays: None,
        }
    }

    /// Whether a message of this QoS goes through the store on its way to this session.
    #[inline]
    pub(crate) fn stores(&self, qos: QoS, stored_qos_max: QoS) -> bool {
        qos != QoS::AtMostOnce && qos <= stored_qos_max && self.stored.is_some() && !self.barred
    }

    /// Whether something waits for room in window or outbox.
    #[inline]
    pub(crate) fn waits(&self) -> bool {
        self.queue.len() > 0 || self.replays.is_some() || self.stored.as_ref().is_some_and(|stored| stored.has_more())
    }

    /// The messages of shared subscriptions that nobody but this connection has and that may go to others, oldest first: those sent with
    /// QoS 1, and those with QoS 1 or 2 that wait. To be asked for before [`detach`](Self::detach).
    pub(crate) fn take_shared(&mut self) -> Vec<SharedMessage> {
        let Self { window, lent, queue, .. } = self;
        let sent = window.iter().filter_map(|open| lent.release(open.id));
        let waiting = core::iter::from_fn(|| queue.pop_confirmed());
        sent.chain(waiting.filter_map(|Waiting { message, share, .. }| Some(SharedMessage { message, share: share? })))
            .collect()
    }

    /// The connection is gone; what only it needed is forgotten.
    pub(crate) fn detach(&mut self) {
        self.conn = None;
        self.queue = MemoryQueue::default();
        self.lent = Lent::default();
        self.window.keep_stored();
        if let Some(stored) = &mut self.stored {
            stored.detach();
        }
    }
}
