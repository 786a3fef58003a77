//! The admin API: who may use it, what it refuses, what outlives the process.

mod common;

use std::{fs, os::unix::fs::PermissionsExt};

use common::{
    Place,
    admin::{Admin, PORTS},
};
use rustix::process::Signal;
use serde_json::{Value, json};

const TOKEN: &str = "a-token-of-this-test";

/// A gateway in memory with a token from the environment.
fn start(place: &Place, more: &[&str]) -> (common::Gateway, Admin) {
    let mut command = place.command(PORTS.iter().chain(&["--memory"]).chain(more));
    command.env("LMQ_ADMIN_TOKEN", TOKEN);
    let gateway = common::Gateway::start(command);
    let admin = Admin::with_token(&gateway, TOKEN);
    (gateway, admin)
}

#[test]
fn only_the_token_lets_in() {
    let place = Place::new();
    let (gateway, admin) = start(&place, &[]);
    admin.get("/instances");
    for head in [
        "",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Bearer a-token-of-this-tesT\r\n",
        "Authorization: Bearer a-token-of-this-test-\r\n",
        "Authorization: Basic a-token-of-this-test\r\n",
        "Authorization: a-token-of-this-test\r\n",
    ] {
        for path in ["/instances", "/openapi.json", "/nowhere"] {
            let (status, body) = admin.raw("GET", path, head, b"");
            assert_eq!(status, 401, "{head} {path}: {body}");
            assert!(body.starts_with("{\"error\":\""), "{body}");
        }
    }
    assert_eq!(admin.raw("GET", "/instances", &format!("Authorization: bearer {TOKEN}\r\n"), b"").0, 200);
    let stranger = Admin::with_token(&gateway, "another-token-of-this-test");
    stranger.refused("POST", "/instances", json!({ "instance": "x" }), (401, "this is not the token"));
    assert_eq!(admin.get("/instances")["items"].as_array().unwrap().len(), 1, "only the demo instance");
    let (_, stdout, stderr) = gateway.stop();
    assert!(!stdout.contains(TOKEN) && !stderr.contains(TOKEN), "{stdout}{stderr}");
}

#[test]
fn without_a_token_nobody_comes_in_and_the_banner_says_how() {
    let place = Place::new();
    let gateway = place.start(PORTS.iter().chain(&["--memory"]));
    let admin = Admin::with_token(&gateway, TOKEN);
    let off = "the admin API is off: nobody has its token; start with --admin-token-file or LMQ_ADMIN_TOKEN";
    admin.refused("GET", "/instances", Value::Null, (403, off));
    let (_, stdout, _) = gateway.stop();
    assert!(
        stdout.contains("\nAdmin API: off; give LMQ_ADMIN_TOKEN or --admin-token-file to turn it on\n"),
        "{stdout}"
    );
}

#[test]
fn the_token_of_the_data_directory_is_private_and_stays() {
    let place = Place::new();
    let gateway = place.start(PORTS);
    let path = place.path().join("lmq-data/admin-token");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let token = fs::read_to_string(&path).unwrap();
    assert_eq!(token.trim_end().len(), 43);
    Admin::of(&place, &gateway).get("/instances");
    let http = gateway.addr("http");
    let (_, stdout, stderr) = gateway.stop();
    let banner = format!(
        "\nAdmin API: http://{http}/admin/v1; see `gateway admin --help`\n  token in    ./lmq-data/admin-token\n"
    );
    assert!(stdout.contains(&banner), "{stdout}");
    assert!(!stdout.contains(token.trim_end()) && !stderr.contains(token.trim_end()));
    drop(place.start(PORTS));
    assert_eq!(fs::read_to_string(&path).unwrap(), token);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    place.refused(PORTS, "./lmq-data/admin-token has mode 0644 and must have 0600");
}

