//! Captured OpenAPI requests of seven SDKs: each verifies, and none does with a byte changed.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use common::{ACCESS_KEY, Capture, SECRET, captures, change, key};
use lmq_auth::SecretKey;
use lmq_auth::request::{
    NonceLimits, NonceWindow, OpenApiCall, OpenApiError, OpenApiRequest, OutgoingCall, Pairs, ReplyFormat,
    RequestParts, Timestamp,
};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    pop_rpc_v1: Vec<RpcVector>,
    acs3_hmac_sha256: Vec<Acs3Vector>,
}

#[derive(Deserialize)]
struct RpcVector {
    name: String,
    method: String,
    params: BTreeMap<String, String>,
    string_to_sign: String,
    result: String,
}

#[derive(Deserialize)]
struct Acs3Vector {
    name: String,
    string_to_sign: String,
    result: String,
}

static FILE: LazyLock<File> = LazyLock::new(|| serde_json::from_str(include_str!("vectors.json")).unwrap());
static RPC: LazyLock<Vec<Capture>> = LazyLock::new(|| [captures("pop1"), captures("tea")].concat());
static ACS3: LazyLock<Vec<Capture>> = LazyLock::new(|| captures("acs3"));

/// When the request was made, by its own account.
fn time(capture: &Capture) -> u64 {
    let query = Pairs::parse(&capture.query).unwrap();
    let text = capture.header("x-acs-date").or(query.get("Timestamp")).unwrap();
    text.parse::<Timestamp>().unwrap().unix_ms()
}

fn parse(capture: &Capture, now_ms: u64) -> Result<OpenApiRequest, OpenApiError> {
    capture.with_parts(|parts| OpenApiRequest::parse(parts, now_ms))
}

fn accept(capture: &Capture, key: &SecretKey, now_ms: u64) -> Result<OpenApiCall, OpenApiError> {
    let request = parse(capture, now_ms)?;
    // Another access key has another secret.
    if request.access_key_id() != ACCESS_KEY {
        return Err(OpenApiError::AccessKeyNotFound);
    }
    request.verify(key)?.admit(&mut NonceWindow::new(NonceLimits::default()), now_ms)
}

#[test]
fn every_captured_request_verifies() {
    assert_eq!((RPC.len(), ACS3.len()), (30, 25));
    for capture in RPC.iter().chain(ACS3.iter()) {
        let now = time(capture);
        let call = accept(capture, &key(), now).unwrap_or_else(|error| panic!("{}: {error}", capture.name));
        assert_eq!(Some(call.action()), capture.header("x-acs-action"), "{}", capture.name);
        assert_eq!(Some(call.version()), capture.header("x-acs-version"), "{}", capture.name);
        assert_eq!((call.access_key_id(), call.format()), (ACCESS_KEY, Some(ReplyFormat::Json)));
        for (name, value) in call.parameters().iter() {
            let protocol = name.starts_with("Signature") || name == "Timestamp" || name == "Action";
            assert!(!protocol, "{}: {name}={value}", capture.name);
        }
    }
}

#[test]
fn parameters_come_from_query_and_body() {
    let find = |captures: &[Capture], name: &str| captures.iter().find(|capture| capture.name == name).unwrap().clone();
    for (capture, name, value) in [
        (find(&RPC, "ApplyToken"), "Resources", "TopicA/+,TopicB/#"),
        (find(&RPC, "ons_mqtt_group_id_create"), "GroupId", "GID_Test"),
        (find(&ACS3, "QueryToken"), "Token", "tok-abc|def=="),
        (find(&ACS3, "UpdateCustomAuthIdentity"), "Secret", "s3cret"),
    ] {
        let call = accept(&capture, &key(), time(&capture)).unwrap();
        assert_eq!(call.require(name).unwrap(), value);
        assert_eq!(call.require("Nothing").unwrap_err().code(), "MissingNothing");
        assert_eq!(call.parameters().get("Action"), None);
    }
}

#[test]
fn every_acs3_vector_is_the_text_of_a_captured_request() {
    let texts: BTreeSet<String> = ACS3
        .iter()
        .map(|capture| parse(capture, time(capture)).unwrap().string_to_sign().as_str().to_owned())
        .collect();
    assert_eq!(FILE.acs3_hmac_sha256.len(), 25);
    for vector in &FILE.acs3_hmac_sha256 {
        assert!(texts.contains(&vector.string_to_sign), "{}", vector.name);
        assert!(ACS3.iter().any(|capture| capture.header("authorization").unwrap().ends_with(&vector.result)));
    }
}

