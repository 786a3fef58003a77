use lmq_broker::{ClientKey, ShardId, StoreOp, StoredInflight, Subscription};
use lmq_codec::QoS;

use super::{
    Stop,
    bench::{Bench, client, message, packet_id, slot},
};

fn fill(bench: &mut Bench<'_>) -> ClientKey {
    let client = client("c");
    bench.open(&client, false);
    let subscribed = vec![("a/#".into(), Subscription::new(QoS::ExactlyOnce))];
    bench.stored(StoreOp::SaveSession { client: client.clone(), subscribed, unsubscribed: Vec::new() });
    for seq in 0..100 {
        let dedup = (seq == 50).then(|| (client.clone(), packet_id(50)));
        let message = message(seq.into(), &seq.to_string());
        bench.stored(StoreOp::Append { message, queues: vec![slot(&client, seq)], dedup });
    }
    let state = Some(StoredInflight::Sent(3));
    bench.stored(StoreOp::SetInflight { client: client.clone(), packet_id: packet_id(1), state });
    let topic = "kept".into();
    let message = Some(message(1000, "kept"));
    bench.stored(StoreOp::SetRetained { instance: client.instance, topic, version: 7, message });
    client
}

fn survives(bench: &mut Bench<'_>, how: Stop) {
    let client = fill(bench);
    let (sessions, queue) = (bench.sessions(ShardId(0)), bench.queue(&client));
    assert_eq!((queue.len(), sessions.len()), (100, 1));
    for _ in 0..3 {
        if !bench.reopen(how) {
            return;
        }
        assert_eq!(bench.sessions(ShardId(0)), sessions);
        assert_eq!(bench.queue(&client), queue);
        assert_eq!(bench.retained(ShardId(0))[0].version, 7);
    }
    let session = bench.open(&client, false).expect("it was made");
    assert_eq!((session.first_seq, session.next_seq), (0, 100));
    assert_eq!(session.inbound, [packet_id(50)]);
}

pub(super) fn everything_answered_survives_a_clean_stop(bench: &mut Bench<'_>) {
    survives(bench, Stop::Clean);
}

pub(super) fn everything_answered_survives_a_crash(bench: &mut Bench<'_>) {
    survives(bench, Stop::Crash);
}

pub(super) fn what_was_not_answered_is_there_as_a_prefix(bench: &mut Bench<'_>) {
    let client = client("c");
    bench.open(&client, false);
    let mut known = 0;
    for round in 0..10 {
        let first = bench.queue(&client).len() as u64;
        assert!(first >= known, "what was once there stays");
        for seq in first..first + 10 {
            let queues = vec![slot(&client, seq)];
            let message = message(u128::from(seq) + (round << 32), &seq.to_string());
            bench.submit(ShardId(0), StoreOp::Append { message, queues, dedup: None });
        }
        if !bench.reopen(Stop::Crash) {
            return;
        }
        let queue = bench.queue(&client);
        let expected: Vec<_> = (0..queue.len() as u64).map(|seq| (seq, seq.to_string())).collect();
        assert_eq!(queue, expected, "no later operation without the earlier ones");
        known = queue.len() as u64;
    }
}

pub(super) fn positions_and_messages_are_not_mixed_up_by_a_dropped_queue(bench: &mut Bench<'_>) {
    let client = client("c");
    bench.open(&client, false);
    for seq in 0..2000 {
        let op = StoreOp::Append { message: message(seq.into(), "old"), queues: vec![slot(&client, seq)], dedup: None };
        bench.submit(ShardId(0), op);
    }
    assert!(bench.pump().iter().all(|answer| answer.result.is_ok()));
    bench.stored(StoreOp::DropSession { client: client.clone() });
    bench.open(&client, false);
    bench.append(&message(9999, "new"), vec![slot(&client, 0)]);
    assert_eq!(bench.queue(&client), [(0, "new".to_owned())]);
    if bench.reopen(Stop::Crash) {
        assert_eq!(bench.queue(&client), [(0, "new".to_owned())]);
        assert_eq!(bench.sessions(ShardId(0)).len(), 1);
    }
}
