//! The index against a list of subscriptions that is searched one by one, and facts of the norm.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use std::format;

use lmq_codec::{TopicFilter, TopicName};
use proptest::prelude::*;

use super::Subscriptions;
use super::hash::DEPTH_MAX;

fn filter(text: &str) -> TopicFilter<'_> {
    TopicFilter::new(text).unwrap()
}

fn topic(text: &str) -> TopicName<'_> {
    TopicName::new(text).unwrap()
}

fn found(index: &Subscriptions<u8, u16>, text: &str) -> Vec<(u8, u16)> {
    let mut found = Vec::new();
    index.for_each(topic(text), |key, value| found.push((key, value)));
    found
}

/// Subscribes key n to the nth filter and returns the filters that match the topic, in the given order.
fn matching<'a>(filters: &[&'a str], text: &str) -> Vec<&'a str> {
    let mut index = Subscriptions::new(1);
    for (key, text) in filters.iter().enumerate() {
        assert_eq!(index.insert(filter(text), u8::try_from(key).unwrap(), 0), None);
    }
    let mut found = found(&index, text);
    found.sort_unstable();
    found.iter().map(|(key, _)| filters[usize::from(*key)]).collect()
}

#[test]
fn wildcards_match_as_the_norm_says() {
    // [MQTT-4.7.1-2]: `#` stands for any number of levels, also none.
    let sport = ["sport/tennis/player1/#", "sport/#", "#", "sport/tennis/player2/#"];
    assert_eq!(matching(&sport, "sport/tennis/player1"), sport[..3]);
    assert_eq!(matching(&sport, "sport/tennis/player1/ranking"), sport[..3]);
    assert_eq!(matching(&sport, "sport/tennis/player1/score/wimbledon"), sport[..3]);
    assert_eq!(matching(&sport, "sport"), ["sport/#", "#"]);
    assert_eq!(matching(&sport, "sports"), ["#"]);
    // [MQTT-4.7.1-3]: `+` stands for exactly one level, which may be empty.
    let plus = ["sport/tennis/+", "sport/+", "+", "sport/+/player1", "/+", "+/+", "sport/+/"];
    assert_eq!(matching(&plus, "sport/tennis/player1"), ["sport/tennis/+", "sport/+/player1"]);
    assert_eq!(matching(&plus, "sport/tennis/player1/ranking"), [""; 0]);
    assert_eq!(matching(&plus, "sport"), ["+"]);
    assert_eq!(matching(&plus, "sport/"), ["sport/+", "+/+"]);
    assert_eq!(matching(&plus, "/finance"), ["/+", "+/+"]);
    assert_eq!(matching(&plus, "sport/tennis/"), ["sport/tennis/+", "sport/+/"]);
}

#[test]
fn a_leading_wildcard_does_not_match_a_dollar_topic() {
    // [MQTT-4.7.2-1]
    let filters = ["#", "+/monitor/Clients", "+/#", "$SYS/#", "$SYS/monitor/+", "$SYS/+/Clients", "a/#", "a/+"];
    assert_eq!(matching(&filters, "$SYS/monitor/Clients"), ["$SYS/#", "$SYS/monitor/+", "$SYS/+/Clients"],);
    assert_eq!(matching(&filters[..1], "$SYS/monitor/Clients"), [""; 0]);
    assert_eq!(matching(&filters[1..2], "$SYS/monitor/Clients"), [""; 0]);
    // Only the first character counts.
    assert_eq!(matching(&filters, "a/$SYS"), ["#", "+/#", "a/#", "a/+"]);
}

#[test]
fn levels_may_be_empty_and_case_and_spaces_count() {
    // [MQTT-4.7.3-1], [MQTT-4.7.3-4]
    let filters = ["/", "//", "+/+", "+/+/+", "#", "/#", "//#", "ACCOUNTS", "Accounts", "a b", "a b/#"];
    assert_eq!(matching(&filters, "/"), ["/", "+/+", "#", "/#", "//#"]);
    assert_eq!(matching(&filters, "//"), ["//", "+/+/+", "#", "/#", "//#"]);
    assert_eq!(matching(&filters, "///"), ["#", "/#", "//#"]);
    assert_eq!(matching(&filters, "Accounts"), ["#", "Accounts"]);
    assert_eq!(matching(&filters, "a b"), ["#", "a b", "a b/#"]);
}

