//! What is published for a client whose connection ends without DISCONNECT.

use std::time::Duration;

use lmq_auth::Permissions;
use lmq_broker::{Grant, Profile, Verdict};
use lmq_id::Access;

use crate::common::{Connect, DISCONNECT, Will, World, disconnect5, hex, lmq, mqtt, puback, publish};

fn will() -> Will {
    Will { topic: "w", payload: "gone", qos: 1, ..Will::default() }
}

/// A will that waits so many seconds.
fn late(secs: u8) -> Will {
    Will { properties: vec![0x18, 0, 0, 0, secs], ..will() }
}

/// MQTT 5.0 with a session of so many seconds.
fn v5(name: &str, session_secs: u8, will: Will) -> Connect {
    Connect { clean: false, ..Connect::v5(name, &[0x11, 0, 0, 0, session_secs]).will(will) }
}

fn watched(shards: u16) -> World {
    let mut world = World::new(mqtt(shards));
    world.connect("s");
    world.subscribe("s", "w", 1);
    world
}

#[test]
fn a_lost_connection_publishes_the_will_and_a_disconnect_does_not() {
    for shards in [1, 3] {
        let mut world = watched(shards);
        for level in [4, 5] {
            // [MQTT-3.1.2-8] [MQTT-3.1.2-10] [MQTT-3.14.4-3]
            world.connect_with("c", &Connect::new("c").level(level).will(will()));
            world.expect(["c: CONNACK 0"]);
            world.send("c", DISCONNECT);
            world.expect(["c: closed disconnected"]);
            world.connect_with("c", &Connect::new("c").level(level).will(will()));
            world.expect(["c: CONNACK 0"]);
            world.cut("c");
            let id = level - 3;
            world.expect([format!("s: q1 #{id} w gone")]);
        }
        assert_eq!((world.stats().wills, world.stored_sessions()), (2, 0));
    }
}

#[test]
fn whatever_closes_the_connection_publishes_the_will() {
    let mut world = watched(1);
    let connect = |name: &str| Connect::new(name).keep_alive(10).will(will());
    world.connect_with("c", &connect("c"));
    world.expect(["c: CONNACK 0"]);
    world.send("c", hex("00 00"));
    world.expect(["c: closed malformed", "s: q1 #1 w gone"]);
    world.connect_with("c", &connect("c"));
    world.expect(["c: CONNACK 0"]);
    world.advance(Duration::from_secs(15));
    world.expect(["c: closed keep_alive", "s: q1 #2 w gone"]);
    world.connect_with("c", &connect("c"));
    // [MQTT-3.1.4-3]
    world.connect_with("again", &connect("c"));
    world.expect(["c: CONNACK 0", "c: closed taken_over", "again: CONNACK 0", "s: q1 #3 w gone"]);
}

#[test]
fn a_client_of_mqtt_5_may_ask_for_its_will_with_disconnect() {
    let mut world = watched(1);
    world.connect_with("c", &v5("c", 0, will()));
    world.expect(["c: CONNACK 0"]);
    world.send("c", disconnect5(0x04, &[]));
    world.expect(["c: closed disconnected_with_will", "s: q1 #1 w gone"]);
}

#[test]
fn a_will_waits_for_its_delay_unless_the_client_comes_back() {
    let mut world = watched(1);
    world.connect_with("c", &v5("c", 60, late(10)));
    world.expect(["c: CONNACK 0"]);
    world.cut("c");
    world.advance(Duration::from_secs(9));
    // [MQTT-3.1.3-9]
    world.connect_with("c", &v5("c", 60, late(10)));
    world.expect(["c: CONNACK 0 present"]);
    world.advance(Duration::from_secs(30));
    world.expect_nothing();
    world.cut("c");
    world.advance(Duration::from_secs(10));
    world.expect(["s: q1 #1 w gone"]);
    world.advance(Duration::from_secs(100));
    world.expect_nothing();
}

#[test]
fn the_end_of_the_session_cuts_the_delay_short() {
    let mut world = watched(1);
    for (session_secs, wait) in [(0, 0), (5, 5)] {
        world.connect_with("c", &v5("c", session_secs, late(60)));
        world.expect(["c: CONNACK 0"]);
        world.cut("c");
        world.advance(Duration::from_secs(wait));
        let id = 1 + wait / 5;
        world.expect([format!("s: q1 #{id} w gone")]);
    }
    world.connect_with("c", &v5("c", 60, late(60)));
    world.expect(["c: CONNACK 0"]);
    world.cut("c");
    world.connect_with("c", &Connect { clean: true, ..v5("c", 60, late(60)) });
    world.expect(["c: CONNACK 0", "s: q1 #3 w gone"]);
}

#[test]
fn a_will_survives_a_restart_with_what_is_left_of_its_delay() {
    let mut world = World::new(mqtt(1));
    world.connect_kept("s");
    world.subscribe("s", "w", 1);
    world.connect_with("clean", &Connect::new("clean").will(will()));
    world.connect_with("late", &v5("late", 60, late(20)));
    world.connect_with("told", &v5("told", 60, will()));
    world.expect(["clean: CONNACK 0", "late: CONNACK 0", "told: CONNACK 0"]);
    world.cut("late");
    world.cut("told");
    world.expect(["s: q1 #1 w gone"]);
    world.send("s", puback(1));
    world.advance(Duration::from_secs(15));
    world.restart();
    world.reconnect_kept_with("s", ["s: q1 #1 w gone"]);
    world.advance(Duration::from_secs(4));
    world.expect_nothing();
    world.advance(Duration::from_secs(1));
    world.expect(["s: q1 #2 w gone"]);
}

#[test]
fn a_will_without_the_right_to_its_topic_keeps_the_client_out() {
    let mut world = World::new(mqtt(1));
    world.authenticate_by(|_| {
        let mut permissions = Permissions::nothing();
        permissions.grant(Access::Write, "other/#").unwrap();
        Verdict::Allow(Grant::new(permissions))
    });
    world.connect_with("c", &Connect::new("c").will(will()));
    world.expect(["c: CONNACK 5", "c: closed refused"]);
    world.connect_with("c", &v5("c", 0, will()));
    world.expect(["c: CONNACK 0x87", "c: closed refused"]);
}

#[test]
fn the_product_reads_a_will_and_forgets_it() {
    let mut settings = lmq(1);
    settings.profile = Profile { denied: Profile::mqtt().denied, ..Profile::lmq() };
    let mut world = World::new(settings);
    world.connect("GID_Test@@@s");
    world.subscribe("GID_Test@@@s", "T/w", 1);
    world.connect_with("c", &Connect::new("GID_Test@@@c").will(Will { topic: "T/w", ..will() }));
    world.expect(["status connect GID_Test@@@c", "c: CONNACK 0"]);
    world.cut("c");
    world.expect(["status tcpclean GID_Test@@@c"]);
}

#[test]
fn a_will_comes_behind_what_its_client_published() {
    let mut world = watched(2);
    world.connect_with("c", &Connect::new("c").will(will()));
    world.expect(["c: CONNACK 0"]);
    world.hold_routes();
    world.send("c", publish("w", "last", 1, 1));
    world.cut("c");
    world.release_routes();
    let log = world.take_log();
    let at = |line: &str| log.iter().position(|seen| seen == line).unwrap_or_else(|| panic!("{line} in {log:?}"));
    assert!(at("s: q1 #1 w last") < at("s: q1 #2 w gone"));
}
