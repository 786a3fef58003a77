//! A message with more subscribers than one call serves, and what comes behind it.

use std::sync::Arc;

use lmq_broker::{Message, MessageId, Settings};
use lmq_codec::QoS;

use crate::common::{Connect, Will, World, hex, mqtt, publish, subscribe, unsubscribe};

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn limited(shards: u16, max: u32, change: impl Fn(&mut Settings)) -> World {
    let mut settings = mqtt(shards);
    settings.limits.deliveries_per_call_max = max;
    change(&mut settings);
    World::new(settings)
}

/// Eight subscribers of `t`, and nobody is called unless the test says so.
fn eight(max: u32) -> World {
    let mut world = limited(1, max, |_| {});
    for name in NAMES {
        world.connect(name);
        world.subscribe(name, "t", 1);
    }
    world.connect("p");
    world.hold_timeouts();
    world
}

/// Calls the machines until they want to wait.
fn call_all(world: &mut World) {
    let is_due = |world: &World, node| world.shard(node).poll_timeout().is_some_and(|at| at <= world.now.monotonic);
    while (0..usize::from(world.settings.shards)).any(|node| is_due(world, node)) {
        world.call();
    }
}

fn message(payload: &'static str, qos: QoS) -> Arc<Message> {
    Arc::new(Message { qos, ..Message::new(MessageId(7), "t", payload) })
}

#[test]
fn a_call_serves_as_many_as_the_limit_says_and_the_answer_comes_behind_the_last() {
    let mut world = eight(3);
    world.send("p", publish("t", "x", 1, 1));
    world.expect_nothing();
    world.call();
    world.expect(["a: q1 #1 t x", "b: q1 #1 t x", "c: q1 #1 t x"]);
    world.call();
    world.expect(["d: q1 #1 t x", "e: q1 #1 t x", "f: q1 #1 t x"]);
    world.call();
    world.expect(["g: q1 #1 t x", "h: q1 #1 t x", "p: PUBACK 1"]);
    assert!(world.shard(0).poll_timeout().is_none_or(|at| at > world.now.monotonic));
}

#[test]
fn who_publishes_subscribes_or_unsubscribes_meanwhile_waits_and_whoever_does_not_goes_on() {
    let mut world = eight(4);
    world.connect("q");
    world.connect("r");
    world.send("p", publish("t", "1", 0, 0));
    world.send("q", [publish("t", "2", 0, 0), hex("c0 00")].concat());
    world.send("h", unsubscribe(1, &["t"]));
    world.send("g", hex("c0 00"));
    world.send("r", subscribe(1, &[("t", 0)]));
    world.expect(["q: paused", "h: paused", "g: PINGRESP", "r: paused"]);
    world.call();
    world.expect(["a: q0 t 1", "b: q0 t 1", "c: q0 t 1", "d: q0 t 1"]);
    world.call();
    world.expect(["e: q0 t 1", "f: q0 t 1", "g: q0 t 1", "h: q0 t 1"]);
    // The second message has too many subscribers as well, and those behind it wait on.
    world.call();
    world.expect(["q: resumed", "q: PINGRESP"]);
    world.call();
    world.expect(["a: q0 t 2", "b: q0 t 2", "c: q0 t 2", "d: q0 t 2"]);
    world.call();
    world.expect(["e: q0 t 2", "f: q0 t 2", "g: q0 t 2", "h: q0 t 2"]);
    world.call();
    world.expect(["h: resumed", "r: resumed", "h: UNSUBACK 1", "r: SUBACK 1 [0]"]);
}

#[test]
fn a_session_that_ended_meanwhile_gets_nothing_and_neither_does_who_has_its_place() {
    let mut world = eight(4);
    world.send("p", publish("t", "x", 1, 1));
    world.call();
    assert_eq!(world.take_log().len(), 4);
    world.cut("f");
    world.connect_with("new", &Connect::new("new"));
    world.expect(["new: CONNACK 0"]);
    world.call();
    world.expect(["e: q1 #1 t x", "g: q1 #1 t x", "h: q1 #1 t x", "p: PUBACK 1"]);
}

