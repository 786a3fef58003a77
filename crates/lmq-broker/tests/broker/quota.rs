//! What an instance and a client may use, and what happens beyond it.

use std::{num::NonZeroU32, time::Duration};

use lmq_broker::{Allowance, Command, InstanceIndex, InstanceQuota, QuotaMode, Settings, Subscription};
use lmq_codec::{QoS, TopicName};

use crate::common::{Connect, World, mqtt, publish, subscribe, subscribe5, unsubscribe};

fn with_quota(shards: u16, quota: InstanceQuota) -> World {
    let mut settings = mqtt(shards);
    settings.instances[0].quota = quota;
    World::new(settings)
}

fn enforce(max: u32) -> Allowance {
    Allowance::enforce(NonZeroU32::new(max).expect("not zero"))
}

fn alarm_only(max: u32) -> Allowance {
    Allowance { mode: QuotaMode::AlarmOnly, ..enforce(max) }
}

fn set(world: &mut World, quota: InstanceQuota) {
    for node in 0..usize::from(world.settings.shards) {
        world.command(node, Command::SetQuota { instance: InstanceIndex(0), quota });
    }
}

#[test]
fn one_connection_too_many_is_refused_whatever_shard_it_belongs_to() {
    for shards in [1, 3] {
        let mut world = with_quota(shards, InstanceQuota { connections: enforce(2), ..Default::default() });
        world.connect("a");
        world.connect("b");
        world.connect_with("c", &Connect::new("c"));
        world.expect(["exceeded Connections 3/2", "c: CONNACK 3", "c: closed refused"]);
        world.connect_with("c", &Connect::v5("c", &[]));
        world.expect(["c: CONNACK 0x97", "c: closed refused"]);
        // The same client again needs no place of its own.
        world.connect_with("a2", &Connect::new("a"));
        world.expect(["a: closed taken_over", "a2: CONNACK 0"]);
        world.cut("b");
        world.connect("c");
    }
}

#[test]
fn a_lower_number_keeps_what_is_there_and_refuses_what_is_new() {
    let mut world = with_quota(2, InstanceQuota::default());
    for name in ["a", "b", "c"] {
        world.connect(name);
    }
    set(&mut world, InstanceQuota { connections: enforce(1), ..Default::default() });
    world.expect_nothing();
    world.cut("a");
    let log = |world: &mut World| world.take_log().into_iter().filter(|line| !line.starts_with("exceeded")).collect();
    world.connect_with("d", &Connect::new("d"));
    let lines: Vec<String> = log(&mut world);
    assert_eq!(lines, ["d: CONNACK 3", "d: closed refused"]);
    set(&mut world, InstanceQuota { connections: alarm_only(1), ..Default::default() });
    world.connect_with("d", &Connect::new("d"));
    let lines: Vec<String> = log(&mut world);
    assert_eq!(lines, ["d: CONNACK 0"]);
}

#[test]
fn filters_beyond_the_quota_are_refused_one_by_one() {
    for shards in [1, 2] {
        let quota = InstanceQuota { subscriptions: enforce(3), ..Default::default() };
        let mut world = with_quota(shards, quota);
        world.connect("a");
        world.connect5("b", &[]);
        world.send("a", subscribe(1, &[("t/1", 0), ("t/2", 1)]));
        world.expect(["a: SUBACK 1 [0, 1]"]);
        world.send("b", subscribe5(2, &[], &[("t/1", 0), ("t/2", 0)]));
        world.expect(["exceeded Subscriptions 4/3", "b: SUBACK 2 [0, 0x97]"]);
        // A filter that is there needs no place. [MQTT-3.8.4-3]
        world.send("a", subscribe(3, &[("t/1", 2), ("t/3", 0)]));
        let lines = world.take_log();
        assert_eq!(lines.last().map(String::as_str), Some("a: SUBACK 3 [2, 128]"), "{lines:?}");
        world.send("a", unsubscribe(4, &["t/1"]));
        world.send("b", subscribe5(5, &[], &[("t/2", 0)]));
        world.expect(["a: UNSUBACK 4", "b: SUBACK 5 [0]"]);
    }
}

