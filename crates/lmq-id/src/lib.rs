#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

extern crate alloc;

mod access;
mod client;
mod device;
mod fault;
mod group;
mod instance;
mod name;
mod p2p;
mod parent;
mod rules;
#[cfg(feature = "serde")]
mod serde;
mod topic;

pub use access::{Access, AccessError};
pub use client::{ClientId, ClientIdError, ClientIdRef};
pub use device::{DeviceId, DeviceIdError};
pub use group::{GroupId, GroupIdError};
pub use instance::{InstanceId, InstanceIdError};
pub use p2p::{P2pTopic, P2pTopicError};
pub use parent::{ParentTopic, ParentTopicError};
pub use rules::Rules;
pub use topic::{Filter, FilterError, Topic, TopicError};
