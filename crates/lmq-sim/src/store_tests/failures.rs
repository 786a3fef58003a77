use lmq_broker::{Done, Failed, StoreOp};

use super::bench::{Bench, client, message, slot};

pub(super) fn a_failed_operation_fails_the_later_ones_and_leaves_nothing(bench: &mut Bench<'_>) {
    let client = client("c");
    bench.open(&client, false);
    bench.append(&message(1, "before"), vec![slot(&client, 0)]);
    if !bench.store.fail_next() {
        return;
    }
    let append = |seq: u64| StoreOp::Append {
        message: message(u128::from(seq) + 1, "lost"),
        queues: vec![slot(&client, seq)],
        dedup: None,
    };
    let fetch = StoreOp::Fetch { client: client.clone(), from: 0, count_max: 9, bytes_max: 99 };
    let results = bench.together(vec![append(1), append(2), fetch]);
    assert!(results.iter().all(Result::is_err), "{results:?}: also what only reads comes after a gap");
    assert!(!matches!(results[0], Err(Failed::Fenced)), "the first says why");
    if results[0] != Err(Failed::TimedOut) {
        assert_eq!(bench.queue(&client), [(0, "before".to_owned())]);
    }
}

pub(super) fn other_operations_go_on_after_a_failure(bench: &mut Bench<'_>) {
    let client = client("c");
    bench.open(&client, false);
    for round in 0..3 {
        if !bench.store.fail_next() {
            return;
        }
        let failed = StoreOp::DropSession { client: client.clone() };
        assert!(bench.together(vec![failed])[0].is_err());
        let append =
            StoreOp::Append { message: message(round, "kept"), queues: vec![slot(&client, round as u64)], dedup: None };
        assert_eq!(bench.together(vec![append]), [Ok(Done::Stored)], "the shard knows: nothing is fenced any more");
    }
    assert_eq!(bench.queue(&client).len(), 3);
}
