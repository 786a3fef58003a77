//! SUBSCRIBE and UNSUBSCRIBE: what is granted, what matches, what is refused.

use lmq_auth::Permissions;
use lmq_broker::{Grant, Verdict};
use lmq_id::Access;

use crate::common::{World, hex, lmq, mqtt, publish, subscribe, subscribe5, unsubscribe};

const P: &str = "GID_Test@@@p";
const S: &str = "GID_Test@@@s";

#[test]
fn every_filter_gets_its_code_in_order() {
    let mut world = World::new(mqtt(1));
    world.connect("s");
    // [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-4] [MQTT-3.8.4-5]
    world.send("s", subscribe(10, &[("a", 0), ("b", 1), ("c", 2), ("$share/g", 1)]));
    let transcript = world.transcript("s");
    assert_eq!(transcript[4..], hex("90 06 000a 00 01 02 80"));
    world.expect(["s: SUBACK 10 [0, 1, 2, 128]"]);
    assert_eq!(world.session("s").unwrap().subscriptions, 3);
}

#[test]
fn the_same_filter_again_replaces_the_qos() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.subscribe("s", "t", 0);
    // [MQTT-3.8.4-3]
    world.send("p", publish("t", "x", 2, 1));
    world.expect(["p: PUBREC 1", "s: q0 t x"]);
    world.send("s", subscribe(1, &[("t", 0), ("t", 1)]));
    world.expect(["s: SUBACK 1 [0, 1]"]);
    world.send("p", publish("t", "y", 2, 2));
    world.expect(["p: PUBREC 2", "s: q1 #1 t y"]);
    assert_eq!((world.session("s").unwrap().subscriptions, world.stats().subscriptions), (1, 1));
}

#[test]
fn overlapping_filters_deliver_once_with_the_highest_qos() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect("s");
    world.connect("other");
    world.subscribe("s", "a/b", 0);
    world.subscribe("other", "a/+", 1);
    world.subscribe("s", "a/#", 2);
    world.subscribe("s", "#", 1);
    // [MQTT-3.3.5-1]
    world.send("p", publish("a/b", "x", 2, 1));
    world.expect(["other: q1 #1 a/b x", "p: PUBREC 1", "s: q2 #1 a/b x"]);
    world.send("p", publish("c", "y", 2, 2));
    world.expect(["p: PUBREC 2", "s: q1 #2 c y"]);
}

#[test]
fn wildcards_match_as_the_standard_says() {
    // [MQTT-4.7.1-2] [MQTT-4.7.1-3] [MQTT-4.7.3-4]
    let cases = [
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
        ("sport/tennis/player1/#", "sport/tennis/player11", false),
        ("sport/#", "sport", true),
        ("sport/tennis/+", "sport/tennis/player1", true),
        ("sport/tennis/+", "sport/tennis/player1/ranking", false),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("+/tennis/#", "sport/tennis", true),
        ("#", "a/b/c", true),
        ("a", "A", false),
        ("a/b", "a/b/", false),
        ("/", "/", true),
        ("a b", "a b", true),
    ];
    let mut world = World::new(mqtt(1));
    world.connect("p");
    for (filter, topic, matches) in cases {
        world.connect("s");
        world.subscribe("s", filter, 0);
        world.send("p", publish(topic, "x", 0, 0));
        match matches {
            true => world.expect([format!("s: q0 {topic} x")]),
            false => world.expect_nothing(),
        }
        world.disconnect("s");
    }
}

#[test]
fn a_leading_wildcard_does_not_see_topics_that_begin_with_a_dollar() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect("s");
    // [MQTT-4.7.2-1]
    world.subscribe("s", "#", 0);
    world.subscribe("s", "+/x", 0);
    world.send("p", publish("$own/x", "hidden", 0, 0));
    world.expect_nothing();
    world.subscribe("s", "$own/#", 0);
    world.send("p", publish("$own/x", "seen", 0, 0));
    world.expect(["s: q0 $own/x seen"]);
}

