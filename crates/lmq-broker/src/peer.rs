use alloc::{boxed::Box, vec::Vec};
use core::{fmt, net::SocketAddr};

/// Who is at the other end of a connection, as far as the driver knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address the connection comes from.
    pub addr: SocketAddr,
    /// What carries the bytes.
    pub transport: Transport,
    /// The listener that accepted the connection is bound to a loopback address.
    pub local: bool,
    /// What the TLS handshake said; `None` without TLS.
    pub tls: Option<Box<TlsInfo>>,
}

/// What carries the bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// MQTT directly over TCP or TLS.
    Tcp,
    /// MQTT in binary WebSocket messages.
    WebSocket,
}

/// What a TLS handshake said about the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsInfo {
    /// The server name the client asked for.
    pub server_name: Option<Box<str>>,
    /// The client's certificate, DER, already verified by the driver.
    pub client_certificate: Option<Vec<u8>>,
}

/// A connection of a [`Front`](crate::Front) or a [`Shard`](crate::Shard). Never names another connection later: the slot is
/// reused, the generation is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub(crate) crate::slab::Key);

impl ConnId {
    /// A small number, unique among the connections open now: an index into the driver's own table.
    pub const fn slot(self) -> u32 {
        self.0.slot
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.slot, self.0.generation)
    }
}
