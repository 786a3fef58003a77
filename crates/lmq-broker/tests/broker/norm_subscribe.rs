//! SUBSCRIBE, UNSUBSCRIBE and matching as the standards number them: ids without further words are those of MQTT 5.0.

use lmq_auth::Permissions;
use lmq_broker::{Grant, Verdict};
use lmq_id::Access;

use crate::common::{Level, World, hex, mqtt, puback, pubcomp, publish, publish5, pubrec, subscribe5};

/// The second option bit and the ones behind it.
const NO_LOCAL: u8 = 0x04;
const RETAIN_AS_PUBLISHED: u8 = 0x08;

#[test]
fn every_filter_gets_its_code_under_the_id_of_its_packet() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.authenticate_by(|_| {
            let mut permissions = Permissions::nothing();
            permissions.grant(Access::Read, "a/#").unwrap();
            Verdict::Allow(Grant::new(permissions))
        });
        world.join("s", level);
        // [MQTT-2.2.1-6] [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2];
        // in 3.1.1 [MQTT-2.3.1-7] [MQTT-3.8.4-5].
        world.send("s", level.subscribe(0x1234, &[("a/0", 0), ("b", 1), ("a/1", 1), ("a/2", 2)]));
        let (bytes, refused) = match level {
            Level::V3 => ("90 06 1234 00 80 01 02", "128"),
            Level::V5 => ("90 07 1234 00 00 87 01 02", "0x87"),
        };
        assert!(world.transcript("s").ends_with(&hex(bytes)));
        world.expect([format!("s: SUBACK 4660 [0, {refused}, 1, 2]")]);
        // [MQTT-3.11.3-1] [MQTT-3.11.3-2]
        world.send("s", level.unsubscribe(0x1235, &["b", "a/1"]));
        world.expect([format!("s: {}", level.unsuback(0x1235, &[17, 0]))]);
    }
}

#[test]
fn several_filters_in_one_packet_are_as_good_as_several_packets() {
    for level in Level::BOTH {
        let asked = [("t", 0), ("u/+", 1), ("t", 2), ("u/#", 0)];
        let mut transcripts = Vec::new();
        for together in [true, false] {
            let mut world = World::new(mqtt(1));
            world.join("p", level);
            world.join("s", level);
            // [MQTT-3.8.4-5]; in 3.1.1 [MQTT-3.8.4-4].
            match together {
                true => world.send("s", level.subscribe(1, &asked)),
                false => asked.iter().for_each(|one| world.send("s", level.subscribe(1, &[*one]))),
            }
            let acks = world.take_log();
            assert_eq!(acks.len(), if together { 1 } else { 4 });
            assert_eq!(world.session("s").unwrap().subscriptions, 3);
            world.send("p", [level.publish(4, "t", "x", 1), level.publish(2, "u/1", "y", 2)].concat());
            let mut lines = world.take_log();
            // [MQTT-3.10.4-6]
            world.send("s", level.unsubscribe(2, &["u/#", "t", "none"]));
            world.expect([format!("s: {}", level.unsuback(2, &[0, 0, 17]))]);
            world.send("p", [level.publish(0, "t", "x", 0), level.publish(0, "u/1", "z", 0)].concat());
            lines.extend(world.take_log());
            transcripts.push(lines);
        }
        assert_eq!(transcripts[0], transcripts[1]);
        assert_eq!(transcripts[0][2..], ["s: q2 #1 t x", "s: q1 #2 u/1 y", "s: q0 u/1 z"]);
    }
}

#[test]
fn the_same_filter_again_replaces_everything_that_was_agreed() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect5("s", &[]);
    world.send("s", subscribe5(1, &[0x0b, 5], &[("t", 1)]));
    world.send("s", publish5(2, "t", &[], "a", 1));
    world.expect(["s: SUBACK 1 [1]", "s: q1 #1 t a {SubscriptionIdentifier(SubscriptionId(5))}", "s: PUBACK 1"]);
    // [MQTT-3.8.4-3]: another identifier and QoS, and no message of one's own.
    world.send("s", subscribe5(2, &[0x0b, 6], &[("t", NO_LOCAL)]));
    world.send("s", publish5(2, "t", &[], "b", 2));
    world.expect(["s: SUBACK 2 [0]", "s: PUBACK 2 16"]);
    world.send("p", publish("t", "c", 1, 3));
    world.expect(["p: PUBACK 3", "s: q0 t c {SubscriptionIdentifier(SubscriptionId(6))}"]);
    // And none at all.
    world.send("s", subscribe5(3, &[], &[("t", 2)]));
    world.send("p", publish("t", "d", 2, 4));
    world.expect(["s: SUBACK 3 [2]", "p: PUBREC 4", "s: q2 #2 t d"]);
    assert_eq!(world.stats().subscriptions, 1);
}

