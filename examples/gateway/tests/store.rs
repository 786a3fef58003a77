//! `gateway store`, on the folder of a gateway that was killed.

mod common;

use std::fs;

use common::{Gateway, Place, mqtt::Client, text};
use lmq_codec::{Packet, PacketId, QoS};
use rustix::process::Signal;

const SERVE: [&str; 7] = ["--profile", "mqtt", "--allow-anonymous", "--mqtt", "127.0.0.1:0", "--threads", "2"];

fn publish(client: &mut Client, topic: &str, payload: &[u8]) {
    client.publish(topic, payload, QoS::AtLeastOnce, 7, false).unwrap();
    assert!(matches!(client.receive().unwrap().packet(), Packet::PubAck(_)));
}

/// Three sessions, two of one group; each waits for 20 messages of `a/1` and 20 of `a/2`. One message is retained.
fn filled(place: &Place) {
    let gateway = place.start(SERVE);
    let addr = gateway.addr("mqtt");
    for client in ["GID_x@@@1", "GID_x@@@2", "GID_xy@@@1"] {
        Client::keep(addr, client).unwrap().subscribe("a/+", QoS::AtLeastOnce).unwrap();
    }
    let mut publisher = Client::clean(addr, "p").unwrap();
    for _ in 0..20 {
        publish(&mut publisher, "a/1", &[b'1'; 5000]);
        publish(&mut publisher, "a/2", b"two");
    }
    publisher.retain("kept", b"for later", PacketId::MIN).unwrap();
    assert!(matches!(publisher.receive().unwrap().packet(), Packet::PubAck(_)));
    kill(gateway);
}

fn kill(gateway: Gateway) {
    assert!(!gateway.stop_with(Signal::KILL).0.success());
}

fn store(place: &Place, args: &[&str]) -> String {
    let output = place.run(["store"].iter().chain(args));
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[test]
fn what_is_there_is_counted_checked_and_exported() {
    let place = Place::new();
    filled(&place);
    let check = store(&place, &["check"]);
    assert!(check.starts_with("lmq-data/store.redb: ") && check.ends_with(" rows, no problem found\n"), "{check}");
    let stats = store(&place, &["stats", "--data", "lmq-data"]);
    for line in [
        "sessions      3",
        "subscriptions 3",
        "waiting       40 messages in 120 places of queues",
        "retained      1",
        "instance      (none): 3 sessions, 120 places",
    ] {
        assert!(stats.lines().any(|found| found == line), "{line} is not in\n{stats}");
    }
    let export = store(&place, &["export"]);
    let of_kind = |kind: &str| export.lines().filter(|line| line.starts_with(&format!("{{\"{kind}\":"))).count();
    assert_eq!((of_kind("session"), of_kind("message"), of_kind("retained")), (3, 120, 1));
    assert!(export.contains("\"payload\":\"dHdv\"") && export.contains("\"topic\":\"kept\""));
}

#[test]
fn what_is_purged_is_gone_and_its_room_is_given_back() {
    let place = Place::new();
    filled(&place);
    assert_eq!(store(&place, &["purge", "--topic", "a/1"]), "60 waiting messages and 0 retained messages removed\n");
    assert_eq!(store(&place, &["purge", "--topic", "kept/#"]), "0 waiting messages and 1 retained messages removed\n");
    assert_eq!(store(&place, &["purge", "--group", "GID_x"]), "2 sessions removed\n");
    assert_eq!(store(&place, &["purge", "--client", "GID_x@@@1"]), "0 sessions removed\n");
    let stats = store(&place, &["stats"]);
    assert!(stats.contains("waiting       20 messages in 20 places of queues\n"), "{stats}");
    let bytes = || fs::metadata(place.path().join("lmq-data/store.redb")).unwrap().len();
    let before = bytes();
    store(&place, &["compact"]);
    assert!(bytes() < before, "{before} bytes became {}", bytes());
    store(&place, &["check"]);
    let gateway = place.start(SERVE);
    let mut client = Client::keep(gateway.addr("mqtt"), "GID_xy@@@1").unwrap();
    assert!(client.present && !Client::keep(gateway.addr("mqtt"), "GID_x@@@1").unwrap().present);
    for _ in 0..20 {
        let packet = client.receive().unwrap();
        let Packet::Publish(publish) = packet.packet() else { panic!("{:?}", packet.packet()) };
        assert_eq!(publish.payload, b"two");
    }
}

#[test]
fn damage_is_found() {
    let place = Place::new();
    filled(&place);
    store(&place, &["stats"]);
    let path = place.path().join("lmq-data/store.redb");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(5000).position(|window| window == [b'1'; 5000]).unwrap();
    bytes[at + 100] = b'2';
    fs::write(&path, bytes).unwrap();
    let output = place.run(["store", "check"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    assert!(text(&output.stderr).starts_with("gateway: lmq-data/store.redb: "), "{}", text(&output.stderr));
}

#[test]
fn a_folder_that_is_in_use_or_has_no_store_is_refused() {
    let place = Place::new();
    place.refused(["store", "stats"], "cannot open lmq-data/store.redb: no such file or directory");
    let _gateway = place.start(SERVE);
    place.refused(["store", "check"], "lmq-data/store.redb: it is in use by another process");
    let output = place.run(["store", "purge"]);
    assert_eq!(output.status.code(), Some(2));
}
