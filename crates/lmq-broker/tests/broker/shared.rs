//! Shared subscriptions: each message to one member of each group, in any version of MQTT. What several shards add is in `shared_shards`.

use std::num::NonZeroU32;

use lmq_auth::Permissions;
use lmq_broker::{Grant, Profile, Settings, Verdict};
use lmq_id::Access;

use crate::common::{
    Connect, World, ack5, lmq, mqtt, puback, pubcomp, publish, publish_flags, publish5, pubrec, pubrel, subscribe,
    subscribe5, unsubscribe, unsubscribe5,
};

const G: &str = "$share/g/t";

/// A publisher `p` and members of one group, with these QoS.
fn group<const N: usize>(members: [(&'static str, u8); N]) -> World {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    for (name, qos) in members {
        world.connect(name);
        world.subscribe(name, G, qos);
    }
    world
}

#[test]
fn each_message_goes_to_one_member_of_each_group_in_turn_and_to_everybody_else() {
    let mut world = group([("a", 0), ("b", 0), ("c", 0)]);
    // [MQTT-4.8.2-1] [MQTT-4.8.2-2]: another name or another filter is another group.
    for (name, filter) in [("d", "$share/h/t"), ("a", "$share/h/t"), ("d", "$share/g/+"), ("e", "t")] {
        if ["d", "e"].contains(&name) && world.session(name).is_none() {
            world.connect(name);
        }
        world.subscribe(name, filter, 0);
    }
    for payload in ["1", "2", "3", "4"] {
        world.send("p", publish("t", payload, 0, 0));
    }
    // `d` is alone in `g/+` and gets all of it, besides every second of `h/t`.
    world.expect([
        "a: q0 t 1",
        "a: q0 t 1",
        "d: q0 t 1",
        "e: q0 t 1",
        "b: q0 t 2",
        "d: q0 t 2",
        "d: q0 t 2",
        "e: q0 t 2",
        "a: q0 t 3",
        "c: q0 t 3",
        "d: q0 t 3",
        "e: q0 t 3",
        "a: q0 t 4",
        "d: q0 t 4",
        "d: q0 t 4",
        "e: q0 t 4",
    ]);
}

#[test]
fn a_group_follows_the_filter_inside() {
    let mut world = World::new(mqtt(1));
    for (name, filter) in [("a", "$share/g//finance"), ("b", "$share/g/#"), ("c", "$share/g/$SYS/x")] {
        world.connect(name);
        world.subscribe(name, filter, 0);
    }
    world.connect("p");
    for topic in ["/finance", "finance", "$SYS/x", "$share/g/finance"] {
        world.send("p", publish(topic, "x", 0, 0));
    }
    world.expect(["a: q0 /finance x", "b: q0 /finance x", "b: q0 finance x", "c: q0 $SYS/x x"]);
}

#[test]
fn a_member_gets_no_more_qos_than_it_was_granted() {
    let mut world = group([("a", 0), ("b", 1), ("c", 2)]);
    for id in 1..=3 {
        world.send("p", publish("t", id.to_string(), 2, id));
    }
    // [MQTT-4.8.2-3]
    world.expect(["a: q0 t 1", "p: PUBREC 1", "b: q1 #1 t 2", "p: PUBREC 2", "c: q2 #1 t 3", "p: PUBREC 3"]);
    for payload in ["4", "5", "6"] {
        world.send("p", publish("t", payload, 0, 0));
    }
    world.expect(["a: q0 t 4", "b: q0 t 5", "c: q0 t 6"]);
    // Another QoS for the same membership; the turn stays.
    world.subscribe("a", G, 1);
    world.send("p", publish("t", "7", 1, 7));
    world.expect(["a: q1 #1 t 7", "p: PUBACK 7"]);
}

#[test]
fn identifiers_and_retain_are_those_of_the_shared_subscription() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect5("a", &[]);
    world.connect5("b", &[]);
    world.send("a", subscribe5(1, &[0x0b, 5], &[(G, 1)]));
    // Retain as published.
    world.send("b", subscribe5(1, &[0x0b, 6], &[(G, 0x08 | 1)]));
    world.expect(["a: SUBACK 1 [1]", "b: SUBACK 1 [1]"]);
    for payload in ["1", "2"] {
        world.send("p", publish_flags(0x01, "t", payload, 0));
    }
    world.expect([
        "a: q0 t 1 {SubscriptionIdentifier(SubscriptionId(5))}",
        "b: q0 retain t 2 {SubscriptionIdentifier(SubscriptionId(6))}",
    ]);
    world.send("a", unsubscribe5(2, &[G, G]));
    world.expect(["a: UNSUBACK 2 [0, 17]"]);
}