#[test]
fn values_are_replaced_and_keys_come_in_order() {
    let mut index = Subscriptions::new(1);
    for (key, value) in [(5, 50), (1, 10), (3, 30), (5, 51), (0, 0)] {
        let replaced = index.insert(filter("a/b"), key, value);
        assert_eq!(replaced, (value == 51).then_some(50));
    }
    index.insert(filter("a/+"), 2, 20);
    assert_eq!(found(&index, "a/b"), [(0, 0), (1, 10), (3, 30), (5, 51), (2, 20)]);
    assert_eq!((index.len(), index.filters()), (5, 2));
    assert_eq!(index.remove(filter("a/b"), 4), None);
    assert_eq!(index.remove(filter("a/b"), 3), Some(30));
    assert_eq!(index.remove(filter("a/#"), 3), None);
    assert_eq!(found(&index, "a/b"), [(0, 0), (1, 10), (5, 51), (2, 20)]);
    assert!(index.contains(filter("a/+"), 2) && !index.contains(filter("a/+"), 1));
    assert_eq!(index.value(filter("a/b"), 5), Some(51));
    assert_eq!(format!("{index:?}"), "Subscriptions { len: 4, version: 7, .. }");
}

#[test]
fn the_version_changes_with_every_change_and_only_then() {
    let mut index = Subscriptions::new(1);
    let mut versions = Vec::from([index.version()]);
    index.insert(filter("a"), 1, 0);
    versions.push(index.version());
    index.insert(filter("a"), 1, 1);
    versions.push(index.version());
    index.insert(filter("a/+"), 1, 1);
    versions.push(index.version());
    index.remove(filter("a"), 1);
    versions.push(index.version());
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    index.remove(filter("a"), 1);
    index.remove(filter("b/+"), 1);
    assert_eq!(versions.last(), Some(&index.version()));
}

