//! A broker of one shard in the process, from bytes to bytes, without sockets: `cargo bench --bench broker`.
//! `src/bin/broker_instructions.rs` runs the same cases for callgrind.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lmq_benches::broker::{Away, FanOut, Pair, Visits};

fn pairs(c: &mut Criterion) {
    let mut group = c.benchmark_group("broker/one-to-one/64B");
    for (name, qos, batch) in [("qos0", 0, 1), ("qos0-batch64", 0, 64), ("qos1", 1, 1), ("qos1-batch64", 1, 64)] {
        let mut pair = Pair::new(qos, batch, 64);
        group.throughput(Throughput::Elements(u64::from(batch)));
        group.bench_function(name, |b| b.iter(|| pair.turn()));
        black_box(pair.delivered());
    }
}

fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("broker/fan-out");
    for (receivers, payload, name) in
        [(1_000, 64, "1000/64B"), (1_000, 1024, "1000/1KiB"), (10_000, 64, "10000/64B"), (10_000, 1024, "10000/1KiB")]
    {
        let mut fan = FanOut::new(receivers, payload);
        group.throughput(Throughput::Elements(u64::from(receivers)));
        group.bench_function(name, |b| b.iter(|| fan.turn()));
        group.bench_function(format!("{name}/into-outboxes"), |b| {
            b.iter_custom(|turns| {
                let mut spent = Duration::ZERO;
                for _ in 0..turns {
                    let start = Instant::now();
                    fan.publish();
                    spent += start.elapsed();
                    fan.collect();
                }
                spent
            });
        });
        black_box(fan.delivered());
    }
}

fn visits(c: &mut Criterion) {
    let mut visits = Visits::default();
    c.bench_function("broker/connect-subscribe-disconnect", |b| b.iter(|| visits.turn()));
}

fn away(c: &mut Criterion) {
    let mut group = c.benchmark_group("broker/persistent");
    group.throughput(Throughput::Elements(u64::from(Away::MESSAGES)));
    group.bench_function("append", |b| {
        b.iter_batched_ref(Away::new, Away::append, BatchSize::SmallInput);
    });
    let filled = || {
        let mut away = Away::new();
        away.append();
        away
    };
    group.bench_function("fetch", |b| b.iter_batched_ref(filled, Away::fetch, BatchSize::SmallInput));
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = pairs, fan_out, visits, away
}
criterion_main!(benches);
