//! `$SYS/uploadToken` on a connection that is in.

use std::{num::NonZeroU64, time::Duration};

use lmq_auth::Permissions;
use lmq_broker::{AuthStage, CloseReason, Command, Grant, Refusal, Selector, UnixMillis, Verdict};

use crate::{
    common::{
        Connect, DISCONNECT, PINGREQ, WALL, World, lmq, mqtt, publish, publish_again, publish5, pubrel, subscribe,
    },
    tokens::{closed, come_in, expiry, id, invalid, key, upload, with, world},
};

const A: &str = "GID_Test@@@a";
const B: &str = "GID_Test@@@b";

/// A client with a token to read, and one that listens.
fn reader() -> World {
    let mut world = world(lmq(1));
    world.connect(B);
    world.subscribe(B, "T/#", 0);
    come_in(&mut world, &with(A, "R:1:9999"), A, &[]);
    world
}

#[test]
fn an_upload_is_acknowledged_and_gives_its_rights() {
    for (qos, lines) in [(0, &[][..]), (1, &["PUBACK 7"]), (2, &["PUBREC 7"])] {
        let mut world = reader();
        world.send(A, [upload("W", "W:2:9999", qos, 7), publish("T/x", "x", 0, 0)].concat());
        let mut expected: Vec<String> = vec![format!("{A}: paused"), format!("{A}: resumed")];
        expected.extend(lines.iter().map(|line| format!("{A}: {line}")));
        expected.push(format!("{B}: q0 T/x x"));
        let mut log = world.take_log();
        log.sort();
        expected.sort();
        assert_eq!(log, expected);
        if qos == 2 {
            // The exchange goes on as usual; DUP is not asked about again.
            world.hold_verdicts();
            world.send(A, [publish_again("$SYS/uploadToken", "x", 2, 7), pubrel(7)].concat());
            world.expect([format!("{A}: PUBREC 7"), format!("{A}: PUBCOMP 7")]);
        }
    }
}

#[test]
fn the_request_says_whom_the_connection_was_let_in_as() {
    let mut world = world(lmq(1));
    world.authenticate_by(|request| {
        let number = match request.stage {
            AuthStage::Connect => None,
            _ => NonZeroU64::new(7),
        };
        assert_eq!(request.principal, number);
        let grant = Grant::new(Permissions::everything());
        // What a later verdict says of it changes nothing.
        Verdict::Allow(grant.of_principal(NonZeroU64::new(if number.is_some() { 8 } else { 7 }).unwrap()))
    });
    world.connect(A);
    world.send(A, [upload("W", "x", 1, 1), upload("R", "x", 1, 2)].concat());
    let lines = world.take_log();
    assert!(lines.contains(&format!("{A}: PUBACK 2")), "{lines:?}");
}

