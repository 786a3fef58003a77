//! Every mode by what the authenticator says of it, with a wall clock of our own.

use std::{num::NonZeroU64, sync::Arc};

use lmq_auth::{Denial, SecretKey, Signature, TokenId, TokenRequest};
use lmq_broker::{
    AuthRequest, AuthStage, ClientKey, Grant, InstanceIndex, Password, Peer, Refusal, TokenText, Transport, Verdict,
};
use lmq_id::Access;
use serde_json::{Value, json};

use super::Authenticator;
use crate::{
    config::ProfileName,
    registry::{
        Account, Banned, Device, Group, GroupStatus, Identity, Key, Object, Permission, Registry, Secret, Spec,
    },
    tokens::Tokens,
};

const NOW: u64 = 1_700_000_000_000;
const MINUTE: u64 = 60_000;
/// Instance `a` of this registry; `b` is the next.
const A: InstanceIndex = InstanceIndex(0);
const CLIENT: &str = "GID_one@@@1";

struct World {
    registry: Arc<Registry>,
    tokens: Arc<Tokens>,
    authenticator: Authenticator,
}

/// Instances `a` and `b`; in `a` the account `acc` with the keys `AK1` and `AK2` and the group `GID_one`, and `else` with `AK3` and `GID_else`.
/// The secret of a key is `secret-of-<key>`; `AKB` is in `b`.
fn world() -> World {
    world_of(ProfileName::Lmq)
}

fn world_of(profile: ProfileName) -> World {
    let registry = Arc::new(Registry::open(&[], false, None).unwrap());
    for id in ["a", "b"] {
        registry.create_instance(id, Spec::default()).unwrap();
        for account in ["acc", "else"] {
            registry.create(id, account, Account { parent: None, enabled: true }).unwrap();
        }
    }
    for (instance, key, account) in
        [("a", "AK1", "acc"), ("a", "AK2", "acc"), ("a", "AK3", "else"), ("b", "AKB", "acc")]
    {
        let secret_key = secret(&format!("secret-of-{key}"));
        registry.create(instance, key, Key { account: account.into(), secret_key, enabled: true }).unwrap();
    }
    for (group, account) in [("GID_one", "acc"), ("GID_else", "else")] {
        registry.create("a", group, Group { account: account.into(), status: GroupStatus::Serving }).unwrap();
    }
    let tokens = Arc::new(Tokens::open(None, NOW).unwrap());
    let authenticator = Authenticator::new(registry.clone(), tokens.clone(), profile, false);
    World { registry, tokens, authenticator }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.parse().unwrap())
}

fn signed(secret: &str, text: &str) -> String {
    let key: SecretKey = secret.parse().unwrap();
    Signature::of_text(&key, text).to_base64()
}

fn request(client_id: &str, username: Option<&str>, password: Option<&str>) -> AuthRequest {
    AuthRequest {
        client: ClientKey { instance: A, client_id: client_id.into() },
        username: username.map(Into::into),
        password: password.map(|password| Password::new(password.as_bytes())),
        method: None,
        data: None,
        token: None,
        principal: None,
        stage: AuthStage::Connect,
        peer: Peer { addr: "127.0.0.1:1".parse().unwrap(), transport: Transport::Tcp, local: true, tls: None },
    }
}

/// What became of a question, to be compared.
#[derive(Debug, PartialEq)]
enum Said {
    In,
    No(Refusal),
    Bad(Denial),
    Later,
}

fn said(verdict: &Verdict) -> Said {
    match verdict {
        Verdict::Allow(_) => Said::In,
        Verdict::Deny(refusal) => Said::No(*refusal),
        Verdict::Invalid(denial) => Said::Bad(*denial),
        Verdict::AwaitToken => Said::Later,
        other => panic!("{other:?}"),
    }
}

const FORGED: &str = "Zm9yZ2VkZm9yZ2VkZm9yZ2Vk";

impl World {
    fn at(&self, now_ms: u64, client_id: &str, username: &str, password: &str) -> Said {
        said(&self.authenticator.decide(now_ms, &request(client_id, Some(username), Some(password))))
    }

    fn connect(&self, client_id: &str, username: &str, password: &str) -> Said {
        self.at(NOW, client_id, username, password)
    }

    #[track_caller]
    fn grant(&self, client_id: &str, username: &str, password: &str) -> Grant {
        match self.authenticator.decide(NOW, &request(client_id, Some(username), Some(password))) {
            Verdict::Allow(grant) => grant,
            other => panic!("{other:?}"),
        }
    }

