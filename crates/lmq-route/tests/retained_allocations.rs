//! What retained topics and shared groups allocate, counted. One test in this binary, so that nobody else allocates
//! meanwhile.

use std::alloc::System;

use lmq_codec::{TopicFilter, TopicName};
use lmq_route::{Fit, Retained, SharedGroups};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes in use, and allocations so far.
fn now() -> (usize, usize) {
    let stats = ALLOCATOR.stats();
    (stats.bytes_allocated - stats.bytes_deallocated, stats.allocations + stats.reallocations)
}

const COUNT: usize = 100_000;

/// A permutation, as 48,271 has no factor in common with 100,000.
fn topic(nth: usize) -> String {
    let nth = nth * 48_271 % COUNT;
    format!("site/{}/device/{}/temperature", nth % 500, nth / 500)
}

#[test]
fn retained_topics_are_small_and_visited_without_allocation() {
    let topics: Vec<_> = (0..COUNT).map(topic).collect();
    let (baseline, _) = now();
    let mut retained = Retained::new();
    for (value, topic) in (0_u64..).zip(&topics) {
        assert_eq!(retained.insert(TopicName::new(topic).unwrap(), value), None);
    }
    let (full, before) = now();
    let each = (full - baseline) / COUNT;
    assert!((50..=100).contains(&each), "{each} bytes a topic, text included");

    for (filter, expected) in [("#", COUNT), ("site/+/device/7/temperature", 500), ("+/7/#", 200), ("site/+", 0)] {
        let (filter, mut found) = (TopicFilter::new(filter).unwrap(), 0);
        assert_eq!(retained.matching(filter, None, usize::MAX, |_, _| found += 1), None);
        assert_eq!(found, expected);
    }
    // A walk allocates its target, which grows to its length.
    assert!(now().1 - before <= 4 * 3 && now().0 == full, "{} allocations for four walks", now().1 - before);
    for topic in &topics {
        assert!(retained.remove(TopicName::new(topic).unwrap()).is_some());
    }
    assert_eq!(now().0, baseline, "what is removed is given back");

    let mut groups = SharedGroups::new(1);
    for (key, topic) in (0_u32..).zip(&topics) {
        assert_eq!(groups.insert("workers", TopicFilter::new(topic).unwrap(), key, 0_u32), None);
    }
    let each = (now().0 - baseline) / COUNT;
    assert!(each <= 250, "{each} bytes a group, text included");
    let before = now();
    for topic in &topics {
        let mut matching = None;
        groups.for_each(TopicName::new(topic).unwrap(), |group| matching = Some(group));
        assert!(groups.choose(matching.unwrap(), 9, |_, _| Fit::Ready).is_some());
    }
    assert_eq!(now(), before, "a match and a choice allocate nothing");
    for (key, topic) in (0_u32..).zip(&topics) {
        assert_eq!(groups.remove("workers", TopicFilter::new(topic).unwrap(), key), Some(0));
    }
    assert_eq!(now().0, baseline);
}
