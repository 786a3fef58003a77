//! Clients of the 2018 edition: CONNECT without credentials, then `$SYS/uploadToken`.

mod common;

use std::time::Duration;

use common::{
    Gateway, Place,
    admin::Admin,
    peer::{Heard, Peer, VERSIONS, signed},
    service::{ACCESS_KEY, Account, INSTANCE, SECRET_KEY, now_ms, start, start_awaiting},
};
use lmq_id::Access;
use serde_json::json;

const A: &str = "GID_Test@@@a";
const B: &str = "GID_Test@@@b";

fn bare(gateway: &Gateway, version: u8, client_id: &str, clean: bool) -> Peer {
    let peer = Peer::connect_with(gateway.addr("mqtt"), version, client_id, &None, clean);
    assert_eq!((peer.code, peer.present), (0, false));
    peer
}

fn account(gateway: &Gateway) -> Account {
    Account::first(gateway.addr("ws"))
}

#[test]
fn the_upload_lets_in_and_what_comes_with_it_is_served() {
    let place = Place::new();
    let gateway = start_awaiting(&place);
    let token = account(&gateway).token(Access::ReadWrite, &["TopicA/#"]);
    for version in VERSIONS {
        let mut client = bare(&gateway, version, A, true);
        client.is_alive();
        // Back to back, as the manual's sample sends them.
        let (upload, subscribe) = (client.upload_packet("RW", &token), client.subscribe_packet("TopicA/x"));
        client.send(&[upload, subscribe].concat());
        assert_eq!([client.hear(), client.hear()], [Heard::PubAck(7), Heard::SubAck(vec![1])]);
        client.publish("TopicA/x", "in");
        client.hears("TopicA/x", "in");
        client.publish("TopicB/x", "outside");
        client.is_told(4, "RW");
    }
}

#[test]
fn who_has_no_token_kicks_nobody_and_reads_no_mail() {
    let place = Place::new();
    let gateway = start_awaiting(&place);
    let token = account(&gateway).token(Access::ReadWrite, &["TopicA/#"]);
    for version in VERSIONS {
        let own = signed("Signature", ACCESS_KEY, SECRET_KEY, INSTANCE, A);
        let mut device = Peer::connect_with(gateway.addr("mqtt"), version, A, &own, false);
        device.subscribes("TopicA/mail");
        let mut nobody = bare(&gateway, version, A, false);
        device.publish("TopicA/mail", "for the device");
        device.hears("TopicA/mail", "for the device");
        nobody.is_alive();

        // The device leaves, mail comes, and still it is not nobody's.
        device.breaks();
        let sender = signed("Signature", ACCESS_KEY, SECRET_KEY, INSTANCE, B);
        let mut sender = Peer::accepted(gateway.addr("mqtt"), version, B, &sender);
        let mail = sender.publish_packet("TopicA/mail", "while away", Some(1));
        sender.send(&mail);
        assert_eq!(sender.hear(), Heard::PubAck(1));
        nobody.is_alive();
        nobody.breaks();

        // With a token it is the device: its session is there, and so is its mail.
        let mut back = bare(&gateway, version, A, false);
        back.send(&back.upload_packet("RW", &token));
        let heard = [back.hear(), back.hear()];
        let mail = Heard::Message { topic: "TopicA/mail".to_owned(), payload: "while away".to_owned() };
        assert!(heard.contains(&Heard::PubAck(7)) && heard.contains(&mail), "{heard:?}");
        let mut again = bare(&gateway, version, A, true);
        back.is_alive();
        again.uploads("RW", &token);
        if version == 5 {
            assert_eq!(back.hear(), Heard::Disconnect(0x8e));
        }
        assert_eq!(back.hear(), Heard::End, "now it was taken over");
    }
}

#[test]
fn what_needs_a_right_before_the_upload_closes() {
    let place = Place::new();
    let gateway = start_awaiting(&place);
    for version in VERSIONS {
        let client = bare(&gateway, version, A, true);
        for packet in [client.subscribe_packet("TopicA/x"), client.publish_packet("TopicA/x", "early", Some(1))] {
            let mut client = bare(&gateway, version, A, true);
            client.send(&packet);
            client.is_closed();
        }
    }
}

