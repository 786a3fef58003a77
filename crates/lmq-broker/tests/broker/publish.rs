//! A message from one client to another, at every QoS, in both directions.

use crate::common::{
    World, hex, lmq, mqtt, puback, pubcomp, publish, publish_again, publish_flags, pubrec, pubrel, subscribe,
};

fn pair(qos: u8) -> World {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect("s");
    world.subscribe("s", "t", qos);
    world
}

#[test]
fn qos_0_arrives_byte_for_byte_and_is_not_answered() {
    let mut world = pair(0);
    world.send("p", hex("30 08 0001 74 68656c6c6f"));
    let received = world.transcript("s");
    assert_eq!(received[received.len() - 10..], hex("30 08 0001 74 68656c6c6f"));
    world.expect(["s: q0 t hello"]);
}

#[test]
fn qos_1_arrives_with_an_id_of_the_receivers_own_and_is_acknowledged() {
    let mut world = pair(1);
    // [MQTT-3.3.4-1] [MQTT-2.3.1-6]
    world.send("p", publish("t", "a", 1, 500));
    world.expect(["p: PUBACK 500", "s: q1 #1 t a"]);
    world.send("s", puback(1));
    assert_eq!(world.session("s").unwrap().inflight, 0);
    world.send("p", publish("t", "b", 1, 500));
    world.expect(["p: PUBACK 500", "s: q1 #2 t b"]);
}

#[test]
fn qos_2_goes_through_all_four_steps_on_both_sides() {
    let mut world = pair(2);
    // [MQTT-4.3.3-1] [MQTT-4.3.3-2]
    world.send("p", publish("t", "a", 2, 9));
    world.expect(["p: PUBREC 9", "s: q2 #1 t a"]);
    world.send("p", pubrel(9));
    world.expect(["p: PUBCOMP 9"]);
    world.send("s", pubrec(1));
    world.expect(["s: PUBREL 1"]);
    world.send("s", pubcomp(1));
    world.expect_nothing();
    assert_eq!(world.session("s").unwrap().inflight, 0);
}

#[test]
fn a_message_is_sent_with_the_lower_of_its_own_and_the_granted_qos() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    for (name, qos) in [("s0", 0), ("s1", 1), ("s2", 2)] {
        world.connect(name);
        world.subscribe(name, "t", qos);
    }
    // [MQTT-3.8.4-6]
    world.send("p", publish("t", "a", 0, 0));
    world.expect(["s0: q0 t a", "s1: q0 t a", "s2: q0 t a"]);
    world.send("p", publish("t", "b", 1, 1));
    world.expect(["p: PUBACK 1", "s0: q0 t b", "s1: q1 #1 t b", "s2: q1 #1 t b"]);
    world.send("p", publish("t", "c", 2, 1));
    world.expect(["p: PUBREC 1", "s0: q0 t c", "s1: q1 #2 t c", "s2: q2 #2 t c"]);
}

#[test]
fn a_publisher_gets_its_own_message_if_it_subscribes() {
    let mut world = World::new(mqtt(1));
    world.connect("a");
    world.subscribe("a", "t", 1);
    world.send("a", publish("t", "self", 1, 3));
    world.expect(["a: q1 #1 t self", "a: PUBACK 3"]);
}

#[test]
fn qos_1_sent_again_is_delivered_again() {
    let mut world = pair(1);
    world.send("p", publish("t", "a", 1, 1));
    world.expect(["p: PUBACK 1", "s: q1 #1 t a"]);
    // [MQTT-3.3.1-3]: the DUP flag of the publisher does not travel.
    world.send("p", publish_again("t", "a", 1, 1));
    world.expect(["p: PUBACK 1", "s: q1 #2 t a"]);
}

#[test]
fn qos_2_sent_again_before_its_pubrel_is_delivered_once() {
    let mut world = pair(2);
    world.send("p", publish("t", "a", 2, 9));
    world.expect(["p: PUBREC 9", "s: q2 #1 t a"]);
    world.send("p", publish_again("t", "a", 2, 9));
    world.expect(["p: PUBREC 9"]);
    world.send("p", publish("t", "a", 2, 9));
    world.expect(["p: PUBREC 9"]);
    world.send("p", pubrel(9));
    world.expect(["p: PUBCOMP 9"]);
    // [MQTT-4.3.3-2]: behind PUBREL the id names a new message.
    world.send("p", publish("t", "b", 2, 9));
    world.expect(["p: PUBREC 9", "s: q2 #2 t b"]);
}

#[test]
fn a_pubrel_of_an_unknown_id_is_answered() {
    let mut world = World::new(mqtt(1));
    world.connect("a");
    world.send("a", pubrel(77));
    world.expect(["a: PUBCOMP 77"]);
    world.send("a", pubrel(77));
    world.expect(["a: PUBCOMP 77"]);
}

