//! What MQTT 5.0 adds to the way of a message, in a broker that speaks 3.1.1 at the same time.

use std::time::Duration;

use crate::common::{
    Connect, World, ack5, disconnect5, hex, lmq, mqtt, puback, publish, publish5, publish5_long, pubrec, pubrel,
    subscribe, subscribe5, text, unsubscribe5,
};

const EXPIRY_60: [u8; 5] = [0x11, 0, 0, 0, 60];

/// MQTT 5.0 with an id, a clean start unless the session is to be kept.
fn kept(name: &str, secs: u8) -> Connect {
    Connect { clean: false, ..Connect::v5(name, &[0x11, 0, 0, 0, secs]) }
}

#[test]
fn connack_announces_what_this_server_can() {
    let mut world = World::new(mqtt(1));
    world.connect_with("a", &Connect::v5("a", &[]));
    world.expect(["a: CONNACK 0"]);
    // [MQTT-3.2.2-16] [MQTT-3.2.2-21]: receive maximum 1,024, maximum packet size 16 MiB, topic alias maximum 30.
    assert_eq!(world.transcript("a"), hex("20 0e 00 00 0b 21 0400 27 01000000 22 001e"));
}

#[test]
fn a_client_without_id_is_told_the_one_it_got() {
    let mut world = World::new(mqtt(1));
    world.connect_with("a", &Connect { client_id: String::new(), ..Connect::v5("a", &[]) });
    let log = world.take_log();
    assert!(log[0].starts_with("a: CONNACK 0 {AssignedClientIdentifier(\"auto-"), "{log:?}");
}

#[test]
fn both_versions_get_the_same_message_each_in_its_own_form() {
    let mut world = World::new(mqtt(1));
    world.connect5("five", &[]);
    world.connect("three");
    world.send("five", subscribe5(1, &[], &[("t", 1)]));
    world.expect(["five: SUBACK 1 [1]"]);
    world.subscribe("three", "t", 1);
    // Content type and a user property.
    let properties = [0x03, 0, 1, b'c', 0x26, 0, 1, b'n', 0, 1, b'v'];
    world.send("five", publish5(0x02, "t", &properties, "a", 7));
    world.expect([
        "five: q1 #1 t a {ContentType(\"c\"), UserProperty(UserProperty { name: \"n\", value: \"v\" })}",
        "five: PUBACK 7",
        "three: q1 #1 t a",
    ]);
    world.send("three", publish("t", "b", 1, 8));
    world.expect(["five: q1 #2 t b", "three: q1 #2 t b", "three: PUBACK 8"]);
}

#[test]
fn a_publisher_is_told_that_nobody_listens() {
    let mut world = World::new(mqtt(1));
    world.connect5("a", &[]);
    world.connect("old");
    world.send("a", publish5(0x02, "t", &[], "x", 1));
    world.send("a", publish5(0x04, "t", &[], "x", 2));
    world.send("old", publish("t", "x", 1, 3));
    world.expect(["a: PUBACK 1 16", "a: PUBREC 2 16", "old: PUBACK 3"]);
    world.send("a", pubrel(2));
    world.send("a", pubrel(9));
    world.expect(["a: PUBCOMP 2", "a: PUBCOMP 9 0x92"]);
}

#[test]
fn subscription_identifiers_come_with_the_message_and_no_local_keeps_ones_own_away() {
    let mut world = World::new(mqtt(1));
    world.connect5("a", &[]);
    world.connect5("b", &[]);
    world.send("a", subscribe5(1, &[0x0b, 5], &[("t/#", 1)]));
    world.send("a", subscribe5(2, &[0x0b, 6], &[("t/+", 2)]));
    // [MQTT-3.8.3-3]
    world.send("b", subscribe5(3, &[], &[("t/#", 0x04)]));
    world.expect(["a: SUBACK 1 [1]", "a: SUBACK 2 [2]", "b: SUBACK 3 [0]"]);
    world.send("b", publish5(0x04, "t/1", &[], "x", 1));
    let log = world.take_log();
    // [MQTT-3.3.4-2] [MQTT-3.3.4-4]: one copy with the highest QoS and both identifiers, in either order.
    assert_eq!(log[1], "b: PUBREC 1");
    assert!(log[0].starts_with("a: q2 #1 t/1 x {SubscriptionIdentifier(SubscriptionId("), "{log:?}");
    assert!(log[0].contains("SubscriptionId(5)") && log[0].contains("SubscriptionId(6)") && log.len() == 2, "{log:?}");
}

