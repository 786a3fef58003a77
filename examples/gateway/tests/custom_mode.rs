//! Custom authentication: users of an instance's own, their permissions, and the black list, all over the OpenAPI.

mod common;

use common::{
    Place,
    peer::{Credentials, Peer, VERSIONS, sign, signed},
    service::{ACCESS_KEY, Account, INSTANCE, SECRET_KEY, start},
};

const A: &str = "GID_Test@@@a";
const B: &str = "GID_Test@@@b";

#[track_caller]
fn ask(account: &Account, action: &str, parameters: &[(&str, &str)]) {
    let all = [&[("InstanceId", INSTANCE)], parameters].concat();
    let answer = account.rpc("POST", action, &all);
    assert_eq!(answer.status, 200, "{action}: {}", answer.body);
}

fn user<'a>(username: &'a str, secret: &'a str, sign_mode: &'a str) -> [(&'a str, &'a str); 4] {
    [("IdentityType", "USER"), ("Username", username), ("Secret", secret), ("SignMode", sign_mode)]
}

fn about<'a>(kind: &'a str, identity: &'a str, topic: &'a str) -> [(&'a str, &'a str); 3] {
    [("IdentityType", kind), ("Identity", identity), ("Topic", topic)]
}

#[track_caller]
fn permit(account: &Account, whom: [(&str, &str); 3], effect: &str, action: &str) {
    ask(account, "AddCustomAuthPermission", &[&whom[..], &[("Effect", effect), ("PermitAction", action)]].concat());
}

fn credentials(username: &str, password: &str) -> Credentials {
    Some((username.to_owned(), password.to_owned()))
}

#[test]
fn a_user_does_what_is_permitted_and_nothing_else() {
    let place = Place::new();
    let gateway = start(&place);
    let mqtt = gateway.addr("mqtt");
    let account = Account::first(gateway.addr("ws"));
    ask(&account, "AddCustomAuthIdentity", &user("alice", "open sesame", "ORIGIN"));
    ask(&account, "AddCustomAuthIdentity", &user("bob", "secret-of-bob", "SIGNED"));
    for name in ["alice", "bob"] {
        permit(&account, about("USER", name, "TopicA/#"), "ALLOW", "PUB_SUB");
        permit(&account, about("USER", name, "TopicA/secret"), "DENY", "SUB");
    }
    permit(&account, about("CLIENT", A, "TopicA/admin"), "DENY", "PUB");
    for (version, wrong) in VERSIONS.into_iter().zip([4, 0x86]) {
        let signature = |client_id| sign("secret-of-bob", client_id);
        for (name, own) in [("alice", "open sesame".to_owned()), ("bob", signature(A))] {
            let own = credentials(name, &own);
            let come = || Peer::accepted(mqtt, version, A, &own);
            let mut client = come();
            client.subscribes("TopicA/x");
            client.publish("TopicA/secret", "this is allowed");
            client.publish("TopicA/x", "permitted");
            client.hears("TopicA/x", "permitted");
            for (topic, why) in [("TopicA/admin", "denied to the client"), ("TopicB/x", "not permitted")] {
                let mut client = come();
                client.publish(topic, why);
                client.is_closed();
            }
            for filter in ["TopicA/secret", "TopicA/#", "TopicB/x"] {
                let mut client = come();
                client.send(&client.subscribe_packet(filter));
                client.is_closed();
            }
        }
        let mut other = Peer::accepted(mqtt, version, B, &credentials("alice", "open sesame"));
        other.publish("TopicA/admin", "nobody denied it to this client");
        other.is_alive();
        for (name, password) in
            [("alice", "open"), ("alice", &sign("open sesame", A)), ("bob", "secret-of-bob"), ("bob", &signature(B))]
        {
            assert_eq!(Peer::connect(mqtt, version, A, &credentials(name, password)).code, wrong, "{name}");
        }
    }
}

