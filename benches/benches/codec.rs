//! Decode and encode, every codec in the same run: `cargo bench --bench codec`.

use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use lmq_benches::Peer;
use lmq_benches::cases::{Case, all};
use lmq_benches::peers as p;

fn face(owned: bool) -> &'static str {
    if owned { "owned" } else { "borrowed" }
}

fn decode<P: Peer>(group: &mut BenchmarkGroup<'_, WallTime>, case: &Case) {
    assert_eq!(P::decode(&mut P::input(case.bytes)), case.packets, "{} reads every packet", P::NAME);
    group.bench_function(format!("{}/{}", face(P::OWNED), P::NAME), |b| {
        b.iter_batched_ref(|| P::input(case.bytes), P::decode, BatchSize::SmallInput);
    });
}

fn encode<P: Peer>(group: &mut BenchmarkGroup<'_, WallTime>, case: &Case) {
    let mut out = P::output(case.bytes.len());
    let written = P::encode(&mut P::packets(case.bytes), &mut out);
    assert!(written == case.bytes.len() || P::NAME == p::LmqVectored::NAME, "{} writes every byte", P::NAME);
    group.bench_function(P::NAME, |b| {
        b.iter_batched_ref(|| P::packets(case.bytes), |packets| P::encode(packets, &mut out), BatchSize::SmallInput);
    });
}

fn benches(c: &mut Criterion) {
    for case in &all() {
        let mut group = c.benchmark_group(format!("decode/{}", case.name));
        group.throughput(Throughput::Elements(case.packets as u64));
        if case.v5 {
            decode::<p::LmqBorrowed5>(&mut group, case);
            decode::<p::LmqOwned5>(&mut group, case);
            decode::<p::RumqttcNext5>(&mut group, case);
            decode::<p::Rumqttc5>(&mut group, case);
            decode::<p::Mqttbytes5>(&mut group, case);
            decode::<p::Rmqtt5>(&mut group, case);
            decode::<p::Ntex5>(&mut group, case);
            decode::<p::ProtocolCore5>(&mut group, case);
            decode::<p::Mqute5>(&mut group, case);
        } else {
            decode::<p::LmqBorrowed3>(&mut group, case);
            decode::<p::LmqBorrowedText>(&mut group, case);
            decode::<p::Mqttrs>(&mut group, case);
            decode::<p::LmqOwned3>(&mut group, case);
            decode::<p::RumqttcNext4>(&mut group, case);
            decode::<p::Rumqttc4>(&mut group, case);
            decode::<p::Mqttbytes4>(&mut group, case);
            decode::<p::Rmqtt3>(&mut group, case);
            decode::<p::Ntex3>(&mut group, case);
            decode::<p::ProtocolCore3>(&mut group, case);
            decode::<p::Mqute4>(&mut group, case);
        }
        group.finish();
        let mut group = c.benchmark_group(format!("encode/{}", case.name));
        group.throughput(Throughput::Elements(case.packets as u64));
        if case.v5 {
            encode::<p::LmqBorrowed5>(&mut group, case);
            encode::<p::LmqOwned5>(&mut group, case);
            encode::<p::RumqttcNext5>(&mut group, case);
            encode::<p::Rumqttc5>(&mut group, case);
            encode::<p::Mqttbytes5>(&mut group, case);
            encode::<p::Rmqtt5>(&mut group, case);
            encode::<p::Ntex5>(&mut group, case);
            encode::<p::ProtocolCore5>(&mut group, case);
            encode::<p::Mqute5>(&mut group, case);
        } else {
            encode::<p::LmqBorrowed3>(&mut group, case);
            encode::<p::LmqVectored>(&mut group, case);
            encode::<p::LmqOwned3>(&mut group, case);
            encode::<p::LmqSlice>(&mut group, case);
            encode::<p::Mqttrs>(&mut group, case);
            encode::<p::RumqttcNext4>(&mut group, case);
            encode::<p::Rumqttc4>(&mut group, case);
            encode::<p::Mqttbytes4>(&mut group, case);
            encode::<p::Rmqtt3>(&mut group, case);
            encode::<p::Ntex3>(&mut group, case);
            encode::<p::ProtocolCore3>(&mut group, case);
            encode::<p::Mqute4>(&mut group, case);
        }
        group.finish();
    }
}

criterion_group!(codec, benches);
criterion_main!(codec);