#[test]
fn filters_that_share_more_levels_than_have_nodes_are_told_apart() {
    let deep = "x/".repeat(DEPTH_MAX + 2);
    let filters: Vec<_> = ["a/+", "b/+", "+/c", "a/#", "#", "+"].iter().map(|end| format!("{deep}{end}")).collect();
    let mut index = Subscriptions::new(1);
    for (key, text) in (0_u8..).zip(&filters) {
        index.insert(filter(text), key, 0);
    }
    let keys = |index: &_, end: &str| {
        let mut keys: Vec<_> = found(index, &format!("{deep}{end}")).iter().map(|found| found.0).collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!(keys(&index, "a/c"), [0, 2, 3, 4]);
    assert_eq!(keys(&index, "b/c"), [1, 2, 4]);
    assert_eq!(keys(&index, "a"), [3, 4, 5]);
    assert_eq!(found(&index, &deep[..2 * DEPTH_MAX - 1]), []);
    for (key, text) in (0_u8..).zip(&filters) {
        assert_eq!(index.remove(filter(text), key), Some(0));
        assert!(!keys(&index, "a/c").contains(&key));
    }
    assert_eq!(index.filters(), 0);
}

#[test]
fn the_longest_and_deepest_filters_are_found() {
    let slashes = "/".repeat(65_533);
    let texts =
        [format!("{slashes}+"), format!("{slashes}#"), format!("+{slashes}"), format!("+{}", "/+".repeat(32_767))];
    let mut index = Subscriptions::new(1);
    for (key, text) in (0_u8..).zip(&texts) {
        index.insert(filter(text), key, 0);
    }
    let keys = |text: &str| {
        let mut keys: Vec<_> = found(&index, text).iter().map(|found| found.0).collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!(keys(&slashes), [0, 1, 2]);
    assert_eq!(keys(&slashes[..32_767]), [3]);
    assert_eq!(keys(&format!("{slashes}/")), [1]);
}

/// Shapes that somebody takes cost others time only, and come back when they are left.
#[test]
fn a_filter_whose_shape_is_not_common_is_found_too() {
    let mut index = Subscriptions::new(1);
    // 4 times 2^5 shapes, twice as many as are common.
    let shapes: Vec<_> = (0..1 << 7)
        .map(|nth| {
            let level = |at: u8| if nth >> at & 1 == 1 { "+" } else { "a" };
            let levels: Vec<_> = (0..5).map(level).collect();
            format!("{}{}", levels.join("/"), ["/+", "/+/+", "/#", "/a/#"][nth >> 5])
        })
        .collect();
    for (key, text) in (0_u8..).zip(&shapes) {
        index.insert(filter(text), key, 0);
    }
    for topic in ["a/a/a/a/a/b", "a/a/a/a/a/a", "a/a/a/a/a/a/b", "b/a/b/a/b/a/a/b"] {
        let mut keys: Vec<_> = found(&index, topic).iter().map(|found| found.0).collect();
        keys.sort_unstable();
        let matching = |key: &u8| filter(&shapes[usize::from(*key)]).matches(TopicName::new(topic).unwrap());
        assert_eq!(keys, (0..1 << 7).filter(matching).collect::<Vec<_>>(), "{topic}");
    }
    // The shape of the last becomes common after the others left: a second filter of it is kept elsewhere than the
    // first.
    let (last, others) = shapes.split_last().unwrap();
    for (key, text) in (0_u8..).zip(others) {
        assert_eq!(index.remove(filter(text), key), Some(0));
    }
    let other = last.replace("/a/#", "/b/#");
    assert_eq!((index.insert(filter(&other), 1, 1), index.insert(filter(last), 127, 2)), (None, Some(0)));
    assert_eq!((found(&index, "a/b/a/a/a/a").len(), found(&index, "c/c/c/c/c/b")), (1, Vec::from([(1, 1)])));
    assert_eq!((index.remove(filter(last), 127), index.remove(filter(&other), 1)), (Some(2), Some(1)));
    assert!(index.index.is_vacant());
}

/// Hostile filters: all ways to put `+` into the first levels, and a topic that takes all of those ways.
#[test]
fn a_search_takes_each_way_once() {
    let mut index = Subscriptions::new(1);
    for ways in 0..1_u32 << 10 {
        let levels: Vec<_> = (0..10).map(|level| if ways >> level & 1 == 1 { "+" } else { "a" }).collect();
        index.insert(filter(&format!("{}/end", levels.join("/"))), ways, ());
        index.insert(filter(&format!("{}/#", levels.join("/"))), ways, ());
    }
    let mut times = [0; 1 << 10];
    index.for_each(topic("a/a/a/a/a/a/a/a/a/a/end"), |ways, ()| times[ways as usize] += 1);
    assert_eq!(times, [2; 1 << 10]);
    index.for_each(topic("a/a/a/a/a/a/a/a/a/a/other"), |ways, ()| times[ways as usize] += 1);
    assert_eq!(times, [3; 1 << 10]);
    // Three nodes for each way, and the filters that end in `#`, which have a common shape or a node.
    let search = index.for_each_up_to(topic("a/a/a/a/a/a/a/a/a/a/other"), 0, |_, ()| panic!("over the bound"));
    assert_eq!(search.subscriptions, 1 << 10);
    assert!((1 << 10..=4 << 10).contains(&search.visited), "{search:?}");
    // More filters than are remembered for a topic.
    for asked in 1..=4 {
        index.for_each_cached(topic("a/a/a/a/a/a/a/a/a/a/end"), |ways, ()| {
            times[ways as usize] += 1;
        });
        assert_eq!(times, [3 + 2 * asked; 1 << 10]);
    }
}

/// With equal hashes only the shape tells paths apart: those that end at one level and go on at another, too.
#[test]
fn paths_of_equal_hash_are_not_taken_twice() {
    let filters = ["#", "/#", "a/#", "a/a/#", "a/b/#", "a/+", "+/a", "+/+", "+/#", "a/+/#"];
    let mut index = Subscriptions::new(1);
    index.index.hasher.mask = 0;
    index.index.common.shapes_max = 0;
    for (key, text) in (0_u8..).zip(filters) {
        index.insert(filter(text), key, 0);
    }
    let mut keys: Vec<_> = found(&index, "a/a").iter().map(|found| found.0).collect();
    keys.sort_unstable();
    assert_eq!(keys, [0, 2, 3, 5, 6, 7, 8, 9]);
}

/// All subscriptions in the order of filter and key.
type Naive = BTreeMap<(String, u8), u16>;

#[derive(Clone, Debug)]
enum Change {
    Insert(String, u8, u16),
    Remove(String, u8),
    /// Removes the nth subscription there is, so that removals hit.
    RemoveNth(usize),
}

fn any_level() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just("a"),
        2 => Just("b"),
        1 => Just(""),
        1 => Just("$x"),
        1 => Just("a level of more than thirty-eight bytes and so on"),
    ]
}

