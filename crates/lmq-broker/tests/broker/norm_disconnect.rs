//! DISCONNECT and what a violation of the standard leads to: ids without further words are those of MQTT 5.0.

use crate::common::{Connect, DISCONNECT, Level, World, disconnect5, hex, mqtt, publish5};

#[test]
fn nothing_behind_a_disconnect_is_served() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join("watcher", level);
        world.subscribe_in(level, "watcher", "#", 0);
        world.join("a", level);
        // [MQTT-3.14.4-1] [MQTT-3.14.4-2]
        world.send("a", [&DISCONNECT[..], &level.publish(0, "t", "late", 0)].concat());
        world.send("a", level.publish(0, "t", "later", 0));
        world.expect(["a: closed disconnected"]);
    }
}

#[test]
fn nothing_follows_a_disconnect_of_the_server() {
    let mut world = World::new(mqtt(1));
    world.connect5("watcher", &[]);
    world.subscribe_in(Level::V5, "watcher", "t", 0);
    world.connect5("a", &[]);
    world.subscribe_in(Level::V5, "a", "t", 0);
    // [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-4.13.1-1] [MQTT-4.13.2-1]: one packet against the rules among others.
    let bytes = [publish5(0, "t", &[], "one", 0), hex("c1 00"), publish5(0, "t", &[], "two", 0)];
    world.send("a", bytes.concat());
    world.expect(["a: q0 t one", "a: DISCONNECT 0x81", "a: closed malformed", "watcher: q0 t one"]);
    world.send("a", publish5(0, "t", &[], "three", 0));
    world.expect_nothing();
}

#[test]
fn every_reason_a_client_may_give_ends_the_connection_without_an_answer() {
    let mut world = World::new(mqtt(1));
    for reason in [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99] {
        world.connect5("a", &[]);
        world.send("a", disconnect5(reason, &[]));
        let log = world.take_log();
        assert!(log.len() == 1 && log[0].starts_with("a: closed disconnected"), "{reason:#x}: {log:?}");
    }
    // [MQTT-3.14.2-1]: one that does not exist.
    world.connect5("a", &[]);
    world.send("a", disconnect5(0x05, &[]));
    world.expect(["a: DISCONNECT 0x81", "a: closed malformed"]);
}

#[test]
fn a_disconnect_tells_its_words_only_where_they_are_wanted_and_have_room() {
    let mut world = World::new(mqtt(1));
    let cases = [
        (&[][..], true),
        // [MQTT-3.14.2-3]: the client takes packets of 20 bytes.
        (&[0x27, 0, 0, 0, 20], false),
        // [MQTT-3.1.2-29]: it wants no words.
        (&[0x17, 0], false),
    ];
    for (properties, words) in cases {
        world.connect5("a", properties);
        world.send("a", Connect::v5("a", &[]).bytes());
        world.expect(["a: DISCONNECT 0x82", "a: closed unexpected_packet"]);
        let connack = hex("20 0e 00 00 0b 21 0400 27 01000000 22 001e");
        let goodbye = world.transcript("a").strip_prefix(&connack[..]).expect("CONNACK").to_vec();
        // [MQTT-3.14.2-2] [MQTT-3.14.2-4]: nothing but a reason string.
        match words {
            true => assert_eq!(goodbye[4..7], [0x1f, 0, 18], "{goodbye:02x?}"),
            false => assert!(goodbye == hex("e0 01 82") || goodbye == hex("e0 02 82 00"), "{goodbye:02x?}"),
        }
    }
}

