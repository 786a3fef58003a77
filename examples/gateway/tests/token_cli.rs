//! `gateway token`, and signed requests of `gateway sign`.

mod common;

use common::{
    Gateway, Place, output,
    service::{ACCESS_KEY, INSTANCE, SECRET_KEY, post_form, send, start},
    text,
};

fn token(place: &Place, gateway: &Gateway, words: &[&str]) -> std::process::Output {
    let address = gateway.addr("http").to_string();
    let mut command = place.command(["token"].iter().chain(words).chain(&["--address", &address]));
    command.env("LMQ_ACCESS_KEY", ACCESS_KEY).env("LMQ_SECRET_KEY", SECRET_KEY).env("LMQ_INSTANCE", INSTANCE);
    output(&mut command)
}

fn sign(place: &Place, words: &[&str]) -> (String, String) {
    let own = ["sign", "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY, "--instance", INSTANCE];
    let output = place.run(own.iter().chain(words));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = text(&output.stdout).trim_end().split_once('\n').unwrap();
    let (path, parameters) = (lines.0.strip_prefix("path ").unwrap(), lines.1.strip_prefix("parameters ").unwrap());
    (path.to_owned(), parameters.to_owned())
}

#[test]
fn a_token_from_the_command_line() {
    let place = Place::new();
    let gateway = start(&place);
    let minted = token(&place, &gateway, &["mint", "TopicA/+", "TopicB/#", "--actions", "R", "--life", "2h"]);
    assert!(minted.status.success(), "{}", text(&minted.stderr));
    let made = text(&minted.stdout).trim_end().to_owned();
    let shown = token(&place, &gateway, &["show", &made]);
    assert!(text(&shown.stdout).contains(": R on 2 resources until "), "{}", text(&shown.stdout));
    assert_eq!(text(&token(&place, &gateway, &["revoke", &made]).stdout), "revoked\n");
    let shown = token(&place, &gateway, &["show", &made]);
    assert_eq!(shown.status.code(), Some(2));
    assert_eq!(text(&shown.stderr), "gateway: refused with code 3: token was revoked\n");
    for (words, line) in [
        (vec!["mint", "TopicA/#", "--life", "1s"], "--life: \"1s\" is out of range; from 60s to 2592000s is allowed"),
        (vec!["mint", "TopicA/#", "--actions", "X"], "--actions: \"X\" is not R, W or R,W"),
        (vec!["mint", "TopicA/x#"], "--resources: parameter resources is invalid"),
    ] {
        assert_eq!(text(&token(&place, &gateway, &words).stderr), format!("gateway: {line}\n"));
    }
}

#[test]
fn signed_requests_are_answered() {
    let place = Place::new();
    let gateway = start(&place);
    let addr = gateway.addr("http");
    let (path, form) = sign(&place, &["--request", "apply", "--resources", "TopicA/+,TopicB/#"]);
    assert_eq!(path, "/token/apply");
    let answer = post_form(addr, &path, &form).json();
    assert_eq!(answer["code"], 200, "{answer}");
    let token = answer["tokenData"].as_str().unwrap();
    for request in ["query", "revoke"] {
        let (path, query) = sign(&place, &["--request", request, "--token", token]);
        let answer = send(addr, &format!("GET {path}?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).json();
        assert_eq!(answer["code"], 200, "{request}: {answer}");
    }
    let (path, query) = sign(&place, &["--request", "status", "--client-id", "GID_Test@@@0001"]);
    assert_eq!(path, "/route/clientId/get");
    assert!(
        query.contains("resource=GID_Test%40%40%400001") && query.contains(&format!("instanceId={INSTANCE}")),
        "{query}"
    );
}
