//! An acknowledgement means that everything it promises is durable, and leaves in the order of the packets.

use std::time::Duration;

use crate::common::{
    Connect, PINGREQ, World, mqtt, puback, pubcomp, publish, publish_again, pubrec, pubrel, subscribe, unsubscribe,
};

fn kept_subscriber(qos: u8) -> World {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", qos);
    world
}

#[test]
fn a_publish_for_a_kept_session_is_acknowledged_and_delivered_after_the_store_answered() {
    let mut world = kept_subscriber(1);
    world.connect("online");
    world.subscribe("online", "t", 1);
    world.hold_store();
    world.send("p", publish("t", "x", 1, 7));
    // Whoever needs no store has it already.
    world.expect(["online: q1 #1 t x"]);
    world.release_store();
    world.expect(["p: PUBACK 7", "s: q1 #1 t x"]);
}

#[test]
fn a_publish_that_needs_no_effect_is_acknowledged_at_once() {
    let mut world = kept_subscriber(0);
    world.hold_store();
    world.send("p", publish("t", "x", 1, 7));
    world.expect(["p: PUBACK 7", "s: q0 t x"]);
    world.send("p", publish("nobody", "x", 2, 8));
    world.expect(["p: PUBREC 8"]);
    assert_eq!(world.held(), 0);
}

#[test]
fn answers_leave_in_the_order_of_their_packets() {
    let mut world = kept_subscriber(1);
    world.hold_store();
    // [MQTT-4.6.0-2] [MQTT-4.6.0-3]
    world.send("p", publish("t", "slow", 1, 1));
    world.send("p", publish("nobody", "fast", 1, 2));
    world.send("p", publish("nobody", "fast", 2, 3));
    world.send("p", pubrel(3));
    world.send("p", subscribe(4, &[("x", 0)]));
    world.send("p", unsubscribe(5, &["x"]));
    // PINGRESP answers no message and need not wait.
    world.send("p", PINGREQ);
    world.expect(["p: PINGRESP"]);
    world.release_store();
    let answers = [
        "p: PUBACK 1",
        "p: PUBACK 2",
        "p: PUBREC 3",
        "p: PUBCOMP 3",
        "p: SUBACK 4 [0]",
        "p: UNSUBACK 5",
        "s: q1 #1 t slow",
    ];
    world.expect(answers);
}

#[test]
fn connack_of_a_kept_session_waits_for_the_store() {
    let mut world = World::new(mqtt(1));
    world.hold_store();
    world.connect_with("s", &Connect::kept("s"));
    world.connect_with("c", &Connect::new("c"));
    world.expect(["c: CONNACK 0"]);
    world.release_store();
    world.expect(["s: CONNACK 0"]);
    world.cut("s");
    world.hold_store();
    world.connect_with("s", &Connect::new("s"));
    world.expect_nothing();
    world.release_store();
    world.expect(["s: CONNACK 0"]);
}

#[test]
fn suback_and_unsuback_of_a_kept_session_wait_for_the_store() {
    let mut world = World::new(mqtt(1));
    world.connect_kept("s");
    world.hold_store();
    world.send("s", subscribe(1, &[("t", 1)]));
    world.expect_nothing();
    world.release_one();
    world.expect(["s: SUBACK 1 [1]"]);
    world.send("s", unsubscribe(2, &["t"]));
    world.expect_nothing();
    world.release_store();
    world.expect(["s: UNSUBACK 2"]);
}

#[test]
fn a_qos_2_message_of_a_kept_publisher_is_recorded_before_anyone_sees_it() {
    let mut world = World::new(mqtt(1));
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.connect_kept("p");
    world.trace_store();
    world.hold_store();
    world.send("p", publish("t", "x", 2, 7));
    world.expect(["store append dedup p#7"]);
    // A PUBREL before PUBREC is out of place.
    world.send("p", pubrel(7));
    world.expect_nothing();
    world.release_one();
    world.expect(["p: PUBREC 7", "s: q2 #1 t x"]);
    world.send("p", pubrel(7));
    world.expect(["store release p#7"]);
    world.release_one();
    world.expect(["p: PUBCOMP 7"]);
}

