//! User name, password and client id of a CONNECT, a token, and saved revocations: no panic, nothing proved by chance, and what
//! is read is what was written.
//!
//! The input is up to four lines: user name, password, client id, resource. Lines that are missing are empty.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lmq_auth::{
    Credentials, CustomIdentity, Denial, Holder, Permissions, Revocations, SecretKey, SignMode, TokenAuthority, TokenId,
    TokenKey, TokenPassword, TokenRequest,
};
use lmq_id::{Access, ClientId};

const NOW: u64 = 1_542_700_000_000;

static AUTHORITY: LazyLock<TokenAuthority> =
    LazyLock::new(|| TokenAuthority::new(TokenKey::new(1, &[7; 32]).expect("32 bytes")));
static KEY: LazyLock<SecretKey> = LazyLock::new(|| "DummyAccessKeySecret0123456789".parse().expect("a key"));

fuzz_target!(|data: &[u8]| {
    if let Ok(set) = Revocations::from_bytes(data, 100) {
        assert_eq!(set.to_bytes(), data);
    }
    let mut lines = data.splitn(4, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or(b"");
    let (username, password, client, resource) = (next(), next(), next(), next());
    let text = |bytes| core::str::from_utf8(bytes).unwrap_or("");
    let client = ClientId::try_from(text(client)).unwrap_or_else(|_| "GID_Test@@@0001".parse().expect("a client id"));
    connect(text(username), password, &client);
    if let Ok(tokens) = TokenPassword::parse(password) {
        tokens.iter().for_each(|(slot, token)| check(slot, token));
    }
    mint(text(username), text(resource));
});

fn connect(username: &str, password: &[u8], client: &ClientId) {
    let Ok(credentials) = Credentials::parse(Some(username), Some(password)) else { return };
    assert_eq!(credentials.name().is_none(), matches!(credentials, Credentials::Upload));
    match credentials {
        Credentials::Bare(bare) => {
            let account = bare.verify(Holder::Account(&KEY), client).is_ok();
            assert!(!account || password.len() == 28);
            assert!(bare.verify(Holder::Nobody, client).is_err());
            if let Ok(identity) = CustomIdentity::user(bare.name(), SignMode::Origin, KEY.clone()) {
                let proved = bare.verify(Holder::Custom(&identity), client).is_ok();
                assert_eq!(proved, password == KEY.expose().as_bytes());
            }
        }
        Credentials::Signature(signed) | Credentials::DeviceCredential(signed) => {
            assert!(signed.verify(None, client).is_err());
            assert!(signed.verify(Some(&KEY), client).is_err() || password.len() == 28);
        }
        _ => {}
    }
}

/// Tokens of the corpus are genuine; every other text is a forgery, and says so.
fn check(slot: Access, token: &str) {
    let revocations = Revocations::new(1);
    match AUTHORITY.parse(token) {
        Ok(claims) => {
            let rights = AUTHORITY.check(token, slot, NOW, claims.account(), claims.instance(), &revocations);
            assert_eq!(rights.is_ok(), slot == claims.actions() && NOW < claims.expires());
            assert_eq!(AUTHORITY.query(token, NOW, "another", None, &revocations), Err(Denial::Forged));
        }
        Err(denial) => assert_eq!(denial, Denial::Forged),
    }
}

fn mint(account: &str, resources: &str) {
    let resources: Vec<&str> = resources.split(',').collect();
    let actions = Access::ReadWrite;
    let request = TokenRequest { account, instance: "mqtt-cn-test0001", actions, resources: &resources, expires: NOW + 60_000 };
    let Ok(token) = AUTHORITY.mint(&request, TokenId::new([9; 16]), NOW) else { return };
    let claims = AUTHORITY.parse(token.expose()).expect("just minted");
    assert_eq!((claims.account(), claims.actions(), claims.expires()), (account, actions, NOW + 60_000));
    let rights = claims.permissions().expect("just minted");
    for resource in &resources {
        let routed = resource.strip_suffix('/').filter(|shorter| !shorter.is_empty()).unwrap_or(resource);
        assert!(rights.allows_subscribe(routed));
        let covered = claims.resources().any(|own| Permissions::covers(own, resource));
        assert_eq!(rights.allows_subscribe(resource), covered);
    }
}
