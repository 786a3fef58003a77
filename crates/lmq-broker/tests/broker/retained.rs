//! Retained messages: what is kept, and who gets it. Every test runs with one shard and with three.

use std::time::Duration;

use lmq_auth::Permissions;
use lmq_broker::{Grant, InstanceIndex, Message, MessageId, Settings, Verdict};
use lmq_codec::TopicName;

use crate::common::{
    Connect, Will, World, lmq, mqtt, puback, publish, publish_flags, publish5, subscribe, subscribe5, unsubscribe5,
};

const RETAIN: u8 = 0x01;

/// With three shards `p`, `s` and the topic `t/1` are on a shard of their own each.
fn worlds(change: impl Fn(&mut Settings)) -> impl Iterator<Item = World> {
    [1, 3].into_iter().map(move |shards| {
        let mut settings = mqtt(shards);
        change(&mut settings);
        let mut world = World::new(settings);
        if shards == 3 {
            let owner = world.settings.owner_of_topic(InstanceIndex(0), "t/1").0;
            assert_eq!((world.shard_of("p"), world.shard_of("s"), owner), (2, 1, 0));
        }
        world.connect("p");
        world
    })
}

/// `p` retains a message at QoS 1.
#[track_caller]
fn retain(world: &mut World, topic: &str, payload: &str) {
    world.send("p", publish_flags(RETAIN | 0x02, topic, payload, 1));
    world.expect(["p: PUBACK 1"]);
}

/// What a client that comes now gets for a filter, at most at QoS 0.
#[track_caller]
fn expect_kept<const N: usize>(world: &mut World, filter: &str, lines: [&str; N]) {
    world.connect("late");
    world.send("late", subscribe(9, &[(filter, 0)]));
    let mut expected = vec!["late: SUBACK 9 [0]".to_owned()];
    expected.extend(lines.iter().map(|line| format!("late: q0 retain {line}")));
    assert_eq!(world.take_log(), expected);
    world.disconnect("late");
}

#[test]
fn a_new_subscription_gets_the_message_with_retain_at_the_lower_qos() {
    for mut world in worlds(|_| {}) {
        for (qos, answer) in [(0, None), (1, Some("p: PUBACK 1")), (2, Some("p: PUBREC 1"))] {
            // [MQTT-3.3.1-5], in both versions
            world.send("p", publish_flags(RETAIN | qos << 1, "t/1", "kept", 1));
            assert_eq!(world.take_log(), answer.into_iter().collect::<Vec<_>>());
            world.send("p", [0x62, 2, 0, 1]);
            world.take_log();
            for granted in 0..=2 {
                let way = ["q0", "q1 #1", "q2 #1"][usize::from(qos.min(granted))];
                // 3.1.1: [MQTT-3.3.1-6] [MQTT-3.3.1-8] [MQTT-3.8.4-6]; 5.0: [MQTT-3.3.1-9] [MQTT-3.8.4-8]
                world.connect("s");
                world.send("s", subscribe(1, &[("t/+", granted)]));
                world.expect([format!("s: SUBACK 1 [{granted}]"), format!("s: {way} retain t/1 kept")]);
                world.disconnect("s");
                world.connect5("s", &[]);
                world.send("s", subscribe5(1, &[], &[("t/1", granted)]));
                world.expect([format!("s: SUBACK 1 [{granted}]"), format!("s: {way} retain t/1 kept")]);
                world.send("s", crate::common::disconnect5(0, &[]));
                world.expect(["s: closed disconnected"]);
            }
        }
        // Not part of the session of its publisher: 3.1.1 section 3.1.2.4, 5.0 section 4.1.
        world.disconnect("p");
        expect_kept(&mut world, "#", ["t/1 kept"]);
        assert_eq!((world.stats().retained, world.stored_retained()), (1, 1));
    }
}

