use alloc::{boxed::Box, sync::Arc, vec::Vec};

use lmq_codec::PacketId;
use lmq_model::UnixMillis;

use crate::{ClientKey, DeliveryOptions, InstanceIndex, Message, Subscription, Will};

/// What a shard asks of its store. The executor applies the operations of one shard in order; each is atomic.
///
/// Once one operation failed, every later one that was handed out before the shard was told fails with [`Failed::Fenced`]. The whole
/// contract is the module [`store_contract`](crate::store_contract).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreOp {
    /// Read a page of the sessions that the store holds for this shard. Answered by [`Done::Restored`].
    Restore {
        /// Where the last page ended; `None` for the first.
        after: Option<ClientKey>,
    },
    /// Read a page of the retained messages that the store holds for this shard. Answered by [`Done::RestoredRetained`]. Asked for once the
    /// sessions are read, and only where [`Profile::retained_messages`](crate::Profile::retained_messages) is on.
    RestoreRetained {
        /// Where the last page ended; `None` for the first.
        after: Option<(InstanceIndex, Arc<str>)>,
    },
    /// Replace what is kept for a topic. The shard that asks owns the topic: [`Settings::owner_of_topic`](crate::Settings::owner_of_topic).
    SetRetained {
        /// The instance of the topic.
        instance: InstanceIndex,
        /// The topic; that of the message may have a trailing `/` more.
        topic: Arc<str>,
        /// Greater than every earlier one of this shard.
        version: u64,
        /// The message; `None`: keep nothing, and forget the version too.
        message: Option<Arc<Message>>,
    },
    /// Load a session, or make it if it is absent, and raise its epoch. Answered by [`Done::Opened`].
    OpenSession {
        /// Whose session.
        client: ClientKey,
        /// Discard whatever the store holds first.
        clean: bool,
        /// Seconds it is kept once its connection has ended; 0: not at all, and it is here only for its will; `u32::MAX`: for ever.
        expiry_secs: u32,
        /// Takes the place of an earlier will.
        will: Option<Arc<Will>>,
    },
    /// The connection of a session ended: remember until when the session and its will wait. It is the shard that ends a session, and that
    /// publishes a will.
    Detach {
        /// Whose session.
        client: ClientKey,
        /// Takes the place of what [`StoreOp::OpenSession`] said: DISCONNECT may change it.
        expiry_secs: u32,
        /// When it ends, by the wall clock; `None`: never.
        expires_at: Option<UnixMillis>,
        /// When its will is published, by the wall clock; `None`: it was published, or never will be: forget it.
        will_at: Option<UnixMillis>,
    },
    /// Change the subscriptions of a session.
    SaveSession {
        /// Whose session.
        client: ClientKey,
        /// Filters to add, or to give other options.
        subscribed: Vec<(Box<str>, Subscription)>,
        /// Filters to remove.
        unsubscribed: Vec<Box<str>>,
    },
    /// Forget a session with everything in its queue.
    DropSession {
        /// Whose session.
        client: ClientKey,
    },
    /// Put one message into queues, and remember its packet id, in one step.
    Append {
        /// The message; its payload is kept once however many queues hold it.
        message: Arc<Message>,
        /// Where it goes.
        queues: Vec<QueueSlot>,
        /// The publisher's session and packet id of a QoS 2 message.
        dedup: Option<(ClientKey, PacketId)>,
    },
    /// Read messages of a queue in ascending order. Answered by [`Done::Fetched`].
    Fetch {
        /// Whose queue.
        client: ClientKey,
        /// The first position wanted.
        from: u64,
        /// At most so many messages.
        count_max: u32,
        /// Stop after the message that reaches so many bytes.
        bytes_max: u32,
    },
    /// Remove positions from a queue; those that are not there are ignored.
    Remove {
        /// Whose queue.
        client: ClientKey,
        /// The positions.
        seqs: Vec<u64>,
    },
    /// Record or clear the state of an outbound QoS 2 exchange. `Released` also removes its message from the queue, and so does the end of
    /// an exchange that was `Sent`.
    SetInflight {
        /// Whose session.
        client: ClientKey,
        /// The packet id of the exchange.
        packet_id: PacketId,
        /// The new state; `None` when the exchange is over.
        state: Option<StoredInflight>,
    },
    /// Remember the packet id of an inbound QoS 2 message that was forwarded: everything it caused is done.
    RecordInbound {
        /// Whose session.
        client: ClientKey,
        /// The packet id.
        packet_id: PacketId,
    },
    /// Forget the packet id of an inbound QoS 2 message: its PUBREL came.
    ReleaseInbound {
        /// Whose session.
        client: ClientKey,
        /// The packet id.
        packet_id: PacketId,
    },
}

