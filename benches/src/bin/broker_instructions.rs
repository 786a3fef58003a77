//! One case of `benches/broker.rs`, so many turns, for callgrind. Two runs that differ only in the turns give the instructions of
//! one turn, without start-up:
//!
//! ```text
//! cargo build --release --bin broker_instructions
//! for turns in 1000 2000; do
//!     valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/broker_instructions qos0 $turns 2>&1 | grep refs
//! done
//! ```

use lmq_benches::broker::{Away, FanOut, Pair, Visits};

const CASES: &str =
    "qos0 | qos0-64 | qos1 | qos1-64 | qos1-1k | fan-1000 | fan-1000-1k | fan-10000 | visit | append | fetch";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [case, turns] = &args[..] else { return eprintln!("usage: broker_instructions CASE TURNS\nCASE: {CASES}") };
    let Ok(turns) = turns.parse::<u32>() else { return eprintln!("not a number: {turns}") };
    let delivered = match case.as_str() {
        "qos0" => pair(Pair::new(0, 1, 64), turns),
        "qos0-64" => pair(Pair::new(0, 64, 64), turns),
        "qos1" => pair(Pair::new(1, 1, 64), turns),
        "qos1-64" => pair(Pair::new(1, 64, 64), turns),
        "qos1-1k" => pair(Pair::new(1, 1, 1024), turns),
        "fan-1000" => fan_out(FanOut::new(1_000, 64), turns),
        "fan-1000-1k" => fan_out(FanOut::new(1_000, 1024), turns),
        "fan-10000" => fan_out(FanOut::new(10_000, 64), turns),
        "visit" => {
            let mut visits = Visits::default();
            (0..turns).for_each(|_| visits.turn());
            0
        }
        "append" | "fetch" => away(turns, case == "fetch"),
        _ => return eprintln!("CASE: {CASES}"),
    };
    println!("{case}: {turns} turns, {delivered} messages delivered");
}

fn pair(mut pair: Pair, turns: u32) -> u64 {
    (0..turns).for_each(|_| pair.turn());
    pair.delivered()
}

fn fan_out(mut fan: FanOut, turns: u32) -> u64 {
    (0..turns).for_each(|_| fan.turn());
    fan.delivered()
}

/// `fetch` counts an append and a fetch in every turn.
fn away(turns: u32, fetch: bool) -> u64 {
    let mut away = Away::new();
    for _ in 0..turns {
        away.append();
        if fetch {
            away.fetch();
        }
    }
    away.delivered()
}
