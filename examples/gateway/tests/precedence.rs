//! Flags win over variables, variables over the file, the file over defaults.

mod common;

use common::{Gateway, Place, assert_refused, output};

fn started(stderr: &str) -> String {
    let line = stderr.lines().find(|line| line.contains("started")).unwrap();
    line[line.find("started").unwrap()..].to_owned()
}

#[test]
fn flag_over_variable_over_file() {
    let place = Place::new();
    let file = place.file(
        "gateway.toml",
        "profile = \"mqtt\"\nthreads = 1\nallow-anonymous = true\n[listeners]\nmqtt = \"127.0.0.1:0\"\n\
         [data]\ndir = \"from-file\"\n[log]\nformat = \"json\"\n",
    );
    let file = file.to_str().unwrap();
    let base = ["--config", file, "--log-format", "text"];
    let dir = place.path().join("from-file");

    let (status, _, stderr) = place.start(base).stop();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert_eq!(
        started(&stderr),
        format!("started version=\"0.1.0\" profile=mqtt threads=1 storage=\"{}\" instances=0", dir.display())
    );

    let mut command = place.command(base);
    command.env("LMQ_THREADS", "2").env("LMQ_DATA", "from-variable");
    let (_, _, stderr) = Gateway::start(command).stop();
    assert_eq!(
        started(&stderr),
        "started version=\"0.1.0\" profile=mqtt threads=2 storage=\"from-variable\" instances=0"
    );

    let flags = ["--threads", "3", "--memory", "--profile", "lmq", "--allow-anonymous=false"];
    let mut command = place.command(base.iter().chain(&flags));
    command.env("LMQ_THREADS", "2").env("LMQ_DATA", "from-variable");
    let (_, _, stderr) = Gateway::start(command).stop();
    assert_eq!(started(&stderr), "started version=\"0.1.0\" profile=lmq threads=3 storage=\"memory\" instances=1");
}

#[test]
fn the_file_from_a_variable() {
    let place = Place::new();
    place.file("one.toml", "threads = 0\n");
    place.file("two.toml", "threads = 65\n");
    let range = "is out of range; from 1 to 64 is allowed";
    let one = output(place.command([""; 0]).env("LMQ_CONFIG", "one.toml"));
    assert_refused(&one, &format!("one.toml:1: threads: 0 {range}"));
    let two = output(place.command(["--config", "two.toml"]).env("LMQ_CONFIG", "one.toml"));
    assert_refused(&two, &format!("two.toml:1: threads: 65 {range}"));
}

#[test]
fn listeners_are_replaced_kind_by_kind() {
    let place = Place::new();
    place.file("gateway.toml", "[listeners]\nmqtt = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\nhttp = \"127.0.0.1:0\"\n");
    let kinds = |gateway: Gateway| -> Vec<String> { gateway.listening.iter().map(|(kind, _)| kind.clone()).collect() };
    let base = ["--config", "gateway.toml", "--memory"];
    assert_eq!(kinds(place.start(base)), ["mqtt", "mqtt", "http"]);
    assert_eq!(kinds(place.start(base.iter().chain(&["--mqtt", "127.0.0.1:0"]))), ["mqtt", "http"]);
    let mut command = place.command(base.iter().chain(&["--http", "off"]));
    command.env("LMQ_WS", "127.0.0.1:0,127.0.0.1:0").env("LMQ_HTTP", "127.0.0.1:0");
    assert_eq!(kinds(Gateway::start(command)), ["mqtt", "mqtt", "ws", "ws"]);
}

#[test]
fn an_empty_variable_is_not_set() {
    let place = Place::new();
    let mut command = place.command(["--mqtt", "127.0.0.1:0", "--threads", "1"]);
    command.env("LMQ_DATA", "").env("LMQ_MEMORY", "true").env("LMQ_PROFILE", "");
    let (_, _, stderr) = Gateway::start(command).stop();
    assert_eq!(started(&stderr), "started version=\"0.1.0\" profile=lmq threads=1 storage=\"memory\" instances=1");
}

#[test]
fn unknown_variables_are_told_of() {
    let place = Place::new();
    let mut command = place.command(["--mqtt", "127.0.0.1:0", "--memory"]);
    command.env("LMQ_MQQT", "x").env("LMQ_TLS_CERTS", "x");
    let (_, _, stderr) = Gateway::start(command).stop();
    let told: Vec<_> = stderr.lines().filter(|line| line.contains("means nothing")).collect();
    assert_eq!(told.len(), 2, "{stderr}");
    assert!(told[0].ends_with("this variable means nothing to the gateway name=\"LMQ_MQQT\""), "{}", told[0]);
    assert!(told[1].ends_with("name=\"LMQ_TLS_CERTS\""), "{}", told[1]);
}
