//! Sockets are bound before any thread starts, so that a port in use is one clear line.

use std::{
    fmt,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    str::FromStr,
};

use crate::error::Error;

/// Connections that wait to be accepted; the system may allow fewer (net.core.somaxconn).
const BACKLOG: i32 = 4096;

/// What a listener speaks. The order is the one in which listeners are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ListenerKind {
    /// MQTT over TCP.
    Mqtt,
    /// MQTT over TLS.
    Mqtts,
    /// MQTT over WebSocket.
    Ws,
    /// MQTT over WebSocket over TLS.
    Wss,
    /// The operators' pages.
    Http,
    /// The product's services over TLS.
    Https,
    /// The operators' pages over TLS.
    AdminHttps,
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct BoundListener {
    /// What is spoken on it.
    pub(crate) kind: ListenerKind,
    /// Its address, with the port the system picked if 0 was asked for.
    pub(crate) local_addr: SocketAddr,
    /// The socket, in blocking mode.
    pub(crate) socket: TcpListener,
}

/// Where to listen: `IP:PORT`, or `NAME:PORT` for the first address of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address(String);

impl ListenerKind {
    pub(crate) const ALL: [Self; 7] =
        [Self::Mqtt, Self::Mqtts, Self::Ws, Self::Wss, Self::Http, Self::Https, Self::AdminHttps];

    /// The name of its flag, key and variable.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::Http => "http",
            Self::Https => "https",
            Self::AdminHttps => "admin-https",
        }
    }

    pub(crate) const fn is_tls(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss | Self::Https | Self::AdminHttps)
    }

    /// Carries MQTT in WebSocket messages.
    pub(crate) const fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// Has the operators' pages.
    pub(crate) const fn is_operators(self) -> bool {
        matches!(self, Self::Http | Self::AdminHttps)
    }

    pub(crate) const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https | Self::AdminHttps)
    }
}

impl fmt::Display for ListenerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl BoundListener {
    /// Whether requests for the product's services are answered here. Without TLS only where nobody can listen in, unless that was
    /// asked for with `open_http`.
    pub(crate) fn serves_public(&self, open_http: bool) -> bool {
        match self.kind {
            ListenerKind::Wss | ListenerKind::Https => true,
            ListenerKind::Ws | ListenerKind::Http => open_http || is_loopback(self.local_addr),
            ListenerKind::Mqtt | ListenerKind::Mqtts | ListenerKind::AdminHttps => false,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an address; write HOST:PORT, such as 127.0.0.1:1883 or [::1]:1883");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let host_is_fine = match host.strip_prefix('[') {
            Some(_) => text.parse::<SocketAddr>().is_ok(),
            None => !host.is_empty() && !host.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control()),
        };
        let port_is_fine = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
        if host_is_fine && port_is_fine { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

impl Address {
    /// Where a listener is when no address is named anywhere.
    pub(crate) fn default_of(kind: ListenerKind) -> Option<Self> {
        let text = match kind {
            ListenerKind::Mqtt => "127.0.0.1:1883",
            ListenerKind::Ws => "127.0.0.1:8083",
            ListenerKind::Http => "127.0.0.1:8080",
            ListenerKind::Mqtts | ListenerKind::Wss | ListenerKind::Https | ListenerKind::AdminHttps => return None,
        };
        Some(Self(text.to_owned()))
    }

    /// Where a listener is with the product's ports: for all machines, or for this one only.
    pub(crate) fn product_of(kind: ListenerKind, loopback: bool) -> Option<Self> {
        let port = match kind {
            ListenerKind::Mqtt => 1883,
            ListenerKind::Mqtts => 8883,
            ListenerKind::Ws => 80,
            ListenerKind::Wss => 443,
            ListenerKind::Http => return Self::default_of(kind),
            ListenerKind::Https | ListenerKind::AdminHttps => return None,
        };
        let host = if loopback { "127.0.0.1" } else { "0.0.0.0" };
        Some(Self(format!("{host}:{port}")))
    }

    /// Written as an IP address that other machines can reach, or at least not as loopback.
    pub(crate) fn is_openly_remote(&self) -> bool {
        self.0.parse::<SocketAddr>().is_ok_and(|addr| !is_loopback(addr))
    }

    pub(crate) fn resolve(&self) -> std::io::Result<SocketAddr> {
        let mut found = self.0.to_socket_addrs()?;
        found.next().ok_or_else(|| std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Only this machine reaches `addr`.
pub(crate) fn is_loopback(addr: SocketAddr) -> bool {
    addr.ip().to_canonical().is_loopback()
}

/// A socket that listens on `address`.
pub(crate) fn bind(kind: ListenerKind, address: &Address) -> Result<BoundListener, Error> {
    let doing = || format!("cannot listen on {kind} {address}");
    let socket = address.resolve().and_then(TcpListener::bind).map_err(|e| Error::io(doing(), &e))?;
    // The standard library asks for 128, which a fleet that comes back at once overruns.
    rustix::net::listen(&socket, BACKLOG).map_err(|e| Error::io(doing(), &e.into()))?;
    let local_addr = socket.local_addr().map_err(|e| Error::io(doing(), &e))?;
    Ok(BoundListener { kind, local_addr, socket })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback() {
        for (text, remote) in [
            ("127.8.9.1:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("localhost:1", false),
            ("0.0.0.0:1", true),
            ("[::]:1", true),
            ("192.0.2.1:1", true),
            ("[::ffff:192.0.2.1]:1", true),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().is_openly_remote(), remote, "{text}");
        }
    }

    #[test]
    fn addresses() {
        for good in ["127.0.0.1:1883", "0.0.0.0:0", "[::1]:1883", "localhost:65535", "a-b.example:1"] {
            assert_eq!(good.parse::<Address>().map(|a| a.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "1883", ":1883", "::1:1883", "[::1]", "[::1:1883", "[x]:1", "h:65536", "h:+1", "h:", "a b:1"] {
            assert_eq!(
                bad.parse::<Address>(),
                Err(format!("{bad:?} is not an address; write HOST:PORT, such as 127.0.0.1:1883 or [::1]:1883"))
            );
        }
    }
}
