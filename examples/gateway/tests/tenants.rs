//! Several instances, changed while the gateway runs.

mod common;

use std::{
    thread,
    time::{Duration, Instant},
};

use common::{
    Place,
    admin::{Admin, PORTS},
    http_get,
    peer::{Peer, signed},
};
use serde_json::json;

#[test]
fn instances_are_invisible_to_each_other() {
    let place = Place::new();
    let gateway = place.start(PORTS.iter().chain(&["--threads", "2"]));
    let admin = Admin::of(&place, &gateway);
    let (a, b) = (admin.tenant("inst-a", "AKA"), admin.tenant("inst-b", "AKB"));

    let mut in_a = admin.client("inst-a", "AKA", &a, "GID_one@@@1");
    let mut in_b = admin.client("inst-b", "AKB", &b, "GID_one@@@1");
    assert_eq!((in_a.subscribe("TopicA/#"), in_b.subscribe("TopicA/#")), (Some(0), Some(0)));
    let mut publisher = admin.client("inst-a", "AKA", &a, "GID_one@@@2");
    publisher.publish("TopicA/x", "of a");
    assert_eq!(in_a.message(), ("TopicA/x".to_owned(), "of a".to_owned()));
    publisher.publish("TopicA/p2p/GID_one@@@1", "to a");
    assert_eq!(in_a.message().1, "to a");
    assert!(in_b.is_alive(), "the same client id of another instance is nobody's takeover, and got no message");

    // A key of another instance, and an instance that is not there.
    assert_eq!(admin.connect("inst-b", "AKA", &a, "GID_one@@@3").1, 5);
    assert_eq!(admin.connect("inst-c", "AKA", &a, "GID_one@@@3").1, 5);
    let found = admin.get("/instances/inst-b/keys");
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["items"][0]["access_key"], "AKB");
}

#[test]
fn plain_mqtt_has_tenants_too_and_lets_strangers_into_the_default_one_only() {
    let place = Place::new();
    let instance = |id: &str, key: &str| {
        format!(
            "[[instance]]\nid = \"{id}\"\n[[instance.account]]\naccess-key = \"{key}\"\nsecret-key = \"secret-of-{id}\"\n"
        )
    };
    let head = "profile = \"mqtt\"\nallow-anonymous = true\n";
    place.file("gateway.toml", &(head.to_owned() + &instance("first", "AK1") + &instance("second", "AK2")));
    let gateway = place.start(PORTS.iter().chain(&["--config", "gateway.toml"]));
    let admin = Admin::of(&place, &gateway);
    let mut signed = admin.client("second", "AK2", "secret-of-second", "same");
    let (mut anonymous, code) = admin.anonymous("same");
    assert_eq!((code, signed.is_alive(), anonymous.is_alive()), (0, true, true));
    assert_eq!(signed.subscribe("any/#"), Some(0));
    anonymous.publish("any/x", "of a stranger");
    assert!(anonymous.is_alive() && signed.is_alive(), "another message than the PINGRESP came");
    assert_eq!(admin.connect("second", "AK1", "secret-of-first", "x").1, 4);
    assert_eq!(admin.connect("third", "AK1", "secret-of-first", "x").1, 5);
}

#[test]
fn every_thread_knows_a_new_instance_when_it_is_answered() {
    let place = Place::new();
    let gateway = place.start(PORTS.iter().chain(&["--threads", "4"]));
    let admin = Admin::of(&place, &gateway);
    for round in 0..5 {
        let (id, key) = (format!("inst-{round}"), format!("AK{round}"));
        let secret = admin.tenant(&id, &key);
        for at in 0..16 {
            let mut client = admin.client(&id, &key, &secret, &format!("GID_one@@@{at}"));
            assert_eq!(client.subscribe("TopicA/x"), Some(0));
        }
    }
}

