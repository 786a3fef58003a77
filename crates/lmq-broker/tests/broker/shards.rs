//! More than one shard: what they tell each other, and what waits for it. Clients `p`, `b`, `d` live on shard 0; `s`, `a`, `c` on shard 1.

use std::time::Duration;

use lmq_broker::Settings;

use crate::common::{Connect, World, mqtt, publish, publish_again, pubrel, subscribe, unsubscribe};

fn two(change: impl Fn(&mut Settings)) -> World {
    let mut settings = mqtt(2);
    change(&mut settings);
    let world = World::new(settings);
    assert_eq!(["p", "b", "d", "s", "a", "c"].map(|id| world.shard_of(id)), [0, 0, 0, 1, 1, 1]);
    world
}

fn pair(qos: u8) -> World {
    let mut world = two(|_| {});
    world.connect("p");
    world.connect("s");
    world.subscribe("s", "t", qos);
    world
}

#[test]
fn suback_leaves_after_every_sibling_knows_the_filter() {
    let mut world = two(|settings| settings.profile.retained_messages = false);
    world.connect("s");
    world.connect("p");
    world.trace_routes();
    world.hold_routes();
    world.send("s", subscribe(1, &[("t", 1)]));
    world.expect(["route 1>0 want t"]);
    world.release_route(1, 0);
    world.expect(["route 0>1 done"]);
    // Entered there, not confirmed here: a message already finds its way.
    world.send("p", publish("t", "early", 0, 0));
    world.expect(["route 0>1 publish t"]);
    world.release_route(0, 1);
    world.expect(["s: SUBACK 1 [1]"]);
    world.release_route(0, 1);
    world.expect(["route 1>0 credit 1", "s: q0 t early"]);
    world.release_routes();
}

#[test]
fn a_filter_that_is_confirmed_needs_no_second_round() {
    let mut world = two(|settings| settings.profile.retained_messages = false);
    world.connect("s");
    world.connect("a");
    world.connect("b");
    world.trace_routes();
    world.hold_routes();
    world.send("s", subscribe(1, &[("t", 1)]));
    // The second one waits as well while the first is not confirmed.
    world.send("a", subscribe(1, &[("t", 1)]));
    world.expect(["route 1>0 want t", "route 1>0 want t"]);
    world.release_routes();
    world.expect(["route 0>1 done", "s: SUBACK 1 [1]", "route 0>1 done", "a: SUBACK 1 [1]"]);
    world.send("s", subscribe(2, &[("t", 0)]));
    world.expect(["s: SUBACK 2 [0]"]);
    world.send("b", subscribe(3, &[("t", 0)]));
    world.expect(["route 0>1 want t", "route 1>0 done", "b: SUBACK 3 [0]"]);
}

#[test]
fn unsuback_of_the_last_subscriber_waits_for_the_siblings_and_then_nothing_crosses() {
    let mut world = pair(1);
    world.connect("a");
    world.subscribe("a", "t", 1);
    world.trace_routes();
    world.hold_routes();
    world.send("a", unsubscribe(1, &["t"]));
    world.expect(["a: UNSUBACK 1"]);
    world.send("s", unsubscribe(2, &["t"]));
    world.expect(["route 1>0 unwant t"]);
    world.release_routes();
    world.expect(["route 0>1 done", "s: UNSUBACK 2"]);
    world.send("p", publish("t", "x", 1, 1));
    world.expect(["p: PUBACK 1"]);
}

#[test]
fn a_filter_taken_back_and_asked_for_again_is_known_in_the_end() {
    let mut world = pair(1);
    world.hold_routes();
    world.send("s", [unsubscribe(1, &["t"]), subscribe(2, &[("t", 1)])].concat());
    world.cut("s");
    world.connect("s");
    world.send("s", subscribe(3, &[("t", 1)]));
    world.release_routes();
    world.expect(["s: SUBACK 3 [1]"]);
    world.send("p", publish("t", "x", 0, 0));
    world.expect(["s: q0 t x"]);
    world.disconnect("s");
    world.trace_routes();
    world.send("p", publish("t", "x", 0, 0));
}

#[test]
fn a_message_crosses_once_for_any_number_of_subscribers() {
    let mut world = pair(1);
    for (name, filter) in [("a", "t"), ("c", "+"), ("b", "#")] {
        world.connect(name);
        world.subscribe(name, filter, 2);
    }
    world.trace_routes();
    world.send("p", publish("t", "x", 1, 1));
    world.expect([
        "route 0>1 publish t ?",
        "b: q1 #1 t x",
        "route 1>0 done",
        "a: q1 #1 t x",
        "c: q1 #1 t x",
        "s: q1 #1 t x",
        "p: PUBACK 1",
    ]);
}

