//! `gateway sign` against signatures of the product.

mod common;

use std::{
    io::Write,
    process::{Output, Stdio},
};

use common::{Place, assert_refused, output, text};

const ACCESS_KEY: &str = "LTAI4DummyAccessKeyId";
const SECRET_KEY: &str = "DummyAccessKeySecret0123456789";

#[track_caller]
fn printed(output: &Output, username: &str, password: &str) {
    assert_eq!(text(&output.stdout), format!("username {username}\npassword {password}\n"));
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
}

#[test]
fn the_whole_client_id() {
    let place = Place::new();
    for (client_id, secret_key, password) in [
        ("GID_Test@@@0001", SECRET_KEY, "D99AJFAwWIlqHpcs0cRSeioJdG0="),
        ("GID_Test@@@0001", "XXXXX", "vI009IZJZVGRwBwZvnbwjfuXxVM="),
        ("GID_Test@@@设备01", SECRET_KEY, "g9cWSytemmN5777x9xIwd4RRURc="),
    ] {
        let keys = ["--access-key", ACCESS_KEY, "--secret-key", secret_key, "--instance", "mqtt-cn-test0001"];
        let output = place.run(["sign", "--client-id", client_id].iter().chain(&keys));
        printed(&output, "Signature|LTAI4DummyAccessKeyId|mqtt-cn-test0001", password);
    }
}

#[test]
fn the_group_id() {
    let place = Place::new();
    for (client_id, secret_key, password) in [
        ("GID_AAA@@@0001", SECRET_KEY, "Y7RINYkhl6JnTmuyf52tAzRUrmY="),
        ("GID_Test@@@0001", SECRET_KEY, "kXHX7FJ2Mmdf9j07ejZc8UG+V6w="),
        ("GID_XXX@@@0001", "XXXXX", "g7qXL0zbZBmBi5pAGzh0pSMIQQU="),
    ] {
        let keys = ["--access-key", ACCESS_KEY, "--secret-key", secret_key, "--legacy"];
        let output = place.run(["sign", "--client-id", client_id].iter().chain(&keys));
        printed(&output, ACCESS_KEY, password);
    }
}

#[test]
fn without_an_instance_it_is_the_demo_instance() {
    let place = Place::new();
    let keys = ["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY];
    let output = place.run(["sign", "--client-id", "GID_Test@@@0001"].iter().chain(&keys));
    printed(&output, "Signature|LTAI4DummyAccessKeyId|mqtt-cn-demo0001", "D99AJFAwWIlqHpcs0cRSeioJdG0=");
}

#[test]
fn the_secret_from_the_variable_or_standard_input() {
    let place = Place::new();
    let args = ["sign", "--client-id", "GID_Test@@@0001", "--access-key", ACCESS_KEY, "--legacy"];
    let password = "kXHX7FJ2Mmdf9j07ejZc8UG+V6w=";
    printed(&output(place.command(args).env("LMQ_SECRET_KEY", SECRET_KEY)), ACCESS_KEY, password);
    for end in ["", "\n", "\r\n", "\nmore"] {
        printed(&fed(&place, &args, &format!("{SECRET_KEY}{end}")), ACCESS_KEY, password);
    }
    // The flag wins over the variable, the variable over standard input.
    let args =
        ["sign", "--client-id", "GID_XXX@@@0001", "--access-key", ACCESS_KEY, "--legacy", "--secret-key", "XXXXX"];
    let output = output(place.command(args).env("LMQ_SECRET_KEY", SECRET_KEY));
    printed(&output, ACCESS_KEY, "g7qXL0zbZBmBi5pAGzh0pSMIQQU=");
}

#[test]
fn everything_from_variables() {
    let place = Place::new();
    let mut command = place.command(["sign"]);
    command.envs([
        ("LMQ_CLIENT_ID", "GID_Test@@@0001"),
        ("LMQ_ACCESS_KEY", ACCESS_KEY),
        ("LMQ_SECRET_KEY", SECRET_KEY),
        ("LMQ_INSTANCE", "mqtt-cn-test0001"),
        ("LMQ_LEGACY", "false"),
    ]);
    printed(&output(&mut command), "Signature|LTAI4DummyAccessKeyId|mqtt-cn-test0001", "D99AJFAwWIlqHpcs0cRSeioJdG0=");
    printed(&output(command.env("LMQ_LEGACY", "true")), ACCESS_KEY, "kXHX7FJ2Mmdf9j07ejZc8UG+V6w=");
}

#[test]
fn refusals_never_show_the_secret() {
    let place = Place::new();
    let base = ["sign", "--client-id", "GID_Test@@@0001", "--access-key", ACCESS_KEY];
    assert_refused(&fed(&place, &base, ""), "standard input: secret key is empty; expected 1 to 256 bytes");
    let long = "s".repeat(257);
    assert_refused(
        &output(place.command(base).env("LMQ_SECRET_KEY", &long)),
        "LMQ_SECRET_KEY: secret key has 257 bytes; at most 256 are allowed",
    );
    place.refused(
        base.iter().chain(&["--secret-key", &long]),
        "--secret-key: secret key has 257 bytes; at most 256 are allowed",
    );
    place.refused(
        ["sign", "--client-id", "x", "--access-key", "a|b", "--secret-key", "s"],
        "--access-key: '|' separates the parts of a user name; give the key alone",
    );
    place.refused(
        ["sign", "--client-id", "x", "--access-key", "a", "--secret-key", "s", "--instance", "a b"],
        "--instance: character 2 of the instance id is ' '; allowed are A-Z a-z 0-9 _ -",
    );
    place.refused(
        ["sign", "--client-id", "GID_Test", "--access-key", "a", "--secret-key", "s", "--legacy"],
        "--client-id: client id has no \"@@@\"; expected <GroupID>@@@<DeviceID>",
    );
}

fn fed(place: &Place, args: &[&str], input: &str) -> Output {
    let mut command = place.command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The gateway may have ended before it reads.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}
