//! The token server, as the product's sample programs speak to it.

mod common;

use std::net::SocketAddr;

use common::{
    Place,
    service::{Account, Answer, INSTANCE, encoded, exchange, post, post_form, send, start},
};
use lmq_auth::{
    Signature,
    request::{TokenQuery, TokenRevoke},
};
use serde_json::Value;

const TOPICS: [&str; 2] = ["TopicA/+", "TopicB/#"];

fn code(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 200, "samples read the body of a 200 only");
    let json = answer.json();
    assert_eq!(json["success"], Value::from(json["code"] == 200), "{json}");
    json["code"].as_u64().unwrap()
}

#[track_caller]
fn token(answer: &Answer) -> String {
    assert_eq!(code(answer), 200, "{}", answer.body);
    let json = answer.json();
    assert_eq!(json["message"], "success");
    let token = json["tokenData"].as_str().unwrap().to_owned();
    assert!(!token.is_empty() && !token.contains(['|', ',']), "{token}");
    token
}

fn query(account: &Account, token: &str) -> Answer {
    let form = TokenQuery::new(token).unwrap().sign(account.access_key, &account.key());
    post_form(account.addr, "/token/query", &encoded(&form))
}

fn revoke(account: &Account, token: &str) -> Answer {
    let form = TokenRevoke::new(token).unwrap().sign(account.access_key, &account.key());
    post_form(account.addr, "/token/revoke", &encoded(&form))
}

