use std::io::{self, ErrorKind};

use bytes::Bytes;
use tungstenite::{
    Message,
    handshake::{
        machine::TryParse,
        server::{Request, create_response, write_response},
    },
    http::{
        HeaderValue, StatusCode,
        header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE},
    },
    protocol::{Role, WebSocketConfig},
};

use super::pipe::Pipe;

/// The path that MQTT is served on.
const PATH: &str = "/mqtt";
/// The names a client may ask for [MQTT-6.0.0-3]; the second is that of MQTT 3.1.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];
/// Longest upgrade request, in bytes.
const REQUEST_BYTES_MAX: usize = 8 * 1024;
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// The server side of WebSocket on one connection.
pub(super) enum WebSocket {
    /// The upgrade request, as far as it has come. `http`: another request is not refused here, but for others to answer.
    Upgrading { request: Vec<u8>, answer: Vec<u8>, message_bytes_max: u32, http: bool },
    /// It was another request; what has come of it, and of what follows.
    Http(Vec<u8>),
    /// Messages flow.
    Open(Box<tungstenite::WebSocket<Pipe>>),
}

impl WebSocket {
    pub(super) const fn new(message_bytes_max: u32, http: bool) -> Self {
        Self::Upgrading { request: Vec::new(), answer: Vec::new(), message_bytes_max, http }
    }

    /// Whether the peer speaks HTTP and not WebSocket.
    pub(super) const fn is_http(&self) -> bool {
        matches!(self, Self::Http(_))
    }

    /// The HTTP that was received.
    pub(super) fn into_http(self) -> Vec<u8> {
        match self {
            Self::Http(received) => received,
            Self::Upgrading { .. } | Self::Open(_) => Vec::new(),
        }
    }

    /// Answers the HTTP request here: there is nobody to give it to.
    pub(super) fn refuse_http(&mut self) {
        let mut answer = Vec::new();
        let _ = refuse(&mut answer, StatusCode::SERVICE_UNAVAILABLE, "too many requests are waiting; try again later");
        *self = Self::Upgrading { request: Vec::new(), answer, message_bytes_max: 0, http: false };
    }

    /// Lets messages be larger from now on.
    pub(super) fn allow(&mut self, bytes_max: u32) {
        match self {
            Self::Upgrading { message_bytes_max, .. } => *message_bytes_max = bytes_max,
            Self::Open(socket) => socket.set_config(|config| *config = self::config(bytes_max)),
            Self::Http(_) => {}
        }
    }

