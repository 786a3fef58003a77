//! `gateway check`: what is wrong with a file, and on which line.

mod common;

use std::path::Path;

use common::{Place, text};

const GOOD: &str = r#"
profile = "mqtt"
threads = 1
allow-anonymous = true

[listeners]
mqtt = ["127.0.0.1:0", "localhost:0"]

[limits]
connect-timeout = "3s"
packet-bytes-max = 65536
queue-bytes-max = "1MiB"

[[instance]]
id = "mqtt-cn-test0001"
topics = "TopicA"

[instance.quota]
connections-max = 2
publishes-per-sec-max = 100
publishes-per-sec-mode = "alarm-only"

[[instance.account]]
access-key = "AK"
secret-key-file = "secret"
groups = ["GID_Test"]
"#;

/// Asserts that `content` has exactly these problems, each `LINE: what`.
#[track_caller]
fn problems(content: &str, expected: &[&str]) {
    let place = Place::new();
    place.file("gateway.toml", content);
    let output = place.run(["check", "--config", "gateway.toml"]);
    let expected: String = expected.iter().map(|line| format!("gateway: gateway.toml:{line}\n")).collect();
    assert_eq!(text(&output.stderr), expected);
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(2)));
}

#[test]
fn a_good_file() {
    let place = Place::new();
    place.file("conf/gateway.toml", GOOD);
    place.file("conf/secret", "SK\n");
    let output = place.run(["check", "--config", "conf/gateway.toml"]);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(text(&output.stdout), "conf/gateway.toml: no problem found\n");
    assert_eq!(output.status.code(), Some(0));
    let by_variable = common::output(place.command(["check"]).env("LMQ_CONFIG", "conf/gateway.toml"));
    assert_eq!(by_variable.status.code(), Some(0));
}

#[test]
fn the_example_file() {
    let place = Place::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway.example.toml");
    place.file("gateway.toml", &std::fs::read_to_string(example).unwrap());
    place.refused(["check", "--config", "gateway.toml"], "cannot read tls/server.pem: no such file or directory");
    assert!(place.run(["cert", "--out", "tls"]).status.success());
    let output = place.run(["check", "--config", "gateway.toml"]);
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
}

#[test]
fn only_clients_of_the_product_upload_tokens() {
    let instance = "[[instance]]\nid = \"a\"\nawaits-tokens = true\n";
    problems(
        &format!("profile = \"mqtt\"\n{instance}"),
        &["4: awaits-tokens needs profile lmq: with profile mqtt nobody uploads tokens"],
    );
    problems(&instance.replace("true", "1"), &["3: awaits-tokens must be true or false, not a number"]);
    let place = Place::new();
    place.file("gateway.toml", instance);
    assert_eq!(place.run(["check", "--config", "gateway.toml"]).status.code(), Some(0));
}

#[test]
fn unknown_keys_with_their_lines() {
    problems(
        "profile = \"lmq\"\nthread = 1\n[listener]\nmqtt = \"127.0.0.1:0\"\n",
        &[
            "2: unknown key \"thread\" at the top level; known here: profile, threads, allow-anonymous, ports, open-http, \
             listeners, tls, data, admin, log, limits, instance",
            "3: unknown key \"listener\" at the top level; known here: profile, threads, allow-anonymous, ports, \
             open-http, listeners, tls, data, admin, log, limits, instance",
        ],
    );
    problems(
        "[listeners]\nmqtt = \"127.0.0.1:0\"\nmqqt = \"127.0.0.1:0\"\n[tls]\ncertificate = \"x\"\n[log]\nfile = \"x\"\n",
        &[
            "3: unknown key \"mqqt\" in [listeners]; known here: mqtt, mqtts, ws, wss, http, https, admin-https",
            "5: unknown key \"certificate\" in [tls]; known here: cert, key",
            "7: unknown key \"file\" in [log]; known here: level, format",
        ],
    );
    problems(
        "[[instance]]\nid = \"a\"\ngroups = []\n[[instance.account]]\naccess-key = \"A\"\nsecret-key = \"S\"\ntopics = []\n",
        &[
            "3: unknown key \"groups\" in [[instance]]; known here: id, topics, partition-ordered-topics, \
             globally-ordered-topics, event-topics, awaits-tokens, quota, thresholds, account, rule",
            "7: unknown key \"topics\" in [[instance.account]]; known here: name, parent, key, access-key, \
             secret-key, secret-key-file, groups, frozen-groups, paused-groups",
        ],
    );
}