/// As many as there are, few enough that filters of one shape are kept in two ways, or none.
fn any_shapes_max() -> impl Strategy<Value = usize> {
    prop_oneof![2 => Just(64), 3 => 1..6_usize, 1 => Just(0)]
}

fn any_topic(levels_max: usize) -> impl Strategy<Value = String> {
    let levels = prop::collection::vec(any_level(), 1..=levels_max);
    levels.prop_map(|levels| levels.join("/")).prop_filter("topics are not empty", |topic| !topic.is_empty())
}

fn any_filter(levels_max: usize) -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => any_level(), 2 => Just("+")];
    let last = prop_oneof![Just("#"), Just("+"), Just("a"), Just("")];
    (prop::collection::vec(level, 0..levels_max), last).prop_map(|(mut levels, last)| {
        levels.push(last);
        let filter = levels.join("/");
        if filter.is_empty() { "+".into() } else { filter }
    })
}

fn any_change(levels_max: usize) -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any_filter(levels_max), 0..6_u8, any::<u16>())
            .prop_map(|(filter, key, value)| Change::Insert(filter, key, value)),
        1 => (any_filter(levels_max), 0..6_u8).prop_map(|(filter, key)| Change::Remove(filter, key)),
        2 => any::<usize>().prop_map(Change::RemoveNth),
    ]
}

fn apply(change: &Change, index: &mut Subscriptions<u8, u16>, naive: &mut Naive) {
    match change {
        Change::Insert(text, key, value) => {
            let replaced = index.insert(filter(text), *key, *value);
            assert_eq!(replaced, naive.insert((text.clone(), *key), *value));
        }
        Change::Remove(text, key) => {
            assert_eq!(index.remove(filter(text), *key), naive.remove(&(text.clone(), *key)));
        }
        Change::RemoveNth(nth) if !naive.is_empty() => {
            let at = naive.keys().nth(nth % naive.len()).unwrap().clone();
            assert_eq!(index.remove(filter(&at.0), at.1), naive.remove(&at));
        }
        Change::RemoveNth(_) => {}
    }
    assert_eq!(index.len(), naive.len());
}

/// Compares the answers for a topic; `cached` tells whether to ask in a way that remembers.
fn compare(index: &mut Subscriptions<u8, u16>, naive: &Naive, text: &str, cached: bool) {
    let plain = found(index, text);
    if cached {
        let mut cached = Vec::new();
        index.for_each_cached(topic(text), |key, value| cached.push((key, value)));
        assert_eq!(cached, plain, "{text:?}");
        compare_bounded(index, text, &plain);
    }
    let exact: Vec<_> =
        naive.iter().filter(|((filter, _), _)| filter == text).map(|((_, key), value)| (*key, *value)).collect();
    assert_eq!(plain.get(..exact.len()), Some(&exact[..]), "{text:?}");
    let mut naive: Vec<_> = naive
        .iter()
        .filter(|((other, _), _)| filter(other).matches(topic(text)))
        .map(|((_, key), value)| (*key, *value))
        .collect();
    naive.sort_unstable();
    let mut plain = plain;
    plain.sort_unstable();
    assert_eq!(plain, naive, "{text:?}");
}