    fn upload(&self, now_ms: u64, client_id: &str, access: Access, text: &str, principal: Option<NonZeroU64>) -> Said {
        let mut request = request(client_id, None, None);
        request.stage = AuthStage::Token;
        request.token = Some((access, TokenText::new(text)));
        request.principal = principal;
        said(&self.authenticator.decide(now_ms, &request))
    }

    fn bare(&self, client_id: &str) -> Said {
        said(&self.authenticator.decide(NOW, &request(client_id, None, None)))
    }

    /// A token for 10 minutes.
    fn token(&self, access_key: &str, instance: &str, actions: Access, resource: &str) -> String {
        let request =
            TokenRequest { account: access_key, instance, actions, resources: &[resource], expires: NOW + 10 * MINUTE };
        let id = TokenId::new([resource.len() as u8; 16]);
        self.tokens.mint(&request, id, NOW).unwrap().expose().to_owned()
    }

    fn put<T: Object>(&self, name: &str, members: Value) {
        let value: T = serde_json::from_value(members).unwrap();
        self.registry.put("a", name, |_| Ok(value)).unwrap();
    }

    fn awaiting(&self) {
        self.registry.change_instance("a", |old| Ok(Spec { awaits_tokens: true, ..*old })).unwrap();
    }

    fn identity(&self, name: &str, client_id: Option<&str>, sign_mode: &str, secret: &str) {
        let identity_type = if client_id.is_some() { "CLIENT" } else { "USER" };
        let members = json!({ "identity_type": identity_type, "username": name, "client_id": client_id,
            "sign_mode": sign_mode, "secret": secret });
        let value: Identity = serde_json::from_value(members.clone()).unwrap();
        self.put::<Identity>(&value.name(), members);
    }

    fn permission(&self, identity_type: &str, identity: &str, topic: &str, effect: &str, action: &str) {
        let members = json!({ "identity_type": identity_type, "identity": identity, "topic": topic, "effect": effect,
            "permit_action": action });
        let value: Permission = serde_json::from_value(members.clone()).unwrap();
        self.put::<Permission>(&value.name(), members);
    }

    fn principal(&self, access_key: &str) -> Option<NonZeroU64> {
        Some(self.registry.snapshot().instance("a").unwrap().keys.get(access_key).unwrap().principal)
    }
}

#[test]
fn an_account_signs_in_both_editions() {
    let world = world();
    let (group, whole) = (signed("secret-of-AK1", "GID_one"), signed("secret-of-AK1", CLIENT));
    for (username, password, expected) in [
        ("AK1", &group, Said::In),
        ("AK1", &whole, Said::In),
        ("Signature|AK1|a", &whole, Said::In),
        ("Signature|AK1|a", &group, Said::No(Refusal::Credentials)),
        ("Signature|AK1|b", &whole, Said::No(Refusal::NotAuthorized)),
        ("Signature|AK9|a", &whole, Said::No(Refusal::Credentials)),
        ("AK9", &group, Said::No(Refusal::Credentials)),
        ("Signature|AK1", &whole, Said::No(Refusal::Credentials)),
        ("", &whole, Said::No(Refusal::Credentials)),
    ] {
        assert_eq!(world.connect(CLIENT, username, password), expected, "{username}");
    }
    let grant = world.grant(CLIENT, "AK1", &group);
    assert!(grant.permissions.is_everything() && grant.principal == world.principal("AK1"));
    let elsewhere = signed("secret-of-AKB", CLIENT);
    assert_eq!(world.connect(CLIENT, "Signature|AKB|a", &elsewhere), Said::No(Refusal::NotAuthorized));
    assert_eq!(world.connect(CLIENT, "Signature|AKB|a", &whole), Said::No(Refusal::Credentials));
}

