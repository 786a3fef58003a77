//! Which text each scheme accepts a signature of, and what user names look like.

use lmq_auth::{BadSignature, Edition, Scheme, SecretKey, Signature, TokenPassword, Username, sub_signature};
use lmq_id::ClientId;

fn key() -> SecretKey {
    "DummyAccessKeySecret0123456789".parse().unwrap()
}

fn client() -> ClientId {
    "GID_Test@@@0001".parse().unwrap()
}

#[test]
fn the_shape_of_the_user_name_decides_what_is_signed() {
    let group = Signature::sign_legacy(&key(), &client()).to_base64();
    let whole = Signature::sign(&key(), &client()).to_base64();
    let bad: BadSignature = Scheme::Token.verify(&key(), &client(), b"R|t").unwrap_err();
    for (scheme, by_group, by_client) in [
        (Scheme::Legacy, Ok(Edition::GroupId), Ok(Edition::ClientId)),
        (Scheme::Signature, Err(bad), Ok(Edition::ClientId)),
        (Scheme::DeviceCredential, Err(bad), Ok(Edition::ClientId)),
        (Scheme::Token, Err(bad), Err(bad)),
    ] {
        assert_eq!(scheme.verify(&key(), &client(), group.as_bytes()), by_group, "{scheme:?}");
        assert_eq!(scheme.verify(&key(), &client(), whole.as_bytes()), by_client, "{scheme:?}");
        for password in [&b""[..], b"=", &group.as_bytes()[..27], key().expose().as_bytes()] {
            assert_eq!(scheme.verify(&key(), &client(), password), Err(bad), "{scheme:?}");
        }
    }
}

#[test]
fn a_signature_has_one_spelling() {
    let right = Signature::sign(&key(), &client());
    assert_eq!(right.to_base64(), "D99AJFAwWIlqHpcs0cRSeioJdG0=");
    for other in [
        "D99AJFAwWIlqHpcs0cRSeioJdG0",    // no padding
        "D99AJFAwWIlqHpcs0cRSeioJdG1=",   // other unused bits
        "D99AJFAwWIlqHpcs0cRSeioJdG0=\n", // a line feed
        " D99AJFAwWIlqHpcs0cRSeioJdG0=",
    ] {
        assert!(!right.matches(other.as_bytes()), "{other:?}");
    }
    // '+' and '/' of the standard alphabet are not '-' and '_'.
    let plus = Signature::sign_legacy(&key(), &client());
    assert!(plus.matches(b"kXHX7FJ2Mmdf9j07ejZc8UG+V6w="));
    assert!(!plus.matches(b"kXHX7FJ2Mmdf9j07ejZc8UG-V6w="));
}

#[test]
fn nothing_secret_is_shown() {
    let signature = Signature::sign(&key(), &client());
    assert_eq!(format!("{signature:?}"), "Signature(..)");
    assert_eq!(format!("{:?}", key()), "SecretKey(..)");
    let tokens = TokenPassword::parse(b"RW|tok3|R|tok1").unwrap();
    assert_eq!(format!("{tokens:?}"), "{Read: .., ReadWrite: ..}");
    assert_eq!(
        Scheme::Token.verify(&key(), &client(), b"x").unwrap_err().to_string(),
        "password is not the signature; expected Base64(HMAC-SHA1(secret key, text)) of the text that the user name's shape calls for"
    );
}

#[test]
fn sub_signature_sorts_as_utf_16_and_keeps_duplicates() {
    // U+FF21 is one unit, FF21; U+10000 is two, D800 DC00, and sorts before it, unlike their UTF-8.
    let (wide, astral) = ("\u{FF21}", "\u{10000}");
    let text = format!("{astral}\n{wide}\n{wide}\n{}", client());
    assert_eq!(sub_signature(&[wide, astral, wide], &client(), &key()), Signature::of_text(&key(), &text).to_base64());
    assert_eq!(sub_signature(&[], &client(), &key()), Signature::sign(&key(), &client()).to_base64());
}

