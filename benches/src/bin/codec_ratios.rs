//! Every codec on every case, in turns, and the shortest of many runs: ratios that hold on a machine that is not idle.
//! `cargo run --release --bin codec_ratios`

use std::hint::black_box;
use std::time::{Duration, Instant};

use lmq_benches::Peer;
use lmq_benches::cases::{Case, all};
use lmq_benches::peers as p;

const ROUNDS: usize = 400;

/// A codec's shortest run of one case so far.
struct Runner {
    name: String,
    owned: bool,
    run: Box<dyn FnMut() -> Duration>,
    best: Duration,
}

fn decode<P: Peer + 'static>(case: &Case) -> Runner {
    let (bytes, packets) = (case.bytes, case.packets);
    let run = move || {
        touch(bytes);
        let mut input = P::input(bytes);
        let start = Instant::now();
        let count = P::decode(&mut input);
        let time = start.elapsed();
        assert_eq!(count, packets, "{} reads every packet", P::NAME);
        time
    };
    runner::<P>(run)
}

fn encode<P: Peer + 'static>(case: &Case) -> Runner {
    let bytes = case.bytes;
    let mut out = P::output(bytes.len());
    let run = move || {
        touch(bytes);
        let mut packets = P::packets(bytes);
        let start = Instant::now();
        let written = P::encode(&mut packets, &mut out);
        let time = start.elapsed();
        assert!(written == bytes.len() || P::NAME == p::LmqVectored::NAME, "{} writes every byte", P::NAME);
        time
    };
    runner::<P>(run)
}

/// Brings the bytes into the caches before the clock starts. A codec with an input of its own has just copied them;
/// one that borrows would otherwise be timed with what the codecs before it left there.
fn touch(bytes: &[u8]) {
    black_box(bytes.iter().fold(0_u8, |sum, byte| sum ^ byte));
}

fn runner<P: Peer + 'static>(run: impl FnMut() -> Duration + 'static) -> Runner {
    Runner { name: P::NAME.to_owned(), owned: P::OWNED, run: Box::new(run), best: Duration::MAX }
}

fn report(what: &str, case: &Case, mut runners: Vec<Runner>) {
    for _ in 0..ROUNDS {
        for runner in &mut runners {
            let time = (runner.run)();
            runner.best = runner.best.min(time);
        }
    }
    println!("\n{what} {} (ns a packet)", case.name);
    for runner in &runners {
        let nanos = runner.best.as_nanos() as f64 / case.packets as f64;
        let face = if runner.owned { "owned" } else { "borrowed" };
        println!("  {nanos:10.1}  {face:8} {}", runner.name);
    }
}

fn main() {
    for case in &all() {
        if case.v5 {
            let decoders = vec![
                decode::<p::LmqBorrowed5>(case),
                decode::<p::LmqOwned5>(case),
                decode::<p::RumqttcNext5>(case),
                decode::<p::Rumqttc5>(case),
                decode::<p::Mqttbytes5>(case),
                decode::<p::Rmqtt5>(case),
                decode::<p::Ntex5>(case),
                decode::<p::ProtocolCore5>(case),
                decode::<p::Mqute5>(case),
            ];
            report("decode", case, decoders);
            let encoders = vec![
                encode::<p::LmqBorrowed5>(case),
                encode::<p::LmqOwned5>(case),
                encode::<p::RumqttcNext5>(case),
                encode::<p::Rumqttc5>(case),
                encode::<p::Mqttbytes5>(case),
                encode::<p::Rmqtt5>(case),
                encode::<p::Ntex5>(case),
                encode::<p::ProtocolCore5>(case),
                encode::<p::Mqute5>(case),
            ];
            report("encode", case, encoders);
        } else {
            let decoders = vec![
                decode::<p::LmqBorrowed3>(case),
                decode::<p::LmqBorrowedText>(case),
                decode::<p::Mqttrs>(case),
                decode::<p::LmqOwned3>(case),
                decode::<p::RumqttcNext4>(case),
                decode::<p::Rumqttc4>(case),
                decode::<p::Mqttbytes4>(case),
                decode::<p::Rmqtt3>(case),
                decode::<p::Ntex3>(case),
                decode::<p::ProtocolCore3>(case),
                decode::<p::Mqute4>(case),
            ];
            report("decode", case, decoders);
            let encoders = vec![
                encode::<p::LmqBorrowed3>(case),
                encode::<p::LmqSlice>(case),
                encode::<p::LmqVectored>(case),
                encode::<p::LmqOwned3>(case),
                encode::<p::Mqttrs>(case),
                encode::<p::RumqttcNext4>(case),
                encode::<p::Rumqttc4>(case),
                encode::<p::Mqttbytes4>(case),
                encode::<p::Rmqtt3>(case),
                encode::<p::Ntex3>(case),
                encode::<p::ProtocolCore3>(case),
                encode::<p::Mqute4>(case),
            ];
            report("encode", case, encoders);
        }
    }
}
