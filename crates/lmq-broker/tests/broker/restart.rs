//! New shards over the stores of earlier ones: nothing acknowledged is lost.

use std::time::Duration;

use lmq_broker::{Command, Quota};

use crate::common::{Connect, Will, World, mqtt, puback, pubcomp, publish, publish_again, pubrec, pubrel};

fn kept(qos: u8, inflight_max: u16) -> World {
    let mut settings = mqtt(1);
    settings.limits.inflight_max = inflight_max;
    let mut world = World::new(settings);
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", qos);
    world
}

#[test]
fn subscriptions_survive_and_messages_published_before_the_client_is_back_are_kept() {
    for shards in [1, 2] {
        let mut world = World::new(mqtt(shards));
        world.connect_kept("s");
        world.subscribe("s", "t/+", 1);
        world.restart();
        assert_eq!(world.session("s").unwrap().subscriptions, 1);
        world.connect("p");
        world.send("p", [publish("t/a", "one", 1, 1), publish("t/b", "two", 1, 2)].concat());
        world.expect(["p: PUBACK 1", "p: PUBACK 2"]);
        world.restart();
        world.reconnect_kept_with("s", ["s: q1 #1 t/a one", "s: q1 #2 t/b two"]);
    }
}

#[test]
fn unacknowledged_qos_1_is_delivered_after_a_restart() {
    let mut world = kept(1, 100);
    for payload in ["a", "b", "c"] {
        world.send("p", publish("t", payload, 1, 1));
    }
    world.take_log();
    world.send("s", puback(2));
    world.restart();
    world.reconnect_kept_with("s", ["s: q1 #1 t a", "s: q1 #2 t c"]);
    world.send("s", [puback(1), puback(2)].concat());
    world.restart();
    world.reconnect_kept("s");
}

#[test]
fn qos_2_exchanges_go_on_after_a_restart_with_their_ids() {
    let mut world = kept(2, 100);
    for payload in ["a", "b", "c"] {
        world.send("p", publish("t", payload, 2, 1));
        world.send("p", pubrel(1));
    }
    world.take_log();
    world.send("s", pubrec(2));
    world.expect(["s: PUBREL 2"]);
    world.restart();
    // [MQTT-4.4.0-1] [MQTT-4.3.3-1]
    world.reconnect_kept_with("s", ["s: PUBREL 2", "s: q2 #1 dup t a", "s: q2 #3 dup t c"]);
    world.connect("p");
    world.send("p", publish("t", "d", 2, 1));
    world.expect(["p: PUBREC 1", "s: q2 #4 t d"]);
    world.send("s", [pubrec(1), pubrec(3), pubrec(4), pubcomp(2)].concat());
    world.expect(["s: PUBREL 1", "s: PUBREL 3", "s: PUBREL 4"]);
    world.send("s", [pubcomp(1), pubcomp(3), pubcomp(4)].concat());
    world.restart();
    world.reconnect_kept("s");
    assert_eq!(world.session("s").unwrap().inflight, 0);
}

#[test]
fn a_full_window_of_qos_2_is_sent_again_after_a_restart() {
    let mut world = kept(2, 2);
    for payload in ["a", "b", "c"] {
        world.send("p", publish("t", payload, 2, 1));
        world.send("p", pubrel(1));
    }
    world.take_log();
    world.restart();
    world.reconnect_kept_with("s", ["s: q2 #1 dup t a", "s: q2 #2 dup t b"]);
    world.send("s", pubrec(1));
    world.send("s", pubcomp(1));
    world.expect(["s: PUBREL 1", "s: q2 #3 t c"]);
}

#[test]
fn an_inbound_qos_2_message_is_not_forwarded_again_after_a_restart() {
    let mut world = World::new(mqtt(1));
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.connect_kept("p");
    world.send("p", publish("t", "once", 2, 9));
    world.expect(["p: PUBREC 9", "s: q1 #1 t once"]);
    world.send("s", puback(1));
    world.restart();
    world.reconnect_kept("s");
    world.reconnect_kept("p");
    world.send("p", publish_again("t", "once", 2, 9));
    world.expect(["p: PUBREC 9"]);
    world.send("p", pubrel(9));
    world.expect(["p: PUBCOMP 9"]);
    world.restart();
    world.reconnect_kept("s");
    world.reconnect_kept("p");
    world.send("p", publish("t", "new", 2, 9));
    world.expect(["p: PUBREC 9", "s: q1 #1 t new"]);
}

#[test]
fn messages_that_come_while_the_store_opens_a_restored_session_are_not_lost() {
    let mut world = kept(1, 100);
    world.cut("s");
    world.send("p", publish("t", "before", 1, 1));
    world.expect(["p: PUBACK 1"]);
    world.restart();
    world.connect("p");
    world.hold_store();
    world.connect_with("s", &Connect::kept("s"));
    world.send("p", publish("t", "during", 1, 2));
    // The session is opened, then the message is stored.
    world.release_one();
    world.expect(["s: CONNACK 0 present"]);
    world.send("p", publish("t", "behind", 1, 3));
    world.release_store();
    world.expect(["p: PUBACK 2", "p: PUBACK 3", "s: q1 #1 t before", "s: q1 #2 t during", "s: q1 #3 t behind"]);
}

#[test]
fn nobody_is_let_in_before_the_sessions_are_restored() {
    let mut world = kept(1, 100);
    world.hold_store();
    world.restart();
    assert!(!world.shard(0).is_ready());
    world.connect_with("s", &Connect::kept("s"));
    world.expect(["s: CONNACK 3", "s: closed refused"]);
    // A failed page is asked for again, but not at once.
    world.fail_held();
    assert!(!world.shard(0).is_ready());
    world.advance(Duration::from_secs(1));
    assert!(world.shard(0).is_ready());
    world.reconnect_kept("s");
}