#[test]
fn unsubscribing_ends_delivery_and_is_answered_even_if_nothing_matched() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect("s");
    world.send("s", subscribe(1, &[("a", 0), ("b", 0), ("a/#", 0)]));
    world.expect(["s: SUBACK 1 [0, 0, 0]"]);
    // [MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-6]: compared character by character.
    world.send("s", unsubscribe(2, &["b", "a/+", "unknown"]));
    assert!(world.transcript("s").ends_with(&hex("b0 02 0002")));
    world.expect(["s: UNSUBACK 2"]);
    world.send("p", [publish("a", "x", 0, 0), publish("b", "y", 0, 0), publish("a/c", "z", 0, 0)].concat());
    world.expect(["s: q0 a x", "s: q0 a/c z"]);
    // [MQTT-3.10.4-5]
    world.send("s", unsubscribe(3, &["unknown"]));
    world.expect(["s: UNSUBACK 3"]);
    assert_eq!(world.stats().subscriptions, 2);
}

#[test]
fn what_is_in_flight_when_a_client_unsubscribes_is_still_finished() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect("s");
    world.subscribe("s", "t", 2);
    world.send("p", publish("t", "x", 2, 1));
    world.expect(["p: PUBREC 1", "s: q2 #1 t x"]);
    world.send("s", unsubscribe(2, &["t"]));
    world.expect(["s: UNSUBACK 2"]);
    // [MQTT-3.10.4-3]
    world.send("s", hex("5002 0001"));
    world.expect(["s: PUBREL 1"]);
}

#[test]
fn the_thirty_first_subscription_is_refused_and_the_connection_stays() {
    let mut world = World::new(lmq(1));
    world.connect(S);
    let filters: Vec<String> = (0..31).map(|n| format!("T/{n}")).collect();
    let asked: Vec<(&str, u8)> = filters.iter().map(|filter| (&**filter, 1)).collect();
    world.send(S, subscribe(1, &asked[..29]));
    world.expect([format!("{S}: SUBACK 1 {:?}", [1; 29])]);
    world.send(S, subscribe(2, &[("T/0", 0), asked[29], asked[30]]));
    world.expect([format!("{S}: SUBACK 2 [0, 1, 128]")]);
    // Replacing is no addition, and room that is given back can be used.
    world.send(S, [subscribe(3, &[("T/0", 1)]), unsubscribe(4, &["T/0"]), subscribe(5, &[asked[30]])].concat());
    world.expect([format!("{S}: SUBACK 3 [1]"), format!("{S}: UNSUBACK 4"), format!("{S}: SUBACK 5 [1]")]);
    assert_eq!(world.session(S).unwrap().subscriptions, 30);
}

#[test]
fn thirty_one_filters_in_one_packet_are_thirty_subscriptions() {
    let mut world = World::new(lmq(1));
    world.connect(S);
    let filters: Vec<String> = (0..31).map(|n| format!("T/{n}")).collect();
    let asked: Vec<(&str, u8)> = filters.iter().map(|filter| (&**filter, 1)).collect();
    world.send(S, subscribe(1, &asked));
    let mut codes = vec![1; 30];
    codes.push(128);
    world.expect([format!("{S}: SUBACK 1 {codes:?}")]);
    assert_eq!(world.session(S).unwrap().subscriptions, 30);
}

#[test]
fn a_filter_of_65_characters_is_refused_and_a_topic_of_65_closes() {
    let mut world = World::new(lmq(1));
    world.connect(P);
    world.connect(S);
    let longest = format!("T/{}", "\u{e9}".repeat(62));
    let longer = format!("{longest}x");
    world.send(S, subscribe(1, &[(&longest, 0), (&longer, 0)]));
    world.expect([format!("{S}: SUBACK 1 [0, 128]")]);
    world.send(P, publish(&longest, "x", 0, 0));
    world.expect([format!("{S}: q0 {longest} x")]);
    world.send(P, publish(&longer, "x", 1, 1));
    world.expect([format!("status tcpclean {P}"), format!("{P}: closed invalid_topic")]);
}

#[test]
fn a_topic_below_no_parent_topic_closes_the_connection() {
    let mut world = World::new(lmq(1));
    for bytes in [
        publish("Other/x", "x", 1, 1),
        publish("t/x", "x", 0, 0),
        subscribe(1, &[("Other/x", 0)]),
        subscribe(1, &[("T/x", 0), ("Other", 0)]),
        subscribe(1, &[("#", 0)]),
        subscribe(1, &[("+/x", 0)]),
    ] {
        world.connect(S);
        world.send(S, bytes);
        world.expect([format!("status tcpclean {S}"), format!("{S}: closed not_authorized")]);
    }
    world.connect(S);
    world.send(S, subscribe(1, &[("T", 0), ("room/#", 1)]));
    world.expect([format!("{S}: SUBACK 1 [0, 1]")]);
    assert_eq!(world.stats().subscriptions, 2);
}

