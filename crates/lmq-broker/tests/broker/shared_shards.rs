//! Shared subscriptions whose members, owner and publishers live in different shards.
//!
//! Of two shards: `p`, `b`, `d` and the group `g` of filter `t` live on shard 0, `a`, `c`, `s` and the group `h` on shard 1.

use std::{collections::BTreeMap, time::Duration};

use lmq_broker::{InstanceIndex, Settings};

use crate::common::{
    Connect, World, mqtt, puback, publish, publish_again, pubrec, pubrel, subscribe, subscribe5, unsubscribe,
};

const G: &str = "$share/g/t";
const H: &str = "$share/h/t";

fn owner(world: &World, share: &str) -> u16 {
    world.settings.owner_of_group(InstanceIndex(0), share, "t").0
}

fn two(change: impl Fn(&mut Settings)) -> World {
    let mut settings = mqtt(2);
    change(&mut settings);
    let world = World::new(settings);
    assert_eq!(["p", "b", "d", "s", "a", "c"].map(|id| world.shard_of(id)), [0, 0, 0, 1, 1, 1]);
    assert_eq!(["g", "h"].map(|share| owner(&world, share)), [0, 1]);
    world
}

/// The publisher `p`, and members of a group that lives with it.
fn group<const N: usize>(members: [&'static str; N]) -> World {
    let mut world = two(|_| {});
    world.connect("p");
    for name in members {
        world.connect(name);
        world.subscribe(name, G, 1);
    }
    world
}

#[test]
fn each_message_goes_to_one_member_of_each_group_wherever_they_all_live() {
    const MEMBERS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    const PUBLISHERS: [&str; 6] = ["p", "q", "r", "s", "x", "y"];
    for shards in 1..=3 {
        let mut world = World::new(mqtt(shards));
        let shards_of = |world: &World, names: &[&str]| {
            let mut all: Vec<_> = names.iter().map(|name| world.shard_of(name)).collect();
            all.sort_unstable();
            all.dedup();
            all.len()
        };
        // Every combination of shards occurs: each has members, publishers, and a group.
        assert_eq!((shards_of(&world, &MEMBERS), shards_of(&world, &PUBLISHERS)), (shards.into(), shards.into()));
        let mut owners = ["g", "h", "j"].map(|share| owner(&world, share));
        owners.sort_unstable();
        assert!(owners.iter().all(|owner| *owner < shards) && (0..shards).all(|shard| owners.contains(&shard)));
        for (at, name) in MEMBERS.into_iter().enumerate() {
            world.connect(name);
            let share = ["g", "h", "j"][at / 2];
            world.subscribe(name, &format!("$share/{share}/t"), (at % 3) as u8);
            world.subscribe(name, "$share/all/#", 2);
        }
        let mut got: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
        for (at, name) in PUBLISHERS.into_iter().enumerate() {
            world.connect(name);
            for qos in 0..3 {
                let payload = format!("{name}{qos}");
                world.send(name, publish("t", &payload, qos, u16::from(qos) + 1));
                let mut lines = world.take_log();
                if qos > 0 {
                    let answer = format!("{name}: {} {}", ["PUBACK", "PUBREC"][usize::from(qos) - 1], qos + 1);
                    // The answer comes once every shard has done its part.
                    assert!(lines.contains(&answer), "{lines:?}");
                    lines.retain(|line| *line != answer);
                }
                assert_eq!(lines.len(), 4, "{shards} {at} {lines:?}");
                for line in lines {
                    let (member, rest) = line.split_once(": ").unwrap();
                    assert!(rest.ends_with(&payload) && !rest.contains("dup"));
                    *got.entry(payload.clone()).or_default().entry(member.into()).or_default() += 1;
                }
            }
        }
        for (payload, members) in &got {
            for pair in MEMBERS.chunks(2) {
                let copies: u32 = pair.iter().filter_map(|member| members.get(*member)).sum();
                assert!(copies >= 1, "{payload} {members:?}");
            }
        }
        // Each of the groups of two has given each of its members nine, the one of all six three.
        for member in MEMBERS {
            let copies: u32 = got.values().filter_map(|members| members.get(member)).sum();
            assert_eq!(copies, 9 + 3, "{member} of {shards}");
        }
        assert_eq!((world.stats().dropped_shared, world.stats().effects_pending), (0, 0));
    }
}

#[test]
fn suback_leaves_after_the_owner_has_told_everybody() {
    let mut world = two(|_| {});
    world.connect("p");
    world.connect("s");
    world.trace_routes();
    world.hold_routes();
    world.send("s", subscribe(1, &[(G, 1)]));
    world.expect(["route 1>0 s joins Ready $share/g/t"]);
    world.release_route(1, 0);
    world.expect(["route 0>1 want t"]);
    // Nobody was told yet, but the owner is the publisher's shard.
    world.send("p", publish("t", "early", 0, 0));
    world.expect(["route 0>1 shared t for s"]);
    world.release_route(0, 1);
    world.expect(["route 1>0 done"]);
    world.release_route(1, 0);
    world.expect(["route 0>1 done"]);
    world.release_routes();
    world.expect(["route 1>0 credit 1", "s: q0 t early", "s: SUBACK 1 [1]"]);
}

#[test]
fn a_publisher_elsewhere_sends_one_copy_to_the_owner() {
    let mut world = two(|_| {});
    for (name, filter) in [("a", G), ("b", G), ("d", "t"), ("c", H)] {
        world.connect(name);
        world.subscribe(name, filter, 1);
    }
    world.connect("s");
    world.trace_routes();
    world.send("s", publish("t", "1", 1, 1));
    world.expect([
        // One for `d` and the group `g`; `c` is chosen where the message came in.
        "route 1>0 publish t ?",
        "c: q1 #1 t 1",
        "route 0>1 shared t for a ?",
        "d: q1 #1 t 1",
        "route 1>0 done",
        "a: q1 #1 t 1",
        "route 0>1 done",
        "s: PUBACK 1",
    ]);
    world.send("s", publish("t", "2", 1, 2));
    world.expect([
        "route 1>0 publish t ?",
        "c: q1 #2 t 2",
        "route 0>1 done",
        "b: q1 #1 t 2",
        "d: q1 #2 t 2",
        "s: PUBACK 2",
    ]);
}

#[test]
fn a_member_that_left_before_the_message_came_gives_it_back() {
    for qos in [0, 1] {
        let mut world = group(["a", "c"]);
        world.trace_routes();
        world.hold_routes();
        let asked = if qos == 0 { "" } else { " ?" };
        world.send("p", publish("t", "1", qos, 1));
        world.expect([format!("route 0>1 shared t for a{asked}")]);
        match qos {
            0 => world.send("a", unsubscribe(1, &[G])),
            _ => world.cut("a"),
        }
        world.expect(["route 1>0 a leaves $share/g/t"]);
        world.release_routes();
        let lines = world.take_log();
        let expected: &[&str] = match qos {
            0 => &[
                "route 1>0 returned t",
                "route 1>0 credit 1",
                "route 0>1 done",
                "a: UNSUBACK 1",
                "route 0>1 shared t for c",
                "route 0>1 credit 1",
                "route 1>0 credit 1",
                "c: q0 t 1",
            ],
            _ => &[
                "route 1>0 returned t answer",
                "route 0>1 done",
                "route 0>1 shared t for c ?",
                "route 0>1 credit 1",
                "route 1>0 done",
                "c: q1 #1 t 1",
                "p: PUBACK 1",
            ],
        };
        assert_eq!(lines, expected);
    }
}

#[test]
fn a_message_that_nobody_takes_is_dropped_and_acknowledged() {
    let mut world = group(["a"]);
    world.connect_kept("c");
    world.subscribe("c", G, 0);
    world.cut("c");
    world.hold_routes();
    world.send("p", publish("t", "1", 1, 1));
    world.cut("a");
    world.release_routes();
    // `c` is away, and keeps nothing of what it gets with QoS 0.
    world.expect(["p: PUBACK 1"]);
    assert_eq!((world.stats().dropped_shared, world.stats().effects_pending), (1, 0));
    world.send("p", publish("t", "2", 1, 2));
    world.expect(["p: PUBACK 2"]);
    assert_eq!((world.stats().dropped_shared, world.stats().effects_pending), (2, 0));
    world.reconnect_kept("c");
    world.send("p", publish("t", "3", 1, 3));
    world.expect(["c: q0 t 3", "p: PUBACK 3"]);
}

#[test]
fn the_owner_is_told_who_comes_goes_and_has_no_room() {
    let mut world = two(|settings| settings.limits.inflight_max = 2);
    world.connect("p");
    world.connect("b");
    world.subscribe("b", G, 1);
    world.connect_kept("s");
    world.subscribe("s", G, 1);
    world.trace_routes();
    for id in 1..=4 {
        world.send("p", publish("t", id.to_string(), 1, id));
    }
    world.expect([
        "b: q1 #1 t 1",
        "p: PUBACK 1",
        "route 0>1 shared t for s ?",
        "route 1>0 done",
        "s: q1 #1 t 2",
        "p: PUBACK 2",
        "b: q1 #2 t 3",
        "p: PUBACK 3",
        "route 0>1 shared t for s ?",
        "route 1>0 s is Busy",
        "route 1>0 done",
        "s: q1 #2 t 4",
        "route 0>1 credit 1",
        "p: PUBACK 4",
    ]);
    world.send("b", [puback(1), puback(2)].concat());
    for id in 5..=6 {
        world.send("p", publish("t", id.to_string(), 1, id));
    }
    world.expect(["b: q1 #3 t 5", "p: PUBACK 5", "b: q1 #4 t 6", "p: PUBACK 6"]);
    world.send("b", [puback(3), puback(4)].concat());
    world.send("s", puback(2));
    world.expect(["route 1>0 s is Ready", "route 0>1 credit 1"]);
    world.cut("s");
    world.expect(["route 1>0 s is Away", "route 0>1 credit 1"]);
    world.send("p", publish("t", "7", 1, 7));
    world.expect(["b: q1 #5 t 7", "p: PUBACK 7"]);
    world.connect_with("s", &Connect::kept("s"));
    world.expect([
        "route 1>0 s is Busy",
        "route 1>0 s is Ready",
        "s: CONNACK 0 present",
        "s: q1 #1 dup t 2",
        "route 0>1 credit 1",
        "route 0>1 credit 1",
    ]);
    world.send("p", publish("t", "8", 1, 8));
    world.expect([
        "route 0>1 shared t for s ?",
        "route 1>0 s is Busy",
        "route 1>0 done",
        "s: q1 #3 t 8",
        "route 0>1 credit 1",
        "p: PUBACK 8",
    ]);
}

#[test]
fn puback_waits_for_the_store_of_the_member() {
    let mut world = two(|_| {});
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", G, 1);
    world.hold_store();
    world.send("p", publish("t", "1", 1, 1));
    world.expect_nothing();
    world.release_store();
    world.expect(["s: q1 #1 t 1", "p: PUBACK 1"]);
    world.hold_store();
    world.send("p", publish("t", "2", 1, 2));
    world.fail_held();
    world.expect(["s: dropped 1 StoreFailed", "p: closed effect_failed"]);
}

#[test]
fn a_message_that_was_stored_for_a_session_that_is_gone_goes_to_the_next() {
    let mut world = group([]);
    for name in ["a", "c"] {
        world.connect_kept(name);
        world.subscribe(name, G, 1);
    }
    world.hold_store();
    world.send("p", publish("t", "1", 1, 1));
    world.connect_with("a2", &Connect::new("a"));
    world.expect(["a: closed taken_over"]);
    world.trace_routes();
    world.release_store();
    // The owner's question is answered by giving the message back.
    world.expect([
        "route 1>0 returned t answer",
        "a2: CONNACK 0",
        "route 0>1 shared t for c ?",
        "route 0>1 credit 1",
        "route 1>0 done",
        "c: q1 #1 t 1",
        "p: PUBACK 1",
    ]);
    assert_eq!(world.stats().effects_pending, 0);
}

#[test]
fn a_message_is_recorded_once_the_member_in_another_shard_has_it() {
    let mut world = group(["s"]);
    world.connect_kept("b");
    world.trace_routes();
    world.hold_store();
    world.send("b", publish("t", "1", 2, 1));
    world.expect_nothing();
    world.release_one();
    world.expect(["route 0>1 shared t for s ?", "route 1>0 done", "s: q1 #1 t 1"]);
    world.release_store();
    world.expect(["b: PUBREC 1"]);
    // A second try of the same message is not forwarded.
    world.send("b", publish_again("t", "1", 2, 1));
    world.expect(["b: PUBREC 1"]);
    world.send("b", pubrel(1));
    world.expect(["b: PUBCOMP 1"]);
}

#[test]
fn qos_1_of_a_session_that_ends_goes_to_a_member_in_another_shard() {
    let mut world = group(["a", "b"]);
    world.send("p", publish("t", "1", 1, 1));
    world.send("p", publish("t", "2", 1, 2));
    world.expect(["a: q1 #1 t 1", "p: PUBACK 1", "b: q1 #1 t 2", "p: PUBACK 2"]);
    world.trace_routes();
    world.cut("a");
    world.expect([
        "route 1>0 a leaves $share/g/t",
        "route 1>0 returned t",
        "route 0>1 done",
        "route 0>1 credit 1",
        "b: q1 #2 t 1",
    ]);
    // And back, to one that keeps it.
    world.connect_kept("s");
    world.send("s", subscribe(1, &[(G, 1)]));
    world.expect(["route 1>0 s joins Ready $share/g/t", "route 0>1 done", "s: SUBACK 1 [1]"]);
    world.cut("b");
    world.expect([
        "route 0>1 shared t for s",
        "route 0>1 shared t for s",
        "route 1>0 credit 1",
        "s: q1 #1 t 2",
        "route 1>0 credit 1",
        "s: q1 #2 t 1",
    ]);
    assert_eq!(world.stats().effects_pending, 0);
}

#[test]
fn a_qos_2_message_stays_with_a_member_in_another_shard() {
    let mut world = two(|_| {});
    world.connect("p");
    for name in ["s", "a"] {
        world.connect_kept(name);
        world.subscribe(name, G, 2);
    }
    world.send("p", publish("t", "1", 2, 1));
    world.expect(["s: q2 #1 t 1", "p: PUBREC 1"]);
    // [MQTT-4.8.2-4]
    world.cut("s");
    world.reconnect_kept_with("s", ["s: q2 #1 dup t 1"]);
    world.send("s", pubrec(1));
    world.expect(["s: PUBREL 1"]);
}

#[test]
fn unsuback_of_the_last_member_waits_for_everybody() {
    let mut world = group(["s"]);
    world.connect("a");
    world.trace_routes();
    world.hold_routes();
    world.send("s", unsubscribe(1, &[G]));
    world.expect(["route 1>0 s leaves $share/g/t"]);
    world.release_route(1, 0);
    world.expect(["route 0>1 unwant t"]);
    world.release_routes();
    world.expect(["route 1>0 done", "route 0>1 done", "s: UNSUBACK 1"]);
    world.send("a", publish("t", "x", 1, 1));
    world.expect(["a: PUBACK 1"]);
    assert_eq!(world.stats().subscriptions, 0);
}

#[test]
fn a_group_and_a_session_may_want_the_same_filter() {
    let mut world = group(["s"]);
    world.connect("b");
    world.subscribe("b", "t", 0);
    world.connect("a");
    world.send("s", unsubscribe(1, &[G]));
    world.expect(["s: UNSUBACK 1"]);
    world.send("a", publish("t", "1", 1, 1));
    world.expect(["b: q0 t 1", "a: PUBACK 1"]);
    world.subscribe("s", G, 1);
    world.send("b", unsubscribe(1, &["t"]));
    world.expect(["b: UNSUBACK 1"]);
    world.send("a", publish("t", "2", 1, 2));
    world.expect(["s: q1 #1 t 2", "a: PUBACK 2"]);
}

#[test]
fn after_a_restart_nobody_is_let_in_before_the_owners_have_told_everybody() {
    let mut world = two(|_| {});
    world.connect_kept("s");
    world.subscribe("s", G, 1);
    world.hold_routes();
    world.trace_routes();
    world.restart();
    // Shard 1 does not say that it is done before shard 0 has told its siblings what it wants for the group.
    world.expect(["route 0>1 restored", "route 1>0 s joins Away $share/g/t"]);
    world.release_route(0, 1);
    assert!(!world.shard(0).is_ready() && !world.shard(1).is_ready());
    world.release_route(1, 0);
    world.expect(["route 0>1 want t"]);
    world.release_route(0, 1);
    world.expect(["route 1>0 done"]);
    world.release_route(1, 0);
    world.expect(["route 0>1 done"]);
    assert!(!world.shard(0).is_ready());
    world.release_routes();
    world.expect(["route 1>0 restored"]);
    assert!(world.shard(0).is_ready() && world.shard(1).is_ready());
    world.connect("a");
    world.send("a", publish("t", "x", 1, 1));
    world.expect([
        "route 1>0 publish t ?",
        "route 0>1 shared t for s ?",
        "route 1>0 done",
        "route 0>1 done",
        "a: PUBACK 1",
    ]);
    world.connect_with("s", &Connect::kept("s"));
    // Not ready before it has what waits for it.
    world.expect([
        "route 1>0 s is Busy",
        "route 1>0 s is Ready",
        "s: CONNACK 0 present",
        "s: q1 #1 t x",
        "route 0>1 credit 1",
        "route 0>1 credit 1",
    ]);
}

#[test]
fn an_owner_that_does_not_answer_at_the_start_is_asked_again() {
    let mut world = two(|_| {});
    world.connect_kept("s");
    world.subscribe("s", G, 1);
    world.hold_routes();
    world.trace_routes();
    world.restart();
    world.advance(Duration::from_secs(31));
    world.expect(["route 0>1 restored", "route 1>0 s joins Away $share/g/t", "route 1>0 s joins Away $share/g/t"]);
    world.release_routes();
    world.take_log();
    assert!(world.shard(0).is_ready() && world.shard(1).is_ready());
    world.connect("a");
    world.send("a", publish("t", "x", 1, 1));
    assert_eq!(world.take_log().last().map(String::as_str), Some("a: PUBACK 1"));
    world.connect_with("s", &Connect::kept("s"));
    assert!(world.take_log().contains(&"s: q1 #1 t x".into()));
}

#[test]
fn an_owner_that_does_not_answer_closes_the_publisher_and_its_late_answer_harms_nobody() {
    let mut world = group(["a", "c"]);
    world.hold_routes();
    world.send("p", publish("t", "1", 1, 1));
    world.cut("a");
    world.advance(Duration::from_secs(30));
    world.expect(["p: closed effect_failed"]);
    world.release_routes();
    assert_eq!((world.stats().effects_pending, world.stats().effects_failed), (0, 2));
}

#[test]
fn a_full_link_pauses_the_publisher_of_a_shared_message() {
    for qos in [0, 1] {
        let mut world = two(|settings| settings.limits.link_messages_max = 2);
        world.connect("p");
        world.connect("s");
        world.subscribe("s", G, 1);
        world.hold_routes();
        let bytes: Vec<u8> = (1..=5).flat_map(|n| publish("t", n.to_string(), qos, n)).collect();
        world.send("p", bytes);
        world.expect(["p: paused"]);
        world.release_routes();
        let lines = world.take_log();
        assert_eq!(lines.iter().filter(|line| line.starts_with("s: ")).count(), 5, "{lines:?}");
        assert!(lines.contains(&"p: resumed".into()), "{lines:?}");
    }
}

#[test]
fn both_versions_share_a_subscription_across_shards() {
    let mut world = group(["b"]);
    world.connect5("s", &[]);
    world.send("s", subscribe5(1, &[0x0b, 7], &[(G, 2)]));
    world.expect(["s: SUBACK 1 [2]"]);
    world.send("p", publish("t", "1", 2, 1));
    world.send("p", publish("t", "2", 2, 2));
    world.expect([
        "b: q1 #1 t 1",
        "p: PUBREC 1",
        "s: q2 #1 t 2 {SubscriptionIdentifier(SubscriptionId(7))}",
        "p: PUBREC 2",
    ]);
}
