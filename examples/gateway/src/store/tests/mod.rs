//! The store against the contract, on a disk in memory that does what disks do.

mod disk;
mod faults;
mod measure;
mod subject;

use lmq_sim::store_tests::{CASES, Story, Told, tell};

use subject::Subject;

#[test]
fn the_store_obeys_the_contract() {
    for case in CASES {
        println!("{}", case.name);
        let mut chance = 0;
        case.run(&mut |setup| {
            chance += 1;
            Box::new(Subject::new(setup, chance, false))
        });
    }
}

/// Torn writes, lost pages, failed syncs, short reads, a disk that takes nothing, and crashes in the middle of transactions.
#[test]
fn nothing_answered_is_lost_whatever_the_disk_does() {
    let mut all = Told::default();
    for seed in 0..150 {
        let setup = faults::setup(1 + (seed % 3) as u16);
        let story = Story { seed, turns: 60, restarts: 60, failures: 120 };
        let told = tell(&mut Subject::new(&setup, seed, true), &setup, &story);
        let told = told.unwrap_or_else(|violation| panic!("{story:?}: {violation}"));
        all.done += told.done;
        all.failed += told.failed;
        all.restarts += told.restarts;
    }
    assert!(all.done > 50_000 && all.failed > 1_000 && all.restarts > 800, "{all:?}");
}
