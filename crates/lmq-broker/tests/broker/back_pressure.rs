//! Limits: peers that do not read, do not acknowledge, or send faster than the effects of what they send are done.

use std::time::Duration;

use lmq_broker::Limits;

use crate::common::{Connect, PINGREQ, World, mqtt, puback, publish, subscribe};

fn limited(change: impl Fn(&mut Limits)) -> World {
    let mut settings = mqtt(1);
    change(&mut settings.limits);
    World::new(settings)
}

/// A subscriber of `t` that does not read, behind an outbox of 64 bytes; each message is `t` and 8 bytes: 13 bytes at QoS 0.
fn slow(qos: u8, change: impl Fn(&mut Limits)) -> World {
    let mut world = limited(|limits| {
        limits.outbox_bytes_max = 64;
        change(limits);
    });
    world.connect("p");
    world.connect("s");
    world.subscribe("s", "t", qos);
    world.block("s");
    world
}

fn send(world: &mut World, qos: u8, numbers: std::ops::RangeInclusive<u16>) {
    for n in numbers {
        world.send("p", publish("t", format!("{n:08}"), qos, 1));
    }
}

fn lines(qos: &str, numbers: impl Iterator<Item = u16>) -> Vec<String> {
    numbers.enumerate().map(|(at, n)| format!("s: {} t {n:08}", qos.replace('*', &(at + 1).to_string()))).collect()
}

#[test]
fn a_slow_reader_loses_its_oldest_qos_0_messages_and_they_are_counted() {
    let mut world = slow(0, |limits| limits.queue_messages_max = 3);
    send(&mut world, 0, 1..=10);
    // Five fill the outbox beyond 64 bytes, three wait, two are lost.
    world.expect(["s: dropped 1 QueueFull", "s: dropped 1 QueueFull"]);
    assert_eq!((world.stats().dropped_queue_full, world.session("s").unwrap().queued), (2, 3));
    world.unblock("s");
    assert_eq!(world.take_log(), lines("q0", [1, 2, 3, 4, 5, 8, 9, 10].into_iter()));
}

#[test]
fn drops_of_one_drain_are_reported_once() {
    let mut world = slow(0, |limits| limits.queue_messages_max = 3);
    world.send("p", (0..20).flat_map(|n| publish("t", format!("{n:08}"), 0, 0)).collect::<Vec<u8>>());
    world.expect(["s: dropped 12 QueueFull"]);
    world.cut("s");
}

#[test]
fn a_slow_reader_keeps_its_oldest_qos_1_messages() {
    let mut world = slow(1, |limits| limits.queue_messages_max = 3);
    send(&mut world, 1, 1..=10);
    let acks = world.take_log().iter().filter(|line| *line == "p: PUBACK 1").count();
    assert_eq!((acks, world.stats().dropped_queue_full), (10, 2));
    world.unblock("s");
    assert_eq!(world.take_log(), lines("q1 #*", 1..=8));
}

#[test]
fn bytes_in_the_queue_are_limited_too() {
    // Each message weighs 9 bytes: topic and payload.
    let mut world = slow(0, |limits| limits.queue_bytes_max = 30);
    send(&mut world, 0, 1..=10);
    assert_eq!((world.stats().dropped_queue_full, world.session("s").unwrap().queued), (2, 3));
    world.take_log();
    world.unblock("s");
    assert_eq!(world.take_log(), lines("q0", [1, 2, 3, 4, 5, 8, 9, 10].into_iter()));
}

#[test]
fn bytes_in_all_queues_together_are_limited_too() {
    // Each message weighs 9 bytes: topic and payload.
    let mut world = slow(1, |limits| limits.queues_bytes_max = 30);
    world.connect("s2");
    world.subscribe("s2", "t", 1);
    world.block("s2");
    send(&mut world, 1, 1..=10);
    let queued = |world: &World, client| world.session(client).map_or(0, |session| session.queued);
    assert_eq!((queued(&world, "s") + queued(&world, "s2"), world.stats().queued_bytes), (3, 27));
    let lost = world.stats().dropped_queue_full;
    world.cut("s");
    assert_eq!(world.stats().queued_bytes, 9 * queued(&world, "s2") as u64);
    send(&mut world, 1, 11..=13);
    assert_eq!((queued(&world, "s2"), world.stats().dropped_queue_full), (3, lost + 1));
    world.take_log();
    world.unblock("s2");
    assert_eq!(world.take_log().last().map(String::as_str), Some("s2: q1 #8 t 00000012"));
    assert_eq!((queued(&world, "s2"), world.stats().queued_bytes), (0, 0));
}

