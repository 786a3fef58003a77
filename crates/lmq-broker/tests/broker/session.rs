//! Sessions that outlive their connection: what is kept, in which order it comes back, when it ends.

use crate::common::{Connect, World, lmq, mqtt, puback, publish, subscribe, unsubscribe};

#[test]
fn a_kept_session_is_present_when_its_client_comes_back() {
    let mut world = World::new(mqtt(1));
    // [MQTT-3.2.2-2] [MQTT-3.2.2-3]
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.disconnect("s");
    world.reconnect_kept("s");
    assert_eq!(world.transcript("s"), [0x20, 2, 1, 0]);
    assert_eq!(world.session("s").unwrap().subscriptions, 1);
    world.cut("s");
    world.reconnect_kept("s");
}

#[test]
fn messages_of_qos_1_and_2_are_kept_in_order_while_their_client_is_away() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", 2);
    world.cut("s");
    // [MQTT-3.1.2-5] [MQTT-4.6.0-6]: per QoS; a QoS 2 exchange is recorded first.
    let bytes = [
        publish("t", "one", 1, 1),
        publish("t", "lost", 0, 0),
        publish("t", "two", 2, 2),
        publish("t", "three", 1, 3),
        publish("t", "four", 2, 4),
        publish("u", "not asked for", 1, 5),
    ];
    world.send("p", bytes.concat());
    world.expect(["s: dropped 1 Away", "p: PUBACK 1", "p: PUBREC 2", "p: PUBACK 3", "p: PUBREC 4", "p: PUBACK 5"]);
    assert_eq!(world.session("s").unwrap().stored, 4);
    let kept = ["s: q1 #1 t one", "s: q1 #3 t three", "s: q2 #2 t two", "s: q2 #4 t four"];
    world.reconnect_kept_with("s", kept);
    assert_eq!(world.stats().dropped_away, 1);
}

#[test]
fn a_thousand_kept_messages_come_back_in_order_through_a_window_of_ten() {
    let mut settings = mqtt(1);
    settings.limits.inflight_max = 10;
    let mut world = World::new(settings);
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.cut("s");
    for n in 0..1000_u16 {
        world.send("p", publish("t", n.to_string(), 1, 1));
    }
    world.take_log();
    world.connect_with("s", &Connect::kept("s"));
    let mut lines = world.take_log();
    assert_eq!(lines.len(), 11);
    for id in 1..=1000 {
        assert!(world.session("s").unwrap().inflight <= 10);
        world.send("s", puback(id));
        lines.extend(world.take_log());
    }
    let expected = (0..1000).map(|n| format!("s: q1 #{} t {n}", n + 1));
    assert_eq!(lines[1..], expected.collect::<Vec<_>>());
    let session = world.session("s").unwrap();
    assert_eq!((session.inflight, session.stored), (0, 0));
}

#[test]
fn large_kept_messages_come_back_through_the_byte_limit_of_a_fetch() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.cut("s");
    for n in 0..8_u8 {
        world.send("p", publish("t", vec![n; 400_000], 1, 1));
        world.expect(["p: PUBACK 1"]);
    }
    world.connect_with("s", &Connect::kept("s"));
    let lines = world.take_log();
    let expected = (1..=8).map(|id| format!("s: q1 #{id} t 400000 bytes"));
    assert_eq!(lines[1..], expected.collect::<Vec<_>>());
}

#[test]
fn a_clean_connect_discards_the_kept_session() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.cut("s");
    world.send("p", publish("t", "x", 1, 1));
    world.expect(["p: PUBACK 1"]);
    // [MQTT-3.1.2-6] [MQTT-3.2.2-1]
    world.connect("s");
    assert_eq!((world.session("s").unwrap().subscriptions, world.stored_sessions()), (0, 0));
    world.cut("s");
    assert!(world.session("s").is_none());
    world.connect_kept("s");
    assert_eq!(world.session("s").unwrap().subscriptions, 0);
}

#[test]
fn a_clean_session_keeps_nothing_for_a_later_kept_one() {
    let mut world = World::new(mqtt(1));
    world.connect("s");
    world.subscribe("s", "t", 1);
    world.cut("s");
    world.connect_kept("s");
    assert_eq!(world.session("s").unwrap().subscriptions, 0);
}

