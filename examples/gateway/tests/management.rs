//! The management API `OnsMqtt`.

mod common;

use common::{
    Place, http_get,
    service::{ACCESS_KEY, Account, Answer, INSTANCE, OTHER_INSTANCE, exchange, post, post_form, send, start},
};
use serde_json::{Value, json};

const DEVICE: [(&str, &str); 2] = [("InstanceId", INSTANCE), ("ClientId", "GID_Test@@@0001")];

#[track_caller]
fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    assert_eq!(json["RequestId"].as_str().unwrap().len(), 36);
    json
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    let json = answer.json();
    assert_eq!((answer.status, json["Code"].as_str()), (status, Some(code)), "{json}");
    for member in ["RequestId", "HostId", "Message"] {
        assert!(json[member].is_string(), "{member}");
    }
}

#[test]
fn every_way_to_sign() {
    let place = Place::new();
    let gateway = start(&place);
    for kind in ["ws", "http"] {
        let account = Account::first(gateway.addr(kind));
        let list = [("InstanceId", INSTANCE), ("GroupId", "GID_Test"), ("PageSize", "10")];
        let action = "ListDeviceCredentialClientId";
        for answer in [
            account.rpc("GET", action, &list),
            account.rpc("POST", action, &list),
            account.form(action, &list),
            account.acs3("GET", action, &list),
            account.acs3("POST", action, &list),
        ] {
            let expected = json!({"ClientIdList": [], "PageNo": "1", "PageSize": "10", "Total": "0"});
            assert_eq!(ok(&answer)["DeviceCredentialClientIdList"], expected);
        }
        assert!(http_get(account.addr, "/").starts_with("HTTP/1.1 200 OK\r\n"), "a look at / is no call");
    }
}

#[test]
fn errors_of_the_front() {
    let place = Place::new();
    let gateway = start(&place);
    let account = Account::first(gateway.addr("http"));
    let addr = account.addr;
    let wrong = Account { secret_key: "wrong", ..account }.rpc("GET", "GetDeviceCredential", &DEVICE);
    refused(&wrong, 400, "SignatureDoesNotMatch");
    let text = wrong.json()["Message"].as_str().unwrap().to_owned();
    let signed = text.split_once("server string to sign is:").expect("the SDK compares what follows").1;
    assert!(
        signed.starts_with(&format!("GET&%2F&AccessKeyId%3D{ACCESS_KEY}%26Action%3DGetDeviceCredential%26")),
        "{text}"
    );
    let wrong = Account { secret_key: "wrong", ..account }.acs3("POST", "GetDeviceCredential", &DEVICE);
    refused(&wrong, 400, "SignatureDoesNotMatch");
    let unknown = Account { access_key: "LTAI4Nobody", ..account };
    refused(&unknown.rpc("GET", "GetDeviceCredential", &DEVICE), 404, "InvalidAccessKeyId.NotFound");
    refused(&account.rpc("GET", "NoSuchAction", &DEVICE), 404, "InvalidApi.NotFound");
    refused(&account.rpc("PUT", "GetDeviceCredential", &DEVICE), 405, "UnsupportedHTTPMethod");
    refused(&account.rpc("GET", "GetDeviceCredential", &DEVICE[..1]), 400, "MissingClientId");
    refused(&account.rpc("GET", "GetDeviceCredential", &[("InstanceId", ""), DEVICE[1]]), 400, "MissingInstanceId");
    let query = account.rpc_query(
        "GET",
        "ListDeviceCredentialClientId",
        &[("InstanceId", INSTANCE), ("GroupId", "GID_Test"), ("PageSize", "10")],
    );
    let once = format!("GET /?{query} HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n");
    ok(&send(addr, &once));
    refused(&send(addr, &once), 400, "SignatureNonceUsed");
    let later = query.replace("Version=2020-04-20", "Version=2019-12-11");
    refused(&send(addr, &once.replace(&query, &later)), 400, "SignatureDoesNotMatch");
    refused(
        &send(addr, &once.replace("SignatureVersion=1.0", "SignatureVersion=1.0&Action=x")),
        400,
        "InvalidParameter.Format",
    );
}

