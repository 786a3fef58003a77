//! `<parent>/p2p/<client id>`: one client, no subscription, on one shard and across shards.

use lmq_auth::Permissions;
use lmq_broker::{Grant, Instance, Verdict};
use lmq_id::Access;

use crate::common::{Connect, World, lmq, mqtt, publish, publish_flags, pubrel, subscribe};

/// On different shards where there are two.
const P: &str = "GID_Test@@@p";
const S: &str = "GID_Test@@@s";
const TO_S: &str = "T/p2p/GID_Test@@@s";

fn each(test: impl Fn(World)) {
    for shards in [1, 2] {
        let world = World::new(lmq(shards));
        assert_eq!(world.shard_of(P) == world.shard_of(S), shards == 1);
        test(world);
    }
}

#[test]
fn it_reaches_its_client_without_subscription_with_the_senders_qos() {
    each(|mut world| {
        world.connect(P);
        world.connect(S);
        world.send(P, publish(TO_S, "zero", 0, 0));
        world.expect([format!("{S}: q0 {TO_S} zero")]);
        world.send(P, publish(TO_S, "one", 1, 1));
        let mut lines = world.take_log();
        lines.sort();
        assert_eq!(lines, [format!("{P}: PUBACK 1"), format!("{S}: q1 #1 {TO_S} one")]);
        world.send(P, publish(TO_S, "two", 2, 2));
        let mut lines = world.take_log();
        lines.sort();
        assert_eq!(lines, [format!("{P}: PUBREC 2"), format!("{S}: q2 #2 {TO_S} two")]);
        world.send(P, pubrel(2));
        world.expect([format!("{P}: PUBCOMP 2")]);
    });
}

#[test]
fn nobody_else_gets_it_and_a_target_that_subscribes_gets_it_once() {
    each(|mut world| {
        world.connect(P);
        world.connect(S);
        world.connect("GID_Test@@@curious");
        world.subscribe("GID_Test@@@curious", "T/#", 1);
        world.subscribe(S, "T/p2p/#", 0);
        world.subscribe(S, "T/p2p", 0);
        world.send(P, publish(TO_S, "x", 0, 0));
        world.expect([format!("{S}: q0 {TO_S} x")]);
    });
}

#[test]
fn the_sender_decides_whether_it_waits_for_a_target_that_is_away() {
    each(|mut world| {
        world.connect_kept(S);
        world.cut(S);
        world.expect([format!("status tcpclean {S}")]);
        world.connect(P);
        world.send(P, publish(TO_S, "from clean", 1, 1));
        world.expect([format!("{P}: PUBACK 1")]);
        assert_eq!(world.stats().p2p_without_target, 1);
        world.disconnect(P);
        world.connect_kept(P);
        world.send(P, publish(TO_S, "from kept", 1, 1));
        world.expect([format!("{P}: PUBACK 1")]);
        world.send(P, publish(TO_S, "zero", 0, 0));
        world.expect([format!("{S}: dropped 1 Away")]);
        world.connect_with(S, &Connect::kept(S));
        world.expect([
            format!("status connect {S}"),
            format!("{S}: CONNACK 0 present"),
            format!("{S}: q1 #1 {TO_S} from kept"),
        ]);
    });
}

#[test]
fn a_message_of_a_clean_sender_is_not_stored_even_if_the_target_is_there() {
    each(|mut world| {
        world.connect_kept(S);
        world.connect(P);
        world.trace_store();
        world.send(P, publish(TO_S, "x", 1, 1));
        let mut lines = world.take_log();
        lines.sort();
        assert_eq!(lines, [format!("{P}: PUBACK 1"), format!("{S}: q1 #1 {TO_S} x")]);
    });
}

#[test]
fn a_target_that_nobody_knows_is_counted_and_the_sender_acknowledged() {
    each(|mut world| {
        world.connect_kept(P);
        for (id, topic) in [(1, "T/p2p/GID_Test@@@x"), (2, "T/p2p/GID_Test@@@y")] {
            world.send(P, publish(topic, "x", 1, id));
            world.expect([format!("{P}: PUBACK {id}")]);
        }
        world.send(P, publish("T/p2p/GID_Test@@@x", "x", 2, 3));
        world.expect([format!("{P}: PUBREC 3")]);
        assert_eq!(world.stats().p2p_without_target, 3);
    });
}

#[test]
fn a_sender_can_be_its_own_target() {
    each(|mut world| {
        world.connect(P);
        world.send(P, publish("T/p2p/GID_Test@@@p", "x", 1, 1));
        world.expect([format!("{P}: q1 #1 T/p2p/{P} x"), format!("{P}: PUBACK 1")]);
    });
}

