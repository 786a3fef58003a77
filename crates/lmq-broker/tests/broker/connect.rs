//! CONNECT, CONNACK, and everything that is refused before or instead of it.

use std::time::Duration;

use lmq_broker::{Limits, Refusal, Verdict};

use crate::common::{Connect, PINGREQ, World, hex, lmq, mqtt, packet, peer, publish, subscribe};

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
}

#[test]
fn an_unknown_protocol_name_is_closed_in_silence() {
    let mut world = World::new(mqtt(1));
    world.open("a");
    // [MQTT-3.1.2-1]
    world.send("a", hex("10 0d 0004 4d515458 04 02 0000 0001 61"));
    assert_eq!(world.transcript("a"), b"");
    world.expect(["a: closed malformed"]);
}

#[test]
fn mqtt_3_1_is_spoken_too() {
    let mut world = World::new(mqtt(1));
    world.connect_with("a", &Connect::new("a").level(3));
    world.expect(["a: CONNACK 0"]);
}

#[test]
fn a_client_id_that_the_profile_does_not_know_is_refused_with_code_2() {
    let mut world = World::new(lmq(1));
    world.connect_with("a", &Connect::new("a"));
    world.expect(["a: CONNACK 2", "a: closed refused"]);
    world.connect_with("b", &Connect::new("GID_Test@@@a/b"));
    world.expect(["b: CONNACK 2", "b: closed refused"]);
    let long = format!("GID_Test@@@{}", "x".repeat(54));
    world.connect_with("c", &Connect::new(&long));
    world.expect(["c: CONNACK 2", "c: closed refused"]);
    world.connect_with("d", &Connect::new(&long[..64]));
    world.expect([format!("status connect {}", &long[..64]), "d: CONNACK 0".into()]);
}

#[test]
fn every_refusal_of_the_authenticator_has_its_return_code() {
    let mut world = World::new(mqtt(1));
    // [MQTT-3.2.2-4] [MQTT-3.2.2-5]
    let refusals = [
        ("a", Refusal::ProtocolVersion, 1),
        ("b", Refusal::Identifier, 2),
        ("c", Refusal::Unavailable, 3),
        ("d", Refusal::Credentials, 4),
        ("e", Refusal::NotAuthorized, 5),
    ];
    for (name, refusal, code) in refusals {
        world.authenticate_by(move |_| Verdict::Deny(refusal));
        world.connect_with(name, &Connect::kept(name));
        assert_eq!(world.transcript(name), [0x20, 2, 0, code]);
        world.expect([format!("{name}: CONNACK {code}"), format!("{name}: closed refused")]);
    }
    assert_eq!(world.stats().connects_refused, [1; 5]);
    assert_eq!((world.stats().connects_accepted, world.stats().sessions, world.stats().connections), (0, 0, 0));
}

#[test]
fn the_authenticator_sees_who_asks_and_a_password_is_not_printed() {
    let mut world = World::new(lmq(1));
    world.authenticate_by(|request| {
        assert_eq!(&*request.client.client_id, "GID_Test@@@1");
        assert_eq!(request.username.as_deref(), Some("Signature|AK|mqtt-cn-test0001"));
        assert_eq!(request.password.as_ref().map(|password| password.as_bytes()), Some(&b"top-secret"[..]));
        assert!(!format!("{request:?}").contains("top-secret"));
        Verdict::Deny(Refusal::Credentials)
    });
    world.connect_with("a", &Connect::new("GID_Test@@@1").credentials("Signature|AK|mqtt-cn-test0001", "top-secret"));
    world.expect(["a: CONNACK 4", "a: closed refused"]);
}

#[test]
fn a_user_name_that_asks_for_an_unknown_instance_is_refused_with_code_5() {
    let mut world = World::new(lmq(1));
    world.connect_with("a", &Connect::new("GID_Test@@@1").credentials("Signature|AK|mqtt-cn-other", "x"));
    world.expect(["a: CONNACK 5", "a: closed refused"]);
}

#[test]
fn an_empty_client_id_is_named_by_the_broker_if_the_session_is_clean() {
    let mut world = World::new(mqtt(1));
    // [MQTT-3.1.3-6] [MQTT-3.1.3-7]
    world.connect_with("a", &Connect::new(""));
    world.expect(["a: CONNACK 0"]);
    world.connect_with("b", &Connect::new(""));
    world.expect(["b: CONNACK 0"]);
    assert_eq!((world.stats().sessions, world.stats().takeovers), (2, 0));
}

