//! What the index allocates, counted. One test in this binary, so that nobody else allocates meanwhile.

use std::alloc::System;
use std::format;

use lmq_codec::{TopicFilter, TopicName};
use lmq_route::Subscriptions;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes in use, and allocations so far.
fn now() -> (usize, usize) {
    let stats = ALLOCATOR.stats();
    (stats.bytes_allocated - stats.bytes_deallocated, stats.allocations + stats.reallocations)
}

const COUNT: usize = 200_000;

/// Filters as of a fleet: half without a wildcard, the others with wildcards early, late and at the end.
fn filter(nth: usize) -> String {
    let (site, device) = (nth % 500, nth / 500);
    match nth % 10 {
        0..=4 => format!("site/{site}/device/{device}/temperature"),
        5 | 6 => format!("site/{site}/device/{device}/+"),
        7 => format!("site/{site}/+/{device}/state"),
        8 => format!("site/+/device/{device}-{site}/state"),
        _ => format!("site/{site}/device/{device}/#"),
    }
}

fn fill(index: &mut Subscriptions<u64, u64>, filters: &[String]) {
    for (key, filter) in (0..).zip(filters) {
        assert_eq!(index.insert(TopicFilter::new(filter).unwrap(), key, key), None);
    }
}

#[test]
fn memory_is_bounded_given_back_and_not_touched_by_a_match() {
    let filters: Vec<_> = (0..COUNT).map(filter).collect();
    let text: usize = filters.iter().map(String::len).sum();
    let topics: Vec<_> = (0..1000).map(|nth| format!("site/{}/device/{}/temperature", nth % 500, nth / 7)).collect();
    let (baseline, _) = now();
    let mut index = Subscriptions::new(1);
    assert_eq!(now().0, baseline, "an empty index allocates nothing");

    fill(&mut index, &filters);
    assert_eq!(index.filters(), COUNT);
    let (full, before) = now();
    let each = (full - baseline - text) / COUNT;
    assert!((40..=100).contains(&each), "{each} bytes a subscription beyond the text");

    let mut found = 0;
    for topic in &topics {
        index.for_each(TopicName::new(topic).unwrap(), |_, _| found += 1);
    }
    assert_eq!(found, 800);
    assert_eq!(now(), (full, before), "a match allocates nothing");

    // Topics that come a third time are remembered: then nothing more is allocated.
    let mut cached = || {
        let mut found = 0;
        for topic in &topics[..100] {
            index.for_each_cached(TopicName::new(topic).unwrap(), |_, _| found += 1);
        }
        (found, now())
    };
    cached();
    cached();
    let (_, third) = cached();
    assert!((full + 1..full + 600 * 1024).contains(&third.0), "{} bytes of memory for topics", third.0 - full);
    assert_eq!(cached().1, third, "a remembered topic allocates nothing");
    let recent = third.0 - full;

    let churn = |index: &mut Subscriptions<u64, u64>, filters: &[String]| {
        for (key, filter) in (0..).zip(filters) {
            assert_eq!(index.remove(TopicFilter::new(filter).unwrap(), key), Some(key));
        }
    };
    for _ in 0..2 {
        churn(&mut index, &filters);
        assert_eq!(now().0, baseline + recent, "what is removed is given back");
        fill(&mut index, &filters);
        assert_eq!(now().0, full + recent, "and as much taken again");
    }

    // Half of the filters leave: half of the memory, and text, and a quarter more for pages and tables not yet shrunk.
    churn(&mut index, &filters[..COUNT / 2]);
    let half = now().0 - baseline - recent;
    assert!(half < (full - baseline) / 2 + (full - baseline) / 4, "{half} of {}", full - baseline);

    // One filter with many keys: 16 bytes a key, lists at least half full.
    let (before, _) = now();
    let fan = TopicFilter::new("fan/out").unwrap();
    (0..100_000).for_each(|key| assert_eq!(index.insert(fan, key, key), None));
    let each = (now().0 - before) / 100_000;
    assert!((16..=32).contains(&each), "{each} bytes a key");
    (0..100_000).for_each(|key| assert_eq!(index.remove(fan, key), Some(key)));
    assert_eq!(now().0, before);
    drop(index);
    assert_eq!(now().0, baseline);
}
