use lmq_broker::{Evicted, Quota};

use super::{
    Setup,
    bench::{Bench, client, message, slot},
};

fn gives_way(bench: &mut Bench<'_>, quota: Quota) {
    bench.renew(Setup { quota, ..bench.setup.clone() });
    let (full, other) = (client("full"), client("other"));
    bench.open(&full, false);
    bench.open(&other, false);
    bench.append(&message(9, "123"), vec![slot(&other, 0)]);
    let mut given_up = Vec::new();
    for seq in 0..4 {
        let evicted = bench.append(&message(seq.into(), "123"), vec![slot(&full, seq)]);
        assert!(evicted.iter().all(|evicted: &Evicted| evicted.client == full));
        given_up.push(evicted.into_iter().flat_map(|evicted| evicted.seqs).collect::<Vec<_>>());
    }
    assert_eq!(
        given_up,
        [vec![], vec![], vec![0], vec![1]],
        "what gives way is told with the answer that it gave way for"
    );
    assert_eq!(bench.queue(&full).iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(bench.queue(&other).len(), 1, "a quota is each session's own");
    let session = bench.open(&full, false).expect("it was made");
    assert_eq!((session.first_seq, session.next_seq), (2, 4));
}

pub(super) fn the_oldest_messages_give_way_by_count(bench: &mut Bench<'_>) {
    gives_way(bench, Quota { messages_max: 2, bytes_max: 1000 });
}

pub(super) fn the_oldest_messages_give_way_by_bytes(bench: &mut Bench<'_>) {
    // Topic and payload: four bytes each.
    gives_way(bench, Quota { messages_max: 1000, bytes_max: 8 });
}
