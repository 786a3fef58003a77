//! Who gets a message: the index of lmq-route, a trie from crates.io and a search of all filters, in the same run;
//! retained topics and shared groups: `cargo bench --bench route`. Needs 2 GB of memory, most of it for the trie.
//!
//! "Cold" is a topic after topic in random order among 1,000,000 filters that were added in another random order:
//! hardly anything is in the processor's caches. The topic is checked each time, as a broker has to. "Hot" is one topic
//! all the time.

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use lmq_codec::{TopicFilter, TopicName};
use lmq_route::{Fit, Retained, SharedGroups, Subscriptions};
use mqtt_topic_engine::topic_matcher::{Len, TopicMatcherNode};
use mqtt_topic_engine::{CacheStrategy, TopicPath, TopicPatternPath};
use std::hint::black_box;

const FILTERS: usize = 1_000_000;

/// SplitMix64: the same order in every run.
struct Mixed(u64);

impl Mixed {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

struct Case {
    name: &'static str,
    filters: Vec<String>,
    topics: Vec<String>,
}

/// A fleet: 1,000 sites with 1,000 devices each; a topic has 1 to 2 subscribers.
fn fleet() -> Case {
    let filters = (0..FILTERS).map(|nth| {
        let (site, device) = (nth % 1000, nth / 1000);
        match nth / 1000 % 10 {
            0..=4 => format!("site/{site}/device/{device}/temperature"),
            5 | 6 => format!("site/{site}/device/{device}/+"),
            7 => format!("site/{site}/+/{device}/temperature"),
            8 => format!("+/{site}/device/{device}/temperature"),
            _ => format!("site/{site}/device/{device}/#"),
        }
    });
    let mut mixed = Mixed(1);
    let topics = (0..200_000).map(|_| format!("site/{}/device/{}/temperature", mixed.below(1000), mixed.below(1000)));
    Case { name: "1 hit", filters: filters.collect(), topics: topics.collect() }
}

/// Plants: for each, all 32 ways to put `+` into five levels, and 9 filters that end in `#`. All 41 match its topic.
fn plants() -> Case {
    let multi = [
        "plant/N/#",
        "plant/N/line/#",
        "plant/N/line/cell/#",
        "plant/N/line/cell/robot/#",
        "+/N/#",
        "plant/N/line/cell/robot/axis/#",
        "plant/N/+/cell/#",
        "+/N/line/#",
        "plant/N/+/+/robot/#",
    ];
    let mut filters = Vec::new();
    for plant in 0..FILTERS / 41 {
        for ways in 0..32 {
            let level = |nth: u32, text: &'static str| if ways >> nth & 1 == 1 { "+" } else { text };
            filters.push(format!(
                "{}/{plant}/{}/{}/{}/{}",
                level(0, "plant"),
                level(1, "line"),
                level(2, "cell"),
                level(3, "robot"),
                level(4, "axis"),
            ));
        }
        filters.extend(multi.iter().map(|filter| filter.replace('N', &plant.to_string())));
    }
    let mut mixed = Mixed(2);
    let topics = (0..50_000).map(|_| format!("plant/{}/line/cell/robot/axis", mixed.below(FILTERS / 41)));
    Case { name: "41 hits", filters, topics: topics.collect() }
}

/// The numbers of the filters in the order in which they are added, so that neighbours in memory are strangers.
fn shuffled(len: usize) -> Vec<usize> {
    let (mut order, mut mixed) = ((0..len).collect::<Vec<_>>(), Mixed(3));
    (1..len).rev().for_each(|nth| order.swap(nth, mixed.below(nth + 1)));
    order
}

#[derive(Default)]
struct Keys(Vec<u64>);

impl Len for Keys {
    fn len(&self) -> usize {
        self.0.len()
    }
}

fn matching(group: &mut BenchmarkGroup<'_, WallTime>, case: &Case) {
    let mut index = Subscriptions::new(7);
    for nth in shuffled(case.filters.len()) {
        index.insert(TopicFilter::new(&case.filters[nth]).unwrap(), nth as u64, 0_u8);
    }
    let mut cold = case.topics.iter().cycle();
    group.bench_function("cold/lmq-route", |b| {
        b.iter(|| {
            let mut sum = 0;
            index.for_each(TopicName::new(cold.next().unwrap()).unwrap(), |key, _| sum ^= key);
            sum
        });
    });
    group.bench_function("hot/lmq-route", |b| {
        b.iter(|| {
            let mut sum = 0;
            index.for_each(TopicName::new(black_box(&case.topics[0])).unwrap(), |key, _| sum ^= key);
            sum
        });
    });
    group.bench_function("hot/lmq-route, cached", |b| {
        b.iter(|| {
            let mut sum = 0;
            index.for_each_cached(TopicName::new(black_box(&case.topics[0])).unwrap(), |key, _| sum ^= key);
            sum
        });
    });
    drop(index);

    let mut trie = TopicMatcherNode::<Keys>::new();
    for nth in shuffled(case.filters.len()) {
        let pattern = TopicPatternPath::new_from_string(&*case.filters[nth], CacheStrategy::NoCache).unwrap();
        trie.get_or_create_subscription_table(&pattern).0.push(nth as u64);
    }
    let find = |topic: &str| {
        let found = trie.find_by_path(&TopicPath::new(topic).unwrap());
        found.iter().flat_map(|keys| &keys.0).fold(0, |sum, key| sum ^ key)
    };
    let mut cold = case.topics.iter().cycle();
    group.bench_function("cold/mqtt-topic-engine", |b| b.iter(|| find(cold.next().unwrap())));
    group.bench_function("hot/mqtt-topic-engine", |b| b.iter(|| find(black_box(&case.topics[0]))));
    drop(trie);

    group.sample_size(10).bench_function("cold/all filters one by one", |b| {
        let mut cold = case.topics.iter().cycle();
        b.iter(|| {
            let topic = TopicName::new(cold.next().unwrap()).unwrap();
            let matching = |filter: &&String| TopicFilter::new(filter).unwrap().matches(topic);
            case.filters.iter().filter(matching).count()
        });
    });
}

fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("fan-out of one topic");
    for keys in [1, 1000, 100_000] {
        let mut index = Subscriptions::new(7);
        for key in 0..keys {
            index.insert(TopicFilter::new("fan/out").unwrap(), key, 0_u8);
        }
        group.throughput(Throughput::Elements(keys));
        group.bench_function(format!("{keys} keys"), |b| {
            b.iter(|| {
                let mut sum = 0;
                index.for_each(TopicName::new(black_box("fan/out")).unwrap(), |key, _| sum ^= key);
                sum
            });
        });
    }
}