#[test]
fn a_session_gets_one_copy_for_its_own_filters_and_one_from_each_group() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect5("a", &[]);
    world.connect5("b", &[]);
    world.send("a", subscribe5(1, &[0x0b, 1], &[("t", 0), ("+", 1)]));
    world.send("a", subscribe5(2, &[0x0b, 2], &[(G, 2)]));
    world.send("a", subscribe5(3, &[0x0b, 3], &[("$share/g/#", 0)]));
    world.send("b", subscribe5(1, &[], &[(G, 0)]));
    world.expect(["a: SUBACK 1 [0, 1]", "a: SUBACK 2 [2]", "a: SUBACK 3 [0]", "b: SUBACK 1 [0]"]);
    assert_eq!((world.session("a").unwrap().subscriptions, world.stats().subscriptions), (4, 5));
    let own = "{SubscriptionIdentifier(SubscriptionId(1)), SubscriptionIdentifier(SubscriptionId(1))}";
    let [g, all] = [2, 3].map(|id| format!("{{SubscriptionIdentifier(SubscriptionId({id}))}}"));
    world.send("p", publish("t", "x", 2, 1));
    let mut log = world.take_log();
    log.sort();
    assert_eq!(
        log,
        [format!("a: q0 t x {all}"), format!("a: q1 #1 t x {own}"), format!("a: q2 #2 t x {g}"), "p: PUBREC 1".into()]
    );
    world.send("p", publish("t", "y", 2, 2));
    let mut log = world.take_log();
    log.sort();
    assert_eq!(
        log,
        [format!("a: q0 t y {all}"), format!("a: q1 #3 t y {own}"), "b: q0 t y".into(), "p: PUBREC 2".into()]
    );
}

#[test]
fn filters_that_are_no_shared_subscriptions_are_refused() {
    let mut world = World::new(mqtt(1));
    world.connect("a");
    // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    let malformed = ["$share/", "$share/g", "$share/g/", "$share//t", "$share/+/t", "$share/#"];
    world.send("a", subscribe(1, &malformed.map(|filter| (filter, 0))));
    world.expect(["a: SUBACK 1 [128, 128, 128, 128, 128, 128]"]);
    world.send("a", subscribe(2, &[("$share", 0), ("$shared/g/t", 0)]));
    world.expect(["a: SUBACK 2 [0, 0]"]);
    for filter in &malformed[..5] {
        world.connect5("b", &[]);
        world.send("b", subscribe5(1, &[], &[(filter, 0)]));
        world.expect(["b: DISCONNECT 0x8f", "b: closed malformed"]);
    }
    // [MQTT-3.8.3-4]
    world.connect5("b", &[]);
    world.send("b", subscribe5(1, &[], &[(G, 0x04)]));
    world.expect(["b: DISCONNECT 0x82", "b: closed malformed"]);
}

#[test]
fn the_product_refuses_them_all() {
    let mut world = World::new(lmq(1));
    world.connect("GID_Test@@@a");
    world.send("GID_Test@@@a", subscribe(1, &[("$share/g/T/a", 0), ("T/a", 0)]));
    world.expect(["GID_Test@@@a: SUBACK 1 [128, 0]"]);
    world.connect_with("GID_Test@@@b", &Connect::v5("GID_Test@@@b", &[]));
    world.expect([
        "status connect GID_Test@@@b",
        "GID_Test@@@b: CONNACK 0 {RetainAvailable(false), SharedSubscriptionAvailable(false), ServerKeepAlive(480)}",
    ]);
    world.send("GID_Test@@@b", subscribe5(1, &[], &[("$share/g/T/a", 0)]));
    world.expect(["GID_Test@@@b: SUBACK 1 [0x9e]"]);
}