/// Every bound gives the beginning, whole filters at a time, and says how much there is; ranges of keys give all of it together.
fn compare_bounded(index: &mut Subscriptions<u8, u16>, text: &str, plain: &[(u8, u16)]) {
    for max in [0, plain.len().saturating_sub(1), plain.len()] {
        let mut bounded = Vec::new();
        let search = index.for_each_up_to(topic(text), max, |key, value| bounded.push((key, value)));
        assert_eq!(search.subscriptions, plain.len(), "{text:?}");
        assert!(bounded.len() <= max && plain.starts_with(&bounded), "{text:?}");
        assert_eq!(bounded.len() == plain.len(), max >= plain.len(), "{text:?}");
    }
    for range in [0..=1, 2..=2, 3..=u8::MAX] {
        let (mut within, inside) = (Vec::new(), plain.iter().filter(|(key, _)| range.contains(key)));
        let expected: Vec<_> = inside.copied().collect();
        let search = index.for_each_within(topic(text), &range, expected.len(), |key, value| within.push((key, value)));
        assert_eq!((search.subscriptions, within), (expected.len(), expected), "{text:?}");
    }
}

fn check(mut index: Subscriptions<u8, u16>, changes: &[Change], topics: &[String]) {
    let mut naive = Naive::new();
    for (change, text) in changes.iter().zip(topics.iter().cycle()) {
        apply(change, &mut index, &mut naive);
        compare(&mut index, &naive, text, true);
    }
    for text in topics {
        compare(&mut index, &naive, text, false);
    }
    for ((text, key), value) in &naive {
        assert_eq!(index.value(filter(text), *key), Some(*value));
    }
    let mut filters: Vec<_> = naive.keys().map(|(filter, _)| filter).collect();
    filters.dedup();
    assert_eq!(index.filters(), filters.len());
    while let Some(((text, key), value)) = naive.pop_first() {
        assert_eq!(index.remove(filter(&text), key), Some(value));
        compare(&mut index, &naive, &topics[naive.len() % topics.len()], true);
    }
    assert!(index.is_empty() && index.filters() == 0 && index.index.is_vacant());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn finds_what_the_list_finds(
        changes in prop::collection::vec(any_change(4), 0..120),
        topics in prop::collection::vec(any_topic(5), 1..12),
        seed: u64,
        shapes_max in any_shapes_max(),
    ) {
        let mut index = Subscriptions::new(seed);
        index.index.common.shapes_max = shapes_max;
        check(index, &changes, &topics);
    }

    /// Hashes of a few bits: levels, paths and topics collide all the time, and nothing is found wrongly or missed.
    #[test]
    fn collisions_cost_time_only(
        changes in prop::collection::vec(any_change(5), 0..80),
        topics in prop::collection::vec(any_topic(6), 1..12),
        seed: u64,
        shapes_max in any_shapes_max(),
        mask in prop::sample::select(&[0, 1, 1 << 63, 3 << 62, 0xf000_0000_0180_0000][..]),
    ) {
        let mut index = Subscriptions::new(seed);
        index.index.hasher.mask = mask;
        index.index.common.shapes_max = shapes_max;
        check(index, &changes, &topics);
    }

    #[test]
    fn the_same_calls_give_the_same_order(
        changes in prop::collection::vec(any_change(3), 0..60),
        topics in prop::collection::vec(any_topic(4), 1..6),
        seed: u64,
    ) {
        let (mut one, mut other) = (Subscriptions::new(seed), Subscriptions::new(seed));
        for index in [&mut one, &mut other] {
            let mut naive = Naive::new();
            changes.iter().for_each(|change| apply(change, index, &mut naive));
        }
        for text in &topics {
            prop_assert_eq!(found(&one, text), found(&other, text));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn finds_what_the_list_finds_among_hundreds(
        changes in prop::collection::vec(any_change(6), 300..900),
        topics in prop::collection::vec(any_topic(7), 20..40),
        seed: u64,
        shapes_max in any_shapes_max(),
    ) {
        let mut index = Subscriptions::new(seed);
        index.index.common.shapes_max = shapes_max;
        check(index, &changes, &topics);
    }
}
