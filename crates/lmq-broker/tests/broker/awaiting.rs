//! Clients of the first edition: CONNECT without credentials, then `$SYS/uploadToken`.

use std::{num::NonZeroU32, time::Duration};

use lmq_auth::{Denial, Permissions};
use lmq_broker::{
    Allowance, AuthRequest, CloseReason, Command, Grant, InstanceIndex, InstanceQuota, Selector, Settings, Verdict,
};

use crate::{
    common::{
        Connect, DISCONNECT, PINGREQ, Will, World, lmq, packet, puback, publish, publish5, pubrel, subscribe,
        unsubscribe,
    },
    tokens::{by_password, closed, expiry, id, key, upload, with},
};

const A: &str = "GID_Test@@@a";
const B: &str = "GID_Test@@@b";

fn settings() -> Settings {
    let mut settings = lmq(1);
    settings.instances[0].awaits_tokens = true;
    settings
}

/// Who has no user name is to upload a token; the user name `all` may do everything.
fn decide(request: &AuthRequest) -> Verdict {
    match request.username.as_deref() {
        None if request.token.is_none() => Verdict::AwaitToken,
        Some("all") => Verdict::Allow(Grant::new(Permissions::everything())),
        _ => by_password(request),
    }
}

/// A device that is in with a kept session and a subscription, and a publisher.
fn world_of(settings: Settings) -> World {
    let mut world = World::new(settings);
    world.authenticate_by(decide);
    world.connect_with(B, &Connect::new(B).credentials("all", ""));
    world.expect([format!("status connect {B}"), format!("{B}: CONNACK 0")]);
    world.connect_with("device", &Connect::kept(A).credentials("all", ""));
    world.expect([format!("status connect {A}"), "device: CONNACK 0".into()]);
    world.subscribe("device", "T/#", 1);
    world
}

fn world() -> World {
    world_of(settings())
}

/// A connection that has CONNACK and no token yet.
#[track_caller]
fn bare(world: &mut World, connect: &Connect) {
    world.connect_with("bare", connect);
    let log = world.take_log();
    assert!(log.len() == 1 && log[0].starts_with("bare: CONNACK 0"), "{log:?}");
}

#[test]
fn a_bare_connect_with_the_id_of_a_device_takes_nothing_from_it() {
    for shards in [1, 2] {
        let mut world = world_of(Settings { shards, ..settings() });
        world.trace_store();
        world.trace_routes();
        // With either kind of session.
        for connect in [Connect::kept(A), Connect::new(A)] {
            bare(&mut world, &connect);
            assert_eq!(world.transcript("bare"), [0x20, 2, 0, 0]);
            // The device is there, and gets its messages.
            world.send("device", PINGREQ);
            world.expect(["device: PINGRESP"]);
            assert_eq!(world.stats().sessions, 2);
            world.cut("bare");
            world.expect_nothing();
        }
        bare(&mut world, &Connect::kept(A));
        world.send(B, [publish("T/x", "x", 0, 0), publish(&format!("T/p2p/{A}"), "p", 0, 0)].concat());
        let log = world.take_log();
        assert!(
            log.contains(&"device: q0 T/x x".into()) && log.iter().all(|line| !line.starts_with("bare")),
            "{log:?}"
        );
    }
}

#[test]
fn a_bare_connect_reads_no_mail_of_who_is_away() {
    let mut world = world();
    world.cut("device");
    world.send(B, publish("T/x", "secret", 1, 1));
    world.expect([format!("status tcpclean {A}"), format!("{B}: PUBACK 1")]);
    bare(&mut world, &Connect::kept(A));
    world.send(B, publish("T/x", "secret too", 1, 2));
    world.expect([format!("{B}: PUBACK 2")]);
    world.send("bare", [upload("R", "denied 1", 1, 1), subscribe(2, &[("T/#", 1)])].concat());
    world.expect([
        "bare: paused",
        "bare: q0 $SYS/tokenInvalidNotice {\"code\":1,\"type\":\"R\"}",
        "bare: closed token_invalid",
    ]);
    assert_eq!(world.transcript("bare")[..4], [0x20, 2, 0, 0]);
    // A clean one ends nothing either.
    bare(&mut world, &Connect::new(A));
    world.send("bare", DISCONNECT);
    world.expect(["bare: closed disconnected"]);
    world.connect_with("device", &Connect::kept(A).credentials("all", ""));
    world.expect([
        format!("status connect {A}"),
        "device: CONNACK 0 present".into(),
        "device: q1 #1 T/x secret".into(),
        "device: q1 #2 T/x secret too".into(),
    ]);
}

