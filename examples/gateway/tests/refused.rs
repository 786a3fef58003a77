//! What keeps the gateway from starting: one line, exit code 2.

mod common;

use std::{fs, net::TcpListener};

use common::{Place, assert_refused, output, text};

#[test]
fn wrong_flags() {
    let place = Place::new();
    let help = "; `gateway --help` shows what there is";
    place.refused(["--mqqt", "127.0.0.1:0"], &format!("unexpected argument '--mqqt' found{help}"));
    place.refused(["run"], &format!("unrecognized subcommand 'run'{help}"));
    place.refused(["--mqtt"], &format!("a value is required for '--mqtt <ADDR>' but none was supplied{help}"));
    place.refused(
        ["--profile", "mqtt", "serve"],
        &format!("the subcommand 'serve' cannot be used with '--profile <NAME>'{help}"),
    );
}

#[test]
fn wrong_values_name_their_place() {
    let place = Place::new();
    let address = "is not an address; write HOST:PORT, such as 127.0.0.1:1883 or [::1]:1883";
    place.refused(["--mqtt", "1883"], &format!("--mqtt: \"1883\" {address}"));
    place.refused(["serve", "--ws", "127.0.0.1:0,x"], &format!("--ws: \"x\" {address}"));
    place.refused(["--profile", "MQTT"], "--profile: \"MQTT\" is not a profile; write lmq or mqtt");
    place.refused(["--threads", "0"], "--threads: 0 is out of range; from 1 to 64 is allowed");
    place.refused(["--threads", "65"], "--threads: 65 is out of range; from 1 to 64 is allowed");
    place.refused(["--threads", "two"], "--threads: \"two\" is not a whole number; write one from 1 to 64");
    place.refused(["--memory=perhaps"], "--memory: \"perhaps\" is neither yes nor no; write true or false");
    let level = "is not a log level; write off, error, warn, info, debug or trace";
    place.refused(["--log-level", "loud"], &format!("--log-level: \"loud\" {level}"));
    place.refused(["--log-format", "xml"], "--log-format: \"xml\" is not a log format; write text or json");
}

