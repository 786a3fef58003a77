//! How long the longest calls of a broker take: a message to 300,000 subscribers, which is divided between calls, and a search that goes
//! every way there is.
//!
//! ```text
//! cargo run --release --bin broker_calls
//! ```

use std::time::{Duration, Instant};

use lmq_benches::broker::{Broker, publish, subscribe};
use lmq_broker::Limits;

const RECEIVERS: u32 = 300_000;
/// `+` or plain text at each of the levels that have nodes.
const WAYS: u32 = 1 << 16;

fn main() {
    let limit = Limits::default().deliveries_per_call_max;
    println!("deliveries_per_call_max is {limit}");
    fan_out();
    search();
}

fn fan_out() {
    let mut broker = Broker::default();
    let publisher = broker.connect("publisher", false);
    for n in 0..RECEIVERS {
        let conn = broker.connect(&format!("subscriber-{n}"), false);
        broker.feed(conn, &subscribe("bench/fan", 0));
        broker.drain();
    }
    let message = publish("bench/fan", 0, 0, &[7; 64]);
    for round in 1..=4 {
        let mut calls = vec![timed(|| broker.feed(publisher, &message))];
        while broker.wants_a_call() {
            calls.push(timed(|| broker.call()));
        }
        let (all, longest) = (calls.iter().sum::<Duration>(), calls.iter().max());
        println!("message {round} to {RECEIVERS}: {} calls, longest {longest:?}, together {all:?}", calls.len());
        broker.drain();
    }
}

fn search() {
    let mut broker = Broker::default();
    let subscriber = broker.connect("subscriber", false);
    for ways in 0..WAYS {
        let levels: Vec<_> = (0..16).map(|level| if ways >> level & 1 == 1 { "+" } else { "a" }).collect();
        broker.feed(subscriber, &subscribe(&format!("{}/z", levels.join("/")), 0));
        broker.drain();
    }
    let publisher = broker.connect("publisher", false);
    let topics = (0..8).map(|n| format!("{}{n}", "a/".repeat(16)));
    let messages: Vec<u8> = topics.flat_map(|topic| publish(&topic, 0, 0, &[7; 64])).collect();
    let first = timed(|| broker.feed(publisher, &messages));
    println!(
        "8 topics that {WAYS} filters agree with and none matches: the first call, which serves one, takes {first:?}"
    );
}

fn timed(step: impl FnOnce()) -> Duration {
    let start = Instant::now();
    step();
    start.elapsed()
}
