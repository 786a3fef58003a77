//! HTTP for operators, on a thread of its own so that it never delays a message.
//!
//! | path | answer |
//! |---|---|
//! | `/` | what is here |
//! | `/livez` | 200 while the process runs |
//! | `/readyz` | 200 while clients may come, 503 while draining and while the store fails |
//! | `/metrics` | counters in the text format of Prometheus |

mod counters;
mod metrics;
mod pages;

use std::{
    sync::{Arc, atomic::AtomicBool},
    thread::{self, JoinHandle},
    time::Duration,
};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    runtime,
    sync::{Semaphore, oneshot},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use metrics::Page;

use crate::{
    error::Error,
    listen::{BoundListener, ListenerKind},
    net::Report,
    store::Health,
};

/// For the TLS handshake, and for the head of each request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The life of one connection, whatever it does: bounds a peer that takes its answer byte by byte.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);
/// The head of a request, and what is buffered of an answer.
const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// After a failed accept: the process is out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// What the pages show.
pub(crate) struct State {
    /// Clients are being sent away.
    pub(crate) draining: Arc<AtomicBool>,
    /// What the message path has counted.
    pub(crate) report: Box<dyn Fn() -> Report + Send + Sync>,
    /// How the store does; `None` if there is none.
    pub(crate) store: Box<dyn Fn() -> Option<Health> + Send + Sync>,
}

/// The running HTTP thread.
pub(crate) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Serves `listeners`, all of kind `Http` or `Https`, with at most `connections_max` connections at a time.
pub(crate) fn start(
    listeners: Vec<BoundListener>,
    tls: Option<Arc<rustls::ServerConfig>>,
    connections_max: u32,
    state: State,
) -> Result<Server, Error> {
    if listeners.is_empty() {
        return Ok(Server { stop: None, thread: None });
    }
    let failed = |e: std::io::Error| Error::io("cannot start HTTP", &e);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (stop, stopped) = oneshot::channel();
    let service = Service {
        router: pages::router(Arc::new(state)),
        tls: tls.map(TlsAcceptor::from),
        permits: Arc::new(Semaphore::new(connections_max as usize)),
    };
    {
        let _context = runtime.enter();
        for listener in listeners {
            listener.socket.set_nonblocking(true).map_err(failed)?;
            let socket = TcpListener::from_std(listener.socket).map_err(failed)?;
            runtime.spawn(service.clone().accept(listener.kind, socket));
        }
    }
    let run = move || {
        // Either way, `stop` was called or the server was dropped.
        drop(runtime.block_on(stopped));
    };
    let thread = thread::Builder::new().name("http".to_owned()).spawn(run).map_err(failed)?;
    Ok(Server { stop: Some(stop), thread: Some(thread) })
}

impl Server {
    /// Closes every connection and ends the thread.
    pub(crate) fn stop(mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            warn!("the HTTP thread failed");
        }
    }
}

#[derive(Clone)]
struct Service {
    router: axum::Router,
    tls: Option<TlsAcceptor>,
    permits: Arc<Semaphore>,
}

impl Service {
    async fn accept(self, kind: ListenerKind, socket: TcpListener) {
        loop {
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
                return;
            };
            match socket.accept().await {
                Ok((stream, peer)) => {
                    let service = self.clone();
                    tokio::spawn(async move {
                        let served = timeout(CONNECTION_TIMEOUT, service.connection(kind, stream)).await;
                        if let Err(error) = served.unwrap_or_else(|_| Err("took too long".into())) {
                            debug!(%kind, %peer, %error, "connection closed");
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    warn!(%kind, %error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(
        self,
        kind: ListenerKind,
        stream: TcpStream,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        match self.tls.clone().filter(|_| kind.is_tls()) {
            Some(tls) => {
                let stream = timeout(HEAD_TIMEOUT, tls.accept(stream)).await??;
                self.requests(stream).await?;
            }
            None => self.requests(stream).await?,
        }
        Ok(())
    }

    async fn requests(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> hyper::Result<()> {
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(BUFFER_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(self.router))
            .await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{SocketAddr, TcpStream},
        sync::atomic::Ordering,
    };

    use super::*;
    use crate::listen;

    fn serve(connections_max: u32) -> (Server, SocketAddr, Arc<AtomicBool>) {
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = listen::bind(ListenerKind::Http, &address).unwrap();
        let (addr, draining) = (listener.local_addr, Arc::new(AtomicBool::new(false)));
        let state =
            State { draining: Arc::clone(&draining), report: Box::new(Report::default), store: Box::new(|| None) };
        (start(vec![listener], None, connections_max, state).unwrap(), addr, draining)
    }

    fn get(addr: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(addr).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn readiness_follows_the_drain() {
        let (server, addr, draining) = serve(4);
        assert!(get(addr, "/readyz").starts_with("HTTP/1.1 200 OK\r\n"));
        draining.store(true, Ordering::Relaxed);
        let answer = get(addr, "/readyz");
        assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n") && answer.ends_with("\r\n\r\ndraining\n"));
        assert!(get(addr, "/livez").starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(get(addr, "/metrics").contains("\nlmq_draining 1\n"));
        server.stop();
        assert!(TcpStream::connect(addr).is_err());
    }

    #[test]
    fn connections_are_bounded() {
        let (server, addr, _) = serve(1);
        let mut first = TcpStream::connect(addr).unwrap();
        first.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n").unwrap();
        let mut second = TcpStream::connect(addr).unwrap();
        second.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        second.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert!(second.read(&mut [0; 16]).is_err(), "the second waits while the first is open");
        drop(first);
        second.set_read_timeout(None).unwrap();
        let mut answer = String::new();
        second.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
        server.stop();
    }

    #[test]
    fn a_head_that_is_too_large_is_refused() {
        let (server, addr, _) = serve(4);
        let mut stream = TcpStream::connect(addr).unwrap();
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n", "y".repeat(BUFFER_BYTES_MAX));
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{answer}");
        server.stop();
    }
}