#[test]
fn more_sessions_than_a_page_holds_are_restored() {
    let mut world = World::new(mqtt(1));
    let names: Vec<&'static str> = (0..600).map(|n| &*format!("client-{n}").leak()).collect();
    for name in &names {
        world.connect_kept(name);
        world.subscribe(name, name, 1);
    }
    world.restart();
    assert_eq!((world.stats().sessions, world.stats().subscriptions), (600, 600));
    world.connect("p");
    for name in &names {
        world.send("p", publish(name, "x", 1, 1));
        world.expect(["p: PUBACK 1"]);
        world.connect_with(name, &Connect::kept(name));
        world.expect([format!("{name}: CONNACK 0 present"), format!("{name}: q1 #1 {name} x")]);
    }
}

#[test]
fn a_session_that_connects_clean_after_a_restart_is_discarded() {
    let mut world = kept(1, 100);
    world.cut("s");
    world.restart();
    world.connect("s");
    assert_eq!((world.stored_sessions(), world.stats().subscriptions), (0, 0));
    world.restart();
    assert!(world.session("s").is_none());
}

fn one_message() -> Quota {
    Quota { messages_max: 1, ..Quota::default() }
}

#[test]
fn what_the_store_gives_up_is_counted_and_the_rest_arrives() {
    let mut world = World::with_quota(mqtt(1), one_message());
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.cut("s");
    for (id, payload) in [(1, "a"), (2, "b"), (3, "c")] {
        world.send("p", publish("t", payload, 1, id));
    }
    let dropped = "s: dropped 1 Evicted";
    world.expect(["p: PUBACK 1", dropped, "p: PUBACK 2", dropped, "p: PUBACK 3"]);
    assert_eq!(world.stats().dropped_evicted, 2);
    world.reconnect_kept_with("s", ["s: q1 #1 t c"]);
}

#[test]
fn given_up_messages_that_were_in_flight_do_not_block_the_session() {
    for (qos, restart) in [(1, false), (2, false), (2, true)] {
        let mut settings = mqtt(1);
        settings.limits.inflight_max = 1;
        let mut world = World::with_quota(settings, one_message());
        world.connect("p");
        world.connect_kept("s");
        world.subscribe("s", "t", qos);
        world.send("p", publish("t", "in flight", qos, 1));
        world.cut("s");
        world.send("p", publish("t", "kept", qos, 2));
        world.take_log();
        if restart {
            world.restart();
            world.connect("p");
        }
        world.connect_with("s", &Connect::kept("s"));
        // The client may have the message or not; either way it lets go of the id.
        if qos == 2 {
            world.expect(["s: CONNACK 0 present", "s: PUBREL 1"]);
            world.send("s", pubcomp(1));
            world.expect(["s: q2 #2 t kept"]);
        } else {
            world.expect(["s: CONNACK 0 present", "s: q1 #2 t kept"]);
        }
        assert_eq!(world.session("s").unwrap().inflight, 1);
    }
}

#[test]
fn a_full_window_is_sent_again_even_if_the_queue_begins_with_an_acknowledged_message() {
    let mut world = kept(2, 1);
    world.send("p", publish("t", "removed too late", 1, 1));
    world.expect(["p: PUBACK 1", "s: q1 #1 t removed too late"]);
    world.hold_store();
    // What the store did not do before the end: it keeps the first message, and has the exchange of the second.
    world.send("s", puback(1));
    world.fail_held();
    world.send("p", publish("t", "in flight", 2, 2));
    world.send("p", publish("t", "waits", 2, 3));
    world.expect(["p: PUBREC 2", "s: q2 #2 t in flight", "p: PUBREC 3"]);
    world.restart();
    world.reconnect_kept_with("s", ["s: q1 #3 t removed too late", "s: q2 #2 dup t in flight"]);
    world.send("s", [puback(3), pubrec(2)].concat());
    world.expect(["s: PUBREL 2"]);
    world.send("s", pubcomp(2));
    world.expect(["s: q2 #4 t waits"]);
}

#[test]
fn a_start_late_by_the_clock_has_its_time_to_ask_the_store() {
    let mut world = World::new(mqtt(1));
    world.connect_kept("s");
    world.advance(Duration::from_secs(100));
    world.hold_store();
    world.restart();
    world.advance(Duration::from_secs(1));
    assert_eq!((world.held(), world.stats().effects_failed), (1, 0));
    world.release_store();
    assert!(world.shard(0).is_ready());
    world.reconnect_kept("s");
}

#[test]
fn a_will_is_not_published_by_a_shard_that_drains_before_it_knows_all_filters() {
    let mut world = World::new(mqtt(3));
    assert_eq!(["p", "s"].map(|id| world.shard_of(id)), [2, 1]);
    world.connect_kept("s");
    world.subscribe("s", "w", 1);
    let will = Will { topic: "w", payload: "gone", qos: 1, ..Will::default() };
    world.connect_with("p", &Connect::kept("p").will(will));
    world.expect(["p: CONNACK 0"]);
    world.hold_routes();
    world.restart();
    (0..3).for_each(|shard| world.command(shard, Command::Drain));
    world.advance(Duration::from_secs(1));
    world.release_routes();
    world.restart();
    world.advance(Duration::from_secs(1));
    world.reconnect_kept_with("s", ["s: q1 #1 w gone"]);
}
