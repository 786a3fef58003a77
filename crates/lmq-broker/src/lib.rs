#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod aliases;
mod check;
mod close;
mod command;
mod conn;
mod connack;
mod effect;
mod front;
mod handoff;
mod limits;
mod message;
mod outbox;
mod peer;
mod planted;
mod profile;
mod quota;
mod random;
mod rate;
mod replies;
mod route;
mod session;
mod settings;
mod shard;
mod slab;
mod stats;
mod store;
mod subscription;
mod time;
mod timers;
mod will;

pub use check::SettingsError;
pub use close::CloseReason;
pub use command::{Command, Selector};
pub use effect::{AuthRequest, AuthStage, DropReason, Grant, Output, Password, Refusal, Ticket, TokenText, Verdict};
pub use front::{Flow, Front, FrontOutput, Full};
pub(crate) use handoff::ConnectRequest;
pub use handoff::Handoff;
pub use limits::Limits;
pub use lmq_model::UnixMillis;
pub use message::{Message, MessageId};
pub use outbox::Outgoing;
pub use peer::{ConnId, Peer, TlsInfo, Transport};
#[cfg(lmq_planted)]
pub use planted::{PLANTED, plant};
pub use profile::{ClientIds, Denied, Profile};
pub use quota::{Allowance, InstanceQuota, QuotaMode, Resource};
pub use route::{MemberState, RouteMessage, RouteTicket};
pub use settings::{ClientKey, Instance, InstanceIndex, Settings, ShardId, SourceId};
pub use shard::{SessionView, Shard};
pub use stats::Stats;
pub use store::{
    Done, Evicted, Failed, MemoryStore, QueueSlot, Quota, StoreOp, StoredInflight, StoredMessage, StoredRetained,
    StoredSession,
};
pub use subscription::{DeliveryOptions, Subscription, SubscriptionIds};
pub use time::{Instant, Now};
pub use will::Will;

/// The examples of the workspace's README compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod workspace_readme {}