#[test]
fn an_outbound_qos_2_exchange_is_recorded_before_each_step_leaves() {
    let mut world = kept_subscriber(2);
    world.trace_store();
    world.hold_store();
    world.send("p", publish("t", "x", 2, 7));
    world.expect(["store append s@0:2"]);
    world.release_one();
    world.expect(["store inflight s#1 Some(Sent(0))", "p: PUBREC 7"]);
    world.release_one();
    world.expect(["s: q2 #1 t x"]);
    world.send("s", pubrec(1));
    world.expect(["store inflight s#1 Some(Released(0))"]);
    world.send("s", pubrec(1));
    world.expect_nothing();
    world.release_one();
    world.expect(["s: PUBREL 1"]);
    world.send("s", pubcomp(1));
    world.expect(["store inflight s#1 None"]);
}

#[test]
fn a_failed_store_closes_the_publisher_unanswered_and_nobody_sees_the_message() {
    let mut world = kept_subscriber(1);
    world.hold_store();
    world.send("p", [publish("t", "a", 1, 1), publish("t", "b", 1, 2)].concat());
    world.send("p", publish("nobody", "c", 1, 3));
    world.fail_held();
    world.expect(["p: closed effect_failed", "s: dropped 2 StoreFailed"]);
    assert_eq!((world.stats().dropped_store_failed, world.stats().effects_failed), (2, 2));
    // The publisher sends again what was not acknowledged, and nothing is lost.
    world.connect("p");
    world.send("p", [publish_again("t", "a", 1, 1), publish_again("t", "b", 1, 2)].concat());
    world.expect(["p: PUBACK 1", "p: PUBACK 2", "s: q1 #1 t a", "s: q1 #2 t b"]);
}

#[test]
fn a_failed_record_of_a_qos_2_message_forgets_its_id() {
    let mut world = World::new(mqtt(1));
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.connect_kept("p");
    world.break_store();
    world.send("p", publish("t", "x", 2, 7));
    world.expect(["p: closed effect_failed"]);
    world.mend_store();
    world.reconnect_kept("p");
    world.send("p", publish_again("t", "x", 2, 7));
    world.expect(["p: PUBREC 7", "s: q2 #1 t x"]);
}

#[test]
fn a_failed_release_is_tried_again_and_the_id_does_not_swallow_a_later_message() {
    let mut world = World::new(mqtt(1));
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.connect_kept("p");
    world.send("p", publish("t", "x", 2, 7));
    world.expect(["p: PUBREC 7", "s: q2 #1 t x"]);
    world.break_store();
    world.send("p", pubrel(7));
    world.expect(["p: closed effect_failed"]);
    world.mend_store();
    world.reconnect_kept("p");
    world.send("p", pubrel(7));
    world.expect(["p: PUBCOMP 7"]);
    world.restart();
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.reconnect_kept("p");
    world.send("p", publish("t", "new", 2, 7));
    world.expect(["p: PUBREC 7", "s: q2 #1 t new"]);
}

#[test]
fn a_store_that_cannot_open_a_session_refuses_with_code_3_and_leaves_nothing_behind() {
    let mut world = World::new(mqtt(1));
    world.break_store();
    world.connect_with("s", &Connect::kept("s"));
    world.expect(["s: CONNACK 3", "s: closed refused"]);
    assert_eq!((world.stats().sessions, world.stats().connects_refused), (0, [0, 0, 1, 0, 0]));
    world.mend_store();
    world.connect_kept("s");
}

#[test]
fn a_session_that_the_store_could_not_drop_is_dropped_when_its_client_comes_again() {
    let mut world = kept_subscriber(1);
    world.cut("s");
    world.send("p", publish("t", "kept", 1, 1));
    world.expect(["p: PUBACK 1"]);
    world.break_store();
    world.connect_with("s", &Connect::new("s"));
    world.expect(["s: CONNACK 3", "s: closed refused"]);
    world.mend_store();
    // Nothing was kept for it since, so it cannot go on.
    world.connect_kept("s");
    assert_eq!(world.session("s").unwrap().subscriptions, 0);
}

#[test]
fn the_store_is_asked_again_to_drop_a_session_until_it_has() {
    let mut world = kept_subscriber(1);
    world.cut("s");
    world.break_store();
    world.connect_with("s", &Connect::new("s"));
    world.expect(["s: CONNACK 3", "s: closed refused"]);
    world.advance(Duration::from_secs(3));
    assert_eq!(world.stored_sessions(), 1);
    world.mend_store();
    world.advance(Duration::from_secs(1));
    assert_eq!(world.stored_sessions(), 0);
    world.expect_nothing();
}

