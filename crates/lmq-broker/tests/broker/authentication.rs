//! Authentication methods of MQTT 5.0: more than one question, at CONNECT and later.

use std::{cell::Cell, time::Duration};

use lmq_auth::Permissions;
use lmq_broker::{AuthRequest, AuthStage, Command, Grant, Refusal, Selector, Verdict};
use lmq_id::Access;

use crate::common::{Connect, PINGREQ, World, auth5, disconnect5, mqtt, publish5, subscribe5};

/// A method that counts: the client says the next number each time, and is in after `3`.
fn world() -> World {
    let mut settings = mqtt(1);
    settings.profile.authentication_methods = vec!["COUNT".into()];
    let mut world = World::new(settings);
    let round = Cell::new(0);
    world.authenticate_by(move |request| decide(request, &round));
    world
}

fn decide(request: &AuthRequest, round: &Cell<u8>) -> Verdict {
    match (request.method.as_deref(), request.data.as_deref(), request.stage) {
        (None, ..) => Verdict::Allow(Grant::new(Permissions::everything())),
        (_, Some(b"1"), AuthStage::Connect | AuthStage::Again) => Verdict::Continue("2?".into()),
        (_, Some(b"2"), AuthStage::Continue) => Verdict::Continue("3?".into()),
        (_, Some(b"3"), AuthStage::Continue) => {
            round.set(round.get() + 1);
            let mut permissions = Permissions::nothing();
            permissions.grant(Access::ReadWrite, &format!("round/{}", round.get())).unwrap();
            Verdict::Allow(Grant {
                authentication_data: Some("welcome".into()),
                response_information: Some("answers/".into()),
                ..Grant::new(permissions)
            })
        }
        _ => Verdict::Deny(Refusal::NotAuthorized),
    }
}

fn connect(data: &str) -> Connect {
    let properties = [&[0x15, 0, 5][..], b"COUNT", &[0x16, 0, data.len() as u8], data.as_bytes(), &[0x19, 1]].concat();
    Connect::v5("c", &properties)
}

const IN: &str = "c: CONNACK 0 {AuthenticationMethod(\"COUNT\"), \
                  AuthenticationData([119, 101, 108, 99, 111, 109, 101]), ResponseInformation(\"answers/\")}";

fn auth_line(reason: u8, data: &str) -> String {
    format!("c: AUTH {reason} {{AuthenticationMethod(\"COUNT\"), AuthenticationData({:?})}}", data.as_bytes())
}

/// The connection is not read while a verdict is awaited before CONNACK: that is not what these tests are about.
#[track_caller]
fn expect(world: &mut World, lines: &[&str]) {
    let seen = world.take_log().into_iter().filter(|line| line != "c: paused" && line != "c: resumed");
    assert_eq!(seen.collect::<Vec<_>>(), lines);
}

fn come_in(world: &mut World) {
    world.connect_with("c", &connect("1"));
    // [MQTT-4.12.0-2]
    expect(world, &[&auth_line(24, "2?")]);
    world.send("c", auth5(0x18, "COUNT", Some("2")));
    expect(world, &[&auth_line(24, "3?")]);
    world.send("c", auth5(0x18, "COUNT", Some("3")));
    expect(world, &[IN]);
}

#[test]
fn a_client_is_in_after_as_many_steps_as_its_method_takes() {
    let mut world = world();
    come_in(&mut world);
    world.send("c", PINGREQ);
    world.expect(["c: PINGRESP"]);
}

#[test]
fn a_method_that_is_not_known_is_refused() {
    let mut world = world();
    // [MQTT-4.12.0-1]
    world.connect_with("c", &Connect::v5("c", &[0x15, 0, 1, b'X']));
    world.expect(["c: CONNACK 0x8c", "c: closed refused"]);
}

#[test]
fn a_wrong_answer_keeps_the_client_out() {
    let mut world = world();
    world.connect_with("c", &connect("9"));
    world.expect(["c: CONNACK 0x87", "c: closed refused"]);
    world.connect_with("c", &connect("1"));
    world.send("c", auth5(0x18, "COUNT", Some("9")));
    expect(&mut world, &[&auth_line(24, "2?"), "c: CONNACK 0x87", "c: closed refused"]);
}

#[test]
fn nothing_but_auth_and_disconnect_comes_before_connack() {
    for (bytes, line) in [
        (PINGREQ.to_vec(), "c: closed unexpected_packet"),
        (subscribe5(1, &[], &[("t", 0)]), "c: closed unexpected_packet"),
        (disconnect5(0, &[]), "c: closed disconnected"),
        // [MQTT-4.12.0-3]: another method, another reason.
        (auth5(0x18, "OTHER", None), "c: closed protocol_error"),
        (auth5(0x19, "COUNT", None), "c: closed protocol_error"),
    ] {
        let mut world = world();
        world.connect_with("c", &connect("1"));
        world.send("c", bytes);
        world.expect([&*auth_line(24, "2?"), line]);
        assert_eq!(world.stats().sessions, 0);
    }
}

