//! Retained messages on their way between publisher, store, owner and siblings: what waits for what, and what fails.
//!
//! With three shards `p` lives on 2, `s` on 1, `q` on 0; shard 0 owns `t/1`, shard 1 `t/2`, shard 2 `t/3`.

use std::time::Duration;

use lmq_broker::{InstanceIndex, Settings};
use lmq_codec::TopicName;

use crate::common::{World, mqtt, publish_flags, publish5, pubrel, subscribe};

const RETAIN: u8 = 0x01;

fn world(shards: u16, change: impl Fn(&mut Settings)) -> World {
    let mut settings = mqtt(shards);
    change(&mut settings);
    let mut world = World::new(settings);
    if shards == 3 {
        assert_eq!(["p", "s", "q"].map(|id| world.shard_of(id)), [2, 1, 0]);
        let owner = |topic| world.settings.owner_of_topic(InstanceIndex(0), topic).0;
        assert_eq!(["t/1", "t/2", "t/3"].map(owner), [0, 1, 2]);
    }
    world.connect("p");
    world.connect("s");
    world
}

fn retain(topic: &str, payload: &str, qos: u8, id: u16) -> Vec<u8> {
    publish_flags(RETAIN | qos << 1, topic, payload, id)
}

/// The payload that every shard has for a topic.
#[track_caller]
fn kept(world: &World, topic: &str) -> Option<String> {
    let of = |node: u16| {
        let message = world.shard(node.into()).retained(InstanceIndex(0), TopicName::new(topic).unwrap())?;
        Some(String::from_utf8(message.payload.to_vec()).unwrap())
    };
    let all: Vec<_> = (0..world.settings.shards).map(of).collect();
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    all[0].clone()
}

#[test]
fn the_answer_waits_until_the_owner_has_stored_and_every_shard_knows() {
    let mut world = world(3, |_| {});
    world.trace_routes();
    world.trace_store();
    world.hold_store();
    world.send("p", retain("t/1", "x", 1, 1));
    world.expect(["route 2>0 retain t/1", "store retain t/1@1"]);
    world.hold_routes();
    world.release_store();
    world.expect(["route 0>1 retained t/1@1", "route 0>2 retained t/1@1"]);
    world.release_route(0, 1);
    world.release_route(0, 2);
    world.expect(["route 1>0 done", "route 2>0 done"]);
    world.release_route(1, 0);
    world.expect_nothing();
    world.release_route(2, 0);
    world.expect(["route 0>2 done"]);
    world.release_routes();
    world.expect(["p: PUBACK 1"]);
}

#[test]
fn qos_0_waits_for_nothing_and_qos_2_like_qos_1() {
    for shards in [1, 3] {
        let mut world = world(shards, |_| {});
        world.subscribe("s", "t/1", 0);
        world.hold_store();
        world.send("p", [retain("t/1", "a", 0, 0), retain("t/1", "b", 2, 1)].concat());
        // On their way as ever.
        world.expect(["s: q0 t/1 a", "s: q0 t/1 b"]);
        assert_eq!(kept(&world, "t/1"), None);
        world.release_store();
        world.expect(["p: PUBREC 1"]);
        world.send("p", pubrel(1));
        world.expect(["p: PUBCOMP 1"]);
        assert_eq!(kept(&world, "t/1").as_deref(), Some("b"));
    }
}

#[test]
fn a_failed_store_closes_the_publisher_and_leaves_what_was_there() {
    for shards in [1, 3] {
        for qos in [1, 2] {
            let mut world = world(shards, |_| {});
            world.send("p", retain("t/1", "old", 1, 1));
            world.expect(["p: PUBACK 1"]);
            world.hold_store();
            world.send("p", retain("t/1", "new", qos, 2));
            world.fail_held();
            world.expect(["p: closed effect_failed"]);
            assert_eq!(kept(&world, "t/1").as_deref(), Some("old"));
            // It comes back and sends again.
            world.connect("p");
            world.send("p", retain("t/1", "new", qos, 2));
            world.expect([if qos == 1 { "p: PUBACK 2" } else { "p: PUBREC 2" }]);
            assert_eq!(kept(&world, "t/1").as_deref(), Some("new"));
        }
    }
}

#[test]
fn at_qos_0_a_failed_store_leaves_nothing() {
    for shards in [1, 3] {
        let mut world = world(shards, |_| {});
        world.send("p", retain("t/1", "old", 1, 1));
        world.expect(["p: PUBACK 1"]);
        world.break_store();
        // 3.1.1: [MQTT-3.3.1-7]: the old one is not true any more, whatever becomes of the new one.
        world.send("p", retain("t/1", "new", 0, 0));
        assert_eq!(kept(&world, "t/1"), None);
        assert_eq!((world.stats().retained, world.stats().retained_dropped), (0, 1));
    }
}

