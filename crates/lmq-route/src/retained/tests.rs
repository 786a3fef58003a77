//! Against a list of topics that is searched one by one, while topics come and go.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::format;

use lmq_codec::{TopicFilter, TopicName};
use proptest::prelude::*;

use super::{Cursor, Retained};

fn filter(text: &str) -> TopicFilter<'_> {
    TopicFilter::new(text).unwrap()
}

fn topic(text: &str) -> TopicName<'_> {
    TopicName::new(text).unwrap()
}

fn of(topics: &[&str]) -> Retained<usize> {
    let mut retained = Retained::new();
    for (nth, text) in topics.iter().enumerate() {
        retained.insert(topic(text), nth);
    }
    retained
}

fn step(retained: &Retained<usize>, text: &str, cursor: Option<Cursor>, work: usize) -> (Vec<String>, Option<Cursor>) {
    let mut found = Vec::new();
    let cursor = retained.matching(filter(text), cursor, work, |topic, _| found.push(topic.to_string()));
    (found, cursor)
}

fn found(retained: &Retained<usize>, text: &str) -> Vec<String> {
    let (found, cursor) = step(retained, text, None, usize::MAX);
    assert_eq!(cursor, None);
    found
}

/// The number of calls it takes, each of which looks at one topic.
fn work(retained: &Retained<usize>, text: &str) -> usize {
    let (mut calls, mut cursor) = (1, step(retained, text, None, 1).1);
    while cursor.is_some() {
        cursor = step(retained, text, cursor, 1).1;
        calls += 1;
    }
    calls
}

#[test]
fn topics_are_kept_replaced_and_removed() {
    let mut retained = Retained::default();
    assert_eq!(retained.insert(topic("a/b"), 1), None);
    assert_eq!(retained.insert(topic("a/b"), 2), Some(1));
    let long = "long/".repeat(10);
    assert_eq!(retained.insert(topic(&long), 3), None);
    assert_eq!((retained.len(), retained.bytes(), retained.is_empty()), (2, 53, false));
    if let Some(value) = retained.get_mut(topic(&long)) {
        *value += 1;
    }
    assert_eq!((retained.get(topic(&long)), retained.get(topic("a"))), (Some(&4), None));
    assert_eq!(retained.iter().collect::<Vec<_>>(), [(topic("a/b"), &2), (topic(&long), &4)]);
    assert_eq!(format!("{retained:?}"), "Retained { len: 2, bytes: 53, .. }");
    assert_eq!((retained.remove(topic("a/b")), retained.remove(topic("a/b"))), (Some(2), None));
    assert_eq!(retained.remove(topic(&long)), Some(4));
    assert_eq!((retained.bytes(), retained.is_empty()), (0, true));
}

#[test]
fn filters_match_in_the_order_of_bytes() {
    let retained = of(&["a", "a/b", "a/c", "a-/b", "a0/b", "$SYS/b", "$", "/b", "a/b/c", "a/", "b"]);
    assert_eq!(found(&retained, "a/b"), ["a/b"]);
    assert_eq!(found(&retained, "a/x"), [""; 0]);
    assert_eq!(found(&retained, "a/#"), ["a", "a/", "a/b", "a/b/c", "a/c"]);
    assert_eq!(found(&retained, "a/+"), ["a/", "a/b", "a/c"]);
    // [MQTT-4.7.2-1]
    assert_eq!(found(&retained, "+/b"), ["/b", "a-/b", "a/b", "a0/b"]);
    assert_eq!(found(&retained, "+"), ["a", "b"]);
    assert_eq!(found(&retained, "#").len(), 9);
    assert_eq!(found(&retained, "$SYS/#"), ["$SYS/b"]);
    assert_eq!(found(&retained, "+/b/#"), ["/b", "a-/b", "a/b", "a/b/c", "a0/b"]);
    assert_eq!(found(&retained, "+/+/c"), ["a/b/c"]);
}

#[test]
fn a_cursor_says_where_to_go_on() {
    let mut retained = of(&["a/1", "a/2", "a/3", "a/4"]);
    let (first, cursor) = step(&retained, "a/#", None, 2);
    assert_eq!(
        (first, format!("{cursor:?}")),
        (["a/1", "a/2"].map(String::from).into(), "Some(Cursor(\"a/3\"))".into())
    );
    retained.remove(topic("a/3"));
    retained.insert(topic("a/0"), 0);
    let (second, cursor) = step(&retained, "a/#", cursor, 2);
    assert_eq!((second, cursor), (["a/4"].map(String::from).into(), None));
    // No work is some work.
    assert_eq!(work(&retained, "#"), 4);
    assert_eq!(step(&retained, "#", None, 0).0, ["a/0"]);
    assert_eq!(step(&retained, "b/#", None, 0), (Vec::new(), None));
}