#[test]
fn every_rpc_vector_verifies() {
    assert_eq!(FILE.pop_rpc_v1.len(), 22);
    for vector in &FILE.pop_rpc_v1 {
        let list: Vec<(&str, &str)> = vector.params.iter().map(|(name, value)| (&**name, &**value)).collect();
        let pairs = Pairs::from_list(&list).unwrap();
        let capture = Capture {
            name: vector.name.clone(),
            method: vector.method.clone(),
            path: "/".into(),
            query: String::new(),
            headers: vec![("Content-Type".into(), "application/x-www-form-urlencoded; charset=utf-8".into())],
            body: pairs.to_encoded().into_bytes(),
        };
        let now = pairs.get("Timestamp").unwrap().parse::<Timestamp>().unwrap().unix_ms();
        let request = parse(&capture, now).unwrap();
        assert_eq!(request.string_to_sign().as_str(), vector.string_to_sign);
        assert_eq!(vector.params["Signature"], vector.result);
        assert!(request.verify(&key()).is_ok(), "{}", capture.name);
    }
}

#[test]
fn the_time_is_good_for_15_minutes_either_way() {
    for capture in [&RPC[0], &ACS3[0]] {
        let at = time(capture);
        for now in [at - 900_000, at + 900_000] {
            assert!(accept(capture, &key(), now).is_ok());
        }
        for now in [at - 900_001, at + 900_001] {
            assert_eq!(accept(capture, &key(), now).unwrap_err(), OpenApiError::TimestampExpired);
        }
    }
}

#[test]
fn a_request_is_good_once() {
    let mut nonces = NonceWindow::new(NonceLimits::default());
    for capture in RPC.iter().chain(ACS3.iter()) {
        let mut admit = || parse(capture, time(capture))?.verify(&key())?.admit(&mut nonces, time(capture));
        assert!(admit().is_ok(), "{}", capture.name);
        assert_eq!(admit().unwrap_err(), OpenApiError::NonceUsed, "{}", capture.name);
    }
}

#[test]
fn a_wrong_secret_is_answered_with_the_text_to_sign() {
    for capture in [&RPC[0], &ACS3[0]] {
        let text = parse(capture, time(capture)).unwrap().string_to_sign().as_str().to_owned();
        let error = accept(capture, &"other".parse().unwrap(), time(capture)).unwrap_err();
        assert_eq!((&*error.code(), error.http_status()), ("SignatureDoesNotMatch", 400));
        let start = "Specified signature is not matched with our calculation. server string to sign is:";
        assert_eq!(error.to_string(), format!("{start}{text}"));
        assert_eq!(format!("{error:?}"), "OpenApiError(SignatureDoesNotMatch)");
    }
}

