//! The way of a message as the standards number it: ids without further words are those of MQTT 5.0.

use std::time::Duration;

use lmq_auth::Permissions;
use lmq_broker::{Grant, Verdict};
use lmq_id::Access;

use crate::common::{
    Connect, Level, World, hex, lmq, mqtt, puback, pubcomp, publish, publish5, pubrec, pubrel, subscribe5, text,
};

/// A subscriber `s` and a publisher `p`.
fn pair(level: Level, qos: u8) -> World {
    let mut world = World::new(mqtt(1));
    world.join("p", level);
    world.join("s", level);
    world.subscribe_in(level, "s", "t", qos);
    world
}

#[test]
fn what_belongs_to_a_message_arrives_unaltered_and_in_order() {
    let mut world = pair(Level::V5, 1);
    let user = |name: &str, value: &str| [&[0x26][..], &text(name), &text(value)].concat();
    let properties = [
        &[0x01, 1][..],
        &[0x03, 0, 2, b'c', b't'],
        &[0x08, 0, 3, b'r', b'/', b't'],
        &[0x09, 0, 3, 0, 0xff, 1],
        &user("b", "1"),
        &user("a", "2"),
        &user("b", "1"),
    ]
    .concat();
    // [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]
    let bytes = publish5(0, "t", &properties, "x", 0);
    world.send("p", &bytes);
    assert!(world.transcript("s").ends_with(&bytes));
    assert_eq!(world.take_log().len(), 1);
    // The same out of the store.
    world.join_kept("late", Level::V5);
    world.subscribe_in(Level::V5, "late", "t", 1);
    world.cut("late");
    world.send("p", publish5(2, "t", &properties, "x", 7));
    world.take_log();
    world.connect_with("late", &Level::V5.kept("late"));
    assert!(world.transcript("late").ends_with(&publish5(2, "t", &properties, "x", 1)));
    world.take_log();
}

#[test]
fn dup_of_the_publisher_does_not_travel() {
    for level in Level::BOTH {
        let mut world = pair(level, 2);
        // [MQTT-3.3.1-3] [MQTT-4.3.2-2] [MQTT-4.3.3-2]
        world.send("p", level.publish(0x0a, "t", "a", 1));
        world.send("p", level.publish(0x0c, "t", "b", 2));
        world.expect(["p: PUBACK 1", "s: q1 #1 t a", "p: PUBREC 2", "s: q2 #2 t b"]);
        // [MQTT-4.3.1-1]
        world.send("p", level.publish(0, "t", "c", 0));
        world.expect(["s: q0 t c"]);
    }
}

#[test]
fn puback_answers_with_the_id_and_frees_it() {
    for level in Level::BOTH {
        let mut world = pair(level, 1);
        for (flags, payload) in [(0x02, "a"), (0x02, "a"), (0x0a, "b")] {
            // [MQTT-2.2.1-5] [MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.2-5]; in 3.1.1 [MQTT-2.3.1-6] [MQTT-4.3.2-2].
            world.send("p", level.publish(flags, "t", payload, 0xabcd));
            assert!(world.transcript("p").ends_with(&hex("40 02 abcd")));
            let log = world.take_log();
            assert_eq!(log[0], "p: PUBACK 43981");
            assert!(log[1].ends_with(&format!("t {payload}")) && log.len() == 2, "{log:?}");
        }
    }
}

#[test]
fn a_received_qos_2_message_is_known_until_its_pubrel() {
    for level in Level::BOTH {
        let mut world = pair(level, 2);
        // [MQTT-4.3.3-8]; in 3.1.1 [MQTT-4.3.3-2].
        world.send("p", level.publish(0x04, "t", "a", 9));
        world.expect(["p: PUBREC 9", "s: q2 #1 t a"]);
        // [MQTT-4.3.3-10]
        world.send("p", level.publish(0x0c, "t", "a", 9));
        world.send("p", level.publish(0x04, "t", "a", 9));
        world.expect(["p: PUBREC 9", "p: PUBREC 9"]);
        // [MQTT-4.3.3-11] [MQTT-2.2.1-5]
        world.send("p", pubrel(9));
        world.expect(["p: PUBCOMP 9"]);
        // [MQTT-4.3.3-12], whatever DUP says.
        world.send("p", level.publish(0x0c, "t", "b", 9));
        world.expect(["p: PUBREC 9", "s: q2 #2 t b"]);
    }
}

