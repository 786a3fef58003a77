//! Many retained messages for one subscription: they come as fast as the client takes them, and nothing is lost on the way.

use lmq_broker::Settings;

use crate::common::{Connect, World, mqtt, puback, pubcomp, publish_flags, pubrec, subscribe, subscribe5, unsubscribe};

const RETAIN: u8 = 0x01;

/// A world in which `p` has retained `count` messages of QoS 2 on `t/00`, `t/01` and so on.
fn world(count: usize, change: impl Fn(&mut Settings)) -> World {
    let mut settings = mqtt(1);
    change(&mut settings);
    let mut world = World::new(settings);
    world.connect("p");
    for n in 0..count {
        world.send("p", publish_flags(RETAIN | 0x04, &format!("t/{n:02}"), format!("{n:08}"), 1));
        world.send("p", [0x62, 2, 0, 1]);
        world.take_log();
    }
    world
}

fn message(way: &str, n: usize) -> String {
    format!("s: {way} retain t/{n:02} {n:08}")
}

#[test]
fn a_window_of_two_is_refilled_with_every_acknowledgement() {
    for qos in [1, 2] {
        let mut world = world(40, |settings| {
            settings.limits.inflight_max = 2;
            settings.limits.queue_messages_max = 0;
        });
        world.connect("s");
        world.send("s", subscribe(1, &[("#", qos)]));
        let mut expected = vec![format!("s: SUBACK 1 [{qos}]")];
        for n in 0..40 {
            expected.push(message(&format!("q{qos} #{}", n + 1), n));
            if n == 0 {
                continue;
            }
            assert_eq!(world.take_log(), expected);
            expected.clear();
            assert_eq!(world.session("s").unwrap().inflight, 2);
            if qos == 1 {
                world.send("s", puback(n as u16));
            } else {
                world.send("s", pubrec(n as u16));
                world.expect([format!("s: PUBREL {n}")]);
                world.send("s", pubcomp(n as u16));
            }
        }
        let session = world.session("s").unwrap();
        assert_eq!((session.replays, session.inflight, session.queued), (0, 1, 0));
        assert_eq!(world.stats().dropped_queue_full, 0);
    }
}

#[test]
fn a_receive_maximum_is_not_exceeded() {
    let mut world = world(5, |_| {});
    world.connect5("s", &[0x21, 0, 3]);
    world.send("s", subscribe5(1, &[], &[("#", 1)]));
    // [MQTT-3.3.4-9]
    let first: Vec<_> = (0..3).map(|n| message(&format!("q1 #{}", n + 1), n)).collect();
    assert_eq!(world.take_log(), [&["s: SUBACK 1 [1]".to_owned()], &first[..]].concat());
    world.send("s", puback(2));
    world.expect([message("q1 #4", 3)]);
    world.send("s", puback(1));
    world.expect([message("q1 #5", 4)]);
    world.send("s", puback(3));
}

#[test]
fn a_slow_reader_gets_everything_through_a_small_outbox() {
    for qos in 0..=2 {
        let mut world = world(90, |settings| {
            settings.limits.outbox_bytes_max = 50;
            settings.limits.queue_messages_max = 1;
        });
        world.connect("s");
        world.block("s");
        world.send("s", subscribe(1, &[("t/+", qos)]));
        let mut lines = Vec::new();
        for _ in 0..10_000 {
            // The limit, and the message that reached it.
            assert!(world.unread("s") < 50 + 18, "{}", world.unread("s"));
            if world.session("s").unwrap().replays == 0 && world.unread("s") == 0 {
                break;
            }
            world.read("s", 7);
            lines.extend(world.take_log());
        }
        let way = |n| if qos == 0 { "q0".into() } else { format!("q{qos} #{}", n + 1) };
        let expected: Vec<_> = (0..90).map(|n| message(&way(n), n)).collect();
        assert_eq!(lines[0], format!("s: SUBACK 1 [{qos}]"));
        assert_eq!(lines[1..], expected);
        assert_eq!(world.stats().dropped_queue_full, 0);
    }
}

#[test]
fn a_large_message_leaves_alone_where_there_is_little_room() {
    let mut world = world(0, |settings| settings.limits.outbox_bytes_max = 3000);
    for n in 0..4 {
        world.send("p", publish_flags(RETAIN, &format!("t/{n}"), vec![b'x'; 2000], 0));
    }
    world.connect("s");
    world.block("s");
    world.send("s", subscribe(1, &[("#", 0)]));
    assert_eq!(world.unread("s"), 5 + 2 * (2 + 1 + 2 + 3 + 2000));
    world.unblock("s");
    let log = world.take_log();
    assert_eq!(log.len(), 5);
    assert_eq!(log[4], "s: q0 retain t/3 2000 bytes");
}

