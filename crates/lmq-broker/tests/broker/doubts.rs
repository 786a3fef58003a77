//! A store that is too slow to answer carries out what it was given all the same, or fails it late: what its publisher may rely on then.

use std::time::Duration;

use lmq_broker::InstanceIndex;
use lmq_codec::TopicName;

use crate::common::{Connect, World, mqtt, publish, publish_again, publish_flags, pubrel, subscribe};

const RETAIN: u8 = 0x01;
const QOS_1: u8 = 0x02;
const QOS_2: u8 = 0x04;
const DUP: u8 = 0x08;

/// `q`, whose session stays, is where the topic `t/1` is; `p` is elsewhere if there are three shards.
fn world(shards: u16) -> World {
    let mut settings = mqtt(shards);
    settings.limits.effect_timeout = Duration::from_secs(5);
    let mut world = World::new(settings);
    let owner: usize = world.settings.owner_of_topic(InstanceIndex(0), "t/1").0.into();
    assert!(world.shard_of("q") == owner && (shards == 1 || world.shard_of("p") != owner));
    world.connect("p");
    world.connect_kept("q");
    world
}

fn kept(world: &World, node: u16) -> Option<String> {
    let topic = TopicName::new("t/1").unwrap();
    let message = world.shard(node.into()).retained(InstanceIndex(0), topic)?;
    Some(String::from_utf8(message.payload.to_vec()).unwrap())
}

/// The store is given a message with RETAIN and QoS 2, and does not say in time that it has it.
fn retain_in_doubt(world: &mut World, payload: &str) {
    world.hold_store();
    world.send("q", publish_flags(RETAIN | QOS_2, "t/1", payload, 2));
    world.advance(Duration::from_secs(5));
    world.expect(["q: closed effect_failed"]);
}

#[test]
fn what_a_qos_2_message_retains_is_kept_once_the_store_turns_out_to_have_it() {
    for shards in [1, 3] {
        let mut world = world(shards);
        world.send("p", publish_flags(RETAIN | QOS_1, "t/1", "old", 1));
        world.expect(["p: PUBACK 1"]);
        retain_in_doubt(&mut world, "new");
        world.release_store();
        world.reconnect_kept("q");
        world.send("q", publish_flags(RETAIN | QOS_2 | DUP, "t/1", "new", 2));
        world.expect(["q: PUBREC 2"]);
        for node in 0..shards {
            assert_eq!(kept(&world, node).as_deref(), Some("new"), "in shard {node} of {shards}");
        }
        assert_eq!((world.stats().retained, world.stored_retained()), (1, 1));
        world.send("q", pubrel(2));
        world.expect(["q: PUBCOMP 2"]);
    }
}

#[test]
fn an_empty_one_removes_what_is_kept_then() {
    let mut world = world(1);
    world.send("p", publish_flags(RETAIN | QOS_1, "t/1", "old", 1));
    world.expect(["p: PUBACK 1"]);
    retain_in_doubt(&mut world, "");
    assert_eq!(kept(&world, 0).as_deref(), Some("old"));
    world.release_store();
    world.reconnect_kept("q");
    world.send("q", publish_flags(RETAIN | QOS_2 | DUP, "t/1", "", 2));
    world.expect(["q: PUBREC 2"]);
    assert_eq!((kept(&world, 0), world.stats().retained, world.stored_retained()), (None, 0, 0));
}

/// A new subscription to a shard that does not know yet must not bring the older message behind the answer to the publisher.
#[test]
fn a_subscription_waits_for_what_is_kept_late() {
    let mut world = world(3);
    world.send("p", publish_flags(RETAIN | QOS_1, "t/1", "old", 1));
    world.expect(["p: PUBACK 1"]);
    retain_in_doubt(&mut world, "new");
    world.release_store();
    world.hold_routes();
    world.reconnect_kept("q");
    world.send("q", publish_flags(RETAIN | QOS_2 | DUP, "t/1", "new", 2));
    world.expect(["q: PUBREC 2"]);
    world.send("p", subscribe(7, &[("t/1", 0)]));
    world.expect_nothing();
    world.release_routes();
    world.expect(["p: SUBACK 7 [0]", "p: q0 retain t/1 new"]);
}

#[test]
fn what_was_stored_behind_it_stays() {
    for (payload, stays) in [("newer", Some("newer")), ("", None)] {
        let mut world = world(1);
        retain_in_doubt(&mut world, "new");
        world.release_store();
        world.send("p", publish_flags(RETAIN | QOS_1, "t/1", payload, 1));
        world.expect(["p: PUBACK 1"]);
        world.reconnect_kept("q");
        world.send("q", publish_flags(RETAIN | QOS_2 | DUP, "t/1", "new", 2));
        world.expect(["q: PUBREC 2"]);
        assert_eq!(kept(&world, 0).as_deref(), stays);
    }
}

/// The publisher sends it again: the first try counts as never sent.
#[test]
fn a_message_that_the_store_fails_late_is_forgotten() {
    let mut world = world(1);
    world.send("p", subscribe(1, &[("t/1", 2)]));
    world.expect(["p: SUBACK 1 [2]"]);
    retain_in_doubt(&mut world, "new");
    world.fail_held();
    // Another message that is stored does not say that the first one is.
    world.connect_with("l", &Connect::kept("l"));
    world.expect(["l: CONNACK 0"]);
    world.send("l", publish("u", "x", 2, 1));
    world.expect(["l: PUBREC 1"]);
    assert_eq!(kept(&world, 0), None);
    world.reconnect_kept("q");
    world.send("q", publish_again("t/1", "new", 2, 2));
    world.expect(["p: q2 #1 t/1 new", "q: PUBREC 2"]);
}