#[test]
fn hostile_requests() {
    let place = Place::new();
    let gateway = start(&place);
    let account = Account::first(gateway.addr("ws"));
    let addr = account.addr;
    assert_eq!(post_form(addr, "/", "").status, 400);
    assert_eq!(post_form(addr, "/", &format!("Action={}", "x".repeat(65 * 1024))).code(), "InvalidParameter.Format");
    for body in [b"Action=%ff".as_slice(), b"\xff\xfe", b"a=1&a=2", b"%"] {
        assert_eq!(post(addr, "/", "application/x-www-form-urlencoded", body).status, 400);
    }
    let with_header = |value: &str| {
        format!(
            "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\nx-acs-action: GetDeviceCredential\r\nAuthorization: {value}\r\n\r\n"
        )
    };
    for value in
        ["ACS3-HMAC-SHA256", "ACS3-HMAC-SHA256 Credential=,SignedHeaders=,Signature=", "ACS3-RSA-SHA256 x", "Basic x"]
    {
        assert_eq!(send(addr, &with_header(value)).status, 400, "{value}");
    }
    let bytes = [with_header("ACS3-HMAC-SHA256 ").as_bytes(), b"\xff"].concat();
    assert!(exchange(addr, &bytes).status >= 400);
    refused(
        &account.rpc("GET", "GetDeviceCredential", &[DEVICE[0], ("ClientId", "no id")]),
        400,
        "ParameterCheckFailed",
    );
    ok(&account.rpc("POST", "RegisterDeviceCredential", &DEVICE));
}

#[test]
fn device_credentials() {
    let place = Place::new();
    let gateway = start(&place);
    let account = Account::first(gateway.addr("ws"));
    let made = ok(&account.rpc("POST", "RegisterDeviceCredential", &DEVICE));
    let made = &made["DeviceCredential"];
    assert!(made["DeviceAccessKeyId"].as_str().unwrap().starts_with("DC."), "{made}");
    assert!(made["DeviceAccessKeySecret"].as_str().unwrap().starts_with("DC."));
    assert_eq!((made["ClientId"].as_str(), made["InstanceId"].as_str()), (Some("GID_Test@@@0001"), Some(INSTANCE)));
    assert_eq!(made["CreateTime"], made["UpdateTime"]);
    let same = ok(&account.rpc("POST", "RegisterDeviceCredential", &DEVICE));
    assert_eq!(same["DeviceCredential"], *made, "a repeated call changes nothing");
    assert_eq!(ok(&account.acs3("POST", "GetDeviceCredential", &DEVICE))["DeviceCredential"], *made);
    let renewed = ok(&account.rpc("POST", "RefreshDeviceCredential", &DEVICE));
    let renewed = &renewed["DeviceCredential"];
    assert_eq!(renewed["DeviceAccessKeyId"], made["DeviceAccessKeyId"]);
    assert_ne!(renewed["DeviceAccessKeySecret"], made["DeviceAccessKeySecret"]);
    let other = Account::other(account.addr);
    refused(&other.rpc("POST", "GetDeviceCredential", &DEVICE), 400, "PermissionCheckFailed");
    let foreign = [("InstanceId", OTHER_INSTANCE), DEVICE[1]];
    refused(&account.rpc("POST", "GetDeviceCredential", &foreign), 400, "InstancePermissionCheckFailed");
    for number in 2..=5 {
        let client = format!("GID_Test@@@000{number}");
        ok(&account.rpc("POST", "RegisterDeviceCredential", &[DEVICE[0], ("ClientId", &client)]));
    }
    let list = |more: &[(&str, &str)]| {
        let asked = [&[("InstanceId", INSTANCE), ("GroupId", "GID_Test"), ("PageSize", "2")], more].concat();
        ok(&account.rpc("POST", "ListDeviceCredentialClientId", &asked))["DeviceCredentialClientIdList"].clone()
    };
    let first = list(&[]);
    assert_eq!(first["ClientIdList"], json!(["GID_Test@@@0001", "GID_Test@@@0002"]));
    assert_eq!((first["Total"].as_str(), first["NextToken"].as_str()), (Some("5"), Some("GID_Test@@@0002")));
    assert_eq!(
        list(&[("NextToken", "GID_Test@@@0002")])["ClientIdList"],
        json!(["GID_Test@@@0003", "GID_Test@@@0004"])
    );
    let last = list(&[("PageNo", "3")]);
    assert_eq!((&last["ClientIdList"], last.get("NextToken")), (&json!(["GID_Test@@@0005"]), None));
    assert_eq!(ok(&account.rpc("POST", "UnRegisterDeviceCredential", &DEVICE)).as_object().unwrap().len(), 1);
    refused(&account.rpc("POST", "GetDeviceCredential", &DEVICE), 400, "ParameterCheckFailed");
    assert!(gateway.stop().0.success());
    let gateway = start(&place);
    let account = Account::first(gateway.addr("ws"));
    let kept = ok(&account.rpc("POST", "GetDeviceCredential", &[DEVICE[0], ("ClientId", "GID_Test@@@0002")]));
    assert_eq!(kept["DeviceCredential"]["ClientId"], "GID_Test@@@0002");
}