#[test]
fn the_rules_of_a_profile_apply_to_the_filter_inside() {
    let profile = Profile {
        shared_subscriptions: true,
        trailing_slash_ignored: true,
        topic_chars_max: NonZeroU32::new(4),
        subscriptions_max: NonZeroU32::new(3),
        ..Profile::mqtt()
    };
    let mut world = World::new(Settings::new(profile, 1));
    world.authenticate_by(|_| {
        let mut permissions = Permissions::nothing();
        permissions.grant(Access::Read, "t/#").unwrap();
        Verdict::Allow(Grant::new(permissions))
    });
    world.connect5("a", &[]);
    let filters = [("$share/group/t/1/", 0), ("$share/group/t/1", 0), ("$share/g/t/123", 0), ("$share/g/u", 0)];
    world.send("a", subscribe5(1, &[], &filters));
    world.expect(["a: SUBACK 1 [0, 0, 0x8f, 0x87]"]);
    assert_eq!(world.session("a").unwrap().subscriptions, 1);
    world.send("a", subscribe5(2, &[], &[("t/1", 0), ("t/2", 0), ("$share/g/t/3", 0), ("$share/group/t/1", 0)]));
    world.expect(["a: SUBACK 2 [0, 0, 0x97, 0]"]);
    world.send("a", unsubscribe5(3, &["$share/group/t/1/"]));
    world.expect(["a: UNSUBACK 3 [0]"]);
}

#[test]
fn the_slash_that_a_profile_ignores_is_not_that_of_the_group() {
    let mut world = World::new(Settings::new(Profile { trailing_slash_ignored: true, ..Profile::mqtt() }, 1));
    world.connect("a");
    world.subscribe("a", "$share/g//", 0);
    world.subscribe("a", "$share/g/t/", 0);
    for topic in ["/", "t/", "t"] {
        world.send("a", publish(topic, "x", 0, 0));
    }
    world.expect(["a: q0 / x", "a: q0 t/ x", "a: q0 t x"]);
}

#[test]
fn who_is_ready_comes_before_who_has_no_room() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_with("slow", &Connect::v5("slow", &[0x21, 0, 1]));
    world.expect(["slow: CONNACK 0"]);
    world.connect("fast");
    world.send("slow", subscribe5(1, &[], &[(G, 1)]));
    world.expect(["slow: SUBACK 1 [1]"]);
    world.subscribe("fast", G, 1);
    for id in 1..=4 {
        world.send("p", publish("t", id.to_string(), 1, id));
    }
    world.expect([
        "p: PUBACK 1",
        "slow: q1 #1 t 1",
        "fast: q1 #1 t 2",
        "p: PUBACK 2",
        "fast: q1 #2 t 3",
        "p: PUBACK 3",
        "fast: q1 #3 t 4",
        "p: PUBACK 4",
    ]);
    world.send("slow", puback(1));
    world.send("p", publish("t", "5", 1, 5));
    world.expect(["p: PUBACK 5", "slow: q1 #2 t 5"]);
    // Where nobody has room, a message waits with one of them.
    world.block("fast");
    world.cut("fast");
    world.send("p", publish("t", "6", 1, 6));
    world.expect(["p: PUBACK 6"]);
    assert_eq!(world.session("slow").unwrap().queued, 4);
    world.send("slow", [puback(2), puback(3)].concat());
    world.expect(["slow: q1 #3 t 2", "slow: q1 #4 t 3"]);
}

#[test]
fn a_kept_member_that_is_away_gets_what_nobody_else_takes() {
    let mut world = group([("a", 1)]);
    world.connect_kept("k");
    world.subscribe("k", G, 1);
    world.cut("k");
    for id in 1..=2 {
        world.send("p", publish("t", id.to_string(), 1, id));
    }
    world.expect(["a: q1 #1 t 1", "p: PUBACK 1", "a: q1 #2 t 2", "p: PUBACK 2"]);
    world.send("a", [puback(1), puback(2)].concat());
    world.disconnect("a");
    world.hold_store();
    world.send("p", publish("t", "3", 1, 3));
    // Nothing is kept without QoS.
    world.send("p", publish("t", "4", 0, 0));
    world.expect_nothing();
    world.release_store();
    world.expect(["p: PUBACK 3"]);
    assert_eq!(world.stats().dropped_shared, 1);
    world.reconnect_kept_with("k", ["k: q1 #1 t 3"]);
}

