//! Devices with a credential of their own.

mod common;

use common::{
    Place,
    admin::Admin,
    peer::{Credentials, Peer, VERSIONS, signed},
    service::{Account, INSTANCE, start},
};
use serde_json::{Value, json};

const A: &str = "GID_Test@@@a";
const B: &str = "GID_Test@@@b";

/// Calls an action about the client `A`; access key and secret of the answer.
#[track_caller]
fn asked(account: &Account, action: &str) -> (String, String) {
    let answer = account.rpc("POST", action, &[("InstanceId", INSTANCE), ("ClientId", A)]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let credential = &answer.json()["DeviceCredential"];
    let of = |member: &str| credential[member].as_str().unwrap_or_default().to_owned();
    (of("DeviceAccessKeyId"), of("DeviceAccessKeySecret"))
}

fn device(access_key: &str, secret: &str, client_id: &str) -> Credentials {
    signed("DeviceCredential", access_key, secret, INSTANCE, client_id)
}

#[test]
fn a_device_lives_as_long_as_its_secret() {
    let place = Place::new();
    let gateway = start(&place);
    let mqtt = gateway.addr("mqtt");
    let account = Account::first(gateway.addr("ws"));
    for (version, wrong) in VERSIONS.into_iter().zip([4, 0x86]) {
        let (access_key, old) = asked(&account, "RegisterDeviceCredential");
        let connect = |secret: &str| Peer::connect(mqtt, version, A, &device(&access_key, secret, A));
        let mut client = connect(&old);
        client.subscribes("TopicA/x");
        client.publish("TopicA/x", "everything of its account");
        client.hears("TopicA/x", "everything of its account");
        assert_eq!(Peer::connect(mqtt, version, B, &device(&access_key, &old, B)).code, wrong, "another client's");

        let (same, new) = asked(&account, "RefreshDeviceCredential");
        assert!(same == access_key && new != old);
        client.is_closed();
        assert_eq!(connect(&old).code, wrong);
        let mut client = connect(&new);
        client.is_alive();
        asked(&account, "UnRegisterDeviceCredential");
        client.is_closed();
        assert_eq!(connect(&new).code, wrong);
    }
}

#[test]
fn operators_refresh_and_delete_credentials_and_groups_too() {
    let place = Place::new();
    let gateway = start(&place);
    let (mqtt, admin) = (gateway.addr("mqtt"), Admin::of(&place, &gateway));
    admin.tenant("inst-a", "AKA");
    let (id, path) = ("GID_one@@@a", "/instances/inst-a/device-credentials");
    for version in VERSIONS {
        let made = admin.post(path, json!({ "client_id": id }));
        let come = |of: &Value| {
            let text = |member: &str| of[member].as_str().unwrap().to_owned();
            let credentials = signed("DeviceCredential", &text("access_key"), &text("secret_key"), "inst-a", id);
            Peer::connect(mqtt, version, id, &credentials)
        };
        let mut client = come(&made);
        let (status, renewed) = admin.call("POST", &format!("{path}/GID_one%40@@a/refresh"), &Value::Null);
        assert_eq!(status, 200, "{renewed}");
        client.is_closed();
        let mut client = come(&renewed);
        let group = "/instances/inst-a/groups/GID_one";
        admin.patch(group, json!({ "status": "frozen" }));
        client.is_closed();
        assert_eq!(come(&renewed).code, if version == 5 { 0x87 } else { 5 });
        admin.patch(group, json!({ "status": "serving" }));
        let mut client = come(&renewed);
        admin.delete(&format!("{path}/GID_one%40@@a"));
        client.is_closed();
        assert_eq!(come(&renewed).code, if version == 5 { 0x86 } else { 4 });
    }
}
