//! The captured and computed vectors of `vectors.json` and the fact sheet's own table.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use lmq_auth::{
    Edition, Scheme, SecretKey, Signature, TokenPassword, Username, mac_signature, publish_signature, sub_signature,
};
use lmq_id::{Access, ClientId};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    hmac_sha1: Vec<Vector>,
    token_passwords: Vec<TokenVector>,
}

#[derive(Clone, Debug, Deserialize)]
struct Vector {
    name: String,
    algorithm: String,
    key: String,
    string_to_sign: String,
    result: String,
    username: Option<String>,
    client_id: Option<String>,
    #[serde(default)]
    args: Args,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Args {
    topics: Vec<String>,
    client_id: Option<String>,
}

#[derive(Deserialize)]
struct TokenVector {
    name: String,
    username: String,
    password: String,
    tokens: Option<BTreeMap<String, String>>,
}

static FILE: LazyLock<File> = LazyLock::new(|| serde_json::from_str(include_str!("vectors.json")).unwrap());

const SECRET: &str = "DummyAccessKeySecret0123456789";

/// Texts and results that the fact sheet lists and the file does not.
const TABLE: [(&str, &str, &str); 3] = [
    (SECRET, "GID_Test@@@设备01", "g9cWSytemmN5777x9xIwd4RRURc="),
    (
        SECRET,
        "actions=R&expireTime=1893456060000&instanceId=mqtt-cn-test0001&resources=TopicA/p2p&serviceName=mq",
        "TeKpm+IdMaWhVo4hvnu9zc9Blfg=",
    ),
    (SECRET, "1542700000000", "vJEEF1h0GrILIGWxSiOYfj6BUNY="),
];

fn key(text: &str) -> SecretKey {
    text.parse().unwrap()
}

/// Every vector as (key, text, result).
fn signed() -> Vec<(String, String, String)> {
    let file = FILE.hmac_sha1.iter().map(|v| (v.key.clone(), v.string_to_sign.clone(), v.result.clone()));
    let table = TABLE.iter().map(|(k, t, r)| ((*k).to_owned(), (*t).to_owned(), (*r).to_owned()));
    file.chain(table).collect()
}

#[test]
fn every_vector_is_reproduced() {
    let all = signed();
    assert_eq!(all.len(), 23);
    for (k, text, result) in all {
        assert_eq!(mac_signature(&text, &key(&k)), result, "{text}");
        assert!(Signature::of_text(&key(&k), &text).matches(result.as_bytes()));
    }
    assert!(FILE.hmac_sha1.iter().all(|v| v.algorithm == "HMAC-SHA1/base64"));
}

#[test]
fn every_connect_vector_verifies_by_the_shape_of_its_user_name() {
    let mut seen = BTreeMap::new();
    for v in &FILE.hmac_sha1 {
        let (Some(username), Some(client)) = (&v.username, &v.client_id) else {
            continue;
        };
        let username = Username::parse(username).unwrap();
        let client: ClientId = client.parse().unwrap();
        let edition = username.verify(&key(&v.key), &client, v.result.as_bytes()).unwrap();
        assert_eq!(edition == Edition::GroupId, v.string_to_sign == client.group(), "{}", v.name);
        assert_eq!(edition == Edition::ClientId, v.string_to_sign == client.as_str(), "{}", v.name);
        assert!(username.verify(&key("other"), &client, v.result.as_bytes()).is_err());
        *seen.entry((username.scheme(), edition == Edition::GroupId)).or_insert(0) += 1;
    }
    // A bare user name that signs the client id is custom authentication in the file and publishSignature here.
    assert_eq!(
        seen,
        BTreeMap::from([
            ((Scheme::Legacy, true), 3),
            ((Scheme::Legacy, false), 1),
            ((Scheme::Signature, false), 2),
            ((Scheme::DeviceCredential, false), 1),
        ])
    );
}

#[test]
fn the_helpers_sign_what_their_originals_sign() {
    let mut count = 0;
    for v in &FILE.hmac_sha1 {
        let Some(client) = &v.args.client_id else {
            continue;
        };
        let client: ClientId = client.parse().unwrap();
        let topics: Vec<&str> = v.args.topics.iter().map(String::as_str).collect();
        let result = if topics.is_empty() {
            publish_signature(&client, &key(&v.key))
        } else {
            sub_signature(&topics, &client, &key(&v.key))
        };
        assert_eq!(result, v.result, "{}", v.name);
        count += 1;
    }
    assert_eq!(count, 3);
}

#[test]
fn token_passwords() {
    assert_eq!(FILE.token_passwords.len(), 6);
    for v in &FILE.token_passwords {
        assert_eq!(Username::parse(&v.username).unwrap().scheme(), Scheme::Token);
        let parsed = TokenPassword::parse(v.password.as_bytes()).ok().map(|tokens| {
            tokens.iter().map(|(access, token)| (access.to_string(), token.to_owned())).collect::<BTreeMap<_, _>>()
        });
        assert_eq!(parsed, v.tokens, "{}", v.name);
        for access in Access::ALL {
            let token = TokenPassword::parse(v.password.as_bytes()).ok().and_then(|tokens| tokens.token(access));
            let wanted = v.tokens.as_ref().and_then(|t| t.get(access.as_str()));
            assert_eq!(token, wanted.map(String::as_str), "{}", v.name);
        }
    }
}

/// `text` with one ASCII character replaced by another.
fn changed(text: &str, at: prop::sample::Index, shift: u8) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let ascii: Vec<usize> = (0..bytes.len()).filter(|&i| bytes[i].is_ascii()).collect();
    let at = ascii[at.index(ascii.len())];
    bytes[at] = (bytes[at] + shift) % 128;
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn one_changed_character_breaks_every_vector(
        vector in prop::sample::select(signed()),
        at in any::<prop::sample::Index>(),
        shift in 1_u8..128,
    ) {
        let (k, text, result) = vector;
        prop_assert!(!Signature::of_text(&key(&changed(&k, at, shift)), &text).matches(result.as_bytes()));
        prop_assert!(!Signature::of_text(&key(&k), &changed(&text, at, shift)).matches(result.as_bytes()));
        let right = Signature::of_text(&key(&k), &text);
        prop_assert!(right.matches(result.as_bytes()));
        prop_assert!(!right.matches(changed(&result, at, shift).as_bytes()));
    }