#[test]
fn grammar() {
    problems("profile = \"lmq\"\nprofile = \"mqtt\"\n", &["2: duplicate key"]);
    problems("threads = \n", &["1: string values must be quoted, expected literal string"]);
    // What the rest of a broken file means is not guessed at.
    problems("x = \"y\nthreads = 0\n", &["1: invalid basic string, expected `\"`"]);
}

#[test]
fn types_and_ranges() {
    problems(
        "profile = 1\nthreads = \"2\"\nallow-anonymous = \"yes\"\n[listeners]\nmqtt = 1883\nws = [\"x\", 1, \"127.0.0.1:0\"]\n",
        &[
            "1: profile must be text in quotes, not a number",
            "2: threads must be a whole number without quotes, not text",
            "3: allow-anonymous must be true or false, not text",
            "5: mqtt must be text in quotes, not a number",
            "6: ws: \"x\" is not an address; write HOST:PORT, such as 127.0.0.1:1883 or [::1]:1883",
            "6: ws must be text in quotes, not a number",
        ],
    );
    problems(
        "limits = 1\nlog = []\ntls = true\ndata = 2026-01-01\ninstance = \"a\"\n",
        &[
            "1: limits must be a section, not a number",
            "2: log must be a section, not a list",
            "3: tls must be a section, not true or false",
            "4: data must be a section, not a date",
            "5: instance must be sections under [[instance]], not text",
        ],
    );
    problems(
        "[limits]\nconnect-timeout = 10\nlinger = \"10\"\nstall-max = \"2h\"\npacket-bytes-max = \"1GiB\"\n\
         queue-bytes-max = \"1MB\"\ninflight-max = 60001\nconnections-max = -1\nsessions-max = 0x10\n\
         connects-per-sec-max = 0\npublishes-per-sec-max = 0\nreceive-max = 0\ntopic-alias-max = 65536\nsession-expiry-max = \"0s\"\n\
         retained-messages-max = -1\nretained-bytes-max = \"2048GiB\"\n",
        &[
            "2: connect-timeout must be text in quotes, not a number",
            "3: linger: \"10\" is not a duration; write a whole number with ms, s, m or h, such as \"10s\"",
            "4: stall-max: \"2h\" is out of range; from 1s to 3600s is allowed",
            "5: packet-bytes-max: 1073741824 is out of range; from 64 to 268435460 is allowed",
            "6: queue-bytes-max: \"1MB\" is not a size; write bytes, or a whole number with KiB, MiB or GiB",
            "7: inflight-max: 60001 is out of range; from 1 to 60000 is allowed",
            "8: connections-max: \"-1\" is not a whole number; write one from 1 to 10000000",
            "10: connects-per-sec-max: 0 is out of range; from 1 to 1000000 is allowed",
            "11: publishes-per-sec-max: 0 is out of range; from 1 to 1000000 is allowed",
            "12: receive-max: 0 is out of range; from 1 to 65535 is allowed",
            "13: topic-alias-max: 65536 is out of range; from 0 to 65535 is allowed",
            "14: session-expiry-max: \"0s\" is out of range; from 1s to 4294967294s is allowed",
            "15: retained-messages-max: \"-1\" is not a whole number; write one from 0 to 100000000",
            "16: retained-bytes-max: 2199023255552 is out of range; from 0 to 1099511627776 is allowed",
        ],
    );
}

