//! Retained messages as the standards number them: ids without further words are those of MQTT 5.0.

use std::time::Duration;

use crate::common::{Level, Will, World, mqtt, publish5, subscribe5};

/// What a client that comes now gets for this filter.
fn kept(world: &mut World, level: Level, filter: &str, qos: u8) -> Vec<String> {
    world.join("late", level);
    world.send("late", level.subscribe(9, &[(filter, qos)]));
    let mut log = world.take_log();
    assert_eq!(log.remove(0), format!("late: SUBACK 9 [{qos}]"));
    world.disconnect("late");
    log
}

#[test]
fn a_will_is_retained_if_it_asks_for_it() {
    for level in Level::BOTH {
        for (retain, left) in [(false, &[][..]), (true, &["late: q1 #1 retain w gone"][..])] {
            let mut world = World::new(mqtt(1));
            world.join("s", level);
            world.subscribe_in(level, "s", "w", 0);
            let will = Will { topic: "w", payload: "gone", qos: 1, retain, ..Will::default() };
            world.connect_with("c", &level.clean("c").will(will));
            world.expect(["c: CONNACK 0"]);
            world.cut("c");
            // [MQTT-3.1.2-14] [MQTT-3.1.2-15]; in 3.1.1 [MQTT-3.1.2-16] [MQTT-3.1.2-17].
            world.expect(["s: q0 w gone"]);
            assert_eq!(kept(&mut world, level, "w", 2), left);
        }
    }
}

#[test]
fn what_is_retained_does_not_end_with_the_session_that_sent_it() {
    for level in Level::BOTH {
        let mut world = World::new(mqtt(1));
        world.join_kept("p", level);
        world.send("p", level.publish(0x01, "t", "x", 0));
        world.disconnect("p");
        // In 3.1.1 [MQTT-3.1.2-7].
        world.join("p", level);
        world.cut("p");
        assert_eq!(kept(&mut world, level, "t", 0), ["late: q0 retain t x"]);
    }
}

#[test]
fn a_retained_message_keeps_everything_that_belongs_to_it() {
    let mut world = World::new(mqtt(1));
    world.connect5("p", &[]);
    let properties =
        [0x02, 0, 0, 0, 60, 0x01, 1, 0x08, 0, 1, b'r', 0x26, 0, 1, b'b', 0, 1, b'1', 0x26, 0, 1, b'a', 0, 1, b'2'];
    world.send("p", publish5(0x01, "t", &properties, "x", 0));
    for restarted in [false, true] {
        if restarted {
            world.restart();
        }
        world.advance(Duration::from_secs(20));
        let log = kept(&mut world, Level::V5, "t", 0);
        // [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-18]
        let order = ["ResponseTopic", "name: \"b\"", "name: \"a\""].map(|part| log[0].find(part));
        assert!(
            log[0].starts_with("late: q0 retain t x {") && log[0].contains("PayloadFormatIndicator(true)"),
            "{log:?}"
        );
        assert!(order.iter().all(Option::is_some) && order[1] < order[2], "{log:?}");
        // [MQTT-3.3.2-6]
        let left = if restarted { 20 } else { 40 };
        assert!(log[0].contains(&format!("MessageExpiryInterval({left})")), "{log:?}");
    }
    // [MQTT-3.3.2-5]
    world.advance(Duration::from_secs(20));
    assert_eq!(kept(&mut world, Level::V5, "t", 0), [] as [&str; 0]);
}

#[test]
fn every_retain_handling_does_as_it_says() {
    let mut world = World::new(mqtt(1));
    world.connect5("s", &[]);
    world.send("s", publish5(0x01, "t", &[], "x", 0));
    // Handling 0, 1 and 2, first for a new subscription, then again, and RETAIN is set in every case.
    for (handling, first, again) in [(0x00, true, true), (0x10, true, false), (0x20, false, false)] {
        for expected in [first, again] {
            // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.8.4-4]
            world.send("s", subscribe5(1, &[0x0b, 7], &[("t", handling)]));
            let mut lines = vec!["s: SUBACK 1 [0]"];
            if expected {
                lines.push("s: q0 retain t x {SubscriptionIdentifier(SubscriptionId(7))}");
            }
            assert_eq!(world.take_log(), lines, "{handling:#x}");
        }
        world.send("s", Level::V5.unsubscribe(2, &["t"]));
        world.expect(["s: UNSUBACK 2 [0]"]);
    }
}
