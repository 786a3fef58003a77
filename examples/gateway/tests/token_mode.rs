//! Clients with tokens, from `/token/apply` to `$SYS/tokenInvalidNotice`, in both versions of MQTT.

mod common;

use common::{
    Place,
    admin::Admin,
    peer::{Credentials, Heard, Peer, VERSIONS, signed},
    service::{ACCESS_KEY, Account, INSTANCE, OTHER_INSTANCE, OTHER_KEY, SECRET_KEY, now_ms, start},
};
use lmq_id::Access;
use serde_json::{Value, json};

const A: &str = "GID_Test@@@a";
const B: &str = "GID_Test@@@b";

fn holder(tokens: &[(&str, &str)]) -> Credentials {
    let pairs: Vec<_> = tokens.iter().map(|(access, token)| format!("{access}|{token}")).collect();
    Some((format!("Token|{ACCESS_KEY}|{INSTANCE}"), pairs.join("|")))
}

/// The notice that a token ends, and when.
#[track_caller]
fn ends(heard: Heard) -> u64 {
    let Heard::Message { topic, payload } = heard else { panic!("{heard:?}") };
    assert_eq!(topic, "$SYS/tokenExpireNotice");
    let notice: Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(notice["type"], "R");
    notice["expireTime"].as_u64().unwrap()
}

#[test]
fn a_token_is_good_for_its_resources() {
    let place = Place::new();
    let gateway = start(&place);
    let mqtt = gateway.addr("mqtt");
    let account = Account::first(gateway.addr("ws"));
    for version in VERSIONS {
        let token = account.token(Access::ReadWrite, &["TopicA/#"]);
        let mut client = Peer::accepted(mqtt, version, A, &holder(&[("RW", &token)]));
        client.subscribes("TopicA/x");
        client.publish("TopicA/x", "inside");
        client.hears("TopicA/x", "inside");
        client.publish("TopicB/x", "outside");
        client.is_told(4, "RW");
        let mut client = Peer::accepted(mqtt, version, A, &holder(&[("RW", &token)]));
        let subscribe = client.subscribe_packet("TopicB/x");
        client.send(&subscribe);
        client.is_told(4, "RW");
    }
}

#[test]
fn a_token_is_good_in_its_direction_and_two_in_theirs() {
    let place = Place::new();
    let gateway = start(&place);
    let mqtt = gateway.addr("mqtt");
    let account = Account::first(gateway.addr("http"));
    let (read, write) = (account.token(Access::Read, &["TopicA/#"]), account.token(Access::Write, &["TopicB/#"]));
    for version in VERSIONS {
        let mut reader = Peer::accepted(mqtt, version, A, &holder(&[("R", &read)]));
        reader.subscribes("TopicA/x");
        reader.publish("TopicA/x", "no right");
        reader.is_told(5, "R");
        let mut writer = Peer::accepted(mqtt, version, A, &holder(&[("W", &write)]));
        let subscribe = writer.subscribe_packet("TopicB/x");
        writer.send(&subscribe);
        writer.is_told(5, "W");
        let mut both = Peer::accepted(mqtt, version, A, &holder(&[("W", &write), ("R", &read)]));
        both.subscribes("TopicA/x");
        both.publish("TopicB/x", "in its direction");
        both.is_alive();
        both.publish("TopicA/x", "not in this one");
        both.is_told(4, "W");
    }
}