    /// Bytes were received from below.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Open(socket) => socket.get_mut().input.extend_from_slice(bytes),
            Self::Http(received) => received.extend_from_slice(bytes),
            Self::Upgrading { request, .. } => {
                request.extend_from_slice(bytes);
                self.upgrade()?;
            }
        }
        Ok(())
    }

    /// The next bytes of MQTT. A text message ends the connection [MQTT-6.0.0-1].
    pub(super) fn next(&mut self) -> io::Result<Option<Bytes>> {
        let Self::Open(socket) = self else {
            return Ok(None);
        };
        loop {
            match socket.read() {
                Ok(Message::Binary(bytes)) => return Ok(Some(bytes)),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Ok(Message::Text(_)) => {
                    return Err(io::Error::new(ErrorKind::InvalidData, "a text message"));
                }
                Ok(Message::Close(_)) => return Err(ErrorKind::ConnectionAborted.into()),
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(None);
                }
                Err(error) => return Err(io::Error::new(ErrorKind::InvalidData, error)),
            }
        }
    }

    /// Sends bytes of MQTT as one binary message.
    pub(super) fn send(&mut self, bytes: Bytes) -> io::Result<()> {
        let Self::Open(socket) = self else {
            return Ok(());
        };
        socket.write(Message::Binary(bytes)).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }

    /// Moves what is to be sent to the end of `out`.
    pub(super) fn take_output(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Upgrading { answer, .. } => out.append(answer),
            Self::Http(_) => {}
            Self::Open(socket) => {
                // Into memory: it cannot fail for want of room, and a closed socket has nothing to flush.
                let _ = socket.flush();
                out.append(&mut socket.get_mut().output);
            }
        }
    }

    pub(super) fn say_goodbye(&mut self) {
        if let Self::Open(socket) = self {
            let _ = socket.close(None);
        }
    }

    fn upgrade(&mut self) -> io::Result<()> {
        let Self::Upgrading { request, answer, message_bytes_max, http } = self else {
            return Ok(());
        };
        let parsed = Request::try_parse(request);
        if *http && is_for_others(request, &parsed) {
            *self = Self::Http(std::mem::take(request));
            return Ok(());
        }
        match parsed {
            Ok(None) if request.len() > REQUEST_BYTES_MAX => {
                return Err(refuse(answer, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, ""));
            }
            Ok(None) => {}
            Ok(Some((size, parsed))) => match accept(&parsed) {
                Ok(response) => {
                    *answer = response;
                    let rest = request[size..].into();
                    let pipe = Pipe { input: rest, output: std::mem::take(answer) };
                    let socket =
                        tungstenite::WebSocket::from_raw_socket(pipe, Role::Server, Some(config(*message_bytes_max)));
                    *self = Self::Open(Box::new(socket));
                }
                Err((status, why)) => return Err(refuse(answer, status, why)),
            },
            Err(_) => {
                let why = "this port speaks WebSocket: GET /mqtt over HTTP/1.1";
                return Err(refuse(answer, StatusCode::BAD_REQUEST, why));
            }
        }
        Ok(())
    }
}

fn config(message_bytes_max: u32) -> WebSocketConfig {
    let max = Some(message_bytes_max as usize);
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(max)
        .max_frame_size(max)
}

/// Whether this begins a request that has nothing to do with MQTT: another path without an upgrade, or what only a whole HTTP
/// server understands (another method, HTTP/1.0, a longer head). What does not even begin with a method is not HTTP.
fn is_for_others(received: &[u8], parsed: &tungstenite::Result<Option<(usize, Request)>>) -> bool {
    match parsed {
        Ok(None) => received.len() > REQUEST_BYTES_MAX,
        Ok(Some((_, request))) => request.uri().path() != PATH && !request.headers().contains_key(UPGRADE),
        Err(_) => received.first().is_some_and(u8::is_ascii_uppercase),
    }
}

/// The response to an upgrade request, or what is wrong with it.
fn accept(request: &Request) -> Result<Vec<u8>, (StatusCode, &'static str)> {
    const PROTOCOL: &str = "ask for the subprotocol mqtt or mqttv3.1";
    if request.uri().path() != PATH {
        return Err((StatusCode::NOT_FOUND, "MQTT is at /mqtt"));
    }
    let mut response =
        create_response(request).map_err(|_| (StatusCode::UPGRADE_REQUIRED, "MQTT is spoken over WebSocket here"))?;
    let asked = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    let mut names = asked.flat_map(|value| value.split(',')).map(str::trim);
    let chosen = names.find_map(|name| SUBPROTOCOLS.into_iter().find(|known| *known == name));
    let chosen = chosen.ok_or((StatusCode::BAD_REQUEST, PROTOCOL))?;
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(chosen));
    let mut bytes = Vec::new();
    write_response(&mut bytes, &response).map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, ""))?;
    Ok(bytes)
}

/// Writes the answer to a request that is not an upgrade to MQTT; the error ends the connection behind it.
fn refuse(answer: &mut Vec<u8>, status: StatusCode, why: &str) -> io::Error {
    let head = format!(
        "HTTP/1.1 {} {}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        why.len() + 1,
    );
    answer.extend_from_slice(head.as_bytes());
    if status == StatusCode::UPGRADE_REQUIRED {
        answer.extend_from_slice(b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    }
    answer.extend_from_slice(format!("\r\n{why}\n").as_bytes());
    io::Error::new(ErrorKind::InvalidData, "not an upgrade to MQTT")
}
