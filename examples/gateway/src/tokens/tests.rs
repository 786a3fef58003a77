use std::sync::{Arc, Mutex};

use lmq_auth::{Denial, TokenClaims, TokenId, TokenRequest};
use lmq_id::Access;

use super::{Refused, TokenStore, Tokens};
use crate::registry::Store;

const NOW: u64 = 1_700_000_000_000;
const DAY: u64 = 24 * 3_600_000;

fn in_folder(folder: &tempfile::TempDir, now_ms: u64) -> Tokens {
    let store = Store::open(folder.path()).unwrap();
    Tokens::open(Some(TokenStore::new(store.database())), now_ms).unwrap()
}

fn request() -> TokenRequest<'static> {
    TokenRequest {
        account: "AK",
        instance: "mqtt-cn-test0001",
        actions: Access::Read,
        resources: &["TopicA/#"],
        expires: NOW + 40 * DAY,
    }
}

fn minted(tokens: &Tokens, id: u8, now_ms: u64) -> String {
    tokens.mint(&request(), TokenId::new([id; 16]), now_ms).unwrap().expose().to_owned()
}

fn state(tokens: &Tokens, text: &str, now_ms: u64) -> Result<TokenId, Denial> {
    tokens.query(text, "AK", None, now_ms).map(|claims| claims.id())
}

#[test]
fn tokens_and_revocations_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = in_folder(&folder, NOW);
    let (good, bad) = (minted(&tokens, 1, NOW), minted(&tokens, 2, NOW));
    let told = Arc::new(Mutex::new(Vec::new()));
    let hear = told.clone();
    tokens.listen(move |id| hear.lock().unwrap().push(id));
    tokens.revoke(&bad, "AK", Some("mqtt-cn-test0001"), NOW).unwrap();
    assert_eq!(*told.lock().unwrap(), [TokenId::new([2; 16])]);
    assert!(matches!(tokens.revoke(&good, "other", None, NOW), Err(Refused::Token(_))), "not the other's");
    drop(tokens);
    let tokens = in_folder(&folder, NOW + DAY);
    assert_eq!(state(&tokens, &good, NOW + DAY), Ok(TokenId::new([1; 16])));
    assert_eq!(state(&tokens, &bad, NOW + DAY), Err(Denial::Revoked));
    tokens.revoke(&good, "AK", None, NOW + DAY).unwrap();
    tokens.revoke(&good, "AK", None, NOW + DAY).unwrap();
    drop(tokens);
    let tokens = in_folder(&folder, NOW + 31 * DAY);
    assert_eq!(state(&tokens, &good, NOW + 31 * DAY), Err(Denial::Expired));
}

#[test]
fn without_a_store_they_do_not() {
    let tokens = Tokens::open(None, NOW).unwrap();
    let token = minted(&tokens, 1, NOW);
    assert!(state(&tokens, &token, NOW).is_ok());
    assert_eq!(state(&Tokens::open(None, NOW).unwrap(), &token, NOW), Err(Denial::Forged));
}

#[test]
fn old_tokens_stay_good_when_the_key_changes() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = in_folder(&folder, NOW);
    let old = minted(&tokens, 1, NOW);
    assert_eq!(tokens.rotate(NOW + DAY).unwrap(), 2);
    let new = minted(&tokens, 2, NOW + DAY);
    assert_eq!(tokens.keys(), [(1, NOW), (2, NOW + DAY)]);
    drop(tokens);
    let tokens = in_folder(&folder, NOW + 2 * DAY);
    for token in [&old, &new] {
        assert!(state(&tokens, token, NOW + 2 * DAY).is_ok());
    }
    // The first key minted until the second was made: 30 days later none of its tokens lives.
    let later = NOW + DAY + TokenClaims::LIFE_MS_MAX;
    assert_eq!(tokens.rotate(later).unwrap(), 3);
    assert_eq!(tokens.keys().len(), 3);
    assert_eq!(tokens.rotate(later + 1).unwrap(), 4);
    let numbers: Vec<_> = tokens.keys().into_iter().map(|(id, _)| id).collect();
    assert_eq!(numbers, [2, 3, 4]);
    drop(tokens);
    assert_eq!(in_folder(&folder, later + 1).keys().len(), 3);
}

#[test]
fn keys_are_bounded() {
    let tokens = Tokens::open(None, NOW).unwrap();
    for _ in 1..8 {
        tokens.rotate(NOW).unwrap();
    }
    assert!(matches!(tokens.rotate(NOW), Err(Refused::KeysFull)));
    assert!(minted(&tokens, 1, NOW).len() > 20);
}
