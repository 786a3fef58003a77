//! What operators see of quotas, and what clients do.

mod common;

use std::{
    io::Read,
    thread,
    time::{Duration, Instant},
};

use common::{Place, http_get, mqtt_connect};

/// One instance with two places, one of them in `mode`.
fn config(mode: &str) -> String {
    format!(
        "profile = \"mqtt\"\nthreads = 2\nallow-anonymous = true\n[data]\nmemory = true\n\
         [listeners]\nmqtt = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n[[instance]]\nid = \"mqtt-cn-a\"\n\
         [instance.quota]\nconnections-max = 2\nconnections-mode = \"{mode}\"\n"
    )
}

/// The return code of a third client, what the metrics say of it, and the log.
fn third_client(mode: &str) -> (u8, u64, String) {
    let place = Place::new();
    place.file("gateway.toml", &config(mode));
    let gateway = place.start(["--config", "gateway.toml"]);
    let (mqtt, http) = (gateway.addr("mqtt"), gateway.addr("http"));
    let clients = ["a", "b"].map(|id| mqtt_connect(mqtt, id, None));
    assert_eq!([clients[0].1, clients[1].1], [0, 0]);
    // A thread learns of the other one's clients a moment late.
    thread::sleep(Duration::from_millis(200));
    let (mut third, code) = mqtt_connect(mqtt, "c", None);
    if code != 0 {
        assert_eq!(third.read(&mut [0; 16]).unwrap(), 0);
    }
    let counted = counted(http);
    drop((clients, third));
    let (_, _, log) = gateway.stop();
    (code, counted, log)
}

/// What the page says within a moment, for it is made anew ten times a second.
fn counted(http: std::net::SocketAddr) -> u64 {
    let start = Instant::now();
    loop {
        let page = http_get(http, "/metrics");
        let sample = "lmq_quota_exceeded_total{instance=\"mqtt-cn-a\",resource=\"connections\"} ";
        let found = page.lines().find_map(|line| line.strip_prefix(sample)).map(|value| value.parse().unwrap());
        if found.is_some() || start.elapsed() > Duration::from_secs(5) {
            return found.unwrap_or(0);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_enforced_quota_refuses_and_says_so() {
    let (code, counted, log) = third_client("enforce");
    assert_eq!((code, counted), (3, 1));
    assert_eq!(log.matches("an instance uses more than its quota").count(), 1, "{log}");
    assert!(log.contains("instance=\"mqtt-cn-a\" resource=\"connections\" used=3 max=2"), "{log}");
}

#[test]
fn a_quota_with_alarm_only_says_so_and_refuses_nobody() {
    let (code, counted, log) = third_client("alarm-only");
    assert_eq!((code, counted), (0, 1));
    assert_eq!(log.matches("an instance uses more than its quota").count(), 1, "{log}");
}