#[test]
fn unsubscribe_says_which_filters_were_there() {
    let mut world = World::new(mqtt(1));
    world.connect5("a", &[]);
    world.send("a", subscribe5(1, &[], &[("t", 1)]));
    world.send("a", unsubscribe5(2, &["t", "u"]));
    // [MQTT-3.11.3-1]
    world.expect(["a: SUBACK 1 [1]", "a: UNSUBACK 2 [0, 17]"]);
}

#[test]
fn a_receive_maximum_of_the_client_is_never_exceeded_not_even_by_what_is_sent_again() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_with("s", &Connect { properties: [&EXPIRY_60[..], &[0x21, 0, 2]].concat(), ..kept("s", 60) });
    world.expect(["s: CONNACK 0"]);
    world.send("s", subscribe5(1, &[], &[("t", 2)]));
    world.expect(["s: SUBACK 1 [2]"]);
    for (payload, qos, id) in [("a", 1, 1), ("b", 2, 2), ("c", 1, 3)] {
        world.send("p", publish("t", payload, qos, id));
    }
    // [MQTT-3.3.4-9]
    world.expect(["p: PUBACK 1", "s: q1 #1 t a", "p: PUBREC 2", "s: q2 #2 t b", "p: PUBACK 3"]);
    world.send("s", puback(1));
    world.expect(["s: q1 #3 t c"]);
    world.cut("s");
    world.connect_with("s", &Connect { properties: [&EXPIRY_60[..], &[0x21, 0, 1]].concat(), ..kept("s", 60) });
    world.expect(["s: CONNACK 0 present", "s: q2 #2 dup t b"]);
    world.send("s", pubrec(2));
    world.expect(["s: PUBREL 2"]);
    world.send("s", ack5(0x70, 2, 0));
    world.expect(["s: q1 #3 dup t c"]);
}

#[test]
fn a_publisher_that_exceeds_our_receive_maximum_is_told_so() {
    let mut settings = mqtt(1);
    settings.limits.receive_max = 2;
    let mut world = World::new(settings);
    world.connect5("a", &[]);
    // QoS 2 without PUBREL: nothing is finished. [MQTT-3.3.4-7] [MQTT-3.3.4-8]
    for id in 1..=3 {
        world.send("a", publish5(0x04, "t", &[], "x", id));
    }
    world.expect(["a: PUBREC 1 16", "a: PUBREC 2 16", "a: DISCONNECT 0x93", "a: closed protocol_error"]);
}

#[test]
fn pubrec_with_a_failure_ends_the_exchange() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_with("s", &Connect::v5("s", &[0x21, 0, 1]));
    world.expect(["s: CONNACK 0"]);
    world.send("s", subscribe5(1, &[], &[("t", 2)]));
    world.send("p", publish("t", "a", 2, 1));
    world.send("p", publish("t", "b", 2, 2));
    world.expect(["s: SUBACK 1 [2]", "p: PUBREC 1", "s: q2 #1 t a", "p: PUBREC 2"]);
    // [MQTT-4.3.3-4]
    world.send("s", ack5(0x50, 1, 0x97));
    world.expect(["s: q2 #2 t b"]);
    world.send("s", ack5(0x50, 9, 0x91));
    world.send("s", pubrec(8));
    world.expect(["s: PUBREL 8 0x92"]);
}

#[test]
fn an_alias_of_the_client_stands_for_its_topic_on_this_connection() {
    let mut world = World::new(mqtt(1));
    world.connect("s");
    world.subscribe("s", "#", 0);
    world.connect5("p", &[]);
    world.send("p", publish5(0, "t/1", &[0x23, 0, 1], "a", 0));
    world.send("p", publish5(0, "", &[0x23, 0, 1], "b", 0));
    world.send("p", publish5(0, "t/2", &[0x23, 0, 1], "c", 0));
    world.send("p", publish5(0, "", &[0x23, 0, 1], "d", 0));
    world.expect(["s: q0 t/1 a", "s: q0 t/1 b", "s: q0 t/2 c", "s: q0 t/2 d"]);
    world.send("p", publish5(0, "", &[0x23, 0, 2], "e", 0));
    world.expect(["p: DISCONNECT 0x82", "p: closed protocol_error"]);
    world.connect5("p", &[]);
    // [MQTT-3.2.2-17]
    world.send("p", publish5(0, "t", &[0x23, 0, 31], "e", 0));
    world.expect(["p: DISCONNECT 0x94", "p: closed protocol_error"]);
    world.connect5("p", &[]);
    // [MQTT-3.3.2-7]: the alias of an earlier connection means nothing.
    world.send("p", publish5(0, "", &[0x23, 0, 1], "e", 0));
    world.expect(["p: DISCONNECT 0x82", "p: closed protocol_error"]);
}