#[test]
fn a_clean_session_does_not_begin_before_the_old_one_is_surely_dropped() {
    let mut world = kept_subscriber(1);
    world.cut("s");
    world.break_store();
    world.connect_with("s", &Connect::new("s"));
    world.expect(["s: CONNACK 3", "s: closed refused"]);
    world.mend_store();
    world.hold_store();
    // The store is asked again, and does not answer.
    world.advance(Duration::from_secs(1));
    world.connect_with("s", &Connect::new("s"));
    world.expect_nothing();
    world.release_store();
    world.expect(["s: CONNACK 0"]);
    assert_eq!(world.stored_sessions(), 0);
}

#[test]
fn a_failed_subscription_closes_instead_of_granting() {
    let mut world = World::new(mqtt(1));
    world.connect_kept("s");
    world.break_store();
    world.send("s", subscribe(1, &[("t", 1)]));
    world.expect(["s: closed effect_failed"]);
}

#[test]
fn a_failed_fetch_closes_the_subscriber_and_nothing_is_lost() {
    let mut world = kept_subscriber(1);
    world.cut("s");
    world.send("p", publish("t", "kept", 1, 1));
    world.expect(["p: PUBACK 1"]);
    world.hold_store();
    world.connect_with("s", &Connect::kept("s"));
    world.release_one();
    world.expect(["s: CONNACK 0 present"]);
    world.fail_held();
    world.expect(["s: closed effect_failed"]);
    world.reconnect_kept_with("s", ["s: q1 #1 t kept"]);
}

#[test]
fn a_failed_record_of_an_outbound_exchange_closes_the_subscriber_and_nothing_is_lost() {
    let mut world = kept_subscriber(2);
    world.hold_store();
    world.send("p", publish("t", "x", 2, 7));
    world.release_one();
    world.expect(["p: PUBREC 7"]);
    world.fail_held();
    world.expect(["s: closed effect_failed"]);
    world.connect_with("s", &Connect::kept("s"));
    // It never left, so it is no duplicate.
    world.expect(["s: CONNACK 0 present", "s: q2 #1 t x"]);
    world.hold_store();
    world.send("s", pubrec(1));
    world.fail_held();
    world.expect(["s: closed effect_failed"]);
    world.connect_with("s", &Connect::kept("s"));
    world.expect(["s: CONNACK 0 present", "s: q2 #1 dup t x"]);
    world.send("s", pubrec(1));
    world.expect(["s: PUBREL 1"]);
}

#[test]
fn an_effect_that_is_not_answered_in_time_counts_as_failed() {
    let mut world = kept_subscriber(1);
    world.hold_store();
    world.send("p", publish("t", "x", 1, 1));
    world.advance(Duration::from_millis(29_999));
    world.expect_nothing();
    assert_eq!(world.stats().effects_pending, 1);
    world.advance(Duration::from_millis(1));
    world.expect(["p: closed effect_failed", "s: dropped 1 StoreFailed"]);
    assert_eq!(world.stats().effects_failed, 1);
    // The late answer finds nobody; but the queue is read, as nobody knows whether the message is in it.
    world.release_store();
    world.expect(["s: q1 #1 t x"]);
    assert_eq!(world.stats().effects_pending, 0);
}

#[test]
fn messages_stored_while_the_answer_is_late_are_delivered_in_their_order() {
    let mut world = kept_subscriber(1);
    world.hold_store();
    for n in 1..=5 {
        world.send("p", publish("t", n.to_string(), 1, n));
    }
    world.release_one();
    world.release_one();
    world.expect(["p: PUBACK 1", "s: q1 #1 t 1", "p: PUBACK 2", "s: q1 #2 t 2"]);
    world.send("s", puback(1));
    world.release_store();
    world.expect(["p: PUBACK 3", "p: PUBACK 4", "p: PUBACK 5", "s: q1 #3 t 3", "s: q1 #4 t 4", "s: q1 #5 t 5"]);
}

#[test]
fn a_late_store_does_not_keep_a_qos_2_message_from_those_served_from_memory() {
    let mut world = World::new(mqtt(1));
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.connect_kept("p");
    world.hold_store();
    world.send("p", publish("t", "x", 2, 1));
    world.advance(Duration::from_secs(30));
    world.expect(["p: closed effect_failed"]);
    // Stored after all, so its publisher is told that it came.
    world.release_store();
    world.connect_with("p", &Connect::kept("p"));
    world.expect(["p: CONNACK 0 present", "s: q2 #1 t x"]);
    world.send("p", publish_again("t", "x", 2, 1));
    world.expect(["p: PUBREC 1"]);
}
