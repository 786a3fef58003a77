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
    /// A message with RETAIN, for you as the owner of its topic: keep it, or nothing if its payload is empty. Answered by `Done` once it
    /// is stored and every shard has it.
    Retain {
        /// For the answer.
        ticket: RouteTicket,
        /// The message.
        message: Arc<Message>,
    },
    /// I own this topic, and this is its retained message from now on. Answered by `Done`.
    Retained {
        /// For the answer.
        ticket: RouteTicket,
        /// The instance of the topic.
        instance: InstanceIndex,
        /// The topic.
        topic: Arc<str>,
        /// Greater than every earlier one of mine.
        version: u64,
        /// The message; `None`: there is none any more.
        message: Option<Arc<Message>>,
    },
    /// Answer with `Done` once every `Retain` that you have sent until now is answered.
    Settle {
        /// For the answer.
        ticket: RouteTicket,
    },
    /// A client of mine joins or leaves a shared subscription that is yours. Answered by `Done`, once all shards know what you want.
    Share {
        /// For the answer.
        ticket: RouteTicket,
        /// The instance of the client.
        instance: InstanceIndex,
        /// The shared subscription: `$share/<share name>/<filter>`.
        share: Arc<str>,
        /// The client id of the member.
        client: Arc<str>,
        /// What it can take if it joins; `None` if it leaves.
        joins: Option<MemberState>,
    },
    /// What a client of mine can take has changed. Answered by `Credit`.
    MemberState {
        /// The instance of the client.
        instance: InstanceIndex,
        /// The client id of the member, in any number of your shared subscriptions.
        client: Arc<str>,
        /// What it can take now.
        state: MemberState,
    },
    /// Deliver to this client, which was chosen from a shared subscription. Answered like `Publish`, or by `SharedReturn` as well.
    SharedDelivery {
        /// For the answer; `None` for QoS 0.
        ticket: Option<RouteTicket>,
        /// The client id of the member.
        client: Arc<str>,
        /// The shared subscription it was chosen from.
        share: Arc<str>,
        /// How many members did not take it.
        tries: u32,
        /// What to deliver.
        message: Arc<Message>,
    },
    /// My client does not take a message of your shared subscription, or is gone without acknowledging it: choose another one. Answered by
    /// `Credit`.
    SharedReturn {
        /// The question this answers in place of `Done`, if there is one.
        ticket: Option<RouteTicket>,
        /// The shared subscription.
        share: Arc<str>,
        /// How many members did not take it before.
        tries: u32,
        /// What to deliver.
        message: Arc<Message>,
    },
    /// Answers a ticket: everything the message caused here is done, or failed.
    Done {
        /// The ticket of the question.
        ticket: RouteTicket,
        /// Whether it went well.
        ok: bool,
    },
    /// You know every filter of the sessions that I had when I started, and every retained message of mine.
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

impl RouteMessage {
    /// The instance that it says something lasting about.
    pub(crate) fn tells_of(&self) -> Option<InstanceIndex> {
        match self {
            Self::Interest { instance, .. }
            | Self::Retained { instance, .. }
            | Self::Share { instance, .. }
            | Self::Usage { instance, .. } => Some(*instance),
            _ => None,
        }
    }
}

/// What a member of a shared subscription can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberState {
    /// Nothing now; a session that stays keeps messages for later.
    #[default]
    Away,
    /// It is connected, and messages wait already.
    Busy,
    /// Messages, at once.
    Ready,
}

/// A question of one shard to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteTicket(pub(crate) u64);
