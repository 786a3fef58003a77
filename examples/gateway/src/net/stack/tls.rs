use std::{
    io::{self, ErrorKind, Read, Write},
    sync::Arc,
};

use lmq_broker::TlsInfo;
use mio::net::TcpStream;

/// The server side of TLS on one connection.
pub(super) struct Tls {
    session: rustls::ServerConnection,
    told: bool,
}

impl Tls {
    pub(super) fn new(config: Arc<rustls::ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self { session: rustls::ServerConnection::new(config)?, told: false })
    }

    pub(super) fn into_session(self) -> rustls::ServerConnection {
        self.session
    }

    /// Plain bytes that were decrypted already.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.session.reader().read(buffer)
    }

    /// Takes records from the socket. After a violation the alert is sent before the error comes back.
    pub(super) fn read_socket(&mut self, socket: &mut TcpStream) -> io::Result<usize> {
        let count = self.session.read_tls(socket)?;
        if let Err(error) = self.session.process_new_packets() {
            let _ = self.session.write_tls(socket);
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        while self.session.is_handshaking() && self.session.wants_write() {
            match self.session.write_tls(socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                result => result?,
            };
        }
        Ok(count)
    }

    /// Encrypts and writes; what the socket does not take stays here or in `pending`. True if nothing is left.
    pub(super) fn write(&mut self, socket: &mut TcpStream, pending: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            while self.session.wants_write() {
                match self.session.write_tls(socket) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                    Err(error) => return Err(error),
                }
            }
            if pending.is_empty() {
                return Ok(true);
            }
            let taken = self.session.writer().write(pending)?;
            pending.drain(..taken);
        }
    }

    pub(super) fn say_goodbye(&mut self, pending: &mut Vec<u8>) {
        let taken = self.session.writer().write(pending).unwrap_or(0);
        pending.drain(..taken);
        self.session.send_close_notify();
    }

    pub(super) fn take_info(&mut self) -> Option<TlsInfo> {
        if self.told || self.session.is_handshaking() {
            return None;
        }
        self.told = true;
        let certificate = self.session.peer_certificates().and_then(|chain| chain.first());
        Some(TlsInfo {
            server_name: self.session.server_name().map(Into::into),
            client_certificate: certificate.map(|certificate| certificate.to_vec()),
        })
    }
}
