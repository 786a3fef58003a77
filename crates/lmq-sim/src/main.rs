//! Runs seeds: `lmq-sim --seeds 10000`, `lmq-sim --seed 7 --trace`.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use lmq_sim::{Manner, Options, Swarm, run_with, swarm};

const USAGE: &str = "\
lmq-sim --seeds COUNT [--from FIRST] [--threads COUNT]   runs that many seeds
lmq-sim --seed SEED [--trace]                            runs one, and prints what happens in it
lmq-sim --planted [--seeds COUNT]                        plants each bug and looks for it in so many seeds (RUSTFLAGS='--cfg lmq_planted')";

#[derive(Default)]
struct Arguments {
    seeds: Option<u64>,
    from: u64,
    seed: Option<u64>,
    trace: bool,
    planted: bool,
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let Some(arguments) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match arguments.seed {
        _ if arguments.planted => planted(&arguments),
        Some(seed) => one(seed, &arguments),
        None => many(&arguments),
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<Arguments> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        match &*word {
            "--seeds" => arguments.seeds = Some(words.next()?.parse().ok()?),
            "--from" => arguments.from = words.next()?.parse().ok()?,
            "--seed" => arguments.seed = Some(words.next()?.parse().ok()?),
            "--threads" => arguments.threads = Some(words.next()?.parse().ok()?),
            "--planted" => arguments.planted = true,
            "--trace" => arguments.trace = true,
            _ => return None,
        }
    }
    Some(arguments)
}

fn one(seed: u64, arguments: &Arguments) -> ExitCode {
    let options = Options::draw(seed);
    println!("{options:?}");
    let outcome = run_with(seed, options, Manner { printed: arguments.trace, cuts: None });
    println!("{outcome}");
    finish(u64::from(outcome.violation.is_none()), u64::from(outcome.violation.is_some()))
}

fn many(arguments: &Arguments) -> ExitCode {
    let count = arguments.seeds.unwrap_or(1_000);
    let threads = threads(arguments);
    std::panic::set_hook(Box::new(|_| {}));
    let start = Instant::now();
    let Swarm { passed, failed, marks } =
        swarm(arguments.from..arguments.from + count, threads, Options::draw, |outcome| println!("{outcome}"));
    let took = start.elapsed().max(Duration::from_millis(1));
    print!("{marks}");
    println!("{:.0} runs per second on {threads} threads", count as f64 / took.as_secs_f64());
    finish(passed, failed.len() as u64)
}

#[cfg(not(lmq_planted))]
fn planted(_: &Arguments) -> ExitCode {
    eprintln!("the broker was built without bugs: RUSTFLAGS='--cfg lmq_planted'");
    ExitCode::from(2)
}

/// Every bug must be caught within the seeds; with none, the first of them must pass.
#[cfg(lmq_planted)]
fn planted(arguments: &Arguments) -> ExitCode {
    const STEP: u64 = 100;
    std::panic::set_hook(Box::new(|_| {}));
    let seeds = arguments.seeds.unwrap_or(2_000);
    let first_failure = |from: u64, to: u64| {
        let runs = swarm(from..to, threads(arguments), Options::draw, |_| {});
        runs.failed.into_iter().next()
    };
    let mut missed = u64::from(first_failure(0, STEP).is_some());
    for (number, name) in lmq_broker::PLANTED.iter().enumerate() {
        lmq_broker::plant(Some(number));
        let steps = (arguments.from..arguments.from + seeds).step_by(STEP as usize);
        let mut found = steps.map(|from| first_failure(from, from + STEP));
        match found.find_map(|failure| failure) {
            Some(outcome) => {
                let checker = outcome.violation.map(|violation| format!("{:?}", violation.checker)).unwrap_or_default();
                println!("{name:<26} seed {:<5} {checker:<17} {}", outcome.seed, outcome.options.faults().join(", "));
            }
            None => {
                missed += 1;
                println!("{name:<26} MISSED in {seeds} seeds");
            }
        }
    }
    finish(lmq_broker::PLANTED.len() as u64 + 1 - missed, missed)
}

fn threads(arguments: &Arguments) -> usize {
    arguments.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn finish(passed: u64, failed: u64) -> ExitCode {
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