#[test]
fn a_sent_message_has_an_id_of_its_own_until_it_is_acknowledged() {
    for level in Level::BOTH {
        let mut world = pair(level, 2);
        // [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.2-3] [MQTT-4.3.3-1] [MQTT-4.3.3-3]; in 3.1.1 [MQTT-2.3.1-4].
        world.send("p", [level.publish(2, "t", "a", 1), level.publish(4, "t", "b", 2)].concat());
        world.expect(["p: PUBACK 1", "p: PUBREC 2", "s: q1 #1 t a", "s: q2 #2 t b"]);
        assert_eq!(world.session("s").unwrap().inflight, 2);
        // Of another id, of the wrong kind, too early: nothing of it counts.
        world.send("s", [puback(2), puback(3), pubcomp(2), pubcomp(1)].concat());
        assert_eq!(world.session("s").unwrap().inflight, 2);
        // [MQTT-4.3.3-4] [MQTT-4.3.3-5]
        world.send("s", [puback(1), pubrec(2)].concat());
        world.expect(["s: PUBREL 2"]);
        assert_eq!(world.session("s").unwrap().inflight, 1);
        // [MQTT-4.3.3-6]: PUBREC again is answered with PUBREL, never with the message.
        world.send("s", pubrec(2));
        world.expect(["s: PUBREL 2"]);
        world.send("s", pubcomp(2));
        assert_eq!(world.session("s").unwrap().inflight, 0);
    }
}

#[test]
fn a_refused_message_is_acknowledged_and_forgotten() {
    let permit = |_: &lmq_broker::AuthRequest| {
        let mut permissions = Permissions::nothing();
        permissions.grant(Access::Write, "t").unwrap();
        permissions.grant(Access::Read, "#").unwrap();
        Verdict::Allow(Grant::new(permissions))
    };
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.authenticate_by(permit);
        world.join("s", level);
        world.subscribe_in(level, "s", "#", 2);
        world.join("p", level);
        world.send("p", level.publish(0, "no", "x", 0));
        world.send("p", level.publish(2, "no", "x", 1));
        world.send("p", level.publish(4, "no", "x", 2));
        // In 3.1.1 [MQTT-3.3.5-2].
        let refused = if level == Level::V5 { " 0x87" } else { "" };
        world.expect([format!("p: PUBACK 1{refused}"), format!("p: PUBREC 2{refused}")]);
        // [MQTT-4.3.3-9]: the id is free.
        if level == Level::V3 {
            world.send("p", pubrel(2));
            world.expect(["p: PUBCOMP 2"]);
        }
        world.send("p", level.publish(4, "t", "yes", 2));
        world.expect(["p: PUBREC 2", "s: q2 #1 t yes"]);
    }
}

#[test]
fn messages_of_one_publisher_keep_their_order_and_so_do_the_answers() {
    for level in Level::BOTH {
        for qos in 1..=2 {
            let mut world = pair(level, qos);
            let ids = [7, 3, 9, 1, 5];
            // [MQTT-4.6.0-5] [MQTT-4.6.0-6]
            let bytes = ids.iter().flat_map(|id| level.publish(qos << 1, "t", &id.to_string(), *id));
            world.send("p", bytes.collect::<Vec<_>>());
            // [MQTT-4.6.0-2] [MQTT-4.6.0-3]
            let ack = if qos == 1 { "PUBACK" } else { "PUBREC" };
            let answers = ids.map(|id| format!("p: {ack} {id}"));
            let messages = [1, 2, 3, 4, 5].map(|n: usize| format!("s: q{qos} #{n} t {}", ids[n - 1]));
            assert_eq!(world.take_log(), [answers, messages].concat());
        }
        // [MQTT-4.6.0-4]
        let mut world = pair(level, 2);
        world.send("p", [level.publish(4, "t", "a", 1), level.publish(4, "t", "b", 2)].concat());
        world.take_log();
        world.send("s", [pubrec(2), pubrec(1)].concat());
        world.expect(["s: PUBREL 2", "s: PUBREL 1"]);
    }
}

#[test]
fn a_message_that_was_sent_before_it_expired_is_finished() {
    let mut world = World::new(mqtt(1));
    world.connect5("p", &[]);
    world.join_kept("s", Level::V5);
    world.subscribe_in(Level::V5, "s", "t", 2);
    world.send("p", publish5(4, "t", &[0x02, 0, 0, 0, 5], "x", 1));
    world.expect(["p: PUBREC 1", "s: q2 #1 t x {MessageExpiryInterval(5)}"]);
    world.cut("s");
    world.advance(Duration::from_secs(60));
    // [MQTT-4.3.3-7]
    world.rejoin("s", Level::V5, ["s: q2 #1 dup t x {MessageExpiryInterval(0)}"]);
    world.send("s", pubrec(1));
    world.expect(["s: PUBREL 1"]);
    world.send("s", pubcomp(1));
    assert_eq!(world.session("s").unwrap().inflight, 0);
}

