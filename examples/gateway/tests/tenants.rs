//! Several instances, changed while the gateway runs.

mod common;

use common::{
    Place,
    admin::{Admin, PORTS},
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