#[test]
fn a_token_opens_what_it_names_to_who_names_its_account() {
    let world = world();
    let (read, write) =
        (world.token("AK1", "a", Access::Read, "T/r"), world.token("AK1", "a", Access::Write, "T/longer"));
    let grant = world.grant(CLIENT, "Token|AK1|a", &format!("W|{write}|R|{read}"));
    let rights = &grant.permissions;
    assert!(rights.allows_subscribe("T/r") && rights.allows_publish("T/longer"));
    assert!(!rights.allows_subscribe("T/longer") && !rights.allows_publish("T/r"));
    let terms: Vec<_> = grant.tokens.iter().map(|term| (term.access, term.expires)).collect();
    assert_eq!(terms, [Access::Read, Access::Write].map(|access| (access, NOW + 10 * MINUTE)));
    assert_eq!(grant.principal, world.principal("AK1"));

    let foreign = world.token("AK3", "a", Access::Read, "T/r");
    let elsewhere = world.token("AK1", "b", Access::Read, "T/r");
    let gone = world.token("AK9", "a", Access::Read, "T/r");
    for (username, password, expected) in [
        ("Token|AK1|a", format!("R|{read}"), Said::In),
        ("Token|AK1|a", format!("R|{FORGED}"), Said::Bad(Denial::Forged)),
        ("Token|AK9|a", format!("R|{FORGED}"), Said::Bad(Denial::Forged)),
        ("Token|AK1|a", format!("R|{read}|W|{FORGED}"), Said::Bad(Denial::Forged)),
        ("Token|AK1|a", format!("W|{read}"), Said::Bad(Denial::Action)),
        ("Token|AK1|a", format!("RW|{read}"), Said::Bad(Denial::Action)),
        ("Token|AK1|a", format!("R|{read}|R|{read}"), Said::No(Refusal::Credentials)),
        ("Token|AK1|a", "R|".to_owned(), Said::No(Refusal::Credentials)),
        ("Token|AK1|a", format!("R|{foreign}"), Said::No(Refusal::NotAuthorized)),
        ("Token|AK1|a", format!("R|{elsewhere}"), Said::No(Refusal::NotAuthorized)),
        ("Token|AK3|a", format!("R|{foreign}"), Said::No(Refusal::NotAuthorized)),
        ("Token|AK9|a", format!("R|{gone}"), Said::Bad(Denial::Account)),
        ("Token|AK1|b", format!("R|{read}"), Said::No(Refusal::NotAuthorized)),
    ] {
        assert_eq!(world.connect(CLIENT, username, &password), expected, "{username} {password}");
    }
    assert_eq!(world.connect("GID_none@@@1", "Token|AK1|a", &format!("R|{read}")), Said::No(Refusal::Identifier));
    let last = NOW + 10 * MINUTE;
    let at = |now_ms| world.at(now_ms, CLIENT, "Token|AK1|a", &format!("R|{read}"));
    assert_eq!((at(last - 1), at(last)), (Said::In, Said::Bad(Denial::Expired)));
    world.tokens.revoke(&read, "AK1", None, NOW).unwrap();
    assert_eq!(at(NOW), Said::Bad(Denial::Revoked));
}

#[test]
fn who_brings_nothing_waits_for_a_token_where_that_is_switched_on() {
    let world = world();
    assert_eq!(world.bare(CLIENT), Said::No(Refusal::Credentials));
    world.awaiting();
    assert_eq!(world.bare(CLIENT), Said::Later);
    assert_eq!(world.bare("GID_none@@@1"), Said::No(Refusal::Identifier));
    assert_eq!(world.connect(CLIENT, "", ""), Said::Later);
    assert_eq!(world.bare("no client of the product"), Said::No(Refusal::Identifier));
    world.put::<Banned>(CLIENT, json!({}));
    assert_eq!(world.bare(CLIENT), Said::No(Refusal::Banned));
    let plain = world_of(ProfileName::Mqtt);
    plain.awaiting();
    assert_eq!(plain.bare(CLIENT), Said::No(Refusal::Credentials));
}

