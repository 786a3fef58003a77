//! Every codec on every case, in turns, and the shortest of many runs: ratios that hold on a machine that is not idle.
//! `cargo run --release --bin codec_ratios`

use std::any::Any;
use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
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

/// One output of each type, for all codecs of a case: where a buffer lies in memory counts for more than the codec.
#[derive(Default)]
struct Outputs(RefCell<Vec<Rc<dyn Any>>>);

impl Outputs {
    fn of<P: Peer + 'static>(&self, len: usize) -> Rc<RefCell<P::Output>> {
        let mut all = self.0.borrow_mut();
        if let Some(found) = all.iter().find_map(|output| output.clone().downcast().ok()) {
            return found;
        }
        let output = Rc::new(RefCell::new(P::output(len)));
        all.push(output.clone());
        output
    }
}

fn encode<P: Peer + 'static>(case: &Case, outputs: &Outputs) -> Runner {
    let bytes = case.bytes;
    let output = outputs.of::<P>(bytes.len());
    let run = move || {
        touch(bytes);
        let mut packets = P::packets(bytes);
        let mut out = output.borrow_mut();
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
        let outputs = Outputs::default();
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
                encode::<p::LmqBorrowed5>(case, &outputs),
                encode::<p::LmqOwned5>(case, &outputs),
                encode::<p::RumqttcNext5>(case, &outputs),
                encode::<p::Rumqttc5>(case, &outputs),
                encode::<p::Mqttbytes5>(case, &outputs),
                encode::<p::Rmqtt5>(case, &outputs),
                encode::<p::Ntex5>(case, &outputs),
                encode::<p::ProtocolCore5>(case, &outputs),
                encode::<p::Mqute5>(case, &outputs),
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
                encode::<p::LmqBorrowed3>(case, &outputs),
                encode::<p::LmqSlice>(case, &outputs),
                encode::<p::LmqVectored>(case, &outputs),
                encode::<p::LmqOwned3>(case, &outputs),
                encode::<p::Mqttrs>(case, &outputs),
                encode::<p::RumqttcNext4>(case, &outputs),
                encode::<p::Rumqttc4>(case, &outputs),
                encode::<p::Mqttbytes4>(case, &outputs),
                encode::<p::Rmqtt3>(case, &outputs),
                encode::<p::Ntex3>(case, &outputs),
                encode::<p::ProtocolCore3>(case, &outputs),
                encode::<p::Mqute4>(case, &outputs),
            ];
            report("encode", case, encoders);
        }
    }
}