/// Subscribers of one topic that all leave, and filters that come and go beside 1,000,000 others.
fn changes(c: &mut Criterion) {
    let mut group = c.benchmark_group("changes");
    let filter = TopicFilter::new("fan/out").unwrap();
    let keys = 100_000;
    group.throughput(Throughput::Elements(2 * keys)).sample_size(10);
    group.bench_function("100,000 keys come and leave", |b| {
        b.iter(|| {
            let mut index = Subscriptions::new(7);
            (0..keys).for_each(|key| _ = index.insert(filter, key, 0_u8));
            (0..keys).for_each(|key| _ = index.remove(filter, key));
            index
        });
    });
    let case = fleet();
    let mut index = Subscriptions::new(7);
    for filter in &case.filters {
        index.insert(TopicFilter::new(filter).unwrap(), 0, 0_u8);
    }
    let mut topics = case.topics.iter().cycle();
    group.throughput(Throughput::Elements(2)).sample_size(50);
    group.bench_function("a filter comes and leaves among 1,000,000", |b| {
        b.iter(|| {
            let text = format!("{}/+", topics.next().unwrap());
            let filter = TopicFilter::new(&text).unwrap();
            index.insert(filter, 1, 0_u8);
            index.remove(filter, 1)
        });
    });
}

/// A fleet among whose subscribers somebody added filters that match nothing, made to cost every search as much as they
/// can: of 1,000 shapes that all fit the fleet's topics.
fn hostile(c: &mut Criterion) {
    let mut group = c.benchmark_group("1,000,000 filters and 1,000 hostile ones");
    let case = fleet();
    let mut index = Subscriptions::new(7);
    for ways in 0..1000 {
        let level = |nth: u32, text| if ways >> nth & 1 == 1 { "+" } else { text };
        let levels = [level(0, "site"), level(1, "1"), level(2, "device"), level(3, "1")].join("/");
        let end = ["no", "+/no", "no/#", "+/no/#", "no/+", "no/no/#", "+/+/no", "no/+/#"][ways as usize / 16 % 8];
        let filter = format!("{levels}/{end}{}", "/x".repeat(ways as usize / 128));
        if let Ok(filter) = TopicFilter::new(&filter) {
            index.insert(filter, 0, 0_u8);
        }
    }
    for nth in shuffled(case.filters.len()) {
        index.insert(TopicFilter::new(&case.filters[nth]).unwrap(), nth as u64, 0_u8);
    }
    let mut cold = case.topics.iter().cycle();
    group.bench_function("cold, 1 hit", |b| {
        b.iter(|| {
            let mut sum = 0;
            index.for_each(TopicName::new(cold.next().unwrap()).unwrap(), |key, _| sum ^= key);
            sum
        });
    });
}

