//! The same client id on a second connection.

use crate::common::{Connect, World, mqtt, publish, publish_again, pubrel, subscribe};

#[test]
fn a_second_connection_closes_the_first() {
    let mut world = World::new(mqtt(1));
    world.connect("a");
    // [MQTT-3.1.4-2]
    world.connect_with("a2", &Connect::new("a"));
    world.expect(["a: closed taken_over", "a2: CONNACK 0"]);
    assert_eq!((world.stats().takeovers, world.stats().sessions, world.stats().connections), (1, 1, 1));
    world.connect_with("a3", &Connect::new("b"));
    world.expect(["a3: CONNACK 0"]);
}

#[test]
fn a_kept_session_moves_to_the_new_connection_and_what_was_open_comes_again() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.send("p", publish("t", "a", 1, 1));
    world.expect(["p: PUBACK 1", "s: q1 #1 t a"]);
    world.connect_with("s2", &Connect::kept("s"));
    world.expect(["s: closed taken_over", "s2: CONNACK 0 present", "s2: q1 #1 dup t a"]);
    world.send("p", publish("t", "b", 1, 2));
    world.expect(["p: PUBACK 2", "s2: q1 #2 t b"]);
}

#[test]
fn every_combination_of_clean_and_kept_hands_over_as_the_standard_says() {
    for (first, second, present) in
        [(false, false, true), (false, true, false), (true, false, false), (true, true, false)]
    {
        let connect = |clean| Connect { clean, ..Connect::new("s") };
        let mut world = World::new(mqtt(1));
        world.connect_with("s", &connect(first));
        world.expect(["s: CONNACK 0"]);
        world.subscribe("s", "t", 1);
        world.connect_with("s2", &connect(second));
        let connack = if present { "s2: CONNACK 0 present" } else { "s2: CONNACK 0" };
        world.expect(["s: closed taken_over", connack]);
        assert_eq!(world.session("s").unwrap().subscriptions, usize::from(present), "{first} {second}");
        assert_eq!(world.session("s").unwrap().persistent, !second);
        world.cut("s2");
        assert_eq!(world.stored_sessions(), usize::from(!second));
    }
}

#[test]
fn a_takeover_while_the_first_is_still_being_opened_serves_the_second() {
    let mut world = World::new(mqtt(1));
    world.hold_store();
    world.connect_with("s", &Connect::kept("s"));
    world.connect_with("s2", &Connect::kept("s"));
    world.expect(["s: closed taken_over"]);
    world.release_store();
    // The first was never told of a session, so there is none to be present [MQTT-3.2.2-4].
    world.expect(["s2: CONNACK 0"]);
    world.send("s2", subscribe(1, &[("t", 0)]));
    world.expect(["s2: SUBACK 1 [0]"]);
}

#[test]
fn a_takeover_before_the_first_verdict_leaves_one_connection() {
    let mut world = World::new(mqtt(1));
    world.hold_verdicts();
    world.connect_with("s", &Connect::new("s"));
    world.connect_with("s2", &Connect::new("s"));
    world.release_verdicts();
    world.expect(["s: CONNACK 0", "s: closed taken_over", "s2: CONNACK 0"]);
}

#[test]
fn an_acknowledgement_that_comes_after_a_takeover_goes_to_nobody() {
    let mut world = World::new(mqtt(1));
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.connect_kept("p");
    world.hold_store();
    world.send("p", publish("t", "a", 1, 5));
    world.send("p", subscribe(6, &[("x", 0)]));
    world.connect_with("p2", &Connect::kept("p"));
    world.expect(["p: closed taken_over"]);
    world.release_store();
    world.expect(["p2: CONNACK 0 present", "s: q1 #1 t a"]);
    // It was stored all the same, so the publisher's second try is a second message: at least once.
    world.send("p2", publish_again("t", "a", 1, 5));
    world.expect(["p2: PUBACK 5", "s: q1 #2 t a"]);
}

#[test]
fn qos_2_is_exactly_once_when_a_takeover_meets_an_unanswered_store() {
    let mut world = World::new(mqtt(1));
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.connect_kept("p");
    world.hold_store();
    world.send("p", publish("t", "once", 2, 5));
    world.connect_with("p2", &Connect::kept("p"));
    world.expect(["p: closed taken_over"]);
    // The append is executed and then the session opened; the message leaves once.
    world.release_one();
    world.expect(["s: q2 #1 t once"]);
    world.release_one();
    world.expect(["p2: CONNACK 0 present"]);
    world.send("p2", publish_again("t", "once", 2, 5));
    world.expect(["p2: PUBREC 5"]);
    world.send("p2", pubrel(5));
    world.release_store();
    world.expect(["p2: PUBCOMP 5"]);
}

#[test]
fn a_resent_qos_2_message_waits_for_the_first_ones_store_answer_on_the_new_connection() {
    let mut settings = mqtt(1);
    settings.limits.effect_timeout = std::time::Duration::from_secs(3600);
    let mut world = World::new(settings);
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.connect_kept("p");
    world.hold_store();
    world.send("p", publish("t", "once", 2, 5));
    world.send("p", publish_again("t", "once", 2, 5));
    world.expect_nothing();
    assert_eq!(world.held(), 1);
    world.release_store();
    world.expect(["p: PUBREC 5", "s: q2 #1 t once"]);
    world.send("p", publish("t", "next", 1, 6));
    world.expect(["p: PUBACK 6", "s: q1 #2 t next"]);
}

#[test]
fn a_chain_of_takeovers_leaves_one_session_and_nothing_pending() {
    let mut world = World::new(mqtt(1));
    let names = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"];
    world.hold_store();
    for (at, name) in names.into_iter().enumerate() {
        let connect = if at % 3 == 2 { Connect::new("s") } else { Connect::kept("s") };
        world.connect_with(name, &connect);
    }
    world.release_store();
    let lines = world.take_log();
    assert_eq!(lines.last().map(String::as_str), Some("c7: CONNACK 0"), "{lines:?}");
    let stats = world.stats();
    assert_eq!((stats.connections, stats.sessions, stats.effects_pending, stats.takeovers), (1, 1, 0, 7));
}