#[test]
fn a_target_that_is_no_client_id_closes_the_sender() {
    each(|mut world| {
        for topic in ["T/p2p/nobody", "T/p2p/GID_Test@@@a/b", "T/p2p/GID_Test@@@"] {
            world.connect(P);
            world.send(P, publish(topic, "x", 1, 1));
            world.expect([format!("status tcpclean {P}"), format!("{P}: closed invalid_topic")]);
        }
    });
}

#[test]
fn parent_and_target_may_have_64_characters_each() {
    let parent = "T".repeat(64);
    let target: &'static str = format!("GID_Test@@@{}", "x".repeat(53)).leak();
    let mut settings = lmq(1);
    settings.instances = vec![Instance { parent_topics: vec![parent.as_str().into()], ..Instance::default() }];
    let mut world = World::new(settings);
    world.connect(P);
    world.connect(target);
    let topic = format!("{parent}/p2p/{target}");
    world.send(P, publish(&topic, "x", 0, 0));
    world.expect([format!("{target}: q0 {topic} x")]);
}

#[test]
fn the_sender_needs_the_right_to_send_below_the_parent() {
    each(|mut world| {
        world.connect(S);
        world.authenticate_by(|_| {
            let mut permissions = Permissions::nothing();
            permissions.grant(Access::Write, "room/#").unwrap();
            Verdict::Allow(Grant::new(permissions))
        });
        world.connect(P);
        world.send(P, publish("room/p2p/GID_Test@@@s", "x", 0, 0));
        world.expect([format!("{S}: q0 room/p2p/{S} x")]);
        world.send(P, publish(TO_S, "x", 0, 0));
        world.expect([format!("status tcpclean {P}"), format!("{P}: closed not_authorized")]);
        world.connect(P);
        world.send(P, publish("Other/p2p/GID_Test@@@s", "x", 0, 0));
        world.expect([format!("status tcpclean {P}"), format!("{P}: closed not_authorized")]);
    });
}

#[test]
fn clients_of_another_instance_are_out_of_reach() {
    for shards in [1, 2] {
        let mut settings = lmq(shards);
        let other = Instance { name: "mqtt-cn-other".into(), parent_topics: vec!["T".into()], ..Instance::default() };
        settings.instances.push(other);
        let mut world = World::new(settings);
        world.connect_with("here", &Connect::new(S));
        world.expect(["status connect GID_Test@@@s", "here: CONNACK 0"]);
        // The same client id in both instances: two clients.
        world.connect_with("there", &Connect::new(S).credentials("Signature|AK|mqtt-cn-other", "x"));
        world.expect(["status connect GID_Test@@@s", "there: CONNACK 0"]);
        world.send("here", subscribe(1, &[("T/#", 0)]));
        world.send("there", subscribe(1, &[("T/#", 0)]));
        world.take_log();
        world.connect(P);
        world.send(P, [publish(TO_S, "p2p", 0, 0), publish("T/x", "fan-out", 0, 0)].concat());
        world.expect([format!("here: q0 {TO_S} p2p"), "here: q0 T/x fan-out".into()]);
        assert_eq!(world.stats().takeovers, 0);
    }
}

#[test]
fn in_standard_mqtt_it_is_a_topic_like_any_other() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect("s");
    world.send("p", publish("T/p2p/s", "x", 0, 0));
    world.expect_nothing();
    world.subscribe("s", "T/#", 0);
    world.send("p", publish("T/p2p/nobody", "x", 0, 0));
    world.expect(["s: q0 T/p2p/nobody x"]);
}

#[test]
fn retain_means_nothing_for_a_message_to_one_client() {
    for shards in [1, 2, 3] {
        let mut settings = lmq(shards);
        settings.profile.retained_messages = true;
        settings.profile.stored_qos_max = lmq_codec::QoS::ExactlyOnce;
        let mut world = World::new(settings);
        world.connect_with(P, &Connect::kept(P));
        world.connect_with(S, &Connect::new(S));
        world.take_log();
        for id in 1..=3 {
            let topic = format!("T/p2p/{S}");
            world.send(P, publish_flags(0x05, &topic, "x", id));
            let mut lines = world.take_log();
            lines.sort();
            assert_eq!(lines, [format!("{P}: PUBREC {id}"), format!("{S}: q2 #{id} {topic} x")]);
        }
        assert_eq!((world.stats().retained, world.stats().effects_pending), (0, 0));
    }
}
