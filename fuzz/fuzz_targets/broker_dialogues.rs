//! Whole dialogues of clients, links, stores and shards, drawn from bytes: every promise the simulation checks must hold.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let outcome = lmq_sim::run_bytes(bytes);
    assert!(outcome.violation.is_none(), "{outcome}");
});
