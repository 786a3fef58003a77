//! Clients that hold tokens: rights that are missing, tokens that end and tokens that are revoked.

use std::time::Duration;

use lmq_auth::{Denial, Permissions, TokenId, TokenTerm};
use lmq_broker::{AuthRequest, Command, Grant, InstanceIndex, Settings, UnixMillis, Verdict};
use lmq_id::Access;

use crate::common::{Connect, WALL, World, lmq, mqtt, publish, subscribe};

const A: &str = "GID_Test@@@a";
const B: &str = "GID_Test@@@b";

pub(crate) fn id(number: u8) -> TokenId {
    TokenId::new([number; 16])
}

/// The password lists tokens for `T/#`: type, number and seconds from the first moment, such as `R:1:600 W:2:60`.
pub(crate) fn by_password(request: &AuthRequest) -> Verdict {
    if let Some((access, text)) = &request.token {
        return uploaded(*access, text.as_str());
    }
    let Some(password) = &request.password else { return Verdict::Allow(Grant::new(Permissions::everything())) };
    let mut grant = Grant::new(Permissions::nothing());
    for word in std::str::from_utf8(password.as_bytes()).unwrap().split(' ') {
        let (term, rights) = token(word);
        grant.permissions.set_token(term.access, rights).unwrap();
        grant = grant.with_token(term);
    }
    Verdict::Allow(grant)
}

/// What is uploaded is one such token, given as its own type, or a denial by its number, such as `denied 3`.
pub(crate) fn uploaded(access: Access, text: &str) -> Verdict {
    if let Some(code) = text.strip_prefix("denied ") {
        return Verdict::Invalid(Denial::from_code(code.parse().unwrap()).unwrap());
    }
    let (term, rights) = token(text);
    match term.access == access {
        true => Verdict::Allow(Grant::new(rights).with_token(term)),
        false => Verdict::Invalid(Denial::Action),
    }
}

/// PUBLISH that uploads `text` as a token of this type.
pub(crate) fn upload(access: &str, text: &str, qos: u8, id: u16) -> Vec<u8> {
    publish("$SYS/uploadToken", format!("{{\"token\":\"{text}\",\"type\":\"{access}\"}}"), qos, id)
}

fn token(word: &str) -> (TokenTerm, Permissions) {
    let parts: Vec<&str> = word.split(':').collect();
    let [access, number, secs] = parts[..] else { panic!("{word}") };
    let access: Access = access.parse().unwrap();
    let mut rights = Permissions::nothing();
    rights.grant(access, "T/#").unwrap();
    let expires = WALL + 1000 * secs.parse::<u64>().unwrap();
    (TokenTerm { id: id(number.parse().unwrap()), access, expires }, rights)
}

pub(crate) fn world(settings: Settings) -> World {
    let mut world = World::new(settings);
    world.authenticate_by(by_password);
    world
}

pub(crate) fn with(name: &str, tokens: &str) -> Connect {
    Connect::new(name).credentials("t", tokens)
}

/// A client is in with these tokens, and these lines follow its CONNACK.
#[track_caller]
pub(crate) fn come_in(world: &mut World, connect: &Connect, name: &'static str, more: &[String]) {
    world.connect_with(name, connect);
    let mut log = world.take_log();
    assert!(log[0].starts_with("status connect ") && log[1].starts_with(&format!("{name}: CONNACK 0")), "{log:?}");
    assert_eq!(log.split_off(2), more);
}

fn notice(name: &str, text: &str) -> String {
    let topic = if text.contains("code") { "tokenInvalidNotice" } else { "tokenExpireNotice" };
    format!("{name}: q0 $SYS/{topic} {text}")
}

pub(crate) fn expiry(name: &str, secs: u64, access: &str) -> String {
    let text = format!("{{\"expireTime\":{},\"type\":\"{access}\"}}", WALL + secs * 1000);
    // Longer than the lines of the log show.
    format!("{name}: q0 $SYS/tokenExpireNotice {} bytes", text.len())
}

