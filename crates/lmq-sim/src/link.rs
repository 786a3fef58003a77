//! One connection of the virtual network, seen from both ends.
//!
//! ```text
//!   client ── up: pieces, in order, delayed ──▶ inbox (while the broker does not read) ──▶ handle_bytes
//!          ◀── buffer (while the client does not read) ◀── down, at most a window of bytes ── outgoing
//! ```

use std::collections::VecDeque;

use lmq_auth::TokenTerm;
use lmq_broker::ConnId;
use lmq_codec::ReasonCode;
use lmq_id::Access;

use crate::world::{Dossier, Held};

/// Names a link; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(pub(crate) u32);

/// Which machine has the broker's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The broker has not seen it yet.
    Coming,
    Front(usize, ConnId),
    Shard(usize, ConnId),
    Gone,
}

/// A will, by the number of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Testament {
    pub(crate) number: u64,
    /// How long it waits, in microseconds.
    pub(crate) delay: u64,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) client: usize,
    pub(crate) place: Place,
    /// Nothing arrives any more, not even the end.
    pub(crate) dark: bool,
    /// What is under way is lost; the end arrives.
    pub(crate) severed: bool,
    /// When the latest piece arrives, in each direction: later ones are not before it.
    pub(crate) up_at: u64,
    pub(crate) down_at: u64,
    /// The broker reads.
    pub(crate) reading: bool,
    /// Arrived at the broker and not read.
    pub(crate) inbox: Vec<u8>,
    /// The client has ended it, behind what is in the inbox.
    pub(crate) up_ended: bool,
    /// Bytes written by the broker and not read by the client.
    pub(crate) in_flight: usize,
    /// Arrived at the client and not read.
    pub(crate) buffer: VecDeque<u8>,
    /// The broker has ended it, behind what is in the buffer.
    pub(crate) down_ended: bool,
    /// A `ReadMore` is scheduled.
    pub(crate) read_scheduled: bool,
    pub(crate) slow_until: u64,
    pub(crate) stopped_until: u64,
    /// The broker said `Transmit` and not everything is written.
    pub(crate) dirty: bool,
    /// Its socket takes no more until the client reads.
    pub(crate) blocked: bool,
    /// Something remained at the last write.
    pub(crate) stuffed: bool,
    /// The broker said `Close`.
    pub(crate) closing: bool,
    /// The broker has shut its side down.
    pub(crate) shut: bool,
    /// The client is done with it.
    pub(crate) client_done: bool,
    /// The will that its CONNECT brought.
    pub(crate) will: Option<Testament>,
    /// Its CONNECT asked for a new session.
    pub(crate) clean: bool,
    /// How long its client had been away when the broker took it over, and when it had left; `None` if it was not away.
    pub(crate) away: Option<(u64, u64)>,
    /// A CONNACK with return code 0 was written.
    pub(crate) accepted: bool,
    pub(crate) answered: bool,
    /// A CONNACK was written, and its client is to upload a token.
    pub(crate) greeted: bool,
    /// What was written before that.
    pub(crate) head: Vec<u8>,
    /// What the authenticator knows of it.
    pub(crate) dossier: Dossier,
    /// The tokens that its client's rights come from.
    pub(crate) held: Vec<Held>,
    /// All it ever had, and those it heard of that they end.
    pub(crate) granted: Vec<TokenTerm>,
    pub(crate) announced: Vec<(u64, Access)>,
    /// The word of an operator that its client may do nothing, in the books.
    pub(crate) forbidden: Option<usize>,
    /// Its client waits to be let in by a token: it has a CONNACK and is nobody.
    pub(crate) awaiting: bool,
    /// It is to be closed now, and why.
    pub(crate) doomed: Option<&'static str>,
    /// An operator wanted its client gone before it was in.
    pub(crate) unwanted: bool,
    /// What a client of MQTT 5.0 must be told at its end.
    pub(crate) farewell: Option<ReasonCode>,
    /// Everything the broker had to say was written.
    pub(crate) whole: bool,
    /// Positions of its client's queue from here on came while it was there.
    pub(crate) live_from: u64,
    pub(crate) paused_since: Option<u64>,
    /// When the client last took something.
    pub(crate) progress_at: u64,
    /// When the broker last got something.
    pub(crate) heard_at: u64,
    /// When the broker last wrote something, or found that there is something to write.
    pub(crate) written_at: u64,
}

impl Link {
    pub(crate) fn new(client: usize, now: u64) -> Self {
        Self {
            client,
            place: Place::Coming,
            dark: false,
            severed: false,
            up_at: now,
            down_at: now,
            reading: true,
            inbox: Vec::new(),
            up_ended: false,
            in_flight: 0,
            buffer: VecDeque::new(),
            down_ended: false,
            read_scheduled: false,
            slow_until: 0,
            stopped_until: 0,
            dirty: false,
            blocked: false,
            stuffed: false,
            closing: false,
            shut: false,
            client_done: false,
            will: None,
            clean: false,
            away: None,
            accepted: false,
            answered: false,
            head: Vec::new(),
            dossier: Dossier::default(),
            held: Vec::new(),
            granted: Vec::new(),
            announced: Vec::new(),
            forbidden: None,
            greeted: false,
            awaiting: false,
            doomed: None,
            unwanted: false,
            farewell: None,
            whole: false,
            live_from: 0,
            paused_since: None,
            progress_at: now,
            heard_at: now,
            written_at: now,
        }
    }

    /// Whether nobody needs it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.place == Place::Gone && self.client_done
    }

    /// Whether bytes can arrive.
    pub(crate) fn carries(&self) -> bool {
        !self.dark && !self.severed
    }

    /// Whether it is the live connection of its client, as the broker sees it.
    pub(crate) fn is_live(&self) -> bool {
        self.accepted && !self.closing && matches!(self.place, Place::Shard(..))
    }

    /// How many bytes the client reads now.
    pub(crate) fn readable(&self, now: u64) -> usize {
        if self.stopped_until > now {
            0
        } else if self.slow_until > now {
            self.buffer.len().min(16)
        } else {
            self.buffer.len()
        }
    }
}
