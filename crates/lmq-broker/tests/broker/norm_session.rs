//! Sessions and their end as the standards number them: ids without further words are those of MQTT 5.0.

use std::time::Duration;

use crate::common::{Connect, DISCONNECT, Level, World, ack5, disconnect5, mqtt, puback, pubcomp, pubrec, pubrel};

/// MQTT 5.0 with a session of so many seconds.
fn seconds(name: &str, secs: u8) -> Connect {
    Connect { clean: false, ..Connect::v5(name, &[0x11, 0, 0, 0, secs]) }
}

#[test]
fn a_clean_start_discards_what_was_there() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join("p", level);
        world.join_kept("s", level);
        world.subscribe_in(level, "s", "t", 2);
        world.send("p", level.publish(4, "t", "open", 1));
        world.expect(["p: PUBREC 1", "s: q2 #1 t open"]);
        world.send("s", level.publish(4, "u", "open too", 9));
        world.cut("s");
        world.send("p", level.publish(2, "t", "waits", 2));
        world.take_log();
        // [MQTT-3.1.2-4]; in 3.1.1 [MQTT-3.1.2-6].
        world.join("s", level);
        assert_eq!(world.session("s").unwrap().subscriptions, 0);
        // Not even the id of the message that was being received is known any more.
        world.subscribe_in(level, "s", "u", 0);
        world.send("s", level.publish(4, "u", "new", 9));
        world.expect(["s: q0 u new", "s: PUBREC 9"]);
        world.cut("s");
        world.join_kept("s", level);
        assert_eq!(world.session("s").unwrap().subscriptions, 0);
    }
}

#[test]
fn everything_that_is_open_goes_on_in_the_next_connection() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join("p", level);
        world.join_kept("s", level);
        world.subscribe_in(level, "s", "t", 2);
        let bytes = [(2, "a", 1), (4, "b", 2), (2, "c", 3), (4, "d", 4), (2, "e", 5)];
        world.send("p", bytes.iter().flat_map(|(q, m, id)| level.publish(*q, "t", m, *id)).collect::<Vec<_>>());
        world.take_log();
        world.send("s", [puback(3), pubrec(4)].concat());
        world.expect(["s: PUBREL 4"]);
        // Not before the connection ends, however long it takes.
        world.advance(Duration::from_secs(1_000_000));
        world.expect_nothing();
        world.cut("s");
        // [MQTT-3.1.2-5] [MQTT-3.3.1-1] [MQTT-4.4.0-1] [MQTT-4.6.0-1]; in 3.1.1 [MQTT-4.1.0-1].
        world.rejoin("s", level, ["s: PUBREL 4", "s: q1 #1 dup t a", "s: q2 #2 dup t b", "s: q1 #5 dup t e"]);
        world.send("s", [pubcomp(4), puback(1), pubrec(2), puback(5)].concat());
        world.expect(["s: PUBREL 2"]);
        world.send("s", pubcomp(2));
        world.cut("s");
        world.rejoin("s", level, []);
    }
}

#[test]
fn a_clean_session_is_sent_nothing_again() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join("p", level);
        world.join("s", level);
        world.subscribe_in(level, "s", "t", 1);
        world.send("p", level.publish(2, "t", "x", 1));
        world.expect(["p: PUBACK 1", "s: q1 #1 t x"]);
        world.cut("s");
        // [MQTT-4.1.0-2]; in 3.1.1 [MQTT-3.1.2-6].
        assert!(world.session("s").is_none());
        world.join("s", level);
    }
}

#[test]
fn a_failure_in_puback_or_pubrec_counts_as_acknowledged() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.join_kept("s", Level::V5);
    world.subscribe_in(Level::V5, "s", "t", 2);
    world.send("p", [Level::V3.publish(2, "t", "a", 1), Level::V3.publish(4, "t", "b", 2)].concat());
    world.expect(["p: PUBACK 1", "p: PUBREC 2", "s: q1 #1 t a", "s: q2 #2 t b"]);
    // [MQTT-4.4.0-2]
    world.send("s", [ack5(0x40, 1, 0x97), ack5(0x50, 2, 0x83)].concat());
    world.expect_nothing();
    world.cut("s");
    world.rejoin("s", Level::V5, []);
    assert_eq!(world.session("s").unwrap().inflight, 0);
}