#[test]
fn what_was_unsubscribed_is_not_kept() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_kept("s");
    world.send("s", [subscribe(1, &[("t", 1), ("u", 1)]), unsubscribe(2, &["t"])].concat());
    world.expect(["s: SUBACK 1 [1, 1]", "s: UNSUBACK 2"]);
    world.cut("s");
    world.send("p", [publish("t", "x", 1, 1), publish("u", "y", 1, 2)].concat());
    world.expect(["p: PUBACK 1", "p: PUBACK 2"]);
    world.reconnect_kept_with("s", ["s: q1 #1 u y"]);
}

#[test]
fn a_subscription_of_qos_0_keeps_nothing() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", 0);
    world.cut("s");
    world.send("p", publish("t", "x", 2, 1));
    world.expect(["s: dropped 1 Away", "p: PUBREC 1"]);
    world.reconnect_kept("s");
}

#[test]
fn qos_2_is_not_kept_in_profile_lmq_but_served_while_online() {
    let (p, s) = ("GID_Test@@@p", "GID_Test@@@s");
    let mut world = World::new(lmq(1));
    world.connect(p);
    world.connect_kept(s);
    world.subscribe(s, "T/x", 2);
    world.send(p, publish("T/x", "online", 2, 1));
    world.expect([format!("{p}: PUBREC 1"), format!("{s}: q2 #1 T/x online")]);
    world.cut(s);
    world.expect([format!("status tcpclean {s}")]);
    world.send(p, [publish("T/x", "away", 2, 2), publish("T/x", "kept", 1, 3)].concat());
    world.expect([format!("{s}: dropped 1 Away"), format!("{p}: PUBREC 2"), format!("{p}: PUBACK 3")]);
    world.connect_with(s, &Connect::kept(s));
    world.expect([format!("status connect {s}"), format!("{s}: CONNACK 0 present"), format!("{s}: q1 #2 T/x kept")]);
}

#[test]
fn the_store_is_told_what_it_needs_and_no_more() {
    let mut world = World::new(mqtt(1));
    world.trace_store();
    world.connect("p");
    world.connect_with("s", &Connect::kept("s"));
    world.expect(["store open s", "s: CONNACK 0"]);
    world.send("s", subscribe(1, &[("t", 1), ("u", 2), ("$share/x", 0)]));
    world.expect(["store save s +t:1 +u:2", "s: SUBACK 1 [1, 2, 128]"]);
    world.send("s", unsubscribe(2, &["t", "unknown"]));
    world.expect(["store save s -t", "s: UNSUBACK 2"]);
    world.send("s", unsubscribe(3, &["unknown"]));
    world.expect(["s: UNSUBACK 3"]);
    world.send("p", [publish("u", "x", 0, 0), publish("nobody", "y", 2, 1)].concat());
    world.expect(["p: PUBREC 1", "s: q0 u x"]);
    world.send("p", publish("u", "z", 1, 2));
    world.expect(["store append s@0:1", "p: PUBACK 2", "s: q1 #1 u z"]);
    world.send("s", puback(1));
    world.expect(["store remove s@[0]"]);
    world.disconnect("s");
    world.connect_with("s", &Connect::new("s"));
    world.expect(["store drop s", "s: CONNACK 0"]);
}

#[test]
fn everything_is_gone_when_everybody_left() {
    for shards in [1, 2] {
        let mut world = World::new(mqtt(shards));
        for name in ["a", "b", "c", "d"] {
            world.connect(name);
            world.subscribe(name, "t/#", 2);
            world.subscribe(name, "+/x", 1);
        }
        world.send("a", publish("t/x", "x", 2, 1));
        world.take_log();
        for (at, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
            if at % 2 == 0 { world.cut(name) } else { world.disconnect(name) }
        }
        let stats = world.stats();
        assert_eq!((stats.connections, stats.sessions, stats.subscriptions, stats.effects_pending), (0, 0, 0, 0));
        assert_eq!((stats.connects_accepted, stats.received, stats.sent[2]), (4, [0, 0, 1], 4));
        assert_eq!(world.stored_sessions(), 0);
        assert!(world.front(0).is_empty());
        // No filter is left with anybody: a message goes nowhere.
        world.trace_routes();
        world.connect("a");
        world.connect("b");
        world.send("a", publish("t/x", "x", 1, 1));
        world.expect(["a: PUBACK 1"]);
        world.send("b", publish("t/x", "x", 1, 1));
        world.expect(["b: PUBACK 1"]);
    }
}