#[test]
fn with_a_token_the_client_takes_its_session_over_and_then_everything_follows() {
    let mut world = world();
    bare(&mut world, &Connect::kept(A));
    world.block("device");
    world.send(B, publish("T/x", "x", 1, 1));
    world.expect([format!("{B}: PUBACK 1")]);
    world.send("bare", [upload("RW", "RW:1:60", 1, 7), publish("T/y", "y", 1, 8)].concat());
    world.expect([
        "bare: paused".into(),
        format!("status tcpclean {A}"),
        "device: closed taken_over".into(),
        format!("status connect {A}"),
        "bare: resumed".into(),
        "bare: PUBACK 7".into(),
        expiry("bare", 60, "RW"),
        "bare: q1 #1 dup T/x x".into(),
        "bare: q1 #2 T/y y".into(),
        "bare: PUBACK 8".into(),
    ]);
    assert_eq!(world.session(A).unwrap().subscriptions, 1);
    world.command(0, Command::RevokeToken(id(1)));
    world.expect(closed("bare", A, 3, "RW"));
}

#[test]
fn a_client_that_does_not_wait_for_its_puback_works_as_well() {
    for qos in 0..=2 {
        let mut world = World::new(settings());
        world.authenticate_by(decide);
        world.hold_verdicts();
        let rest = [upload("R", "R:1:9999", qos, 1), subscribe(2, &[("T/x", 1)])].concat();
        // Even in the same bytes as its CONNECT.
        world.open("bare");
        world.send("bare", [Connect::new(A).bytes(), rest].concat());
        world.expect_nothing();
        world.release_verdicts();
        let mut log = world.take_log();
        log.retain(|line| !line.ends_with("paused") && !line.ends_with("resumed"));
        let answer = ["", "bare: PUBACK 1", "bare: PUBREC 1"][usize::from(qos)];
        let lines = ["status connect GID_Test@@@a", "bare: CONNACK 0", answer, "bare: SUBACK 2 [1]"];
        let mut expected: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        expected.sort();
        log.sort();
        assert_eq!(log, expected);
        if qos == 2 {
            world.send("bare", pubrel(1));
            world.expect(["bare: PUBCOMP 1"]);
        }
    }
}

#[test]
fn until_then_nothing_is_served_but_ping_and_disconnect() {
    let will = |name: &str| Connect::new(name).will(Will { topic: "T/w", ..Will::default() });
    let cases: [(Vec<u8>, &str); 10] = [
        (DISCONNECT.into(), "disconnected"),
        (publish("T/x", "x", 0, 0), "not_authorized"),
        (publish("T/x", "x", 2, 1), "not_authorized"),
        (publish("$SYS/getOfflineMsg", "{}", 1, 1), "not_authorized"),
        (publish("$SYS/uploadToken/", "{}", 1, 1), "not_authorized"),
        (subscribe(1, &[("T/x", 0)]), "not_authorized"),
        (unsubscribe(1, &["T/x"]), "not_authorized"),
        (puback(1), "not_authorized"),
        (will(A).bytes(), "not_authorized"),
        (packet(0xb0, &[0, 1]), "not_authorized"),
    ];
    for (bytes, reason) in cases {
        let mut world = world();
        bare(&mut world, &Connect::kept(A));
        world.send("bare", PINGREQ);
        world.expect(["bare: PINGRESP"]);
        world.send("bare", [bytes, publish("T/x", "x", 0, 0), upload("W", "W:1:9999", 0, 0)].concat());
        world.expect([format!("bare: closed {reason}")]);
    }
}