#[test]
fn the_last_message_of_a_topic_replaces_the_one_before() {
    for mut world in worlds(|_| {}) {
        for (flags, payload) in [(RETAIN | 0x02, "one"), (RETAIN, "two"), (RETAIN | 0x04, "three"), (RETAIN, "four")] {
            // [MQTT-3.3.1-5]; 3.1.1: [MQTT-3.3.1-7] for QoS 0
            world.send("p", publish_flags(flags, "t/1", payload, 1));
            world.send("p", [0x62, 2, 0, 1]);
            world.take_log();
            expect_kept(&mut world, "t/1", [&*format!("t/1 {payload}")]);
        }
        assert_eq!((world.stats().retained, world.stored_retained()), (1, 1));
    }
}

#[test]
fn a_message_without_retain_changes_nothing() {
    for mut world in worlds(|_| {}) {
        retain(&mut world, "t/1", "kept");
        // 3.1.1: [MQTT-3.3.1-12]; 5.0: [MQTT-3.3.1-8]
        world.send("p", [publish("t/1", "x", 0, 0), publish("t/1", "", 1, 2), publish("t/2", "x", 1, 3)].concat());
        world.expect(["p: PUBACK 2", "p: PUBACK 3"]);
        expect_kept(&mut world, "#", ["t/1 kept"]);
    }
}

#[test]
fn an_empty_message_is_delivered_as_usual_and_takes_away_what_was_kept() {
    for mut world in worlds(|_| {}) {
        world.connect("s");
        world.subscribe("s", "t/1", 1);
        for flags in [RETAIN, RETAIN | 0x02] {
            world.send("p", publish_flags(RETAIN, "t/1", "kept", 1));
            world.expect(["s: q0 t/1 kept"]);
            world.send("p", publish_flags(flags, "t/1", "", 1));
            // 3.1.1: [MQTT-3.3.1-10] [MQTT-3.3.1-11]; 5.0: [MQTT-3.3.1-6] [MQTT-3.3.1-7]
            let mut log = world.take_log();
            log.sort();
            let expected = if flags == RETAIN { vec!["s: q0 t/1 "] } else { vec!["p: PUBACK 1", "s: q1 #1 t/1 "] };
            assert_eq!(log, expected);
            expect_kept(&mut world, "#", []);
            assert_eq!((world.stats().retained, world.stored_retained()), (0, 0));
        }
    }
}

#[test]
fn an_established_subscription_gets_retain_only_as_published() {
    for mut world in worlds(|_| {}) {
        world.connect("s");
        world.connect5("five", &[]);
        world.connect5("rap", &[]);
        world.subscribe("s", "t/1", 0);
        world.send("five", subscribe5(1, &[], &[("t/1", 0)]));
        world.send("rap", subscribe5(1, &[], &[("t/1", 0x08)]));
        world.take_log();
        for flags in [RETAIN, 0] {
            world.send("p", publish_flags(flags, "t/1", "x", 0));
            // 3.1.1: [MQTT-3.3.1-9]; 5.0: [MQTT-3.3.1-12] [MQTT-3.3.1-13]
            let as_published = if flags == RETAIN { "rap: q0 retain t/1 x" } else { "rap: q0 t/1 x" };
            let mut log = world.take_log();
            log.sort();
            assert_eq!(log, ["five: q0 t/1 x", as_published, "s: q0 t/1 x"]);
        }
    }
}

#[test]
fn retain_handling_says_whether_a_subscription_brings_messages() {
    for mut world in worlds(|_| {}) {
        retain(&mut world, "t/1", "kept");
        world.connect5("s", &[]);
        let (suback, message) = ("s: SUBACK 1 [0]", "s: q0 retain t/1 kept");
        // [MQTT-3.3.1-11]: never. The subscription is new with every round.
        world.send("s", subscribe5(1, &[], &[("t/+", 0x20)]));
        world.expect([suback]);
        // [MQTT-3.3.1-10]: it exists already.
        world.send("s", subscribe5(1, &[], &[("t/+", 0x10)]));
        world.expect([suback]);
        // [MQTT-3.3.1-9] [MQTT-3.8.4-4]: with every SUBSCRIBE.
        world.send("s", subscribe5(1, &[], &[("t/+", 0x00)]));
        world.expect([suback, message]);
        world.send("s", unsubscribe5(2, &["t/+"]));
        world.expect(["s: UNSUBACK 2 [0]"]);
        // [MQTT-3.3.1-10]: it is new, but not the second time in the packet.
        world.send("s", subscribe5(1, &[], &[("t/+", 0x10), ("t/+", 0x10), ("t/1", 0x20)]));
        world.expect(["s: SUBACK 1 [0, 0, 0]", message]);
        // Another filter that matches the same topic brings it again.
        world.send("s", subscribe5(1, &[], &[("t/#", 0x10), ("#", 0x10)]));
        world.expect(["s: SUBACK 1 [0, 0]", message, message]);
    }
}

