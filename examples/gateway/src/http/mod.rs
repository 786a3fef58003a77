//! HTTP, on a thread of its own so that it never delays a message.
//!
//! For operators, on `http` and `admin-https`:
//!
//! | path | answer |
//! |---|---|
//! | `/` | what is here |
//! | `/livez` | 200 while the process runs |
//! | `/readyz` | 200 while clients may come, 503 while draining and while the store fails |
//! | `/metrics` | counters in the text format of Prometheus |
//! | `/admin/v1/...` | the [admin API](admin), where it may be |
//!
//! For clients and application servers ([`public`]), on `https`, on WebSocket ports, and on `http` if it is on loopback or that was asked
//! for: the product's services.

pub(crate) mod admin;
mod counters;
mod metrics;
mod pages;
mod public;
mod server;

use std::{
    sync::{Arc, atomic::AtomicBool},
    thread::{self, JoinHandle},
};

use tokio::{
    net::TcpListener,
    runtime,
    sync::{mpsc::Receiver, oneshot},
};
use tracing::warn;

use metrics::Page;
use server::{Accept, Routers};

use crate::{
    error::Error,
    listen::{BoundListener, is_loopback},
    net::{Report, Visitor},
    store::Health,
};

/// Connections that speak HTTP on WebSocket ports and wait for this thread; one more is answered 503.
pub(crate) const VISITORS_MAX: usize = 64;

/// What the pages show.
pub(crate) struct State {
    /// Clients are being sent away.
    pub(crate) draining: Arc<AtomicBool>,
    /// What the message path has counted.
    pub(crate) report: Box<dyn Fn() -> Report + Send + Sync>,
    /// How the store does; `None` if there is none.
    pub(crate) store: Box<dyn Fn() -> Option<Health> + Send + Sync>,
}

/// The admin API, and where it is.
pub(crate) struct Admin {
    pub(crate) access: admin::Access,
    /// Also on listeners that other machines reach.
    pub(crate) remote: bool,
}

/// The running HTTP thread.
pub(crate) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How connections are served.
pub(crate) struct Options {
    /// There if a listener needs it.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// Connections on the operators' listeners, and on all others, at a time.
    pub(crate) connections_max: u32,
    /// [`Config::open_http`](crate::config::Config::open_http).
    pub(crate) open_http: bool,
    /// Instances have parent topics: [`ProfileName::Lmq`](crate::config::ProfileName::Lmq).
    pub(crate) parent_topics: bool,
}

/// Serves `listeners`, all of kinds that are HTTP, and the connections that come through `visitors`.
pub(crate) fn start(
    options: Options,
    listeners: Vec<BoundListener>,
    visitors: Receiver<Visitor>,
    state: State,
    admin: Admin,
) -> Result<Server, Error> {
    let failed = |e: std::io::Error| Error::io("cannot start HTTP", &e);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (stop, stopped) = oneshot::channel();
    let services = Arc::new(public::Services::new(
        admin.access.registry.clone(),
        admin.access.tokens.clone(),
        options.parent_topics,
    ));
    let pages = pages::router(Arc::new(state));
    let with_admin = pages.clone().nest("/admin/v1", admin::router(Arc::new(admin.access)));
    let routers = Routers { public: public::router(services), operators: pages, with_admin };
    let accept = Accept::new(options.tls, options.connections_max);
    {
        let _context = runtime.enter();
        for listener in listeners {
            listener.socket.set_nonblocking(true).map_err(failed)?;
            let may_admin = admin.remote || is_loopback(listener.local_addr);
            let service = accept.service(listener.kind, routers.of(&listener, options.open_http, may_admin));
            let socket = TcpListener::from_std(listener.socket).map_err(failed)?;
            runtime.spawn(service.accept(socket));
        }
        runtime.spawn(accept.visits(routers.public.clone(), visitors));
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

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{SocketAddr, TcpStream},
        sync::atomic::Ordering,
        time::Duration,
    };

    use super::{server::BUFFER_BYTES_MAX, *};
    use crate::{
        listen::{self, ListenerKind},
        registry::Registry,
        tokens::Tokens,
    };

    fn serve(connections_max: u32) -> (Server, SocketAddr, Arc<AtomicBool>) {
        let (_, visitors) = tokio::sync::mpsc::channel(1);
        let options = Options { tls: None, connections_max, open_http: false, parent_topics: true };
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = listen::bind(ListenerKind::Http, &address).unwrap();
        let (addr, draining) = (listener.local_addr, Arc::new(AtomicBool::new(false)));
        let state =
            State { draining: Arc::clone(&draining), report: Box::new(Report::default), store: Box::new(|| None) };
        let registry = Arc::new(Registry::open(&[], true, None).unwrap());
        let tokens = Arc::new(Tokens::open(None, 0).unwrap());
        let admin = Admin { access: admin::Access { token: None, registry, tokens }, remote: false };
        (start(options, vec![listener], visitors, state, admin).unwrap(), addr, draining)
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
