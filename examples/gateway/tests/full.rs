//! A disk that takes nothing more, and later does again: made by the limit of the size of files, which needs no privilege.

mod common;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use common::{
    Gateway, Place, http_get,
    mqtt::{Client, is_timeout},
};
use lmq_codec::{Packet, QoS, ReasonCode, Version};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

const SERVE: [&str; 9] =
    ["--profile", "mqtt", "--allow-anonymous", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--threads", "2"];

fn limit_files(gateway: &Gateway, bytes: Option<u64>) {
    let pid = Pid::from_raw(gateway.id() as i32).unwrap();
    let maximum = getrlimit(Resource::Fsize).maximum;
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes, maximum }).unwrap();
}

/// Whether the message was acknowledged; else how the connection ended.
fn publish(client: &mut Client, payload: &[u8]) -> Result<(), Option<ReasonCode>> {
    client.publish("t", payload, QoS::AtLeastOnce, 7, false).map_err(|_| None)?;
    match client.receive() {
        Ok(packet) => match packet.packet() {
            Packet::PubAck(_) => Ok(()),
            Packet::Disconnect(disconnect) => Err(Some(disconnect.reason)),
            other => panic!("{other:?}"),
        },
        Err(error) if is_timeout(&error) => panic!("no answer"),
        Err(_) => Err(None),
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn publishers_are_refused_others_served_and_all_is_well_when_there_is_room() {
    let place = Place::new();
    let gateway = place.start(SERVE);
    let (addr, http) = (gateway.addr("mqtt"), gateway.addr("http"));
    let ready = || http_get(http, "/readyz");
    Client::keep(addr, "s").unwrap().subscribe("t", QoS::AtLeastOnce).unwrap();
    let mut publisher = Client::connect(addr, "p", Version::V5_0, true).unwrap();
    let mut kept = 0;
    let payload = |kept: u32| [kept.to_be_bytes().to_vec(), vec![b'x'; 20_000]].concat();
    for _ in 0..10 {
        assert_eq!(publish(&mut publisher, &payload(kept)), Ok(()));
        kept += 1;
    }
    limit_files(&gateway, Some(fs::metadata(place.path().join("lmq-data/store.redb")).unwrap().len()));
    let refused = loop {
        match publish(&mut publisher, &payload(kept)) {
            Ok(()) => kept += 1,
            Err(reason) => break reason,
        }
        assert!(kept < 10_000, "the file must have grown");
    };
    // MQTT 5.0 is told why; MQTT 3.1.1 has no words for it.
    assert_eq!(refused, Some(ReasonCode::ServerBusy));
    until("not ready", || ready().starts_with("HTTP/1.1 503 ") && ready().contains("the store fails: no room"));
    let mut old = Client::clean(addr, "old").unwrap();
    assert_eq!(publish(&mut old, &payload(kept)), Err(None));

    // What needs no disk is served.
    let mut live = Client::clean(addr, "live").unwrap();
    live.subscribe("other", QoS::AtLeastOnce).unwrap();
    live.publish("other", b"still here", QoS::AtLeastOnce, 9, false).unwrap();
    let answers = [live.receive().unwrap(), live.receive().unwrap()];
    assert!(answers.iter().any(|packet| matches!(packet.packet(), Packet::PubAck(_))));
    assert!(answers.iter().any(|packet| matches!(packet.packet(), Packet::Publish(_))));

    limit_files(&gateway, None);
    until("ready again", || ready().starts_with("HTTP/1.1 200 "));
    let mut publisher = Client::connect(addr, "p", Version::V5_0, true).unwrap();
    assert_eq!(publish(&mut publisher, &payload(kept)), Ok(()));
    kept += 1;
    let mut subscriber = Client::keep(addr, "s").unwrap();
    for number in 0..kept {
        let packet = subscriber.receive().unwrap();
        let Packet::Publish(publish) = packet.packet() else { panic!("{:?}", packet.packet()) };
        assert_eq!(publish.payload, payload(number), "all that was acknowledged, and nothing else");
        subscriber.puback(publish.delivery.packet_id().unwrap()).unwrap();
    }
}
