use alloc::{boxed::Box, sync::Arc};

use crate::{InstanceIndex, Message};

/// What one shard tells another. Every message that asks something is answered, once its effects are done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteMessage {
    /// Deliver to your subscribers of the topic. Answered by `Done` if there is a ticket, else by `Credit`.
    Publish {
        /// For the answer; `None` for QoS 0.
        ticket: Option<RouteTicket>,
        /// What to deliver.
        message: Arc<Message>,
    },
    /// Deliver to this client, which is yours. Answered like `Publish`.
    PointToPoint {
        /// For the answer; `None` for QoS 0.
        ticket: Option<RouteTicket>,
        /// The client id of the target.
        target: Box<str>,
        /// What to deliver.
        message: Arc<Message>,
    },
    /// Send me, or no longer send me, what matches the filter. Answered by `Done`.
    Interest {
        /// For the answer.
        ticket: RouteTicket,
        /// The instance of the filter.
        instance: InstanceIndex,
        /// The filter.
        filter: Box<str>,
        /// Whether I have subscribers for it.
        wanted: bool,
    },
    /// Answers a ticket: everything the message caused here is done, or failed.
    Done {
        /// The ticket of the question.
        ticket: RouteTicket,
        /// Whether it went well.
        ok: bool,
    },
    /// You know every filter of the sessions that I had when I started.
    Restored,
    /// So much of an instance is used here. Takes the place of what was said before.
    Usage {
        /// Which instance.
        instance: InstanceIndex,
        /// Connections with a CONNECT.
        connections: u32,
        /// Subscriptions of all sessions.
        subscriptions: u32,
    },
    /// Messages without ticket were taken.
    Credit {
        /// How many.
        messages: u32,
        /// How many bytes of topics and payloads.
        bytes: u64,
    },
}

/// A question of one shard to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteTicket(pub(crate) u64);