pub(crate) fn invalid(name: &str, code: i32, access: &str) -> String {
    notice(name, &format!("{{\"code\":{code},\"type\":\"{access}\"}}"))
}

pub(crate) fn closed(name: &str, client_id: &str, code: i32, access: &str) -> [String; 3] {
    [format!("status tcpclean {client_id}"), invalid(name, code, access), format!("{name}: closed token_invalid")]
}

#[track_caller]
pub(crate) fn pass(world: &mut World, secs: u64) {
    // A client that is not to be closed for its silence.
    for _ in 0..secs {
        for name in [A, B].into_iter().filter(|name| !world.is_gone(name)).collect::<Vec<_>>() {
            world.send(name, crate::common::PINGREQ);
        }
        world.advance(Duration::from_secs(1));
    }
    let log = world.take_log().into_iter().filter(|line| !line.ends_with("PINGRESP")).collect::<Vec<_>>();
    world.put_back(log);
}

#[test]
fn what_a_token_does_not_cover_is_told_and_closes_and_is_never_forwarded() {
    for (tokens, bytes, code, access) in [
        // The direction is there, the topic is not.
        ("W:1:9999", publish("room/x", "x", 1, 1), 4, "W"),
        ("R:1:9999 RW:2:9999", publish("room/x", "x", 0, 0), 4, "RW"),
        ("R:1:9999", subscribe(1, &[("T/ok", 0), ("room/#", 0)]), 4, "R"),
        // The direction is missing.
        ("R:1:9999", publish("T/x", "x", 1, 1), 5, "R"),
        ("W:1:9999", subscribe(1, &[("T/x", 0)]), 5, "W"),
        // P2P takes the right to the P2P topic.
        ("W:1:9999", publish(&format!("room/p2p/{B}"), "x", 2, 1), 4, "W"),
        // No such parent topic, whatever the token says.
        ("W:1:9999", publish("none/x", "x", 1, 1), 4, "W"),
    ] {
        let mut world = world(lmq(1));
        world.connect(B);
        world.subscribe(B, "room/#", 0);
        world.subscribe(B, "T/#", 0);
        come_in(&mut world, &with(A, tokens), A, &[]);
        // What follows in the same bytes is not served either.
        world.send(A, [bytes, publish("T/ok", "x", 0, 0)].concat());
        world.expect(closed(A, A, code, access));
    }
}

#[test]
fn a_client_of_mqtt_5_is_also_told_with_disconnect() {
    let mut world = world(lmq(1));
    let connect = Connect { level: 5, ..with(A, "W:1:9999") };
    come_in(&mut world, &connect, A, &[]);
    world.send(A, crate::common::subscribe5(1, &[], &[("T/x", 0)]));
    world.expect([
        format!("status tcpclean {A}"),
        invalid(A, 5, "W"),
        format!("{A}: DISCONNECT 0x87"),
        format!("{A}: closed token_invalid"),
    ]);
}

#[test]
fn a_client_without_tokens_is_told_nothing() {
    let mut world = world(lmq(1));
    world.connect(A);
    world.send(A, publish("none/x", "x", 1, 1));
    world.expect([format!("status tcpclean {A}"), format!("{A}: closed not_authorized")]);
}

#[test]
fn where_a_right_is_refused_a_token_is_not_blamed() {
    let mut settings = lmq(1);
    settings.profile.denied = lmq_broker::Denied::Refuse;
    let mut world = world(settings);
    come_in(&mut world, &with(A, "R:1:9999"), A, &[]);
    world.send(A, [publish("T/x", "x", 1, 1), subscribe(2, &[("room/x", 0), ("T/x", 0)])].concat());
    world.expect([format!("{A}: PUBACK 1"), format!("{A}: SUBACK 2 [128, 0]")]);
}

