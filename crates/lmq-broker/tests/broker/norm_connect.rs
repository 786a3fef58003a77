//! CONNECT and CONNACK as the standards number them: ids without further words are those of MQTT 5.0.

use std::time::Duration;

use lmq_broker::{Refusal, Verdict};

use crate::common::{Connect, Level, PINGREQ, Will, World, allow, hex, mqtt, puback, publish5, subscribe5};

/// MQTT 5.0 without client id, with a session of a minute.
fn nameless(clean: bool) -> Connect {
    Connect { clean, client_id: String::new(), ..Connect::v5("", &[0x11, 0, 0, 0, 60]) }
}

#[test]
fn client_ids_of_letters_and_digits_are_taken() {
    let ids = ["a", "Z", "0", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ"];
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        for id in ids {
            // [MQTT-3.1.3-5]
            world.connect_with("c", &level.clean(id));
            world.expect(["c: CONNACK 0"]);
            assert!(world.session(id).is_some());
            world.disconnect("c");
        }
    }
}

#[test]
fn an_assigned_client_id_names_the_session_from_then_on() {
    let mut world = World::new(mqtt(1));
    let mut ids = Vec::new();
    for (name, clean) in [("a", true), ("b", false)] {
        // [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16]
        world.connect_with(name, &nameless(clean));
        let log = world.take_log();
        let id = log[0].split('"').nth(1).unwrap_or_else(|| panic!("{log:?}")).to_owned();
        assert_eq!(log, [format!("{name}: CONNACK 0 {{AssignedClientIdentifier(\"{id}\")}}")]);
        world.send(name, subscribe5(1, &[], &[("t", 0)]));
        world.expect([format!("{name}: SUBACK 1 [0]")]);
        world.cut(name);
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
    for id in ids {
        // [MQTT-3.1.3-2]
        world.connect_with("again", &Connect { client_id: id, ..nameless(false) });
        world.expect(["again: CONNACK 0 present"]);
        world.cut("again");
    }
}

#[test]
fn a_client_without_id_is_told_that_it_needs_one() {
    let mut settings = mqtt(1);
    settings.profile.client_id_assigned = false;
    let mut world = World::new(settings);
    // [MQTT-3.1.3-8]
    world.connect_with("a", &nameless(true));
    assert_eq!(world.transcript("a"), hex("20 03 00 85 00"));
    world.expect(["a: CONNACK 0x85", "a: closed refused"]);
}

#[test]
fn every_refusal_has_its_reason_code_and_closes() {
    let refusals = [
        (Refusal::ProtocolVersion, 0x84),
        (Refusal::Identifier, 0x85),
        (Refusal::Credentials, 0x86),
        (Refusal::NotAuthorized, 0x87),
        (Refusal::Unavailable, 0x88),
        (Refusal::Banned, 0x8a),
        (Refusal::AuthenticationMethod, 0x8c),
        (Refusal::QuotaExceeded, 0x97),
        (Refusal::ConnectionRate, 0x9f),
    ];
    let mut world = World::new(mqtt(1));
    world.connect_with("c", &Level::V5.kept("c"));
    world.expect(["c: CONNACK 0"]);
    world.cut("c");
    for (refusal, code) in refusals {
        world.authenticate_by(move |_| Verdict::Deny(refusal));
        // [MQTT-3.1.4-2] [MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-4.13.2-1]: not present, although it is there.
        world.connect_with("c", &Level::V5.kept("c"));
        assert_eq!(world.transcript("c"), [0x20, 3, 0, code, 0]);
        world.expect([format!("c: CONNACK {code:#x}"), "c: closed refused".into()]);
    }
}

#[test]
fn a_refused_client_gets_nothing_of_what_it_sent_behind_its_connect() {
    let mut world = World::new(mqtt(1));
    world.connect5("watcher", &[]);
    world.subscribe_in(Level::V5, "watcher", "#", 2);
    world.authenticate_by(|_| Verdict::Deny(Refusal::Credentials));
    world.open5("a");
    // [MQTT-3.1.4-6]
    let behind = [publish5(2, "t", &[], "sneaked in", 7), subscribe5(8, &[], &[("#", 0)])].concat();
    world.send("a", [Connect::v5("a", &[]).bytes(), behind].concat());
    assert_eq!(world.transcript("a"), hex("20 03 00 86 00"));
    let log = world.take_log();
    assert!(log.iter().all(|line| line.starts_with("a: ")), "{log:?}");
}

#[test]
fn connack_comes_first_and_once() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.hold_verdicts();
        let behind = [level.subscribe(1, &[("t", 0)]), PINGREQ.to_vec()].concat();
        world.connect_with("a", &level.clean("a"));
        world.send("a", behind);
        world.expect_nothing();
        world.release_verdicts();
        let mut log = world.take_log();
        log.retain(|line| !line.ends_with("paused") && !line.ends_with("resumed"));
        // [MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT-3.2.0-2]
        assert_eq!(log, ["a: CONNACK 0", "a: SUBACK 1 [0]", "a: PINGRESP"]);
    }
}