#[test]
fn a_client_that_takes_aliases_is_told_a_topic_once() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect5("s", &[0x22, 0, 1]);
    world.send("s", subscribe5(1, &[], &[("#", 0)]));
    world.expect(["s: SUBACK 1 [0]"]);
    for topic in ["t", "t", "u", "t"] {
        world.send("p", publish(topic, "x", 0, 0));
    }
    world.expect([
        "s: q0 t x {TopicAlias(1)}",
        "s: q0 - x {TopicAlias(1)}",
        "s: q0 u x {TopicAlias(1)}",
        "s: q0 t x {TopicAlias(1)}",
    ]);
}

#[test]
fn a_message_too_large_for_its_receiver_is_dropped_and_the_next_one_is_not() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
    world.connect5("s", &[0x27, 0, 0, 0, 20]);
    world.send("s", subscribe5(1, &[], &[("t", 1)]));
    world.expect(["s: SUBACK 1 [1]"]);
    world.send("p", publish("t", "0123456789abcdef", 1, 1));
    world.send("p", publish("t", "0123456789", 1, 2));
    world.expect(["s: dropped 1 TooLarge", "p: PUBACK 1", "p: PUBACK 2", "s: q1 #1 t 0123456789"]);
    assert_eq!(world.stats().dropped_too_large, 1);
}

#[test]
fn a_message_tells_the_time_it_has_left_and_is_dropped_after_it() {
    let mut world = World::new(mqtt(1));
    world.connect("p5");
    world.cut("p5");
    world.connect5("p5", &[]);
    for name in ["s", "late"] {
        world.connect_with(name, &kept(name, 60));
        world.send(name, subscribe5(1, &[], &[("t", 1)]));
        world.expect([format!("{name}: CONNACK 0"), format!("{name}: SUBACK 1 [1]")]);
        world.cut(name);
    }
    world.send("p5", publish5(0x02, "t", &[0x02, 0, 0, 0, 5], "x", 1));
    world.expect(["p5: PUBACK 1"]);
    world.advance(Duration::from_millis(1500));
    world.connect_with("s", &kept("s", 60));
    // [MQTT-3.3.2-6]
    world.expect(["s: CONNACK 0 present", "s: q1 #1 t x {MessageExpiryInterval(4)}"]);
    world.advance(Duration::from_secs(4));
    world.connect_with("late", &kept("late", 60));
    // [MQTT-3.3.2-5]
    world.expect(["late: dropped 1 Expired", "late: CONNACK 0 present"]);
    world.cut("late");
    world.connect_with("late", &kept("late", 60));
    world.expect(["late: CONNACK 0 present"]);
}

#[test]
fn a_session_ends_when_its_time_is_over_and_not_before() {
    let mut world = World::new(mqtt(1));
    world.connect_with("s", &kept("s", 60));
    world.expect(["s: CONNACK 0"]);
    world.cut("s");
    world.advance(Duration::from_secs(59));
    world.connect_with("s", &kept("s", 60));
    world.expect(["s: CONNACK 0 present"]);
    world.cut("s");
    // [MQTT-3.1.2-23]
    world.advance(Duration::from_secs(60));
    assert_eq!((world.stats().sessions, world.stored_sessions()), (0, 0));
    world.connect_with("s", &kept("s", 60));
    world.expect(["s: CONNACK 0"]);
}