#[test]
fn a_shared_subscription_brings_none_and_keeps_none_away() {
    for mut world in worlds(|_| {}) {
        retain(&mut world, "t/1", "old");
        world.connect("s");
        // 5.0 section 3.8.4, and 4.8.2
        world.send("s", subscribe(1, &[("$share/g/t/+", 0)]));
        world.expect(["s: SUBACK 1 [0]"]);
        world.send("p", publish_flags(RETAIN, "t/1", "new", 0));
        world.expect(["s: q0 t/1 new"]);
        world.send("s", subscribe(2, &[("t/1", 0)]));
        world.expect(["s: SUBACK 2 [0]", "s: q0 retain t/1 new"]);
    }
}

#[test]
fn an_old_client_gets_the_messages_with_every_subscribe() {
    for mut world in worlds(|_| {}) {
        retain(&mut world, "t/1", "kept");
        world.connect("s");
        for _ in 0..2 {
            // 3.1.1: [MQTT-3.8.4-3]
            world.send("s", subscribe(1, &[("t/1", 0)]));
            world.expect(["s: SUBACK 1 [0]", "s: q0 retain t/1 kept"]);
        }
    }
}

#[test]
fn the_subscription_identifier_comes_along_and_no_local_keeps_ones_own_away() {
    for mut world in worlds(|_| {}) {
        retain(&mut world, "t/1", "kept");
        world.connect5("s", &[]);
        world.send("s", publish5(RETAIN, "t/2", &[0x03, 0, 1, b'c'], "own", 0));
        // [MQTT-3.8.3-3] [MQTT-3.3.4-3]
        world.send("s", subscribe5(1, &[0x0b, 5], &[("t/+", 0x04)]));
        world.expect(["s: SUBACK 1 [0]", "s: q0 retain t/1 kept {SubscriptionIdentifier(SubscriptionId(5))}"]);
        world.send("s", subscribe5(2, &[], &[("t/2", 0)]));
        world.expect(["s: SUBACK 2 [0]", "s: q0 retain t/2 own {ContentType(\"c\")}"]);
    }
}

#[test]
fn an_expired_message_is_gone_and_the_time_that_is_left_is_told() {
    for mut world in worlds(|_| {}) {
        world.connect5("p5", &[]);
        world.send("p5", publish5(RETAIN, "t/1", &[0x02, 0, 0, 0, 10], "kept", 0));
        world.send("p5", publish5(RETAIN, "t/2", &[0x02, 0, 0, 0, 99], "kept", 0));
        world.advance(Duration::from_millis(3500));
        world.connect5("s", &[]);
        world.send("s", subscribe5(1, &[], &[("t/1", 0)]));
        // [MQTT-3.3.2-6]
        world.expect(["s: SUBACK 1 [0]", "s: q0 retain t/1 kept {MessageExpiryInterval(7)}"]);
        assert_eq!((world.stats().retained, world.stored_retained()), (2, 2));
        // The machines want to be called when it is over, and then it is over everywhere.
        world.advance(Duration::from_millis(6500));
        assert_eq!((world.stats().retained, world.stored_retained()), (1, 1));
        for node in 0..world.settings.shards {
            assert!(world.shard(node.into()).retained(InstanceIndex(0), TopicName::new("t/1").unwrap()).is_none());
            assert!(world.shard(node.into()).retained(InstanceIndex(0), TopicName::new("t/2").unwrap()).is_some());
        }
        // [MQTT-3.3.2-5]
        expect_kept(&mut world, "#", ["t/2 kept"]);
        // Nobody gets it while it is being removed either, and nobody is told that it was lost.
        world.hold_store();
        world.advance(Duration::from_secs(90));
        expect_kept(&mut world, "#", []);
        world.release_store();
        assert_eq!((world.stats().retained, world.stored_retained()), (0, 0));
    }
}