#[test]
fn replacing_a_subscription_loses_no_message() {
    for level in Level::BOTH {
        let mut settings = mqtt(1);
        settings.limits.inflight_max = 1;
        let mut world = World::new(settings);
        world.join("p", level);
        world.join_kept("s", level);
        world.subscribe_in(level, "s", "t", 1);
        for id in 1..=3 {
            world.send("p", level.publish(2, "t", "x", id));
        }
        world.expect(["p: PUBACK 1", "s: q1 #1 t x", "p: PUBACK 2", "p: PUBACK 3"]);
        // [MQTT-3.8.4-4]; in 3.1.1 [MQTT-3.8.4-3].
        world.subscribe_in(level, "s", "t", 0);
        world.send("s", puback(1));
        world.expect(["s: q1 #2 t x"]);
        world.send("s", puback(2));
        world.expect(["s: q1 #3 t x"]);
    }
}

#[test]
fn a_message_leaves_with_the_lower_qos_and_once_for_all_filters_of_a_client() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join("p", level);
        for (name, filters) in [("s", &[("t/#", 0), ("t/1", 1)][..]), ("u", &[("t/+", 2), ("#", 0)])] {
            world.join(name, level);
            world.send(name, level.subscribe(1, filters));
            world.expect([format!("{name}: SUBACK 1 [{}, {}]", filters[0].1, filters[1].1)]);
        }
        // [MQTT-3.3.4-2] [MQTT-3.8.4-8]; in 3.1.1 [MQTT-3.3.5-1] [MQTT-3.8.4-6].
        world.send("p", level.publish(4, "t/1", "two", 1));
        world.expect(["p: PUBREC 1", "s: q1 #1 t/1 two", "u: q2 #1 t/1 two"]);
        world.send("p", level.publish(2, "t/1", "one", 2));
        world.expect(["p: PUBACK 2", "s: q1 #2 t/1 one", "u: q1 #2 t/1 one"]);
        world.send("p", level.publish(0, "t/1", "none", 0));
        world.expect(["s: q0 t/1 none", "u: q0 t/1 none"]);
    }
}

#[test]
fn filters_match_by_level_and_by_byte() {
    // [MQTT-3.3.2-3] [MQTT-4.7.3-4]; in 3.1.1 [MQTT-3.8.3-2].
    let cases = [
        ("+/+", "/", true),
        ("+", "/", false),
        ("#", "/", true),
        ("/+", "/", true),
        ("/#", "/", true),
        ("a/+/b", "a//b", true),
        ("a/#", "a//b", true),
        ("a/+", "a", false),
        ("a/+/#", "a/", true),
        ("a/+/#", "a", false),
        ("+/b/#", "a/b", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
        // One character and its two-character twin.
        ("caf\u{e9}", "cafe\u{301}", false),
        ("\u{feff}a", "a", false),
        ("a", "a ", false),
        // [MQTT-4.7.2-1]
        ("#", "$SYS/x", false),
        ("+/x", "$SYS/x", false),
        ("+/+/+", "$SYS/monitor/Clients", false),
        ("$SYS/#", "$SYS/x", true),
        ("$SYS/#", "$SYS", true),
        ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
        ("a/+", "a/$b", true),
        ("a/#", "a/$b/c", true),
    ];
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join("p", level);
        for (filter, topic, matches) in cases {
            world.join("s", level);
            world.subscribe_in(level, "s", filter, 0);
            world.send("p", level.publish(0, topic, "x", 0));
            let expected = if matches { vec![format!("s: q0 {topic} x")] } else { Vec::new() };
            assert_eq!(world.take_log(), expected, "{filter} {topic:?}");
            world.disconnect("s");
        }
    }
}