#[test]
fn a_session_of_a_new_instance_is_kept_at_once_and_over_a_restart() {
    let place = Place::new();
    let gateway = place.start(PORTS);
    let secret = Admin::of(&place, &gateway).tenant("inst-a", "AKA");
    let credentials = signed("Signature", "AKA", &secret, "inst-a", "GID_one@@@1");
    let keep = |addr| Peer::connect_with(addr, 4, "GID_one@@@1", &credentials, false);
    let first = keep(gateway.addr("mqtt"));
    assert_eq!((first.code, first.present), (0, false));
    drop((first, gateway));
    let again = keep(place.start(PORTS).addr("mqtt"));
    assert_eq!((again.code, again.present), (0, true));
}

#[test]
fn a_parent_topic_is_refused_until_it_is_made() {
    let place = Place::new();
    let gateway = place.start(PORTS.iter().chain(&["--threads", "3"]));
    let admin = Admin::of(&place, &gateway);
    let secret = admin.tenant("inst-a", "AKA");
    let mut publisher = admin.client("inst-a", "AKA", &secret, "GID_one@@@1");
    publisher.publish("TopicB/x", "early");
    publisher.closed();
    let mut subscriber = admin.client("inst-a", "AKA", &secret, "GID_one@@@2");
    assert_ne!(subscriber.subscribe("TopicB/#"), Some(0));

    admin.post("/instances/inst-a/topics", json!({ "topic": "TopicB", "kind": "partition-ordered" }));
    let mut subscriber = admin.client("inst-a", "AKA", &secret, "GID_one@@@2");
    assert_eq!(subscriber.subscribe("TopicB/#"), Some(0));
    let mut publisher = admin.client("inst-a", "AKA", &secret, "GID_one@@@1");
    publisher.publish("TopicB/x", "late");
    assert_eq!(subscriber.message().1, "late");

    admin.delete("/instances/inst-a/topics/TopicB");
    publisher.publish("TopicB/x", "too late");
    publisher.closed();
}

#[test]
fn a_group_that_does_not_serve() {
    let place = Place::new();
    let gateway = place.start(PORTS);
    let admin = Admin::of(&place, &gateway);
    let secret = admin.tenant("inst-a", "AKA");
    admin.post("/instances/inst-a/groups", json!({ "group": "GID_two", "account": "acc" }));
    let group = "/instances/inst-a/groups/GID_one";
    for status in ["frozen", "paused"] {
        let mut one = admin.client("inst-a", "AKA", &secret, "GID_one@@@1");
        let mut two = admin.client("inst-a", "AKA", &secret, "GID_two@@@1");
        assert_eq!(admin.patch(group, json!({ "status": status }))["status"], status);
        one.closed();
        assert!(two.is_alive());
        assert_eq!(admin.connect("inst-a", "AKA", &secret, "GID_one@@@1").1, 5);
        admin.patch(group, json!({ "status": "serving" }));
        assert_eq!(admin.connect("inst-a", "AKA", &secret, "GID_one@@@1").1, 0);
    }
    let mut one = admin.client("inst-a", "AKA", &secret, "GID_one@@@1");
    admin.delete(group);
    one.closed();
    assert_eq!(admin.connect("inst-a", "AKA", &secret, "GID_one@@@1").1, 2);
}

