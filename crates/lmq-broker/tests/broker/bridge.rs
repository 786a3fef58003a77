//! Copies for the MQ side, and messages that come from it.

use std::sync::Arc;

use lmq_broker::{Done, Failed, Message, MessageId, Settings};
use lmq_codec::QoS;

use crate::common::{Connect, World, lmq, mqtt, publish};

fn with_uplink(mut settings: Settings) -> World {
    settings.instances[0].uplink = true;
    World::new(settings)
}

fn message(topic: &str, payload: &'static str, qos: QoS) -> Arc<Message> {
    let message = Message::new(MessageId(7), topic, payload);
    Arc::new(Message { qos, publisher_persistent: true, publisher: "backend".into(), ..message })
}

#[test]
fn a_published_message_is_acknowledged_when_the_mq_side_has_its_copy() {
    for shards in [1, 2] {
        let mut world = with_uplink(mqtt(shards));
        world.connect("s");
        world.subscribe("s", "t", 0);
        world.connect("p");
        world.send("p", publish("t", "x", 1, 1));
        world.expect(["uplink t of p", "s: q0 t x"]);
        world.answer_uplink(Ok(Done::Stored));
        world.expect(["p: PUBACK 1"]);
        world.send("p", publish("nobody", "x", 0, 0));
        world.expect(["uplink nobody of p"]);
        world.answer_uplink(Ok(Done::Stored));
        world.send("p", publish("t", "x", 1, 2));
        world.expect(["uplink t of p", "s: q0 t x"]);
        world.answer_uplink(Err(Failed::Unavailable));
        world.expect(["p: closed effect_failed"]);
    }
}

#[test]
fn a_failed_copy_of_a_qos_0_message_closes_nobody() {
    let mut world = with_uplink(mqtt(1));
    world.connect("p");
    world.send("p", publish("t", "x", 0, 0));
    world.expect(["uplink t of p"]);
    world.answer_uplink(Err(Failed::Unavailable));
    world.expect_nothing();
    assert_eq!((world.stats().effects_pending, world.stats().effects_failed), (0, 1));
}

#[test]
fn no_copy_is_made_where_the_instance_wants_none() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.send("p", publish("t", "x", 1, 1));
    world.expect(["p: PUBACK 1"]);
}

#[test]
fn a_downlink_message_reaches_the_subscribers_of_every_shard_and_is_consumed() {
    let mut world = World::new(mqtt(2));
    for name in ["p", "s"] {
        world.connect(name);
        world.subscribe(name, "t", 1);
    }
    world.downlink(0, 3, 10, &message("t", "x", QoS::AtLeastOnce));
    world.expect(["p: q1 #1 t x", "s: q1 #1 t x", "consumed 3@10"]);
    world.downlink(0, 3, 11, &message("nobody", "x", QoS::AtLeastOnce));
    world.expect(["consumed 3@11"]);
    world.downlink(0, 4, 1, &message("not/a/+/name", "x", QoS::AtLeastOnce));
    world.expect(["consumed 4@1"]);
}

#[test]
fn downlink_messages_are_consumed_in_the_order_of_their_source() {
    let mut world = World::new(mqtt(1));
    world.connect_kept("s");
    world.subscribe("s", "kept", 1);
    world.cut("s");
    world.hold_store();
    world.downlink(0, 1, 1, &message("kept", "a", QoS::AtLeastOnce));
    world.downlink(0, 1, 2, &message("nobody", "b", QoS::AtLeastOnce));
    world.downlink(0, 2, 1, &message("nobody", "c", QoS::AtLeastOnce));
    world.expect(["consumed 2@1"]);
    world.release_store();
    world.expect(["consumed 1@2"]);
    world.hold_store();
    world.downlink(0, 1, 3, &message("kept", "d", QoS::AtLeastOnce));
    world.downlink(0, 1, 4, &message("nobody", "e", QoS::AtLeastOnce));
    world.fail_held();
    // What failed is not consumed, nor is anything behind it, until it is offered again.
    world.expect(["rejected 1@3", "s: dropped 1 StoreFailed"]);
    world.downlink(0, 1, 3, &message("kept", "d", QoS::AtLeastOnce));
    world.expect(["consumed 1@4"]);
    world.reconnect_kept_with("s", ["s: q1 #1 kept a", "s: q1 #2 kept d"]);
}

#[test]
fn a_downlink_p2p_message_goes_to_its_client_alone() {
    for shards in [1, 2] {
        let (p, s) = ("GID_Test@@@p", "GID_Test@@@s");
        let mut world = World::new(lmq(shards));
        world.connect(p);
        world.subscribe(p, "T/#", 1);
        world.connect_kept(s);
        let topic = "T/p2p/GID_Test@@@s";
        world.downlink(0, 1, 1, &message(topic, "x", QoS::AtLeastOnce));
        let mut lines = world.take_log();
        lines.sort();
        assert_eq!(lines, [format!("{s}: q1 #1 {topic} x"), "consumed 1@1".into()]);
        world.cut(s);
        world.downlink(0, 1, 2, &message(topic, "kept", QoS::AtLeastOnce));
        world.expect([format!("status tcpclean {s}"), "consumed 1@2".into()]);
        world.connect_with(s, &Connect::kept(s));
        let lines = world.take_log();
        assert_eq!(
            lines[1..],
            [
                format!("{s}: CONNACK 0 present"),
                format!("{s}: q1 #1 dup {topic} x"),
                format!("{s}: q1 #2 {topic} kept"),
            ]
        );
    }
}
