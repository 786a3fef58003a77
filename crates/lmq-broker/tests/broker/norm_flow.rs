//! How much may be under way: receive maximum, maximum packet size. Ids without further words are those of MQTT 5.0.

use crate::common::{Connect, Level, PINGREQ, World, mqtt, puback, pubcomp, publish, publish5, pubrec, pubrel};

/// A publisher `p` of 3.1.1 and a subscriber `s` of 5.0 with these properties.
fn pair(qos: u8, properties: &[u8]) -> World {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect5("s", properties);
    world.subscribe_in(Level::V5, "s", "t", qos);
    world
}

/// Publishes so many messages and returns what the subscriber saw.
fn flood(world: &mut World, qos: u8, count: u16) -> Vec<String> {
    for n in 1..=count {
        world.send("p", publish("t", n.to_string(), qos, 1));
        if qos == 2 {
            world.send("p", pubrel(1));
        }
    }
    let mut log = world.take_log();
    log.retain(|line| line.starts_with("s: "));
    log
}

#[test]
fn no_more_messages_are_under_way_than_the_client_takes() {
    for qos in 1..=2 {
        let mut world = pair(qos, &[0x21, 0, 3]);
        // [MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2]
        let log = flood(&mut world, qos, 5);
        assert_eq!(log, [1, 2, 3].map(|n| format!("s: q{qos} #{n} t {n}")));
        // [MQTT-3.3.4-10] [MQTT-4.9.0-3]: everything else goes on, and here QoS 0 as well.
        world.send("s", [&PINGREQ[..], &Level::V5.subscribe(7, &[("u", 0)])].concat());
        world.send("s", publish5(2, "u", &[], "own", 8));
        world.send("p", publish("t", "none", 0, 0));
        let lines = ["s: PINGRESP", "s: SUBACK 7 [0]", "s: q0 u own", "s: PUBACK 8", "s: q0 t none"];
        world.expect(lines);
        if qos == 1 {
            world.send("s", puback(2));
        } else {
            // PUBREC alone makes no room.
            world.send("s", pubrec(2));
            world.expect(["s: PUBREL 2"]);
            world.send("s", pubcomp(2));
        }
        world.expect([format!("s: q{qos} #4 t 4")]);
    }
}

#[test]
fn a_receive_maximum_of_one_is_one_message_at_a_time() {
    let mut world = pair(2, &[0x21, 0, 1]);
    assert_eq!(flood(&mut world, 2, 3), ["s: q2 #1 t 1"]);
    for n in 1..=3 {
        world.send("s", pubrec(n));
        world.expect([format!("s: PUBREL {n}")]);
        world.send("s", pubcomp(n));
        if n < 3 {
            world.expect([format!("s: q2 #{} t {}", n + 1, n + 1)]);
        }
    }
}

#[test]
fn without_a_receive_maximum_only_our_own_limit_counts() {
    for properties in [&[][..], &[0x21, 0xff, 0xff]] {
        let mut settings = mqtt(1);
        settings.limits.inflight_max = 300;
        let mut world = World::new(settings);
        world.connect("p");
        world.connect5("s", properties);
        world.subscribe_in(Level::V5, "s", "t", 1);
        // [MQTT-4.9.0-1]
        assert_eq!(flood(&mut world, 1, 310).len(), 300);
    }
}

#[test]
fn an_acknowledged_message_makes_room_for_the_next_of_the_publisher() {
    let mut settings = mqtt(1);
    settings.limits.receive_max = 2.try_into().unwrap();
    let mut world = World::new(settings);
    world.connect5("p", &[]);
    // [MQTT-3.3.4-7]: PUBACK and PUBCOMP count, and a PUBREC that fails would.
    for round in 0..5 {
        for id in 1..=2 {
            world.send("p", publish5(4, "t", &[], "x", id));
            world.expect([format!("p: PUBREC {id} 16")]);
        }
        // [MQTT-3.3.4-8]: other packets need no room.
        world.send("p", [&PINGREQ[..], &publish5(0, "t", &[], "x", 0)].concat());
        world.expect(["p: PINGRESP"]);
        for id in 1..=2 {
            world.send("p", pubrel(id));
            world.expect([format!("p: PUBCOMP {id}")]);
        }
        world.send("p", publish5(2, "t", &[], "x", 10 + round));
        world.expect([format!("p: PUBACK {} 16", 10 + round)]);
    }
}

#[test]
fn a_message_too_large_for_its_client_counts_as_sent() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    let small = Connect {
        properties: [&Level::V5.kept("s").properties[..], &[0x27, 0, 0, 0, 30]].concat(),
        ..Level::V5.kept("s")
    };
    world.connect_with("s", &small);
    world.expect(["s: CONNACK 0"]);
    world.subscribe_in(Level::V5, "s", "t", 2);
    // [MQTT-3.1.2-24] [MQTT-3.1.2-25]: 22 bytes are 30 with QoS 1, 23 are 31.
    world.send("p", publish("t", "x".repeat(22), 1, 1));
    world.send("p", publish("t", "x".repeat(23), 1, 2));
    world.send("p", publish("t", "x".repeat(23), 2, 3));
    world.send("p", publish("t", "next", 1, 4));
    let log = world.take_log();
    let seen: Vec<&String> = log.iter().filter(|line| line.starts_with("s: ")).collect();
    let large = "x".repeat(22);
    let lines = [
        format!("s: q1 #1 t {large}"),
        "s: dropped 1 TooLarge".into(),
        "s: dropped 1 TooLarge".into(),
        "s: q1 #2 t next".into(),
    ];
    assert_eq!(seen, lines.iter().collect::<Vec<_>>());
    world.send("s", [puback(1), puback(2)].concat());
    world.cut("s");
    // It does not come to a later connection either.
    world.rejoin("s", Level::V5, []);
    assert_eq!(world.session("s").unwrap().inflight, 0);
}

#[test]
fn more_released_exchanges_than_the_client_takes_go_on_before_anything_else() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.join_kept("s", Level::V5);
    world.subscribe_in(Level::V5, "s", "t", 2);
    flood(&mut world, 2, 4);
    (1..=3).for_each(|id| world.send("s", pubrec(id)));
    world.expect(["s: PUBREL 1", "s: PUBREL 2", "s: PUBREL 3"]);
    world.cut("s");
    let kept = Level::V5.kept("s");
    world.connect_with("s", &Connect { properties: [&kept.properties[..], &[0x21, 0, 2]].concat(), ..kept });
    // [MQTT-3.3.4-10]: a PUBREL waits for no room. [MQTT-3.3.4-9]: a PUBLISH does.
    world.expect(["s: CONNACK 0 present", "s: PUBREL 1", "s: PUBREL 2", "s: PUBREL 3"]);
    world.send("s", pubcomp(1));
    world.expect_nothing();
    world.send("s", pubcomp(2));
    world.expect(["s: q2 #4 dup t 4"]);
}
