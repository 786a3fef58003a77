//! The six modes of a CONNECT: told apart by shape, checked with what a lookup found.

use lmq_auth::{Credentials, CredentialsError, CustomIdentity, Edition, Holder, Proof, SecretKey, SignMode};
use lmq_id::{Access, ClientId};
use proptest::prelude::*;

const SECRET: &str = "DummyAccessKeySecret0123456789";
const BY_GROUP: &str = "kXHX7FJ2Mmdf9j07ejZc8UG+V6w=";
const BY_CLIENT: &str = "D99AJFAwWIlqHpcs0cRSeioJdG0=";
const BY_DEVICE: &str = "nX6WG2WyUnHXr5e6BCru7mulNw0=";
const BY_CUSTOM: &str = "2yT8+rP2U0N+/DQ3KNFSs0ppWYU=";

fn key(text: &str) -> SecretKey {
    text.parse().unwrap()
}

fn client() -> ClientId {
    "GID_Test@@@0001".parse().unwrap()
}

fn parse<'a>(username: &'a str, password: &'a str) -> Credentials<'a> {
    Credentials::parse(Some(username), Some(password.as_bytes())).unwrap()
}

#[test]
fn signatures_of_accounts_and_devices() {
    let own = key(SECRET);
    let signature = parse("Signature|LTAI4|mqtt-cn-test0001", BY_CLIENT);
    assert_eq!((signature.name(), signature.instance()), (Some("LTAI4"), Some("mqtt-cn-test0001")));
    let Credentials::Signature(signed) = signature else { panic!("{signature:?}") };
    assert_eq!(signed.verify(Some(&own), &client()), Ok(Edition::ClientId));
    assert!(signed.verify(Some(&key("other")), &client()).is_err());
    assert!(signed.verify(Some(&own), &"GID_Test@@@0002".parse::<ClientId>().unwrap()).is_err());
    assert!(signed.verify(None, &client()).is_err());
    // The group's signature is good for a bare name only.
    let Credentials::Signature(signed) = parse("Signature|LTAI4|mqtt-cn-test0001", BY_GROUP) else { panic!() };
    assert!(signed.verify(Some(&own), &client()).is_err());

    let device = parse("DeviceCredential|DC.Dummy|mqtt-cn-test0001", BY_DEVICE);
    let Credentials::DeviceCredential(signed) = device else { panic!("{device:?}") };
    assert_eq!(signed.access_key(), "DC.Dummy");
    assert_eq!(signed.verify(Some(&key("DC.DummyDeviceSecret0001")), &client()), Ok(Edition::ClientId));
    assert!(signed.verify(Some(&own), &client()).is_err());
}

#[test]
fn a_bare_name_is_what_the_lookup_says() {
    let own = key(SECRET);
    let origin = CustomIdentity::user("alice", SignMode::Origin, key(BY_GROUP)).unwrap();
    let signed = CustomIdentity::user("alice", SignMode::Signed, key("s3cret")).unwrap();
    let verify = |password, holder: Holder<'_>| {
        let Credentials::Bare(bare) = parse("alice", password) else { panic!() };
        assert_eq!(bare.name(), "alice");
        bare.verify(holder, &client()).ok()
    };
    assert_eq!(verify(BY_GROUP, Holder::Account(&own)), Some(Proof::Account(Edition::GroupId)));
    assert_eq!(verify(BY_CLIENT, Holder::Account(&own)), Some(Proof::Account(Edition::ClientId)));
    assert_eq!(verify(BY_GROUP, Holder::Custom(&origin)), Some(Proof::Custom));
    assert_eq!(verify(BY_CUSTOM, Holder::Custom(&signed)), Some(Proof::Custom));
    for holder in [Holder::Nobody, Holder::Account(&own), Holder::Custom(&origin)] {
        assert_eq!(verify(BY_CUSTOM, holder), None, "{holder:?}");
    }
    // Each way of proving is its own: the secret is no signature, a signature no secret, the legacy text no custom one.
    assert_eq!(verify("s3cret", Holder::Custom(&signed)), None);
    let signed_group = CustomIdentity::user("alice", SignMode::Signed, key(SECRET)).unwrap();
    assert_eq!(verify(BY_GROUP, Holder::Custom(&signed_group)), None);
    let longer = format!("{BY_GROUP}=");
    for password in ["", "kXHX7FJ2Mmdf9j07ejZc8UG+V6w", &longer] {
        assert_eq!(verify(password, Holder::Custom(&origin)), None, "{password}");
    }
    assert_eq!(verify("a key that no account has", Holder::Nobody), None);
    assert_eq!(verify(SECRET, Holder::Account(&own)), None);
}

