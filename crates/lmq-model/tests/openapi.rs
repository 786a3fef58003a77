//! The keys of the management API, as the product's own packages write and read them.
#![cfg(feature = "json")]

use lmq_model::openapi::{
    Action, AddCustomAuthIdentity, ApplyToken, ApplyTokenReply, CustomIdentity, DeviceCredential,
    DeviceCredentialReply, Done, ErrorReply, Judged, ListDeviceCredentialClientId, PageOf, QueryCustomAuthIdentity,
    QueryToken, Reply,
};
use serde::de::{
    DeserializeOwned,
    value::{Error, MapDeserializer},
};
use serde_json::{Value, json};

/// As a query or form brings it: everything is text.
fn read<T: DeserializeOwned>(pairs: &[(&str, &str)]) -> Result<T, Error> {
    T::deserialize(MapDeserializer::new(pairs.iter().copied()))
}

fn reply<T: serde::Serialize>(answer: T) -> Value {
    serde_json::to_value(Reply { request_id: "R-1".to_owned(), answer }).unwrap()
}

#[test]
fn requests_are_read_from_parameters() {
    let pairs = [
        ("InstanceId", "mqtt-cn-test0001"),
        ("Resources", "TopicA/+,TopicB/#"),
        ("Actions", "R,W"),
        ("ExpireTime", "1893456000000"),
        ("RegionId", "cn-hangzhou"),
    ];
    let apply: ApplyToken = read(&pairs).unwrap();
    assert_eq!(
        (apply.expire_time, &*apply.actions, &*apply.resources),
        (1_893_456_000_000, "R,W", "TopicA/+,TopicB/#")
    );
    for wrong in ["", "1e3", "-1", " 1", "18446744073709551616", "true"] {
        let error = read::<ApplyToken>(&[&pairs[..3], &[("ExpireTime", wrong)]].concat()).unwrap_err();
        assert_eq!(error.to_string(), "not a whole number", "{wrong:?}");
    }
    assert!(read::<ApplyToken>(&pairs[1..]).is_err(), "the instance is missing");
}

#[test]
fn what_may_be_left_out_may_also_be_empty() {
    let needed = [("InstanceId", "i"), ("GroupId", "GID_Test"), ("PageSize", "10")];
    let list: ListDeviceCredentialClientId = read(&needed).unwrap();
    assert_eq!((list.page_no, list.next_token, list.page_size), (None, None, 10));
    let list: ListDeviceCredentialClientId =
        read(&[&needed[..], &[("PageNo", ""), ("NextToken", "")]].concat()).unwrap();
    assert_eq!((list.page_no, list.next_token), (None, None));
    let list: ListDeviceCredentialClientId =
        read(&[&needed[..], &[("PageNo", "3"), ("NextToken", "n")]].concat()).unwrap();
    assert_eq!((list.page_no, list.next_token.as_deref()), (Some(3), Some("n")));
}

#[test]
fn required_parameters_are_those_without_which_it_is_not_read() {
    fn check<T: Action>() {
        let all: Vec<_> = T::REQUIRED.iter().map(|name| (*name, "1")).collect();
        assert!(read::<T>(&all).is_ok(), "{}", T::NAME);
        for left_out in 0..all.len() {
            let mut some = all.clone();
            let (name, _) = some.remove(left_out);
            assert!(read::<T>(&some).is_err(), "{} was read without {name}", T::NAME);
        }
    }
    check::<ApplyToken>();
    check::<QueryToken>();
    check::<ListDeviceCredentialClientId>();
    check::<AddCustomAuthIdentity>();
    check::<QueryCustomAuthIdentity>();
}

#[test]
fn answers_have_the_keys_of_the_wire() {
    assert_eq!(reply(ApplyTokenReply { token: "t".into() }), json!({"RequestId": "R-1", "Token": "t"}));
    assert_eq!(reply(Done {}), json!({"RequestId": "R-1"}));
    assert_eq!(
        reply(Judged::<Done>::done(None)),
        json!({"RequestId": "R-1", "Code": 200, "Message": "success", "Success": true})
    );
    let device_credential = DeviceCredential {
        client_id: "GID_Test@@@1".to_owned(),
        create_time: 1,
        device_access_key_id: "DC.a".to_owned(),
        device_access_key_secret: "DC.s".into(),
        instance_id: "i".to_owned(),
        update_time: 2,
    };
    let credential = json!({"ClientId": "GID_Test@@@1", "CreateTime": 1, "DeviceAccessKeyId": "DC.a",
        "DeviceAccessKeySecret": "DC.s", "InstanceId": "i", "UpdateTime": 2});
    assert_eq!(
        reply(DeviceCredentialReply { device_credential }),
        json!({"RequestId": "R-1", "DeviceCredential": credential})
    );
    let identity = CustomIdentity {
        client_id: None,
        identity_type: "USER".to_owned(),
        secret: "s".into(),
        sign_mode: "ORIGIN".to_owned(),
        username: "u".to_owned(),
    };
    assert_eq!(
        reply(Judged::done(Some(PageOf { next_token: None, results: vec![identity] })))["Data"],
        json!({"Results": [{"IdentityType": "USER", "Secret": "s", "SignMode": "ORIGIN", "Username": "u"}]})
    );
    let text = |text: &str| text.to_owned();
    let error = ErrorReply { request_id: text("R"), host_id: text("H"), code: text("C"), message: text("M") };
    assert_eq!(
        serde_json::to_value(error).unwrap(),
        json!({"RequestId": "R", "HostId": "H", "Code": "C", "Message": "M"})
    );
}

#[test]
fn secrets_are_not_printed() {
    let token: QueryToken = read(&[("InstanceId", "i"), ("Token", "hidden")]).unwrap();
    assert_eq!(token.token.expose(), "hidden");
    let identity: AddCustomAuthIdentity = read(&[
        ("InstanceId", "i"),
        ("IdentityType", "USER"),
        ("Username", "u"),
        ("Secret", "hidden"),
        ("SignMode", "SIGNED"),
    ])
    .unwrap();
    for text in
        [format!("{token:?}"), format!("{identity:?}"), format!("{:?}", ApplyTokenReply { token: "hidden".into() })]
    {
        assert!(text.contains("SecretText(..)") && !text.contains("hidden"), "{text}");
    }
}
