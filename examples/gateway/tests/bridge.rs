//! Plain HTTP on WebSocket ports.

mod common;

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use common::{Gateway, Place, http_get};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

const ANONYMOUS: [&str; 4] = ["--profile", "mqtt", "--allow-anonymous", "--memory"];
const UPGRADE: &str = "GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
const LIVE: &str = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
const LIVE_LAST: &str = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn start(place: &Place, more: &[&str]) -> Gateway {
    place.start(ANONYMOUS.iter().chain(more))
}

/// Everything that comes back for `pieces`, sent with a pause after each.
fn talk(addr: SocketAddr, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        stream.write_all(piece).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    until_end(&mut stream)
}

fn until_end(stream: &mut impl Read) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if !matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => {
            panic!("{error}")
        }
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
}

fn count(answer: &str, part: &str) -> usize {
    answer.matches(part).count()
}

#[test]
fn one_port_serves_websocket_and_http() {
    let place = Place::new();
    let gateway = start(&place, &["--ws", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    let addr = gateway.addr("ws");
    assert!(http_get(addr, "/livez").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(http_get(addr, "/metrics").starts_with("HTTP/1.1 404 Not Found\r\n"), "operators' pages are elsewhere");
    assert!(http_get(addr, "/mqtt").starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
    let mut websocket = TcpStream::connect(addr).unwrap();
    websocket.write_all(UPGRADE.as_bytes()).unwrap();
    let mut answer = [0; 34];
    websocket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101 Switching Protocols\r\n");
    thread::sleep(Duration::from_millis(300));
    let metrics = http_get(gateway.addr("http"), "/metrics");
    assert!(metrics.contains("\nlmq_given_to_http_total 2\n"), "{metrics}");
}

#[test]
fn requests_in_any_pieces() {
    let place = Place::new();
    let gateway = start(&place, &["--ws", "127.0.0.1:0"]);
    let addr = gateway.addr("ws");
    let bytes: Vec<_> = LIVE_LAST.as_bytes().chunks(1).collect();
    assert!(talk(addr, &bytes).starts_with("HTTP/1.1 200 OK\r\n"));
    let pipelined = [LIVE, LIVE, LIVE_LAST].concat();
    assert_eq!(count(&talk(addr, &[pipelined.as_bytes()]), "HTTP/1.1 200 OK\r\n"), 3);
    assert_eq!(count(&talk(addr, &[LIVE.as_bytes(), LIVE_LAST.as_bytes()]), "HTTP/1.1 200 OK\r\n"), 2);
    assert!(talk(addr, &[b"GET /livez HTTP/1.0\r\n\r\n"]).starts_with("HTTP/1.0 200 OK\r\n"));
    let post = b"POST /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";
    assert!(talk(addr, &[post]).starts_with("HTTP/1.1 404 Not Found\r\n"));
}

#[test]
fn what_is_wrong_is_refused_and_nobody_else_is_hurt() {
    let place = Place::new();
    let gateway = start(&place, &["--ws", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"]);
    let addr = gateway.addr("ws");
    let large = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(32 * 1024));
    let answer = talk(addr, &[large.as_bytes()]);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    let many: String = (0..300).map(|at| format!("X-{at}: y\r\n")).collect();
    let answer = talk(addr, &[format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()]);
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    for broken in ["G\0T / HTTP/1.1\r\n\r\n", "GET  / HTTP/9.9\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
    {
        assert!(talk(addr, &[broken.as_bytes()]).starts_with("HTTP/1.1 400 Bad Request\r\n"), "{broken:?}");
    }
    let answer = talk(addr, &[b"\x10\x0c\0\x04MQTT\x04\x02\0<\0\0"]);
    assert!(answer.contains("this port speaks WebSocket"), "MQTT without WebSocket never reaches HTTP: {answer}");
    assert_eq!(common::mqtt_connect(gateway.addr("mqtt"), "still-there", None).1, 0);
    assert!(http_get(addr, "/livez").starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn over_tls() {
    let place = Place::new();
    assert!(place.run(["cert", "--out", "tls"]).status.success());
    let files = ["--tls-cert", "tls/server.pem", "--tls-key", "tls/server.key"];
    let gateway = start(&place, &[&["--wss", "127.0.0.1:0"][..], &files].concat());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(place.path().join("tls/ca.pem")).unwrap()).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let session = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut stream = StreamOwned::new(session, TcpStream::connect(gateway.addr("wss")).unwrap());
        // The end of the first request and the beginning of the second share a record; the rest comes in one of its own.
        let (begin, end) = LIVE_LAST.split_at(20);
        for piece in [&LIVE[..30], &[&LIVE[30..], begin].concat(), end] {
            stream.write_all(piece.as_bytes()).unwrap();
            stream.flush().unwrap();
            thread::sleep(Duration::from_millis(20));
        }
        let answer = until_end(&mut stream);
        assert_eq!(count(&answer, "HTTP/1.1 200 OK\r\n"), 2, "{answer}");
    }
}

#[test]
fn without_tls_only_where_nobody_listens_in_or_when_asked() {
    let place = Place::new();
    let closed = start(&place, &["--ws", "0.0.0.0:0", "--http", "0.0.0.0:0"]);
    let local = |kind| SocketAddr::from(([127, 0, 0, 1], closed.addr(kind).port()));
    assert!(http_get(local("ws"), "/livez").contains("MQTT is at /mqtt"));
    assert!(http_get(local("http"), "/token/apply").starts_with("HTTP/1.1 403 Forbidden\r\n"));
    assert!(http_get(local("http"), "/?Action=ApplyToken").starts_with("HTTP/1.1 403 Forbidden\r\n"));
    assert!(http_get(local("http"), "/metrics").starts_with("HTTP/1.1 200 OK\r\n"));
    let open = start(&place, &["--ws", "0.0.0.0:0", "--open-http"]);
    let addr = SocketAddr::from(([127, 0, 0, 1], open.addr("ws").port()));
    assert!(http_get(addr, "/livez").starts_with("HTTP/1.1 200 OK\r\n"));
}

/// What comes back for `sent` when nothing follows, and after how long.
fn left_waiting(addr: SocketAddr, sent: &str) -> (String, Duration) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(sent.as_bytes()).unwrap();
    let start = Instant::now();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    (until_end(&mut stream), start.elapsed())
}

#[test]
fn nobody_is_waited_for_long() {
    let place = Place::new();
    let gateway = start(&place, &["--ws", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    let (ws, http) = (gateway.addr("ws"), gateway.addr("http"));
    let body = "POST /token/apply HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\nabc";
    let slow = [(ws, "GET /livez HTT"), (http, "GET /livez HTT"), (ws, body), (http, body), (ws, LIVE)];
    let waiting = slow.map(|(addr, sent)| thread::spawn(move || left_waiting(addr, sent)));
    // Meanwhile others are served.
    assert!(http_get(ws, "/livez").starts_with("HTTP/1.1 200 OK\r\n"));
    let [head, other_head, body, other_body, idle] = waiting.map(|thread| thread.join().unwrap());
    for (answer, time) in [&head, &other_head, &body, &other_body, &idle] {
        assert!((8..20).contains(&time.as_secs()), "{time:?}: {answer}");
    }
    for (answer, _) in [&body, &other_body] {
        assert!(answer.contains("\"code\":400"), "{answer}");
    }
    assert_eq!(count(&idle.0, "HTTP/1.1 200 OK\r\n"), 1);
}
