//! One run: faults, then healing, then nothing may be missing and nothing left.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    clock::SECOND,
    ledger::Counts,
    marks::{Mark, Marks},
    options::Options,
    rng::Rng,
    violation::{Checker, Violation},
    world::World,
};

/// How a run is carried out, besides its seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Print what happens.
    pub printed: bool,
    /// Cut what arrives in one moment into several calls, differently for every number. It must make no difference.
    pub cuts: Option<u64>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed it was made from.
    pub seed: u64,
    /// What the seed means.
    pub options: Options,
    /// The same for two runs that did the same, byte for byte.
    pub hash: u64,
    /// What it went through.
    pub marks: Marks,
    /// The first promise that was broken.
    pub violation: Option<Violation>,
}

/// Runs a seed with the options drawn from it.
pub fn run(seed: u64) -> Outcome {
    run_with(seed, Options::draw(seed), Manner::default())
}

/// Runs what these bytes mean: the first eight are a seed, the others bend what it draws, one draw a byte. A short run, for a fuzzer that
/// looks for bytes that bring it to places no seed has been to.
pub fn run_bytes(bytes: &[u8]) -> Outcome {
    let (seed, tape) = bytes.split_at(bytes.len().min(8));
    let seed = seed.iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte));
    let mut options = Options::draw(seed);
    options.messages = options.messages.min(12);
    options.seconds = options.seconds.min(8);
    carry_out(seed, options, Manner::default(), tape)
}

/// Runs a seed with these options. A panic of the broker is a violation.
pub fn run_with(seed: u64, options: Options, manner: Manner) -> Outcome {
    carry_out(seed, options, manner, &[])
}

fn carry_out(seed: u64, options: Options, manner: Manner, tape: &[u8]) -> Outcome {
    let cuts = manner.cuts.map(|cuts| Rng::fork(cuts, 3));
    let drawn = options.clone();
    let run = AssertUnwindSafe(|| {
        let mut world = World::new(seed, drawn, cuts, manner.printed, tape);
        play(&mut world);
        let Counts { replayed, shared, passed_on } = world.ledger.counts();
        for (mark, count) in [(Mark::Replayed, replayed), (Mark::Shared, shared), (Mark::PassedOn, passed_on)] {
            world.marks.hits(mark, count);
        }
        (world.trace.hash(), world.marks, world.violation)
    });
    let (hash, marks, violation) = catch_unwind(run).unwrap_or_else(|panic| {
        let violation = Violation::new(Checker::Panic, text_of(panic.as_ref()));
        (0, Marks::default(), Some(violation))
    });
    Outcome { seed, options, hash, marks, violation }
}

fn play(world: &mut World) {
    world.run_until(world.options.seconds * SECOND);
    if world.violation.is_none() {
        world.heal();
        world.settle();
    }
    if world.violation.is_none() {
        world.publish_last();
        world.settle();
    }
    if world.options.features.retain > 0 && world.violation.is_none() {
        world.check_kept();
        world.subscribe_last();
        world.settle();
    }
    if world.violation.is_none() {
        world.check_kept();
    }
    if world.options.restart_at_end && world.violation.is_none() {
        world.crash();
        world.settle();
    }
    if world.violation.is_none() {
        world.violation = world.ledger.check_delivered().err();
    }
    if world.violation.is_none() {
        world.check_stores();
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without text").to_owned()
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.violation {
            None => write!(f, "seed {}: passed, hash {:016x}", self.seed, self.hash),
            Some(violation) => {
                writeln!(f, "seed {}: FAILED, {violation}", self.seed)?;
                writeln!(f, "  {:?}", self.options)?;
                write!(f, "  replay: cargo run --release -p lmq-sim -- --seed {} --trace", self.seed)
            }
        }
    }
}
