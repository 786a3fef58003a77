//! What lies between a socket and the bytes of MQTT: nothing, TLS, WebSocket, or both.

mod boundary;
mod pipe;
mod tls;
mod websocket;

use std::{
    io::{self, ErrorKind, IoSlice, Read, Write},
    sync::Arc,
};

use bytes::Buf;
use lmq_broker::{Flow, TlsInfo};
use mio::net::TcpStream;

use self::{boundary::Boundary, tls::Tls, websocket::WebSocket};
use super::ListenerKind;

/// Segments of one vectored write.
const SLICES_MAX: usize = 64;
/// Reads of one connection in one turn, where a layer above the socket wants more than one.
const ROUNDS_MAX: usize = 16;
/// Bytes put into one TLS record or WebSocket message.
const CHUNK_BYTES: usize = 16 * 1024;

/// With so many bytes pending nothing more is read: a peer that sends pings and takes no pong would fill the memory.
const PENDING_BYTES_MAX: usize = 4 * CHUNK_BYTES;

/// The layers of one connection.
pub(super) enum Stack {
    /// MQTT directly on the socket.
    Plain,
    /// Something in between.
    Layered(Box<Layers>),
}

pub(super) struct Layers {
    tls: Option<Tls>,
    websocket: Option<WebSocket>,
    boundary: Boundary,
    /// Bytes that the layers made and the socket has not taken.
    pending: Vec<u8>,
    /// A read was put off until the socket takes what is pending.
    read_put_off: bool,
}

/// Where received bytes go.
pub(super) trait Sink {
    /// The TLS handshake is over. Comes before the first bytes.
    fn tls(&mut self, info: TlsInfo);
    fn feed(&mut self, bytes: &[u8]) -> Flow;
}

/// How a read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// The socket has no more; its next event says when it has.
    Blocked,
    /// There may be more: read again, without waiting for an event.
    More,
    /// The machine takes no more now.
    Paused,
    /// The peer has closed, or broken the protocol of a layer.
    Ended,
    /// The peer of a WebSocket port speaks plain HTTP: [`Stack::into_http`] has what it said.
    Http,
}

impl Stack {
    /// `message_bytes_max`: the largest WebSocket message. Clients put one packet into one message, so it is at least that of a CONNECT.
    /// `http`: a WebSocket port may receive plain HTTP as well.
    pub(super) fn new(
        kind: ListenerKind,
        tls: Option<&Arc<rustls::ServerConfig>>,
        message_bytes_max: u32,
        http: bool,
    ) -> Result<Self, rustls::Error> {
        let tls = match tls {
            Some(config) if kind.is_tls() => Some(Tls::new(config.clone())?),
            _ => None,
        };
        let websocket = kind.is_websocket().then(|| WebSocket::new(message_bytes_max, http));
        if tls.is_none() && websocket.is_none() {
            return Ok(Self::Plain);
        }
        Ok(Self::Layered(Box::new(Layers {
            tls,
            websocket,
            boundary: Boundary::default(),
            pending: Vec::new(),
            read_put_off: false,
        })))
    }

    /// The client is known: a WebSocket message may now be as large as any packet.
    pub(super) fn allow_messages(&mut self, bytes_max: u32) {
        if let Self::Layered(layers) = self
            && let Some(websocket) = &mut layers.websocket
        {
            websocket.allow(bytes_max);
        }
    }

    /// Reads once (a layered connection a few times) and hands MQTT bytes to `sink`. `buffer` is only a place to read into.
    pub(super) fn receive(&mut self, socket: &mut TcpStream, buffer: &mut [u8], sink: &mut impl Sink) -> Received {
        match self {
            Self::Plain => receive_plain(socket, buffer, sink),
            Self::Layered(layers) => layers.receive(socket, buffer, sink),
        }
    }

    /// Writes as much of `out` as the socket takes. Returns how many bytes of `out` were taken, and whether nothing is left,
    /// here or in a layer.
    pub(super) fn send(&mut self, socket: &mut TcpStream, out: &mut impl Buf) -> io::Result<(usize, bool)> {
        match self {
            Self::Plain => send_plain(socket, out),
            Self::Layered(layers) => layers.send(socket, out),
        }
    }

    /// Whether a read was put off until now, when nothing is pending any more.
    pub(super) fn take_read_put_off(&mut self) -> bool {
        match self {
            Self::Plain => false,
            Self::Layered(layers) => std::mem::take(&mut layers.read_put_off),
        }
    }

    /// The TLS session, if there is one, and what was received of HTTP, after [`Received::Http`].
    pub(super) fn into_http(self) -> (Option<rustls::ServerConnection>, Vec<u8>) {
        match self {
            Self::Plain => (None, Vec::new()),
            Self::Layered(layers) => {
                let received = layers.websocket.map(WebSocket::into_http).unwrap_or_default();
                (layers.tls.map(Tls::into_session), received)
            }
        }
    }

    /// Puts a refusal of the HTTP request into what is to be sent.
    pub(super) fn refuse_http(&mut self) {
        if let Self::Layered(layers) = self
            && let Some(websocket) = &mut layers.websocket
        {
            websocket.refuse_http();
        }
    }

    /// Says goodbye in every layer that has a word for it; the bytes leave with the next `send`.
    pub(super) fn say_goodbye(&mut self) {
        if let Self::Layered(layers) = self {
            layers.say_goodbye();
        }
    }
}