#[test]
fn a_client_that_does_not_answer_is_closed() {
    let mut world = world();
    world.connect_with("c", &connect("1"));
    world.expect([auth_line(24, "2?")]);
    world.advance(Duration::from_secs(9));
    world.expect_nothing();
    world.advance(Duration::from_secs(1));
    world.expect(["c: closed connect_timeout"]);
}

#[test]
fn auth_without_a_method_in_connect_is_an_error() {
    let mut world = world();
    world.connect5("c", &[]);
    // [MQTT-4.12.0-6]
    world.send("c", auth5(0x19, "COUNT", None));
    world.expect(["c: DISCONNECT 0x82", "c: closed protocol_error"]);
}

#[test]
fn an_order_that_came_while_a_client_proves_itself_again_holds_against_the_verdict() {
    let mut world = world();
    come_in(&mut world);
    world.send("c", auth5(0x19, "COUNT", Some("1")));
    world.send("c", auth5(0x18, "COUNT", Some("2")));
    world.hold_verdicts();
    world.send("c", auth5(0x18, "COUNT", Some("3")));
    let whom = Selector::Client(world.key("c"));
    world.command(0, Command::SetPermissions { whom, permissions: Permissions::nothing() });
    world.release_verdicts();
    world.expect([auth_line(24, "2?"), auth_line(24, "3?"), auth_line(0, "welcome")]);
    world.send("c", publish5(0x02, "round/2", &[], "x", 1));
    world.expect(["c: PUBACK 1 0x87"]);
}

#[test]
fn a_client_that_proves_itself_again_stays_in_and_gets_new_rights() {
    let mut world = world();
    come_in(&mut world);
    world.send("c", auth5(0x19, "COUNT", Some("1")));
    world.expect([auth_line(24, "2?")]);
    // Meanwhile with the old rights.
    world.send("c", publish5(0x02, "round/1", &[], "x", 1));
    world.expect(["c: PUBACK 1 16"]);
    world.send("c", auth5(0x18, "COUNT", Some("2")));
    world.send("c", auth5(0x18, "COUNT", Some("3")));
    world.expect([auth_line(24, "3?"), auth_line(0, "welcome")]);
    world.send("c", publish5(0x02, "round/1", &[], "x", 2));
    world.send("c", publish5(0x02, "round/2", &[], "x", 3));
    world.expect(["c: PUBACK 2 0x87", "c: PUBACK 3 16"]);
}

#[test]
fn who_fails_to_prove_itself_again_is_closed() {
    let mut world = world();
    come_in(&mut world);
    world.send("c", auth5(0x19, "COUNT", Some("9")));
    world.expect(["c: DISCONNECT 0x87", "c: closed protocol_error"]);
    come_in(&mut world);
    // [MQTT-4.12.1-1]: with the same method.
    world.send("c", auth5(0x19, "OTHER", Some("1")));
    world.expect(["c: DISCONNECT 0x82", "c: closed protocol_error"]);
    come_in(&mut world);
    world.hold_verdicts();
    world.send("c", auth5(0x19, "COUNT", Some("1")));
    world.send("c", auth5(0x18, "COUNT", Some("2")));
    world.expect(["c: DISCONNECT 0x82", "c: closed protocol_error"]);
    world.release_verdicts();
    world.expect_nothing();
}

#[test]
fn an_authenticator_that_asks_a_client_without_method_lets_nobody_in() {
    let mut world = World::new(mqtt(1));
    world.authenticate_by(|_| Verdict::Continue("more?".into()));
    world.connect_with("c", &Connect::new("c"));
    world.expect(["c: CONNACK 5", "c: closed refused"]);
    world.connect_with("c", &Connect::v5("c", &[]));
    world.expect(["c: CONNACK 0x8c", "c: closed refused"]);
}

#[test]
fn a_client_that_is_not_in_yet_gets_neither_more_time_nor_more_memory_than_for_its_connect() {
    let mut world = world();
    world.connect_with("c", &connect("1"));
    world.expect([auth_line(24, "2?")]);
    for _ in 0..5 {
        world.send("c", [0xf0]);
        world.advance(Duration::from_secs(2));
    }
    world.expect(["c: closed malformed"]);
    world.connect_with("c", &connect("1"));
    world.expect([auth_line(24, "2?")]);
    // A packet of 1 MiB that comes byte by byte.
    world.send("c", [0xf0, 0x80, 0x80, 0x40]);
    world.expect(["c: closed malformed"]);
    world.connect_with("c", &connect("1"));
    world.expect([auth_line(24, "2?")]);
    world.send("c", [0xf0, 0x20]);
    for _ in 0..5 {
        world.send("c", [0]);
        world.advance(Duration::from_secs(2));
    }
    world.expect(["c: closed connect_timeout"]);
}