#[test]
fn a_store_that_does_not_answer_counts_as_failed_and_the_next_change_goes_on() {
    for shards in [1, 3] {
        let mut world = world(shards, |settings| settings.limits.effect_timeout = Duration::from_secs(5));
        world.hold_store();
        world.send("p", retain("t/1", "lost", 1, 1));
        world.advance(Duration::from_secs(5));
        world.expect(["p: closed effect_failed"]);
        world.release_store();
        world.connect("p");
        world.send("p", retain("t/1", "next", 1, 1));
        world.expect(["p: PUBACK 1"]);
        assert_eq!(kept(&world, "t/1").as_deref(), Some("next"));
    }
}

#[test]
fn a_kept_publishers_qos_2_message_is_known_to_the_store_behind_what_it_retains() {
    let mut world = world(1, |_| {});
    world.connect_kept("k");
    world.trace_store();
    world.hold_store();
    world.send("k", retain("t/1", "x", 2, 1));
    world.expect(["store retain t/1@1", "store append dedup k#1"]);
    world.release_one();
    world.expect_nothing();
    world.release_store();
    world.expect(["k: PUBREC 1"]);
}

#[test]
fn changes_are_entered_in_their_order_whatever_order_the_store_answers_in() {
    for shards in [1, 3] {
        let mut world = world(shards, |_| {});
        world.hold_store();
        for payload in ["a", "b", "", "c", "d"] {
            world.send("p", retain("t/1", payload, 0, 0));
        }
        world.send("p", retain("t/2", "e", 1, 1));
        world.send("p", retain("t/2", "", 1, 2));
        world.release_store_backwards();
        world.expect(["p: PUBACK 1", "p: PUBACK 2"]);
        assert_eq!((kept(&world, "t/1").as_deref(), kept(&world, "t/2")), (Some("d"), None));
    }
}

#[test]
fn two_publishers_end_with_the_same_message_everywhere() {
    let mut world = world(3, |_| {});
    world.connect("q");
    world.hold_routes();
    world.send("p", retain("t/1", "from p", 1, 1));
    world.send("q", retain("t/1", "from q", 1, 1));
    world.release_routes();
    let mut log = world.take_log();
    log.sort();
    assert_eq!(log, ["p: PUBACK 1", "q: PUBACK 1"]);
    assert_eq!(kept(&world, "t/1").as_deref(), Some("from p"));
}

/// The publisher's shard does not know the filter yet: the message comes by the owner, in front of the SUBACK or behind it.
#[test]
fn a_message_published_before_the_filter_is_known_is_not_lost() {
    for owner_first in [true, false] {
        let mut world = world(3, |_| {});
        world.hold_routes();
        // Nobody subscribed, as far as shard 2 knows.
        world.send("p", retain("t/1", "x", 1, 1));
        world.send("s", subscribe(1, &[("t/+", 0)]));
        if !owner_first {
            // The filter is known at once, but the message is on its way still.
            for _ in 0..2 {
                world.release_route(1, 2);
                world.release_route(1, 0);
            }
            // Everything that is answered at once.
            for from in [0, 2] {
                while !world.is_quiet(from, 1) {
                    world.release_route(from, 1);
                }
            }
            world.expect_nothing();
        }
        world.release_route(2, 0);
        world.release_route(0, 2);
        while !world.is_quiet(0, 1) {
            world.release_route(0, 1);
        }
        world.release_routes();
        let mut log = world.take_log();
        log.sort();
        assert_eq!(log, ["p: PUBACK 1", "s: SUBACK 1 [0]", "s: q0 retain t/1 x"]);
    }
}

#[test]
fn a_message_published_while_another_session_has_the_filter_is_not_lost() {
    let mut world = world(3, |_| {});
    // `e` lives with `s` and has the filter already.
    let other = ["e", "f", "g", "h", "i", "j"].into_iter().find(|id| world.shard_of(id) == 1).unwrap();
    world.connect(other);
    world.subscribe(other, "t/+", 0);
    world.hold_routes();
    world.send("p", retain("t/1", "x", 0, 0));
    // The live copy comes, then the SUBSCRIBE, then what is kept.
    world.release_route(2, 1);
    world.expect([format!("{other}: q0 t/1 x")]);
    world.send("s", subscribe(1, &[("t/+", 0)]));
    for sibling in [0, 2] {
        world.release_route(1, sibling);
        while !world.is_quiet(sibling, 1) {
            world.release_route(sibling, 1);
        }
    }
    world.expect_nothing();
    world.release_routes();
    world.expect(["s: SUBACK 1 [0]", "s: q0 retain t/1 x"]);
}

#[test]
fn with_one_shard_a_message_that_is_being_stored_is_waited_for() {
    let mut world = world(1, |_| {});
    world.hold_store();
    world.send("p", retain("t/1", "x", 0, 0));
    world.send("s", subscribe(1, &[("t/1", 0)]));
    world.send("p", retain("t/1", "y", 0, 0));
    world.expect(["s: q0 t/1 y"]);
    world.release_one();
    // The first is kept; the second, which it has, is not awaited, and the first need not come behind it.
    world.expect(["s: SUBACK 1 [0]"]);
    world.release_store();
}