#[test]
fn names() {
    problems(
        "[[instance]]\nid = \"a b\"\ntopics = [\"TopicA\", \"a/b\", \"TopicA\"]\n[[instance.account]]\naccess-key = \"A\"\n\
         secret-key = \"S\"\ngroups = [\"GID_Test\", \"Test\", \"GID_Test\"]\n",
        &[
            "2: id: character 2 of the instance id is ' '; allowed are A-Z a-z 0-9 _ -",
            "3: topics: character 2 of the parent topic is '/'; allowed are A-Z a-z 0-9 _ -",
            "3: topics: \"TopicA\" stands here twice",
            "7: groups: group id must begin with \"GID_\" or \"GID-\" (at character 1)",
            "7: groups: \"GID_Test\" belongs to an account of this instance already",
        ],
    );
    problems(
        "[[instance]]\nid = \"a\"\n[[instance]]\nid = \"a\"\n[[instance]]\ntopics = []\n",
        &[
            "4: id: \"a\" is used by another instance",
            "5: id is missing in [[instance]]; write id = \"mqtt-cn-0123abcd\"",
        ],
    );
}

#[test]
fn accounts() {
    problems(
        "[[instance]]\nid = \"a\"\n[[instance.account]]\naccess-key = \"A|B\"\nsecret-key = \"S\"\n\
         [[instance.account]]\nsecret-key = \"S\"\n[[instance.account]]\naccess-key = \"C\"\n\
         [[instance.account]]\naccess-key = \"D\"\nsecret-key = \"S\"\nsecret-key-file = \"F\"\n\
         [[instance.account]]\naccess-key = \"C\"\nsecret-key-file = \"none\"\n",
        &[
            "4: access-key: '|' separates the parts of a user name; give the key alone",
            "6: access-key is missing in [[instance.account]]; write access-key = \"...\"",
            "8: an account needs secret-key or secret-key-file",
            "10: secret-key and secret-key-file exclude each other",
            "13: secret-key-file: cannot read F: no such file or directory",
            "15: access-key: is used by another account of this instance",
            "16: secret-key-file: cannot read none: no such file or directory",
        ],
    );
}

#[test]
fn quotas() {
    problems(
        "[[instance]]\nid = \"a\"\n[instance.quota]\nconnections-max = 0\nsubscriptions-max = 5\nsubscriptions-mode = \"alarm\"\n\
         publishes-per-sec-mode = \"enforce\"\nsessions-max = 1\n[[instance]]\nid = \"b\"\nquota = 1\n",
        &[
            "3: publishes-per-sec-mode needs publishes-per-sec-max",
            "4: connections-max: 0 is out of range; from 1 to 1000000000 is allowed",
            "6: subscriptions-mode: \"alarm\" is not a mode; write enforce or alarm-only",
            "8: unknown key \"sessions-max\" in [instance.quota]; known here: connections-max, connections-mode, \
             subscriptions-max, subscriptions-mode, publishes-per-sec-max, publishes-per-sec-mode",
            "11: quota must be a section, not a number",
        ],
    );
}

#[test]
fn what_does_not_fit_together() {
    problems(
        "allow-anonymous = true\n[listeners]\nmqtts = \"127.0.0.1:0\"\n[data]\ndir = \"d\"\nmemory = true\n",
        &[
            "1: allow-anonymous needs profile mqtt: profile lmq always checks credentials",
            "3: mqtts needs a certificate; give tls-cert and tls-key (`gateway cert` makes a pair for localhost)",
            "6: a data directory and memory exclude each other",
        ],
    );
    problems(
        "[listeners]\nmqtt = \"off\"\nws = \"off\"\nhttp = \"off\"\n[tls]\nkey = \"k\"\n",
        &["2: every listener is off; leave one on", "6: a key needs its certificate; give tls-cert, too"],
    );
}

