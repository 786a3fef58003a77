//! The set of revoked ids: bounded, forgetful in time, the same on every gateway.

use lmq_auth::{Revocations, RevocationsFull, TokenId};
use proptest::prelude::*;

fn id(number: u8) -> TokenId {
    TokenId::new([number; 16])
}

/// The set of `entries`, revoked at time 0.
fn set(entries: &[(u8, u64)]) -> Revocations {
    let mut set = Revocations::new(1_000);
    entries.iter().for_each(|(number, expires)| set.revoke(id(*number), *expires, 0).unwrap());
    set
}

fn merged(a: &Revocations, b: &Revocations, now: u64) -> Revocations {
    let mut all = a.clone();
    all.merge(b, now).unwrap();
    all
}

#[test]
fn an_id_is_in_until_its_token_expires() {
    let mut set = set(&[(1, 100), (2, 200)]);
    assert!(set.contains(id(1)) && set.contains(id(2)) && !set.contains(id(3)));
    set.forget(99);
    assert_eq!(set.len(), 2);
    set.forget(100);
    assert!(!set.contains(id(1)) && set.contains(id(2)));
    set.revoke(id(3), 150, 150).unwrap();
    assert!(!set.contains(id(3)), "expired when revoked");
    set.forget(u64::MAX);
    assert!(set.is_empty());
}

#[test]
fn a_full_set_refuses_rather_than_forgets() {
    let mut set = Revocations::new(2);
    set.revoke(id(1), 100, 0).unwrap();
    set.revoke(id(2), 200, 0).unwrap();
    assert_eq!(set.revoke(id(3), 300, 99), Err(RevocationsFull { refused: 1 }));
    assert_eq!(set.revoke(id(2), 200, 99), Ok(()), "is in already");
    assert!(set.contains(id(1)) && set.contains(id(2)) && !set.contains(id(3)));
    // The first one expires and makes room.
    assert_eq!(set.revoke(id(3), 300, 100), Ok(()));
    assert!(!set.contains(id(1)) && set.contains(id(2)) && set.contains(id(3)));
    assert_eq!(Revocations::new(0).revoke(id(1), 100, 0), Err(RevocationsFull { refused: 1 }));
}

#[test]
fn a_merge_takes_what_fits_the_longest_living_first() {
    let mut small = Revocations::new(2);
    let full = small.merge(&set(&[(1, 100), (2, 300), (3, 200), (4, 50)]), 60).unwrap_err();
    assert_eq!((full.refused, full.to_string()), (1, "revocation list is full; 1 not taken".to_owned()));
    assert_eq!(small.iter().collect::<Vec<_>>(), [(id(2), 300), (id(3), 200)]);
}

#[test]
fn saved_sets_are_checked() {
    let bytes = set(&[(2, 7), (1, 300)]).to_bytes();
    assert_eq!(bytes.len(), 5 + 2 * 24);
    assert_eq!(bytes[..6], *b"lmqr\x01\x01");
    let error = |bytes: &[u8], len_max| Revocations::from_bytes(bytes, len_max).unwrap_err().to_string();
    assert_eq!(error(b"", 9), "not saved revocations of version 1");
    assert_eq!(error(b"lmqr\x02", 9), "not saved revocations of version 1");
    assert_eq!(error(&bytes[..bytes.len() - 1], 9), "saved revocations end within an entry");
    assert_eq!(error(&bytes, 1), "saved revocations have more than 1 entries");
    let swapped = [&bytes[..5], &bytes[29..], &bytes[5..29]].concat();
    assert_eq!(error(&swapped, 9), "entry 2 of the saved revocations is out of order");
    let twice = [&bytes[..29], &bytes[5..29]].concat();
    assert_eq!(error(&twice, 9), "entry 2 of the saved revocations is out of order");
}

fn entries() -> impl Strategy<Value = Vec<(u8, u64)>> {
    prop::collection::vec((any::<u8>(), 1_u64..100), 0..20)
}

proptest! {
    #[test]
    fn merging_is_commutative_associative_and_idempotent(a in entries(), b in entries(), c in entries(), now in 0_u64..100) {
        let (a, b, c) = (set(&a), set(&b), set(&c));
        let ab = merged(&a, &b, now);
        prop_assert_eq!(&ab, &merged(&b, &a, now));
        prop_assert_eq!(merged(&ab, &c, now), merged(&a, &merged(&b, &c, now), now));
        prop_assert_eq!(&merged(&ab, &b, now), &ab);
        prop_assert_eq!(&merged(&ab, &ab, now), &ab);
    }

    #[test]
    fn a_merge_is_the_union_of_what_lives(a in entries(), b in entries(), now in 0_u64..100) {
        let ab = merged(&set(&a), &set(&b), now);
        for number in 0..=255 {
            let lives = a.iter().chain(&b).any(|(other, expires)| *other == number && *expires > now);
            prop_assert_eq!(ab.contains(id(number)), lives, "{}", number);
        }
    }

    #[test]
    fn a_set_is_saved_and_loaded(a in entries()) {
        let set = set(&a);
        let mut loaded = Revocations::from_bytes(&set.to_bytes(), 1_000).unwrap();
        prop_assert_eq!(&loaded, &set);
        prop_assert_eq!(loaded.to_bytes(), set.to_bytes());
        loaded.forget(u64::MAX);
        prop_assert_eq!(loaded.len(), 0);
    }

    #[test]
    fn any_bytes_are_answered(mut bytes in any::<Vec<u8>>(), head in any::<bool>()) {
        if head {
            bytes.splice(0..0, *b"lmqr\x01");
        }
        if let Ok(set) = Revocations::from_bytes(&bytes, 3) {
            prop_assert!(set.len() <= 3);
            prop_assert_eq!(set.to_bytes(), bytes);
        }
    }
}