#[test]
fn a_token_is_announced_five_minutes_ahead_once_and_closes_when_it_ends() {
    let mut world = world(lmq(1));
    come_in(&mut world, &with(A, "R:1:400 RW:2:1000"), A, &[]);
    pass(&mut world, 99);
    world.expect_nothing();
    pass(&mut world, 1);
    world.expect([expiry(A, 400, "R")]);
    assert!(String::from_utf8_lossy(world.transcript(A)).contains("{\"expireTime\":1790000400000,\"type\":\"R\"}"));
    pass(&mut world, 299);
    world.expect_nothing();
    pass(&mut world, 1);
    world.expect(closed(A, A, 2, "R"));
    assert!(world.shard(0).poll_timeout().is_none_or(|at| at > world.now.monotonic));
}

#[test]
fn a_short_token_is_announced_at_once_and_again_on_the_next_connection() {
    let mut world = world(lmq(1));
    come_in(&mut world, &with(A, "R:1:60 W:2:9999"), A, &[expiry(A, 60, "R")]);
    world.disconnect(A);
    come_in(&mut world, &with(A, "R:1:60"), A, &[expiry(A, 60, "R")]);
    pass(&mut world, 60);
    world.expect(closed(A, A, 2, "R"));
}

#[test]
fn a_token_that_is_over_lets_nobody_in() {
    for (version, connack) in [(4, "CONNACK 4"), (5, "CONNACK 0x86")] {
        let mut world = world(lmq(1));
        world.connect_with(A, &Connect { level: version, ..with(A, "R:1:9999 W:2:0") });
        world.expect([format!("{A}: {connack}"), format!("{A}: closed refused")]);
        // Not while it was asked for, but when the verdict comes.
        world.hold_verdicts();
        world.connect_with(A, &Connect { level: version, ..with(A, "R:1:2") });
        world.advance(Duration::from_secs(2));
        world.release_verdicts();
        world.expect([format!("{A}: {connack}"), format!("{A}: closed refused")]);
    }
}

#[test]
fn what_the_authenticator_finds_wrong_with_a_token_decides_the_return_code() {
    for (denial, code) in [
        (Denial::Forged, 4),
        (Denial::Expired, 4),
        (Denial::Revoked, 4),
        (Denial::Signature, 4),
        (Denial::Resource, 5),
        (Denial::Action, 5),
        (Denial::Account, 5),
    ] {
        let mut world = World::new(lmq(1));
        world.authenticate_by(move |_| Verdict::Invalid(denial));
        world.connect_with(A, &with(A, "R:1:9"));
        world.expect([format!("{A}: CONNACK {code}"), format!("{A}: closed refused")]);
    }
}

#[test]
fn a_wall_clock_set_forward_ends_tokens_before_the_next_packet_is_served() {
    let mut world = world(lmq(1));
    world.connect(B);
    world.subscribe(B, "T/#", 0);
    come_in(&mut world, &with(A, "RW:1:1000"), A, &[]);
    world.now.wall = UnixMillis::new(WALL + 1_000_000);
    world.send(A, publish("T/x", "x", 1, 1));
    world.expect(closed(A, A, 2, "RW"));
}

#[test]
fn a_wall_clock_set_forward_is_noticed_without_a_packet() {
    let mut world = world(lmq(1));
    come_in(&mut world, &with(A, "RW:1:1000"), A, &[]);
    world.now.wall = UnixMillis::new(WALL + 700_000);
    world.call_timeouts();
    world.expect([expiry(A, 1000, "RW")]);
    world.now.wall = UnixMillis::new(WALL + 1_000_000);
    world.call_timeouts();
    world.expect(closed(A, A, 2, "RW"));
}

#[test]
fn a_wall_clock_set_back_prolongs_no_token() {
    for announced in [false, true] {
        let mut world = world(lmq(1));
        come_in(&mut world, &with(A, "RW:1:400"), A, &[]);
        if announced {
            pass(&mut world, 100);
            world.expect([expiry(A, 400, "RW")]);
        }
        world.now.wall = UnixMillis::new(WALL - 3_600_000);
        pass(&mut world, if announced { 299 } else { 399 });
        let lines = world.take_log();
        assert_eq!(lines, if announced { vec![] } else { vec![expiry(A, 400, "RW")] });
        pass(&mut world, 1);
        world.expect(closed(A, A, 2, "RW"));
    }
}