#[test]
fn custom_authentication() {
    let place = Place::new();
    let gateway = start(&place);
    let account = Account::first(gateway.addr("http"));
    let call =
        |action: &str, more: &[(&str, &str)]| account.form(action, &[&[("InstanceId", INSTANCE)], more].concat());
    let user = [("IdentityType", "USER"), ("Username", "alice")];
    let secret = |text| [("Secret", text), ("SignMode", "ORIGIN")];
    let done = ok(&call("AddCustomAuthIdentity", &[&user[..], &secret("s1")].concat()));
    assert_eq!((&done["Code"], &done["Success"], done.get("Data")), (&json!(200), &json!(true), None));
    refused(&call("AddCustomAuthIdentity", &[&user[..], &secret("s1")].concat()), 400, "ParameterCheckFailed");
    ok(&call("UpdateCustomAuthIdentity", &[&user[..], &secret("s2")].concat()));
    let client = [("IdentityType", "CLIENT"), ("Username", "bob"), ("ClientId", "GID_Test@@@1")];
    ok(&call("AddCustomAuthIdentity", &[&client[..], &[("Secret", "s3"), ("SignMode", "SIGNED")]].concat()));
    let found = ok(&call("QueryCustomAuthIdentity", &[("Size", "100"), user[0]]))["Data"].clone();
    assert_eq!(
        found,
        json!({"Results": [{"IdentityType": "USER", "Secret": "s2", "SignMode": "ORIGIN", "Username": "alice"}]})
    );
    let page = ok(&call("QueryCustomAuthIdentity", &[("Size", "1")]))["Data"].clone();
    let next = page["NextToken"].as_str().expect("there is more").to_owned();
    let page = ok(&call("QueryCustomAuthIdentity", &[("Size", "1"), ("NextToken", &next)]))["Data"].clone();
    assert_eq!((page["Results"].as_array().unwrap().len(), page.get("NextToken")), (1, None));
    for wrong in [[("IdentityType", "GROUP"), user[1]], [("IdentityType", "CLIENT"), user[1]]] {
        refused(&call("AddCustomAuthIdentity", &[&wrong[..], &secret("s")].concat()), 400, "ParameterCheckFailed");
    }

    let right = [("IdentityType", "USER"), ("Identity", "alice"), ("Topic", "TopicA/#")];
    let says = |effect, action| [("Effect", effect), ("PermitAction", action)];
    ok(&call("AddCustomAuthPermission", &[&right[..], &says("ALLOW", "PUB_SUB")].concat()));
    ok(&call("UpdateCustomAuthPermission", &[&right[..], &says("DENY", "SUB")].concat()));
    let found =
        ok(&call("QueryCustomAuthPermission", &[("Size", "10"), ("Identity", "alice")]))["Data"]["Results"].clone();
    let expected = json!({"Effect": "DENY", "Identity": "alice", "IdentityType": "USER", "PermitAction": "SUB", "Topic": "TopicA/#"});
    assert_eq!(found, json!([expected]));
    ok(&call("DeleteCustomAuthPermission", &right));
    refused(&call("DeleteCustomAuthPermission", &right), 400, "ParameterCheckFailed");

    let black = [("ClientId", "GID_Test@@@666")];
    ok(&call("AddCustomAuthConnectBlack", &black));
    let found = ok(&call("QueryCustomAuthConnectBlack", &[("Size", "10")]))["Data"]["Results"].clone();
    assert_eq!(found, json!([{"ClientId": "GID_Test@@@666", "Effect": "DENY", "PermitAction": "CONNECT"}]));
    // Another account has no say about clients of this one's groups, and does not see their secrets.
    let other = Account::other(account.addr);
    let ask = |action: &str, more: &[(&str, &str)]| other.form(action, &[&[("InstanceId", INSTANCE)], more].concat());
    let of_client = [("IdentityType", "CLIENT"), ("Identity", "GID_Test@@@1"), ("Topic", "TopicA")];
    for answer in [
        ask("AddCustomAuthConnectBlack", &black),
        ask("DeleteCustomAuthConnectBlack", &black),
        ask("AddCustomAuthIdentity", &[&client[..], &[("Secret", "mine"), ("SignMode", "SIGNED")]].concat()),
        ask("UpdateCustomAuthIdentity", &[&client[..], &[("Secret", "mine"), ("SignMode", "SIGNED")]].concat()),
        ask("DeleteCustomAuthIdentity", &client),
        ask("AddCustomAuthPermission", &[&of_client[..], &says("DENY", "SUB")].concat()),
    ] {
        refused(&answer, 400, "PermissionCheckFailed");
    }
    let seen = ok(&ask("QueryCustomAuthIdentity", &[("Size", "10"), client[0]]))["Data"]["Results"].clone();
    assert_eq!(seen, json!([]));
    ok(&call("DeleteCustomAuthConnectBlack", &black));
    ok(&call("DeleteCustomAuthIdentity", &user));
    refused(&call("QueryCustomAuthIdentity", &[("Size", "101")]), 400, "ParameterCheckFailed");
}

