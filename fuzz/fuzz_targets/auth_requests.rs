//! Raw HTTP requests, as captured, read by everything that reads signed requests: no panic, texts as a second writer makes them, and
//! what is signed from the same parameters verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmq_auth::SecretKey;
use lmq_auth::request::{
    ListOrder, NonceLimits, NonceWindow, OpenApiRequest, OutgoingCall, Pairs, RequestParts, StatusQuery, Timestamp,
    TokenApply, TokenQuery, TokenRevoke, parameter_text, percent_decode, percent_encode,
};

const ACCESS_KEY: &str = "LTAI4DummyAccessKeyId";
/// Near to the times of the captured requests.
const NOW_MS: u64 = 1_795_187_110_000;
const STATUS_NOW_MS: u64 = 1_542_700_000_000;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let (head, body) = text.split_once("\r\n\r\n").or_else(|| text.split_once("\n\n")).unwrap_or((text, ""));
    let mut lines = head.lines();
    let mut start = lines.next().unwrap_or("").splitn(3, ' ');
    let (method, target) = (start.next().unwrap_or(""), start.next().unwrap_or(""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let key: SecretKey = "DummyAccessKeySecret0123456789".parse().expect("a key");
    openapi(&RequestParts { method, path, query, headers: &headers, body: body.as_bytes() }, &key);
    for encoded in [query, body] {
        texts(encoded);
        let Ok(pairs) = Pairs::parse(encoded) else { continue };
        read_again(&pairs);
        token_server(&pairs, &key);
        signed(&pairs, &key);
    }
});

fn openapi(parts: &RequestParts<'_>, key: &SecretKey) {
    let time = parts.headers.iter().find_map(|(_, value)| value.parse::<Timestamp>().ok());
    let now_ms = time.map_or(NOW_MS, Timestamp::unix_ms);
    let Ok(request) = OpenApiRequest::parse(parts, now_ms) else { return };
    assert!((1..=128).contains(&request.access_key_id().len()));
    let text = request.string_to_sign().as_str().to_owned();
    if !text.starts_with("ACS3-") {
        assert!(
            text.starts_with(&format!("{}&%2F&AccessKeyId%3D", parts.method)) || text.contains("%26AccessKeyId%3D")
        );
    }
    let other: SecretKey = "other".parse().expect("a key");
    assert!(OpenApiRequest::parse(parts, now_ms).expect("as before").verify(&other).is_err());
    let Ok(verified) = request.verify(key) else { return };
    let mut nonces = NonceWindow::new(NonceLimits { nonces_max: 1, nonces_per_key_max: 1 });
    let call = verified.admit(&mut nonces, now_ms).expect("the first");
    assert!(call.parameters().get("Signature").is_none() || text.starts_with("ACS3-"));
    let again = OpenApiRequest::parse(parts, now_ms).and_then(|request| request.verify(key)).expect("as before");
    assert!(again.admit(&mut nonces, now_ms).is_err());
}

fn texts(text: &str) {
    assert_eq!(percent_decode(&percent_encode(text)).as_deref(), Ok(text));
    if let Ok(decoded) = percent_decode(text) {
        assert!(decoded.len() <= text.len());
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        assert_eq!(time.to_string(), text);
        assert_eq!(Timestamp::from_unix_ms(time.unix_ms()), time);
    }
}

fn read_again(pairs: &Pairs) {
    let list: Vec<(&str, &str)> = pairs.iter().collect();
    // Encoding may triple a text, and then be too long to read.
    if let Ok(again) = Pairs::parse(&pairs.to_encoded()) {
        assert_eq!(again.iter().collect::<Vec<_>>(), list);
    }
    let mut turned = list.clone();
    turned.reverse();
    for order in [ListOrder::Sorted, ListOrder::AsSent] {
        let text = parameter_text(&list, order);
        assert_eq!(text, parameter_text(&turned, order));
        assert_eq!(text.len() + 1, list.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>().max(1));
    }
}

/// What is read and verifies is signed again, and reads and verifies as the same.
fn token_server(pairs: &Pairs, key: &SecretKey) {
    let list = |list: Vec<(&'static str, String)>| {
        let list: Vec<(&str, &str)> = list.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Pairs::from_list(&list).expect("fewer than were read")
    };
    if let Ok(Ok(apply)) = TokenApply::parse(pairs, NOW_MS).map(|signed| signed.verify(key)) {
        assert!((1..=100).contains(&apply.resources().len()));
        let again = TokenApply::parse(&list(apply.sign(ACCESS_KEY, key)), NOW_MS).expect("as before");
        assert_eq!(again.verify(key), Ok(apply));
    }
    if let Ok(Ok(query)) = StatusQuery::parse(pairs, STATUS_NOW_MS).map(|signed| signed.verify(key)) {
        let again = StatusQuery::parse(&list(query.sign(ACCESS_KEY, key)), STATUS_NOW_MS).expect("as before");
        assert_eq!(again.verify(key), Ok(query));
    }
    if let Ok(signed) = TokenRevoke::parse(pairs) {
        // The two calls sign the same.
        let query = TokenQuery::parse(pairs).expect("the same parameters");
        assert_eq!(signed.access_key(), query.access_key());
        assert_eq!(signed.verify(key).is_ok(), query.verify(key).is_ok());
    }
}

/// Any parameters, signed here: the gateway reads the same ones.
fn signed(pairs: &Pairs, key: &SecretKey) {
    let parameters: Vec<(&str, &str)> = pairs.iter().collect();
    let call =
        OutgoingCall { method: "GET", action: "A", version: "V", nonce: "n", now_ms: NOW_MS, parameters: &parameters };
    let Ok(signed) = call.sign_acs3("host", ACCESS_KEY, key) else { return };
    let headers: Vec<(&str, &str)> = signed.headers().collect();
    let parts = RequestParts { method: "GET", path: "/", query: signed.query(), headers: &headers, body: b"" };
    let read = |parts: &RequestParts<'_>| {
        let request = OpenApiRequest::parse(parts, NOW_MS).ok()?;
        let verified = request.verify(key).expect("signed with this key");
        Some(verified.admit(&mut NonceWindow::new(NonceLimits::default()), NOW_MS).expect("the first"))
    };
    if let Some(call) = read(&parts) {
        assert_eq!(call.parameters().iter().collect::<Vec<_>>(), parameters);
    }
    let Ok(signed) = call.sign_rpc(ACCESS_KEY, key) else { return };
    let encoded = signed.to_encoded();
    if let Some(call) = read(&RequestParts { query: &encoded, headers: &[], ..parts }) {
        let left = parameters.iter().filter(|(name, _)| !matches!(*name, "SignatureType" | "SecurityToken"));
        assert_eq!(call.parameters().iter().collect::<Vec<_>>(), left.copied().collect::<Vec<_>>());
    }
}