#[test]
fn the_handshake_of_a_message_goes_on_when_the_message_has_expired() {
    let mut world = World::new(mqtt(1));
    world.join_kept("s", Level::V5);
    world.subscribe_in(Level::V5, "s", "t", 2);
    world.cut("s");
    world.join_kept("p", Level::V5);
    world.send("p", publish5(4, "t", &[0x02, 0, 0, 0, 1], "x", 1));
    world.expect(["p: PUBREC 1"]);
    world.advance(Duration::from_secs(2));
    // [MQTT-4.3.3-13]
    world.send("p", publish5(0x0c, "t", &[0x02, 0, 0, 0, 1], "x", 1));
    world.send("p", pubrel(1));
    world.expect(["p: PUBREC 1", "p: PUBCOMP 1"]);
    // [MQTT-3.3.2-5]
    world.connect_with("s", &Level::V5.kept("s"));
    world.expect(["s: dropped 1 Expired", "s: CONNACK 0 present"]);
}

#[test]
fn a_message_of_no_lifetime_is_acknowledged_and_reaches_nobody() {
    let mut world = pair(Level::V5, 1);
    // [MQTT-3.3.2-5]
    world.send("p", publish5(2, "t", &[0x02, 0, 0, 0, 0], "x", 1));
    world.expect(["s: dropped 1 Expired", "p: PUBACK 1"]);
}

#[test]
fn the_time_a_message_waited_is_taken_off_its_expiry() {
    let mut settings = mqtt(1);
    settings.limits.inflight_max = 1;
    let mut world = World::new(settings);
    world.connect5("p", &[]);
    world.connect5("s", &[]);
    world.connect("old");
    world.subscribe_in(Level::V5, "s", "t", 1);
    world.subscribe_in(Level::V3, "old", "t", 0);
    world.send("p", publish5(2, "t", &[], "first", 1));
    world.send("p", publish5(2, "t", &[0x02, 0, 0, 0, 100], "second", 2));
    world.send("p", publish5(2, "t", &[0x02, 0, 0, 0, 10], "third", 3));
    world.send("p", publish5(2, "t", &[], "fourth", 4));
    let log = world.take_log();
    assert!(log.contains(&"old: q0 t second".into()) && log.contains(&"s: q1 #1 t first".into()), "{log:?}");
    world.advance(Duration::from_secs(30));
    // [MQTT-3.3.2-6]
    world.send("s", puback(1));
    world.expect(["s: q1 #2 t second {MessageExpiryInterval(70)}"]);
    // [MQTT-3.3.2-5]
    world.send("s", puback(2));
    world.expect(["s: dropped 1 Expired", "s: q1 #3 t fourth"]);
}

#[test]
fn every_alias_we_announced_is_taken() {
    let mut world = World::new(mqtt(1));
    world.connect("s");
    world.subscribe("s", "#", 0);
    world.connect5("p", &[]);
    // [MQTT-3.3.2-12]
    for alias in 1..=30 {
        world.send("p", publish5(0, &format!("t/{alias}"), &[0x23, 0, alias], "x", 0));
        world.expect([format!("s: q0 t/{alias} x")]);
    }
    for alias in (1..=30).rev() {
        world.send("p", publish5(0, "", &[0x23, 0, alias], "y", 0));
        world.expect([format!("s: q0 t/{alias} y")]);
    }
    // [MQTT-3.3.2-9]
    world.send("p", publish5(0, "t", &[0x23, 0, 31], "x", 0));
    world.expect(["p: DISCONNECT 0x94", "p: closed protocol_error"]);
}

#[test]
fn without_topic_aliases_none_is_taken() {
    let mut settings = mqtt(1);
    settings.limits.topic_alias_max = 0;
    let mut world = World::new(settings);
    world.connect5("p", &[]);
    assert_eq!(world.transcript("p"), hex("20 0b 00 00 08 21 0400 27 01000000"));
    // [MQTT-3.2.2-18]
    world.send("p", publish5(0, "t", &[0x23, 0, 1], "x", 0));
    world.expect(["p: DISCONNECT 0x94", "p: closed protocol_error"]);
}

#[test]
fn an_alias_of_ours_stays_within_what_the_client_takes_and_on_its_connection() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    // [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11]
    for (properties, max) in [(&[][..], 0), (&[0x22, 0, 0], 0), (&[0x22, 0, 2], 2), (&[0x22, 0xff, 0xff], 16)] {
        for _ in 0..2 {
            // [MQTT-3.3.2-7]: the second connection is told everything anew.
            world.connect5("s", properties);
            world.subscribe_in(Level::V5, "s", "#", 0);
            for topic in 1..=20 {
                world.send("p", publish(&format!("t/{topic}"), "x", 0, 0));
                let alias = match max {
                    0 => String::new(),
                    max => format!(" {{TopicAlias({})}}", (topic - 1) % max + 1),
                };
                world.expect([format!("s: q0 t/{topic} x{alias}")]);
            }
            world.cut("s");
        }
    }
}