#[test]
fn a_revoked_token_ends_what_lives_on_it_and_nothing_else() {
    let place = Place::new();
    let gateway = start(&place);
    let mqtt = gateway.addr("mqtt");
    let account = Account::first(gateway.addr("ws"));
    let over_openapi = |token: &str| {
        let answer = account.rpc("POST", "RevokeToken", &[("InstanceId", INSTANCE), ("Token", token)]);
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    let over_token_server = |token: &str| account.revoke(token);
    let ways: [&dyn Fn(&str); 2] = [&over_token_server, &over_openapi];
    for (version, revoke) in VERSIONS.into_iter().zip(ways) {
        let (gone, stays) =
            (account.token(Access::ReadWrite, &["TopicA/#"]), account.token(Access::ReadWrite, &["TopicA/#"]));
        let mut one = Peer::accepted(mqtt, version, A, &holder(&[("RW", &gone)]));
        let mut two = Peer::accepted(mqtt, version, B, &holder(&[("RW", &stays)]));
        revoke(&gone);
        one.is_told(3, "RW");
        two.is_alive();
        let code = Peer::connect(mqtt, version, A, &holder(&[("RW", &gone)])).code;
        assert_eq!(code, if version == 5 { 0x86 } else { 4 });
    }
}

#[test]
fn what_is_refused_with_the_connect_and_how() {
    let place = Place::new();
    let gateway = start(&place);
    let mqtt = gateway.addr("mqtt");
    let account = Account::first(gateway.addr("ws"));
    let good = account.token(Access::Read, &["TopicA/#"]);
    let foreign = Account::other(account.addr).token(Access::Read, &["TopicA/#"]);
    let elsewhere =
        Account::other(account.addr).token_at(OTHER_INSTANCE, Access::Read, &["TopicA/#"], now_ms() + 3_600_000);
    let mut forged = good.clone().into_bytes();
    forged[10] ^= 1;
    let forged = String::from_utf8(forged).unwrap();
    let of = |access_key: &str, password: String| Some((format!("Token|{access_key}|{INSTANCE}"), password));
    let (bad, no_right, no_group) = ([4, 0x86], [5, 0x87], [2, 0x85]);
    let cases = [
        ("forged", A, of(ACCESS_KEY, format!("R|{forged}")), bad),
        ("forged, of a key that is not there", A, of("LTAI4Nobody", format!("R|{forged}")), bad),
        ("one of two forged", A, of(ACCESS_KEY, format!("R|{good}|W|{forged}")), bad),
        ("no type", A, of(ACCESS_KEY, good.clone()), bad),
        ("the same type twice", A, of(ACCESS_KEY, format!("R|{good}|R|{good}")), bad),
        ("joined by another sign", A, of(ACCESS_KEY, format!("R|{good}^W|{good}")), bad),
        ("of another type", A, of(ACCESS_KEY, format!("RW|{good}")), no_right),
        ("of another account", A, of(ACCESS_KEY, format!("R|{foreign}")), no_right),
        ("of another instance", "GID_Other@@@a", of(OTHER_KEY, format!("R|{elsewhere}")), no_right),
        ("for another account's group", "GID_Other@@@a", of(ACCESS_KEY, format!("R|{good}")), no_right),
        ("for no group", "GID_None@@@a", of(ACCESS_KEY, format!("R|{good}")), no_group),
    ];
    for (version, at) in VERSIONS.into_iter().zip(0..) {
        for (what, client_id, credentials, codes) in &cases {
            let mut peer = Peer::connect(mqtt, version, client_id, credentials);
            assert_eq!(peer.code, codes[at], "{what}, version {version}");
            assert_eq!(peer.hear(), Heard::End, "{what}");
        }
        Peer::accepted(mqtt, version, A, &of(ACCESS_KEY, format!("R|{good}"))).is_alive();
    }
}

#[test]
fn a_token_is_replaced_on_a_live_connection() {
    let place = Place::new();
    let gateway = start(&place);
    let mqtt = gateway.addr("mqtt");
    let account = Account::first(gateway.addr("ws"));
    let foreign = Account::other(account.addr).token(Access::ReadWrite, &["TopicA/#"]);
    for version in VERSIONS {
        let (old, new) =
            (account.token(Access::ReadWrite, &["TopicA/#"]), account.token(Access::ReadWrite, &["TopicB/#"]));
        let come = || Peer::accepted(mqtt, version, A, &holder(&[("RW", &old)]));
        for (access, token, code) in [("RW", foreign.as_str(), 8), ("R", &new, 5), ("RW", "bm8gdG9rZW4", 1)] {
            let mut client = come();
            client.send(&client.upload_packet(access, token));
            client.is_told(code, access);
        }
        let mut client = come();
        client.uploads("RW", &new);
        client.uploads("RW", &new);
        account.revoke(&old);
        client.is_alive();
        client.subscribes("TopicB/x");
        client.publish("TopicA/x", "only the old one gave this");
        client.is_told(4, "RW");
    }
}

/// Who comes in with a signature may add a token, and is bound to it from then on.
#[test]
fn a_signature_and_a_token() {
    let place = Place::new();
    let gateway = start(&place);
    let account = Account::first(gateway.addr("ws"));
    for version in VERSIONS {
        let token = account.token(Access::Read, &["TopicA/#"]);
        let credentials = signed("Signature", ACCESS_KEY, SECRET_KEY, INSTANCE, A);
        let mut client = Peer::accepted(gateway.addr("mqtt"), version, A, &credentials);
        client.uploads("R", &token);
        client.publish("TopicB/x", "its signature gives this");
        client.is_alive();
        account.revoke(&token);
        client.is_told(3, "R");
    }
}

#[test]
fn a_token_of_a_minute_is_announced_to_end_at_once() {
    let place = Place::new();
    let gateway = start(&place);
    let account = Account::first(gateway.addr("ws"));
    for version in VERSIONS {
        let expires = now_ms() + 65_000;
        let token = account.token_at(INSTANCE, Access::Read, &["TopicA/#"], expires);
        let mut client = Peer::accepted(gateway.addr("mqtt"), version, A, &holder(&[("R", &token)]));
        assert_eq!(ends(client.hear()), expires);
        client.is_alive();
    }
}

#[test]
fn a_key_and_an_account_that_go_take_their_tokens_along() {
    let place = Place::new();
    let gateway = start(&place);
    let (mqtt, admin) = (gateway.addr("mqtt"), Admin::of(&place, &gateway));
    let secret_key = admin.tenant("inst-a", "AKA").leak();
    let account = Account { addr: gateway.addr("ws"), access_key: "AKA", secret_key };
    let (id, key, acc) = ("GID_one@@@a", "/instances/inst-a/keys/AKA", "/instances/inst-a/accounts/acc");
    for (version, path) in VERSIONS.into_iter().zip([key, acc]) {
        let token = account.token_at("inst-a", Access::Read, &["TopicA/#"], now_ms() + 3_600_000);
        let credentials = Some(("Token|AKA|inst-a".to_owned(), format!("R|{token}")));
        let mut client = Peer::accepted(mqtt, version, id, &credentials);
        admin.patch(path, json!({ "enabled": false }));
        client.is_closed();
        assert_eq!(Peer::connect(mqtt, version, id, &credentials).code, if version == 5 { 0x87 } else { 5 });
        admin.patch(path, json!({ "enabled": true }));
        Peer::accepted(mqtt, version, id, &credentials);
    }
}
