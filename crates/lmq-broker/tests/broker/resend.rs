//! What is sent again after a reconnection: the same packet ids, DUP, the same order.

use crate::common::{Connect, World, mqtt, puback, pubcomp, publish, publish_again, pubrec, pubrel};

fn kept(qos: u8, inflight_max: u16) -> World {
    let mut settings = mqtt(1);
    settings.limits.inflight_max = inflight_max;
    let mut world = World::new(settings);
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", qos);
    world
}

fn send_all(world: &mut World, qos: u8, payloads: &[&str]) {
    for payload in payloads {
        world.send("p", publish("t", payload, qos, 1));
        world.send("p", pubrel(1));
    }
}

#[test]
fn unacknowledged_qos_1_comes_again_with_its_id_and_dup() {
    let mut world = kept(1, 100);
    send_all(&mut world, 1, &["a", "b", "c"]);
    world.take_log();
    world.send("s", puback(2));
    world.cut("s");
    // [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.6.0-1]
    world.reconnect_kept_with("s", ["s: q1 #1 dup t a", "s: q1 #3 dup t c"]);
    world.send("p", publish("t", "d", 1, 1));
    world.expect(["p: PUBACK 1", "s: q1 #4 t d"]);
    world.send("s", [puback(1), puback(3)].concat());
    world.cut("s");
    world.reconnect_kept_with("s", ["s: q1 #4 dup t d"]);
}

#[test]
fn unfinished_qos_2_resumes_where_it_stood() {
    let mut world = kept(2, 100);
    send_all(&mut world, 2, &["a", "b", "c", "d"]);
    world.take_log();
    world.send("s", [pubrec(1), pubrec(3)].concat());
    world.expect(["s: PUBREL 1", "s: PUBREL 3"]);
    world.send("s", pubcomp(3));
    world.cut("s");
    // Released ones are not published again [MQTT-4.3.3-1]; the others are, in their order.
    world.reconnect_kept_with("s", ["s: PUBREL 1", "s: q2 #2 dup t b", "s: q2 #4 dup t d"]);
    world.send("s", [pubcomp(1), pubrec(2), pubrec(4)].concat());
    world.expect(["s: PUBREL 2", "s: PUBREL 4"]);
    world.cut("s");
    world.reconnect_kept_with("s", ["s: PUBREL 2", "s: PUBREL 4"]);
    world.send("s", [pubcomp(2), pubcomp(4)].concat());
    world.cut("s");
    world.reconnect_kept("s");
    assert_eq!(world.session("s").unwrap().inflight, 0);
}

#[test]
fn pubrels_leave_in_the_order_of_the_pubrecs() {
    let mut world = kept(2, 100);
    send_all(&mut world, 2, &["a", "b"]);
    world.take_log();
    // [MQTT-4.6.0-4]
    world.send("s", [pubrec(2), pubrec(1)].concat());
    world.expect(["s: PUBREL 2", "s: PUBREL 1"]);
}

#[test]
fn what_was_never_sent_follows_what_is_sent_again() {
    let mut world = kept(1, 2);
    send_all(&mut world, 1, &["a", "b", "c", "d"]);
    world.take_log();
    world.cut("s");
    world.reconnect_kept_with("s", ["s: q1 #1 dup t a", "s: q1 #2 dup t b"]);
    world.send("s", puback(1));
    world.expect(["s: q1 #3 t c"]);
    world.cut("s");
    world.send("p", publish("t", "e", 1, 1));
    world.expect(["p: PUBACK 1"]);
    world.reconnect_kept_with("s", ["s: q1 #2 dup t b", "s: q1 #3 dup t c"]);
    world.send("s", [puback(3), puback(2)].concat());
    world.expect(["s: q1 #4 t d", "s: q1 #5 t e"]);
}

#[test]
fn a_clean_session_is_sent_nothing_again() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.send("p", publish("t", "a", 2, 1));
    world.take_log();
    world.cut("s");
    world.connect("s");
}

#[test]
fn a_client_that_never_acknowledges_is_sent_the_same_at_every_reconnection() {
    let mut world = kept(1, 2);
    send_all(&mut world, 1, &["a", "b", "c"]);
    world.take_log();
    for _ in 0..5 {
        world.cut("s");
        world.reconnect_kept_with("s", ["s: q1 #1 dup t a", "s: q1 #2 dup t b"]);
    }
    assert_eq!(world.session("s").unwrap().inflight, 2);
}

#[test]
fn an_inbound_qos_2_message_is_forwarded_once_over_reconnections() {
    let mut world = World::new(mqtt(1));
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.connect_kept("p");
    world.send("p", publish("t", "once", 2, 9));
    world.expect(["p: PUBREC 9", "s: q2 #1 t once"]);
    for _ in 0..3 {
        world.cut("p");
        world.reconnect_kept("p");
        // [MQTT-4.3.3-2] [MQTT-4.4.0-1]
        world.send("p", publish_again("t", "once", 2, 9));
        world.expect(["p: PUBREC 9"]);
    }
    world.send("p", pubrel(9));
    world.expect(["p: PUBCOMP 9"]);
    world.cut("p");
    world.reconnect_kept("p");
    world.send("p", pubrel(9));
    world.expect(["p: PUBCOMP 9"]);
    world.send("p", publish("t", "twice", 2, 9));
    world.expect(["p: PUBREC 9", "s: q2 #2 t twice"]);
}

#[test]
fn a_clean_publisher_starts_over() {
    let mut world = World::new(mqtt(1));
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.connect("p");
    world.send("p", publish("t", "a", 2, 9));
    world.expect(["p: PUBREC 9", "s: q2 #1 t a"]);
    world.cut("p");
    world.connect("p");
    world.send("p", publish_again("t", "a", 2, 9));
    world.expect(["p: PUBREC 9", "s: q2 #2 t a"]);
}

#[test]
fn messages_that_come_while_a_session_is_being_opened_follow_the_old_ones() {
    let mut world = kept(1, 100);
    send_all(&mut world, 1, &["a"]);
    world.take_log();
    world.cut("s");
    world.hold_store();
    world.connect_with("s", &Connect::kept("s"));
    world.send("p", publish("t", "b", 1, 1));
    world.send("p", publish("t", "zero", 0, 1));
    world.release_one();
    world.release_store();
    let lines = world.take_log();
    let got: Vec<&str> = lines.iter().map(String::as_str).filter(|line| line.starts_with("s: q1")).collect();
    assert_eq!(got, ["s: q1 #1 dup t a", "s: q1 #2 t b"]);
    assert!(lines.contains(&"s: q0 t zero".into()), "{lines:?}");
}

#[test]
fn a_resend_larger_than_the_outbox_comes_to_its_end() {
    let mut settings = mqtt(1);
    settings.limits.outbox_bytes_max = 4096;
    let mut world = World::new(settings);
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    let payload = "x".repeat(1000);
    for id in 1..=20 {
        world.send("p", publish("t", &payload, 1, id));
    }
    world.cut("s");
    world.take_log();
    world.connect_with("s", &Connect::kept("s"));
    let again = world.take_log().iter().filter(|line| line.contains(" dup ")).count();
    assert_eq!(again, 20);
}
