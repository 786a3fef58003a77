//! Requests to the token server and status queries: captured, computed, built here, and changed by a byte.

mod common;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use common::{ACCESS_KEY, Capture, SECRET, captures, change, key};
use lmq_auth::SecretKey;
use lmq_auth::request::{
    ListOrder, Pairs, RequestError, StatusQuery, TokenApply, TokenQuery, TokenRevoke, parameter_text,
};
use lmq_id::{Access, ClientId};
use proptest::prelude::*;
use serde::Deserialize;

/// Before `expireTime` of all applications.
const NOW: u64 = 1_893_456_000_000 - 3_600_000;
/// `timestamp` of all status queries.
const ASKED: u64 = 1_542_700_000_000;

#[derive(Deserialize)]
struct File {
    hmac_sha1: Vec<Vector>,
}

#[derive(Clone, Debug, Deserialize)]
struct Vector {
    name: String,
    string_to_sign: String,
    result: String,
    #[serde(default)]
    signed_params: BTreeMap<String, String>,
    #[serde(default)]
    unsigned_params: BTreeMap<String, String>,
}

impl Vector {
    /// The request that would be sent.
    fn list(&self) -> Vec<(String, String)> {
        let all = self.signed_params.iter().chain(&self.unsigned_params);
        let all = all.map(|(name, value)| (name.clone(), value.clone()));
        all.chain([("signature".to_owned(), self.result.clone())]).collect()
    }
}

static VECTORS: LazyLock<Vec<Vector>> = LazyLock::new(|| {
    let file: File = serde_json::from_str(include_str!("vectors.json")).unwrap();
    file.hmac_sha1.into_iter().filter(|vector| vector.name.starts_with("http.")).collect()
});

fn pairs(list: &[(String, String)]) -> Pairs {
    let list: Vec<(&str, &str)> = list.iter().map(|(name, value)| (&**name, &**value)).collect();
    Pairs::from_list(&list).unwrap()
}