#[test]
fn a_token_is_revoked_for_everybody_who_holds_it_and_for_nobody_else() {
    let mut settings = lmq(1);
    settings.limits.work_per_call_max = 1;
    let mut world = world(settings);
    for (name, tokens) in [("a", "R:1:9999 W:3:9999"), ("b", "RW:2:9999"), ("c", "W:1:9999")] {
        let client_id = format!("GID_Test@@@{name}");
        come_in(&mut world, &with(&client_id, tokens), name, &[]);
    }
    world.command(0, Command::RevokeToken(id(9)));
    world.expect_nothing();
    world.command(0, Command::RevokeToken(id(1)));
    assert_eq!(world.take_log(), [closed("a", A, 3, "R"), closed("c", "GID_Test@@@c", 3, "W")].concat());
    // It is not there any more to be revoked, nor is the other token of its holder.
    world.command(0, Command::RevokeToken(id(1)));
    world.command(0, Command::RevokeToken(id(3)));
    world.expect_nothing();
}

#[test]
fn a_verdict_that_does_not_know_of_a_revocation_lets_nobody_in() {
    let mut world = world(lmq(1));
    world.hold_verdicts();
    world.connect_with(A, &with(A, "R:1:9999"));
    world.command(0, Command::RevokeToken(id(1)));
    world.release_verdicts();
    world.expect([format!("{A}: CONNACK 4"), format!("{A}: closed refused")]);
    // One that was asked for later knows better.
    come_in(&mut world, &with(A, "R:1:9999"), A, &[]);
}

#[test]
fn a_token_revoked_while_the_session_is_being_opened_keeps_the_client_out() {
    let mut world = world(lmq(1));
    world.hold_store();
    world.connect_with(A, &Connect { clean: false, ..with(A, "R:1:9999") });
    world.command(0, Command::RevokeToken(id(1)));
    world.expect([format!("{A}: CONNACK 4"), format!("{A}: closed refused")]);
    world.release_store();
    world.expect_nothing();
}

#[test]
fn a_newer_connection_holds_its_own_tokens_and_not_those_of_the_older() {
    let mut world = world(lmq(1));
    let kept = |tokens| Connect { clean: false, ..with(A, tokens) };
    come_in(&mut world, &kept("R:1:600"), A, &[]);
    world.connect_with("a2", &kept("R:2:9999"));
    world.expect([
        format!("status tcpclean {A}"),
        format!("{A}: closed taken_over"),
        format!("status connect {A}"),
        "a2: CONNACK 0 present".into(),
    ]);
    world.command(0, Command::RevokeToken(id(1)));
    world.advance(Duration::from_secs(100));
    world.expect_nothing();
    world.command(0, Command::RevokeToken(id(2)));
    world.expect(closed("a2", A, 3, "R"));
}

#[test]
fn nothing_is_stored_for_who_is_away_once_a_token_has_ended() {
    for revoked in [false, true] {
        let mut world = world(lmq(1));
        world.connect_kept(B);
        let kept = |tokens| Connect { clean: false, ..with(A, tokens) };
        come_in(&mut world, &kept("R:1:600"), A, &[]);
        world.subscribe(A, "T/#", 1);
        world.cut(A);
        world.expect([format!("status tcpclean {A}")]);
        world.send(B, publish("T/1", "before", 1, 1));
        world.expect([format!("{B}: PUBACK 1")]);
        match revoked {
            true => world.command(0, Command::RevokeToken(id(1))),
            false => pass(&mut world, 600),
        }
        world.send(B, publish("T/1", "after", 1, 2));
        world.send(B, publish(&format!("T/p2p/{A}"), "after", 1, 3));
        let mut lines = world.take_log();
        lines.sort();
        let dropped = format!("{A}: dropped 1 Away");
        assert_eq!(lines, [dropped.clone(), dropped, format!("{B}: PUBACK 2"), format!("{B}: PUBACK 3")]);
        // The session itself stays, and so does what it had.
        world.connect_with(A, &kept("R:2:9999"));
        world.expect([
            format!("status connect {A}"),
            format!("{A}: CONNACK 0 present"),
            format!("{A}: q1 #1 T/1 before"),
        ]);
        world.send(B, publish("T/1", "again", 1, 4));
        world.expect([format!("{A}: q1 #2 T/1 again"), format!("{B}: PUBACK 4")]);
    }
}