#[test]
fn the_key_that_stands_in_for_a_missing_one_opens_nothing() {
    let stand_in = key("a key that no account has");
    let forged = lmq_auth::Signature::sign(&stand_in, &client()).to_base64();
    let Credentials::Bare(bare) = parse("alice", &forged) else { panic!() };
    assert!(bare.verify(Holder::Nobody, &client()).is_err());
    let Credentials::Signature(signed) = parse("Signature|a|b", &forged) else { panic!() };
    assert!(signed.verify(None, &client()).is_err());
}

#[test]
fn tokens_and_their_upload() {
    let brought = parse("Token|LTAI4|mqtt-cn-test0001", "W|abcd|R|123");
    assert_eq!((brought.name(), brought.instance()), (Some("LTAI4"), Some("mqtt-cn-test0001")));
    assert_eq!(brought.tokens().collect::<Vec<_>>(), [(Access::Read, "123"), (Access::Write, "abcd")]);
    for (username, password) in [(None, None), (Some(""), None), (None, Some(&b""[..])), (Some(""), Some(b""))] {
        let upload = Credentials::parse(username, password).unwrap();
        assert!(matches!(upload, Credentials::Upload), "{upload:?}");
        assert_eq!((upload.name(), upload.instance(), upload.tokens().count()), (None, None, 0));
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let error = |username, password| Credentials::parse(username, password).unwrap_err();
    assert_eq!(error(None, Some(b"x")), CredentialsError::NoUsername);
    assert_eq!(error(Some("alice"), None), CredentialsError::NoPassword);
    assert_eq!(error(Some("Token|a|b"), None), CredentialsError::NoPassword);
    for (username, password, said) in [
        ("", "x", "user name has an empty access key; expected 1 to 128 characters"),
        ("Token|a|b", "", "part 1 of the token password is not a type; expected R, W or RW"),
        ("Token|a|b", "R|x|R|y", "part 3 of the token password is type R again; expected each type once"),
        ("Token|a", "R|x", "user name has 2 parts between bars; expected 3: <scheme>|<access key>|<instance>"),
    ] {
        assert_eq!(error(Some(username), Some(password.as_bytes())).to_string(), said);
    }
}

#[test]
fn passwords_are_not_shown() {
    for (username, password, shown) in [
        ("alice", "hunter2", "Bare(Bare(alice, ..))"),
        ("Signature|a|b", "hunter2", "Signature(Signed(Signature|a|b, ..))"),
        ("DeviceCredential|a|b", "hunter2", "DeviceCredential(Signed(DeviceCredential|a|b, ..))"),
        ("Token|a|b", "R|hunter2", "Token(TokenHolder(Token|a|b, {Read: ..}))"),
    ] {
        assert_eq!(format!("{:?}", parse(username, password)), shown);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered_and_prove_nothing(
        username in "(Signature|Token|DeviceCredential|alice)(\\|[a-z]{0,3}){0,3}",
        password in any::<Vec<u8>>(),
    ) {
        let own = key(SECRET);
        match Credentials::parse(Some(&username), Some(&password)) {
            Ok(Credentials::Bare(bare)) => prop_assert!(bare.verify(Holder::Account(&own), &client()).is_err()),
            Ok(Credentials::Signature(signed) | Credentials::DeviceCredential(signed)) => {
                prop_assert!(signed.verify(Some(&own), &client()).is_err());
            }
            Ok(other) => prop_assert!(other.name().is_some()),
            Err(_) => {}
        }
    }

    #[test]
    fn one_changed_byte_breaks_every_password(at in 0_usize..28, bit in 0..8) {
        for (username, password) in [("Signature|a|b", BY_CLIENT), ("alice", BY_GROUP), ("alice", BY_CLIENT)] {
            let mut password = password.as_bytes().to_vec();
            password[at] ^= 1_u8 << bit;
            let own = key(SECRET);
            match Credentials::parse(Some(username), Some(&password)).unwrap() {
                Credentials::Bare(bare) => prop_assert!(bare.verify(Holder::Account(&own), &client()).is_err()),
                Credentials::Signature(signed) => prop_assert!(signed.verify(Some(&own), &client()).is_err()),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