#[test]
fn acknowledgements_that_nobody_waits_for_change_nothing() {
    let mut world = pair(2);
    world.send("s", [puback(1), pubcomp(1)].concat());
    world.expect_nothing();
    world.send("p", publish("t", "a", 2, 9));
    world.expect(["p: PUBREC 9", "s: q2 #1 t a"]);
    // Of the wrong kind: a QoS 2 exchange is not ended by PUBACK, nor by PUBCOMP before PUBREC.
    world.send("s", [puback(1), pubcomp(1)].concat());
    world.expect_nothing();
    assert_eq!(world.session("s").unwrap().inflight, 1);
    world.send("s", pubrec(1));
    world.expect(["s: PUBREL 1"]);
    // [MQTT-4.3.3-1]: PUBREC again is answered again.
    world.send("s", pubrec(1));
    world.expect(["s: PUBREL 1"]);
    world.send("s", pubcomp(1));
    assert_eq!(world.session("s").unwrap().inflight, 0);
}

#[test]
fn ids_in_use_are_not_given_to_another_message() {
    let mut settings = mqtt(1);
    settings.limits.inflight_max = 3;
    let mut world = World::new(settings);
    world.connect("p");
    world.connect("s");
    world.subscribe("s", "t", 1);
    world.send("p", publish("t", "stays", 1, 1));
    world.expect(["p: PUBACK 1", "s: q1 #1 t stays"]);
    // [MQTT-2.3.1-4]: 65,534 other messages, then id 1 would be next.
    for id in 2..=u16::MAX {
        world.send("p", publish("t", "x", 1, 1));
        world.take_log();
        world.send("s", puback(id));
    }
    world.send("p", publish("t", "y", 1, 1));
    world.expect(["p: PUBACK 1", "s: q1 #2 t y"]);
}

#[test]
fn messages_of_one_publisher_arrive_in_their_order() {
    let mut world = pair(1);
    // [MQTT-4.6.0-6]
    let bytes: Vec<u8> = (1..=20).flat_map(|n| publish("t", format!("m{n}"), 1, n)).collect();
    world.send("p", bytes);
    let acks = (1..=20).map(|n| format!("p: PUBACK {n}"));
    let messages = (1..=20).map(|n| format!("s: q1 #{n} t m{n}"));
    assert_eq!(world.take_log(), acks.chain(messages).collect::<Vec<_>>());
}

#[test]
fn an_empty_payload_and_a_large_one_arrive_whole() {
    let mut world = pair(1);
    world.send("p", publish("t", "", 0, 0));
    world.expect(["s: q0 t "]);
    for size in [127, 128, 4095, 4096, 4097, 70_000, 3_000_000] {
        let payload: Vec<u8> = (0..size).map(|at| (at * 31 + at / 251) as u8).collect();
        world.send("p", publish("t", &payload, 0, 0));
        world.expect([format!("s: q0 t {size} bytes")]);
        assert!(world.transcript("s").ends_with(&payload), "{size}");
    }
}

#[test]
fn without_retained_messages_the_flag_is_accepted_and_does_not_travel() {
    let mut settings = mqtt(1);
    settings.profile.retained_messages = false;
    let mut world = World::new(settings);
    world.connect("p");
    world.connect("s");
    world.subscribe("s", "t", 0);
    // [MQTT-3.3.1-9]
    world.send("p", publish_flags(0x01, "t", "kept?", 0));
    world.expect(["s: q0 t kept?"]);
    world.connect("late");
    world.send("late", subscribe(1, &[("t", 0)]));
    world.expect(["late: SUBACK 1 [0]"]);
}

#[test]
fn a_payload_over_the_profiles_limit_is_acknowledged_and_discarded() {
    let mut world = World::new(lmq(1));
    world.connect("GID_Test@@@p");
    world.connect("GID_Test@@@s");
    world.subscribe("GID_Test@@@s", "T/x", 1);
    world.send("GID_Test@@@p", publish("T/x", [0; 65_537], 1, 1));
    world.expect(["GID_Test@@@p: PUBACK 1"]);
    world.send("GID_Test@@@p", publish("T/x", [0; 65_537], 2, 2));
    world.expect(["GID_Test@@@p: PUBREC 2"]);
    world.send("GID_Test@@@p", publish("T/x", [0; 65_536], 1, 3));
    world.expect(["GID_Test@@@p: PUBACK 3", "GID_Test@@@s: q1 #1 T/x 65536 bytes"]);
    assert_eq!(world.stats().discarded, 2);
}

#[test]
fn control_topics_are_taken_and_never_forwarded() {
    let mut world = World::new(lmq(1));
    world.connect("GID_Test@@@p");
    for topic in ["$SYS/uploadToken/x", "$SYS/enableOrderMsg", "$SYS/getOfflineMsg", "$SYS/anything", "$SYS"] {
        world.send("GID_Test@@@p", publish(topic, "{}", 1, 5));
        world.expect(["GID_Test@@@p: PUBACK 5"]);
    }
    assert_eq!((world.stats().discarded, world.stats().received), (5, [0, 5, 0]));
}
