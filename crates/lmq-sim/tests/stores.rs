//! The broker's store in memory does what every store must.

use lmq_sim::store_tests::{CASES, MemoryUnderTest};

#[test]
fn the_store_in_memory_obeys_the_contract() {
    for case in CASES {
        println!("{}", case.name);
        case.run(&mut |setup| Box::new(MemoryUnderTest::new(setup)));
    }
    assert!(CASES.len() >= 29, "no case was lost");
}
