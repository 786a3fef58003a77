//! The index against a list of subscriptions that is searched one by one.

use std::collections::BTreeMap;

use lmq_codec::{TopicFilter, TopicName};
use lmq_route::Subscriptions;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Change {
    Insert(String, u8, u16),
    Remove(String, u8),
    /// Removes the nth subscription there is, so that removals hit.
    RemoveNth(usize),
}

fn level() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just("a"),
        2 => Just("b"),
        1 => Just(""),
        1 => Just("$x"),
        1 => Just("a level of more than sixteen bytes"),
    ]
}

fn levels(levels_max: usize) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(level(), 1..=levels_max)
}

fn topic(levels_max: usize) -> impl Strategy<Value = String> {
    levels(levels_max).prop_map(|levels| levels.join("/")).prop_filter("topics are not empty", |topic| !topic.is_empty())
}

fn filter(levels_max: usize) -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => level(), 2 => Just("+")];
    (prop::collection::vec(level, 0..levels_max), prop_oneof![Just("#"), Just("+"), Just("a"), Just("")]).prop_map(
        |(mut levels, last)| {
            levels.push(last);
            let filter = levels.join("/");
            if filter.is_empty() { "+".into() } else { filter }
        },
    )
}

fn change(levels_max: usize) -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (filter(levels_max), 0..6_u8, any::<u16>()).prop_map(|(filter, key, value)| Change::Insert(filter, key, value)),
        1 => (filter(levels_max), 0..6_u8).prop_map(|(filter, key)| Change::Remove(filter, key)),
        2 => any::<usize>().prop_map(Change::RemoveNth),
    ]
}

/// All subscriptions in the order of filter and key.
type Naive = BTreeMap<(String, u8), u16>;

fn apply(change: &Change, index: &mut Subscriptions<u8, u16>, naive: &mut Naive) {
    match change {
        Change::Insert(filter, key, value) => {
            let replaced = index.insert(TopicFilter::new(filter).unwrap(), *key, *value);
            assert_eq!(replaced, naive.insert((filter.clone(), *key), *value));
        }
        Change::Remove(filter, key) => {
            let removed = index.remove(TopicFilter::new(filter).unwrap(), *key);
            assert_eq!(removed, naive.remove(&(filter.clone(), *key)));
        }
        Change::RemoveNth(nth) => {
            if naive.is_empty() {
                return;
            }
            let at = naive.keys().nth(nth % naive.len()).unwrap().clone();
            assert_eq!(index.remove(TopicFilter::new(&at.0).unwrap(), at.1), naive.remove(&at));
        }
    }
    assert_eq!(index.len(), naive.len());
}

fn found(index: &Subscriptions<u8, u16>, topic: &str) -> Vec<(u8, u16)> {
    let mut found = Vec::new();
    index.for_each(TopicName::new(topic).unwrap(), |key, value| found.push((key, value)));
    found
}

/// The filters that match, in the order that the documentation promises.
fn expected(naive: &Naive, topic: &str) -> Vec<(u8, u16)> {
    let topic = TopicName::new(topic).unwrap();
    let mut matching: Vec<_> =
        naive.iter().filter(|((filter, _), _)| TopicFilter::new(filter).unwrap().matches(topic)).collect();
    matching.sort_by_key(|((filter, key), _)| {
        let wildcard = TopicFilter::new(filter).unwrap().has_wildcard();
        let rank = |level: &str| match level {
            "#" => 0,
            "+" => 2,
            _ => 1,
        };
        (wildcard, filter.split('/').map(rank).collect::<Vec<_>>(), *key)
    });
    matching.into_iter().map(|((_, key), value)| (*key, *value)).collect()
}

fn check(changes: &[Change], topics: &[String], seed: u64) {
    let (mut index, mut naive) = (Subscriptions::new(seed), Naive::new());
    for change in changes {
        apply(change, &mut index, &mut naive);
    }
    for topic in topics {
        assert_eq!(found(&index, topic), expected(&naive, topic), "{topic:?}");
    }
    for ((filter, key), value) in &naive {
        assert_eq!(index.value(TopicFilter::new(filter).unwrap(), *key), Some(*value));
    }
    let mut filters: Vec<_> = naive.keys().map(|(filter, _)| filter).collect();
    filters.dedup();
    assert_eq!(index.filters(), filters.len());
    for (filter, key) in naive.keys() {
        assert!(index.remove(TopicFilter::new(filter).unwrap(), *key).is_some());
    }
    assert!(index.is_empty());
    assert_eq!(index.filters(), 0);
    for topic in topics {
        assert_eq!(found(&index, topic), []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn finds_what_the_list_finds(
        changes in prop::collection::vec(change(4), 0..120),
        topics in prop::collection::vec(topic(5), 1..12),
        seed: u64,
    ) {
        check(&changes, &topics, seed);
    }

    #[test]
    fn the_order_does_not_depend_on_history_or_seed(
        changes in prop::collection::vec(change(3), 0..60),
        topics in prop::collection::vec(topic(4), 1..6),
        seeds: [u64; 2],
    ) {
        let (mut one, mut naive) = (Subscriptions::new(seeds[0]), Naive::new());
        for change in &changes {
            apply(change, &mut one, &mut naive);
        }
        let mut other = Subscriptions::new(seeds[1]);
        for ((filter, key), value) in naive.iter().rev() {
            other.insert(TopicFilter::new(filter).unwrap(), *key, *value);
        }
        for topic in &topics {
            prop_assert_eq!(found(&one, topic), found(&other, topic));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn finds_what_the_list_finds_among_hundreds(
        changes in prop::collection::vec(change(6), 500..1500),
        topics in prop::collection::vec(topic(7), 20..40),
        seed: u64,
    ) {
        check(&changes, &topics, seed);
    }
}