#[test]
fn wrong_variables_name_their_place() {
    let place = Place::new();
    let cases = [
        ("LMQ_THREADS", "0", "LMQ_THREADS: 0 is out of range; from 1 to 64 is allowed"),
        ("LMQ_PROFILE", "x", "LMQ_PROFILE: \"x\" is not a profile; write lmq or mqtt"),
        ("LMQ_ALLOW_ANONYMOUS", "2", "LMQ_ALLOW_ANONYMOUS: \"2\" is neither yes nor no; write true or false"),
        ("LMQ_TLS_KEY", "key.pem", "LMQ_TLS_KEY: a key needs its certificate; give tls-cert, too"),
        ("LMQ_CONFIG", "none.toml", "cannot read none.toml: no such file or directory"),
    ];
    for (name, value, line) in cases {
        assert_refused(&output(place.command([""; 0]).env(name, value)), line);
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text() {
    let place = Place::new();
    let value = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff");
    let output = output(place.command([""; 0]).env("LMQ_MQTT", value));
    assert_refused(&output, "LMQ_MQTT: the value is not UTF-8");
}

#[test]
fn contradictions() {
    let place = Place::new();
    place.refused(["--data", "d", "--memory"], "--memory: a data directory and memory exclude each other");
    place.refused(["--tls-cert", "c.pem"], "--tls-cert: a certificate needs its key; give tls-key, too");
    place.refused(
        ["--wss", "127.0.0.1:0"],
        "--wss: wss needs a certificate; give tls-cert and tls-key (`gateway cert` makes a pair for localhost)",
    );
    place.refused(
        ["--allow-anonymous"],
        "--allow-anonymous: allow-anonymous needs profile mqtt: profile lmq always checks credentials",
    );
    place.refused(["--mqtt", "off", "--ws", "off", "--http", "off"], "--mqtt: every listener is off; leave one on");
}

#[test]
fn a_port_in_use() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for kind in ["mqtt", "ws", "http"] {
        place.refused(
            [format!("--{kind}"), addr.clone()],
            &format!("cannot listen on {kind} {addr}: address already in use"),
        );
    }
    assert!(!place.path().join("lmq-data").exists(), "nothing is written before every port is bound");
}

#[test]
fn an_address_that_is_not_ours() {
    let place = Place::new();
    // A documentation address: no machine has it.
    place.refused(
        ["--profile", "mqtt", "--allow-anonymous", "--mqtt", "192.0.2.1:0"],
        "cannot listen on mqtt 192.0.2.1:0: cannot assign requested address",
    );
}

#[test]
fn files_that_cannot_be_read() {
    let place = Place::new();
    place.refused(["--config", "none.toml"], "cannot read none.toml: no such file or directory");
    place.refused(["--config", "."], "cannot read .: is a directory");
    place.refused(["--config", "a\nb"], "cannot read a\\nb: no such file or directory");
    place.file("c.pem", "");
    let tls = ["--mqtts", "127.0.0.1:0", "--tls-cert", "c.pem", "--tls-key", "k.pem"];
    place.refused(tls, "c.pem holds no certificate in PEM form");
    fs::write(place.path().join("binary.toml"), b"threads = 1\n# \xff").unwrap();
    place.refused(["--config", "binary.toml"], "binary.toml:2: not UTF-8");
    let huge = fs::File::create(place.path().join("huge.toml")).unwrap();
    huge.set_len(5 << 20).unwrap();
    place.refused(["--config", "huge.toml"], "cannot read huge.toml: more than 4194304 bytes");
}

#[test]
fn keys_that_do_not_fit() {
    let place = Place::new();
    for folder in ["a", "b"] {
        assert!(place.run(["cert", "--out", folder]).status.success());
    }
    let refused = |cert: &str, key: &str, line: &str| {
        place.refused(["--mqtts", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key], line);
    };
    refused(
        "a/server.pem",
        "b/server.key",
        "the key in b/server.key does not belong to the certificate in a/server.pem",
    );
    refused("a/server.pem", "a/server.pem", "a/server.pem holds no private key in PEM form");
    refused("a/server.key", "a/server.key", "a/server.key holds no certificate in PEM form");
    refused("a/server.pem", "none.key", "cannot read none.key: no such file or directory");
    let key = fs::read_to_string(place.path().join("a/server.key")).unwrap();
    place.file("cut.key", &key[..key.len() / 2]);
    refused("a/server.pem", "cut.key", "cut.key is not whole: the PEM form of its private key is damaged");
    place.file("odd.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    refused(
        "a/server.pem",
        "odd.key",
        "the key in odd.key is of no use: failed to parse private key as RSA, ECDSA, or EdDSA",
    );
}

#[test]
fn a_data_directory_that_cannot_be_made() {
    let place = Place::new();
    place.file("file", "");
    place.refused(
        ["--mqtt", "127.0.0.1:0", "--data", "file/data"],
        "cannot write file/data/registry.redb: not a directory",
    );
}

#[test]
fn commands_say_what_they_need() {
    let place = Place::new();
    place.refused(["sign"], "--client-id or LMQ_CLIENT_ID is needed");
    place.refused(["sign", "--client-id", "GID_Test@@@1"], "--access-key or LMQ_ACCESS_KEY is needed");
    place.refused(["check"], "gateway check needs --config or LMQ_CONFIG");
    place.refused(["cert"], "gateway cert needs --out or LMQ_OUT");
}

#[test]
fn help_lists_every_flag_with_its_variable() {
    let place = Place::new();
    for command in ["serve", "sign", "check", "cert", "admin", "admin list", "admin create", "token mint", "token show"]
    {
        let output = place.run(command.split(' ').chain(["--help"]));
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout);
        let words = help.split_whitespace().filter_map(|word| word.strip_prefix("--"));
        let names = words.map(|word| word.split(['=', '[', ']', '.']).next().unwrap()).filter(|name| *name != "help");
        for name in names {
            let variable = format!("[env: LMQ_{}]", name.to_uppercase().replace('-', "_"));
            assert!(help.contains(&variable), "{command} --{name} has no {variable}:\n{help}");
        }
    }
    assert_eq!(text(&place.run(["--version"]).stdout), format!("gateway {}\n", env!("CARGO_PKG_VERSION")));
}
