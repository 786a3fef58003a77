//! Keep-alive.

use std::time::Duration;

use crate::common::{Connect, PINGREQ, World, lmq, mqtt, publish, subscribe};

fn seconds(world: &mut World, seconds: f64) {
    world.advance(Duration::from_secs_f64(seconds));
}

#[test]
fn silence_for_one_and_a_half_times_the_keep_alive_closes() {
    let mut world = World::new(mqtt(1));
    world.connect_with("a", &Connect::new("a").keep_alive(10));
    world.expect(["a: CONNACK 0"]);
    // [MQTT-3.1.2-24]
    seconds(&mut world, 14.999);
    world.expect_nothing();
    seconds(&mut world, 0.001);
    world.expect(["a: closed keep_alive"]);
    assert_eq!(world.stats().timeouts, 1);
}

#[test]
fn any_packet_and_any_part_of_one_starts_the_time_anew() {
    let mut world = World::new(mqtt(1));
    world.connect_with("a", &Connect::new("a").keep_alive(10));
    world.expect(["a: CONNACK 0"]);
    seconds(&mut world, 14.0);
    // [MQTT-3.12.4-1]
    world.send("a", PINGREQ);
    assert!(world.transcript("a").ends_with(&[0xd0, 0]));
    world.expect(["a: PINGRESP"]);
    seconds(&mut world, 14.0);
    world.send("a", publish("t", "x", 0, 0));
    seconds(&mut world, 14.0);
    world.send("a", &publish("t", "x", 0, 0)[..3]);
    seconds(&mut world, 14.0);
    world.expect_nothing();
    seconds(&mut world, 1.0);
    world.expect(["a: closed keep_alive"]);
}

#[test]
fn what_is_sent_to_a_client_does_not_count() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_with("a", &Connect::new("a").keep_alive(10));
    world.expect(["a: CONNACK 0"]);
    world.subscribe("a", "t", 0);
    seconds(&mut world, 14.0);
    world.send("p", publish("t", "x", 0, 0));
    world.expect(["a: q0 t x"]);
    seconds(&mut world, 1.0);
    world.expect(["a: closed keep_alive"]);
}

#[test]
fn keep_alive_0_waits_for_ever_in_standard_mqtt() {
    let mut world = World::new(mqtt(1));
    world.connect("a");
    world.advance(Duration::from_secs(1_000_000));
    world.expect_nothing();
}

#[test]
fn profile_lmq_caps_the_keep_alive_at_eight_minutes() {
    for asked in [0, 481, 65_535] {
        let mut world = World::new(lmq(1));
        world.connect_with("a", &Connect::new("GID_Test@@@a").keep_alive(asked));
        world.expect(["status connect GID_Test@@@a", "a: CONNACK 0"]);
        seconds(&mut world, 719.9);
        world.expect_nothing();
        seconds(&mut world, 0.1);
        world.expect(["status tcpclean GID_Test@@@a", "a: closed keep_alive"]);
    }
    let mut world = World::new(lmq(1));
    world.connect_with("a", &Connect::new("GID_Test@@@a").keep_alive(60));
    world.expect(["status connect GID_Test@@@a", "a: CONNACK 0"]);
    seconds(&mut world, 90.0);
    world.expect(["status tcpclean GID_Test@@@a", "a: closed keep_alive"]);
}

#[test]
fn the_wall_clock_closes_nothing() {
    let mut world = World::new(mqtt(1));
    world.connect_with("a", &Connect::new("a").keep_alive(10));
    world.expect(["a: CONNACK 0"]);
    for wall in [0, u64::MAX] {
        world.now.wall = lmq_broker::UnixMillis::new(wall);
        seconds(&mut world, 1.0);
        world.send("a", PINGREQ);
        world.expect(["a: PINGRESP"]);
    }
}

#[test]
fn a_clock_that_goes_back_counts_as_standing_still() {
    let mut world = World::new(mqtt(1));
    world.connect_with("a", &Connect::new("a").keep_alive(10));
    world.expect(["a: CONNACK 0"]);
    seconds(&mut world, 100.0 - 86.0);
    let late = world.now;
    world.now.monotonic = lmq_broker::Instant::from_micros(0);
    world.send("a", PINGREQ);
    world.expect(["a: PINGRESP"]);
    world.now = late;
    seconds(&mut world, 14.9);
    world.expect_nothing();
    seconds(&mut world, 0.1);
    world.expect(["a: closed keep_alive"]);
}

#[test]
fn a_verdict_later_than_a_third_of_the_keep_alive_still_lets_the_client_in() {
    let mut world = World::new(mqtt(1));
    world.hold_verdicts();
    world.connect_with("a", &Connect::new("a").keep_alive(1));
    seconds(&mut world, 5.0);
    world.release_verdicts_and_tick();
    world.expect(["a: CONNACK 0"]);
    world.send("a", subscribe(1, &[("t", 0)]));
    world.expect(["a: SUBACK 1 [0]"]);
    seconds(&mut world, 1.5);
    world.expect(["a: closed keep_alive"]);
}