#[test]
fn nothing_secret_in_debug() {
    for capture in RPC.iter().chain(ACS3.iter()) {
        let request = parse(capture, time(capture)).unwrap();
        let mut shown = format!("{request:?}");
        let verified = request.verify(&key()).unwrap();
        shown += &format!("{verified:?}");
        let now = time(capture);
        shown += &format!("{:?}", verified.admit(&mut NonceWindow::new(NonceLimits::default()), now).unwrap());
        shown += &capture.with_parts(|parts| format!("{parts:?}"));
        for secret in ["tok-abc", "s3cret", "GID_Test", SECRET] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

fn without(capture: &Capture, name: &str) -> Capture {
    let mut changed = capture.clone();
    if name.starts_with("x-") || name == "host" {
        changed.headers.retain(|(found, _)| found != name);
    }
    let pairs = changed.query.split('&').filter(|pair| !pair.starts_with(&format!("{name}=")));
    changed.query = pairs.collect::<Vec<_>>().join("&");
    changed
}

#[test]
fn what_is_missing_is_named() {
    for name in
        ["AccessKeyId", "Action", "Version", "Timestamp", "SignatureMethod", "SignatureVersion", "SignatureNonce"]
    {
        let error = accept(&without(&RPC[0], name), &key(), time(&RPC[0])).unwrap_err();
        assert_eq!((&*error.code(), error.http_status()), (&*format!("Missing{name}"), 400));
    }
    for (header, code) in [
        ("host", "MissingHost"),
        ("x-acs-action", "MissingAction"),
        ("x-acs-version", "MissingVersion"),
        ("x-acs-date", "MissingTimestamp"),
        ("x-acs-signature-nonce", "MissingSignatureNonce"),
        ("x-acs-content-sha256", "MissingContentSha256"),
        // Not needed, but listed as signed.
        ("x-acs-credentials-provider", "IncompleteSignature"),
    ] {
        assert_eq!(accept(&without(&ACS3[0], header), &key(), time(&ACS3[0])).unwrap_err().code(), code);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let now = time(&RPC[0]);
    let code = |from: &str, to: &str| {
        let mut changed = RPC[0].clone();
        assert!(changed.query.contains(from), "{from}");
        changed.query = changed.query.replace(from, to);
        accept(&changed, &key(), now).unwrap_err().code().into_owned()
    };
    assert_eq!(code("HMAC-SHA1", "HMAC-SHA256"), "InvalidSignatureMethod");
    assert_eq!(code("SignatureVersion=1.0", "SignatureVersion=2.0"), "InvalidParameter.SignatureVersion");
    assert_eq!(code("Format=JSON", "Format=RAW"), "InvalidParameter.Format");
    assert_eq!(code("Format=JSON", "Format=%zz"), "InvalidParameter.Format");
    assert_eq!(code("Format=JSON", "Action=JSON"), "InvalidParameter.Format");
    assert_eq!(code("T15%3A", "%2015%3A"), "InvalidTimeStamp.Format");
    assert_eq!(code("T15%3A", "T14%3A"), "InvalidTimeStamp.Expired");
    assert_eq!(code("Action=ApplyToken", &format!("Action={}", "A".repeat(129))), "InvalidParameter.Action");
    assert_eq!(code("Action=ApplyToken", "Action=%0A"), "InvalidParameter.Action");
    let status = |change: fn(&mut Capture)| {
        let mut changed = RPC[0].clone();
        change(&mut changed);
        let error = accept(&changed, &key(), now).unwrap_err();
        (error.code().into_owned(), error.http_status())
    };
    assert_eq!(status(|request| request.method = "PUT".into()), ("UnsupportedHTTPMethod".into(), 405));
    assert_eq!(status(|request| request.path = "/x".into()), ("InvalidApi.NotFound".into(), 404));
    assert_eq!(
        status(|request| request.query = request.query.replace("LTAI4", "LTAI5")),
        ("InvalidAccessKeyId.NotFound".into(), 404)
    );
    let other = ("authorization".into(), "ACS3-HMAC-SM3 Credential=k".into());
    let mut changed = RPC[0].clone();
    changed.headers.push(other);
    assert_eq!(accept(&changed, &key(), now).unwrap_err().code(), "InvalidSignatureMethod");
}

fn drop_from_list(capture: &mut Capture, name: &str) {
    let (_, value) = capture.headers.iter_mut().find(|(found, _)| found == "Authorization").unwrap();
    let shorter = value.replace(&format!("{name};"), "");
    assert_ne!(*value, shorter, "{name}");
    *value = shorter;
}

#[test]
fn the_list_of_signed_headers_cannot_be_shortened() {
    let with_body = ACS3.iter().find(|capture| !capture.body.is_empty()).unwrap();
    for header in
        ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "content-type"]
    {
        let mut changed = with_body.clone();
        drop_from_list(&mut changed, header);
        assert_eq!(parse(&changed, time(with_body)).unwrap_err(), OpenApiError::IncompleteSignature, "{header}");
    }
    // One that the client does not sign, either.
    let mut changed = with_body.clone();
    changed.headers.push(("X-Acs-Security-Token".into(), "t".into()));
    assert_eq!(parse(&changed, time(with_body)).unwrap_err(), OpenApiError::IncompleteSignature);
    // One twice.
    let mut changed = with_body.clone();
    changed.headers.push(("X-Acs-Action".into(), "DeleteGroupId".into()));
    assert_eq!(parse(&changed, time(with_body)).unwrap_err(), OpenApiError::IncompleteSignature);
}

#[test]
fn the_body_is_what_was_hashed() {
    let mut changed = ACS3.iter().find(|capture| !capture.body.is_empty()).unwrap().clone();
    changed.body.push(b'&');
    assert_eq!(parse(&changed, time(&changed)).unwrap_err().code(), "InvalidParameter.ContentSha256");
    // With the header changed along, the signature is at fault.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    changed.body.clear();
    changed.headers.iter_mut().find(|(name, _)| name == "x-acs-content-sha256").unwrap().1 = empty.into();
    assert_eq!(accept(&changed, &key(), time(&changed)).unwrap_err().code(), "SignatureDoesNotMatch");
}

#[test]
fn a_parameter_can_move_but_not_come_twice() {
    let capture = RPC.iter().find(|capture| capture.method == "POST" && capture.query.contains("InstanceId")).unwrap();
    let mut moved = capture.clone();
    moved.body = std::mem::take(&mut moved.query).into_bytes();
    moved.headers.push(("content-type".into(), "Application/X-WWW-Form-Urlencoded; charset=UTF-8".into()));
    assert!(accept(&moved, &key(), time(capture)).is_ok());
    moved.query = "InstanceId=other".into();
    assert_eq!(accept(&moved, &key(), time(capture)).unwrap_err().code(), "InvalidParameter.Format");
}

fn sorted(pairs: &Pairs) -> Vec<(String, String)> {
    let mut list: Vec<_> = pairs.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    list.sort();
    list
}

fn all() -> Vec<Capture> {
    [RPC.clone(), ACS3.clone()].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_changed_key_is_refused(
        capture in prop::sample::select(all()), at in any::<prop::sample::Index>(), shift in 1_u8..128,
    ) {
        let wrong = change(SECRET, at, shift).parse().unwrap();
        let refused = accept(&capture, &wrong, time(&capture)).unwrap_err();
        prop_assert_eq!(refused.code(), "SignatureDoesNotMatch");
    }

    #[test]
    fn a_changed_query_is_refused(
        capture in prop::sample::select(all()), at in any::<prop::sample::Index>(), shift in 1_u8..128,
    ) {
        prop_assume!(!capture.query.is_empty());
        let mut changed = capture.clone();
        changed.query = change(&capture.query, at, shift);
        let before = sorted(&Pairs::parse(&capture.query).unwrap());
        // `%3a` and `%3A` are the same.
        let same = Pairs::parse(&changed.query).is_ok_and(|after| sorted(&after) == before);
        prop_assert_eq!(accept(&changed, &key(), time(&capture)).is_ok(), same, "{}", changed.query);
    }

    #[test]
    fn a_changed_body_is_refused(
        capture in prop::sample::select(all().into_iter().filter(|c| !c.body.is_empty()).collect::<Vec<_>>()),
        at in any::<prop::sample::Index>(), shift in 1_u8..128,
    ) {
        let mut changed = capture.clone();
        let body = std::str::from_utf8(&capture.body).unwrap();
        changed.body = change(body, at, shift).into_bytes();
        let before = sorted(&Pairs::parse(body).unwrap());
        let same = Pairs::parse_body(&changed.body).is_ok_and(|after| sorted(&after) == before);
        let rpc = capture.header("authorization").is_none();
        prop_assert_eq!(accept(&changed, &key(), time(&capture)).is_ok(), same && rpc);
    }

    #[test]
    fn a_changed_method_is_refused(capture in prop::sample::select(all())) {
        let mut changed = capture.clone();
        changed.method = if capture.method == "GET" { "POST".into() } else { "GET".into() };
        prop_assert!(accept(&changed, &key(), time(&capture)).is_err());
    }

    #[test]
    fn a_changed_signed_header_is_refused(
        capture in prop::sample::select(ACS3.clone()),
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), shift in 1_u8..128,
    ) {
        let list = capture.header("authorization").unwrap().split(',').nth(1).unwrap();
        let mut names: Vec<&str> = list.strip_prefix("SignedHeaders=").unwrap().split(';').collect();
        names.push("authorization");
        let name = names[which.index(names.len())];
        let mut changed = capture.clone();
        let (_, value) = changed.headers.iter_mut().find(|(found, _)| found.eq_ignore_ascii_case(name)).unwrap();
        *value = change(value, at, shift);
        prop_assert!(accept(&changed, &key(), time(&capture)).is_err(), "{}", name);
    }

    #[test]
    fn what_an_app_server_signs_verifies(
        parameters in prop::collection::btree_map("[A-Z][a-zA-Z.0-9]{0,8}_", ".{0,20}", 0..6),
        nonce in "[0-9a-f]{32}",
        now_ms in 0_u64..4_000_000_000_000,
        post in any::<bool>(),
    ) {
        let list: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
        let method = if post { "POST" } else { "GET" };
        let call =
            OutgoingCall { method, action: "Do", version: "2020-04-20", nonce: &nonce, now_ms, parameters: &list };
        let encoded = call.sign_rpc(ACCESS_KEY, &key()).unwrap().to_encoded();
        let rpc = RequestParts { method, path: "/", query: &encoded, headers: &[], body: b"" };
        let signed = call.sign_acs3("127.0.0.1:8080", ACCESS_KEY, &key()).unwrap();
        let headers: Vec<(&str, &str)> = signed.headers().collect();
        let acs3 = RequestParts { method, path: "/", query: signed.query(), headers: &headers, body: b"" };
        for parts in [rpc, acs3] {
            let verified = OpenApiRequest::parse(&parts, now_ms).unwrap().verify(&key()).unwrap();
            let call = verified.admit(&mut NonceWindow::new(NonceLimits::default()), now_ms).unwrap();
            prop_assert_eq!((call.action(), call.format()), ("Do", Some(ReplyFormat::Json)));
            prop_assert_eq!(sorted(call.parameters()), parameters.clone().into_iter().collect::<Vec<_>>());
        }
    }
}