#[test]
fn a_client_of_mqtt_5_may_do_the_same() {
    let mut world = world();
    bare(&mut world, &Connect::v5(A, &[]));
    world.send("bare", publish5(2, "$SYS/uploadToken", &[], r#"{"token":"denied 2","type":"R"}"#, 1));
    world.expect([
        "bare: paused",
        "bare: q0 $SYS/tokenInvalidNotice {\"code\":2,\"type\":\"R\"}",
        "bare: DISCONNECT 0x87",
        "bare: closed token_invalid",
    ]);
    bare(&mut world, &Connect::v5(A, &[]));
    world.send("bare", publish5(0, "T/x", &[], "x", 0));
    world.expect(["bare: DISCONNECT 0x87", "bare: closed not_authorized"]);
    bare(&mut world, &Connect::v5(A, &[]));
    world.send("bare", publish5(2, "$SYS/uploadToken", &[], r#"{"token":"R:1:9999","type":"R"}"#, 1));
    let log = world.take_log();
    assert!(log.contains(&"bare: PUBACK 1".into()) && !log.iter().any(|line| line.contains("CONNACK")), "{log:?}");
}

/// A drain, too, meets a connection that is being closed already.
#[test]
fn a_client_of_mqtt_5_that_came_in_by_its_token_is_told_once_why_it_is_closed() {
    let mut settings = settings();
    settings.limits.work_per_call_max = 1;
    let mut world = world_of(settings);
    bare(&mut world, &Connect::v5("GID_Test@@@c", &[]));
    let token =
        |text: &str| publish5(0, "$SYS/uploadToken", &[], &format!("{{\"token\":\"{text}\",\"type\":\"RW\"}}"), 0);
    world.send("bare", token("RW:7:9999"));
    world.hold_verdicts();
    world.send("bare", token("denied 2"));
    world.hold_timeouts();
    world.command_all(&Command::Drain);
    // The two others first.
    world.call();
    world.call();
    world.take_log();
    world.release_verdicts_and_tick();
    let log = world.take_log();
    assert!(log.contains(&"bare: closed token_invalid".into()), "{log:?}");
    assert_eq!(log.iter().filter(|line| line.starts_with("bare: DISCONNECT")).count(), 1, "{log:?}");
}

#[test]
fn ten_seconds_are_all_there_is_whatever_the_client_sends() {
    for step in [1, 10] {
        let mut world = world();
        bare(&mut world, &Connect::kept(A));
        for _ in 0..10 / step - 1 {
            world.advance(Duration::from_secs(step));
            world.send("bare", PINGREQ);
            world.expect(["bare: PINGRESP"]);
        }
        world.advance(Duration::from_millis(step * 1000 - 1));
        world.expect_nothing();
        world.advance(Duration::from_millis(1));
        world.expect(["bare: closed token_timeout"]);
    }
}

#[test]
fn ten_seconds_are_all_there_is_also_for_who_does_not_read_its_pings() {
    let mut settings = settings();
    settings.limits.outbox_bytes_max = 4;
    let mut world = world_of(settings);
    bare(&mut world, &Connect::kept(A));
    world.block("bare");
    for _ in 0..5 {
        world.send("bare", PINGREQ.repeat(20));
        world.advance(Duration::from_secs(1));
        world.read("bare", 40);
        world.advance(Duration::from_secs(1));
    }
    assert_eq!(world.take_log().last().unwrap(), "bare: closed token_timeout");
}

#[test]
fn a_slow_verdict_does_not_make_it_longer() {
    let mut world = world();
    bare(&mut world, &Connect::kept(A));
    world.hold_verdicts();
    world.send("bare", upload("R", "R:1:9999", 1, 1));
    world.advance(Duration::from_secs(10));
    world.expect(["bare: paused", "bare: closed token_timeout"]);
    world.release_verdicts();
    world.expect_nothing();
    world.send("device", PINGREQ);
    world.expect(["device: PINGRESP"]);
}

#[test]
fn where_it_is_off_or_there_are_credentials_nobody_waits_for_a_token() {
    let mut off = World::new(lmq(1));
    off.authenticate_by(|_| Verdict::AwaitToken);
    off.connect_with("bare", &Connect::new(A));
    off.expect(["bare: CONNACK 4", "bare: closed refused"]);
    let mut mqtt = settings();
    mqtt.profile.control_topics = false;
    let mut world = World::new(mqtt);
    world.authenticate_by(|_| Verdict::AwaitToken);
    world.connect_with("bare", &Connect::new(A));
    world.expect(["bare: CONNACK 4", "bare: closed refused"]);
    let mut world = World::new(settings());
    world.authenticate_by(|_| Verdict::AwaitToken);
    world.connect_with("named", &Connect::new(A).credentials("x", "y"));
    world.expect(["named: CONNACK 4", "named: closed refused"]);
}

#[test]
fn so_many_may_wait_and_a_place_is_free_when_one_is_in_or_gone() {
    let mut settings = settings();
    settings.limits.awaiting_max = 2;
    let mut world = World::new(settings);
    world.authenticate_by(decide);
    let connect = |name: &str| Connect::new(&format!("GID_Test@@@{name}"));
    for name in ["1", "2"] {
        world.connect_with(name, &connect(name));
        world.expect([format!("{name}: CONNACK 0")]);
    }
    world.connect_with("3", &connect("3"));
    world.expect(["3: CONNACK 3", "3: closed refused"]);
    world.send("1", upload("R", "R:1:9999", 0, 0));
    world.cut("2");
    world.expect(["1: paused", "status connect GID_Test@@@1", "1: resumed"]);
    for name in ["4", "5"] {
        world.connect_with(name, &connect(name));
        world.expect([format!("{name}: CONNACK 0")]);
    }
    world.connect_with("6", &connect("6"));
    world.expect(["6: CONNACK 3", "6: closed refused"]);
}

#[test]
fn the_quota_counts_who_is_in_and_tells_who_is_one_too_many_without_a_second_connack() {
    let mut settings = settings();
    settings.instances[0].quota =
        InstanceQuota { connections: Allowance::enforce(NonZeroU32::new(2).unwrap()), ..Default::default() };
    let mut world = world_of(settings);
    for (connect, lines) in [
        (Connect::new("GID_Test@@@c"), &["bare: closed refused"][..]),
        (Connect::v5("GID_Test@@@c", &[]), &["bare: DISCONNECT 0x97", "bare: closed refused"]),
    ] {
        bare(&mut world, &connect);
        let payload = r#"{"token":"R:1:9999","type":"R"}"#;
        let bytes = if connect.level == 5 {
            publish5(0, "$SYS/uploadToken", &[], payload, 0)
        } else {
            upload("R", "R:1:9999", 0, 0)
        };
        world.send("bare", bytes);
        let mut log = world.take_log();
        log.retain(|line| !line.starts_with("exceeded") && !line.ends_with("paused"));
        assert_eq!(log, lines);
    }
}

#[test]
fn a_store_that_fails_closes_and_leaves_the_session_to_come_back_to() {
    let mut world = world();
    world.cut("device");
    world.take_log();
    bare(&mut world, &Connect::kept(A));
    world.break_store();
    world.send("bare", upload("R", "R:1:9999", 1, 1));
    world.expect(["bare: paused", "bare: closed refused"]);
    assert_eq!(world.transcript("bare"), [0x20, 2, 0, 0]);
    world.mend_store();
    world.connect_with("device", &Connect::kept(A).credentials("all", ""));
    world.expect([format!("status connect {A}"), "device: CONNACK 0 present".into()]);
}

#[test]
fn what_comes_while_the_session_is_opened_waits_and_a_revocation_still_counts() {
    let mut world = world();
    bare(&mut world, &Connect::kept(A));
    world.hold_store();
    world.send("bare", [upload("R", "R:1:9999", 1, 1), subscribe(2, &[("T/x", 0)])].concat());
    world.expect(["bare: paused".into(), format!("status tcpclean {A}"), "device: closed taken_over".into()]);
    world.command(0, Command::RevokeToken(id(1)));
    world.expect(["bare: q0 $SYS/tokenInvalidNotice {\"code\":3,\"type\":\"R\"}", "bare: closed token_invalid"]);
    world.release_store();
    world.expect_nothing();
}

#[test]
fn the_later_of_two_that_wait_for_the_same_session_has_it() {
    let mut world = World::new(settings());
    world.authenticate_by(decide);
    for name in ["one", "two"] {
        world.connect_with(name, &Connect::kept(A));
        world.expect([format!("{name}: CONNACK 0")]);
    }
    world.send("two", upload("R", "R:1:9999", 1, 1));
    world.expect(["two: paused".into(), format!("status connect {A}"), "two: resumed".into(), "two: PUBACK 1".into()]);
    world.send("one", upload("R", "R:2:9999", 1, 1));
    world.expect([
        "one: paused".into(),
        format!("status tcpclean {A}"),
        "two: closed taken_over".into(),
        format!("status connect {A}"),
        "one: resumed".into(),
        "one: PUBACK 1".into(),
    ]);
    world.command(0, Command::RevokeToken(id(1)));
    world.expect_nothing();
}

#[test]
fn a_connect_with_credentials_does_not_touch_who_waits() {
    let mut world = world();
    bare(&mut world, &Connect::kept(A));
    world.connect_with("a2", &with(A, "R:5:9999"));
    world.expect([
        format!("status tcpclean {A}"),
        "device: closed taken_over".into(),
        format!("status connect {A}"),
        "a2: CONNACK 0".into(),
    ]);
    world.send("bare", PINGREQ);
    world.expect(["bare: PINGRESP"]);
}

#[test]
fn operators_reach_who_waits_and_a_drain_closes_it() {
    let all = || Selector::Instance(InstanceIndex(0));
    let close = Command::Close { whom: all(), reason: CloseReason::NotAuthorized };
    for (command, reason) in [(close, "not_authorized"), (Command::Drain, "draining")] {
        let mut world = World::new(settings());
        world.authenticate_by(decide);
        bare(&mut world, &Connect::new(A));
        world.command(0, command);
        world.expect([format!("bare: closed {reason}")]);
    }
    // By its name only with its token: until then it has none.
    let mut world = World::new(settings());
    world.authenticate_by(decide);
    bare(&mut world, &Connect::new(A));
    world.command(0, Command::SetPermissions { whom: all(), permissions: Permissions::everything() });
    world.command(0, Command::Kick(key(A)));
    world.expect_nothing();
    world.send("bare", [upload("R", "R:1:9999", 1, 1), publish("T/x", "x", 0, 0)].concat());
    world.expect(["bare: paused", "bare: closed kicked"]);
}

#[test]
fn rights_of_an_operator_do_not_widen_a_token_that_comes_later() {
    let mut world = World::new(settings());
    world.authenticate_by(decide);
    bare(&mut world, &Connect::new(A));
    let whom = Selector::Instance(InstanceIndex(0));
    world.command(0, Command::SetPermissions { whom, permissions: Permissions::everything() });
    world.send("bare", [upload("R", "R:1:9999", 1, 1), publish("T/x", "x", 0, 0)].concat());
    let [status, told, gone] = closed("bare", A, Denial::Action.code(), "R");
    world.expect(["bare: paused".into(), format!("status connect {A}"), status, "bare: PUBACK 1".into(), told, gone]);
}

#[test]
fn a_will_that_the_token_does_not_cover_keeps_the_client_out() {
    let mut settings = settings();
    settings.profile.wills = true;
    let mut world = World::new(settings);
    world.authenticate_by(decide);
    let will = Will { topic: "T/will", payload: "gone", ..Will::default() };
    // Without a token there is no will to publish.
    bare(&mut world, &Connect::new(A).will(will.clone()));
    world.cut("bare");
    assert_eq!(world.stats().wills, 0);
    bare(&mut world, &Connect::new(A).will(will.clone()));
    world.send("bare", upload("R", "R:1:9999", 1, 1));
    world.expect(["bare: paused", "bare: closed refused"]);
    bare(&mut world, &Connect::new(A).will(will));
    world.send("bare", upload("W", "W:1:9999", 1, 1));
    world.expect([
        "bare: paused".into(),
        format!("status connect {A}"),
        "bare: resumed".into(),
        "bare: PUBACK 1".into(),
    ]);
    world.cut("bare");
    world.expect([format!("status tcpclean {A}")]);
    assert_eq!(world.stats().wills, 1);
}
