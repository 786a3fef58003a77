//! CONNECT, CONNACK, and everything that is refused before or instead of it.

use std::time::Duration;

use lmq_broker::{Refusal, Verdict};

use crate::common::{Connect, PINGREQ, World, hex, lmq, mqtt, packet, publish};

#[test]
fn the_first_connack_accepts_and_says_that_no_session_was_there() {
    let mut world = World::new(mqtt(1));
    world.open("a");
    // [MQTT-3.2.0-1] [MQTT-3.2.2-1]
    world.send("a", hex("10 0d 0004 4d515454 04 02 0000 0001 61"));
    assert_eq!(world.transcript("a"), hex("20 02 00 00"));
    world.expect(["a: CONNACK 0"]);
}

#[test]
fn an_unknown_protocol_level_is_refused_with_code_1() {
    let mut world = World::new(mqtt(1));
    // [MQTT-3.1.2-2]
    world.connect_with("a", &Connect::new("a").level(6));
    assert_eq!(world.transcript("a"), hex("20 02 00 01"));
    world.expect(["a: CONNACK 1", "a: closed malformed"]);
    world.connect_with("b", &Connect::new("b").level(5));
    world.expect(["b: CONNACK 1", "b: closed refused"]);
}