#[test]
fn a_message_that_replaces_an_expiring_one_stays() {
    for mut world in worlds(|_| {}) {
        world.connect5("p5", &[]);
        world.send("p5", publish5(RETAIN, "t/1", &[0x02, 0, 0, 0, 10], "short", 0));
        retain(&mut world, "t/1", "for ever");
        world.advance(Duration::from_secs(11));
        expect_kept(&mut world, "#", ["t/1 for ever"]);
        // One that is being stored when the older one expires, too.
        world.send("p5", publish5(RETAIN, "t/2", &[0x02, 0, 0, 0, 10], "short", 0));
        world.hold_store();
        world.send("p5", publish5(RETAIN, "t/2", &[], "for ever", 0));
        world.advance(Duration::from_secs(11));
        world.release_store();
        expect_kept(&mut world, "t/2", ["t/2 for ever"]);
        assert_eq!(world.stored_retained(), 2);
    }
}

#[test]
fn wildcards_do_not_reach_topics_of_the_server() {
    for mut world in worlds(|_| {}) {
        for topic in ["$own/1", "t/1", "t"] {
            retain(&mut world, topic, "x");
        }
        // [MQTT-4.7.2-1]
        expect_kept(&mut world, "#", ["t x", "t/1 x"]);
        expect_kept(&mut world, "t/#", ["t x", "t/1 x"]);
        expect_kept(&mut world, "+/1", ["t/1 x"]);
        expect_kept(&mut world, "$own/+", ["$own/1 x"]);
    }
}

#[test]
fn a_refused_filter_brings_nothing_and_a_refused_message_is_not_kept() {
    for mut world in worlds(|settings| settings.profile.payload_bytes_max = std::num::NonZeroU32::new(4)) {
        retain(&mut world, "t/1", "kept");
        world.authenticate_by(|request| {
            let everything = Permissions::everything();
            let nothing = Permissions::nothing();
            let limited = request.client.client_id.as_ref() == "s";
            Verdict::Allow(Grant::new(if limited { nothing } else { everything }))
        });
        world.connect("s");
        world.send("s", subscribe(1, &[("t/1", 0)]));
        world.send("s", publish_flags(RETAIN | 0x02, "t/1", "s", 2));
        world.send("p", publish_flags(RETAIN | 0x02, "t/1", "large", 3));
        world.expect(["s: SUBACK 1 [128]", "s: PUBACK 2", "p: PUBACK 3"]);
        expect_kept(&mut world, "#", ["t/1 kept"]);
    }
}

#[test]
fn with_the_products_topics_a_trailing_slash_does_not_matter() {
    for shards in [1, 3] {
        let mut settings = lmq(shards);
        settings.profile.retained_messages = true;
        let mut world = World::new(settings);
        let name = "GID_Test@@@p";
        world.connect(name);
        for (topic, payload) in [("T/x", "one"), ("T/x/", "two")] {
            world.send(name, publish_flags(RETAIN | 0x02, topic, payload, 1));
            world.expect([format!("{name}: PUBACK 1")]);
            world.send(name, subscribe(2, &[("T/x/", 0)]));
            // The topic is delivered as published.
            world.expect([format!("{name}: SUBACK 2 [0]"), format!("{name}: q0 retain {topic} {payload}")]);
            world.send(name, crate::common::unsubscribe(3, &["T/x"]));
            world.expect([format!("{name}: UNSUBACK 3")]);
        }
        assert_eq!(world.stats().retained, 1);
        // P2P is for one client and now.
        world.send(name, publish_flags(RETAIN | 0x02, "T/p2p/GID_Test@@@x", "x", 4));
        world.expect([format!("{name}: PUBACK 4")]);
        assert_eq!(world.stats().retained, 1);
    }
}

#[test]
fn a_downlink_message_with_retain_is_kept_before_it_is_consumed() {
    for mut world in worlds(|_| {}) {
        let message = Message::new(MessageId(1), "t/1", "from above");
        world.hold_store();
        world.downlink(0, 4, 7, &Message { retain: true, ..message }.into());
        world.expect_nothing();
        world.release_store();
        world.expect(["consumed 4@7"]);
        expect_kept(&mut world, "t/1", ["t/1 from above"]);
    }
}

