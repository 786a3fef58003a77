use lmq_broker::{Done, Failed, ShardId, StoreOp};

use super::{
    Setup,
    bench::{Bench, client, message, settings, slot},
};

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

pub(super) fn what_is_handed_in_before_the_shard_is_told_fails_as_well(bench: &mut Bench<'_>) {
    bench.renew(Setup { settings: settings(2), ..bench.setup.clone() });
    let owned = |shard| {
        let owns = |client: &lmq_broker::ClientKey| {
            bench.setup.settings.shard_of(client.instance, &client.client_id) == ShardId(shard)
        };
        (0..).map(|n| client(&format!("c{n}"))).find(owns).expect("each shard owns some")
    };
    let (told_late, other) = (owned(0), owned(1));
    let append = |client: &lmq_broker::ClientKey, seq: u64| StoreOp::Append {
        message: message(u128::from(seq), "x"),
        queues: vec![slot(client, seq)],
        dedup: None,
    };
    bench.open(&told_late, false);
    bench.open(&other, false);
    if !bench.store.fail_next() {
        return;
    }
    bench.submit(ShardId(0), append(&told_late, 1));
    if !bench.store.work() {
        return;
    }
    let late = bench.submit(ShardId(0), append(&told_late, 2));
    let others = bench.submit(ShardId(1), append(&other, 3));
    let answers = bench.pump();
    let result = |ticket| answers.iter().find(|answer| answer.ticket == ticket).map(|answer| answer.result.clone());
    assert_eq!(result(late), Some(Err(Failed::Fenced)), "its shard believed that the first would succeed");
    assert_eq!(result(others), Some(Ok(Done::Stored)), "another shard has nothing to do with it");
    assert_eq!(bench.queue(&told_late), []);
    bench.stored(append(&told_late, 4));
    assert_eq!(bench.queue(&told_late).len(), 1);
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