#[test]
fn a_call_looks_at_a_limited_number_of_topics() {
    let mut world = world(0, |settings| settings.limits.work_per_call_max = 100);
    for n in 0..1000 {
        world.send("p", publish_flags(RETAIN, &format!("t/{n}/x"), "x", 0));
    }
    world.connect("s");
    world.connect("a");
    world.hold_timeouts();
    world.send("s", subscribe(1, &[("+/+/x", 0)]));
    world.send("a", subscribe(1, &[("+/+/y", 0), ("+/5/x", 0)]));
    let count = |world: &mut World, name: &str| {
        let start = format!("{name}: q0 retain ");
        world.take_log().iter().filter(|line| line.starts_with(&start)).count()
    };
    // What a SUBSCRIBE itself may do; the rest of the call is another's.
    let first = count(&mut world, "s");
    assert_eq!(first, 100);
    let (mut of_s, mut calls, mut of_a) = (first, 0, 0);
    while of_s < 1000 || of_a < 1 {
        world.call();
        let log = world.take_log();
        let new = log.iter().filter(|line| line.starts_with("s: q0 ")).count();
        assert!(new <= 100, "{new}");
        of_s += new;
        of_a += log.iter().filter(|line| line.starts_with("a: q0 ")).count();
        calls += 1;
        assert!(calls < 60, "{of_s} {of_a}");
    }
    assert_eq!((of_s, of_a), (1000, 1));
    world.call();
    assert!(world.shard(0).poll_timeout().is_none_or(|at| at > world.now.monotonic));
    assert!([world.session("s"), world.session("a")].iter().all(|session| session.unwrap().replays == 0));
}

#[test]
fn a_topic_that_changes_before_its_turn_comes_as_it_is_then() {
    let mut world = world(3, |settings| settings.limits.inflight_max = 1);
    world.connect("s");
    world.send("s", subscribe(1, &[("#", 1)]));
    world.expect(["s: SUBACK 1 [1]".into(), message("q1 #1", 0)]);
    world.send("p", publish_flags(RETAIN, "t/01", "", 0));
    // A removal is delivered as any message.
    world.expect(["s: q0 t/01 "]);
    world.send("s", puback(1));
    world.expect([message("q1 #2", 2)]);
}

#[test]
fn unsubscribe_ends_it() {
    let mut world = world(20, |settings| settings.limits.inflight_max = 1);
    world.connect("s");
    world.send("s", subscribe(1, &[("#", 1), ("t/+", 1)]));
    world.expect(["s: SUBACK 1 [1, 1]".into(), message("q1 #1", 0)]);
    assert_eq!(world.session("s").unwrap().replays, 2);
    world.send("s", unsubscribe(2, &["#"]));
    world.expect(["s: UNSUBACK 2"]);
    assert_eq!(world.session("s").unwrap().replays, 1);
    world.send("s", puback(1));
    world.expect([message("q1 #2", 0)]);
    world.send("s", unsubscribe(3, &["t/+"]));
    world.expect(["s: UNSUBACK 3"]);
    world.send("s", puback(2));
    let session = world.session("s").unwrap();
    assert_eq!((session.replays, session.inflight), (0, 0));
}

#[test]
fn an_unsubscribe_that_comes_in_front_of_the_suback_ends_it_too() {
    let mut world = world(2, |_| {});
    world.connect_kept("s");
    world.hold_store();
    world.send("s", [subscribe(1, &[("#", 1)]), unsubscribe(2, &["#"])].concat());
    world.release_store();
    world.expect(["s: SUBACK 1 [1]", "s: UNSUBACK 2"]);
}

#[test]
fn two_filters_bring_their_messages_each_and_a_second_subscribe_begins_again() {
    let mut world = world(2, |settings| settings.limits.inflight_max = 3);
    world.connect("s");
    world.send("s", subscribe(1, &[("t/+", 1), ("#", 1)]));
    world.expect(["s: SUBACK 1 [1, 1]".into(), message("q1 #1", 0), message("q1 #2", 1), message("q1 #3", 0)]);
    // In the order of the filters: of `t/+` one is missing.
    world.send("s", subscribe(2, &[("#", 1)]));
    world.expect(["s: SUBACK 2 [1]"]);
    world.send("s", [puback(1), puback(2), puback(3)].concat());
    world.expect([message("q1 #4", 0), message("q1 #5", 1), message("q1 #6", 1)]);
}

#[test]
fn it_ends_with_the_connection_of_a_clean_session() {
    let mut world = world(5, |settings| settings.limits.inflight_max = 1);
    world.connect("s");
    world.send("s", subscribe(1, &[("#", 1)]));
    world.expect(["s: SUBACK 1 [1]".into(), message("q1 #1", 0)]);
    world.cut("s");
    world.connect("s");
    world.connect("b");
    world.send("p", publish_flags(0, "t/00", "x", 0));
    assert_eq!(world.session("s").unwrap().replays, 0);
}

