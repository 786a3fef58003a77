//! Connections: accepted, or taken over from a WebSocket port, bounded in number, size and time.

use std::{error::Error, io::Cursor, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc::Receiver},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::public;
use crate::{
    listen::{BoundListener, ListenerKind},
    net::Visitor,
};

/// For the TLS handshake, for the head of each request, and for the next request on a connection that stays open.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// After so long a connection ends with the answer it is waiting for.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);
/// For that last answer: bounds a peer that takes it byte by byte.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The head of a request, and what is buffered of an answer.
pub(super) const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// After a failed accept: the process is out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Which pages stand on which listener.
pub(super) struct Routers {
    pub(super) public: Router,
    /// The operators' pages without the admin API, and with it.
    pub(super) operators: Router,
    pub(super) with_admin: Router,
}

impl Routers {
    /// `may_admin`: the admin API may be on this listener.
    pub(super) fn of(&self, listener: &BoundListener, open_http: bool, may_admin: bool) -> Router {
        if listener.kind == ListenerKind::Https {
            return self.public.clone();
        }
        let operators = if may_admin { &self.with_admin } else { &self.operators };
        if listener.kind != ListenerKind::Http {
            return operators.clone();
        }
        let services = if listener.serves_public(open_http) { self.public.clone() } else { public::closed() };
        public::beside(services, operators.clone())
    }
}

/// What all listeners share.
pub(super) struct Accept {
    tls: Option<TlsAcceptor>,
    /// Operators have places of their own: however many clients come, it can be seen that they do.
    operators: Arc<Semaphore>,
    public: Arc<Semaphore>,
}

impl Accept {
    /// `connections_max`: connections on the operators' listeners, and on all others, at a time.
    pub(super) fn new(tls: Option<Arc<rustls::ServerConfig>>, connections_max: u32) -> Self {
        let places = || Arc::new(Semaphore::new(connections_max as usize));
        Self { tls: tls.map(TlsAcceptor::from), operators: places(), public: places() }
    }

    pub(super) fn service(&self, kind: ListenerKind, router: Router) -> Service {
        let permits = if kind == ListenerKind::Https { &self.public } else { &self.operators };
        Service { kind, router, tls: self.tls.clone().filter(|_| kind.is_tls()), permits: Arc::clone(permits) }
    }

    /// Serves those who come to WebSocket ports, until nobody can come any more.
    pub(super) async fn visits(self, router: Router, mut visitors: Receiver<Visitor>) {
        while let Some(visitor) = visitors.recv().await {
            let Ok(permit) = Arc::clone(&self.public).acquire_owned().await else {
                return;
            };
            spawn(ListenerKind::Ws, permit, visit(visitor, self.tls.clone(), router.clone()));
        }
    }
}

/// One listener.
pub(super) struct Service {
    kind: ListenerKind,
    router: Router,
    tls: Option<TlsAcceptor>,
    permits: Arc<Semaphore>,
}

impl Service {
    pub(super) async fn accept(self, socket: TcpListener) {
        loop {
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
                return;
            };
            match socket.accept().await {
                Ok((stream, _)) => spawn(self.kind, permit, connection(stream, self.tls.clone(), self.router.clone())),
                Err(error) => {
                    warn!(kind = %self.kind, %error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

fn spawn(
    kind: ListenerKind,
    permit: OwnedSemaphorePermit,
    connection: impl Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
) {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            debug!(%kind, %error, "HTTP connection closed");
        }
        drop(permit);
    });
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    match tls {
        Some(tls) => requests(timeout(HEAD_TIMEOUT, tls.accept(stream)).await??, router).await,
        None => requests(stream, router).await,
    }
}

/// What was received already comes first.
async fn visit(visitor: Visitor, tls: Option<TlsAcceptor>, router: Router) -> Result<(), Box<dyn Error + Send + Sync>> {
    let stream = TcpStream::from_std(visitor.socket)?;
    let received = Cursor::new(visitor.received);
    match (visitor.tls, tls) {
        (Some(session), Some(tls)) => {
            // The handshake is over, so this only puts stream and session together.
            let stream = timeout(HEAD_TIMEOUT, tls.accept_with(stream, |new| *new = session)).await??;
            let (read, write) = tokio::io::split(stream);
            requests(tokio::io::join(AsyncReadExt::chain(received, read), write), router).await
        }
        _ => {
            let (read, write) = stream.into_split();
            requests(tokio::io::join(AsyncReadExt::chain(received, read), write), router).await
        }
    }
}

async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    if let Ok(ended) = timeout(CONNECTION_TIMEOUT, connection.as_mut()).await {
        return Ok(ended?);
    }
    connection.as_mut().graceful_shutdown();
    Ok(timeout(LAST_ANSWER_TIMEOUT, connection).await??)
}
