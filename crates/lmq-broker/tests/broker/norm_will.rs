//! Wills as the standards number them: ids without further words are those of MQTT 5.0.

use crate::common::{Level, Will, World, mqtt, text};

fn watched(level: Level) -> World {
    let mut world = World::new(mqtt(1));
    world.join("s", level);
    world.subscribe_in(level, "s", "#", 2);
    world
}

#[test]
fn a_client_without_a_will_leaves_in_silence() {
    for level in Level::BOTH {
        let mut world = watched(level);
        // In 3.1.1 [MQTT-3.1.2-12].
        world.join("c", level);
        world.cut("c");
        world.join("c", level);
        world.send("c", [0, 0]);
        world.expect_all(&level.closed("c", 0x81, "malformed"));
    }
}

#[test]
fn a_will_is_the_message_its_client_wrote() {
    let mut world = watched(Level::V5);
    let user = |name: &str, value: &str| [&[0x26][..], &text(name), &text(value)].concat();
    // Payload format, expiry, content type, and three user properties.
    let kept =
        [&[0x01, 1][..], &[0x02, 0, 0, 0, 60], &[0x03, 0, 1, b'c'], &user("b", "1"), &user("a", "2"), &user("b", "1")];
    for qos in 0..=2 {
        let will = Will { topic: "w", payload: "gone", qos, properties: kept.concat(), ..Will::default() };
        world.connect_with("c", &Level::V5.clean("c").will(will));
        world.expect(["c: CONNACK 0"]);
        // [MQTT-3.1.2-7] [MQTT-3.1.2-8]
        world.cut("c");
        let log = world.take_log();
        // [MQTT-3.1.3-10]
        let order = ["\"b\", value: \"1\"", "\"a\", value: \"2\"", "\"b\", value: \"1\""];
        let mut at = 0;
        for user in order {
            at += log[0][at..].find(user).unwrap_or_else(|| panic!("{user} in {log:?}")) + 1;
        }
        assert!(log[0].starts_with(&format!("s: q{qos}")) && log.len() == 1, "{log:?}");
        assert!(log[0].contains("MessageExpiryInterval(60)") && log[0].contains("ContentType(\"c\")"), "{log:?}");
    }
}