#[test]
fn no_local_keeps_ones_own_messages_away_for_the_whole_session() {
    let mut world = World::new(mqtt(1));
    world.join_kept("a", Level::V5);
    world.join("b", Level::V5);
    world.send("a", subscribe5(1, &[], &[("t", 1 | NO_LOCAL)]));
    world.expect(["a: SUBACK 1 [1]"]);
    // [MQTT-3.8.3-3]
    world.send("a", publish5(2, "t", &[], "own", 1));
    world.send("b", publish5(2, "t", &[], "other", 1));
    world.expect(["a: PUBACK 1 16", "a: q1 #1 t other", "b: PUBACK 1"]);
    world.send("a", puback(1));
    world.restart();
    world.rejoin("a", Level::V5, []);
    world.send("a", publish5(2, "t", &[], "own", 1));
    world.expect(["a: PUBACK 1 16"]);
    // Another filter of the same client still brings it.
    world.send("a", subscribe5(2, &[], &[("+", 0)]));
    world.send("a", publish5(2, "t", &[], "own", 2));
    let log = world.take_log();
    assert_eq!(log, ["a: SUBACK 2 [0]", "a: q0 t own", "a: PUBACK 2"]);
}

#[test]
fn retain_travels_where_it_was_asked_for() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect5("s", &[]);
    world.connect5("u", &[]);
    world.send("s", subscribe5(1, &[], &[("t", RETAIN_AS_PUBLISHED)]));
    world.send("u", subscribe5(1, &[], &[("t", 0)]));
    world.expect(["s: SUBACK 1 [0]", "u: SUBACK 1 [0]"]);
    // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
    world.send("p", Level::V3.publish(0x01, "t", "a", 0));
    world.send("p", Level::V3.publish(0x00, "t", "b", 0));
    world.expect(["s: q0 retain t a", "u: q0 t a", "s: q0 t b", "u: q0 t b"]);
}

#[test]
fn subscription_identifiers_wait_with_the_message() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.join_kept("s", Level::V5);
    world.send("s", subscribe5(1, &[0x0b, 0xff, 0xff, 0xff, 0x7f], &[("t/+", 1)]));
    world.send("s", subscribe5(2, &[], &[("#", 1)]));
    world.expect(["s: SUBACK 1 [1]", "s: SUBACK 2 [1]"]);
    world.cut("s");
    world.send("p", publish("t/1", "x", 1, 1));
    world.send("p", publish("u", "y", 1, 2));
    world.expect(["p: PUBACK 1", "p: PUBACK 2"]);
    // [MQTT-3.3.4-3] [MQTT-3.3.4-4]: of those subscriptions that have one.
    let with = "s: q1 #1 t/1 x {SubscriptionIdentifier(SubscriptionId(268435455))}";
    world.rejoin("s", Level::V5, [with, "s: q1 #2 u y"]);
    world.send("s", [puback(1), puback(2)].concat());
    world.restart();
    world.connect("p");
    world.send("p", publish("t/1", "z", 1, 1));
    world.expect(["p: PUBACK 1"]);
    world.rejoin("s", Level::V5, [&with.replace("#1 t/1 x", "#1 t/1 z")]);
}

#[test]
fn unsubscribing_compares_bytes_and_stops_what_is_new() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join("p", level);
        world.join("s", level);
        world.subscribe_in(level, "s", "a/#", 0);
        // [MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-5]
        world.send("s", level.unsubscribe(1, &["a/+", "a", "A/#", "a/b", "#"]));
        world.expect([format!("s: {}", level.unsuback(1, &[17; 5]))]);
        world.send("p", level.publish(0, "a/b", "x", 0));
        world.expect(["s: q0 a/b x"]);
        // [MQTT-3.10.4-2]
        world.send("s", level.unsubscribe(2, &["a/#"]));
        world.expect([format!("s: {}", level.unsuback(2, &[0]))]);
        world.send("p", level.publish(0, "a/b", "y", 0));
        world.expect_nothing();
    }
}

#[test]
fn what_was_begun_before_an_unsubscribe_is_finished_even_on_the_next_connection() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join("p", level);
        world.join_kept("s", level);
        world.subscribe_in(level, "s", "t", 2);
        world.send("p", [level.publish(2, "t", "one", 1), level.publish(4, "t", "two", 2)].concat());
        world.expect(["p: PUBACK 1", "p: PUBREC 2", "s: q1 #1 t one", "s: q2 #2 t two"]);
        world.send("s", level.unsubscribe(1, &["t"]));
        world.expect([format!("s: {}", level.unsuback(1, &[0]))]);
        world.cut("s");
        // [MQTT-3.10.4-3]
        world.rejoin("s", level, ["s: q1 #1 dup t one", "s: q2 #2 dup t two"]);
        world.send("s", [puback(1), pubrec(2)].concat());
        world.expect(["s: PUBREL 2"]);
        world.send("s", pubcomp(2));
        assert_eq!(world.session("s").unwrap().inflight, 0);
    }
}