#[test]
fn a_session_does_not_end_while_its_connection_lasts() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_with("s", &seconds("s", 1));
    world.expect(["s: CONNACK 0"]);
    world.subscribe_in(Level::V5, "s", "t", 0);
    // [MQTT-4.1.0-1]; in 3.1.1 [MQTT-4.1.0-2].
    world.advance(Duration::from_secs(3600));
    world.send("p", Level::V3.publish(0, "t", "x", 0));
    world.expect(["s: q0 t x"]);
    world.cut("s");
    world.advance(Duration::from_millis(999));
    // [MQTT-3.1.2-23]
    assert_eq!(world.stored_sessions(), 1);
    world.advance(Duration::from_millis(1));
    // [MQTT-4.1.0-2]
    assert_eq!(world.stored_sessions(), 0);
    world.connect_with("s", &seconds("s", 1));
    world.expect(["s: CONNACK 0"]);
}

#[test]
fn a_session_without_end_stays() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join_kept("s", level);
        world.cut("s");
        // [MQTT-3.1.2-23]; in 3.1.1 [MQTT-3.1.2-4].
        world.advance(Duration::from_secs(u64::from(u32::MAX) + 60));
        world.rejoin("s", level, []);
    }
}

#[test]
fn without_a_session_expiry_a_session_of_mqtt_5_ends_with_its_connection() {
    let mut world = World::new(mqtt(1));
    for goodbye in [true, false] {
        world.connect_with("s", &Connect { clean: false, ..Connect::v5("s", &[]) });
        world.expect(["s: CONNACK 0"]);
        match goodbye {
            true => world.disconnect("s"),
            false => world.cut("s"),
        }
        // [MQTT-4.1.0-2]
        assert!(world.session("s").is_none());
    }
    assert_eq!(world.stored_sessions(), 0);
}

#[test]
fn the_last_word_on_the_length_of_a_session_counts() {
    let mut world = World::new(mqtt(1));
    world.connect_with("s", &seconds("s", 100));
    world.send("s", disconnect5(0, &[0x11, 0, 0, 0, 10]));
    world.expect(["s: CONNACK 0", "s: closed disconnected"]);
    world.advance(Duration::from_secs(9));
    world.connect_with("s", &seconds("s", 5));
    world.expect(["s: CONNACK 0 present"]);
    world.cut("s");
    world.advance(Duration::from_secs(5));
    // [MQTT-4.1.0-2]
    assert_eq!(world.stored_sessions(), 0);
    world.connect_with("s", &seconds("s", 5));
    world.send("s", DISCONNECT);
    world.expect(["s: CONNACK 0", "s: closed disconnected"]);
    assert_eq!(world.stored_sessions(), 1);
}

#[test]
fn a_message_is_added_to_every_session_that_matches() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join("p", level);
        for name in ["here", "gone", "other"] {
            world.join_kept(name, level);
            world.subscribe_in(level, name, if name == "other" { "u" } else { "t" }, 1);
        }
        world.cut("gone");
        world.cut("other");
        // [MQTT-4.5.0-1]; in 3.1.1 [MQTT-3.1.2-5].
        world.send("p", level.publish(2, "t", "x", 1));
        world.expect(["here: q1 #1 t x", "p: PUBACK 1"]);
        world.rejoin("gone", level, ["gone: q1 #1 t x"]);
        world.rejoin("other", level, []);
    }
}

#[test]
fn a_message_received_before_is_still_known_after_a_reconnection() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join("s", level);
        world.subscribe_in(level, "s", "t", 0);
        world.join_kept("p", level);
        world.send("p", level.publish(4, "t", "once", 5));
        world.expect(["p: PUBREC 5", "s: q0 t once"]);
        world.cut("p");
        world.rejoin("p", level, []);
        // [MQTT-4.3.3-10]; in 3.1.1 [MQTT-4.4.0-1].
        world.send("p", level.publish(0x0c, "t", "once", 5));
        world.send("p", pubrel(5));
        world.expect(["p: PUBREC 5", "p: PUBCOMP 5"]);
    }
}