/// 1,000,000 retained topics.
fn retained(c: &mut Criterion) {
    let mut group = c.benchmark_group("1,000,000 retained topics");
    let mut retained = Retained::new();
    for nth in shuffled(FILTERS) {
        let topic = format!("site/{}/device/{}/temperature", nth % 1000, nth / 1000);
        retained.insert(TopicName::new(&topic).unwrap(), nth);
    }
    let topics = fleet().topics;
    let mut cold = topics.iter().cycle();
    group.bench_function("cold, get", |b| {
        b.iter(|| retained.get(TopicName::new(cold.next().unwrap()).unwrap()).copied());
    });
    let all = TopicFilter::new("#").unwrap();
    let mut cursor = None;
    group.throughput(Throughput::Elements(1000));
    group.bench_function("a step of 1,000 topics of #", |b| {
        b.iter(|| {
            let mut sum = 0;
            cursor = retained.matching(all, cursor.take(), 1000, |_, nth| sum ^= nth);
            sum
        });
    });
    let mut devices = (0..1000).cycle();
    group.bench_function("site/+/device/N/temperature, 1,000 hits", |b| {
        b.iter(|| {
            let filter = format!("site/+/device/{}/temperature", devices.next().unwrap());
            let mut sum = 0;
            retained.matching(TopicFilter::new(&filter).unwrap(), None, usize::MAX, |_, nth| sum ^= nth);
            sum
        });
    });
}

/// A message to a shared subscription: its group is found, and one of 1,000 members chosen.
fn shared(c: &mut Criterion) {
    let mut group = c.benchmark_group("a shared subscription of 1,000 members");
    let mut groups = SharedGroups::new(7);
    let filter = TopicFilter::new("jobs/+").unwrap();
    (0..1000).for_each(|key: u64| _ = groups.insert("workers", filter, key, 0_u8));
    for (name, ready) in [("all ready", 1), ("1 of 100 ready", 100)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut matching = None;
                groups.for_each(TopicName::new(black_box("jobs/1")).unwrap(), |group| matching = Some(group));
                let fit = |key, _| if key % ready == 0 { Fit::Ready } else { Fit::Later };
                groups.choose(matching.unwrap(), usize::MAX, fit)
            });
        });
    }
}

fn benches(c: &mut Criterion) {
    for case in [fleet(), plants()] {
        let mut group = c.benchmark_group(format!("1,000,000 filters, {}", case.name));
        matching(&mut group, &case);
    }
    fan_out(c);
    changes(c);
    hostile(c);
    retained(c);
    shared(c);
}

criterion_group!(route, benches);
criterion_main!(route);