#[test]
fn a_token_file_and_its_errors() {
    let place = Place::new();
    place.file("token", "another-token-of-this-test\n");
    place.file("short", "short\n");
    let gateway = place.start(PORTS.iter().chain(&["--memory", "--admin-token-file", "token"]));
    Admin::with_token(&gateway, "another-token-of-this-test").get("/instances");
    let grammar = "a token has 16 to 256 visible ASCII characters and no space";
    place.refused(PORTS.iter().chain(&["--admin-token-file", "short"]), &format!("short: {grammar}"));
    let mut command = place.command(PORTS);
    command.env("LMQ_ADMIN_TOKEN", "short");
    common::assert_refused(&common::output(&mut command), &format!("LMQ_ADMIN_TOKEN: {grammar}"));
    place.file("gateway.toml", "[admin]\ntoken-file = \"short\"\n");
    place.refused(["check", "--config", "gateway.toml"], &format!("short: {grammar}"));
}

#[test]
fn off_loopback_only_where_it_is_allowed() {
    let place = Place::new();
    place.file("gateway.toml", "[[instance]]\nid = \"a\"\n");
    for (allowed, status) in [(&[] as &[&str], 404), (&["--admin-remote"], 200)] {
        let ports = ["--config", "gateway.toml", "--mqtt", "127.0.0.1:0", "--http", "0.0.0.0:0", "--memory"];
        let mut command = place.command(ports.iter().chain(allowed));
        command.env("LMQ_ADMIN_TOKEN", TOKEN);
        let gateway = common::Gateway::start(command);
        assert_eq!(Admin::with_token(&gateway, TOKEN).call("GET", "/instances", &Value::Null).0, status);
    }
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let place = Place::new();
    let (_gateway, admin) = start(&place, &[]);
    admin.tenant("inst-a", "AKA");
    let post = |path: &str, body: Value, expected| admin.refused("POST", path, body, expected);
    let groups = "/instances/inst-a/groups";
    post(groups, json!({ "account": "acc" }), (400, "group: is missing"));
    post(groups, json!({ "group": 1, "account": "acc" }), (400, "group: must be text"));
    post(groups, json!({ "group": "GID_x2" }), (400, "body: missing field `account`"));
    post(
        groups,
        json!({ "group": "GID_xyz", "account": "acc", "x": 1 }),
        (400, "body: unknown field `x`, expected `account` or `status`"),
    );
    post(groups, json!({ "group": "GID_xyz", "account": "nobody" }), (400, "account: there is no account \"nobody\""));
    post(groups, json!({ "group": "GID_one", "account": "acc" }), (409, "there is already the group \"GID_one\""));
    post(groups, json!([]), (400, "the body must be a JSON object"));
    post("/instances/nowhere/groups", json!({ "group": "GID_xyz" }), (400, "body: missing field `account`"));
    post(
        "/instances/nowhere/groups",
        json!({ "group": "GID_xyz", "account": "a" }),
        (404, "there is no instance \"nowhere\""),
    );
    admin.refused("GET", "/instances/inst-a/groups/GID_xyz", Value::Null, (404, "there is no group \"GID_xyz\""));
    admin.refused("DELETE", "/instances/inst-a/keys/X", Value::Null, (404, "there is no key \"X\""));
    let key = "/instances/inst-a/keys/AKA";
    let fixed = "body: \"secret_key\" cannot be changed; what can: enabled";
    admin.refused("PATCH", key, json!({ "secret_key": "x" }), (400, fixed));
    admin.refused("PUT", key, Value::Null, (405, "this path does not know the method"));
    let topic = "/instances/inst-a/topics/TopicA";
    admin.refused("PATCH", topic, json!({}), (405, "this path does not know the method"));
    let nowhere = "there is no such path; openapi.json says what is here";
    admin.refused("GET", "/nowhere", Value::Null, (404, nowhere));
    admin.refused("GET", "/instances/%ff/keys", Value::Null, (400, "a name in the path is not UTF-8"));

    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let raw =
        |kind: &str, body: &[u8]| admin.raw("POST", "/instances", &format!("{bearer}Content-Type: {kind}\r\n"), body);
    assert_eq!(raw("text/plain", b"{}").0, 415);
    assert_eq!(raw("application/json; charset=utf-8", b"{\"instance\":\"inst-z\"}").0, 201);
    let (status, text) = raw("application/json", b"{\"instance\":\n x}");
    assert_eq!(status, 400);
    assert!(text.contains("the body is not JSON: expected value at line 2 column 2"), "{text}");
    let (status, text) = raw("application/json", &vec![b' '; 65 * 1024]);
    assert_eq!((status, text.contains("at most 65536 bytes")), (413, true), "{text}");
}