#[test]
fn a_session_also_ends_in_time_when_the_broker_was_started_again_in_between() {
    let mut world = World::new(mqtt(1));
    for name in ["away", "here"] {
        world.connect_with(name, &kept(name, 60));
        world.expect([format!("{name}: CONNACK 0")]);
    }
    world.cut("away");
    world.advance(Duration::from_secs(30));
    world.restart();
    world.advance(Duration::from_secs(30));
    assert_eq!(world.stored_sessions(), 1, "the one that was connected has another 30 seconds");
    world.advance(Duration::from_secs(30));
    assert_eq!(world.stored_sessions(), 0);
}

#[test]
fn disconnect_may_change_how_long_the_session_stays() {
    let mut world = World::new(mqtt(1));
    world.connect_with("s", &kept("s", 60));
    // [MQTT-3.14.4-1] [MQTT-3.14.4-2]
    world.send("s", disconnect5(0, &[0x11, 0, 0, 0, 0]));
    world.expect(["s: CONNACK 0", "s: closed disconnected"]);
    assert_eq!(world.stored_sessions(), 0);
    world.connect5("s", &[]);
    world.send("s", disconnect5(0, &EXPIRY_60));
    world.expect(["s: DISCONNECT 0x82", "s: closed protocol_error"]);
}

#[test]
fn a_clean_start_discards_the_session_and_may_begin_one_that_stays() {
    let mut world = World::new(mqtt(1));
    world.connect_with("s", &kept("s", 60));
    world.send("s", subscribe5(1, &[], &[("t", 1)]));
    world.expect(["s: CONNACK 0", "s: SUBACK 1 [1]"]);
    world.cut("s");
    world.connect5("s", &EXPIRY_60);
    assert_eq!(world.session("s").unwrap().subscriptions, 0);
    world.send("s", subscribe5(1, &[], &[("u", 1)]));
    world.expect(["s: SUBACK 1 [1]"]);
    world.cut("s");
    world.connect_with("s", &kept("s", 60));
    world.expect(["s: CONNACK 0 present"]);
    assert_eq!(world.session("s").unwrap().subscriptions, 1);
}

#[test]
fn a_client_is_told_why_it_is_closed() {
    let mut world = World::new(mqtt(1));
    world.connect5("a", &[]);
    world.connect_with("a2", &Connect::v5("a", &[]));
    // [MQTT-3.1.4-3]
    world.expect(["a: DISCONNECT 0x8e", "a: closed taken_over", "a2: CONNACK 0"]);
    world.send("a2", hex("00 00"));
    world.expect(["a2: DISCONNECT 0x81", "a2: closed malformed"]);
    world.connect_with("k", &Connect::v5("k", &[]).keep_alive(10));
    world.expect(["k: CONNACK 0"]);
    world.advance(Duration::from_secs(15));
    world.expect(["k: DISCONNECT 0x8d", "k: closed keep_alive"]);
}

#[test]
fn a_malformed_connect_of_mqtt_5_is_answered_with_its_reason() {
    let mut world = World::new(mqtt(1));
    // Receive maximum 0.
    world.connect_with("a", &Connect::v5("a", &[0x21, 0, 0]));
    world.expect(["a: CONNACK 0x82", "a: closed malformed"]);
    world.open("b");
    world.send("b", subscribe(1, &[("t", 0)]));
    world.expect(["b: closed not_connect"]);
}

/// A kept session with a receive maximum of 2.
fn two_at_a_time(name: &str) -> Connect {
    Connect { properties: [&EXPIRY_60[..], &[0x21, 0, 2]].concat(), ..kept(name, 60) }
}

fn only(log: Vec<String>, start: &str) -> Vec<String> {
    log.into_iter().filter(|line| line.starts_with(start)).collect()
}

#[test]
fn a_message_that_is_being_recorded_counts_for_the_receive_maximum() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_with("s", &two_at_a_time("s"));
    world.send("s", subscribe5(1, &[], &[("t", 2)]));
    world.expect(["s: CONNACK 0", "s: SUBACK 1 [2]"]);
    world.hold_store();
    for id in 1..=5 {
        world.send("p", publish("t", "x", 2, id));
    }
    (1..=5).for_each(|_| world.release_one());
    world.release_store();
    // [MQTT-3.3.4-9]
    assert_eq!(only(world.take_log(), "s: q2"), ["s: q2 #1 t x", "s: q2 #2 t x"]);
    world.send("s", pubrec(1));
    world.send("s", ack5(0x70, 1, 0));
    assert_eq!(only(world.take_log(), "s: q2"), ["s: q2 #3 t x"]);
    world.cut("s");
    world.connect_with("s", &two_at_a_time("s"));
    world.expect(["s: CONNACK 0 present", "s: q2 #2 dup t x", "s: q2 #3 dup t x"]);
}