#[test]
fn an_alias_is_told_only_where_it_has_room() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect5("s", &[0x27, 0, 0, 0, 30, 0x22, 0, 5]);
    world.subscribe_in(Level::V5, "s", "t", 0);
    // Without alias 25 bytes are 31: the alias needs three, and saves one once it is known.
    let topic =
        [(24, "t", ""), (22, "t", ""), (21, "t", " {TopicAlias(1)}"), (1, "-", " {TopicAlias(1)}"), (24, "t", "")];
    for (size, topic, alias) in topic {
        let payload = "x".repeat(size);
        world.send("p", publish("t", &payload, 0, 0));
        // [MQTT-3.1.2-24]
        world.expect([format!("s: q0 {topic} {payload}{alias}")]);
    }
}

#[test]
fn what_a_message_has_does_not_depend_on_where_its_subscriber_is_or_how_large_it_is() {
    for shards in [1, 3] {
        let mut world = World::new(mqtt(shards));
        world.connect5("p", &[]);
        let names = ["a", "b", "c", "d"];
        for name in names {
            world.connect5(name, &[]);
            world.send(name, subscribe5(1, &[0x0b, 9], &[("t", 0x08 | 1)]));
            world.expect([format!("{name}: SUBACK 1 [1]")]);
        }
        for (id, size) in [(1, 10), (2, 5_000), (3, 70_000)] {
            let properties = [&[0x02, 0, 0, 0, 9][..], &[0x01, 1, 0x26, 0, 1, b'n', 0, 1, b'v']].concat();
            world.send("p", publish5(0x03, "t", &properties, &"x".repeat(size), id));
            let mut log = world.take_log();
            log.retain(|line| line != &format!("p: PUBACK {id}"));
            let payload = if size > 32 { format!("{size} bytes") } else { "x".repeat(size) };
            let kept = "UserProperty(UserProperty { name: \"n\", value: \"v\" })";
            for (line, name) in log.iter().zip(names) {
                // [MQTT-3.3.1-13] [MQTT-3.3.2-4] [MQTT-3.3.2-6] [MQTT-3.3.2-17] [MQTT-3.3.4-3]
                assert!(line.starts_with(&format!("{name}: q1 #{id} retain t {payload} {{")), "{line}");
                for property in ["SubscriptionIdentifier(SubscriptionId(9))", "MessageExpiryInterval(9)", kept] {
                    assert!(line.contains(property), "{line}");
                }
            }
            assert_eq!(log.len(), names.len());
        }
    }
}

#[test]
fn a_message_nobody_may_have_is_no_secret_to_its_publisher() {
    let mut world = World::new(mqtt(1));
    world.connect5("p", &[]);
    // [MQTT-3.3.4-1]: answered by its QoS, with a code that says so.
    world.send("p", publish5(0, "t", &[], "x", 0));
    world.send("p", publish5(2, "t", &[], "x", 1));
    world.send("p", publish5(4, "t", &[], "x", 2));
    world.expect(["p: PUBACK 1 16", "p: PUBREC 2 16"]);
    assert!(world.transcript("p").ends_with(&hex("40 03 0001 10 50 03 0002 10")));
}

#[test]
fn acknowledgements_carry_no_words_wanted_or_not() {
    let (p, reject) = ("GID_Test@@@p", hex("40 03 0001 97"));
    for properties in [&[0x17, 0][..], &[0x17, 1], &[]] {
        let mut settings = lmq(1);
        settings.profile.denied = lmq_broker::Denied::Refuse;
        let mut world = World::new(settings);
        world.connect_with(p, &Connect::v5(p, properties));
        world.take_log();
        // [MQTT-3.1.2-29] [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3]
        world.send(p, publish5(2, "T/x", &[], &"x".repeat(65_537), 1));
        assert!(world.transcript(p).ends_with(&reject));
        world.send(p, publish5(4, "other", &[], "x", 2));
        assert!(world.transcript(p).ends_with(&hex("50 03 0002 87")));
        world.send(p, pubrec(3));
        assert!(world.transcript(p).ends_with(&hex("62 03 0003 92")));
        // [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2]
        world.send(p, pubrel(4));
        assert!(world.transcript(p).ends_with(&hex("70 03 0004 92")));
        world.send(p, subscribe5(5, &[], &[("other", 0)]));
        assert!(world.transcript(p).ends_with(&hex("90 04 0005 00 87")));
        world.send(p, crate::common::unsubscribe5(6, &["other"]));
        assert!(world.transcript(p).ends_with(&hex("b0 04 0006 00 11")));
        world.take_log();
    }
}