#[test]
fn the_request_names_client_type_and_text_and_shows_no_token() {
    let mut world = reader();
    world.authenticate_by(|request| {
        assert_eq!((request.stage, &*request.client.client_id), (AuthStage::Token, A));
        let (access, text) = request.token.as_ref().unwrap();
        assert_eq!((access.as_str(), text.as_str()), ("RW", "se/cr\"et"));
        assert!(request.username.is_none() && request.password.is_none());
        assert_eq!(request.peer.addr.port(), 40_002);
        assert!(!format!("{request:?}").contains("se/cr"));
        Verdict::Allow(Grant::new(Permissions::nothing()))
    });
    // The key may also be spelled so.
    world.send(A, publish("$SYS/uploadToken", r#"{"type":"RW","Token":"se\/cr\"et"}"#, 1, 1));
    world.expect([format!("{A}: paused"), format!("{A}: resumed"), format!("{A}: PUBACK 1")]);
}

#[test]
fn what_follows_an_upload_waits_for_its_verdict_in_order() {
    let mut world = reader();
    world.hold_verdicts();
    world.send(A, [upload("W", "W:2:9999", 1, 1), PINGREQ.into()].concat());
    world.send(A, [publish("T/1", "x", 1, 2), subscribe(3, &[("T/2", 0)])].concat());
    // Neither is a PINGREQ answered, nor does what others send wait.
    world.expect([format!("{A}: paused")]);
    world.send(B, publish("T/3", "x", 0, 0));
    world.expect([format!("{B}: q0 T/3 x")]);
    world.release_verdicts();
    let mut log = world.take_log();
    log.retain(|line| line.starts_with(A));
    let lines = ["PUBACK 1", "PINGRESP", "resumed", "PUBACK 2", "SUBACK 3 [0]"];
    let mut expected = lines.map(|line| format!("{A}: {line}"));
    log.sort();
    expected.sort();
    assert_eq!(log, expected);
    // CONNACK, then the answers in the order of the packets.
    assert_eq!(
        world.transcript(A),
        [&[0x20, 2, 0, 0][..], &[0x40, 2, 0, 1, 0xd0, 0, 0x40, 2, 0, 2, 0x90, 3, 0, 3, 0]].concat()
    );
}

/// Two answers that leave at once let a paused client go on twice.
#[test]
fn nothing_but_the_verdict_ends_the_wait() {
    let mut settings = lmq(1);
    settings.limits.replies_max = 2;
    let mut world = world(settings);
    world.connect_with(B, &Connect::kept(B).credentials("t", "R:1:9999"));
    world.send(B, subscribe(1, &[("T/#", 1)]));
    world.take_log();
    come_in(&mut world, &with(A, "W:2:9999"), A, &[]);
    world.hold_store();
    world.hold_verdicts();
    let messages = [publish("T/1", "1", 1, 1), publish("T/1", "2", 1, 2)].concat();
    world.send(A, [messages, upload("R", "R:3:9999", 1, 3), publish("T/1", "3", 0, 0)].concat());
    world.release_store();
    let log = world.take_log();
    assert!(log.contains(&format!("{A}: PUBACK 2")) && !log.iter().any(|line| line.ends_with("T/1 3")), "{log:?}");
    world.release_verdicts();
    let log = world.take_log();
    assert!(log.contains(&format!("{A}: PUBACK 3")) && log.iter().any(|line| line.ends_with("T/1 3")), "{log:?}");
}

#[test]
fn the_same_token_again_is_not_announced_again() {
    let mut world = reader();
    world.send(A, upload("W", "W:2:60", 1, 1));
    world.expect([format!("{A}: paused"), format!("{A}: resumed"), format!("{A}: PUBACK 1"), expiry(A, 60, "W")]);
    world.send(A, upload("W", "W:2:60", 1, 2));
    world.expect([format!("{A}: paused"), format!("{A}: resumed"), format!("{A}: PUBACK 2")]);
    // It ends when it did.
    world.advance(Duration::from_secs(60));
    world.expect(closed(A, A, 2, "W"));
}

#[test]
fn a_refused_upload_is_told_and_closes_and_nothing_behind_it_is_served() {
    for code in [1, 2, 3, 4, 5, 8, -1] {
        for qos in 0..=2 {
            let mut world = reader();
            let text = format!("denied {code}");
            world.send(A, [upload("W", &text, qos, 1), publish("T/x", "x", 0, 0)].concat());
            let [status, told, gone] = closed(A, A, code, "W");
            world.expect([format!("{A}: paused"), status, told, gone]);
        }
    }
}

#[test]
fn a_client_of_mqtt_5_is_told_in_its_own_words() {
    let mut world = world(lmq(1));
    come_in(&mut world, &Connect { level: 5, ..with(A, "R:1:9999") }, A, &[]);
    let payload = r#"{"token":"denied 8","type":"RW"}"#;
    world.send(A, publish5(2, "$SYS/uploadToken", &[], payload, 1));
    let [status, told, gone] = closed(A, A, 8, "RW");
    world.expect([format!("{A}: paused"), status, told, format!("{A}: DISCONNECT 0x87"), gone]);
    // By alias as well; the receive maximum counts it like others.
    come_in(&mut world, &Connect { level: 5, ..with(A, "R:1:9999") }, A, &[]);
    let payload = r#"{"token":"W:2:9999","type":"W"}"#;
    world.send(A, publish5(2, "$SYS/uploadToken", &[0x23, 0, 1], payload, 1));
    world.expect([format!("{A}: paused"), format!("{A}: resumed"), format!("{A}: PUBACK 1")]);
    world.send(A, publish5(2, "", &[0x23, 0, 1], payload, 2));
    world.expect([format!("{A}: paused"), format!("{A}: resumed"), format!("{A}: PUBACK 2")]);
}

#[test]
fn what_is_no_token_at_all_counts_as_forged() {
    let large = format!(r#"{{"type":"R","token":"{}"}}"#, "x".repeat(65_536));
    for payload in ["", "R:2:9999", "{}", r#"{"token":"","type":"R"}"#, r#"{"token":"x","type":"X"}"#, &large] {
        let mut world = reader();
        world.send(A, publish("$SYS/uploadToken", payload, 1, 1));
        world.expect(closed(A, A, 1, "RW"));
    }
}

#[test]
fn an_upload_replaces_the_token_of_its_type_and_no_other() {
    let mut world = reader();
    world.send(A, upload("W", "W:2:400", 1, 1));
    world.send(A, upload("W", "W:3:9999", 1, 2));
    // Twice the same: nothing happens.
    world.send(A, upload("W", "W:3:9999", 1, 3));
    let answers: Vec<String> = world.take_log().into_iter().filter(|line| line.contains("PUBACK")).collect();
    assert_eq!(answers, [1, 2, 3].map(|id| format!("{A}: PUBACK {id}")));
    world.command(0, Command::RevokeToken(id(2)));
    world.advance(Duration::from_secs(400));
    world.expect_nothing();
    world.send(A, publish("T/x", "x", 0, 0));
    world.expect([format!("{B}: q0 T/x x")]);
    world.command(0, Command::RevokeToken(id(1)));
    world.expect(closed(A, A, 3, "R"));
}

#[test]
fn a_short_token_is_announced_behind_its_acknowledgement() {
    let mut world = reader();
    world.send(A, upload("W", "W:2:60", 1, 1));
    world.expect([format!("{A}: paused"), format!("{A}: resumed"), format!("{A}: PUBACK 1"), expiry(A, 60, "W")]);
    // In time for the token that takes its place.
    world.advance(Duration::from_secs(59));
    world.send(A, upload("W", "W:3:9999", 1, 2));
    world.advance(Duration::from_secs(1));
    world.expect([format!("{A}: paused"), format!("{A}: resumed"), format!("{A}: PUBACK 2")]);
}

#[test]
fn a_token_given_as_another_type_is_of_the_type_it_was_given_as() {
    // The verdict lets it pass: the broker goes by what the client says.
    let mut world = reader();
    world.authenticate_by(|_| {
        let Verdict::Allow(grant) = by_password_of("RW:2:600") else { panic!() };
        Verdict::Allow(grant)
    });
    world.send(A, upload("R", "any", 1, 1));
    world.take_log();
    world.command(0, Command::RevokeToken(id(1)));
    world.expect_nothing();
    world.command(0, Command::RevokeToken(id(2)));
    world.expect(closed(A, A, 3, "R"));
}

fn by_password_of(word: &str) -> Verdict {
    crate::tokens::uploaded(word.split(':').next().unwrap().parse().unwrap(), word)
}

#[test]
fn a_verdict_that_came_too_late_accepts_nothing() {
    for (what, code) in [("revoked", 3), ("expired", 2), ("clock", 2)] {
        let mut world = reader();
        world.hold_verdicts();
        world.send(A, upload("W", "W:2:5", 1, 1));
        match what {
            "revoked" => world.command(0, Command::RevokeToken(id(2))),
            "expired" => world.advance(Duration::from_secs(5)),
            _ => world.now.wall = UnixMillis::new(WALL + 5000),
        }
        world.release_verdicts();
        let [status, told, gone] = closed(A, A, code, "W");
        world.expect([format!("{A}: paused"), status, told, gone]);
    }
}

#[test]
fn the_token_that_is_there_can_end_while_another_is_judged() {
    let mut world = reader();
    world.hold_verdicts();
    world.send(A, [upload("W", "W:2:9999", 1, 1), publish("T/x", "x", 0, 0)].concat());
    world.command(0, Command::RevokeToken(id(1)));
    let [status, told, gone] = closed(A, A, 3, "R");
    world.expect([format!("{A}: paused"), status, told, gone]);
    world.release_verdicts();
    world.expect_nothing();
}

#[test]
fn a_token_that_has_ended_is_replaced_by_none() {
    let mut world = reader();
    world.hold_verdicts();
    world.send(A, upload("R", "R:2:99999", 1, 1));
    world.expect([format!("{A}: paused")]);
    world.now.wall = UnixMillis::new(WALL + 9_999_000);
    world.release_verdicts();
    world.expect(closed(A, A, 2, "R"));
}

#[test]
fn a_verdict_that_does_not_come_closes() {
    let mut world = reader();
    world.hold_verdicts();
    world.send(A, upload("W", "W:2:9999", 1, 1));
    world.advance(Duration::from_secs(29));
    world.expect([format!("{A}: paused")]);
    world.advance(Duration::from_secs(1));
    world.expect([format!("status tcpclean {A}"), format!("{A}: closed effect_failed")]);
    world.release_verdicts();
    world.expect_nothing();
    // With a short keep-alive the pause ends before the client gives up.
    let mut world = crate::tokens::world(lmq(1));
    come_in(&mut world, &with(A, "R:1:9999").keep_alive(20), A, &[]);
    world.hold_verdicts();
    world.send(A, upload("W", "W:2:9999", 1, 1));
    world.advance(Duration::from_secs(10));
    world.expect([format!("{A}: paused"), format!("status tcpclean {A}"), format!("{A}: closed paused_too_long")]);
}

#[test]
fn an_authenticator_that_cannot_say_blames_no_token() {
    for (refusal, blamed) in [(Refusal::Unavailable, false), (Refusal::NotAuthorized, true)] {
        let mut world = reader();
        world.authenticate_by(move |_| Verdict::Deny(refusal));
        world.send(A, upload("W", "W:2:9999", 1, 1));
        let [status, told, gone] = closed(A, A, -1, "W");
        match blamed {
            true => world.expect([format!("{A}: paused"), status, told, gone]),
            false => world.expect([format!("{A}: paused"), status, format!("{A}: closed effect_failed")]),
        }
    }
}

#[test]
fn who_is_gone_when_the_verdict_comes_holds_nothing() {
    for how in ["cut", "kick", "takeover"] {
        let mut world = reader();
        world.hold_verdicts();
        world.send(A, [upload("W", "W:2:9999", 1, 1), DISCONNECT.into()].concat());
        match how {
            "cut" => world.cut(A),
            "kick" => world.command(0, Command::Kick(key(A))),
            _ => world.connect_with("a2", &with(A, "R:1:9999")),
        }
        world.release_verdicts_backwards();
        let mut log = world.take_log();
        log.retain(|line| line.contains("PUBACK") || line.contains("PUBREC"));
        assert_eq!(log, [] as [&str; 0], "{how}");
        if how == "takeover" {
            world.send("a2", publish("T/x", "x", 1, 2));
            let [status, told, gone] = closed("a2", A, 5, "R");
            world.expect([status, told, gone]);
        }
    }
}

#[test]
fn an_order_of_an_operator_holds_while_a_token_is_judged() {
    let mut world = reader();
    world.hold_verdicts();
    world.send(A, [upload("W", "W:2:9999", 1, 1), subscribe(2, &[("T/x", 0)])].concat());
    let whom = Selector::Group { instance: Default::default(), group: "GID_Test".into() };
    world.command(0, Command::SetPermissions { whom: Selector::Client(key(A)), permissions: Permissions::nothing() });
    world.release_verdicts();
    // The token that was uploaded stands beside them, the one of CONNECT does not.
    let [status, told, gone] = closed(A, A, 5, "R");
    world.expect([format!("{A}: paused"), status, format!("{A}: PUBACK 1"), told, gone]);
    world.command(0, Command::Close { whom, reason: CloseReason::NotAuthorized });
    world.expect([format!("status tcpclean {B}"), format!("{B}: closed not_authorized")]);
}

#[test]
fn a_kept_session_that_uploads_with_qos_2_asks_nothing_twice_after_a_reconnect() {
    let mut world = world(lmq(1));
    let kept = Connect { clean: false, ..with(A, "R:1:9999") };
    come_in(&mut world, &kept, A, &[]);
    world.send(A, upload("W", "W:2:9999", 2, 1));
    world.cut(A);
    world.take_log();
    world.connect_with(A, &kept);
    world.take_log();
    world.send(A, [upload("W", "W:2:9999", 2, 1), pubrel(1)].concat());
    let mut log = world.take_log();
    log.retain(|line| !line.ends_with("paused") && !line.ends_with("resumed"));
    assert_eq!(log, [format!("{A}: PUBREC 1"), format!("{A}: PUBCOMP 1")]);
}

#[test]
fn standard_mqtt_knows_no_upload() {
    let mut world = World::new(mqtt(1));
    world.connect("a");
    world.subscribe("a", "$SYS/uploadToken", 0);
    world.send("a", upload("R", "R:1:9", 1, 1));
    world.expect(["a: q0 $SYS/uploadToken {\"token\":\"R:1:9\",\"type\":\"R\"}", "a: PUBACK 1"]);
}

#[test]
fn an_upload_without_a_term_never_ends() {
    let mut world = reader();
    world.authenticate_by(|_| Verdict::Allow(Grant::new(Permissions::everything())));
    world.send(A, upload("W", "any", 1, 1));
    world.send(A, publish("T/x", "x", 0, 0));
    let mut log = world.take_log();
    log.retain(|line| !line.contains("paused") && !line.contains("resumed"));
    assert_eq!(log, [format!("{A}: PUBACK 1"), format!("{B}: q0 T/x x")]);
    assert!(!log.contains(&invalid(A, 5, "R")));
}
