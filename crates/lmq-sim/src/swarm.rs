//! Many seeds, on all cores.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{
    marks::Marks,
    options::Options,
    run::{Manner, Outcome, run_with},
};

/// What came of many runs. It does not depend on how many threads made them.
#[derive(Clone, Debug, Default)]
pub struct Swarm {
    /// How many runs passed.
    pub passed: u64,
    /// Those that failed, by seed.
    pub failed: Vec<Outcome>,
    /// What all of them went through.
    pub marks: Marks,
}

/// Runs every seed of a range with its `options`, and hands each failure to `report` at once.
pub fn swarm(
    seeds: Range<u64>,
    threads: usize,
    options: impl Fn(u64) -> Options + Sync,
    report: impl Fn(&Outcome) + Sync,
) -> Swarm {
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::new(Swarm::default());
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let outcome = run_with(seed, options(seed), Manner::default());
                    if outcome.violation.is_some() {
                        report(&outcome);
                    }
                    total.lock().expect("no thread panics while it holds the total").take(outcome);
                }
            });
        }
    });
    let mut total = total.into_inner().expect("no thread panics while it holds the total");
    total.failed.sort_by_key(|outcome| outcome.seed);
    total
}

impl Swarm {
    fn take(&mut self, outcome: Outcome) {
        self.marks.add(&outcome.marks);
        match outcome.violation {
            None => self.passed += 1,
            Some(_) => self.failed.push(outcome),
        }
    }
}
