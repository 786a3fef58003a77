//! What a gateway still knows after it was killed.

mod common;

use std::time::Duration;

use common::{
    Gateway, Place, http_get,
    mqtt::{Client, is_timeout},
};
use lmq_codec::{Packet, PacketId, QoS};
use rustix::process::Signal;

const SERVE: [&str; 7] = ["--profile", "mqtt", "--allow-anonymous", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"];

fn start(place: &Place, threads: &str) -> Gateway {
    place.start(SERVE.iter().chain(&["--threads", threads]))
}

fn kill(gateway: Gateway) {
    assert!(!gateway.stop_with(Signal::KILL).0.success());
}

/// Publishes with QoS 1 and waits for the acknowledgement.
fn publish(client: &mut Client, topic: &str, payload: &str) {
    client.publish(topic, payload.as_bytes(), QoS::AtLeastOnce, 7, false).unwrap();
    let packet = client.receive().unwrap();
    assert!(matches!(packet.packet(), Packet::PubAck(_)), "{:?}", packet.packet());
}

/// The next message, acknowledged.
fn message(client: &mut Client) -> String {
    let packet = client.receive().unwrap();
    let Packet::Publish(publish) = packet.packet() else { panic!("{:?}", packet.packet()) };
    client.puback(publish.delivery.packet_id().unwrap()).unwrap();
    String::from_utf8(publish.payload.to_vec()).unwrap()
}

fn is_quiet(client: &mut Client) -> bool {
    client.patience(Duration::from_millis(300)).unwrap();
    client.receive().is_err_and(|error| is_timeout(&error))
}

#[test]
fn a_session_and_what_waits_for_it_survive_sigkill_on_any_number_of_threads() {
    let place = Place::new();
    let mut gateway = start(&place, "1");
    let mut subscriber = Client::keep(gateway.addr("mqtt"), "s").unwrap();
    assert!(!subscriber.present);
    subscriber.subscribe("t/+", QoS::AtLeastOnce).unwrap();
    drop(subscriber);
    for threads in ["2", "3", "1"] {
        let mut publisher = Client::clean(gateway.addr("mqtt"), "p").unwrap();
        let sent: Vec<_> = (0..200).map(|at| format!("{threads}/{at}")).collect();
        sent.iter().for_each(|payload| publish(&mut publisher, "t/a", payload));
        kill(gateway);
        gateway = start(&place, threads);
        let mut subscriber = Client::keep(gateway.addr("mqtt"), "s").unwrap();
        assert!(subscriber.present);
        let received: Vec<_> = (0..200).map(|_| message(&mut subscriber)).collect();
        assert_eq!(received, sent);
        // What was acknowledged is not sent again. The acknowledgements need no answer, so this one waits for its own.
        assert!(is_quiet(&mut subscriber));
    }
    assert!(http_get(gateway.addr("http"), "/metrics").contains("\nlmq_store_failing 0\n"));
}

#[test]
fn retained_messages_and_ended_sessions_are_as_they_were() {
    let place = Place::new();
    let gateway = start(&place, "2");
    let addr = gateway.addr("mqtt");
    let mut gone = Client::keep(addr, "gone").unwrap();
    gone.subscribe("t", QoS::AtLeastOnce).unwrap();
    drop(gone);
    let mut clean = Client::clean(addr, "gone").unwrap();
    assert!(!clean.present);
    clean.retain("kept", b"for later", PacketId::MIN).unwrap();
    assert!(matches!(clean.receive().unwrap().packet(), Packet::PubAck(_)));
    kill(gateway);
    let gateway = start(&place, "3");
    let addr = gateway.addr("mqtt");
    assert!(!Client::keep(addr, "gone").unwrap().present);
    let mut subscriber = Client::clean(addr, "s").unwrap();
    subscriber.subscribe("kept", QoS::AtLeastOnce).unwrap();
    assert_eq!(message(&mut subscriber), "for later");
}

#[test]
fn a_second_gateway_does_not_get_the_folder() {
    let place = Place::new();
    let _first = start(&place, "1");
    place.refused(SERVE, "./lmq-data is in use by another gateway; give each its own --data");
}