#[test]
fn an_empty_client_id_with_a_kept_session_is_refused_with_code_2() {
    let mut world = World::new(mqtt(1));
    // [MQTT-3.1.3-8] [MQTT-3.1.3-9]
    world.connect_with("a", &Connect::kept(""));
    world.expect(["a: CONNACK 2", "a: closed malformed"]);
}

#[test]
fn an_empty_client_id_is_refused_where_the_profile_assigns_none() {
    let mut world = World::new(lmq(1));
    world.connect_with("a", &Connect::new(""));
    world.expect(["a: CONNACK 2", "a: closed refused"]);
}

#[test]
fn a_first_packet_that_is_not_connect_is_closed_in_silence() {
    let mut world = World::new(mqtt(1));
    // [MQTT-3.1.0-1]
    for (name, bytes) in
        [("a", PINGREQ.to_vec()), ("b", publish("t", "x", 0, 0)), ("c", vec![0x00]), ("d", vec![0xff; 100])]
    {
        world.open(name);
        world.send(name, bytes);
        assert_eq!(world.transcript(name), b"");
        world.expect([format!("{name}: closed not_connect")]);
    }
}

#[test]
fn a_malformed_connect_is_closed_in_silence() {
    let mut world = World::new(mqtt(1));
    let malformed = [
        // [MQTT-3.1.2-3]: the reserved flag.
        ("a", "10 0d 0004 4d515454 04 03 0000 0001 61"),
        // [MQTT-2.2.2-2]: reserved bits of the first byte.
        ("b", "11 0d 0004 4d515454 04 02 0000 0001 61"),
        // [MQTT-3.1.2-22]: a password without user name.
        ("c", "10 10 0004 4d515454 04 42 0000 0001 61 0001 70"),
        // [MQTT-3.1.2-14]: will QoS 3.
        ("d", "10 13 0004 4d515454 04 1e 0000 0001 61 0001 77 0001 78"),
        // [MQTT-1.5.3-1]: a client id that is not UTF-8.
        ("e", "10 0d 0004 4d515454 04 02 0000 0001 ff"),
        // [MQTT-1.5.3-2]: U+0000.
        ("f", "10 0d 0004 4d515454 04 02 0000 0001 00"),
        // A byte behind the last field.
        ("g", "10 0e 0004 4d515454 04 02 0000 0001 61 00"),
        // A remaining length without end.
        ("h", "10 ff ff ff ff 7f"),
    ];
    for (name, bytes) in malformed {
        world.open(name);
        world.send(name, hex(bytes));
        assert_eq!(world.transcript(name), b"", "{bytes}");
        world.expect([format!("{name}: closed malformed")]);
    }
    assert!(world.front(0).is_empty());
}

#[test]
fn a_connect_larger_than_the_limit_is_closed_before_it_is_received() {
    let mut settings = mqtt(1);
    settings.limits.connect_bytes_max = 100;
    let mut world = World::new(settings);
    world.open("a");
    world.send("a", [0x10, 99]);
    world.expect(["a: closed malformed"]);
    world.connect_with("b", &Connect::new(&"b".repeat(86)));
    world.expect(["b: CONNACK 0"]);
}

#[test]
fn a_second_connect_closes_the_connection() {
    let mut world = World::new(mqtt(1));
    world.connect("a");
    // [MQTT-3.1.0-2]
    world.send("a", Connect::new("a").bytes());
    world.expect(["a: closed unexpected_packet"]);
    world.connect_with("b", &Connect::new("b"));
    world.expect(["b: CONNACK 0"]);
    world.send("b", Connect::new("c").bytes());
    world.expect(["b: closed unexpected_packet"]);
    assert_eq!((world.stats().protocol_errors, world.stats().sessions), (2, 0));
}

#[test]
fn a_connection_without_connect_is_closed_after_ten_seconds() {
    let mut world = World::new(mqtt(1));
    world.open("silent");
    world.open("slow");
    world.send("slow", &Connect::new("slow").bytes()[..5]);
    world.advance(Duration::from_millis(9_999));
    world.expect_nothing();
    world.advance(Duration::from_millis(1));
    let mut lines = world.take_log();
    lines.sort();
    assert_eq!(lines, ["silent: closed connect_timeout", "slow: closed connect_timeout"]);
    assert!(world.front(0).is_empty());
}