#[test]
fn a_publisher_that_is_gone_leaves_a_whole_message_and_its_will_behind_it() {
    let mut world = eight(4);
    let will = Will { topic: "t", payload: "gone", qos: 1, ..Will::default() };
    world.connect_with("q", &Connect::new("q").will(will));
    world.expect(["q: CONNACK 0"]);
    world.send("q", publish("t", "last", 1, 1));
    world.call();
    world.cut("q");
    call_all(&mut world);
    let log = world.take_log();
    for name in NAMES {
        let mine: Vec<_> = log.iter().filter(|line| line.starts_with(name)).collect();
        assert_eq!(mine, [&format!("{name}: q1 #1 t last"), &format!("{name}: q1 #2 t gone")]);
    }
}

/// What every client gets of messages to all kinds of subscribers: of each topic, QoS and publisher in its order [MQTT-4.6.0-6].
fn all_kinds(max: u32, shards: u16) -> Vec<Vec<String>> {
    let mut world = limited(shards, max, |_| {});
    for (at, name) in NAMES.into_iter().enumerate() {
        if at % 3 == 2 {
            world.connect_kept(name)
        } else {
            world.connect(name)
        }
        for (nth, filter) in ["t/1", "t/+", "#", "$share/g/t/1"].into_iter().enumerate() {
            // Which member of a group in another shard has room when is nobody's promise.
            if (at + nth) % 3 != 1 && (nth < 3 || shards == 1) {
                world.subscribe(name, filter, ((at + nth) % 2) as u8);
            }
        }
    }
    for name in ["p", "s"] {
        world.connect(name);
    }
    for round in 0..4 {
        for (name, id) in [("p", 2 * round + 1), ("s", 2 * round + 2)] {
            let (qos, text) = (round as u8 % 2, format!("{name}{round}"));
            world.send(name, [publish("t/1", &text, qos, id), publish("t/2", &text, 0, 0)].concat());
        }
    }
    let log = world.take_log();
    let of = |name: &&str| {
        let mine = log.iter().filter(|line| line.starts_with(*name) && !is_flow(line));
        let mut mine: Vec<String> =
            mine.map(|line| if shards == 1 { line.clone() } else { without_id(line) }).collect();
        mine.sort_by_key(|line| kind(line));
        mine
    };
    NAMES.iter().chain(&["p", "s"]).map(of).collect()
}

/// QoS, topic and publisher of a message.
fn kind(line: &str) -> [String; 3] {
    let words: Vec<&str> = line.split(' ').collect();
    let payload = words[words.len() - 1];
    [words[1].into(), words[words.len() - 2].into(), payload[..1].into()]
}

/// Publishers of several shards meet in any order, and ids are given in that order.
fn without_id(line: &str) -> String {
    line.split(' ').filter(|word| !word.starts_with('#')).collect::<Vec<_>>().join(" ")
}

/// Clients may wait for their turn; that is all they may notice.
fn is_flow(line: &str) -> bool {
    line.ends_with(": paused") || line.ends_with(": resumed")
}

#[test]
fn what_many_get_in_parts_is_what_they_get_at_once() {
    for shards in [1, 3] {
        let whole = all_kinds(65_536, shards);
        assert!(whole.iter().flatten().count() >= 130);
        for max in [1, 2, 3, 7] {
            assert_eq!(all_kinds(max, shards), whole, "{max} a call, {shards} shards");
        }
    }
}

#[test]
fn messages_of_the_mq_side_and_of_siblings_wait_in_line() {
    let mut world = limited(2, 1, |_| {});
    for name in ["p", "b", "s", "a"] {
        world.connect(name);
        world.subscribe(name, "t", 1);
    }
    for (position, payload) in [(1, "1"), (2, "2"), (3, "3")] {
        world.hold_timeouts();
        world.downlink(0, 5, position, &message(payload, QoS::AtLeastOnce));
    }
    call_all(&mut world);
    let log = world.take_log();
    for name in ["p", "b", "s", "a"] {
        let mine: Vec<_> = log.iter().filter(|line| line.starts_with(name)).collect();
        assert_eq!(mine, ["1", "2", "3"].map(|n| format!("{name}: q1 #{n} t {n}")).iter().collect::<Vec<_>>());
    }
    assert_eq!(log.iter().rfind(|line| line.starts_with("consumed")), Some(&"consumed 5@3".into()));
}