    #[test]
    fn one_changed_bit_cut_or_tail_breaks_every_password(
        vector in prop::sample::select(signed()),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
        tail in any::<u8>(),
    ) {
        let (k, text, result) = vector;
        let right = Signature::of_text(&key(&k), &text);
        let mut bytes = result.into_bytes();
        let at = at.index(bytes.len());
        prop_assert!(!right.matches(&bytes[..at]));
        bytes.push(tail);
        prop_assert!(!right.matches(&bytes));
        bytes.pop();
        bytes[at] ^= 1 << bit;
        prop_assert!(!right.matches(&bytes));
    }

    #[test]
    fn a_changed_client_id_or_key_is_refused_at_connect(
        vector in prop::sample::select(FILE.hmac_sha1.iter().filter(|v| v.username.is_some()).cloned().collect::<Vec<_>>()),
        at in any::<prop::sample::Index>(),
        shift in 1_u8..128,
    ) {
        let username = Username::parse(vector.username.as_deref().unwrap())?;
        let password = vector.result.as_bytes();
        let client = vector.client_id.unwrap();
        let right: ClientId = client.parse()?;
        prop_assert!(username.verify(&key(&changed(&vector.key, at, shift)), &right, password).is_err());
        let changed_at = changed(&client, at, shift);
        if let Ok(wrong) = changed_at.parse::<ClientId>() {
            // The edition of 2018 signs the group only: there another device of the group has the same password.
            let same_group = vector.string_to_sign == right.group() && wrong.group() == right.group();
            prop_assert_eq!(username.verify(&key(&vector.key), &wrong, password).is_ok(), same_group);
        }
    }
}
