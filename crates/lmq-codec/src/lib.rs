#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(feature = "arbitrary")]
mod arbitrary;
mod decoder;
mod delivery;
mod encode;
mod error;
mod frame;
#[cfg(feature = "tokio-util")]
mod framed;
#[cfg(feature = "alloc")]
mod owned;
mod packet;
mod property;
mod reason;
#[cfg(feature = "serde")]
mod serde;
#[cfg(feature = "alloc")]
mod template;
mod text;
mod topic;
mod version;
mod wire;

#[cfg(feature = "alloc")]
pub use decoder::Decoded;
pub use decoder::{Decoder, Step};
pub use delivery::{Delivery, PacketId, QoS, QoSError};
pub use encode::{EncodeError, Encoder};
pub use error::{DecodeError, Violation};
pub use frame::{Frame, PacketType, Split, split};
#[cfg(feature = "tokio-util")]
pub use framed::{Framed, FramedError};
#[cfg(feature = "alloc")]
pub use owned::{MessageProperties, OwnedPacket};
pub use packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, Publish, ReasonCodes, RetainHandling, SubAck, Subscribe,
    SubscribeFilters, SubscribeOptions, UnsubAck, Unsubscribe, UnsubscribeFilters, Will,
};
pub use property::{
    Properties, Property, PropertyError, PropertyIter, SubscriptionId, SubscriptionIdError, UserProperty,
};
pub use reason::ReasonCode;
#[cfg(feature = "alloc")]
pub use template::{Receiver, Template, TopicForm};
pub use topic::{TopicError, TopicFilter, TopicName};
pub use version::Version;
