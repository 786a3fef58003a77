//! What the admin API answers is what its document says.

mod common;

use std::collections::BTreeSet;

use common::{
    Place,
    admin::{Admin, PORTS},
};
use serde_json::{Value, json};

struct Document(Value);

impl Document {
    fn resolved<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        while let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            value = self.0.pointer(&reference[1..]).unwrap();
        }
        value
    }

    /// The schema of the answer, or of the body.
    fn schema(&self, method: &str, path: &str, part: &str) -> &Value {
        let operation = &self.0["paths"][path][method];
        let holder = if part == "body" { &operation["requestBody"] } else { &operation["responses"][part] };
        self.resolved(&self.resolved(holder)["content"]["application/json"]["schema"])
    }

    /// Asserts that an object has the members of a schema, and only those.
    #[track_caller]
    fn check(&self, schema: &Value, value: &Value) {
        let schema = self.resolved(schema);
        let members = value.as_object().unwrap_or_else(|| panic!("{value}"));
        let properties = schema["properties"].as_object().unwrap();
        for required in schema["required"].as_array().unwrap() {
            assert!(members.contains_key(required.as_str().unwrap()), "{required} is not in {value}");
        }
        for (name, member) in members {
            let property = self.resolved(properties.get(name).unwrap_or_else(|| panic!("{name} is not described")));
            if let Some(allowed) = property["enum"].as_array() {
                assert!(allowed.contains(member), "{name}: {member}");
            }
            let kinds = if property["type"].is_array() { property["type"].clone() } else { json!([property["type"]]) };
            assert!(
                kinds.as_array().unwrap().iter().any(|kind| is(member, kind.as_str().unwrap())),
                "{name}: {member}"
            );
            if property.get("properties").is_some() {
                self.check(property, member);
            }
        }
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => false,
    }
}

#[test]
fn answers_are_as_described() {
    let place = Place::new();
    let gateway = place.start(PORTS);
    let admin = Admin::of(&place, &gateway);
    let document = Document(admin.get("/openapi.json"));
    let list = "/instances/{instance}";
    let made = admin.post("/instances", json!({ "instance": "inst-a" }));
    document.check(document.schema("post", "/instances", "201"), &made);
    document.check(document.schema("get", list, "200"), &admin.get("/instances/inst-a"));
    let rotated = admin.post("/token-keys", Value::Null);
    document.check(document.schema("post", "/token-keys", "201"), &rotated);
    let keys = admin.get("/token-keys");
    let item = document.schema("get", "/token-keys", "200")["properties"]["items"]["items"].clone();
    document.check(&item, &keys["items"][0]);
    assert_eq!((&keys["items"][1], keys["items"][0]["mints"].as_bool()), (&rotated, Some(false)));
    let bodies = [
        ("accounts", json!({ "account": "acc" })),
        ("keys", json!({ "account": "acc" })),
        ("groups", json!({ "group": "GID_one", "account": "acc" })),
        ("topics", json!({ "topic": "TopicA" })),
        ("event-topics", json!({ "topic": "GID_one_MQTT" })),
        ("rules", json!({ "rule": "r", "kind": "inflow", "resource": "TopicA", "mq_topic": "M" })),
        ("device-credentials", json!({ "client_id": "GID_one@@@1" })),
        (
            "identities",
            json!({ "identity_type": "CLIENT", "username": "u", "client_id": "c", "sign_mode": "SIGNED", "secret": "s" }),
        ),
        (
            "permissions",
            json!({ "identity_type": "USER", "identity": "u", "topic": "#", "effect": "DENY", "permit_action": "SUB" }),
        ),
        ("black-list", json!({ "client_id": "GID_one@@@2" })),
    ];
    let mut seen = BTreeSet::new();
    for (kind, body) in bodies {
        let path = format!("{list}/{kind}");
        document.check(document.schema("post", &path, "body"), &body);
        let made = admin.post(&format!("/instances/inst-a/{kind}"), body);
        document.check(document.schema("post", &path, "201"), &made);
        let listed = admin.get(&format!("/instances/inst-a/{kind}"));
        document.check(document.schema("get", &path, "200"), &listed);
        let item = document.schema("get", &path, "200")["properties"]["items"]["items"].clone();
        document.check(&item, &listed["items"][0]);
        seen.insert(path);
    }
    let paths = document.0["paths"].as_object().unwrap().keys();
    let lists: BTreeSet<_> =
        paths.filter(|path| path.matches('/').count() == 3 && !path.ends_with('}')).cloned().collect();
    assert_eq!(seen, lists, "every kind is tried");
    let (status, error) = admin.call("GET", "/instances/nowhere", &Value::Null);
    assert_eq!(status, 404);
    document.check(document.schema("get", list, "404"), &error);
}