#[test]
fn a_client_that_publishes_too_fast_waits_and_loses_nothing() {
    let mut settings = mqtt(1);
    settings.limits.publishes_per_sec_max = NonZeroU32::new(2);
    let mut world = World::new(settings);
    world.connect("s");
    world.subscribe("s", "t", 0);
    world.connect("p");
    let burst: Vec<u8> = ["1", "2", "3", "4"].into_iter().flat_map(|text| publish("t", text, 0, 0)).collect();
    world.send("p", burst);
    world.expect(["p: paused", "s: q0 t 1", "s: q0 t 2"]);
    world.advance(Duration::from_millis(499));
    world.expect_nothing();
    world.advance(Duration::from_millis(1));
    world.expect(["s: q0 t 3"]);
    world.advance(Duration::from_millis(500));
    world.expect(["p: resumed", "s: q0 t 4"]);
}

#[test]
fn the_publishers_of_an_instance_share_its_rate() {
    let quota = InstanceQuota { publishes_per_sec: enforce(4), ..Default::default() };
    let mut world = with_quota(1, quota);
    world.connect("s");
    world.subscribe("s", "t", 0);
    world.connect("p1");
    world.connect("p2");
    for name in ["p1", "p2"] {
        let burst: Vec<u8> = (0..4).flat_map(|_| publish("t", name, 0, 0)).collect();
        world.send(name, burst);
    }
    let received = |world: &mut World| {
        world.take_log().into_iter().filter(|line| line.starts_with("s: ")).map(|line| line[8..].to_owned())
    };
    assert_eq!(received(&mut world).collect::<Vec<_>>(), ["p1", "p1", "p1", "p1"]);
    world.advance(Duration::from_millis(1000));
    assert_eq!(received(&mut world).collect::<Vec<_>>(), ["p2", "p2", "p2", "p2"]);
    set(&mut world, InstanceQuota { publishes_per_sec: alarm_only(1), ..Default::default() });
    world.send("p1", [publish("t", "a", 0, 0), publish("t", "b", 0, 0), publish("t", "c", 0, 0)].concat());
    world.expect(["exceeded PublishesPerSec 1/1", "s: q0 t a", "s: q0 t b", "s: q0 t c"]);
}

#[test]
fn connections_that_come_too_fast_are_refused() {
    let mut settings = mqtt(1);
    settings.limits.connects_per_sec_max = NonZeroU32::new(1);
    let mut world = World::new(settings);
    world.connect("a");
    world.connect_with("b", &Connect::new("b"));
    world.connect_with("c", &Connect::v5("c", &[]));
    world.expect(["b: CONNACK 3", "b: closed refused", "c: CONNACK 0x9f", "c: closed refused"]);
    world.advance(Duration::from_secs(1));
    world.connect("b");
}

#[test]
fn a_session_that_another_node_opened_is_given_up_without_a_word_to_the_store() {
    let mut world = World::new(Settings::new(lmq_broker::Profile::mqtt(), 1));
    world.connect_kept("online");
    world.connect_kept("away");
    world.cut("away");
    world.trace_store();
    world.supersede("online");
    world.supersede("away");
    world.expect(["online: closed taken_over"]);
    assert_eq!((world.stats().sessions, world.stored_sessions()), (0, 2));
}

#[test]
fn an_operator_finds_sessions_page_by_page_and_the_subscribers_of_a_topic() {
    let mut world = World::new(mqtt(1));
    for name in ["a1", "a2", "a3", "b1"] {
        world.connect(name);
        world.subscribe(name, "t/+", 1);
    }
    let (mut cursor, mut found) = (Some(0), Vec::new());
    while let Some(at) = cursor {
        let (page, next) = world.shard(0).sessions(at, 2, |client| client.client_id.starts_with('a'));
        assert!(page.len() <= 2);
        found.extend(page.into_iter().map(|(client, view)| (client.client_id.to_string(), view.subscriptions)));
        cursor = next;
    }
    found.sort();
    assert_eq!(found, [("a1".into(), 1), ("a2".into(), 1), ("a3".into(), 1)]);
    let topic = TopicName::new("t/x").unwrap();
    let subscribers = world.shard(0).subscribers(InstanceIndex(0), topic, 3);
    assert_eq!(subscribers.len(), 3);
    assert_eq!(subscribers[0].1, Subscription::new(QoS::AtLeastOnce));
}