#[test]
fn tokens() {
    let place = Place::new();
    let gateway = start(&place);
    let account = Account::first(gateway.addr("http"));
    let instance = ("InstanceId", INSTANCE);
    let apply = |expire: &str| {
        let asked = [instance, ("Resources", "TopicA/+,TopicB/#"), ("Actions", "R,W"), ("ExpireTime", expire)];
        account.rpc("POST", "ApplyToken", &asked)
    };
    let token = ok(&apply("99999999999999"))["Token"].as_str().unwrap().to_owned();
    let status = |account: &Account, instance: &str| {
        let asked = [("InstanceId", instance), ("Token", &*token)];
        ok(&account.acs3("POST", "QueryToken", &asked))["TokenStatus"].clone()
    };
    assert_eq!(status(&account, INSTANCE), true);
    assert_eq!(status(&Account::other(account.addr), INSTANCE), false);
    assert_eq!(status(&Account::other(account.addr), OTHER_INSTANCE), false);
    refused(&apply("1"), 400, "ParameterCheckFailed");
    refused(&apply("soon"), 400, "ParameterCheckFailed");
    ok(&account.rpc("POST", "RevokeToken", &[instance, ("Token", &token)]));
    assert_eq!(status(&account, INSTANCE), false);
    refused(&account.rpc("POST", "RevokeToken", &[instance, ("Token", "x")]), 400, "ParameterCheckFailed");
    let mut calls = (0..100).map(|_| account.rpc("POST", "RevokeToken", &[instance, ("Token", "x")]));
    let throttled = calls.find(|answer| answer.code() != "ParameterCheckFailed").expect("5 a second are let through");
    refused(&throttled, 400, "Throttling.User");
}

#[test]
fn xml_for_who_asks_for_it() {
    let place = Place::new();
    let gateway = start(&place);
    let account = Account::first(gateway.addr("http"));
    // The signing side asks for JSON; another format is then another text, and the refusal is in it already.
    let query = account.rpc_query("GET", "GetDeviceCredential", &DEVICE).replace("Format=JSON", "Format=XML");
    let answer = send(account.addr, &format!("GET /?{query} HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n"));
    assert!(answer.head.contains("content-type: text/xml"), "{}", answer.head);
    assert!(answer.body.contains("<Error><Code>SignatureDoesNotMatch</Code>"), "{}", answer.body);
    assert!(answer.body.contains("Format%3DXML"), "{}", answer.body);
}