#[test]
fn members_leave_with_unsubscribe_and_the_group_ends_with_the_last() {
    let mut world = group([("a", 1), ("b", 1)]);
    // A second SUBSCRIBE makes no second membership.
    world.subscribe("a", G, 1);
    assert_eq!(world.stats().subscriptions, 2);
    world.send("a", unsubscribe(1, &[G]));
    world.expect(["a: UNSUBACK 1"]);
    for id in 1..=2 {
        world.send("p", publish("t", id.to_string(), 1, id));
    }
    world.expect(["b: q1 #1 t 1", "p: PUBACK 1", "b: q1 #2 t 2", "p: PUBACK 2"]);
    world.send("b", unsubscribe(1, &[G]));
    world.expect(["b: UNSUBACK 1"]);
    world.connect5("q", &[]);
    world.send("q", publish5(0x02, "t", &[], "3", 3));
    world.expect(["q: PUBACK 3 16"]);
    assert_eq!((world.stats().dropped_shared, world.stats().subscriptions), (0, 0));
}

#[test]
fn what_a_client_refuses_is_discarded() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    for name in ["a", "b"] {
        world.connect5(name, &[]);
        world.send(name, subscribe5(1, &[], &[(G, 2)]));
        world.expect([format!("{name}: SUBACK 1 [2]")]);
    }
    world.send("p", publish("t", "1", 1, 1));
    world.send("p", publish("t", "2", 2, 2));
    world.expect(["a: q1 #1 t 1", "p: PUBACK 1", "b: q2 #1 t 2", "p: PUBREC 2"]);
    // [MQTT-4.8.2-6]: neither at once nor when the client leaves.
    world.send("a", ack5(0x40, 1, 0x97));
    world.send("b", ack5(0x50, 1, 0x80));
    world.expect_nothing();
    world.cut("a");
    world.cut("b");
}

#[test]
fn a_qos_2_message_that_was_sent_stays_with_its_member() {
    let mut world = group([("b", 2)]);
    world.connect_kept("a");
    world.subscribe("a", G, 2);
    for id in 1..=4 {
        world.send("p", publish("t", id.to_string(), 2, id));
    }
    world.take_log();
    world.send("a", pubrec(1));
    world.expect(["a: PUBREL 1"]);
    // [MQTT-4.8.2-4]
    world.cut("a");
    world.expect_nothing();
    world.reconnect_kept_with("a", ["a: PUBREL 1", "a: q2 #2 dup t 4"]);
    world.send("a", [pubcomp(1), pubrec(2)].concat());
    world.expect(["a: PUBREL 2"]);
    world.send("a", pubcomp(2));
    // [MQTT-4.8.2-5]: the session of `b` ends with two messages of QoS 2 that it did not acknowledge.
    world.cut("b");
    world.expect_nothing();
    assert_eq!(world.session("a").unwrap().inflight, 0);
}

#[test]
fn qos_1_of_a_session_that_ends_goes_to_another_member_and_so_does_what_was_not_sent() {
    let mut settings = mqtt(1);
    settings.limits.inflight_max = 2;
    let mut world = World::new(settings);
    world.connect("p");
    world.connect("a");
    world.subscribe("a", G, 2);
    for (id, qos) in [(1, 1), (2, 2), (3, 1), (4, 2), (5, 0)] {
        world.send("p", publish("t", id.to_string(), qos, id));
    }
    world.expect([
        "a: q1 #1 t 1",
        "p: PUBACK 1",
        "a: q2 #2 t 2",
        "p: PUBREC 2",
        "p: PUBACK 3",
        "p: PUBREC 4",
        "a: q0 t 5",
    ]);
    world.connect("b");
    world.subscribe("b", G, 1);
    // [MQTT-4.8.2-5]: 2 is on its way to `a` and dies with its session.
    world.cut("a");
    world.expect(["b: q1 #1 t 1", "b: q1 #2 t 3"]);
    world.send("b", puback(1));
    world.expect(["b: q1 #3 t 4"]);
    world.disconnect("b");
    // Nobody is left for 3 and 4: the group has ended, and what waits for it with it.
    assert_eq!(world.stats().dropped_shared, 2);
}

