//! What an operator asks for, and what an operator is told: kick, drain, status events, statistics.

use lmq_broker::Command;
use lmq_model::status::EventType;

use crate::common::{Connect, WALL, World, lmq, mqtt, peer, publish, subscribe};

const A: &str = "GID_Test@@@a";

#[test]
fn kick_closes_one_client_and_keeps_its_session() {
    let mut world = World::new(mqtt(1));
    world.connect_kept("a");
    world.connect("b");
    world.subscribe("a", "t", 1);
    let key = world.key("a");
    world.command(0, Command::Kick(key.clone()));
    world.expect(["a: closed kicked"]);
    world.command(0, Command::Kick(key));
    world.command(0, Command::Kick(world.key("nobody")));
    world.expect_nothing();
    world.send("b", publish("t", "x", 1, 1));
    world.expect(["b: PUBACK 1"]);
    world.reconnect_kept_with("a", ["a: q1 #1 t x"]);
}

#[test]
fn a_drain_closes_everybody_refuses_newcomers_and_says_when_it_is_done() {
    let mut settings = mqtt(1);
    settings.limits.work_per_call_max = 2;
    let mut world = World::new(settings);
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        world.connect(name);
    }
    world.open("waiting");
    world.front(0).drain();
    world.command(0, Command::Drain);
    let mut lines = world.take_log();
    lines.sort();
    let mut expected: Vec<String> = names.iter().map(|name| format!("{name}: closed draining")).collect();
    expected.push("waiting: closed draining".into());
    assert_eq!(lines, expected);
    assert!(world.shard(0).is_drained() && !world.shard(0).is_ready());
    assert_eq!(world.stats().connections, 0);
    let now = world.now;
    let peer = peer();
    assert!(world.front(0).accept(now, peer).is_err());
}

#[test]
fn a_drain_waits_for_effects_that_are_not_answered() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect_kept("s");
    world.subscribe("s", "t", 1);
    world.hold_store();
    world.send("p", publish("t", "x", 1, 1));
    world.command(0, Command::Drain);
    world.expect(["p: closed draining", "s: closed draining"]);
    assert!(!world.shard(0).is_drained());
    world.release_store();
    assert!(world.shard(0).is_drained());
}

#[test]
fn a_handoff_that_meets_a_drain_is_refused_with_code_3() {
    let mut world = World::new(mqtt(1));
    world.open("a");
    world.command(0, Command::Drain);
    world.send("a", Connect::new("a").bytes());
    world.expect(["a: CONNACK 3", "a: closed refused"]);
    assert!(world.shard(0).is_drained());
}

#[test]
fn a_disconnect_is_reported_as_disconnect_and_tcpclean_a_cut_as_tcpclean() {
    let mut world = World::new(lmq(1));
    world.connect(A);
    world.disconnect(A);
    world.connect(A);
    world.cut(A);
    world.expect([format!("status tcpclean {A}")]);
    let [first, disconnect, clean, second, cut] = &world.events[..] else { panic!("{:?}", world.events) };
    assert_eq!(first.event_type, EventType::Connect);
    assert_eq!((disconnect.event_type, clean.event_type), (EventType::Disconnect, EventType::TcpClean));
    // One channel per connection, one address, times that do not go back.
    assert_eq!([disconnect.channel_id, clean.channel_id], [first.channel_id; 2]);
    assert_ne!(second.channel_id, first.channel_id);
    assert_eq!(cut.channel_id, second.channel_id);
    assert_eq!(first.client_ip.map(|addr| addr.to_string()), Some("127.0.0.1:40001".into()));
    assert_eq!(first.time.value(), WALL);
    assert!(world.events.windows(2).all(|pair| pair[0].time <= pair[1].time));
}

#[test]
fn a_takeover_reports_the_old_channel_gone_and_the_new_one_there() {
    let mut world = World::new(lmq(1));
    world.connect(A);
    world.connect_with("a2", &Connect::new(A));
    world.expect([
        format!("status tcpclean {A}"),
        format!("{A}: closed taken_over"),
        format!("status connect {A}"),
        "a2: CONNACK 0".into(),
    ]);
    let channels: Vec<_> = world.events.iter().map(|event| event.channel_id).collect();
    assert!(channels[0] == channels[1] && channels[1] != channels[2]);
}

#[test]
fn a_client_that_is_refused_is_not_reported() {
    let mut world = World::new(lmq(1));
    world.authenticate_by(|_| lmq_broker::Verdict::Deny(lmq_broker::Refusal::Credentials));
    world.connect_with("a", &Connect::new(A));
    world.expect(["a: CONNACK 4", "a: closed refused"]);
    world.hold_verdicts();
    world.connect_with("b", &Connect::new(A));
    world.cut("b");
    world.release_verdicts();
    assert_eq!(world.events.len(), 0);
}

#[test]
fn standard_mqtt_reports_no_status() {
    let mut world = World::new(mqtt(1));
    world.connect_with("a", &Connect::new(A));
    world.expect(["a: CONNACK 0"]);
    world.disconnect("a");
}

#[test]
fn status_events_that_are_never_answered_are_given_up() {
    let mut world = World::new(lmq(1));
    world.hold_status();
    world.connect(A);
    assert_eq!(world.stats().effects_pending, 1);
    world.advance(std::time::Duration::from_secs(30));
    assert_eq!((world.stats().effects_pending, world.stats().effects_failed), (0, 1));
    world.send(A, subscribe(1, &[("T/x", 1)]));
    world.expect([format!("{A}: SUBACK 1 [1]")]);
}

#[test]
fn the_counters_add_up() {
    for shards in [1, 2] {
        let mut world = World::new(mqtt(shards));
        for name in ["a", "b", "c"] {
            world.connect(name);
            world.subscribe(name, "t", 1);
        }
        world.send("a", [publish("t", "12345", 0, 0), publish("t", "123", 1, 1), publish("t", "1", 2, 2)].concat());
        world.connect_with("b2", &Connect::new("b"));
        world.take_log();
        let stats = world.stats();
        assert_eq!((stats.connections, stats.sessions, stats.subscriptions), (3, 3, 2));
        assert_eq!((stats.connects_accepted, stats.takeovers, stats.connects_refused), (4, 1, [0; 5]));
        assert_eq!((stats.received, stats.sent), ([1, 1, 1], [3, 6, 0]));
        assert_eq!((stats.payload_bytes_received, stats.effects_pending, stats.effects_failed), (9, 0, 0));
    }
}
