//! Shared subscriptions as the standards number them: ids are those of MQTT 5.0, which alone has them; older clients may share too.

use crate::common::{Level, World, ack5, mqtt, puback, pubcomp, pubrec};

const G: &str = "$share/g/t";

/// A publisher `p` and the members `a` and `b` with sessions that stay.
fn group(level: Level, qos: u8) -> World {
    let mut world = World::new(mqtt(1));
    world.join("p", level);
    for name in ["a", "b"] {
        world.join_kept(name, level);
        world.subscribe_in(level, name, G, qos);
    }
    world
}

#[test]
fn a_shared_subscription_is_another_than_the_same_filter_alone() {
    for level in Level::BOTH {
        let mut world = group(level, 0);
        world.subscribe_in(level, "a", "t", 0);
        // [MQTT-3.10.4-1]: the whole text counts.
        world.send("a", level.unsubscribe(1, &["$share/h/t", "$share/g/+", G]));
        world.expect([format!("a: {}", level.unsuback(1, &[17, 17, 0]))]);
        for payload in ["1", "2"] {
            world.send("p", level.publish(0, "t", payload, 0));
            world.expect([format!("a: q0 t {payload}"), format!("b: q0 t {payload}")]);
        }
        world.send("a", level.unsubscribe(2, &["t"]));
        world.send("b", level.unsubscribe(2, &["t"]));
        world.expect([format!("a: {}", level.unsuback(2, &[0])), format!("b: {}", level.unsuback(2, &[17]))]);
        world.send("p", level.publish(0, "t", "3", 0));
        world.expect(["b: q0 t 3"]);
    }
}

#[test]
fn each_member_has_its_own_qos() {
    for level in Level::BOTH {
        let mut world = group(level, 0);
        world.subscribe_in(level, "b", G, 2);
        // [MQTT-4.8.2-3]
        let mut lines = Vec::new();
        for id in 1..=4 {
            world.send("p", level.publish(2, "t", "x", id));
            lines.extend(world.take_log());
        }
        lines.retain(|line| !line.starts_with("p: "));
        lines.sort();
        assert_eq!(lines, ["a: q0 t x", "a: q0 t x", "b: q1 #1 t x", "b: q1 #2 t x"]);
    }
}

#[test]
fn what_was_begun_with_a_member_is_finished_with_it() {
    for level in Level::BOTH {
        let mut world = group(level, 2);
        world.send("p", level.publish(4, "t", "x", 1));
        world.expect(["a: q2 #1 t x", "p: PUBREC 1"]);
        world.cut("a");
        // [MQTT-4.8.2-4]
        world.expect_nothing();
        world.rejoin("a", level, ["a: q2 #1 dup t x"]);
        world.send("a", pubrec(1));
        world.expect(["a: PUBREL 1"]);
        world.send("a", pubcomp(1));
        // [MQTT-4.8.2-5]: the next one is begun with `b`, and dies with its session.
        world.send("p", level.publish(4, "t", "y", 2));
        world.expect(["b: q2 #1 t y", "p: PUBREC 2"]);
        world.cut("b");
        world.join("b", level);
        world.expect_nothing();
    }
}

#[test]
fn a_no_of_a_member_is_final() {
    let mut world = group(Level::V5, 2);
    world.send("p", Level::V5.publish(2, "t", "x", 1));
    world.expect(["a: q1 #1 t x", "p: PUBACK 1"]);
    world.send("p", Level::V5.publish(4, "t", "y", 2));
    world.expect(["b: q2 #1 t y", "p: PUBREC 2"]);
    // [MQTT-4.8.2-6]
    world.send("a", ack5(0x40, 1, 0x97));
    world.send("b", ack5(0x50, 1, 0x83));
    for name in ["a", "b"] {
        world.cut(name);
        world.join(name, Level::V5);
    }
    world.expect_nothing();
}

#[test]
fn a_shared_subscription_brings_nothing_that_is_retained() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join("p", level);
        world.send("p", level.publish(0x01, "t", "kept", 0));
        world.join("a", level);
        // Section 4.8.2.
        world.subscribe_in(level, "a", G, 1);
        world.send("p", level.publish(2, "t", "new", 1));
        world.expect(["a: q1 #1 t new", "p: PUBACK 1"]);
        world.send("a", puback(1));
    }
}
