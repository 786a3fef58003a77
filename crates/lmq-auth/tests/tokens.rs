//! Tokens from mint to check: what they say, who can make them, how they end.

use lmq_auth::{
    Denial, Permissions, Revocations, RevocationsFull, RevokeError, Token, TokenAuthority, TokenClaims, TokenCode,
    TokenId, TokenKey, TokenPassword, TokenRequest,
};
use lmq_id::Access;
use proptest::prelude::*;

const NOW: u64 = 1_542_700_000_000;
const HOUR: u64 = 3_600_000;
const ACCOUNT: &str = "LTAI4DummyAccessKeyId";
const INSTANCE: &str = "mqtt-cn-test0001";

fn key(id: u32) -> TokenKey {
    TokenKey::new(id, &[id as u8 ^ 0xa5; 32]).unwrap()
}

fn authority() -> TokenAuthority {
    TokenAuthority::new(key(1))
}

fn request<'a>(actions: Access, resources: &'a [&'a str]) -> TokenRequest<'a> {
    TokenRequest { account: ACCOUNT, instance: INSTANCE, actions, resources, expires: NOW + HOUR }
}

fn id(number: u128) -> TokenId {
    TokenId::new(number.to_be_bytes())
}

fn mint(resources: &[&str]) -> Token {
    authority().mint(&request(Access::ReadWrite, resources), id(1), NOW).unwrap()
}

#[test]
fn a_token_gives_what_was_asked_for() {
    let token = authority().mint(&request(Access::Read, &["room/#", "hall/+"]), id(7), NOW).unwrap();
    let rights = authority().check(token.expose(), Access::Read, NOW, ACCOUNT, INSTANCE, &Revocations::new(1)).unwrap();
    assert_eq!((rights.term.id, rights.term.access, rights.term.expires), (id(7), Access::Read, NOW + HOUR));
    let mut expected = Permissions::nothing();
    expected.grant(Access::Read, "hall/+").unwrap();
    expected.grant(Access::Read, "room/#").unwrap();
    assert_eq!(rights.permissions, expected);
}

#[test]
fn a_check_says_what_is_wrong() {
    let (authority, mut revocations) = (authority(), Revocations::new(1));
    let token = mint(&["room/#"]);
    let check = |slot, now, account, instance, revocations: &Revocations| {
        authority.check(token.expose(), slot, now, account, instance, revocations).map(|_| ())
    };
    let (rw, r, w) = (Access::ReadWrite, Access::Read, Access::Write);
    assert_eq!(check(rw, NOW, ACCOUNT, INSTANCE, &revocations), Ok(()));
    assert_eq!(check(rw, NOW + HOUR - 1, ACCOUNT, INSTANCE, &revocations), Ok(()));
    assert_eq!(check(rw, NOW + HOUR, ACCOUNT, INSTANCE, &revocations), Err(Denial::Expired));
    assert_eq!(check(r, NOW, ACCOUNT, INSTANCE, &revocations), Err(Denial::Action));
    assert_eq!(check(w, NOW, ACCOUNT, INSTANCE, &revocations), Err(Denial::Action));
    assert_eq!(check(rw, NOW, "LTAI4Other", INSTANCE, &revocations), Err(Denial::Signature));
    assert_eq!(check(rw, NOW, ACCOUNT, "mqtt-cn-other", &revocations), Err(Denial::Signature));
    assert_eq!(authority.revoke(token.expose(), NOW, ACCOUNT, None, &mut revocations), Ok(id(1)));
    assert_eq!(check(rw, NOW, ACCOUNT, INSTANCE, &revocations), Err(Denial::Revoked));
    // What holds for a stranger's token tells nothing about it.
    assert_eq!(check(r, NOW + HOUR, "LTAI4Other", INSTANCE, &revocations), Err(Denial::Signature));
    let refused = authority.check("no token", rw, NOW, ACCOUNT, INSTANCE, &revocations);
    assert_eq!(refused.unwrap_err(), Denial::Forged);
}

#[test]
fn a_trailing_slash_grants_the_topic_without_it() {
    // In the product T/notice/ and T/notice are one topic; the gateway asks about the shorter text.
    let claims = authority().parse(mint(&["T/notice/", "T/notice", "T/+/", "/", "a//"]).expose()).unwrap();
    assert_eq!(claims.resources().collect::<Vec<_>>(), ["/", "T/+", "T/notice", "a/"]);
    let rights = claims.permissions().unwrap();
    for topic in ["T/notice", "T/x", "/", "a/"] {
        assert!(rights.allows_publish(topic), "{topic}");
    }
    for topic in ["T", "a", "T/notice/x", ""] {
        assert!(!rights.allows_publish(topic), "{topic}");
    }
}

#[test]
fn life_is_at_least_a_minute_and_at_most_thirty_days() {
    let expires = |expires| {
        let request = TokenRequest { expires, ..request(Access::Read, &["room"]) };
        let token = authority().mint(&request, id(1), NOW)?;
        Ok(authority().parse(token.expose()).unwrap().expires())
    };
    let days = 30 * 24 * HOUR;
    for (asked, given) in [
        (NOW + 60_000, NOW + 60_000),
        (NOW + days, NOW + days),
        (NOW + days + 1, NOW + days),
        (2 * NOW + HOUR, NOW + days), // what the demo of 2019 asks for
        (u64::MAX, NOW + days),
    ] {
        assert_eq!(expires(asked), Ok::<_, lmq_auth::MintError>(given));
    }
    for asked in [NOW + 59_999, NOW, 0] {
        let error = expires(asked).unwrap_err();
        assert_eq!(error.to_string(), "token would expire too soon; expected at least 60 s ahead");
        assert_eq!(error.code().value(), 400);
    }
}

#[test]
fn what_is_not_granted_says_why() {
    let long = format!("{}/", "r".repeat(256));
    let many: Vec<String> = (0..101).map(|at| format!("room/{at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let good = request(Access::Read, &["room"]);
    let huge: Vec<String> = (0..100).map(|at| format!("{at:03}{}", "r".repeat(253))).collect();
    let huge: Vec<&str> = huge.iter().map(String::as_str).collect();
    for (request, code, said) in [
        (TokenRequest { resources: &[], ..good }, 400, "no resource; expected 1 to 100 topic filters"),
        (TokenRequest { resources: &many, ..good }, 400, "more than 100 resources"),
        (
            TokenRequest { resources: &["room", ""], ..good },
            400,
            "resource 2: resource is empty; expected a topic filter such as room/#",
        ),
        (
            TokenRequest { resources: &[&long], ..good },
            400,
            "resource 1: resource has 257 bytes; at most 256 are allowed",
        ),
        (
            TokenRequest { account: "a|b", ..good },
            400,
            "account is not 1 to 128 characters without '|' and control characters",
        ),
        (
            TokenRequest { instance: "-x", ..good },
            400,
            "character 1 of the instance id is '-'; the first and the last must be of A-Z a-z 0-9 _",
        ),
        (
            TokenRequest { resources: &huge, ..good },
            409,
            "token would have 34264 characters; at most 21840 are allowed",
        ),
    ] {
        let error = authority().mint(&request, id(1), NOW).unwrap_err();
        assert_eq!(error.code().value(), code, "{error}");
        assert_eq!(error.to_string(), said);
    }
    for account in ["", &"a".repeat(129), "a\n"] {
        assert!(authority().mint(&TokenRequest { account, ..good }, id(1), NOW).is_err(), "{account:?}");
    }
}

#[test]
fn a_hundred_long_resources_fit_and_three_such_tokens_fit_a_password() {
    let resources: Vec<String> = (0..100).map(|at| format!("{at:03}{}", "r".repeat(147))).collect();
    let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
    let account = "账".repeat(128);
    let request = TokenRequest { account: &account, resources: &resources, ..request(Access::Read, &[]) };
    let token = authority().mint(&request, id(1), NOW).unwrap();
    assert_eq!(authority().parse(token.expose()).unwrap().resources().collect::<Vec<_>>(), resources);
    assert!(token.expose().len() <= Token::LEN_MAX);
    let longest = "t".repeat(Token::LEN_MAX);
    let password = format!("R|{longest}|W|{longest}|RW|{longest}");
    assert!(password.len() <= 65_535);
    assert_eq!(TokenPassword::parse(password.as_bytes()).unwrap().iter().count(), 3);
}

#[test]
fn what_resources_begin_with_is_written_once() {
    let resources: Vec<String> = (100..200).map(|at| format!("room/message/class-{at}/#")).collect();
    let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
    let text: usize = resources.iter().map(|resource| resource.len()).sum();
    assert!(mint(&resources).expose().len() < text / 2);
}

#[test]
fn keys_are_changed_without_a_break() {
    let mut old = authority();
    let before = mint(&["room"]);
    assert!(!old.rotate(2));
    old.accept(key(2)).unwrap();
    assert!(old.rotate(2));
    let after = old.mint(&request(Access::Read, &["room"]), id(2), NOW).unwrap();
    assert!(old.parse(before.expose()).is_ok() && old.parse(after.expose()).is_ok());
    assert_eq!(authority().parse(after.expose()), Err(Denial::Forged)); // has not learned the key yet
    assert!(!old.retire(2), "the key that mints stays");
    assert!(old.retire(1) && !old.retire(1));
    assert_eq!(old.parse(before.expose()), Err(Denial::Forged));
    assert!(old.parse(after.expose()).is_ok());
    // The number alone is worth nothing.
    let impostor = TokenAuthority::new(TokenKey::new(2, &[0; 32]).unwrap());
    let forged = impostor.mint(&request(Access::Read, &["room"]), id(2), NOW).unwrap();
    assert_eq!(old.parse(forged.expose()), Err(Denial::Forged));
}

#[test]
fn keys_are_bounded_and_numbered() {
    for (len, fits) in [(0, false), (31, false), (32, true), (64, true), (65, false)] {
        assert_eq!(TokenKey::new(1, &vec![1; len]).is_ok(), fits, "{len}");
    }
    assert_eq!(TokenKey::new(1, &[]).unwrap_err().to_string(), "token key has 0 bytes; expected 32 to 64");
    let mut authority = authority();
    let error = authority.accept(key(1)).unwrap_err();
    assert_eq!(error.to_string(), "token key 1 stands there already; every key needs its own number");
    (2..=8).for_each(|id| authority.accept(key(id)).unwrap());
    assert_eq!(authority.accept(key(9)).unwrap_err().to_string(), "more than 8 token keys");
}

#[test]
fn every_token_has_one_spelling() {
    let token = mint(&["room/#"]);
    let text = token.expose();
    // One of three lengths leaves bits over in the last character; all are tried.
    for resource in ["r", "rr", "rrr"] {
        let token = mint(&[resource]);
        let (head, last) = token.expose().split_at(token.expose().len() - 1);
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=".chars() {
            let parsed = authority().parse(&format!("{head}{other}"));
            assert_eq!(parsed.is_ok(), other.to_string() == last, "{resource} {other}");
        }
    }
    for other in [format!("{text}="), format!("{text}=="), format!(" {text}"), format!("{text}\n"), format!("{text}A")]
    {
        assert_eq!(authority().parse(&other), Err(Denial::Forged));
    }
}

#[test]
fn secrets_are_not_shown() {
    let token = mint(&["room/#"]);
    let shown = format!("{token:?} {:?} {:?}", key(1), authority());
    assert_eq!(shown, "Token(..) TokenKey(1, ..) TokenAuthority { keys: [TokenKey(1, ..)] }");
}

#[test]
fn a_query_is_answered_to_the_owner_only() {
    let (authority, mut revocations) = (authority(), Revocations::new(9));
    let token = mint(&["room/#"]);
    let query = |account, instance, now, revocations: &Revocations| {
        authority.query(token.expose(), now, account, instance, revocations).map(|claims| claims.id())
    };
    assert_eq!(query(ACCOUNT, None, NOW, &revocations), Ok(id(1)));
    assert_eq!(query(ACCOUNT, Some(INSTANCE), NOW, &revocations), Ok(id(1)));
    assert_eq!(query(ACCOUNT, Some("mqtt-cn-other"), NOW, &revocations), Err(Denial::Forged));
    assert_eq!(query("LTAI4Other", None, NOW, &revocations), Err(Denial::Forged));
    assert_eq!(query(ACCOUNT, None, NOW + HOUR, &revocations), Err(Denial::Expired));
    let stranger = authority.revoke(token.expose(), NOW, "LTAI4Other", None, &mut revocations);
    assert_eq!(stranger, Err(RevokeError::Token(Denial::Forged)));
    assert!(revocations.is_empty());
    let late = authority.revoke(token.expose(), NOW + HOUR, ACCOUNT, None, &mut revocations);
    assert_eq!(late.unwrap_err().code().value(), 2);
    for _ in 0..2 {
        assert_eq!(authority.revoke(token.expose(), NOW, ACCOUNT, Some(INSTANCE), &mut revocations), Ok(id(1)));
    }
    assert_eq!(query(ACCOUNT, None, NOW, &revocations), Err(Denial::Revoked));
}

#[test]
fn codes_of_the_token_server() {
    assert_eq!(TokenCode::ALL.map(TokenCode::value), [200, 400, 407, 409, 410, 1, 2, 3]);
    assert_eq!(TokenCode::ALL.iter().filter(|code| code.is_success()).count(), 1);
    assert_eq!(RevokeError::Full(RevocationsFull { refused: 1 }).code().value(), 410);
    assert_eq!(Denial::ALL.map(|denial| TokenCode::from(denial).value()), [1, 2, 3, 1, 1, 1, 1]);
}

fn resource() -> impl Strategy<Value = String> {
    ("(\\$|)[a-z设]{0,3}(/([a-z设]{0,4}|\\+)){0,4}(/#|)").prop_filter("not empty", |text| !text.is_empty())
}

fn claims() -> impl Strategy<Value = (String, Access, Vec<String>, u64, u128)> {
    (
        "[A-Za-z0-9账]{1,128}",
        prop::sample::select(&Access::ALL[..]),
        prop::collection::vec(resource(), 1..20),
        60_000..TokenClaims::LIFE_MS_MAX,
        any::<u128>(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_minted_is_parsed((account, actions, resources, life, number) in claims()) {
        let texts: Vec<&str> = resources.iter().map(String::as_str).collect();
        let request = TokenRequest { account: &account, actions, resources: &texts, expires: NOW + life, instance: INSTANCE };
        let token = authority().mint(&request, id(number), NOW).unwrap();
        prop_assert!(token.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        let claims = authority().parse(token.expose()).unwrap();
        prop_assert_eq!(claims.id(), id(number));
        prop_assert_eq!((claims.account(), claims.instance()), (&*account, INSTANCE));
        prop_assert_eq!((claims.actions(), claims.expires()), (actions, NOW + life));
        let mut expected: Vec<&str> = texts
            .iter()
            .map(|text| if *text == "/" { "/" } else { text.strip_suffix('/').unwrap_or(text) })
            .collect();
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(claims.resources().collect::<Vec<_>>(), expected);
        // The same claims, asked for again, make the same token.
        let again: Vec<&str> = claims.resources().collect();
        let again = authority().mint(&TokenRequest { resources: &again, ..request }, id(number), NOW).unwrap();
        prop_assert_eq!(again.expose() == token.expose(), !claims.resources().any(|text| text.ends_with('/') && text != "/"));
    }

    #[test]
    fn every_changed_character_and_every_cut_is_a_forgery(
        at in any::<prop::sample::Index>(),
        to in "[A-Za-z0-9_-]",
    ) {
        let token = mint(&["room/#", "roomSend/message"]);
        let at = at.index(token.expose().len());
        let mut changed = token.expose().to_owned();
        changed.replace_range(at..=at, &to);
        prop_assert_eq!(authority().parse(&changed).is_ok(), changed == token.expose());
        prop_assert_eq!(authority().parse(&token.expose()[..at]), Err(Denial::Forged));
        prop_assert_eq!(authority().parse(&token.expose()[at..]).is_ok(), at == 0);
    }

    #[test]
    fn every_bit_of_the_key_counts(bit in 0_usize..256) {
        let mut secret = [1 ^ 0xa5; 32];
        secret[bit / 8] ^= 1 << (bit % 8);
        let other = TokenAuthority::new(TokenKey::new(1, &secret).unwrap());
        prop_assert_eq!(other.parse(mint(&["room"]).expose()), Err(Denial::Forged));
    }

    #[test]
    fn any_text_is_answered(text in any::<String>(), base64 in "[A-Za-z0-9_-]{0,200}") {
        prop_assert_eq!(authority().parse(&text), Err(Denial::Forged));
        prop_assert_eq!(authority().parse(&base64), Err(Denial::Forged));
        prop_assert_eq!(authority().parse(&format!("AQAAAAE{base64}")), Err(Denial::Forged));
    }
}