#[test]
fn a_steady_flow_of_messages_keeps_no_subscriber_waiting() {
    let mut world = world(3, |_| {});
    world.hold_routes();
    world.send("p", retain("t/1", "0", 0, 0));
    world.send("s", subscribe(1, &[("u", 0)]));
    for _ in 0..2 {
        world.release_route(1, 2);
        world.release_route(1, 0);
    }
    for n in 1..10 {
        world.send("p", retain("t/1", &n.to_string(), 0, 0));
    }
    // To the owner, to the siblings, and back.
    world.release_route(2, 0);
    for (from, to) in [(0, 1), (0, 1), (0, 1), (1, 0), (0, 2), (2, 1), (2, 0)] {
        world.release_route(from, to);
    }
    assert_eq!(world.take_log(), [] as [&str; 0]);
    // The first one of ten is answered, and with it the subscriber.
    while !world.is_quiet(2, 0) && world.take_log().is_empty() {
        world.release_route(2, 0);
        while !world.is_quiet(0, 2) {
            world.release_route(0, 2);
        }
        while !world.is_quiet(2, 1) {
            world.release_route(2, 1);
        }
        if world.transcript("s").ends_with(&[0x90, 3, 0, 1, 0]) {
            break;
        }
    }
    assert!(world.transcript("s").ends_with(&[0x90, 3, 0, 1, 0]));
    world.release_routes();
    world.take_log();
    assert_eq!(kept(&world, "t/1").as_deref(), Some("9"));
}

#[test]
fn an_older_message_does_not_come_behind_a_newer_one_that_was_delivered() {
    for shards in [1, 3] {
        let mut world = world(shards, |settings| settings.limits.inflight_max = 1);
        for topic in ["t/1", "t/2", "t/3"] {
            world.send("p", retain(topic, "old", 1, 1));
        }
        world.take_log();
        world.send("s", subscribe(1, &[("t/+", 1)]));
        world.expect(["s: SUBACK 1 [1]", "s: q1 #1 retain t/1 old"]);
        world.hold_store();
        world.send("p", retain("t/2", "new", 0, 0));
        world.expect(["s: q0 t/2 new"]);
        world.send("s", [0x40, 2, 0, 1]);
        world.expect(["s: q1 #2 retain t/3 old"]);
        world.release_store();
        // Whoever comes later gets the new one.
        world.connect("q");
        world.send("q", subscribe(1, &[("t/2", 0)]));
        world.expect(["q: SUBACK 1 [0]", "q: q0 retain t/2 new"]);
    }
}

#[test]
fn a_sibling_that_does_not_answer_closes_the_subscriber() {
    let mut world = world(3, |settings| settings.limits.effect_timeout = Duration::from_secs(5));
    world.connect("q");
    world.subscribe("q", "t/1", 0);
    world.hold_routes();
    world.send("q", subscribe(2, &[("t/1", 0)]));
    world.advance(Duration::from_secs(5));
    world.expect(["q: closed effect_failed"]);
    world.release_routes();
}

#[test]
fn publishers_pause_while_too_many_messages_wait_for_the_store() {
    for shards in [1, 3] {
        let mut world = world(shards, |settings| settings.limits.link_messages_max = 2);
        world.hold_store();
        for n in 0..4 {
            world.send("p", retain("t/3", &n.to_string(), 0, 0));
        }
        world.expect(["p: paused"]);
        world.release_store();
        assert!(world.take_log().contains(&"p: resumed".into()));
        assert_eq!(kept(&world, "t/3").as_deref(), Some("3"));
    }
}

#[test]
fn a_sibling_that_starts_late_gets_the_messages_all_the_same() {
    let mut world = world(3, |settings| settings.limits.effect_timeout = Duration::from_secs(5));
    world.connect5("p5", &[]);
    world.send("p5", publish5(RETAIN, "t/1", &[], "x", 0));
    world.hold_routes();
    world.restart();
    world.advance(Duration::from_secs(5));
    assert!(!world.shard(0).is_ready());
    world.release_routes();
    world.advance(Duration::from_secs(2));
    assert!((0..3).all(|node| world.shard(node).is_ready()));
    assert_eq!(kept(&world, "t/1").as_deref(), Some("x"));
}

/// What passed by while the subscription began, and is older than what is kept, must not hide it.
#[test]
fn a_message_kept_behind_one_that_passed_by_is_brought() {
    let mut world = world(3, |_| {});
    world.send("p", retain("t/1", "first", 1, 9));
    world.expect(["p: PUBACK 9"]);
    world.hold_routes();
    world.send("s", subscribe(1, &[("t/1", 1)]));
    world.send("s", retain("t/1", "old", 1, 1));
    world.expect(["s: q1 #1 t/1 old"]);
    // Its shard does not know the filter yet.
    world.send("p", retain("t/1", "new", 1, 2));
    while !world.is_quiet(1, 0) {
        world.release_route(1, 0);
    }
    world.release_routes();
    assert_eq!(kept(&world, "t/1").as_deref(), Some("new"));
    let lines = world.take_log();
    assert_eq!(lines.iter().filter(|line| line.starts_with("s: q1")).collect::<Vec<_>>(), ["s: q1 #2 retain t/1 new"]);
}