#[test]
fn one_slow_subscriber_delays_no_other() {
    let mut world = slow(1, |limits| limits.queue_messages_max = 1);
    world.connect("fast");
    world.subscribe("fast", "t", 0);
    send(&mut world, 0, 1..=10);
    let got = world.take_log().iter().filter(|line| line.starts_with("fast: q0")).count();
    assert_eq!(got, 10);
    world.cut("s");
}

#[test]
fn a_window_of_unacknowledged_messages_holds_further_ones_back() {
    let mut world = limited(|limits| limits.inflight_max = 2);
    world.connect("p");
    world.connect("s");
    world.subscribe("s", "t", 1);
    send(&mut world, 1, 1..=4);
    let got: Vec<String> = world.take_log().into_iter().filter(|line| line.starts_with('s')).collect();
    assert_eq!(got, lines("q1 #*", 1..=2));
    // QoS 0 needs no window.
    send(&mut world, 0, 9..=9);
    world.expect(["s: q0 t 00000009"]);
    world.send("s", puback(2));
    world.expect(["s: q1 #3 t 00000003"]);
    world.send("s", [puback(1), puback(3)].concat());
    world.expect(["s: q1 #4 t 00000004"]);
    assert_eq!(world.session("s").unwrap().queued, 0);
}

#[test]
fn messages_of_a_kept_session_wait_in_the_store_instead_of_being_dropped() {
    let mut world = limited(|limits| {
        limits.outbox_bytes_max = 64;
        limits.queue_messages_max = 1;
    });
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.block("s");
    send(&mut world, 1, 1..=200);
    assert!(world.take_log().iter().all(|line| line == "p: PUBACK 1"));
    assert_eq!(world.session("s").unwrap().stored, 195);
    world.unblock("s");
    let mut got = world.take_log();
    for id in 1..=200 {
        world.send("s", puback(id));
        got.extend(world.take_log());
    }
    assert_eq!(got, lines("q1 #*", 1..=200));
    assert_eq!(world.stats().dropped_queue_full, 0);
}

#[test]
fn a_reader_that_takes_nothing_for_thirty_seconds_is_closed() {
    let mut world = slow(0, |_| {});
    send(&mut world, 0, 1..=1);
    world.advance(Duration::from_millis(29_999));
    world.expect_nothing();
    world.advance(Duration::from_millis(1));
    world.expect(["s: closed stalled"]);
    assert_eq!(world.stats().timeouts, 1);
}

#[test]
fn a_reader_that_takes_a_little_is_not_closed() {
    let mut world = slow(0, |_| {});
    send(&mut world, 0, 1..=2);
    for _ in 0..5 {
        world.advance(Duration::from_secs(20));
        world.read("s", 2);
    }
    world.expect_nothing();
    world.read("s", 16);
    world.expect(["s: q0 t 00000001", "s: q0 t 00000002"]);
    world.advance(Duration::from_secs(1000));
    world.expect_nothing();
}

#[test]
fn a_peer_that_sends_without_reading_is_not_answered_without_bound() {
    let mut world = limited(|limits| limits.outbox_bytes_max = 100);
    world.connect("s");
    world.block("s");
    for _ in 0..1000 {
        world.send("s", PINGREQ);
    }
    assert!(world.unread("s") <= 202, "{} bytes", world.unread("s"));
    world.expect(["s: paused"]);
    world.advance(Duration::from_secs(29));
    // It reads again and is served again, nothing is lost.
    world.unblock("s");
    let got = world.take_log().iter().filter(|line| *line == "s: PINGRESP").count();
    assert_eq!(got, 1000);
    world.block("s");
    for _ in 0..1000 {
        world.send("s", publish("t", "x", 1, 1));
    }
    assert!(world.unread("s") <= 204, "{} bytes", world.unread("s"));
    world.take_log();
    world.advance(Duration::from_secs(31));
    world.expect(["s: closed stalled"]);
}