#[test]
fn a_connect_in_time_stops_the_ten_seconds() {
    let mut world = World::new(mqtt(1));
    world.open("a");
    world.advance(Duration::from_secs(9));
    world.send("a", Connect::new("a").bytes());
    world.expect(["a: CONNACK 0"]);
    world.advance(Duration::from_secs(100));
    world.expect_nothing();
}

#[test]
fn packets_behind_the_connect_wait_for_the_verdict_and_are_then_served_in_order() {
    let mut world = World::new(mqtt(1));
    world.hold_verdicts();
    let mut bytes = Connect::new("a").bytes();
    bytes.extend(subscribe(1, &[("t", 1)]));
    world.open("a");
    world.send("a", bytes);
    world.send("a", publish("t", "hello", 1, 7));
    world.send("a", PINGREQ);
    world.expect_nothing();
    world.release_verdicts();
    // [MQTT-3.1.4-5]: a client need not wait for CONNACK.
    let mut lines = world.take_log();
    lines.retain(|line| !line.ends_with("resumed") && !line.ends_with("paused"));
    assert_eq!(lines, ["a: CONNACK 0", "a: SUBACK 1 [1]", "a: q1 #1 t hello", "a: PUBACK 7", "a: PINGRESP"]);
}

#[test]
fn a_denied_client_gets_nothing_of_what_it_sent_behind_its_connect() {
    let mut world = World::new(mqtt(1));
    world.connect("watcher");
    world.subscribe("watcher", "#", 2);
    world.authenticate_by(|_| Verdict::Deny(Refusal::Credentials));
    let mut bytes = Connect::new("a").bytes();
    bytes.extend(publish("t", "sneaked in", 1, 7));
    world.open("a");
    world.send("a", bytes);
    // [MQTT-3.1.4-5]: data behind a refused CONNECT is not processed.
    world.expect(["a: CONNACK 4", "a: closed refused"]);
}

#[test]
fn a_connection_over_the_limit_is_refused_with_code_3() {
    let mut settings = mqtt(1);
    settings.limits = Limits { connections_max: 1, ..Limits::default() };
    let mut world = World::new(settings);
    world.connect("a");
    world.connect_with("b", &Connect::new("b"));
    world.expect(["b: CONNACK 3", "b: closed refused"]);
    world.cut("a");
    world.connect_with("b", &Connect::new("b"));
    world.expect(["b: CONNACK 0"]);
}

#[test]
fn a_session_over_the_limit_is_refused_with_code_3() {
    let mut settings = mqtt(1);
    settings.limits.sessions_max = 1;
    let mut world = World::new(settings);
    world.connect_kept("a");
    world.cut("a");
    world.connect_with("b", &Connect::new("b"));
    world.expect(["b: CONNACK 3", "b: closed refused"]);
    world.reconnect_kept("a");
}

#[test]
fn a_handshake_over_the_limit_takes_the_place_of_the_oldest() {
    let mut settings = mqtt(1);
    settings.limits.handshakes_max = 2;
    let mut world = World::new(settings);
    world.open("silent");
    world.advance(Duration::from_secs(1));
    world.open("a");
    world.open("b");
    world.advance(Duration::ZERO);
    world.expect(["silent: closed connect_timeout"]);
    world.send("a", Connect::new("a").bytes());
    world.send("b", Connect::new("b").bytes());
    world.expect(["a: CONNACK 0", "b: CONNACK 0"]);
}

#[test]
fn an_id_is_not_used_again_before_its_handoff_is_polled() {
    let mut world = World::new(mqtt(1));
    let now = world.now;
    let peer = peer();
    let front = world.front(0);
    let first = front.accept(now, peer.clone()).unwrap();
    assert_eq!(front.handle_bytes(now, first, &Connect::new("a").bytes()), lmq_broker::Flow::Pause);
    let second = front.accept(now, peer).unwrap();
    assert_ne!(first.slot(), second.slot());
    assert!(matches!(front.poll_output(), Some(lmq_broker::FrontOutput::Handoff(handoff)) if handoff.conn == first));
}

#[test]
fn a_driver_that_closes_nothing_is_given_no_more() {
    let mut settings = mqtt(1);
    settings.limits.handshakes_max = 1;
    let mut world = World::new(settings);
    let now = world.now;
    let peer = peer();
    assert!(world.front(0).accept(now, peer.clone()).is_ok());
    assert!(world.front(0).accept(now, peer.clone()).is_ok());
    let full = world.front(0).accept(now, peer).unwrap_err();
    assert_eq!(full.to_string(), "no room for another connection without CONNECT");
}