#[test]
fn a_kept_session_gets_them_through_the_store() {
    let mut world = world(3, |settings| settings.limits.inflight_max = 2);
    world.connect_kept("s");
    world.trace_store();
    world.send("s", subscribe(1, &[("#", 1)]));
    let mut log = world.take_log();
    assert_eq!(log.pop(), Some(message("q1 #2", 1)));
    assert_eq!(log.pop(), Some(message("q1 #1", 0)));
    assert_eq!(
        log,
        ["store save s +#:1", "store append s@0:1", "store append s@1:1", "store append s@2:1", "s: SUBACK 1 [1]"]
    );
    world.send("s", puback(1));
    world.expect(["store remove s@[0]".into(), message("q1 #3", 2)]);
    assert_eq!(world.session("s").unwrap().replays, 0);
    // What is under way is sent again, after a cut and after a restart.
    world.cut("s");
    world.restart();
    world.take_log();
    world.connect_with("s", &Connect::kept("s"));
    let log = world.take_log();
    assert_eq!(log[log.len() - 2..], [message("q1 #1", 1), message("q1 #2", 2)]);
}

#[test]
fn a_kept_session_goes_on_where_it_was_when_its_client_is_back() {
    for qos in [1, 2] {
        let mut world = world(200, |settings| settings.limits.inflight_max = 10);
        world.connect_kept("s");
        world.send("s", subscribe(1, &[("#", qos)]));
        let mut lines = world.take_log();
        assert_eq!(lines.remove(0), format!("s: SUBACK 1 [{qos}]"));
        assert_eq!(world.session("s").unwrap().replays, 1);
        // A takeover, then an absence in which a message comes.
        world.connect_with("t", &Connect { client_id: "s".into(), ..Connect::kept("s") });
        world.take_log();
        world.cut("t");
        world.send("p", publish_flags(RETAIN, "t/99", "new", 0));
        world.connect_with("s", &Connect::kept("s"));
        let mut seen = std::collections::BTreeSet::new();
        let mut log = [lines, world.take_log()].concat();
        while !log.is_empty() {
            let mut acks = Vec::new();
            for line in log.iter().filter(|line| line.starts_with("s: ")) {
                let id = || line.split(['#', ' ']).filter_map(|word| word.parse::<u16>().ok()).next().unwrap();
                match line.split(' ').nth(1) {
                    Some("q1") => acks.extend(puback(id())),
                    Some("q2") => acks.extend(pubrec(id())),
                    Some("PUBREL") => acks.extend(pubcomp(id())),
                    _ => {}
                }
                seen.extend(line.split_once(" retain ").map(|(_, message)| message.to_owned()));
            }
            world.send("s", acks);
            log = world.take_log();
        }
        assert_eq!(seen.len(), 200);
        assert!(seen.contains("t/99 new"));
        let session = world.session("s").unwrap();
        assert_eq!((session.replays, session.inflight, session.stored), (0, 0, 0));
    }
}

#[test]
fn what_the_store_cannot_take_for_a_kept_session_comes_once_more() {
    let mut world = world(3, |_| {});
    world.connect_kept("s");
    world.hold_store();
    world.send("s", subscribe(1, &[("#", 1)]));
    world.release_one();
    world.expect(["s: SUBACK 1 [1]"]);
    // The first message is stored, the second fails.
    world.release_one();
    world.expect([message("q1 #1", 0)]);
    world.fail_held();
    world.expect(["s: closed effect_failed"]);
    world.connect_with("s", &Connect::kept("s"));
    let log = world.take_log();
    assert_eq!(log[0], "s: CONNACK 0 present");
    assert_eq!(log[1..], [message("q1 #1 dup", 0), message("q1 #2", 0), message("q1 #3", 1), message("q1 #4", 2)]);
}

#[test]
fn what_the_store_loses_of_many_comes_once_more_from_the_first_on() {
    let mut world = world(100, |settings| settings.limits.inflight_max = 1000);
    world.connect_kept("s");
    world.send("s", subscribe(1, &[("#", 1)]));
    assert_eq!(world.take_log().len(), 101);
    world.hold_store();
    world.send("s", subscribe(2, &[("t/+", 1)]));
    world.release_one();
    for _ in 0..40 {
        world.release_one();
    }
    world.take_log();
    world.fail_held();
    world.expect(["s: closed effect_failed"]);
    world.connect_with("s", &Connect::kept("s"));
    // What was under way, then everything.
    let log = world.take_log();
    let again = log.iter().filter(|line| line.contains(" dup ")).count();
    assert_eq!((again, log.len()), (140, 1 + 140 + 100));
    let first = message("q1 #141", 0);
    assert_eq!(log[141], first);
}

#[test]
fn a_clean_start_ends_what_was_under_way() {
    let mut world = world(5, |settings| settings.limits.inflight_max = 1);
    world.connect_kept("s");
    world.send("s", subscribe(1, &[("#", 1)]));
    world.take_log();
    world.connect_with("n", &Connect { client_id: "s".into(), ..Connect::new("s") });
    world.expect(["s: closed taken_over", "n: CONNACK 0"]);
    let session = world.session("s").unwrap();
    assert_eq!((session.replays, session.subscriptions), (0, 0));
}