#[test]
fn messages_of_a_sibling_wait_in_line_and_so_do_their_answers() {
    let mut world = limited(2, 1, |_| {});
    for name in ["s", "a", "c"] {
        world.connect(name);
        world.subscribe(name, "t", 1);
    }
    world.connect("p");
    world.hold_timeouts();
    let messages = [publish("t", "1", 1, 1), publish("t", "2", 0, 0), publish("t", "3", 1, 2)].concat();
    world.send("p", messages);
    world.expect(["p: paused"]);
    world.call();
    call_all(&mut world);
    let log = world.take_log();
    for name in ["s", "a", "c"] {
        let mine: Vec<_> = log.iter().filter(|line| line.starts_with(name)).collect();
        assert_eq!(
            mine,
            ["q1 #1 t 1", "q0 t 2", "q1 #2 t 3"].map(|line| format!("{name}: {line}")).iter().collect::<Vec<_>>()
        );
    }
    let answers: Vec<_> = log.iter().filter(|line| line.contains("PUBACK")).collect();
    assert_eq!(answers, ["p: PUBACK 1", "p: PUBACK 2"]);
    assert_eq!(log.last().map(String::as_str), Some("p: PUBACK 2"));
}

#[test]
fn what_a_part_needs_of_the_store_keeps_the_answer_waiting() {
    let mut world = limited(1, 2, |_| {});
    for name in ["a", "b", "c"] {
        world.connect_kept(name);
        world.subscribe(name, "t", 1);
    }
    world.connect("p");
    world.hold_store();
    world.send("p", publish("t", "x", 1, 1));
    assert_eq!(world.held(), 2);
    world.release_one();
    world.expect(["a: q1 #1 t x", "b: q1 #1 t x"]);
    world.release_one();
    world.expect(["c: q1 #1 t x", "p: PUBACK 1"]);
    world.send("p", publish("t", "y", 1, 2));
    world.release_one();
    world.expect(["a: q1 #2 t y", "b: q1 #2 t y"]);
    world.fail_held();
    world.expect(["p: closed effect_failed", "c: dropped 1 StoreFailed"]);
}

#[test]
fn a_message_that_is_recorded_against_a_second_try_is_stored_whole() {
    let mut world = limited(1, 1, |settings| settings.profile.stored_qos_max = QoS::ExactlyOnce);
    for name in ["p", "a", "b", "c"] {
        world.connect_kept(name);
        world.subscribe(name, "t", 1);
    }
    world.trace_store();
    world.hold_store();
    world.send("p", publish("t", "x", 2, 1));
    assert_eq!(world.held(), 1);
    let log = world.take_log();
    assert!(log.len() == 1 && ["p@0", "a@0", "b@0", "c@0"].iter().all(|slot| log[0].contains(slot)), "{log:?}");
    world.release_store();
    assert!(world.take_log().contains(&"p: PUBREC 1".to_string()));
}

#[test]
fn looking_for_subscribers_is_work_whether_or_not_there_are_any() {
    let mut world = limited(1, 1000, |_| {});
    world.connect("s");
    for ways in 0..512_u16 {
        let levels: Vec<_> = (0..9).map(|level| if ways >> level & 1 == 1 { "+" } else { "a" }).collect();
        world.subscribe("s", &format!("{}/z", levels.join("/")), 0);
    }
    world.connect("p");
    let paused = world.stats().pauses;
    let one = |topic: &str| publish(topic, "x", 0, 0);
    world.send("p", [one("b"), one("b/a"), one("b/a/a"), one("c")].concat());
    assert_eq!(world.stats().pauses, paused, "four topics that need no search");
    world.send("p", ["a/a/a/a/a/a/a/a/a/x", "a/a/a/a/a/a/a/a/a/y", "b"].map(one).concat());
    assert!(world.stats().pauses > paused, "each search goes as many ways as there are filters");
    assert_eq!(world.stats().received[0], 7);
    world.expect(["p: paused", "p: resumed"]);
}