#[test]
fn a_connect_that_cannot_be_is_answered_with_its_reason_or_not_at_all() {
    // [MQTT-3.1.4-1]
    let cases = [
        // [MQTT-3.1.2-3]: the reserved flag.
        ("10 0e 0004 4d515454 05 03 0000 00 0001 61", Some(0x81)),
        // [MQTT-3.1.2-12]: will QoS 3.
        ("10 15 0004 4d515454 05 1e 0000 00 0001 61 00 0001 77 0001 78", Some(0x81)),
        // [MQTT-3.1.2-11]: a will QoS without a will.
        ("10 0e 0004 4d515454 05 0a 0000 00 0001 61", Some(0x81)),
        // [MQTT-3.1.3-4]: a client id that is not UTF-8.
        ("10 0e 0004 4d515454 05 02 0000 00 0001 ff", Some(0x81)),
        // A byte behind the last field.
        ("10 0f 0004 4d515454 05 02 0000 00 0001 61 00", Some(0x81)),
        // Receive maximum 0, maximum packet size 0, session expiry twice, data without a method.
        ("10 11 0004 4d515454 05 02 0000 03 210000 0001 61", Some(0x82)),
        ("10 13 0004 4d515454 05 02 0000 05 2700000000 0001 61", Some(0x82)),
        ("10 18 0004 4d515454 05 02 0000 0a 1100000000 1100000000 0001 61", Some(0x82)),
        ("10 12 0004 4d515454 05 02 0000 04 16000178 0001 61", Some(0x82)),
        // A property of another packet.
        ("10 11 0004 4d515454 05 02 0000 03 230001 0001 61", Some(0x81)),
        // [MQTT-3.1.2-1]: another protocol.
        ("10 0e 0004 4d515458 05 02 0000 00 0001 61", None),
    ];
    let mut world = World::new(mqtt(1));
    for (bytes, code) in cases {
        world.open5("a");
        world.send("a", hex(bytes));
        let answer = code.map_or(Vec::new(), |code| vec![0x20, 3, 0, code, 0]);
        assert_eq!(world.transcript("a"), answer, "{bytes}");
        let log = world.take_log();
        assert_eq!(log.last().map(String::as_str), Some("a: closed malformed"), "{bytes}");
    }
}

#[test]
fn session_present_says_what_was_there() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        // [MQTT-3.1.2-6] [MQTT-3.2.2-3]; in 3.1.1 [MQTT-3.1.2-4].
        world.join_kept("c", level);
        world.disconnect("c");
        // [MQTT-3.1.2-5]
        world.rejoin("c", level, []);
        world.disconnect("c");
        // [MQTT-3.1.4-4] [MQTT-3.2.2-2]; in 3.1.1 [MQTT-3.1.4-3].
        world.join("c", level);
        world.disconnect("c");
        world.join_kept("c", level);
    }
}

#[test]
fn a_session_belongs_to_its_client_id_whatever_version_comes_next() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.join_kept("c", Level::V3);
    world.subscribe("c", "t", 1);
    world.cut("c");
    for (round, level) in [Level::V5, Level::V3, Level::V5].into_iter().enumerate() {
        let id = round as u16 + 1;
        world.send("p", Level::V3.publish(2, "t", "x", id));
        world.expect([format!("p: PUBACK {id}")]);
        // [MQTT-3.1.3-2]
        let lines = ["c: q1 #1 t x", "c: q1 #2 t x", "c: q1 #3 t x"];
        world.rejoin("c", level, [lines[round]]);
        world.send("c", puback(id));
        world.cut("c");
    }
}

#[test]
fn silence_for_one_and_a_half_times_the_keep_alive_closes_and_is_named() {
    let mut world = World::new(mqtt(1));
    world.connect_with("a", &Connect::v5("a", &[]).keep_alive(10));
    world.expect(["a: CONNACK 0"]);
    world.advance(Duration::from_millis(14_999));
    world.send("a", PINGREQ);
    // [MQTT-3.12.4-1]
    world.expect(["a: PINGRESP"]);
    world.advance(Duration::from_millis(14_999));
    world.expect_nothing();
    world.advance(Duration::from_millis(1));
    // [MQTT-3.1.2-22] [MQTT-3.2.2-22]
    world.expect(["a: DISCONNECT 0x8d", "a: closed keep_alive"]);
}

#[test]
fn a_keep_alive_of_the_server_is_announced_and_counts() {
    let mut settings = mqtt(1);
    settings.profile.keep_alive_max = Some(Duration::from_secs(4));
    for asked in [0, 5, 65_535] {
        let mut world = World::new(settings.clone());
        world.connect_with("a", &Connect::v5("a", &[]).keep_alive(asked));
        world.expect(["a: CONNACK 0 {ServerKeepAlive(4)}"]);
        world.advance(Duration::from_millis(5_999));
        world.expect_nothing();
        world.advance(Duration::from_millis(1));
        // [MQTT-3.1.2-21] [MQTT-3.2.2-21]
        world.expect(["a: DISCONNECT 0x8d", "a: closed keep_alive"]);
    }
    let mut world = World::new(settings);
    world.connect_with("a", &Connect::v5("a", &[]).keep_alive(4));
    world.expect(["a: CONNACK 0"]);
}