fn multipart(addr: SocketAddr, path: &str, parts: &[(&str, &str)]) -> Answer {
    let mut body = String::new();
    for (name, value) in parts {
        body += &format!("--xXx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    post(addr, path, "multipart/form-data; boundary=xXx", (body + "--xXx--\r\n").as_bytes())
}

/// Parameters that are not those of `application`, signed by hand.
fn signed<'a>(account: &Account, signed: &[(&'a str, &'a str)], unsigned: &[(&'a str, &'a str)]) -> String {
    let mut texts: Vec<_> = signed.iter().map(|(key, value)| format!("{key}={value}")).collect();
    texts.sort();
    let signature = Signature::of_text(&account.key(), &texts.join("&")).to_base64();
    let own = [("accessKey", account.access_key), ("signature", signature.as_str())];
    encoded(&[signed, unsigned, &own].concat())
}

#[test]
fn a_token_from_birth_to_death() {
    let place = Place::new();
    let gateway = start(&place);
    let account = Account::first(gateway.addr("ws"));
    let form = account.application(&TOPICS);
    let token = token(&post_form(account.addr, "/token/apply", &encoded(&form)));
    let told = query(&account, &token).json();
    let text = told["tokenData"].as_str().unwrap();
    assert!(told["code"] == 200 && text.contains(INSTANCE) && text.contains("2 resources"), "{told}");
    let other = Account::other(account.addr);
    assert_eq!(code(&query(&other, &token)), 1, "no other account learns of it");
    assert_eq!(code(&revoke(&other, &token)), 1);
    assert_eq!(code(&query(&account, &token)), 200);
    assert_eq!(code(&revoke(&account, &token)), 200);
    assert_eq!(code(&query(&account, &token)), 3);
    assert_eq!(code(&revoke(&account, &token)), 200, "again is no error");
    assert_eq!(code(&query(&account, "bm8gdG9rZW4")), 1);
    // Durable.
    assert!(gateway.stop().0.success());
    let gateway = start(&place);
    let account = Account::first(gateway.addr("http"));
    assert_eq!(code(&query(&account, &token)), 3);
}

#[test]
fn every_form_of_request() {
    let place = Place::new();
    let gateway = start(&place);
    for kind in ["ws", "http"] {
        let account = Account::first(gateway.addr(kind));
        let pairs = account.application(&TOPICS);
        let form = encoded(&pairs);
        let get = |query: &str| {
            send(account.addr, &format!("GET /token/apply?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
        };
        token(&get(&form));
        token(&post_form(account.addr, "/token/apply", &form));
        token(&post_form(account.addr, &format!("/token/apply?{form}"), ""));
        let parts: Vec<_> = pairs.iter().map(|(key, value)| (*key, value.as_str())).collect();
        token(&multipart(account.addr, "/token/apply", &parts));
        let (query, body) = pairs.split_at(2);
        token(&post_form(account.addr, &format!("/token/apply?{}", encoded(query)), &encoded(body)));
        let chunked = format!(
            "POST /token/apply HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{form}\r\n0\r\n\r\n",
            form.len()
        );
        token(&send(account.addr, &chunked));
    }
}

#[test]
fn rules_of_apply() {
    let place = Place::new();
    let gateway = start(&place);
    let account = Account::first(gateway.addr("http"));
    let far = "99999999999999";
    let all = [("actions", "R"), ("resources", "TopicA/#"), ("expireTime", far), ("serviceName", "mq")];
    let apply = |form: &str| post_form(account.addr, "/token/apply", form);
    token(&apply(&signed(&account, &all, &[])));
    token(&apply(&signed(&account, &all, &[("proxyType", "MQTT")])));
    token(&apply(&signed(&account, &[("instanceId", INSTANCE), all[0], all[1], all[2], all[3]], &[])));
    for left_out in 0..all.len() {
        let mut some = all.to_vec();
        let (name, _) = some.remove(left_out);
        let answer = apply(&signed(&account, &some, &[]));
        assert!(code(&answer) == 400 && answer.body.contains(name), "{name}: {}", answer.body);
    }
    let soon = (common::service::now_ms() + 50_000).to_string();
    for (name, wrong) in [
        ("actions", "RW"),
        ("resources", "TopicC/#"),
        ("resources", "#"),
        ("resources", "TopicA/x#"),
        ("expireTime", soon.as_str()),
        ("expireTime", "-1"),
        ("serviceName", "ons"),
        ("instanceId", "mqtt-cn-nothere1"),
        ("instanceId", common::service::OTHER_INSTANCE),
    ] {
        let kept = all.iter().copied().filter(|(key, _)| *key != name);
        let form = signed(&account, &kept.chain([(name, wrong)]).collect::<Vec<_>>(), &[]);
        assert_eq!(code(&apply(&form)), 400, "{name}={wrong}");
    }
    let many = vec!["TopicA/x"; 101].join(",");
    let form = signed(&account, &[("actions", "R"), ("resources", &many), all[2], all[3]], &[]);
    assert_eq!(code(&apply(&form)), 400);
}

#[test]
fn a_wrong_signature_and_an_unknown_key_are_told_alike() {
    let place = Place::new();
    let gateway = start(&place);
    let addr = gateway.addr("http");
    let wrong = Account { secret_key: "wrong", ..Account::first(addr) };
    let unknown = Account { access_key: "LTAI4Nobody", ..Account::first(addr) };
    let answers = [wrong, unknown].map(|account| {
        let apply = post_form(addr, "/token/apply", &encoded(&account.application(&TOPICS)));
        [apply, query(&account, "dG9rZW4"), revoke(&account, "dG9rZW4")]
    });
    for (wrong, unknown) in answers[0].iter().zip(&answers[1]) {
        assert_eq!(code(wrong), 407);
        assert_eq!(wrong.body, unknown.body);
    }
    let form = encoded(&Account::first(addr).application(&TOPICS)).replace("TopicB", "TopicA");
    assert_eq!(code(&post_form(addr, "/token/apply", &form)), 407, "changed on the way");
}

#[test]
fn hostile_requests() {
    let place = Place::new();
    let gateway = start(&place);
    let account = Account::first(gateway.addr("ws"));
    let addr = account.addr;
    let form = encoded(&account.application(&TOPICS));
    let twice = format!("{form}&actions=R");
    for (kind, body) in [
        ("application/x-www-form-urlencoded", twice.as_bytes()),
        ("application/x-www-form-urlencoded", b"actions=%ff%fe".as_slice()),
        ("application/x-www-form-urlencoded", b"actions=\xff\xfe"),
        ("application/x-www-form-urlencoded", b"actions=%4"),
        ("application/x-www-form-urlencoded", b"=x"),
        ("application/json", b"{}"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nnever closed"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nno name\r\n--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\xff\r\n--b--\r\n",
        ),
    ] {
        let answer = post(addr, "/token/apply", kind, body);
        assert_eq!(code(&answer), 400, "{}", String::from_utf8_lossy(body));
    }
    let in_both = post_form(addr, "/token/apply?actions=R", &form);
    assert_eq!(code(&in_both), 400);
    let many: Vec<_> = (0..200).map(|at| format!("p{at}=x")).collect();
    assert_eq!(code(&post_form(addr, "/token/apply", &many.join("&"))), 400);
    let parts: Vec<_> = (0..200).map(|at| format!("p{at}")).collect();
    let parts: Vec<_> = parts.iter().map(|name| (name.as_str(), "x")).collect();
    assert_eq!(code(&multipart(addr, "/token/apply", &parts)), 400);
    assert_eq!(code(&post(addr, "/token/apply", "application/x-www-form-urlencoded", &[b'x'; 65 * 1024])), 400);
    let bad_chunk = b"POST /token/apply HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n";
    let answer = exchange(addr, bad_chunk);
    assert!(answer.status == 400 || code(&answer) == 400, "{}", answer.head);
    assert_eq!(send(addr, "GET /token/other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status, 404);
    token(&post_form(addr, "/token/apply", &form));
}

#[test]
fn calls_are_limited_by_account() {
    let place = Place::new();
    let gateway = start(&place);
    let (account, other) = (Account::first(gateway.addr("http")), Account::other(gateway.addr("http")));
    let limited = (0..300).map(|_| revoke(&account, "dG9rZW4")).find(|answer| code(answer) == 400);
    assert!(limited.expect("100 a second are let through").body.contains("too many calls"));
    assert_eq!(code(&revoke(&other, "dG9rZW4")), 1, "others are not held up");
    assert_eq!(code(&query(&account, "dG9rZW4")), 1, "nor other calls");
}