#[test]
fn what_cannot_match_is_passed_over() {
    let mut retained = Retained::new();
    for device in 0..50 {
        for leaf in 0..400 {
            retained.insert(topic(&format!("site/{device}/{leaf}/x")), leaf);
        }
        retained.insert(topic(&format!("$SYS/{device}")), 0);
    }
    assert_eq!(found(&retained, "site/+/7/x").len(), 50);
    assert!(work(&retained, "site/+/7/x") <= 50 * 10, "{}", work(&retained, "site/+/7/x"));
    assert!(work(&retained, "site/+") <= 50 * 6, "{}", work(&retained, "site/+"));
    assert!(work(&retained, "+/absent/+") <= 20, "{}", work(&retained, "+/absent/+"));
    assert!(work(&retained, "+") <= 20);
    assert_eq!(work(&retained, "site/7/7/#"), 2);
    assert_eq!(work(&retained, "site/7/8/x"), 1);
    assert_eq!(work(&retained, "tile/#"), 1);
    // The worst: every topic is looked at once.
    assert!(work(&retained, "+/+/+/y") <= 50 * 400 + 20);
}

#[test]
fn the_longest_and_deepest_topics_are_found_in_bounded_steps() {
    let slashes = "/".repeat(65_535);
    let retained = of(&[&slashes, &slashes[1..], "a"]);
    let plus = format!("{}+", "+/".repeat(32_767));
    let deep = format!("+{}", "/+".repeat(32_766));
    for filters in ["#", "+/#", &plus, &deep, &slashes[..65_534], &format!("+{}", &slashes[1..])] {
        let expected: Vec<_> = retained
            .iter()
            .filter(|(topic, _)| filter(filters).matches(*topic))
            .map(|found| found.0.to_string())
            .collect();
        assert_eq!(found(&retained, filters), expected);
    }
    // Long text is more work: a budget of ten ends after the first.
    assert_eq!(step(&retained, "#", None, 10).0.len(), 1);
}

fn any_level() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(&["a", "b", "", "a-", "a0", "$", "%", "0", "-"][..]).prop_map(String::from),
        1 => "[-/0a]{0,3}",
        1 => Just("a level of more than thirty-eight bytes and so on".into()),
    ]
}

fn any_topic() -> impl Strategy<Value = String> {
    let levels = prop::collection::vec(any_level(), 1..5);
    levels.prop_map(|levels| levels.join("/")).prop_filter("topics are not empty", |topic| !topic.is_empty())
}

fn any_filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![1 => any_level(), 1 => Just("+".into())];
    (prop::collection::vec(level, 0..5), prop::sample::select(&["#", "+", "a", "b", ""][..])).prop_map(
        |(mut levels, last)| {
            levels.push(last.into());
            let filter = levels.join("/");
            if filter.is_empty() { "+".into() } else { filter }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn finds_what_the_list_finds(topics in prop::collection::btree_set(any_topic(), 0..60), text in any_filter()) {
        let retained = of(&topics.iter().map(String::as_str).collect::<Vec<_>>());
        let expected: Vec<_> = topics.iter().filter(|name| filter(&text).matches(topic(name))).cloned().collect();
        prop_assert_eq!(found(&retained, &text), expected);
        prop_assert!(work(&retained, &text) <= topics.len() + 1);
        prop_assert_eq!(retained.bytes(), topics.iter().map(String::len).sum::<usize>());
    }

    /// Topics come and go between the steps.
    #[test]
    fn topics_that_stay_come_once(
        topics in prop::collection::btree_set(any_topic(), 0..60),
        text in any_filter(),
        changes in prop::collection::vec((any_topic(), any::<bool>()), 0..40),
        work in 0..5_usize,
    ) {
        let mut retained = of(&topics.iter().map(String::as_str).collect::<Vec<_>>());
        let mut naive: BTreeMap<_, _> = topics.iter().cloned().zip(0..).collect();
        let (mut touched, mut visited, mut cursor) = (BTreeSet::new(), Vec::new(), None);
        let mut changes = changes.into_iter();
        loop {
            let (found, next) = step(&retained, &text, cursor, work);
            prop_assert!(found.iter().all(|name| naive.contains_key(name) && filter(&text).matches(topic(name))));
            visited.extend(found);
            cursor = next;
            if cursor.is_none() {
                break;
            }
            for (name, come) in changes.by_ref().take(2) {
                if come {
                    prop_assert_eq!(retained.insert(topic(&name), 7), naive.insert(name.clone(), 7));
                } else {
                    prop_assert_eq!(retained.remove(topic(&name)), naive.remove(&name));
                }
                touched.insert(name);
            }
        }
        prop_assert!(visited.is_sorted_by(|a, b| a < b), "{:?}", visited);
        visited.retain(|name| !touched.contains(name));
        let stayed = naive.keys().filter(|name| !touched.contains(*name) && filter(&text).matches(topic(name)));
        prop_assert_eq!(visited, stayed.cloned().collect::<Vec<_>>());
    }
}
