//! The duties of an application server, one by one, then all of them in long random runs.

use std::collections::BTreeMap;

use lmq_auth::Token;
use lmq_auth::keeper::{AppAnswer, AppOutput, AppTokens, AppTokensConfig};
use proptest::prelude::*;

const NOW: u64 = 1_542_700_000_000;
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn token(text: &str) -> Token {
    text.parse().unwrap()
}

fn keeper() -> AppTokens<u8> {
    AppTokens::new(AppTokensConfig { clients_max: 2, answer_ms_max: 10_000 })
}

/// The applications to make now, as (key, ticket); other outputs are left out.
fn applications(keeper: &mut AppTokens<u8>) -> Vec<(u8, u64)> {
    std::iter::from_fn(|| keeper.poll_output())
        .filter_map(|output| match output {
            AppOutput::Apply { key, ticket } => Some((key, ticket)),
            AppOutput::Answered(_) => None,
        })
        .collect()
}

fn said(answer: AppAnswer<'_>) -> String {
    match answer {
        AppAnswer::Token(held) => held.token.expose().to_owned(),
        AppAnswer::Wait => "wait".to_owned(),
        AppAnswer::Unavailable { retry_at } => format!("at {}", retry_at - NOW),
    }
}

/// A keeper with token `t` for key 1, good for an hour.
fn with_token() -> AppTokens<u8> {
    let mut keeper = keeper();
    assert_eq!(said(keeper.request(NOW, &1)), "wait");
    let [(1, ticket)] = applications(&mut keeper)[..] else { panic!() };
    keeper.handle_applied(NOW, &1, ticket, token("t"), NOW + HOUR);
    assert_eq!(keeper.poll_output(), Some(AppOutput::Answered(1)));
    keeper
}

#[test]
fn a_client_that_asks_often_makes_one_application() {
    let mut keeper = keeper();
    for _ in 0..5 {
        assert_eq!(said(keeper.request(NOW, &1)), "wait");
    }
    let [(1, ticket)] = applications(&mut keeper)[..] else { panic!() };
    keeper.handle_applied(NOW, &1, ticket, token("t"), NOW + HOUR);
    for at in [0, MINUTE, 53 * MINUTE] {
        assert_eq!(said(keeper.request(NOW + at, &1)), "t");
    }
    assert_eq!(applications(&mut keeper), []);
}

#[test]
fn a_silent_authority_does_not_stop_a_client_whose_token_is_good() {
    let mut keeper = with_token();
    let due = NOW + 55 * MINUTE;
    assert_eq!(said(keeper.request(due, &1)), "wait"); // the gateway gave notice: an old token is no help if a new one can be had
    assert_eq!(applications(&mut keeper).len(), 1);
    assert_eq!(keeper.poll_timeout(), Some(due + 10_000));
    keeper.handle_timeout(due + 10_000);
    assert_eq!(keeper.poll_output(), Some(AppOutput::Answered(1)));
    assert_eq!(said(keeper.request(due + 10_000, &1)), "t");
    assert_eq!(applications(&mut keeper), [], "not before the pause is over");
    assert_eq!(said(keeper.request(due + 11_000, &1)), "wait");
    let [(1, ticket)] = applications(&mut keeper)[..] else { panic!() };
    keeper.handle_failed(due + 12_000, &1, ticket);
    assert_eq!(said(keeper.answer(due + 12_000, &1)), "t");
    assert_eq!(said(keeper.answer(NOW + HOUR, &1)), format!("at {}", 55 * MINUTE + 14_000), "expired; 2 s of pause");
}

#[test]
fn a_late_answer_counts_and_one_from_before_a_forget_does_not() {
    let mut keeper = keeper();
    keeper.request(NOW, &1);
    let [(1, late)] = applications(&mut keeper)[..] else { panic!() };
    keeper.handle_timeout(NOW + 10_000);
    keeper.handle_applied(NOW + 15_000, &1, late, token("late"), NOW + HOUR);
    assert_eq!(said(keeper.answer(NOW + 15_000, &1)), "late");
    keeper.forget(&1);
    assert_eq!((keeper.len(), keeper.poll_timeout()), (0, None));
    assert_eq!(said(keeper.request(NOW + 16_000, &1)), "wait");
    keeper.handle_applied(NOW + 16_000, &1, late, token("late"), NOW + HOUR);
    keeper.handle_failed(NOW + 16_000, &1, late);
    assert_eq!(said(keeper.answer(NOW + 16_000, &1)), "wait");
}