#[test]
fn keys_and_accounts_that_go_close_what_came_in_with_them() {
    let place = Place::new();
    let gateway = place.start(PORTS);
    let admin = Admin::of(&place, &gateway);
    let secret = admin.tenant("inst-a", "AKA");
    let second = admin.post("/instances/inst-a/keys", json!({ "account": "acc" }));
    let (second_key, second) = (second["access_key"].as_str().unwrap(), second["secret_key"].as_str().unwrap());
    let mut first = admin.client("inst-a", "AKA", &secret, "GID_one@@@1");
    let mut other = admin.client("inst-a", second_key, second, "GID_one@@@2");

    admin.patch("/instances/inst-a/keys/AKA", json!({ "enabled": false }));
    first.closed();
    assert!(other.is_alive(), "it came in with another key");
    assert_eq!(admin.connect("inst-a", "AKA", &secret, "GID_one@@@1").1, 4);
    admin.patch("/instances/inst-a/keys/AKA", json!({ "enabled": true }));
    let mut first = admin.client("inst-a", "AKA", &secret, "GID_one@@@1");
    admin.delete("/instances/inst-a/keys/AKA");
    first.closed();

    admin.patch("/instances/inst-a/accounts/acc", json!({ "enabled": false }));
    other.closed();
    assert_eq!(admin.connect("inst-a", second_key, second, "GID_one@@@2").1, 4);
    admin.patch("/instances/inst-a/accounts/acc", json!({ "enabled": true }));
    let mut other = admin.client("inst-a", second_key, second, "GID_one@@@2");
    admin.delete("/instances/inst-a");
    other.closed();
    assert_eq!(admin.connect("inst-a", second_key, second, "GID_one@@@2").1, 5);
}

#[test]
fn groups_are_useless_to_parents_and_children() {
    let place = Place::new();
    let gateway = place.start(PORTS);
    let admin = Admin::of(&place, &gateway);
    let parent = admin.tenant("inst-a", "AKA");
    admin.post("/instances/inst-a/accounts", json!({ "account": "child", "parent": "acc" }));
    let child = admin.post("/instances/inst-a/keys", json!({ "account": "child", "access_key": "AKC" }));
    let child = child["secret_key"].as_str().unwrap();
    admin.post("/instances/inst-a/groups", json!({ "group": "GID_child", "account": "child" }));
    let code =
        |access_key, secret: &str, group: &str| admin.connect("inst-a", access_key, secret, &format!("{group}@@@1")).1;
    assert_eq!((code("AKA", &parent, "GID_one"), code("AKC", child, "GID_child")), (0, 0));
    assert_eq!((code("AKA", &parent, "GID_child"), code("AKC", child, "GID_one")), (5, 5));
}

#[test]
fn limits_and_the_black_list_are_live() {
    let place = Place::new();
    let gateway = place.start(PORTS.iter().chain(&["--threads", "1"]));
    let admin = Admin::of(&place, &gateway);
    let secret = admin.tenant("inst-a", "AKA");
    let mut one = admin.client("inst-a", "AKA", &secret, "GID_one@@@1");
    let changed = admin.patch("/instances/inst-a", json!({ "limits": { "connections": { "max": 1 } } }));
    assert_eq!(changed["limits"]["connections"], json!({ "max": 1, "mode": "enforce" }));
    assert_eq!(changed["thresholds"]["connections"], 70);
    assert_eq!(admin.connect("inst-a", "AKA", &secret, "GID_one@@@2").1, 3);
    admin.patch("/instances/inst-a", json!({ "limits": { "connections": { "mode": "alarm-only" } } }));
    let mut two = admin.client("inst-a", "AKA", &secret, "GID_one@@@2");
    admin.patch("/instances/inst-a", json!({ "limits": { "connections": { "max": null } } }));

    admin.post("/instances/inst-a/black-list", json!({ "client_id": "GID_one@@@1" }));
    one.closed();
    assert!(two.is_alive());
    assert_eq!(admin.connect("inst-a", "AKA", &secret, "GID_one@@@1").1, 5);
    admin.delete("/instances/inst-a/black-list/GID_one%40@@1");
    assert_eq!(admin.connect("inst-a", "AKA", &secret, "GID_one@@@1").1, 0);
}