#[test]
fn an_uploaded_token_has_a_code_for_everything_that_is_wrong_with_it() {
    let world = world();
    let good = world.token("AK1", "a", Access::ReadWrite, "T/#");
    let all = Access::ReadWrite;
    let first = |text: &str| world.upload(NOW, CLIENT, all, text, None);
    assert_eq!(first(&good), Said::In);
    assert_eq!(first(FORGED), Said::Bad(Denial::Forged));
    assert_eq!(world.upload(NOW, CLIENT, Access::Read, &good, None), Said::Bad(Denial::Action));
    assert_eq!(world.upload(NOW + 10 * MINUTE, CLIENT, all, &good, None), Said::Bad(Denial::Expired));
    assert_eq!(first(&world.token("AK1", "b", all, "T/#")), Said::Bad(Denial::Signature));
    assert_eq!(first(&world.token("AK3", "a", all, "T/#")), Said::Bad(Denial::Signature), "the group is another's");
    assert_eq!(first(&world.token("AK9", "a", all, "T/#")), Said::Bad(Denial::Account));
    // Later on it has to be a token of the same key.
    let (own, second) = (world.principal("AK1"), world.token("AK2", "a", all, "T/#"));
    assert_eq!(world.upload(NOW, CLIENT, all, &good, own), Said::In);
    assert_eq!(world.upload(NOW, CLIENT, all, &second, own), Said::Bad(Denial::Signature));
    assert_eq!(first(&second), Said::In);

    world.registry.change::<Key>("a", "AK1", |key| Ok(Key { enabled: false, ..key.clone() })).unwrap();
    assert_eq!(first(&good), Said::Bad(Denial::Account));
    world.registry.change::<Key>("a", "AK1", |key| Ok(Key { enabled: true, ..key.clone() })).unwrap();
    world.tokens.revoke(&good, "AK1", None, NOW).unwrap();
    assert_eq!(first(&good), Said::Bad(Denial::Revoked));
    // Whatever is said here, the broker makes code -1 of it.
    world.put::<Banned>(CLIENT, json!({}));
    assert_eq!(first(&second), Said::No(Refusal::Banned));
}

#[test]
fn a_device_signs_for_itself_alone() {
    let world = world();
    world.put::<Device>(CLIENT, json!({ "access_key": "DC.one", "secret_key": "DC.secret" }));
    world.put::<Device>("GID_one@@@2", json!({ "access_key": "DC.two", "secret_key": "DC.secret" }));
    let password = signed("DC.secret", CLIENT);
    let username = "DeviceCredential|DC.one|a";
    let grant = world.grant(CLIENT, username, &password);
    assert!(grant.permissions.is_everything() && grant.principal.is_some());
    let wrong = Said::No(Refusal::Credentials);
    assert_eq!(world.connect(CLIENT, "DeviceCredential|DC.two|a", &password), wrong);
    assert_eq!(world.connect("GID_one@@@2", username, &signed("DC.secret", "GID_one@@@2")), wrong);
    assert_eq!(world.connect("GID_one@@@3", username, &signed("DC.secret", "GID_one@@@3")), wrong);
    assert_eq!(world.connect(CLIENT, username, &signed("DC.secret", "GID_one")), wrong);
    assert_eq!(world.connect(CLIENT, "Signature|DC.one|a", &password), wrong, "it is no account");
    assert_eq!(world.connect(CLIENT, "DC.one", &password), wrong);
    world.registry.change("a", CLIENT, Device::renewed).unwrap();
    assert_eq!(world.connect(CLIENT, username, &password), wrong);
}

#[test]
fn a_user_of_custom_authentication_has_what_is_permitted() {
    let world = world();
    world.identity("alice", None, "ORIGIN", "open sesame");
    world.identity("bob", None, "SIGNED", "secret-of-bob");
    world.permission("USER", "alice", "T/#", "ALLOW", "PUB_SUB");
    world.permission("USER", "alic", "Other/#", "ALLOW", "PUB_SUB");
    world.permission("USER", "alice2", "Other/#", "ALLOW", "PUB_SUB");
    world.permission("USER", "alice", "T/secret", "DENY", "SUB");
    world.permission("CLIENT", CLIENT, "T/admin", "DENY", "PUB");
    let rights = world.grant(CLIENT, "alice", "open sesame").permissions;
    assert!(rights.allows_publish("T/x") && rights.allows_publish("T/secret") && rights.allows_subscribe("T/x"));
    assert!(!rights.allows_subscribe("T/secret") && !rights.allows_subscribe("T/#"));
    assert!(!rights.allows_publish("T/admin") && !rights.allows_publish("Other/x"));
    let other = world.grant("GID_else@@@1", "alice", "open sesame").permissions;
    assert!(other.allows_publish("T/admin"), "that was about another client");

    let bob = world.grant(CLIENT, "bob", &signed("secret-of-bob", CLIENT)).permissions;
    assert!(!bob.allows_publish("T/x") && !bob.allows_subscribe("T/x"), "what is not permitted is forbidden");
    let wrong = Said::No(Refusal::Credentials);
    for (username, password) in [
        ("alice", signed("open sesame", CLIENT)),
        ("alice", "open sesam".to_owned()),
        ("alice", String::new()),
        ("bob", "secret-of-bob".to_owned()),
        ("bob", signed("secret-of-bob", "GID_one")),
        ("nobody", "open sesame".to_owned()),
    ] {
        assert_eq!(world.connect(CLIENT, username, &password), wrong, "{username}");
    }
}