#[test]
fn a_token_is_renewed_ahead_of_its_end_for_a_client_that_came_back() {
    let mut keeper = with_token();
    keeper.request(NOW + MINUTE, &1);
    assert_eq!(keeper.poll_timeout(), Some(NOW + 54 * MINUTE));
    keeper.handle_timeout(NOW + 54 * MINUTE);
    let [(1, ticket)] = applications(&mut keeper)[..] else { panic!() };
    keeper.handle_applied(NOW + 54 * MINUTE, &1, ticket, token("new"), NOW + 2 * HOUR);
    assert_eq!(said(keeper.request(NOW + 55 * MINUTE, &1)), "new");
}

#[test]
fn a_client_that_left_costs_nothing() {
    let mut keeper = with_token();
    keeper.handle_timeout(NOW + 54 * MINUTE);
    assert_eq!(applications(&mut keeper), []);
    assert_eq!((keeper.len(), keeper.poll_timeout()), (1, Some(NOW + HOUR)));
    keeper.handle_timeout(NOW + HOUR);
    assert_eq!((keeper.len(), keeper.poll_timeout()), (0, None));
}

#[test]
fn a_token_that_has_ended_already_is_a_failure() {
    let mut keeper = keeper();
    keeper.request(NOW, &1);
    let [(1, ticket)] = applications(&mut keeper)[..] else { panic!() };
    keeper.handle_applied(NOW, &1, ticket, token("t"), NOW);
    assert_eq!(said(keeper.request(NOW, &1)), "at 1000");
    assert_eq!(applications(&mut keeper), []);
}

#[test]
fn there_are_never_more_clients_than_allowed() {
    let mut keeper = with_token();
    assert_eq!(said(keeper.request(NOW, &2)), "wait");
    assert_eq!(said(keeper.request(NOW, &3)), "wait"); // key 1 gives way
    assert_eq!(said(keeper.request(NOW, &4)), "at 10000"); // all are being applied for
    assert_eq!(keeper.len(), 2);
    assert_eq!(applications(&mut keeper).iter().map(|(key, _)| *key).collect::<Vec<_>>(), [2, 3]);
}

proptest! {
    #[test]
    fn long_runs(steps in prop::collection::vec((0_u8..5, 0_u8..4, 0_u64..20 * MINUTE), 1..200)) {
        let mut keeper = AppTokens::new(AppTokensConfig { clients_max: 3, answer_ms_max: 10_000 });
        let (mut now, mut open, mut last) = (NOW, BTreeMap::new(), BTreeMap::new());
        for (step, key, time) in steps {
            match step {
                0 | 1 => {
                    let answer = keeper.request(now, &key);
                    if let AppAnswer::Token(held) = answer {
                        prop_assert!(held.is_good(now), "nobody gets a token that has expired");
                        prop_assert_eq!(Some(held.expires), last.get(&key).copied());
                    }
                }
                2 => now += time,
                _ => if let Some(ticket) = open.remove(&key) {
                    if step == 3 {
                        last.insert(key, now + HOUR);
                        keeper.handle_applied(now, &key, ticket, token("t"), now + HOUR);
                    } else {
                        keeper.handle_failed(now, &key, ticket);
                    }
                },
            }
            keeper.handle_timeout(now);
            prop_assert!(keeper.poll_timeout().is_none_or(|at| at > now), "does not spin");
            prop_assert!(keeper.len() <= 3);
            while let Some(output) = keeper.poll_output() {
                match output {
                    AppOutput::Apply { key, ticket } => { open.insert(key, ticket); }
                    AppOutput::Answered(key) => prop_assert!(!matches!(keeper.answer(now, &key), AppAnswer::Wait) || open.contains_key(&key)),
                }
            }
        }
        // All that has ended is forgotten in the end.
        for _ in 0..20 {
            now += HOUR;
            keeper.handle_timeout(now);
        }
        prop_assert_eq!((keeper.len(), keeper.poll_timeout()), (0, None));
    }
}