#[test]
fn what_is_over_a_limit_is_delivered_and_not_kept() {
    let limits: [fn(&mut Settings); 2] = [
        |settings| settings.limits.retained_messages_max = 2,
        // Topic and payload of two messages.
        |settings| settings.limits.retained_bytes_max = 2 * 7,
    ];
    for limit in limits {
        for mut world in worlds(limit) {
            for topic in ["t/1", "t/2", "t/3"] {
                retain(&mut world, topic, "kept");
            }
            assert_eq!((world.stats().retained, world.stats().retained_dropped, world.stored_retained()), (2, 1, 2));
            expect_kept(&mut world, "#", ["t/1 kept", "t/2 kept"]);
            // Replacing one needs no room, and removing one makes room.
            retain(&mut world, "t/2", "next");
            world.send("p", publish_flags(RETAIN, "t/1", "", 0));
            retain(&mut world, "t/3", "kept");
            expect_kept(&mut world, "#", ["t/2 next", "t/3 kept"]);
            // They count from the first moment on.
            world.send("p", publish_flags(RETAIN, "t/3", "", 0));
            world.hold_store();
            let owner = |topic: &str| world.settings.owner_of_topic(InstanceIndex(0), topic);
            let other = ["t/5", "t/6", "t/7", "t/8", "t/9"].into_iter().find(|topic| owner(topic) == owner("t/4"));
            for topic in ["t/4", "t/4", other.unwrap()] {
                world.send("p", publish_flags(RETAIN, topic, "kept", 0));
            }
            world.release_store();
            expect_kept(&mut world, "#", ["t/2 next", "t/4 kept"]);
            assert_eq!((world.stats().retained, world.stored_retained()), (2, 2));
        }
    }
}

#[test]
fn what_is_over_a_limit_takes_the_older_message_away() {
    for mut world in worlds(|settings| settings.limits.retained_bytes_max = 10) {
        retain(&mut world, "t/1", "kept");
        // [MQTT-3.3.1-5]: the old one must go.
        retain(&mut world, "t/1", "much too long");
        expect_kept(&mut world, "#", []);
        assert_eq!((world.stats().retained, world.stats().retained_dropped, world.stored_retained()), (0, 1, 0));
    }
}

#[test]
fn a_publisher_of_mqtt_5_is_told_success_whatever_is_kept() {
    for mut world in worlds(|settings| settings.limits.retained_messages_max = 0) {
        world.connect5("p5", &[]);
        world.connect("s");
        world.subscribe("s", "t/1", 0);
        world.send("p5", publish5(RETAIN | 0x04, "t/1", &[], "x", 1));
        let mut log = world.take_log();
        log.sort();
        assert_eq!(log, ["p5: PUBREC 1", "s: q0 t/1 x"]);
        assert_eq!(world.stats().retained_dropped, 1);
    }
}

#[test]
fn a_will_with_retain_is_kept_and_one_without_is_not() {
    for mut world in worlds(|_| {}) {
        for level in [4, 5] {
            for (retain, topic) in [(true, "t/1"), (false, "t/2")] {
                let will = Will { topic, payload: "gone", qos: 1, retain, ..Will::default() };
                world.connect_with("s", &Connect::new("s").level(level).will(will));
                world.expect(["s: CONNACK 0"]);
                world.cut("s");
            }
            // 3.1.1: [MQTT-3.1.2-16] [MQTT-3.1.2-17]; 5.0: [MQTT-3.1.2-14] [MQTT-3.1.2-15]
            expect_kept(&mut world, "#", ["t/1 gone"]);
            world.send("p", publish_flags(RETAIN, "t/1", "", 0));
        }
    }
}