#[test]
fn lists_come_in_pages() {
    let place = Place::new();
    let (_gateway, admin) = start(&place, &[]);
    admin.tenant("inst-a", "AKA");
    for at in 1..=5 {
        admin.post("/instances/inst-a/topics", json!({ "topic": format!("T{at}") }));
    }
    let (mut after, mut found) = (String::new(), Vec::new());
    loop {
        let page = admin.get(&format!("/instances/inst-a/topics?limit=2&after={after}"));
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        found.extend(items.iter().map(|item| item["topic"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(found, ["T1", "T2", "T3", "T4", "T5", "TopicA"]);
    let page = admin.get("/instances?limit=1");
    assert_eq!((page["items"][0]["instance"].as_str(), page["next"].as_str()), (Some("inst-a"), Some("inst-a")));
    for query in ["limit=0", "limit=1001", "limit=x", "page=2"] {
        let (status, answer) = admin.call("GET", &format!("/instances?{query}"), &Value::Null);
        assert_eq!(status, 400, "{query}");
        assert!(answer["error"].as_str().unwrap().starts_with("the query: "), "{answer}");
    }
}

#[test]
fn secrets_are_shown_once() {
    let place = Place::new();
    let (gateway, admin) = start(&place, &["--log-level", "trace"]);
    let secret = admin.tenant("inst-a", "AKA");
    let device = admin.post("/instances/inst-a/device-credentials", json!({ "client_id": "GID_one@@@1" }));
    let first = device["secret_key"].as_str().unwrap().to_owned();
    assert!(first.starts_with("DC.") && device["access_key"].as_str().unwrap().starts_with("DC."), "{device}");
    let (status, renewed) =
        admin.call("POST", "/instances/inst-a/device-credentials/GID_one@@@1/refresh", &Value::Null);
    let second = renewed["secret_key"].as_str().unwrap().to_owned();
    assert_eq!((status, &renewed["access_key"]), (200, &device["access_key"]));
    assert_ne!(first, second);
    let identity = json!({
        "identity_type": "USER", "username": "alice", "sign_mode": "ORIGIN", "secret": "alices-own-secret"
    });
    assert_eq!(admin.post("/instances/inst-a/identities", identity)["name"], "user|alice");
    let permission = json!({
        "identity_type": "USER", "identity": "alice", "topic": "TopicA/+/b", "effect": "ALLOW", "permit_action": "PUB_SUB"
    });
    admin.post("/instances/inst-a/permissions", permission);
    admin.patch("/instances/inst-a/permissions/user%7Calice%7CTopicA%2F+%2Fb", json!({ "effect": "DENY" }));
    let mut seen = String::new();
    for kind in ["keys", "device-credentials", "identities", "permissions"] {
        let list = admin.get(&format!("/instances/inst-a/{kind}"));
        assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
        seen += &list.to_string();
    }
    for path in ["keys/AKA", "device-credentials/GID_one@@@1", "identities/user%7Calice"] {
        seen += &admin.get(&format!("/instances/inst-a/{path}")).to_string();
    }
    seen += &admin.patch("/instances/inst-a/identities/user%7Calice", json!({ "sign_mode": "SIGNED" })).to_string();
    seen += &admin.patch("/instances/inst-a/keys/AKA", json!({ "enabled": false })).to_string();
    let (_, stdout, stderr) = gateway.stop();
    seen += &(stdout + &stderr);
    for secret in [&*secret, &first, &second, "alices-own-secret"] {
        assert!(!seen.contains(secret), "{secret} is in {seen}");
    }
}

#[test]
fn what_the_file_has_is_read_only() {
    let place = Place::new();
    place.file(
        "gateway.toml",
        "[[instance]]\nid = \"inst-f\"\ntopics = [\"TopicF\"]\n[[instance.account]]\naccess-key = \"AKF\"\n\
         secret-key = \"secret-of-the-file\"\ngroups = [\"GID_file\"]\n",
    );
    let (_gateway, admin) = start(&place, &["--config", "gateway.toml"]);
    let read_only = |what: &str, name: &str| {
        (
            409,
            format!(
                "the {what} {name:?} comes from the configuration file, or is the demo's; it cannot be changed here"
            ),
        )
    };
    let cases = [
        ("PATCH", "/instances/inst-f", json!({ "limits": {} }), read_only("instance", "inst-f")),
        ("DELETE", "/instances/inst-f", Value::Null, read_only("instance", "inst-f")),
        ("PATCH", "/instances/inst-f/groups/GID_file", json!({ "status": "frozen" }), read_only("group", "GID_file")),
        ("DELETE", "/instances/inst-f/keys/AKF", Value::Null, read_only("key", "AKF")),
        ("DELETE", "/instances/inst-f/accounts/AKF", Value::Null, read_only("account", "AKF")),
        ("DELETE", "/instances/inst-f/topics/TopicF", Value::Null, read_only("topic", "TopicF")),
    ];
    for (method, path, body, (status, text)) in cases {
        admin.refused(method, path, body, (status, &text));
    }
    assert_eq!(admin.get("/instances/inst-f/groups/GID_file")["origin"], "file");
    // What is added beside it is not.
    let added = admin.post("/instances/inst-f/groups", json!({ "group": "GID_more", "account": "AKF" }));
    assert_eq!(added["origin"], "api");
    drop(admin.client("inst-f", "AKF", "secret-of-the-file", "GID_more@@@1"));
    admin.patch("/instances/inst-f/groups/GID_more", json!({ "status": "paused" }));
    assert_eq!(admin.connect("inst-f", "AKF", "secret-of-the-file", "GID_more@@@1").1, 5);
}

#[test]
fn everything_outlives_a_restart_and_a_kill() {
    let place = Place::new();
    let gateway = place.start(PORTS);
    let admin = Admin::of(&place, &gateway);
    let secret = admin.tenant("inst-a", "AKA");
    admin.post("/instances/inst-a/event-topics", json!({ "topic": "GID_one_MQTT" }));
    let rule = json!({ "rule": "r1", "kind": "outflow", "resource": "TopicA", "mq_topic": "MQ_A" });
    admin.post("/instances/inst-a/rules", rule);
    admin.post("/instances/inst-a/device-credentials", json!({ "client_id": "GID_one@@@9" }));
    admin.post("/instances/inst-a/black-list", json!({ "client_id": "GID_one@@@8" }));
    admin.patch("/instances/inst-a", json!({ "thresholds": { "subscriptions": 90 } }));
    let lists = ["accounts", "keys", "groups", "topics", "event-topics", "rules", "device-credentials", "black-list"];
    let everything = |admin: &Admin| -> Vec<Value> {
        let paths = lists.iter().map(|list| format!("/instances/inst-a/{list}"));
        paths.chain(["/instances/inst-a".to_owned()]).map(|path| admin.get(&path)).collect()
    };
    let before = everything(&admin);
    assert_eq!(gateway.stop().0.code(), Some(0));

    let gateway = place.start(PORTS);
    let admin = Admin::of(&place, &gateway);
    assert_eq!(everything(&admin), before);
    drop(admin.client("inst-a", "AKA", &secret, "GID_one@@@1"));
    // Killed as soon as the answer is there.
    admin.post("/instances/inst-a/topics", json!({ "topic": "TopicB" }));
    gateway.signal(Signal::KILL);
    drop(gateway);
    let gateway = place.start(PORTS);
    let admin = Admin::of(&place, &gateway);
    admin.get("/instances/inst-a/topics/TopicB");
    admin.delete("/instances/inst-a/topics/TopicB");
    gateway.signal(Signal::KILL);
    drop(gateway);
    let gateway = place.start(PORTS);
    let admin = Admin::of(&place, &gateway);
    admin.refused("GET", "/instances/inst-a/topics/TopicB", Value::Null, (404, "there is no topic \"TopicB\""));
    assert_eq!(everything(&admin), before);
}