#[test]
fn puback_waits_for_the_sibling_and_qos_0_for_nobody() {
    let mut world = pair(1);
    world.hold_routes();
    world.send("p", publish("t", "a", 1, 1));
    world.send("p", publish("t", "b", 0, 0));
    world.send("p", publish("t", "c", 2, 2));
    world.expect_nothing();
    world.release_routes();
    world.expect(["s: q1 #1 t a", "s: q0 t b", "s: q1 #2 t c", "p: PUBACK 1", "p: PUBREC 2"]);
    world.send("p", pubrel(2));
    world.expect(["p: PUBCOMP 2"]);
}

#[test]
fn puback_waits_for_the_store_of_the_sibling() {
    let mut world = two(|_| {});
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.hold_store();
    world.send("p", publish("t", "a", 1, 1));
    world.expect_nothing();
    world.release_store();
    world.expect(["s: q1 #1 t a", "p: PUBACK 1"]);
    world.hold_store();
    world.send("p", publish("t", "b", 1, 2));
    world.fail_held();
    world.expect(["s: dropped 1 StoreFailed", "p: closed effect_failed"]);
}

#[test]
fn a_qos_2_message_of_a_kept_publisher_is_recorded_once_the_siblings_have_it() {
    let mut world = two(|_| {});
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.connect_kept("p");
    world.trace_routes();
    world.hold_store();
    world.send("p", publish("t", "x", 2, 1));
    world.expect_nothing();
    world.release_one();
    world.expect(["route 0>1 publish t ?", "route 1>0 done", "s: q2 #1 t x"]);
    assert_eq!(world.held(), 1, "the record");
    world.release_store();
    world.expect(["p: PUBREC 1"]);
}

#[test]
fn a_qos_2_message_that_a_sibling_could_not_keep_is_forwarded_when_it_comes_again() {
    let mut world = two(|_| {});
    world.connect_kept("s");
    world.subscribe("s", "t", 2);
    world.connect_kept("p");
    assert_ne!(world.shard_of("s"), world.shard_of("p"));
    world.hold_store();
    world.send("p", publish("t", "x", 2, 1));
    world.release_one();
    world.fail_held();
    world.expect(["s: dropped 1 StoreFailed", "p: closed effect_failed"]);
    world.release_store();
    world.reconnect_kept("p");
    world.send("p", publish_again("t", "x", 2, 1));
    world.expect(["s: q2 #1 t x", "p: PUBREC 1"]);
}

#[test]
fn a_qos_2_message_is_not_taken_for_forwarded_after_a_crash_before_the_siblings_had_it() {
    let mut world = two(|_| {});
    world.connect_kept("s");
    world.subscribe("s", "t", 2);
    world.connect_kept("p");
    world.hold_routes();
    world.send("p", publish("t", "x", 2, 1));
    world.restart();
    world.release_routes();
    world.reconnect_kept("s");
    world.reconnect_kept("p");
    world.send("p", publish_again("t", "x", 2, 1));
    world.expect(["s: q2 #1 t x", "p: PUBREC 1"]);
}

#[test]
fn a_kept_subscriber_need_not_wait_for_siblings_and_keeps_the_order_of_its_queue() {
    let mut world = two(|_| {});
    world.connect_kept("b");
    world.send("b", subscribe(1, &[("both", 1), ("here", 1)]));
    world.expect(["b: SUBACK 1 [1, 1]"]);
    world.connect("s");
    world.subscribe("s", "both", 1);
    world.connect("p");
    world.hold_routes();
    // The first waits for shard 1, the second for nobody.
    world.send("p", [publish("both", "first", 1, 1), publish("here", "second", 1, 2)].concat());
    world.expect(["b: q1 #1 both first", "b: q1 #2 here second"]);
    world.release_routes();
    world.expect(["s: q1 #1 both first", "p: PUBACK 1", "p: PUBACK 2"]);
}

#[test]
fn a_sibling_that_fails_takes_nothing_from_the_queues_here() {
    let mut world = two(|settings| settings.limits.effect_timeout = Duration::from_secs(5));
    world.connect_kept("b");
    world.subscribe("b", "t", 1);
    world.connect("s");
    world.subscribe("s", "t", 1);
    world.connect("p");
    world.hold_routes();
    world.send("p", publish("t", "x", 1, 1));
    world.expect(["b: q1 #1 t x"]);
    world.advance(Duration::from_secs(5));
    world.expect(["p: closed effect_failed"]);
    assert_eq!(world.stats().dropped_store_failed, 0);
    world.release_routes();
    world.expect(["s: q1 #1 t x"]);
}

#[test]
fn a_full_link_pauses_publishers_and_credit_resumes_them_in_order() {
    for qos in [0, 1] {
        let mut world = two(|settings| settings.limits.link_messages_max = 2);
        world.connect("p");
        world.connect("s");
        world.subscribe("s", "t", 1);
        world.hold_routes();
        let bytes: Vec<u8> = (1..=5).flat_map(|n| publish("t", n.to_string(), qos, n)).collect();
        world.send("p", bytes);
        world.expect(["p: paused"]);
        // Only publishers wait: others, and other packets, do not need the link.
        world.connect("b");
        world.send("b", [0xc0, 0]);
        world.expect(["b: PINGRESP"]);
        world.release_routes();
        let lines = world.take_log();
        let messages: Vec<&String> = lines.iter().filter(|line| line.starts_with("s: ")).collect();
        let expected = (1..=5).map(|n| if qos == 0 { format!("s: q0 t {n}") } else { format!("s: q1 #{n} t {n}") });
        assert_eq!(messages, expected.collect::<Vec<_>>().iter().collect::<Vec<_>>());
        assert!(lines.contains(&"p: resumed".into()), "{lines:?}");
        world.send("p", publish("t", "6", 0, 0));
        world.expect(["s: q0 t 6"]);
    }
}