#[test]
fn a_trailing_slash_makes_no_difference_and_is_delivered_as_published() {
    let mut world = World::new(lmq(1));
    world.connect(P);
    world.connect(S);
    world.subscribe(S, "T/notice/", 0);
    world.send(
        P,
        [publish("T/notice", "a", 0, 0), publish("T/notice/", "b", 0, 0), publish("T/notice//", "c", 0, 0)].concat(),
    );
    world.expect([format!("{S}: q0 T/notice a"), format!("{S}: q0 T/notice/ b")]);
    // The other spelling is the same subscription.
    world.subscribe(S, "T/notice", 1);
    assert_eq!(world.session(S).unwrap().subscriptions, 1);
    world.send(S, unsubscribe(1, &["T/notice/"]));
    world.expect([format!("{S}: UNSUBACK 1")]);
    assert_eq!(world.session(S).unwrap().subscriptions, 0);
}

#[test]
fn a_trailing_slash_is_a_level_of_its_own_in_standard_mqtt() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect("s");
    world.subscribe("s", "a/", 0);
    world.send("p", [publish("a", "x", 0, 0), publish("a/", "y", 0, 0)].concat());
    world.expect(["s: q0 a/ y"]);
}

fn only(access: Access, resource: &'static str) -> impl Fn(&lmq_broker::AuthRequest) -> Verdict {
    move |_| {
        let mut permissions = Permissions::nothing();
        permissions.grant(access, resource).unwrap();
        Verdict::Allow(Grant::new(permissions))
    }
}

#[test]
fn what_is_not_allowed_is_refused_in_standard_mqtt() {
    let mut world = World::new(mqtt(1));
    world.connect("watcher");
    world.subscribe("watcher", "#", 0);
    world.authenticate_by(only(Access::Read, "a/#"));
    world.connect("s");
    world.send("s", subscribe(1, &[("a/b", 1), ("b", 1), ("#", 1), ("a/+", 2)]));
    world.expect(["s: SUBACK 1 [1, 128, 128, 2]"]);
    // [MQTT-3.3.5-2]
    world.send("s", [publish("a/b", "x", 1, 2), publish("a/b", "x", 2, 3), publish("a/b", "x", 0, 0)].concat());
    world.expect(["s: PUBACK 2", "s: PUBREC 3"]);
    assert_eq!(world.stats().discarded, 3);
}

#[test]
fn what_is_not_allowed_closes_in_profile_lmq() {
    let mut world = World::new(lmq(1));
    world.authenticate_by(only(Access::Write, "T/#"));
    for bytes in
        [subscribe(1, &[("T/x", 0)]), publish("room/x", "x", 0, 0), publish("room/p2p/GID_Test@@@s", "x", 0, 0)]
    {
        world.connect(S);
        world.send(S, bytes);
        world.expect([format!("status tcpclean {S}"), format!("{S}: closed not_authorized")]);
    }
    assert_eq!((world.stats().sessions, world.stats().subscriptions), (0, 0));
}

#[test]
fn a_subscription_ends_with_its_clean_session() {
    let mut world = World::new(mqtt(1));
    world.connect("p");
    world.connect("s");
    world.subscribe("s", "t", 1);
    world.cut("s");
    world.send("p", publish("t", "x", 1, 1));
    world.expect(["p: PUBACK 1"]);
    world.connect("s");
    world.send("p", publish("t", "y", 1, 2));
    world.expect(["p: PUBACK 2"]);
    assert_eq!(world.stats().subscriptions, 0);
}

#[test]
fn a_filter_with_too_many_levels_is_refused() {
    let mut settings = mqtt(1);
    settings.limits.filter_levels_max = 3;
    let mut world = World::new(settings);
    world.connect("a");
    world.connect5("b", &[]);
    world.send("a", subscribe(1, &[("1/2/3", 0), ("1/2/3/4", 0), ("///", 0)]));
    world.send("b", subscribe5(2, &[], &[("$share/g/1/2/3", 0), ("$share/g/1/2/3/#", 0)]));
    world.expect(["a: SUBACK 1 [0, 128, 128]", "b: SUBACK 2 [0, 0x8f]"]);
}