#[test]
fn user_names_by_shape() {
    for (text, scheme, access_key, instance) in [
        ("LTAI4", Scheme::Legacy, "LTAI4", None),
        ("Signature", Scheme::Legacy, "Signature", None),
        ("Signature|LTAI4|mqtt-cn-test0001", Scheme::Signature, "LTAI4", Some("mqtt-cn-test0001")),
        ("Token|LTAI4|post-1", Scheme::Token, "LTAI4", Some("post-1")),
        ("DeviceCredential|DC.Key1|mqtt-1", Scheme::DeviceCredential, "DC.Key1", Some("mqtt-1")),
    ] {
        let username = Username::parse(text).unwrap();
        assert_eq!(username.scheme(), scheme);
        assert_eq!(username.access_key(), access_key);
        assert_eq!(username.instance(), instance);
        assert_eq!(username.to_string(), text);
    }
    assert!(Username::parse(&"k".repeat(128)).is_ok());
    assert!(Username::parse(&"é".repeat(128)).is_ok());
}

#[test]
fn user_name_errors_say_what_and_what_would_be_right() {
    const SCHEME: &str =
        "user name starts with an unknown word; expected Signature, Token or DeviceCredential before the first '|'";
    const PARTS: &str = "parts between bars; expected 3: <scheme>|<access key>|<instance>";
    const KEY: &str = "user name has an empty access key; expected 1 to 128 characters";
    let long = "k".repeat(129);
    for (text, said) in [
        ("", KEY.to_owned()),
        ("Signature||mqtt-1", KEY.to_owned()),
        ("signature|LTAI4|mqtt-1", SCHEME.to_owned()),
        ("|LTAI4|mqtt-1", SCHEME.to_owned()),
        ("Signature |LTAI4|mqtt-1", SCHEME.to_owned()),
        ("Signature|LTAI4", format!("user name has 2 {PARTS}")),
        ("Signature|", format!("user name has 2 {PARTS}")),
        ("Token|LTAI4|mqtt-1|", format!("user name has 4 {PARTS}")),
        ("Signature|LTAI4|", "user name: instance id is empty; expected 1 to 63 of A-Z a-z 0-9 _ -".to_owned()),
        (
            "Signature|LTAI4|a.b",
            "user name: character 2 of the instance id is '.'; allowed are A-Z a-z 0-9 _ -".to_owned(),
        ),
        ("LT\tAI", "character 3 of the access key is a control character; expected visible ones".to_owned()),
        (&long, "user name has an access key of more than 128 characters".to_owned()),
    ] {
        assert_eq!(Username::parse(text).unwrap_err().to_string(), said, "{text:?}");
    }
}

#[test]
fn token_password_errors_say_what_and_where() {
    for (text, said) in [
        ("", "part 1 of the token password is not a type; expected R, W or RW"),
        ("X|123", "part 1 of the token password is not a type; expected R, W or RW"),
        ("r|123", "part 1 of the token password is not a type; expected R, W or RW"),
        ("R|a|b|c", "part 3 of the token password is not a type; expected R, W or RW"),
        ("R|a^W|b", "part 3 of the token password is not a type; expected R, W or RW"),
        ("R", "token password ends with the type in part 1; expected '|' and a token behind it"),
        ("R|123|W", "token password ends with the type in part 3; expected '|' and a token behind it"),
        ("R|123|", "part 3 of the token password is not a type; expected R, W or RW"),
        ("R|", "part 2 of the token password is an empty token"),
        ("W|a|RW||R|b", "part 4 of the token password is an empty token"),
        ("R|a|R|a", "part 3 of the token password is type R again; expected each type once"),
        ("RW|a|R|b|W|c|RW|d", "part 7 of the token password is type RW again; expected each type once"),
    ] {
        assert_eq!(TokenPassword::parse(text.as_bytes()).unwrap_err().to_string(), said, "{text:?}");
    }
    assert_eq!(TokenPassword::parse(b"R|\xff").unwrap_err().to_string(), "token password is not UTF-8");
}
