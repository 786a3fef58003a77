use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use bytes::Bytes;
use lmq_auth::TokenTerm;
use lmq_codec::Version;

use crate::{ClientKey, ConnId, Password, Peer, ShardId, Will};

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
    /// Seconds the session outlives the connection; 0: not at all, `u32::MAX`: for ever.
    pub(crate) session_expiry: u32,
    /// The effective keep-alive in seconds, 0 for none.
    pub(crate) keep_alive_secs: u16,
    /// What CONNACK has to say because it differs from what was asked for; MQTT 5.0.
    pub(crate) changed: Changed,
    /// How many QoS 1 and 2 messages the client takes at a time.
    pub(crate) receive_max: u16,
    /// The largest packet the client takes, in bytes.
    pub(crate) packet_bytes_max: u32,
    /// The highest topic alias the client takes.
    pub(crate) topic_alias_max: u16,
    /// The client wants response information.
    pub(crate) response_information: bool,
    /// The client wants reason strings.
    pub(crate) problem_information: bool,
    pub(crate) will: Option<Arc<Will>>,
    /// The authentication method of MQTT 5.0, and what it says first.
    pub(crate) method: Option<Box<str>>,
    pub(crate) data: Option<Bytes>,
    pub(crate) username: Option<Box<str>>,
    pub(crate) password: Option<Password>,
    /// It came with user name, password or method.
    pub(crate) has_credentials: bool,
    /// What the verdict says that the client holds.
    pub(crate) tokens: Vec<TokenTerm>,
}

/// What a server decided otherwise than the client asked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Changed {
    pub(crate) keep_alive: bool,
    pub(crate) session_expiry: bool,
    pub(crate) client_id: bool,
}