/// What the metrics say of events that were dropped, once they say something new.
fn dropped(admin: &Admin, before: u64) -> u64 {
    let start = Instant::now();
    loop {
        let page = http_get(admin.http, "/metrics");
        let line = page.lines().find_map(|line| line.strip_prefix("lmq_events_dropped_total{instance=\"inst-a\"} "));
        let count = line.map_or(0, |count| count.parse().unwrap());
        if count != before || start.elapsed() > Duration::from_secs(1) {
            return count;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn events_without_a_topic_are_dropped_and_counted() {
    let place = Place::new();
    let gateway = place.start(PORTS.iter().chain(&["--threads", "1"]));
    let admin = Admin::of(&place, &gateway);
    let secret = admin.tenant("inst-a", "AKA");
    let _one = admin.client("inst-a", "AKA", &secret, "GID_one@@@1");
    assert_eq!(dropped(&admin, 0), 1);
    admin.post("/instances/inst-a/event-topics", json!({ "topic": "GID_one_MQTT" }));
    let _two = admin.client("inst-a", "AKA", &secret, "GID_one@@@2");
    assert_eq!(dropped(&admin, 1), 1);
    admin.delete("/instances/inst-a/event-topics/GID_one_MQTT");
    let _three = admin.client("inst-a", "AKA", &secret, "GID_one@@@3");
    assert_eq!(dropped(&admin, 1), 2);
    let rule = json!({ "rule": "r", "kind": "status", "resource": "GID_one", "mq_topic": "EVENTS" });
    admin.post("/instances/inst-a/rules", rule);
    let _four = admin.client("inst-a", "AKA", &secret, "GID_one@@@4");
    assert_eq!(dropped(&admin, 2), 2);
}

#[test]
fn the_file_can_say_it_all() {
    let place = Place::new();
    place.file("secret", "secret-of-the-second-key\n");
    place.file(
        "gateway.toml",
        r#"
[[instance]]
id = "inst-f"
topics = "TopicA"
partition-ordered-topics = ["TopicP"]
globally-ordered-topics = ["TopicG"]
event-topics = ["GID_one_MQTT"]
[instance.quota]
connections-max = 7
connections-mode = "alarm-only"
[instance.thresholds]
subscriptions = 85
[[instance.account]]
name = "acme"
access-key = "AK1"
secret-key = "secret-of-the-first-key"
groups = ["GID_one"]
frozen-groups = ["GID_frozen"]
paused-groups = ["GID_paused"]
[[instance.account.key]]
access-key = "AK2"
secret-key-file = "secret"
[[instance.account]]
name = "child"
parent = "acme"
[[instance.account.key]]
access-key = "AK3"
secret-key = "secret-of-the-third-key"
[[instance.rule]]
name = "events"
kind = "status"
resource = "GID_one"
mq-topic = "EVENTS"
"#,
    );
    assert_eq!(place.run(["check", "--config", "gateway.toml"]).status.code(), Some(0));
    let gateway = place.start(PORTS.iter().chain(&["--config", "gateway.toml"]));
    let admin = Admin::of(&place, &gateway);
    let shown = admin.get("/instances/inst-f");
    assert_eq!(shown["limits"]["connections"], json!({ "max": 7, "mode": "alarm-only" }));
    assert_eq!((&shown["thresholds"]["subscriptions"], &shown["thresholds"]["connections"]), (&json!(85), &json!(70)));
    let of = |path: &str, member: &str| admin.get(&format!("/instances/inst-f/{path}"))[member].clone();
    assert_eq!([of("topics/TopicP", "kind"), of("topics/TopicG", "kind")], ["partition-ordered", "globally-ordered"]);
    assert_eq!([of("accounts/child", "parent"), of("keys/AK2", "account")], ["acme", "acme"]);
    assert_eq!([of("rules/events", "mq_topic"), of("event-topics/GID_one_MQTT", "origin")], ["EVENTS", "file"]);
    let code = |access_key, secret, group: &str| admin.connect("inst-f", access_key, secret, &format!("{group}@@@1")).1;
    assert_eq!(code("AK1", "secret-of-the-first-key", "GID_one"), 0);
    assert_eq!(code("AK2", "secret-of-the-second-key", "GID_one"), 0);
    assert_eq!(code("AK3", "secret-of-the-third-key", "GID_one"), 5);
    assert_eq!(code("AK1", "secret-of-the-first-key", "GID_frozen"), 5);
    assert_eq!(code("AK1", "secret-of-the-first-key", "GID_paused"), 5);
}
