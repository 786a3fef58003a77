//! `gateway admin` against a running gateway.

mod common;

use common::{
    Gateway, Place,
    admin::{Admin, PORTS},
    text,
};
use serde_json::json;

/// What a successful command prints.
#[track_caller]
fn admin(place: &Place, gateway: &Gateway, args: &[&str]) -> String {
    let address = gateway.addr("http").to_string();
    let output = place.run(["admin", "--admin-address", &address].iter().chain(args));
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
    text(&output.stdout).to_owned()
}

/// The value of a member that was printed.
fn value<'a>(printed: &'a str, member: &str) -> &'a str {
    let found = printed.lines().filter_map(|line| line.split_once(' ')).find(|(name, _)| *name == member);
    found.unwrap_or_else(|| panic!("{member} is not in {printed}")).1.trim()
}

#[test]
fn from_nothing_to_a_client_and_back() {
    let place = Place::new();
    let gateway = place.start(PORTS);
    let run = |args: &[&str]| admin(&place, &gateway, args);
    let made = run(&["create", "instances", "instance=inst-a", "limits.connections.max=5"]);
    assert!(made.starts_with("instance "), "{made}");
    assert_eq!((value(&made, "limits.connections.max"), value(&made, "thresholds.connections")), ("5", "70"));
    run(&["--instance", "inst-a", "create", "accounts", "account=acme"]);
    let key = run(&["--instance", "inst-a", "create", "keys", "account=acme"]);
    let (access_key, secret) = (value(&key, "access_key"), value(&key, "secret_key"));
    run(&["create", "groups", "group=GID_one", "account=acme", "--instance", "inst-a"]);
    run(&["create", "topics", "topic=TopicA", "kind=globally-ordered", "--instance", "inst-a"]);

    let operator = Admin::of(&place, &gateway);
    let mut client = operator.client("inst-a", access_key, secret, "GID_one@@@1");
    assert_eq!(client.subscribe("TopicA/#"), Some(0));
    let changed = run(&["change", "groups", "GID_one", "status=frozen", "--instance", "inst-a"]);
    assert_eq!(value(&changed, "status"), "frozen");
    client.closed();
    let listed = run(&["list", "topics", "--instance", "inst-a"]);
    let mut lines = listed.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" "));
    assert_eq!(
        (lines.next().as_deref(), lines.next().as_deref()),
        (Some("TOPIC KIND ORIGIN"), Some("TopicA globally-ordered api"))
    );
    let shown = run(&["show", "keys", access_key, "--instance", "inst-a"]);
    assert!(!shown.contains(secret), "{shown}");
    assert_eq!(value(&shown, "enabled"), "true");
    assert_eq!(run(&["delete", "instances", "inst-a"]), "deleted\n");
    assert_eq!(operator.call("GET", "/instances/inst-a", &json!(null)).0, 404);
}

#[test]
fn lists_are_whole_and_odd_names_are_found() {
    let place = Place::new();
    let gateway = place.start(PORTS);
    let run = |args: &[&str]| admin(&place, &gateway, args);
    let operator = Admin::of(&place, &gateway);
    operator.post("/instances", json!({ "instance": "inst-a" }));
    assert_eq!(run(&["list", "rules", "--instance", "inst-a"]), "none\n");
    operator.post("/instances/inst-a/accounts", json!({ "account": "a/b c%?\u{e9}" }));
    for at in 0..1_010 {
        operator.post("/instances/inst-a/black-list", json!({ "client_id": format!("c{at}") }));
    }
    assert_eq!(run(&["list", "black-list", "--instance", "inst-a"]).lines().count(), 1_011);
    let changed = run(&["change", "accounts", "a/b c%?\u{e9}", "enabled=false", "--instance", "inst-a"]);
    assert_eq!((value(&changed, "account"), value(&changed, "enabled")), ("a/b c%?\u{e9}", "false"));
    operator.post("/instances/inst-a/groups", json!({ "group": "GID_one", "account": "a/b c%?\u{e9}" }));
    let made = run(&["create", "device-credentials", "client_id=GID_one@@@1", "--instance", "inst-a"]);
    let renewed = run(&["refresh", "GID_one@@@1", "--instance", "inst-a"]);
    assert_eq!(value(&made, "access_key"), value(&renewed, "access_key"));
    assert_ne!(value(&made, "secret_key"), value(&renewed, "secret_key"));
}

#[test]
fn what_goes_wrong_is_one_line() {
    let place = Place::new();
    let gateway = place.start(PORTS);
    let address = gateway.addr("http").to_string();
    let base = ["admin", "--admin-address", &address];
    let refused = |args: &[&str], line: &str| place.refused(base.iter().chain(args), line);
    refused(&["show", "instances", "nowhere"], "there is no instance \"nowhere\"");
    refused(&["list", "groups"], "groups are in an instance; give --instance or LMQ_INSTANCE");
    refused(&["create", "instances", "instance"], "\"instance\" is not FIELD=VALUE");
    refused(&["create", "instances", "x=y"], "instance: is missing");
    refused(&["--data", "nowhere", "list", "instances"], "cannot read nowhere/admin-token: no such file or directory");
    place.file("token", "not-the-right-token");
    refused(&["--admin-token-file", "token", "list", "instances"], "this is not the token");
    let mqtt = gateway.addr("mqtt").to_string();
    let output = place.run(["admin", "--admin-address", &mqtt, "list", "instances"]);
    let error = text(&output.stderr);
    assert!(error.starts_with(&format!("gateway: http://{mqtt}/admin/v1: ")) && error.lines().count() == 1, "{error}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn from_variables() {
    let place = Place::new();
    let mut command = place.command(PORTS.iter().chain(&["--memory"]));
    command.env("LMQ_ADMIN_TOKEN", "a-token-of-this-test");
    let gateway = Gateway::start(command);
    let operator = Admin::with_token(&gateway, "a-token-of-this-test");
    operator.tenant("inst-a", "AKA");
    let mut command = place.command(["admin", "list", "keys"]);
    command.env("LMQ_ADMIN_TOKEN", "a-token-of-this-test").env("LMQ_INSTANCE", "inst-a");
    command.env("LMQ_ADMIN_ADDRESS", gateway.addr("http").to_string());
    let output = common::output(&mut command);
    assert!(text(&output.stdout).contains("\nAKA "), "{output:?}");
}