#[test]
fn every_shard_knows_the_message_and_forgets_it_with_the_topic() {
    for mut world in worlds(|_| {}) {
        retain(&mut world, "t/1", "kept");
        for node in 0..world.settings.shards {
            let kept = world.shard(node.into()).retained(InstanceIndex(0), TopicName::new("t/1").unwrap()).unwrap();
            assert_eq!((&*kept.payload, &*kept.publisher, kept.retain), (&b"kept"[..], "p", true));
            assert!(world.shard(node.into()).retained(InstanceIndex(1), TopicName::new("t/1").unwrap()).is_none());
        }
        world.send("p", publish_flags(RETAIN | 0x02, "t/1", "", 1));
        world.expect(["p: PUBACK 1"]);
        for node in 0..world.settings.shards {
            assert!(world.shard(node.into()).retained(InstanceIndex(0), TopicName::new("t/1").unwrap()).is_none());
        }
    }
}

#[test]
fn messages_survive_a_restart_with_what_matters() {
    for mut world in worlds(|_| {}) {
        world.connect5("p5", &[]);
        world.send("p5", publish5(RETAIN | 0x04, "t/1", &[0x02, 0, 0, 0, 99, 0x03, 0, 1, b'c'], "kept", 1));
        world.send("p5", publish5(RETAIN, "t/2", &[0x02, 0, 0, 0, 10], "short", 0));
        world.send("p5", publish5(RETAIN, "t/3", &[], "removed", 0));
        world.send("p5", publish5(RETAIN, "t/3", &[], "", 0));
        world.take_log();
        world.restart();
        world.advance(Duration::from_secs(20));
        assert_eq!((world.stats().retained, world.stored_retained()), (1, 1));
        world.connect5("s", &[]);
        world.send("s", subscribe5(1, &[], &[("#", 2)]));
        world.expect(["s: SUBACK 1 [2]", "s: q2 #1 retain t/1 kept {MessageExpiryInterval(79), ContentType(\"c\")}"]);
        world.cut("s");
        // Versions go on where they were: a newer message is newer.
        world.connect("p");
        retain(&mut world, "t/1", "next");
        expect_kept(&mut world, "t/1", ["t/1 next"]);
        world.restart();
        expect_kept(&mut world, "t/1", ["t/1 next"]);
    }
}

#[test]
fn more_messages_than_a_page_holds_are_restored() {
    for mut world in worlds(|_| {}) {
        for n in 0..1500 {
            world.send("p", publish_flags(RETAIN, &format!("t/{n}"), "x", 0));
        }
        world.restart();
        assert_eq!((world.stats().retained, world.stored_retained()), (1500, 1500));
        for node in 0..world.settings.shards {
            let topic = |n: &u32| format!("t/{n}");
            let shard = world.shard(node.into());
            let kept = |n: &u32| shard.retained(InstanceIndex(0), TopicName::new(&topic(n)).unwrap()).is_some();
            assert_eq!((0..1500).filter(kept).count(), 1500);
        }
    }
}

#[test]
fn nobody_is_let_in_before_the_messages_are_restored() {
    for mut world in worlds(|_| {}) {
        retain(&mut world, "t/1", "kept");
        world.hold_store();
        world.restart();
        // The sessions are read, and the messages not.
        world.trace_store();
        world.release_one();
        world.connect_with("s", &Connect::new("s"));
        let ask = vec!["store restore retained"; world.settings.shards.into()];
        let log = world.take_log();
        assert_eq!(log[..ask.len()], ask);
        assert_eq!(log[ask.len()..], ["s: CONNACK 3", "s: closed refused"]);
        world.fail_held();
        assert!(!world.shard(0).is_ready());
        world.advance(Duration::from_secs(1));
        assert_eq!(world.take_log(), ask);
        expect_kept(&mut world, "#", ["t/1 kept"]);
    }
}

#[test]
fn a_subscriber_that_acknowledges_gets_the_next_ones() {
    for mut world in worlds(|settings| settings.limits.inflight_max = 1) {
        retain(&mut world, "t/1", "one");
        retain(&mut world, "t/2", "two");
        world.connect("s");
        world.send("s", subscribe(1, &[("t/+", 1)]));
        world.expect(["s: SUBACK 1 [1]", "s: q1 #1 retain t/1 one"]);
        world.send("s", puback(1));
        world.expect(["s: q1 #2 retain t/2 two"]);
        world.send("s", puback(2));
        assert_eq!(world.session("s").unwrap().replays, 0);
    }
}
