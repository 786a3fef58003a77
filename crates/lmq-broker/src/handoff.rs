use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use lmq_codec::Version;

use crate::{ClientKey, ConnId, Password, Peer, ShardId};

/// A connection that leaves its [`Front`](crate::Front): give it to [`Shard::adopt`](crate::Shard::adopt) of the shard it names.
pub struct Handoff {
    /// What the front called it; the front has forgotten it.
    pub conn: ConnId,
    /// The shard that owns the client.
    pub shard: ShardId,
    pub(crate) peer: Box<Peer>,
    pub(crate) request: Box<ConnectRequest>,
    /// Bytes that came behind the CONNECT.
    pub(crate) leftover: Vec<u8>,
}

impl fmt::Debug for Handoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handoff").field("conn", &self.conn).field("shard", &self.shard).finish_non_exhaustive()
    }
}

/// What the CONNECT asked for, as far as a shard needs it.
#[derive(Debug)]
pub(crate) struct ConnectRequest {
    pub(crate) client: ClientKey,
    pub(crate) version: Version,
    pub(crate) clean_start: bool,
    /// The effective keep-alive in seconds, 0 for none.
    pub(crate) keep_alive_secs: u16,
    pub(crate) username: Option<Box<str>>,
    pub(crate) password: Option<Password>,
}
