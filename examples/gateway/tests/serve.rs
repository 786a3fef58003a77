//! A gateway from start to stop.

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use common::{Gateway, Place, http_get, mqtt_connect, mqtt_publish, text};
use rustix::process::Signal;

const ANONYMOUS: [&str; 4] = ["--profile", "mqtt", "--allow-anonymous", "--memory"];

#[test]
fn picked_ports_are_printed_and_open() {
    let place = Place::new();
    let ports = ["--mqtt", "127.0.0.1:0", "--ws", "[::1]:0", "--http", "localhost:0"];
    let gateway = place.start(ANONYMOUS.iter().chain(&ports));
    for kind in ["mqtt", "ws", "http"] {
        let addr = gateway.addr(kind);
        assert!(addr.port() != 0 && addr.ip().is_loopback(), "{addr}");
        TcpStream::connect(addr).unwrap();
    }
    let addr = gateway.addr("mqtt");
    let (status, stdout, _) = gateway.stop();
    assert_eq!(status.code(), Some(0));
    let place = format!("-h 127.0.0.1 -p {}", addr.port());
    assert_eq!(
        stdout,
        format!(
            "\nReceive, in one terminal:\n  mosquitto_sub {place} -V mqttv311 -q 1 -v -t 'TopicA/#'\n\
             Send, in another:\n  mosquitto_pub {place} -V mqttv311 -q 1 -t TopicA/notice -m hello\n\
             \nAdmin API: off; give LMQ_ADMIN_TOKEN or --admin-token-file to turn it on\n"
        )
    );
}

#[test]
fn tls_listeners() {
    let place = Place::new();
    assert!(place.run(["cert", "--out", "tls"]).status.success());
    let tls = ["--tls-cert", "tls/server.pem", "--tls-key", "tls/server.key"];
    let ports = ["--mqtts", "127.0.0.1:0", "--wss", "127.0.0.1:0", "--https", "127.0.0.1:0"];
    let gateway = place.start(ANONYMOUS.iter().chain(&ports).chain(&tls));
    let kinds: Vec<_> = gateway.listening.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["mqtts", "wss", "https"]);
}

#[test]
fn both_signals_stop_it_quietly() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = Place::new();
        let start = Instant::now();
        let gateway = place.start(ANONYMOUS.iter().chain(&["--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"]));
        let (status, _, stderr) = gateway.stop_with(signal);
        assert_eq!(status.code(), Some(0), "{stderr}");
        assert!(stderr.contains("draining") && stderr.trim_end().ends_with("stopped"), "{stderr}");
        assert!(start.elapsed().as_secs() < 5, "nobody was connected, so nobody is waited for");
    }
}

#[test]
fn pages() {
    let place = Place::new();
    let gateway = place.start(ANONYMOUS.iter().chain(&["--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"]));
    let addr = gateway.addr("http");
    let ok = |path: &str| {
        let answer = http_get(addr, path);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    assert_eq!(ok("/livez"), "ok\n");
    assert_eq!(ok("/readyz"), "ready\n");
    assert!(ok("/").starts_with("lmq gateway"));
    let metrics = ok("/metrics");
    assert!(metrics.contains("\nlmq_connections 0\n") && metrics.contains("\nlmq_draining 0\n"), "{metrics}");
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("lmq_") && value.parse::<u64>().is_ok(), "{line}");
    }
    assert!(http_get(addr, "/nothing").starts_with("HTTP/1.1 404 Not Found\r\n"));
}

#[test]
fn logs_as_json() {
    let place = Place::new();
    let gateway = place.start(ANONYMOUS.iter().chain(&["--mqtt", "127.0.0.1:0", "--log-format", "json"]));
    let (_, _, stderr) = gateway.stop();
    for line in stderr.lines() {
        assert!(line.starts_with("{\"timestamp\":\"") && line.ends_with('}'), "{line}");
    }
    assert!(stderr.contains("\"message\":\"started\",\"version\":\"0.1.0\""), "{stderr}");
}

#[test]
fn logs_can_be_off() {
    let place = Place::new();
    let gateway = place.start(ANONYMOUS.iter().chain(&["--mqtt", "127.0.0.1:0", "--log-level", "off"]));
    assert_eq!(gateway.stop().2, "");
}

#[test]
fn a_second_gateway_finds_the_port_taken() {
    let place = Place::new();
    let gateway: Gateway = place.start(ANONYMOUS.iter().chain(&["--mqtt", "127.0.0.1:0"]));
    let addr = gateway.addr("mqtt").to_string();
    let second = place.run(ANONYMOUS.iter().chain(&["--mqtt", &addr]));
    assert_eq!(text(&second.stderr), format!("gateway: cannot listen on mqtt {addr}: address already in use\n"));
    assert_eq!(second.status.code(), Some(2));
}

#[test]
fn connected_clients_are_closed_on_the_way_down() {
    let place = Place::new();
    let gateway = place.start(ANONYMOUS.iter().chain(&["--mqtt", "127.0.0.1:0"]));
    let (mut client, code) = mqtt_connect(gateway.addr("mqtt"), "a", None);
    assert_eq!(code, 0);
    let start = Instant::now();
    gateway.signal(Signal::TERM);
    assert_eq!(client.read(&mut [0; 16]).unwrap(), 0, "closed without a reset");
    drop(client);
    let (status, _, stderr) = gateway.ended();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(start.elapsed().as_secs() < 5, "the grace is not used up");
}

#[test]
fn a_drain_that_takes_long() {
    let place = Place::new();
    place.file("gateway.toml", "[limits]\ndrain-grace = \"60s\"\nlinger = \"60s\"\nqueue-bytes-max = \"64MiB\"\n");
    let ports = ["--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--config", "gateway.toml"];
    let gateway = place.start(ANONYMOUS.iter().chain(&ports));
    let (mut subscriber, _) = mqtt_connect(gateway.addr("mqtt"), "subscriber", None);
    subscriber.write_all(&[0x82, 6, 0, 1, 0, 1, b'#', 0]).unwrap();
    subscriber.read_exact(&mut [0; 5]).unwrap();
    // More than the buffers of both sockets take: the subscriber reads no more.
    let (mut publisher, _) = mqtt_connect(gateway.addr("mqtt"), "publisher", None);
    let message = mqtt_publish("a", &vec![0; 1 << 20]);
    for _ in 0..32 {
        publisher.write_all(&message).unwrap();
    }
    let http = gateway.addr("http");
    let metrics = |line: &str| http_get(http, "/metrics").lines().any(|found| found == line);
    wait_until(|| metrics("lmq_received_total{qos=\"0\"} 32"));
    assert!(http_get(http, "/readyz").starts_with("HTTP/1.1 200 "));

    gateway.signal(Signal::TERM);
    wait_until(|| http_get(http, "/readyz").starts_with("HTTP/1.1 503 "));
    assert!(metrics("lmq_draining 1"));

    let (status, _, stderr) = gateway.stop();
    assert_eq!(status.code(), Some(143), "a second signal ends it at once: {stderr}");
}

fn wait_until(what: impl Fn() -> bool) {
    while !what() {
        thread::sleep(Duration::from_millis(10));
    }
}