#[test]
fn an_upload_that_is_not_taken_is_told_why() {
    let place = Place::new();
    let gateway = start_awaiting(&place);
    let (account, other) = (account(&gateway), Account::other(gateway.addr("ws")));
    let (read, revoked) = (account.token(Access::Read, &["TopicA/#"]), account.token(Access::Read, &["TopicA/#"]));
    account.revoke(&revoked);
    let foreign = other.token(Access::Read, &["TopicA/#"]);
    for version in VERSIONS {
        for (access, token, code) in [("R", "bm8gdG9rZW4", 1), ("R", &revoked, 3), ("RW", &read, 5), ("R", &foreign, 8)]
        {
            let mut client = bare(&gateway, version, A, true);
            client.send(&client.upload_packet(access, token));
            client.is_told(code, access);
        }
    }
}

/// Ten seconds are the time for it.
#[test]
fn who_uploads_nothing_is_closed() {
    let place = Place::new();
    let gateway = start_awaiting(&place);
    let waiting: Vec<_> = VERSIONS.iter().map(|version| (*version, bare(&gateway, *version, A, true))).collect();
    for (version, mut client) in waiting {
        let after = client.closed_after();
        // The second one was heard when the first had ended.
        assert!(after < Duration::from_secs(15) && (version == 5 || after > Duration::from_secs(8)), "{after:?}");
    }
}

#[test]
fn the_switch_is_off_until_it_is_turned() {
    let place = Place::new();
    let gateway = start(&place);
    let (mqtt, admin) = (gateway.addr("mqtt"), Admin::of(&place, &gateway));
    for (version, code) in VERSIONS.into_iter().zip([4, 0x86]) {
        assert_eq!(Peer::connect(mqtt, version, A, &None).code, code);
    }
    let shown = admin.get(&format!("/instances/{INSTANCE}"));
    assert_eq!(shown["awaits_tokens"], false);
    let refused = format!(
        "the instance \"{INSTANCE}\" comes from the configuration file, or is the demo's; it cannot be changed here"
    );
    let (status, answer) = admin.call("PATCH", &format!("/instances/{INSTANCE}"), &json!({ "awaits_tokens": true }));
    assert_eq!((status, answer["error"].as_str()), (409, Some(refused.as_str())));
}

#[test]
fn key_and_group_are_live() {
    let place = Place::new();
    let ports = ["--mqtt", "127.0.0.1:0", "--ws", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    let config = "profile = \"lmq\"\n[[instance]]\nid = \"inst-f\"\ntopics = \"TopicA\"\nawaits-tokens = true\n";
    place.file("gateway.toml", config);
    let gateway = place.start(["--config", "gateway.toml"].iter().chain(&ports));
    let admin = Admin::of(&place, &gateway);
    admin.post("/instances/inst-f/accounts", json!({ "account": "acc" }));
    admin.post("/instances/inst-f/groups", json!({ "group": "GID_one", "account": "acc" }));
    let key = admin.post("/instances/inst-f/keys", json!({ "account": "acc", "access_key": "AKA" }));
    let secret_key = key["secret_key"].as_str().unwrap().to_owned().leak();
    let account = Account { addr: gateway.addr("ws"), access_key: "AKA", secret_key };
    let token = account.token_at("inst-f", Access::Read, &["TopicA/#"], now_ms() + 3_600_000);
    let (id, key) = ("GID_one@@@a", "/instances/inst-f/keys/AKA");
    for version in VERSIONS {
        let (mut early, mut late) = (bare(&gateway, version, id, true), bare(&gateway, version, id, true));
        early.uploads("R", &token);
        admin.patch(key, json!({ "enabled": false }));
        early.is_closed();
        late.send(&late.upload_packet("R", &token));
        late.is_told(-1, "R");
        admin.patch(key, json!({ "enabled": true }));
    }
    let group = "/instances/inst-f/groups/GID_one";
    admin.patch(group, json!({ "status": "frozen" }));
    assert_eq!(Peer::connect(gateway.addr("mqtt"), 4, id, &None).code, 5);
    assert_eq!(Peer::connect(gateway.addr("mqtt"), 4, "GID_two@@@a", &None).code, 2);
}