#[test]
fn a_link_that_stays_full_closes_the_publisher_in_the_end() {
    let mut world = two(|settings| settings.limits.link_messages_max = 1);
    world.connect("p");
    world.connect("s");
    world.subscribe("s", "t", 0);
    world.hold_routes();
    world.send("p", [publish("t", "1", 0, 0), publish("t", "2", 0, 0)].concat());
    world.expect(["p: paused"]);
    world.advance(Duration::from_millis(29_999));
    world.expect_nothing();
    world.advance(Duration::from_millis(1));
    world.expect(["p: closed paused_too_long"]);
    world.release_routes();
    world.expect(["s: q0 t 1"]);
}

#[test]
fn a_filter_that_siblings_do_not_confirm_in_time_closes_the_subscriber() {
    let mut world = two(|_| {});
    world.connect("s");
    world.hold_routes();
    world.send("s", subscribe(1, &[("t", 1)]));
    world.advance(Duration::from_secs(30));
    world.expect(["s: closed effect_failed"]);
    world.release_routes();
    assert_eq!((world.stats().effects_pending, world.stats().subscriptions), (0, 0));
}

#[test]
fn a_connection_accepted_elsewhere_moves_to_the_shard_of_its_client() {
    let mut world = pair(0);
    world.open_at(1, "b");
    let mut bytes = Connect::new("b").bytes();
    bytes.extend(subscribe(1, &[("t", 0)]));
    world.send("b", bytes);
    world.expect(["b: CONNACK 0", "b: SUBACK 1 [0]"]);
    assert_eq!(world.shard(0).stats().connections, 2);
    world.send("b", publish("t", "x", 0, 0));
    world.expect(["b: q0 t x", "s: q0 t x"]);
    world.connect_with("b2", &Connect::new("b"));
    world.expect(["b: closed taken_over", "b2: CONNACK 0"]);
}

#[test]
fn messages_of_one_publisher_arrive_in_order_across_shards() {
    let mut world = pair(1);
    let bytes: Vec<u8> = (1..=50).flat_map(|n| publish("t", n.to_string(), 1, n)).collect();
    world.send("p", bytes);
    let lines = world.take_log();
    let got: Vec<&String> = lines.iter().filter(|line| line.starts_with("s: ")).collect();
    assert_eq!(got, (1..=50).map(|n| format!("s: q1 #{n} t {n}")).collect::<Vec<_>>().iter().collect::<Vec<_>>());
}

#[test]
fn after_a_restart_nobody_is_let_in_before_the_siblings_know_the_kept_filters() {
    let mut world = two(|_| {});
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.connect_kept("a");
    world.hold_routes();
    world.trace_routes();
    world.restart();
    world.expect(["route 0>1 restored", "route 1>0 want t", "route 1>0 restored"]);
    // Shard 0 would acknowledge a message for `s` without knowing that anybody wants it.
    world.connect_with("p", &Connect::new("p"));
    world.expect(["p: CONNACK 3", "p: closed refused"]);
    world.release_route(1, 0);
    world.expect(["route 0>1 done"]);
    assert!(!world.shard(0).is_ready());
    world.release_route(1, 0);
    assert!(world.shard(0).is_ready() && !world.shard(1).is_ready());
    world.release_routes();
    assert!(world.shard(1).is_ready());
    world.connect("p");
    world.send("p", publish("t", "x", 1, 1));
    world.expect(["route 0>1 publish t ?", "route 1>0 done", "p: PUBACK 1"]);
    world.reconnect_kept_with("s", ["s: q1 #1 t x"]);
}

#[test]
fn a_qos_2_message_is_not_overtaken_on_its_way_to_a_sibling_by_one_that_needs_no_store() {
    let mut world = pair(0);
    world.connect_kept("b");
    world.subscribe("b", "t", 1);
    world.hold_store();
    world.send("p", publish("t", "first", 2, 1));
    // The next one finds nobody who needs the store.
    world.send("b", subscribe(1, &[("t", 0)]));
    world.send("p", publish("t", "second", 2, 2));
    let lines = world.take_log();
    let to_s: Vec<&String> = lines.iter().filter(|line| line.starts_with("s: ")).collect();
    assert_eq!(to_s, ["s: q0 t first", "s: q0 t second"]);
    world.release_store();
    world.expect(["b: q1 #1 t first", "b: SUBACK 1 [0]", "p: PUBREC 1", "p: PUBREC 2"]);
}
