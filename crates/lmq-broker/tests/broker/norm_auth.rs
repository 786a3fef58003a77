//! AUTH as MQTT 5.0 numbers it.

use lmq_auth::Permissions;
use lmq_broker::{AuthStage, Grant, Verdict};

use crate::common::{Connect, PINGREQ, World, auth5, hex, mqtt};

/// A server that asks once in method `M`.
fn asking() -> World {
    let mut settings = mqtt(1);
    settings.profile.authentication_methods = vec!["M".into()];
    let mut world = World::new(settings);
    world.authenticate_by(|request| match (&request.method, request.stage) {
        (Some(_), AuthStage::Connect | AuthStage::Again) => Verdict::Continue("?".into()),
        _ => Verdict::Allow(Grant::new(Permissions::everything())),
    });
    world
}

#[test]
fn every_packet_of_an_authentication_names_its_method_and_nothing_that_was_not_asked() {
    let mut world = asking();
    world.connect_with("c", &Connect::v5("c", &[0x15, 0, 1, b'M']));
    // [MQTT-4.12.0-2] [MQTT-4.12.0-5] [MQTT-3.15.2-1] [MQTT-3.15.2-2] [MQTT-3.15.2-3]: no words, no user property.
    assert_eq!(world.transcript("c"), hex("f0 0a 18 08 15 0001 4d 16 0001 3f"));
    world.send("c", auth5(0x18, "M", None));
    let connack = hex("20 12 00 00 0f 21 0400 27 01000000 22 001e 15 0001 4d");
    assert!(world.transcript("c").ends_with(&connack), "{:02x?}", world.transcript("c"));
    world.send("c", PINGREQ);
    let log = world.take_log();
    assert_eq!(log.last().map(String::as_str), Some("c: PINGRESP"));
    // Again, on the open connection.
    world.send("c", auth5(0x19, "M", None));
    world.send("c", auth5(0x18, "M", None));
    let (question, success) = (hex("f0 0a 18 08 15 0001 4d 16 0001 3f"), hex("f0 06 00 04 15 0001 4d"));
    assert!(world.transcript("c").ends_with(&[question, success].concat()), "{:02x?}", world.transcript("c"));
    world.take_log();
}

#[test]
fn a_client_without_method_sees_no_auth() {
    let mut world = asking();
    world.connect5("c", &[]);
    // [MQTT-4.12.0-6]
    assert_eq!(world.transcript("c"), hex("20 0e 00 00 0b 21 0400 27 01000000 22 001e"));
    // [MQTT-4.12.0-7]
    world.send("c", auth5(0x18, "M", None));
    world.expect(["c: DISCONNECT 0x82", "c: closed protocol_error"]);
}

#[test]
fn an_auth_that_only_a_server_may_send_or_that_names_no_method_is_an_error() {
    let cases = [
        // [MQTT-4.12.0-3]: success is the server's to tell, in both of its forms.
        (auth5(0x00, "M", None), 0x82),
        (hex("f0 00"), 0x82),
        // Without method.
        (hex("f0 02 18 00"), 0x82),
        // [MQTT-3.15.2-1]: a reason that does not exist.
        (auth5(0x17, "M", None), 0x81),
    ];
    for (bytes, code) in cases {
        let mut world = asking();
        world.connect_with("c", &Connect::v5("c", &[0x15, 0, 1, b'M']));
        world.send("c", auth5(0x18, "M", None));
        world.take_log();
        world.send("c", bytes);
        let log = world.take_log();
        assert_eq!(log[0], format!("c: DISCONNECT {code:#x}"));
        assert!(log[1].starts_with("c: closed ") && log.len() == 2, "{log:?}");
    }
}