#[test]
fn what_was_acknowledged_is_not_kept_for_others() {
    let mut settings = mqtt(1);
    // Room for two messages: topic and payload are two bytes.
    settings.limits.queue_bytes_max = 4;
    let mut world = World::new(settings);
    world.connect("p");
    world.connect("a");
    world.subscribe("a", G, 1);
    for id in 1..=5 {
        world.send("p", publish("t", id.to_string(), 1, id));
        world.expect([format!("a: q1 #{id} t {id}"), format!("p: PUBACK {id}")]);
        if id <= 2 {
            world.send("a", puback(id));
        }
    }
    world.connect("b");
    world.subscribe("b", G, 1);
    world.cut("a");
    world.expect(["b: q1 #1 t 3", "b: q1 #2 t 4"]);
}

#[test]
fn a_member_that_was_taken_over_is_one_member() {
    let mut world = group([("a", 1), ("b", 1)]);
    world.send("p", publish("t", "1", 1, 1));
    world.send("p", publish("t", "2", 1, 2));
    world.expect(["a: q1 #1 t 1", "p: PUBACK 1", "b: q1 #1 t 2", "p: PUBACK 2"]);
    // A clean session ends: its message goes to the other one.
    world.connect_with("a2", &Connect::new("a"));
    world.expect(["a: closed taken_over", "a2: CONNACK 0", "b: q1 #2 t 1"]);
    world.send("p", publish("t", "3", 1, 3));
    world.expect(["b: q1 #3 t 3", "p: PUBACK 3"]);
    world.subscribe("a2", G, 1);
    // A kept one goes on.
    world.connect_kept("k");
    world.subscribe("k", G, 1);
    world.connect_with("k2", &Connect::kept("k"));
    world.expect(["k: closed taken_over", "k2: CONNACK 0 present"]);
    for id in 4..=6 {
        world.send("p", publish("t", id.to_string(), 1, id));
    }
    let lines = world.take_log();
    for name in ["a2", "b", "k2"] {
        let got = lines.iter().filter(|line| line.starts_with(&format!("{name}: q1"))).count();
        assert_eq!(got, 1, "{name} {lines:?}");
    }
}

#[test]
fn a_message_recorded_against_a_second_try_waits_for_the_record() {
    let mut world = group([("a", 2), ("b", 0)]);
    world.connect_kept("q");
    world.hold_store();
    world.send("q", publish("t", "1", 2, 1));
    world.send("q", publish("t", "2", 2, 2));
    world.expect_nothing();
    // The member that was chosen leaves before: the other one gets the message.
    world.cut("a");
    world.release_store();
    world.expect(["b: q0 t 1", "b: q0 t 2", "q: PUBREC 1", "q: PUBREC 2"]);
    world.hold_store();
    world.send("q", publish("t", "3", 2, 3));
    world.fail_held();
    world.expect(["q: closed effect_failed"]);
    world.send("p", pubrel(1));
    world.expect(["p: PUBCOMP 1"]);
}

#[test]
fn a_store_that_fails_for_the_chosen_member_closes_the_publisher_who_sends_again() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_kept("k");
    world.subscribe("k", G, 1);
    world.hold_store();
    world.send("p", publish("t", "1", 1, 1));
    world.fail_held();
    world.expect(["p: closed effect_failed", "k: dropped 1 StoreFailed"]);
    world.connect("p");
    world.send("p", publish("t", "1", 1, 1));
    world.expect(["k: q1 #1 t 1", "p: PUBACK 1"]);
}

#[test]
fn a_session_that_ends_while_a_message_is_stored_for_it_passes_it_on() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_kept("k");
    world.subscribe("k", G, 1);
    world.connect_kept("m");
    world.subscribe("m", G, 1);
    world.hold_store();
    world.send("p", publish("t", "1", 1, 1));
    world.connect_with("k2", &Connect::new("k"));
    world.expect(["k: closed taken_over"]);
    world.release_one();
    // Stored for `k`, whose session is gone; it is stored once more, for `m`.
    world.expect_nothing();
    world.release_store();
    world.expect(["k2: CONNACK 0", "m: q1 #1 t 1", "p: PUBACK 1"]);
}