#[test]
fn secrets_are_not_quoted() {
    for secret in ["hunter2\u{1}", "4711", "[\"hunter2\"]", "\"hunter2"] {
        let place = Place::new();
        let content =
            format!("[[instance]]\nid = \"a\"\n[[instance.account]]\naccess-key = \"A\"\nsecret-key = {secret}\n");
        place.file("gateway.toml", &content);
        let output = place.run(["check", "--config", "gateway.toml"]);
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with("gateway: gateway.toml:5: "), "{stderr}");
        assert!(!stderr.contains("hunter2") && !stderr.contains("4711"), "{stderr}");
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn serving_stops_at_the_first_problem() {
    let place = Place::new();
    place.file("gateway.toml", "threads = 0\n[log]\nlevel = \"loud\"\n");
    place.refused(["--config", "gateway.toml"], "gateway.toml:1: threads: 0 is out of range; from 1 to 64 is allowed");
}

#[test]
fn accounts_with_parents_and_several_keys() {
    problems(
        "[[instance]]\nid = \"a\"\n[[instance.account]]\nname = \"child\"\nparent = \"acme\"\naccess-key = \"A\"\nsecret-key = \"S\"\n\
         [[instance.account]]\nname = \"acme\"\n[[instance.account.key]]\naccess-key = \"A\"\nsecret-key = \"S\"\n\
         [[instance.account]]\nname = \"acme\"\naccess-key = \"B\"\nsecret-key = \"S\"\n\
         [[instance.account]]\nname = \"x|y\"\naccess-key = \"C\"\nsecret-key = \"S\"\n\
         [[instance.account]]\n[[instance.account.key]]\naccess-key = \"D\"\n",
        &[
            "5: parent: no account \"acme\" stands before this one",
            "11: access-key: is used by another account of this instance",
            "13: there is an account \"acme\" already",
            "18: name: '|' is not allowed",
            "21: name is missing in [[instance.account]]; write name = \"...\"",
            "22: an account needs secret-key or secret-key-file",
        ],
    );
}

#[test]
fn topics_rules_and_thresholds() {
    problems(
        "[[instance]]\nid = \"a\"\ntopics = [\"T\"]\nglobally-ordered-topics = [\"T\"]\nevent-topics = [\"a b\", \"E\", \"E\"]\n\
         [instance.thresholds]\nconnections = 0\n\
         [[instance.rule]]\nname = \"r1\"\nkind = \"inflow\"\nresource = \"T\"\nmq-topic = \"M\"\n\
         [[instance.rule]]\nname = \"r1\"\nkind = \"inflow\"\nresource = \"T\"\nmq-topic = \"M\"\n\
         [[instance.rule]]\nname = \"r3\"\nkind = \"status\"\nresource = \"T\"\nmq-topic = \"M\"\n\
         [[instance.rule]]\nname = \"r4\"\nkind = \"sideways\"\nresource = \"X\"\n",
        &[
            "4: globally-ordered-topics: \"T\" stands here twice",
            "5: event-topics: ' ' is not allowed; write letters, digits or one of _-%",
            "5: event-topics: \"E\" stands here twice",
            "7: connections: 0 is out of range; from 1 to 100 is allowed",
            "14: name: \"r1\" is used twice",
            "16: resource: \"T\" is in another rule of this kind",
            "17: mq-topic: \"M\" is in another rule of this kind",
            "21: resource: there is no group \"T\" in this instance",
            "23: mq-topic is missing in [[instance.rule]]; write mq-topic = \"...\"",
            "25: kind: \"sideways\" is not a kind of rule; write inflow, outflow or status",
            "26: resource: there is no topic \"X\" in this instance",
        ],
    );
}

#[test]
fn bounds_of_an_instance() {
    let topics: Vec<_> = (0..101).map(|at| format!("\"T{at}\"")).collect();
    let mut text = format!("[[instance]]\nid = \"a\"\ntopics = [{}]\n", topics.join(", "));
    for at in 0..101 {
        text += &format!(
            "[[instance.rule]]\nname = \"r{at}\"\nkind = \"inflow\"\nresource = \"T{at}\"\nmq-topic = \"M{at}\"\n"
        );
    }
    let place = Place::new();
    place.file("gateway.toml", &text);
    let line = "instance \"a\": rule \"r100\": there are 100 of the kind rule, and no more may be";
    place.refused(["check", "--config", "gateway.toml"], line);
}