#[test]
fn whoever_a_change_is_about_has_to_come_again() {
    let place = Place::new();
    let gateway = start(&place);
    let mqtt = gateway.addr("mqtt");
    let account = Account::first(gateway.addr("ws"));
    ask(&account, "AddCustomAuthIdentity", &user("carol", "carols", "ORIGIN"));
    ask(&account, "AddCustomAuthIdentity", &user("alice", "first", "ORIGIN"));
    let mut bystander = Peer::accepted(mqtt, 4, "GID_Test@@@c", &credentials("carol", "carols"));
    for (version, wrong) in VERSIONS.into_iter().zip([4, 0x86]) {
        let whom = about("USER", "alice", "TopicA/x");
        let come = |password| Peer::accepted(mqtt, version, A, &credentials("alice", password));
        let mut client = come("first");
        permit(&account, whom, "ALLOW", "PUB_SUB");
        client.is_closed();
        let mut client = come("first");
        client.subscribes("TopicA/x");
        ask(
            &account,
            "UpdateCustomAuthPermission",
            &[&whom[..], &[("Effect", "DENY"), ("PermitAction", "SUB")]].concat(),
        );
        client.is_closed();
        let mut client = come("first");
        client.send(&client.subscribe_packet("TopicA/x"));
        client.is_closed();
        let mut client = come("first");
        ask(&account, "DeleteCustomAuthPermission", &whom);
        client.is_closed();
        // What is about a client is also about it when it came in with everybody's user name.
        let mut client = come("first");
        let whom = about("CLIENT", A, "TopicA/y");
        permit(&account, whom, "ALLOW", "PUB");
        client.is_closed();
        ask(&account, "DeleteCustomAuthPermission", &whom);

        let mut client = come("first");
        ask(&account, "UpdateCustomAuthIdentity", &user("alice", "second", "ORIGIN"));
        client.is_closed();
        assert_eq!(Peer::connect(mqtt, version, A, &credentials("alice", "first")).code, wrong);
        let mut client = come("second");
        ask(&account, "DeleteCustomAuthIdentity", &[("IdentityType", "USER"), ("Username", "alice")]);
        client.is_closed();
        assert_eq!(Peer::connect(mqtt, version, A, &credentials("alice", "second")).code, wrong);
        ask(&account, "AddCustomAuthIdentity", &user("alice", "first", "ORIGIN"));
    }
    bystander.is_alive();
}

#[test]
fn the_black_list_comes_before_everything() {
    let place = Place::new();
    let gateway = start(&place);
    let mqtt = gateway.addr("mqtt");
    let account = Account::first(gateway.addr("ws"));
    ask(&account, "AddCustomAuthIdentity", &user("alice", "open sesame", "ORIGIN"));
    let token = account.token(lmq_id::Access::Read, &["TopicA/#"]);
    let modes = [
        credentials("alice", "open sesame"),
        signed("Signature", ACCESS_KEY, SECRET_KEY, INSTANCE, A),
        credentials(ACCESS_KEY, &sign(SECRET_KEY, "GID_Test")),
        credentials(&format!("Token|{ACCESS_KEY}|{INSTANCE}"), &format!("R|{token}")),
    ];
    let mut bystander = Peer::accepted(mqtt, 5, B, &credentials("alice", "open sesame"));
    for (version, banned) in VERSIONS.into_iter().zip([5, 0x8a]) {
        for mode in &modes {
            let mut client = Peer::accepted(mqtt, version, A, mode);
            ask(&account, "AddCustomAuthConnectBlack", &[("ClientId", A)]);
            client.is_closed();
            assert_eq!(Peer::connect(mqtt, version, A, mode).code, banned, "{mode:?}");
            ask(&account, "DeleteCustomAuthConnectBlack", &[("ClientId", A)]);
            Peer::accepted(mqtt, version, A, mode).is_alive();
        }
    }
    bystander.is_alive();
}