#[test]
fn an_exchange_released_on_an_earlier_connection_counts_until_its_pubcomp() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_with("s", &two_at_a_time("s"));
    world.send("s", subscribe5(1, &[], &[("t", 2)]));
    world.send("p", publish("t", "a", 2, 1));
    world.send("s", pubrec(1));
    world.cut("s");
    world.take_log();
    world.connect_with("s", &two_at_a_time("s"));
    world.expect(["s: CONNACK 0 present", "s: PUBREL 1"]);
    (2..=4).for_each(|id| world.send("p", publish("t", "b", 1, id)));
    assert_eq!(only(world.take_log(), "s: "), ["s: q1 #2 t b"]);
    world.send("s", ack5(0x70, 1, 0));
    world.expect(["s: q1 #3 t b"]);
}

#[test]
fn what_is_sent_again_is_measured_against_the_new_maximum() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_with("s", &kept("s", 60));
    world.send("s", subscribe5(1, &[], &[("t", 2)]));
    world.send("p", publish("t", "x".repeat(40), 1, 1));
    world.send("p", publish("t", "x".repeat(40), 2, 2));
    world.cut("s");
    world.take_log();
    // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
    world.connect_with("s", &Connect { properties: [&EXPIRY_60[..], &[0x27, 0, 0, 0, 30]].concat(), ..kept("s", 60) });
    world.expect(["s: dropped 2 TooLarge", "s: CONNACK 0 present", "s: PUBREL 2"]);
    world.send("s", ack5(0x70, 2, 0));
    assert_eq!(world.session("s").unwrap().inflight, 0);
}

#[test]
fn a_client_too_small_for_connack_is_turned_away() {
    let mut world = World::new(mqtt(1));
    world.connect_with("s", &Connect::v5("s", &[0x27, 0, 0, 0, 10]));
    world.expect(["s: CONNACK 0x95", "s: closed refused"]);
    world.connect_with("s", &Connect::v5("s", &[0x27, 0, 0, 0, 4]));
    world.expect(["s: closed refused"]);
}

#[test]
fn a_message_that_expired_while_it_was_being_recorded_never_leaves() {
    let mut world = World::new(mqtt(1));
    world.connect5("p", &[]);
    world.connect_with("s", &kept("s", 60));
    world.send("s", subscribe5(1, &[], &[("t", 2)]));
    world.expect(["s: CONNACK 0", "s: SUBACK 1 [2]"]);
    world.hold_store();
    world.send("p", publish5(0x04, "t", &[0x02, 0, 0, 0, 5], "x", 1));
    world.release_one();
    world.cut("s");
    world.expect(["p: PUBREC 1"]);
    world.release_store();
    world.advance(Duration::from_secs(20));
    world.connect_with("s", &kept("s", 60));
    // [MQTT-3.3.2-5]
    world.expect(["s: dropped 1 Expired", "s: CONNACK 0 present"]);
    assert_eq!(world.session("s").unwrap().inflight, 0);
    world.cut("s");
    world.restart();
    world.connect_with("s", &kept("s", 60));
    world.expect(["s: CONNACK 0 present"]);
}