#[test]
fn a_session_expiry_of_the_server_is_announced() {
    let mut settings = mqtt(1);
    settings.profile.session_expiry_max = Some(Duration::from_secs(60));
    let mut world = World::new(settings);
    world.connect_with("a", &Level::V5.kept("a"));
    world.expect(["a: CONNACK 0 {SessionExpiryInterval(60)}"]);
    world.cut("a");
    world.advance(Duration::from_secs(59));
    assert!(world.session("a").is_some());
    world.advance(Duration::from_secs(1));
    assert!(world.session("a").is_none());
}

#[test]
fn response_information_is_not_given_asked_for_or_not() {
    let mut world = World::new(mqtt(1));
    // [MQTT-3.1.2-28]
    for properties in [&[][..], &[0x19, 0], &[0x19, 1]] {
        world.connect5("a", properties);
        assert_eq!(world.transcript("a"), hex("20 0e 00 00 0b 21 0400 27 01000000 22 001e"));
        world.disconnect("a");
    }
}

#[test]
fn without_retained_messages_a_retained_will_and_publish_are_refused() {
    let mut settings = mqtt(1);
    settings.profile.retained_messages = false;
    let mut world = World::new(settings);
    // [MQTT-3.2.2-13]
    let will = Will { topic: "w", retain: true, ..Will::default() };
    world.connect_with("a", &Connect::v5("a", &[]).will(will.clone()));
    world.expect(["a: CONNACK 0x9a", "a: closed refused"]);
    world.connect_with("a", &Connect::v5("a", &[]).will(Will { retain: false, ..will }));
    world.expect(["a: CONNACK 0 {RetainAvailable(false)}"]);
    // [MQTT-3.2.2-14]
    world.send("a", publish5(0x01, "t", &[], "x", 0));
    world.expect(["a: DISCONNECT 0x9a", "a: closed protocol_error"]);
}

#[test]
fn a_packet_over_our_maximum_is_refused_by_its_header() {
    let mut settings = mqtt(1);
    settings.limits.packet_bytes_max = 64;
    let mut world = World::new(settings);
    world.connect5("a", &[]);
    assert_eq!(world.transcript("a"), hex("20 0e 00 00 0b 21 0400 27 00000040 22 001e"));
    world.send("a", publish5(0, "t", &[], &"x".repeat(58), 0));
    world.expect_nothing();
    // [MQTT-3.2.2-15]
    world.send("a", [0x30, 63]);
    world.expect(["a: DISCONNECT 0x95", "a: closed malformed"]);
}

#[test]
fn a_client_that_is_not_in_yet_is_closed_without_disconnect() {
    let mut world = World::new(mqtt(1));
    world.hold_store();
    world.connect_with("s", &Level::V5.kept("s"));
    world.connect_with("s2", &Level::V5.kept("s"));
    // [MQTT-3.14.0-1]
    assert_eq!(world.transcript("s"), b"");
    world.expect(["s: closed taken_over"]);
    world.release_store();
    world.expect(["s2: CONNACK 0"]);
}

#[test]
fn every_qos_is_available_and_so_not_announced() {
    let mut world = World::new(mqtt(1));
    // [MQTT-3.2.2-9] [MQTT-3.2.2-12]: CONNACK has no maximum QoS, and a will of any QoS comes in.
    for qos in 0..=2 {
        let will = Will { topic: "w", payload: "x", qos, ..Will::default() };
        world.connect_with("a", &Connect::v5("a", &[]).will(will));
        world.expect(["a: CONNACK 0"]);
        // [MQTT-3.2.2-10]
        world.send("a", subscribe5(1, &[], &[("t", qos)]));
        world.expect([format!("a: SUBACK 1 [{qos}]")]);
        world.disconnect("a");
    }
}

#[test]
fn a_password_needs_no_user_name_in_mqtt_5() {
    let mut world = World::new(mqtt(1));
    world.authenticate_by(|request| {
        assert_eq!(request.username, None);
        assert_eq!(request.password.as_ref().map(|password| password.as_bytes()), Some(&b"secret"[..]));
        allow()
    });
    // [MQTT-3.1.2-16] [MQTT-3.1.2-19]; in 3.1.1 it is malformed.
    world.connect_with("a", &Connect { password: Some("secret".into()), ..Connect::v5("a", &[]) });
    world.expect(["a: CONNACK 0"]);
    world.connect_with("b", &Connect { password: Some("secret".into()), ..Connect::new("b") });
    world.expect(["b: closed malformed"]);
}

#[test]
fn mqtt_3_1_has_no_session_present() {
    let mut world = World::new(mqtt(1));
    for _ in 0..2 {
        world.connect_with("a", &Connect::kept("a").level(3));
        assert_eq!(world.transcript("a"), hex("20 02 00 00"));
        world.expect(["a: CONNACK 0"]);
        world.cut("a");
    }
    world.rejoin("a", Level::V3, []);
}