/// A place in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSlot {
    /// Whose queue.
    pub client: ClientKey,
    /// The position, greater than every earlier one of the same queue.
    pub seq: u64,
    /// How the message is delivered; its QoS is 1 or 2.
    pub options: DeliveryOptions,
}

/// How far an outbound QoS 2 exchange has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoredInflight {
    /// PUBLISH may have left; the message is at this position of the queue.
    Sent(u64),
    /// PUBREC came; only PUBREL and PUBCOMP remain. The message was at this position.
    Released(u64),
}

/// A session as the store holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSession {
    /// Filters with what was granted.
    pub subscriptions: Vec<(Box<str>, Subscription)>,
    /// Outbound QoS 2 exchanges, in the order they were begun.
    pub inflight: Vec<(PacketId, StoredInflight)>,
    /// Packet ids of inbound QoS 2 messages that wait for PUBREL.
    pub inbound: Vec<PacketId>,
    /// The position of the oldest message in the queue, or `next_seq` if it is empty.
    pub first_seq: u64,
    /// Greater than every position ever used.
    pub next_seq: u64,
    /// Seconds it is kept once its connection has ended, as the last [`StoreOp::OpenSession`] said.
    pub expiry_secs: u32,
    /// When it ends, as the last [`StoreOp::Detach`] said; `None` since it was opened.
    pub expires_at: Option<UnixMillis>,
    /// What is published for its client.
    pub will: Option<Arc<Will>>,
    /// When, as the last [`StoreOp::Detach`] said; `None` since it was opened.
    pub will_at: Option<UnixMillis>,
}

/// A retained message as the store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRetained {
    /// The instance of the topic.
    pub instance: InstanceIndex,
    /// The topic, as [`StoreOp::SetRetained`] said it.
    pub topic: Arc<str>,
    /// The version, likewise.
    pub version: u64,
    /// The message, likewise.
    pub message: Arc<Message>,
}

/// A message read back from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its position.
    pub seq: u64,
    /// How it is delivered.
    pub options: DeliveryOptions,
    /// The message.
    pub message: Arc<Message>,
}

/// How an effect ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Done {
    /// The operation is durable, by whatever the store promises.
    Stored,
    /// Answers [`StoreOp::OpenSession`]: the session, `None` if it was made or emptied now.
    Opened(Option<Box<StoredSession>>),
    /// Answers [`StoreOp::Fetch`]: fewer messages than asked for, possibly none, where the queue or the byte limit ends.
    Fetched(Vec<StoredMessage>),
    /// Answers [`StoreOp::Restore`]: sessions in ascending order, and whether more follow.
    Restored {
        /// The sessions of this page.
        sessions: Vec<(ClientKey, StoredSession)>,
        /// Another page follows the last of them.
        more: bool,
    },
    /// Answers [`StoreOp::RestoreRetained`]: messages in ascending order of instance and topic, and whether more follow. A page is sent to
    /// the siblings before the next is asked for; some hundreds make a good one.
    RestoredRetained {
        /// The messages of this page.
        messages: Vec<StoredRetained>,
        /// Another page follows the last of them.
        more: bool,
    },
}

/// Why an effect failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failed {
    /// The store cannot be reached, or cannot write: the effect did not take place and will not.
    #[error("the store is unavailable")]
    Unavailable,
    /// The store is full: the effect did not take place and will not.
    #[error("the store is full")]
    Full,
    /// An earlier operation failed, or another owner took the session over.
    #[error("an earlier operation failed or the session has a new owner")]
    Fenced,
    /// No answer came within [`Limits::effect_timeout`](crate::Limits::effect_timeout), or the store does not know: the effect may have taken place.
    #[error("the effect was not answered in time")]
    TimedOut,
}

/// Messages that the store gave up to stay within its quota; hand it to [`Shard::handle_evicted`](crate::Shard::handle_evicted).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evicted {
    /// Whose queue.
    pub client: ClientKey,
    /// The positions given up.
    pub seqs: Vec<u64>,
}