fn built(list: &[(&'static str, String)]) -> Pairs {
    let list: Vec<(&str, &str)> = list.iter().map(|(name, value)| (*name, &**value)).collect();
    Pairs::from_list(&list).unwrap()
}

/// Verifies as the call of this name does; another access key than the one of the tests is unknown.
fn accept(call: &str, pairs: &Pairs, key: &SecretKey) -> Result<(), RequestError> {
    macro_rules! verify {
        ($signed:expr) => {{
            let signed = $signed?;
            if signed.access_key() != ACCESS_KEY {
                return Err(RequestError::Invalid("accessKey"));
            }
            signed.verify(key).map(drop)
        }};
    }
    match call {
        "apply" => verify!(TokenApply::parse(pairs, NOW)),
        "revoke" => verify!(TokenRevoke::parse(pairs)),
        "query" => verify!(TokenQuery::parse(pairs)),
        "clientId" => verify!(StatusQuery::parse(pairs, ASKED)),
        other => panic!("{other}"),
    }
}

/// Call and parameters of everything that was captured or computed.
fn requests() -> Vec<(String, Vec<(String, String)>)> {
    let own = |pairs: &Pairs| pairs.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let call = |capture: &Capture| capture.path.split('/').nth(2).unwrap().to_owned();
    let captured = captures("tokenserver").into_iter().map(|capture| (call(&capture), own(&capture.pairs())));
    let computed = VECTORS.iter().filter(|vector| vector.name != "http.document_example");
    let computed = computed.map(|vector| (vector.name.split('.').nth(2).unwrap().to_owned(), vector.list()));
    captured.chain(computed).collect()
}

#[test]
fn every_captured_and_computed_request_verifies() {
    let requests = requests();
    assert_eq!((captures("tokenserver").len(), requests.len()), (8, 8 + 9));
    for (call, list) in requests {
        assert_eq!(accept(&call, &pairs(&list), &key()), Ok(()), "{call} {list:?}");
    }
}

#[test]
fn every_vector_s_text_is_one_of_the_two() {
    for vector in VECTORS.iter() {
        let parameters: Vec<(&str, &str)> = vector.signed_params.iter().map(|(k, v)| (&**k, &**v)).collect();
        let texts = [ListOrder::Sorted, ListOrder::AsSent].map(|order| parameter_text(&parameters, order));
        assert!(texts.contains(&vector.string_to_sign), "{}", vector.name);
        let as_sent = vector.name.ends_with("as_sent") || vector.name.ends_with("commas");
        assert_eq!(texts[0] == vector.string_to_sign, !as_sent, "{}", vector.name);
    }
}

#[test]
fn an_application_is_read() {
    let capture = captures("tokenserver").into_iter().find(|c| c.name == "apply_multipart_npm_request").unwrap();
    let apply = TokenApply::parse(&capture.pairs(), NOW).unwrap().verify(&key()).unwrap();
    assert_eq!(apply.actions(), Access::ReadWrite);
    assert_eq!(apply.resources().collect::<Vec<_>>(), ["TopicA/+", "TopicB/#"]);
    assert_eq!(apply.expire_at_ms(), 1_893_456_000_000);
    assert_eq!(apply.instance().map(|id| id.as_str()), Some("mqtt-cn-test0001"));
}

#[test]
fn what_an_app_server_builds_is_what_the_vectors_have() {
    let signature = |list: &[(&'static str, String)]| built(list).get("signature").unwrap().to_owned();
    let instance = "mqtt-cn-test0001".parse().unwrap();
    let apply = TokenApply::new(Access::ReadWrite, ["TopicB/#", "TopicA/+"], 1_893_456_000_000).unwrap();
    let list = apply.for_instance(instance).sign(ACCESS_KEY, &key());
    assert_eq!(signature(&list), "lO+oSgZ1fC3ihMaDhYVnYPCOGjc=");
    assert_eq!(accept("apply", &built(&list), &key()), Ok(()));
    let legacy = TokenApply::new(Access::ReadWrite, ["topic1/1", "topic2/2"], 1_893_456_000_000).unwrap();
    assert_eq!(signature(&legacy.sign(ACCESS_KEY, &key())), "jrdCLFo48HT2Ogl5UT7V5MKYj3A=");
    let read = TokenApply::new(Access::Read, ["TopicA/p2p"], 1_893_456_060_000).unwrap();
    let read = read.for_instance("mqtt-cn-test0001".parse().unwrap());
    assert_eq!(signature(&read.sign(ACCESS_KEY, &key())), "TeKpm+IdMaWhVo4hvnu9zc9Blfg=");

    let token = "dG9rZW4tYWJjLWRlZg==";
    let revoke = TokenRevoke::new(token).unwrap().sign(ACCESS_KEY, &key());
    let query = TokenQuery::new(token).unwrap().sign(ACCESS_KEY, &key());
    assert_eq!((signature(&revoke), &revoke), ("kGAaFr6SbGL7p6QEEWEK1OEKZjA=".to_owned(), &query));
    assert_eq!(accept("revoke", &built(&revoke), &key()), Ok(()));

    let client: ClientId = "GID_Test@@@0001".parse().unwrap();
    let status = StatusQuery::new(client, ASKED);
    assert_eq!(signature(&status.sign(ACCESS_KEY, &key())), "RJDEb/+RfMlku9CK0hpuxVqfZ0I=");
    let status = status.for_instance("mqtt-cn-test0001".parse().unwrap()).sign(ACCESS_KEY, &key());
    assert_eq!(signature(&status), "LFErQclpkIpBcnUGdBx4J3H+Pb8=");
    assert_eq!(accept("clientId", &built(&status), &key()), Ok(()));
}

/// A captured request, one parameter of it replaced or left out.
fn changed(call: &str, name: &str, value: Option<&str>) -> Pairs {
    let file = match call {
        "apply" => "apply_form_with_instance",
        "revoke" => "revoke_form",
        "query" => "query_form",
        _ => "route_clientId_get_with_instance",
    };
    let capture = captures("tokenserver").into_iter().find(|capture| capture.name == file).unwrap();
    let pairs = capture.pairs();
    let mut list: Vec<(&str, &str)> = pairs.iter().filter(|(found, _)| *found != name).collect();
    list.extend(value.map(|value| (name, value)));
    Pairs::from_list(&list).unwrap()
}

#[test]
fn what_is_missing_is_named() {
    for (call, names) in [
        ("apply", &["actions", "resources", "expireTime", "serviceName", "accessKey", "signature"][..]),
        ("revoke", &["token", "accessKey", "signature"]),
        ("query", &["token", "accessKey", "signature"]),
        ("clientId", &["accessKey", "resource", "timestamp", "signature"]),
    ] {
        for name in names {
            let missing = Err(RequestError::Missing(name));
            assert_eq!(accept(call, &changed(call, name, None), &key()), missing);
            assert_eq!(accept(call, &changed(call, name, Some("")), &key()), missing);
        }
    }
}

#[test]
fn what_is_invalid_is_named() {
    let long = "k".repeat(129);
    let many = vec!["a"; 101].join(",");
    for (call, name, values) in [
        ("apply", "actions", &["X", "R,", "R,R", "RW", "r", "R, W"][..]),
        ("apply", "resources", &["a,", ",a", "a/#/b", &many]),
        ("apply", "expireTime", &["x", "-1", "+1893456000000", "1893456000000.0", "1", "18446744073709551616"]),
        ("apply", "serviceName", &["MQ", "ons"]),
        ("apply", "proxyType", &["MQ", ""]),
        ("apply", "instanceId", &["", "a b"]),
        ("apply", "accessKey", &[&long, "a\nb"]),
        ("clientId", "resource", &["GID_Test", "0001"]),
        ("clientId", "timestamp", &["now", "1542700000"]),
        ("clientId", "instanceId", &["-"]),
    ] {
        for value in values {
            let error = accept(call, &changed(call, name, Some(value)), &key()).unwrap_err();
            let too_old = (name, *value) == ("timestamp", "1542700000");
            assert_eq!(error, if too_old { RequestError::Expired } else { RequestError::Invalid(name) }, "{value}");
        }
    }
    let token = "t".repeat(TokenQuery::TOKEN_LEN_MAX + 1);
    assert_eq!(TokenQuery::new(&token).unwrap_err(), RequestError::Invalid("token"));
    assert_eq!(TokenQuery::new(&token[1..]).unwrap().token().len(), TokenQuery::TOKEN_LEN_MAX);
    let applied = |resources: &[&str]| TokenApply::new(Access::Read, resources.iter().copied(), 0).map(drop);
    assert_eq!(applied(&["a,b"]), Err(RequestError::Invalid("resources")));
    assert_eq!(applied(&[]), Err(RequestError::Missing("resources")));
    assert_eq!(applied(&["a"; 100]), Ok(()));
}

#[test]
fn a_life_is_a_minute_at_least_and_30_days_at_most() {
    let end = 1_893_456_000_000;
    let pairs = changed("apply", "none", None);
    let until = |now| TokenApply::parse(&pairs, now).map(|signed| signed.verify(&key()).unwrap().expire_at_ms());
    assert_eq!(until(end - 60_000), Ok(end));
    assert_eq!(until(end - 59_999).err(), Some(RequestError::Invalid("expireTime")));
    let month = 30 * 86_400_000;
    assert_eq!(until(end - month), Ok(end));
    assert_eq!(until(end - month - 1), Ok(end - 1));
    assert_eq!(until(0), Ok(month));
    assert_eq!(until(u64::MAX).err(), Some(RequestError::Invalid("expireTime")));
}

#[test]
fn a_status_query_is_good_for_five_minutes_either_way() {
    let pairs = changed("clientId", "none", None);
    let asked = |now| StatusQuery::parse(&pairs, now).map(|signed| signed.verify(&key()).unwrap().client().to_string());
    for now in [ASKED - 300_000, ASKED, ASKED + 300_000] {
        assert_eq!(asked(now).as_deref(), Ok("GID_Test@@@0001"));
    }
    for now in [0, ASKED - 300_001, ASKED + 300_001, u64::MAX] {
        assert_eq!(asked(now), Err(RequestError::Expired));
    }
}

#[test]
fn codes_of_the_answers() {
    let codes = |error: RequestError| (error.token_code(), error.status_code(), error.status_http_status());
    assert_eq!(codes(RequestError::Missing("a")), (400, 1, 400));
    assert_eq!(codes(RequestError::Invalid("a")), (400, 1, 400));
    assert_eq!(codes(RequestError::Signature), (407, 2, 403));
    assert_eq!(codes(RequestError::Expired).1, 4);
    assert_eq!(codes(RequestError::Expired).2, 403);
    assert_eq!(RequestError::Missing("token").to_string(), "parameter token is missing");
}

#[test]
fn nothing_secret_in_debug() {
    let pairs = changed("query", "none", None);
    let signed = TokenQuery::parse(&pairs).unwrap();
    let shown = format!("{pairs:?} {signed:?} {:?}", TokenRevoke::new("hunter2").unwrap());
    for secret in ["LzMT", "7bw0u", "hunter2", SECRET] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_changed_key_is_refused(
        (call, list) in prop::sample::select(requests()), at in any::<prop::sample::Index>(), shift in 1_u8..128,
    ) {
        let wrong = change(SECRET, at, shift).parse().unwrap();
        prop_assert_eq!(accept(&call, &pairs(&list), &wrong), Err(RequestError::Signature));
    }

    #[test]
    fn a_changed_value_is_refused(
        (call, mut list) in prop::sample::select(requests()),
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), shift in 1_u8..128,
    ) {
        let which = which.index(list.len());
        list[which].1 = change(&list[which].1, at, shift);
        prop_assert!(accept(&call, &pairs(&list), &key()).is_err(), "{:?}", list);
    }

    #[test]
    fn a_parameter_left_out_is_refused_unless_it_is_unsigned(
        (call, mut list) in prop::sample::select(requests()), which in any::<prop::sample::Index>(),
    ) {
        let (name, _) = list.remove(which.index(list.len()));
        prop_assert_eq!(accept(&call, &pairs(&list), &key()).is_ok(), name == "proxyType");
    }

    #[test]
    fn what_is_built_verifies(
        resources in prop::collection::vec("[a-z]{1,4}(/[+a-z]|/[a-z]{2}){0,2}(/#)?", 1..20),
        ahead in 60_000_u64..TokenApply::LIFE_MS_MAX,
        actions in prop::sample::select(Access::ALL.to_vec()),
    ) {
        let apply = TokenApply::new(actions, resources.iter().map(String::as_str), NOW + ahead).unwrap();
        let list = apply.sign(ACCESS_KEY, &key());
        let read = TokenApply::parse(&built(&list), NOW).unwrap();
        prop_assert_eq!(read.verify(&key()), Ok(apply));
    }
}