#[test]
fn a_packet_that_only_a_server_sends_closes_the_connection() {
    let mut world = World::new(mqtt(1));
    for (name, bytes) in [("a", "20020000"), ("b", "9003000100"), ("c", "b0020001"), ("d", "d000")] {
        world.connect(name);
        world.send(name, hex(bytes));
        world.expect([format!("{name}: closed unexpected_packet")]);
    }
}

#[test]
fn a_malformed_packet_closes_that_connection_and_no_other() {
    let mut world = World::new(mqtt(1));
    world.connect("good");
    world.subscribe("good", "t", 0);
    let malformed = [
        // [MQTT-3.3.1-4]: QoS 3.
        ("a", "36 05 0001 74 0001"),
        // [MQTT-3.3.1-2]: DUP at QoS 0.
        ("b", "38 03 0001 74"),
        // [MQTT-3.3.2-2]: a wildcard in a topic name.
        ("c", "30 03 0001 23"),
        // [MQTT-2.3.1-1]: packet id 0.
        ("d", "32 05 0001 74 0000"),
        // [MQTT-4.7.3-1]: an empty topic.
        ("e", "30 02 0000"),
        // [MQTT-3.8.3-1] [MQTT-3.8.3-3]: SUBSCRIBE without filter.
        ("f", "82 02 0001"),
        // [MQTT-3.8.1-1]: SUBSCRIBE with reserved flags.
        ("g", "80 06 0001 0001 74 00"),
        // [MQTT-3.8.3-4]: QoS 3 asked for.
        ("h", "82 06 0001 0001 74 03"),
        // [MQTT-3.10.3-2]: UNSUBSCRIBE without filter.
        ("i", "a2 02 0001"),
        // [MQTT-3.6.1-1]: PUBREL with reserved flags.
        ("j", "60 02 0001"),
        // [MQTT-4.7.1-2] [MQTT-4.7.1-3]: misplaced wildcards.
        ("k", "82 08 0001 0003 23 2f 61 00"),
        ("l", "82 07 0001 0002 61 2b 00"),
        // [MQTT-3.14.1-1]: DISCONNECT with reserved flags.
        ("m", "e1 00"),
        // A packet type that is reserved.
        ("n", "f0 00"),
        // A topic that is not UTF-8 [MQTT-1.5.3-1].
        ("o", "30 03 0001 c0"),
    ];
    for (name, bytes) in malformed {
        world.connect(name);
        world.send(name, hex(bytes));
        world.expect([format!("{name}: closed malformed")]);
    }
    assert_eq!(world.stats().protocol_errors, malformed.len() as u64);
    world.send("good", publish("t", "still here", 0, 0));
    world.expect(["good: q0 t still here"]);
}

#[test]
fn a_packet_larger_than_the_limit_is_closed_from_its_header() {
    let mut settings = mqtt(1);
    settings.limits.packet_bytes_max = 64;
    let mut world = World::new(settings);
    world.connect("a");
    world.send("a", publish("t", [0; 59], 0, 0));
    world.expect_nothing();
    world.send("a", [0x30, 63]);
    world.expect(["a: closed malformed"]);
}

#[test]
fn a_verdict_that_never_comes_refuses_with_code_3() {
    let mut world = World::new(mqtt(1));
    world.hold_verdicts();
    world.connect_with("a", &Connect::new("a"));
    world.advance(Duration::from_millis(29_999));
    world.expect_nothing();
    world.advance(Duration::from_millis(1));
    world.expect(["a: CONNACK 3", "a: closed refused"]);
    assert_eq!(world.stats().connects_refused, [0, 0, 1, 0, 0]);
    world.release_verdicts();
    world.expect_nothing();
}

#[test]
fn a_verdict_for_a_client_that_is_gone_changes_nothing() {
    let mut world = World::new(mqtt(1));
    world.hold_verdicts();
    world.connect_with("a", &Connect::kept("a"));
    world.cut("a");
    world.release_verdicts();
    world.expect_nothing();
    assert_eq!((world.stats().connections, world.stats().sessions, world.stats().effects_pending), (0, 0, 0));
}

#[test]
fn a_will_and_the_retain_of_a_will_are_accepted() {
    let mut world = World::new(lmq(1));
    world.open("a");
    let body = hex("0004 4d515454 04 2e 0000 000c 4749445f 54657374 40404031 0003 542f77 0001 78");
    world.send("a", packet(0x10, &body));
    world.expect(["status connect GID_Test@@@1", "a: CONNACK 0"]);
}