/// Else a session that stays would begin an exchange of QoS 2 that the store knows nothing of.
#[test]
fn what_was_not_stored_for_it_does_not_reach_a_client_that_comes_back_meanwhile() {
    let mut world = world(mqtt(1));
    let come = |id: &str, word: &str| Connect::kept(id).credentials("t", word);
    world.connect_with(A, &come(A, "R:1:1"));
    world.send(A, subscribe(1, &[("T/#", 2)]));
    world.advance(Duration::from_secs(1));
    world.connect_with(B, &come(B, "W:2:9999"));
    world.take_log();
    world.hold_store();
    world.send(B, publish("T/x", "x", 2, 1));
    world.connect_with(A, &come(A, "R:3:9999"));
    world.release_one();
    world.release_store();
    world.expect([format!("{A}: dropped 1 Away"), format!("{B}: PUBREC 1"), format!("{A}: CONNACK 0 present")]);
    assert_eq!(world.stats().dropped_away, 1);
}

#[test]
fn a_session_that_ends_takes_its_tokens_along() {
    let mut world = world(lmq(1));
    come_in(&mut world, &with(A, "R:1:600"), A, &[]);
    world.cut(A);
    world.expect([format!("status tcpclean {A}")]);
    world.command(0, Command::RevokeToken(id(1)));
    assert_eq!(world.stats().sessions, 0);
    assert!(world.shard(0).poll_timeout().is_none_or(|at| at > world.now.monotonic));
}

#[test]
fn who_lost_its_token_leaves_no_will() {
    for (how, wills) in [(Command::RevokeToken(id(1)), false), (Command::Kick(key(A)), true)] {
        let mut settings = lmq(1);
        settings.profile.wills = true;
        let mut world = world(settings);
        world.connect(B);
        world.subscribe(B, "T/#", 0);
        let will = crate::common::Will { topic: "T/will", payload: "gone", ..Default::default() };
        come_in(&mut world, &with(A, "W:1:9999").will(will.clone()), A, &[]);
        world.command(0, how);
        let heard = world.take_log().contains(&format!("{B}: q0 T/will gone"));
        assert_eq!(heard, wills);
        // A will that the token does not cover keeps the client out.
        world.connect_with(A, &with(A, "R:1:9999").will(will));
        world.expect([format!("{A}: CONNACK 5"), format!("{A}: closed refused")]);
    }
}

pub(crate) fn key(client_id: &str) -> lmq_broker::ClientKey {
    lmq_broker::ClientKey { instance: InstanceIndex(0), client_id: client_id.into() }
}

#[test]
fn rights_given_in_place_of_those_of_tokens_leave_the_tokens_their_end() {
    let mut world = world(lmq(1));
    come_in(&mut world, &with(A, "R:1:9999"), A, &[]);
    let whom = lmq_broker::Selector::Client(key(A));
    world.command(0, Command::SetPermissions { whom, permissions: Permissions::everything() });
    world.send(A, publish("T/x", "x", 1, 1));
    world.expect([format!("{A}: PUBACK 1")]);
    world.command(0, Command::RevokeToken(id(1)));
    world.expect(closed(A, A, 3, "R"));
}
