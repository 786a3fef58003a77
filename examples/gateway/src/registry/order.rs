use std::{num::NonZeroU64, sync::Arc};

use lmq_auth::TokenId;
use lmq_broker::InstanceIndex;

/// What the message path has to do after a change. Every thread gets every order, in the order of the changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// An instance is new (its index is the number of those before) or is different from now on. A deleted one has no topics.
    Instance { index: InstanceIndex, instance: lmq_broker::Instance },
    /// Close these connections; their clients have no right to be here any more.
    Close(Whom),
    /// A token is worth nothing any more; close who holds it.
    RevokeToken(TokenId),
}

/// Whose connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// This client's.
    Client { instance: InstanceIndex, client_id: Arc<str> },
    /// Those of all clients of a group.
    Group { instance: InstanceIndex, group: Arc<str> },
    /// Those of all clients of an instance.
    Instance(InstanceIndex),
    /// Those that came in because of the entry with this number.
    Principal(NonZeroU64),
}