#[test]
fn a_publisher_whose_effects_are_slow_is_paused_and_resumed_in_order() {
    let mut world = limited(|limits| limits.replies_max = 4);
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.hold_store();
    world.send("p", (1..=10).flat_map(|n| publish("t", format!("{n:08}"), 1, n)).collect::<Vec<u8>>());
    world.expect(["p: paused"]);
    assert_eq!((world.held(), world.stats().pauses), (4, 1));
    // What it sends meanwhile waits behind.
    world.send("p", PINGREQ);
    world.expect_nothing();
    world.release_one();
    world.expect(["p: PUBACK 1", "s: q1 #1 t 00000001"]);
    world.release_store();
    let got = world.take_log();
    let of = |who: &str| got.iter().filter(|line| line.starts_with(who)).cloned().collect::<Vec<_>>();
    let mut expected: Vec<String> = (2..=10).map(|n| format!("p: PUBACK {n}")).collect();
    expected.push("p: PINGRESP".into());
    assert_eq!(of("p: P"), expected);
    assert_eq!(of("s: "), lines("q1 #*", 1..=10)[1..]);
}

#[test]
fn a_pause_lasts_no_longer_than_half_the_keep_alive() {
    for (keep_alive, seconds) in [(20, 10), (0, 30), (120, 30)] {
        let mut world = limited(|limits| {
            limits.replies_max = 1;
            limits.effect_timeout = Duration::from_secs(3600);
        });
        world.connect_with("p", &Connect::new("p").keep_alive(keep_alive));
        world.expect(["p: CONNACK 0"]);
        world.connect_kept("s");
        world.subscribe("s", "t", 1);
        world.hold_store();
        world.send("p", [publish("t", "1", 1, 1), publish("t", "2", 1, 2)].concat());
        world.expect(["p: paused"]);
        world.advance(Duration::from_millis(seconds * 1000 - 1));
        world.expect_nothing();
        world.advance(Duration::from_millis(1));
        world.expect(["p: closed paused_too_long"]);
        world.release_store();
        world.expect(["s: q1 #1 t 1"]);
    }
}

#[test]
fn the_keep_alive_rests_during_a_pause() {
    let mut world = limited(|limits| limits.replies_max = 1);
    world.connect_with("p", &Connect::new("p").keep_alive(10));
    world.expect(["p: CONNACK 0"]);
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.advance(Duration::from_secs(14));
    world.hold_store();
    world.send("p", [publish("t", "1", 1, 1), publish("t", "2", 1, 2)].concat());
    world.expect(["p: paused"]);
    world.advance(Duration::from_secs(4));
    world.release_store();
    world.expect(["p: resumed", "p: PUBACK 1", "p: PUBACK 2", "s: q1 #1 t 1", "s: q1 #2 t 2"]);
    world.advance(Duration::from_millis(14_999));
    world.expect_nothing();
    world.advance(Duration::from_millis(1));
    world.expect(["p: closed keep_alive"]);
}

#[test]
fn a_flood_to_many_subscribers_is_served_over_several_calls_and_completely() {
    let mut world = limited(|limits| limits.deliveries_per_call_max = 3);
    for name in ["a", "b", "c", "d"] {
        world.connect(name);
        world.subscribe(name, "t", 0);
    }
    world.connect("p");
    world.send("p", (1..=20).flat_map(|n| publish("t", format!("{n:08}"), 0, 0)).collect::<Vec<u8>>());
    let got = world.take_log();
    for name in ["a", "b", "c", "d"] {
        let mine: Vec<&String> = got.iter().filter(|line| line.starts_with(&format!("{name}: q0"))).collect();
        assert_eq!(
            mine,
            (1..=20).map(|n| format!("{name}: q0 t {n:08}")).collect::<Vec<_>>().iter().collect::<Vec<_>>()
        );
    }
    assert!(world.stats().pauses > 0);
}

#[test]
fn subscriptions_are_limited_whatever_the_profile_says() {
    let mut world = limited(|limits| limits.subscriptions_max = 2);
    world.connect("s");
    world.send("s", subscribe(1, &[("a", 0), ("a", 1), ("b", 0), ("c", 0), ("b", 2)]));
    world.expect(["s: SUBACK 1 [0, 1, 0, 128, 2]"]);
}
