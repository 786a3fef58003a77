//! What the books have of a message, of a subscription and of who receives.

use std::collections::{BTreeMap, BTreeSet};

use lmq_codec::{QoS, TopicFilter, TopicName};

use super::{
    retained::{Claim, Entitlement},
    wills::Fate,
};

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Topic(String),
    Client(usize, String),
}

impl Way {
    pub(crate) fn topic(&self) -> &str {
        match self {
            Self::Topic(topic) | Self::Client(_, topic) => topic,
        }
    }
}

/// A message as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) publisher: usize,
    pub(crate) way: Way,
    pub(crate) qos: QoS,
    pub(crate) length: usize,
    /// Seconds until it is worth nothing.
    pub(crate) expiry: Option<u32>,
    pub(crate) retain: bool,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) publisher: usize,
    pub(super) way: Way,
    pub(super) qos: QoS,
    pub(super) length: usize,
    pub(super) retain: bool,
    /// Seconds until it is worth nothing, and when it was sent first.
    pub(super) expiry: Option<u32>,
    pub(super) sent_at: u64,
    pub(super) acked_at: Option<u64>,
    pub(super) first_sent: u64,
    pub(super) last_sent: u64,
    /// When its acknowledgement came, by the count of the books.
    pub(super) acked: Option<u64>,
    pub(super) crashes: u32,
    /// It is a will.
    pub(super) will: Option<Fate>,
    /// The upload that each of its tries follows on its connection, if any.
    pub(super) behind: Vec<Option<usize>>,
}

impl Entry {
    pub(super) fn is_for(&self, client: usize, interest: &Interest) -> bool {
        match &self.way {
            Way::Client(target, _) => *target == client && interest.filter.is_none(),
            Way::Topic(topic) => interest.matches(topic),
        }
    }

    /// It removes what is kept for its topic.
    pub(super) const fn clears(&self) -> bool {
        self.retain && self.length == 0
    }
}

/// What a subscription asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) qos: QoS,
    pub(crate) as_published: bool,
}

#[derive(Debug)]
pub(super) struct Interest {
    /// As in SUBSCRIBE; `None`: messages for the client itself.
    pub(super) filter: Option<String>,
    pub(super) terms: Terms,
    pub(super) since: Option<u64>,
}

impl Interest {
    pub(super) fn matches(&self, topic: &str) -> bool {
        let Some(filter) = &self.filter else { return false };
        match (TopicFilter::new(filter), TopicName::new(topic)) {
            (Ok(filter), Ok(topic)) => filter.share().map_or(filter, |(_, inner)| inner).matches(topic),
            _ => false,
        }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.starts_with("$share/"))
    }
}

#[derive(Debug, Default)]
pub(super) struct Receiver {
    pub(super) persistent: bool,
    /// It is a source of the MQ side.
    pub(super) mq_side: bool,
    pub(super) interests: Vec<Interest>,
    /// When its latest CONNACK left, by the clock.
    pub(super) accepted_at: Option<u64>,
    /// When its current connection began; `None` while it has none.
    pub(super) online_since: Option<u64>,
    /// Counts its sessions.
    pub(super) session: u32,
    /// First deliveries and, for QoS 2, the session they were made in.
    pub(super) got: BTreeMap<u64, (QoS, u32)>,
    /// The latest first delivery, by publisher, topic, QoS of the publisher and of the receiver.
    pub(super) latest: BTreeMap<(usize, String, QoS, QoS), u64>,
    pub(super) excused: BTreeSet<u64>,
    /// Messages that the broker said it dropped from memory, and when it said so last.
    pub(super) dropped: u64,
    pub(super) dropped_at: u64,
    /// When its connection ended last, and when its session did.
    pub(super) lost_at: u64,
    /// When the broker ended its connection; it may still read what was written before.
    pub(super) ended_at: u64,
    /// The same of any connection of it, also of one that it has left behind.
    pub(super) any_ended_at: u64,
    pub(super) discarded_at: u64,
    /// It has been discarded, perhaps not yet by the broker.
    pub(super) discarding: bool,
    /// SUBSCRIBEs of this session that may bring retained messages, and those that must.
    pub(super) entitled: Vec<Entitlement>,
    pub(super) claims: Vec<Claim>,
    /// When each message with RETAIN reached it last.
    pub(super) seen: BTreeMap<u64, u64>,
    /// When each came last because it was kept.
    pub(super) brought: BTreeMap<u64, u64>,
    /// How many retained messages of a topic its session got.
    pub(super) replayed: BTreeMap<String, usize>,
    /// What it said last of its rights on its connection.
    pub(super) upload: Option<usize>,
    /// When nothing may have been stored for it, as its token had ended: from, and to.
    pub(super) bars: Vec<(u64, Option<u64>)>,
    /// The latest position of its queue that came on this connection, by QoS, and apart for what came while it was there.
    pub(super) drained: BTreeMap<(QoS, bool), u64>,
}

/// A message as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) receiver: usize,
    pub(crate) number: Option<u64>,
    pub(crate) topic: String,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) length: usize,
    pub(crate) intact: bool,
    pub(crate) dup: bool,
    /// What the packet said of its time, in a version that can say it.
    pub(crate) expiry: Option<u32>,
    pub(crate) version5: bool,
}