#[test]
fn the_product_announces_its_own_numbers() {
    let mut world = World::new(lmq(1));
    let client = |keep_alive, properties: &[u8]| Connect::v5("GID_Test@@@c", properties).keep_alive(keep_alive);
    world.connect_with("c", &client(10, &[0x11, 0, 0, 0, 5]));
    world.expect([
        "status connect GID_Test@@@c",
        "c: CONNACK 0 {SessionExpiryInterval(600), RetainAvailable(false), SharedSubscriptionAvailable(false), \
         ServerKeepAlive(60)}",
    ]);
    // Maximum packet size 131,072, topic alias maximum 30.
    assert!(world.transcript("c").windows(5).any(|bytes| bytes == hex("27 00020000")));
    world.send("c", publish5(0x03, "T/x", &[], "x", 1));
    let closed = |code: &str| {
        ["status tcpclean GID_Test@@@c".to_owned(), format!("c: DISCONNECT {code}"), "c: closed protocol_error".into()]
    };
    let mut log = world.take_log();
    log.sort_by_key(|line| !line.starts_with("status"));
    assert_eq!(log, closed("0x9a"));
    world.connect_with("c", &client(0, &[]));
    world.expect([
        "status connect GID_Test@@@c",
        "c: CONNACK 0 {RetainAvailable(false), SharedSubscriptionAvailable(false), ServerKeepAlive(480)}",
    ]);
    world.send("c", subscribe5(1, &[], &[("$share/g/T/x", 1), ("T/x", 1)]));
    world.expect(["c: SUBACK 1 [0x9e, 1]"]);
    let many: Vec<u8> = [&[0x26, 0, 0][..], &text(&"v".repeat(8193))].concat();
    world.send("c", publish5_long(0x02, "T/x", &many, "x", 2));
    world.expect(["c: PUBACK 2 0x97"]);
    world.send("c", hex("30 80 80 08"));
    world.expect(["status tcpclean GID_Test@@@c", "c: DISCONNECT 0x95", "c: closed malformed"]);
}

#[test]
fn an_exchange_that_is_given_up_counts_until_its_pubcomp() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_with("s", &kept("s", 60));
    world.send("s", subscribe5(1, &[], &[("t", 2)]));
    world.send("p", publish("t", "x".repeat(40), 2, 2));
    world.cut("s");
    world.take_log();
    // Maximum packet size 30, receive maximum 2. [MQTT-3.3.4-9]
    let small = [&EXPIRY_60[..], &[0x27, 0, 0, 0, 30, 0x21, 0, 2]].concat();
    world.connect_with("s", &Connect { properties: small, ..kept("s", 60) });
    world.expect(["s: dropped 1 TooLarge", "s: CONNACK 0 present", "s: PUBREL 1"]);
    (3..=5).for_each(|id| world.send("p", publish("t", "b", 1, id)));
    assert_eq!(only(world.take_log(), "s: "), ["s: q1 #2 t b"]);
    world.send("s", ack5(0x70, 1, 0));
    world.expect(["s: q1 #3 t b"]);
}

#[test]
fn a_clock_that_is_set_back_prolongs_no_message() {
    let mut world = World::new(mqtt(1));
    world.connect5("p", &[]);
    world.connect_with("k", &kept("k", 60));
    world.send("k", subscribe5(1, &[], &[("t", 1)]));
    world.expect(["k: CONNACK 0", "k: SUBACK 1 [1]"]);
    world.cut("k");
    world.send("p", publish5(0x02, "t", &[0x02, 0, 0, 0, 5], "x", 1));
    world.take_log();
    world.now.wall = lmq_broker::UnixMillis::new(world.now.wall.value() - 3_600_000);
    world.connect_with("k", &kept("k", 60));
    // [MQTT-3.3.2-6]
    world.expect(["k: CONNACK 0 present", "k: q1 #1 t x {MessageExpiryInterval(5)}"]);
}

#[test]
fn a_session_that_disconnect_prolonged_for_ever_is_there_after_a_restart() {
    let mut world = World::new(mqtt(1));
    world.connect_with("s", &kept("s", 60));
    world.send("s", disconnect5(0, &[0x11, 0xff, 0xff, 0xff, 0xff]));
    world.expect(["s: CONNACK 0", "s: closed disconnected"]);
    world.restart();
    world.advance(Duration::from_secs(3600));
    world.connect_with("s", &kept("s", 60));
    world.expect(["s: CONNACK 0 present"]);
}

#[test]
fn reconnections_leave_one_timer_of_a_session() {
    let mut world = World::new(mqtt(1));
    for round in 0..100 {
        world.connect_with("s", &kept("s", 255));
        world.expect([if round == 0 { "s: CONNACK 0" } else { "s: CONNACK 0 present" }]);
        world.cut("s");
    }
    // Each wake-up is one entry of a timer heap: the connections' of the last minute, and the session's every minute.
    let mut wakes = 0;
    while let Some(at) = world.shard(0).poll_timeout() {
        wakes += 1;
        world.advance(at.saturating_since(world.now.monotonic));
    }
    assert!(wakes <= 10, "{wakes} wake-ups");
    assert_eq!(world.stats().sessions, 0);
}