/// A read that did not fill the buffer has emptied the socket; the next bytes make a new event.
fn receive_plain(socket: &mut TcpStream, buffer: &mut [u8], sink: &mut impl Sink) -> Received {
    match read_once(socket, buffer) {
        Ok(0) => Received::Ended,
        Ok(count) => match sink.feed(&buffer[..count]) {
            Flow::Pause => Received::Paused,
            Flow::Continue | Flow::Closed if count == buffer.len() => Received::More,
            Flow::Continue | Flow::Closed => Received::Blocked,
        },
        Err(error) if error.kind() == ErrorKind::WouldBlock => Received::Blocked,
        Err(_) => Received::Ended,
    }
}

fn read_once(socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn send_plain(socket: &mut TcpStream, out: &mut impl Buf) -> io::Result<(usize, bool)> {
    let mut sent = 0;
    while out.has_remaining() {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let filled = out.chunks_vectored(&mut slices);
        let wanted: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
        match socket.write_vectored(&slices[..filled]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => {
                out.advance(count);
                sent += count;
                if count < wanted {
                    return Ok((sent, false));
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((sent, false)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((sent, true))
}

impl Layers {
    fn receive(&mut self, socket: &mut TcpStream, buffer: &mut [u8], sink: &mut impl Sink) -> Received {
        for _ in 0..ROUNDS_MAX {
            self.collect();
            if self.pending.len() > PENDING_BYTES_MAX {
                self.read_put_off = true;
                return Received::Blocked;
            }
            let flow = self.read_layers(buffer, sink);
            if self.is_http() {
                return Received::Http;
            }
            match flow {
                Ok(Flow::Pause) => return Received::Paused,
                Ok(Flow::Continue | Flow::Closed) => {}
                Err(_) => return Received::Ended,
            }
            match self.read_socket(socket, buffer) {
                Ok(0) => return Received::Ended,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Blocked,
                Err(_) => return Received::Ended,
            }
        }
        Received::More
    }

    /// Moves what the layers hold up to the machine.
    fn read_layers(&mut self, buffer: &mut [u8], sink: &mut impl Sink) -> io::Result<Flow> {
        loop {
            if let Some(websocket) = &mut self.websocket {
                while let Some(bytes) = websocket.next()? {
                    if sink.feed(&bytes) == Flow::Pause {
                        return Ok(Flow::Pause);
                    }
                }
            }
            let Some(tls) = &mut self.tls else {
                return Ok(Flow::Continue);
            };
            if let Some(info) = tls.take_info() {
                sink.tls(info);
            }
            let count = match tls.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Flow::Continue),
                Err(error) => return Err(error),
            };
            match &mut self.websocket {
                Some(websocket) => {
                    websocket.push(&buffer[..count])?;
                    if websocket.is_http() {
                        return Ok(Flow::Continue);
                    }
                }
                None if sink.feed(&buffer[..count]) == Flow::Pause => return Ok(Flow::Pause),
                None => {}
            }
        }
    }

    fn is_http(&self) -> bool {
        self.websocket.as_ref().is_some_and(WebSocket::is_http)
    }

    fn read_socket(&mut self, socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(tls) = &mut self.tls {
            return tls.read_socket(socket);
        }
        let count = read_once(socket, buffer)?;
        if let Some(websocket) = &mut self.websocket {
            websocket.push(&buffer[..count])?;
        }
        Ok(count)
    }

    fn send(&mut self, socket: &mut TcpStream, out: &mut impl Buf) -> io::Result<(usize, bool)> {
        let mut sent = 0;
        loop {
            self.collect();
            if !self.flush(socket)? {
                return Ok((sent, false));
            }
            if !out.has_remaining() {
                return Ok((sent, true));
            }
            sent += self.take(out)?;
        }
    }

    /// Moves the next bytes of `out` into the layers, about as many as one write takes.
    fn take(&mut self, out: &mut impl Buf) -> io::Result<usize> {
        let mut taken = 0;
        while out.has_remaining() && taken < CHUNK_BYTES {
            let room = CHUNK_BYTES - taken;
            let count = match &self.websocket {
                Some(_) => self.boundary.next(out, CHUNK_BYTES),
                None => room.min(out.remaining()),
            };
            let chunk = out.copy_to_bytes(count);
            taken += count;
            match &mut self.websocket {
                Some(websocket) => websocket.send(chunk)?,
                None => self.pending.extend_from_slice(&chunk),
            }
        }
        Ok(taken)
    }

    /// Takes the frames that the WebSocket layer made, answers to pings included.
    fn collect(&mut self) {
        if let Some(websocket) = &mut self.websocket {
            websocket.take_output(&mut self.pending);
        }
    }

    /// Moves what is pending towards the socket; false if the socket takes no more.
    fn flush(&mut self, socket: &mut TcpStream) -> io::Result<bool> {
        if let Some(tls) = &mut self.tls {
            return tls.write(socket, &mut self.pending);
        }
        let mut out = &self.pending[..];
        let (sent, done) = send_plain(socket, &mut out)?;
        self.pending.drain(..sent);
        Ok(done)
    }

    fn say_goodbye(&mut self) {
        if let Some(websocket) = &mut self.websocket {
            websocket.say_goodbye();
        }
        self.collect();
        if let Some(tls) = &mut self.tls {
            tls.say_goodbye(&mut self.pending);
        }
    }
}