#[test]
fn a_custom_client_is_bound_and_comes_before_a_user_and_both_before_a_key() {
    let world = world();
    world.identity("AK1", Some(CLIENT), "ORIGIN", "of the client");
    world.identity("AK1", None, "ORIGIN", "of the user");
    assert_eq!(world.connect(CLIENT, "AK1", "of the client"), Said::In);
    let wrong = Said::No(Refusal::Credentials);
    assert_eq!(world.connect(CLIENT, "AK1", "of the user"), wrong);
    assert_eq!(world.connect("GID_one@@@2", "AK1", "of the user"), Said::In);
    assert_eq!(world.connect("GID_one@@@2", "AK1", "of the client"), wrong);
    let signature = signed("secret-of-AK1", CLIENT);
    assert_eq!(world.connect(CLIENT, "AK1", &signature), wrong, "the name is the user's now");
    assert_eq!(world.connect(CLIENT, "Signature|AK1|a", &signature), Said::In);
}

#[test]
fn more_permissions_than_a_session_can_have_are_no_rights_at_all() {
    let world = world();
    world.identity("alice", None, "ORIGIN", "open sesame");
    for at in 0..300 {
        world.permission("USER", "alice", &format!("T/{at}"), "ALLOW", "PUB");
    }
    assert_eq!(world.connect(CLIENT, "alice", "open sesame"), Said::In);
    world.permission("CLIENT", CLIENT, "T/0", "DENY", "PUB");
    assert_eq!(world.connect(CLIENT, "alice", "open sesame"), Said::No(Refusal::NotAuthorized));
}

#[test]
fn group_and_black_list_hold_for_every_mode() {
    let world = world();
    world.put::<Device>(CLIENT, json!({ "access_key": "DC.one", "secret_key": "DC.secret" }));
    world.identity("alice", None, "ORIGIN", "open sesame");
    world.awaiting();
    let token = world.token("AK1", "a", Access::Read, "T/r");
    let modes = [
        ("AK1", signed("secret-of-AK1", "GID_one")),
        ("Signature|AK1|a", signed("secret-of-AK1", CLIENT)),
        ("Token|AK1|a", format!("R|{token}")),
        ("DeviceCredential|DC.one|a", signed("DC.secret", CLIENT)),
        ("alice", "open sesame".to_owned()),
    ];
    let all = |expected: Said| {
        for (username, password) in &modes {
            assert_eq!(world.connect(CLIENT, username, password), expected, "{username}");
        }
    };
    all(Said::In);
    let set =
        |status| world.registry.change::<Group>("a", "GID_one", |old| Ok(Group { status, ..old.clone() })).unwrap();
    for status in [GroupStatus::Frozen, GroupStatus::Paused] {
        set(status);
        all(Said::No(Refusal::NotAuthorized));
        assert_eq!(world.bare(CLIENT), Said::No(Refusal::NotAuthorized));
        let uploaded = world.upload(NOW, CLIENT, Access::Read, &token, None);
        assert_eq!(uploaded, Said::No(Refusal::NotAuthorized));
    }
    set(GroupStatus::Serving);
    world.put::<Banned>(CLIENT, json!({}));
    all(Said::No(Refusal::Banned));
}

#[test]
fn without_the_products_rules_ids_are_free_and_tokens_and_users_are_there_too() {
    let world = world_of(ProfileName::Mqtt);
    assert_eq!(world.connect("any", "Signature|AK1|a", &signed("secret-of-AK1", "any")), Said::In);
    assert_eq!(world.connect("any", "AK1", &signed("secret-of-AK1", "any")), Said::In);
    assert_eq!(world.connect(CLIENT, "AK1", &signed("secret-of-AK1", "GID_one")), Said::No(Refusal::Credentials));
    let token = world.token("AK1", "a", Access::Read, "T/r");
    assert_eq!(world.connect("any", "Token|AK1|a", &format!("R|{token}")), Said::In);
    world.identity("alice", None, "ORIGIN", "open sesame");
    assert_eq!(world.connect("GID_none@@@1", "alice", "open sesame"), Said::In, "no group is asked for");
    assert_eq!(
        world.connect("any", "alice", "open sesame"),
        Said::No(Refusal::Credentials),
        "its id is none of the product's"
    );
}
