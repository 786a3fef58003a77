//! Two hundred seeds, and what must hold of a simulation itself.

use std::thread;

use lmq_sim::{Checker, Manner, Options, Outcome, Swarm, run, run_with, swarm};

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[test]
fn two_hundred_seeds_pass_and_go_through_everything() {
    let Swarm { passed, failed, marks } = swarm(0..200, threads(), Options::draw, |_: &Outcome| {});
    let failures: Vec<String> = failed.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(passed, 200);
    let missing = marks.missing();
    assert!(missing.is_empty(), "{missing:?} never happened");
}

#[test]
fn the_same_seed_does_the_same() {
    for seed in [1, 42, 1_000_003] {
        let (one, other) = (run(seed), run(seed));
        assert_eq!((one.hash, one.marks), (other.hash, other.marks), "seed {seed}");
    }
    assert_ne!(run(1).hash, run(2).hash);
}

/// Where the input is cut into calls changes no byte that any client gets, and no moment at which it gets it.
#[test]
fn the_result_does_not_depend_on_how_bytes_were_cut() {
    for seed in 0..25 {
        let options = Options::draw(seed).roomy();
        let whole = run_with(seed, options.clone(), Manner::default());
        for cuts in [1, 2] {
            let pieces = run_with(seed, options.clone(), Manner { cuts: Some(cuts), ..Manner::default() });
            assert_eq!(whole.hash, pieces.hash, "seed {seed}, cuts {cuts}");
        }
    }
}

#[test]
fn a_panic_of_the_broker_is_a_violation() {
    let mut options = Options::draw(0);
    options.shards = 65;
    let violation = run_with(0, options, Manner::default()).violation.expect("a broker has at most 64 shards");
    assert_eq!(violation.checker, Checker::Panic);
}