#[test]
fn what_breaks_the_standard_closes_with_its_reason() {
    // [MQTT-4.13.1-1]; in 3.1.1 [MQTT-4.8.0-1].
    let cases = [
        // [MQTT-3.3.1-4]: QoS 3.
        ("36 06 0001 74 0001 00", 0x81),
        // [MQTT-3.3.1-2]: DUP at QoS 0.
        ("38 04 0001 74 00", 0x81),
        // [MQTT-3.3.2-2]: a wildcard in a topic name.
        ("30 04 0001 23 00", 0x90),
        // [MQTT-2.2.1-3]: packet id 0.
        ("32 06 0001 74 0000 00", 0x81),
        // [MQTT-4.7.3-1]: an empty topic without alias.
        ("30 03 0000 00", 0x82),
        // [MQTT-3.3.2-8]: alias 0.
        ("30 07 0001 74 03 230000", 0x94),
        // [MQTT-3.3.2-1]: a topic that is not UTF-8.
        ("30 04 0001 c0 00", 0x81),
        // [MQTT-3.3.2-14]: a wildcard in the response topic.
        ("30 08 0001 74 04 08000123", 0x82),
        // [MQTT-3.3.4-6]: a subscription identifier.
        ("30 06 0001 74 02 0b01", 0x82),
        // Content type twice.
        ("30 0c 0001 74 08 03000161 03000161", 0x82),
        // [MQTT-3.8.3-2]: SUBSCRIBE without filter.
        ("82 03 0001 00", 0x82),
        // [MQTT-3.8.1-1]: SUBSCRIBE with reserved flags.
        ("80 07 0001 00 0001 74 00", 0x81),
        // [MQTT-3.8.3-5]: reserved bits beside a filter.
        ("82 07 0001 00 0001 74 40", 0x81),
        // Retain handling 3, subscription identifier 0.
        ("82 07 0001 00 0001 74 30", 0x82),
        ("82 09 0001 02 0b00 0001 74 00", 0x82),
        // [MQTT-3.8.3-4]: no-local and a shared subscription.
        ("82 10 0001 00 000a 24736861 72652f67 2f74 04", 0x82),
        // [MQTT-4.7.1-1] [MQTT-4.7.1-2]: misplaced wildcards.
        ("82 09 0001 00 0003 23 2f 61 00", 0x8f),
        ("82 08 0001 00 0002 61 2b 00", 0x8f),
        // [MQTT-4.8.2-1] [MQTT-4.8.2-2]: a share without name, with a wildcard in it, and without filter.
        ("82 0f 0001 00 0009 24736861 72652f2f 74 00", 0x8f),
        ("82 10 0001 00 000a 24736861 72652f2b 2f74 00", 0x8f),
        ("82 0e 0001 00 0008 24736861 72652f67 00", 0x8f),
        // [MQTT-3.10.1-1] [MQTT-3.10.3-2]
        ("a0 06 0001 00 0001 74", 0x81),
        ("a2 03 0001 00", 0x82),
        // [MQTT-3.6.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1] [MQTT-2.1.3-1]
        ("60 02 0001", 0x81),
        ("e1 00", 0x81),
        ("f1 00", 0x81),
        ("c1 00", 0x81),
        // [MQTT-3.4.2-1]: a reason code that PUBACK does not have.
        ("40 03 0001 01", 0x81),
        // A packet type that is reserved, and a length without end.
        ("00 00", 0x81),
        ("30 ffffffff7f", 0x81),
    ];
    let mut world = World::new(mqtt(1));
    let mut wrong = Vec::new();
    for (bytes, code) in cases {
        world.connect5("a", &[]);
        world.send("a", hex(bytes));
        let log = world.take_log();
        if log.len() != 2 || log[0] != format!("a: DISCONNECT {code:#x}") || !log[1].starts_with("a: closed ") {
            wrong.push(format!("{bytes}: {log:?}, not {code:#x}"));
        }
        if !world.is_gone("a") {
            world.cut("a");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_packet_out_of_place_is_a_protocol_error() {
    let mut world = World::new(mqtt(1));
    let cases = [
        // [MQTT-3.1.0-2]
        Connect::v5("a", &[]).bytes(),
        // What only a server sends: CONNACK, SUBACK, UNSUBACK, PINGRESP.
        hex("20 03 00 00 00"),
        hex("90 04 0001 00 00"),
        hex("b0 04 0001 00 00"),
        hex("d0 00"),
    ];
    for bytes in cases {
        world.connect5("a", &[]);
        world.send("a", bytes);
        world.expect(["a: DISCONNECT 0x82", "a: closed unexpected_packet"]);
    }
}

#[test]
fn a_failure_of_ours_closes_the_connection_that_waits_for_it() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join_kept("a", level);
        world.break_store();
        // [MQTT-4.13.1-1]; in 3.1.1 [MQTT-4.8.0-2].
        world.send("a", level.subscribe(1, &[("t", 1)]));
        world.expect_all(&level.closed("a", 0x89, "effect_failed"));
    }
}
