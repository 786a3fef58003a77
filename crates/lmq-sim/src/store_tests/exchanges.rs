use lmq_broker::{ClientKey, StoreOp, StoredInflight, StoredSession};
use lmq_codec::PacketId;

use super::bench::{Bench, client, message, packet_id, slot};

fn set(client: &ClientKey, id: u16, state: Option<StoredInflight>) -> StoreOp {
    StoreOp::SetInflight { client: client.clone(), packet_id: packet_id(id), state }
}

fn with_messages(bench: &mut Bench<'_>, count: u64) -> ClientKey {
    let client = client("c");
    bench.open(&client, false);
    for seq in 0..count {
        bench.append(&message(seq.into(), &seq.to_string()), vec![slot(&client, seq)]);
    }
    client
}

fn session(bench: &mut Bench<'_>, client: &ClientKey) -> StoredSession {
    bench.open(client, false).expect("it was made")
}

pub(super) fn an_exchange_is_remembered_until_it_is_over(bench: &mut Bench<'_>) {
    let client = with_messages(bench, 2);
    bench.stored(set(&client, 1, Some(StoredInflight::Sent(0))));
    assert_eq!(session(bench, &client).inflight, [(packet_id(1), StoredInflight::Sent(0))]);
    assert_eq!(bench.queue(&client).len(), 2, "what was sent is kept");
    bench.stored(set(&client, 1, None));
    assert!(session(bench, &client).inflight.is_empty());
    assert_eq!(bench.queue(&client), [(1, "1".to_owned())], "the end of what was sent takes it out");
    bench.stored(set(&client, 1, None));
    assert_eq!(bench.queue(&client).len(), 1);
}

pub(super) fn a_released_exchange_has_no_message(bench: &mut Bench<'_>) {
    let client = with_messages(bench, 2);
    bench.stored(set(&client, 65_535, Some(StoredInflight::Sent(0))));
    bench.stored(set(&client, 65_535, Some(StoredInflight::Released(0))));
    assert_eq!(session(bench, &client).inflight, [(packet_id(65_535), StoredInflight::Released(0))]);
    assert_eq!(bench.queue(&client), [(1, "1".to_owned())]);
    bench.stored(set(&client, 65_535, None));
    assert!(session(bench, &client).inflight.is_empty());
    assert_eq!(bench.queue(&client).len(), 1);
}

pub(super) fn exchanges_come_back_in_the_order_they_were_begun(bench: &mut Bench<'_>) {
    let client = with_messages(bench, 4);
    for (id, seq) in [(9, 0), (3, 1), (7, 2)] {
        bench.stored(set(&client, id, Some(StoredInflight::Sent(seq))));
    }
    bench.stored(set(&client, 9, Some(StoredInflight::Released(0))));
    bench.stored(set(&client, 3, None));
    bench.stored(set(&client, 3, Some(StoredInflight::Sent(3))));
    let expected = [(9, StoredInflight::Released(0)), (7, StoredInflight::Sent(2)), (3, StoredInflight::Sent(3))];
    assert_eq!(session(bench, &client).inflight, expected.map(|(id, state)| (packet_id(id), state)));
}

pub(super) fn inbound_ids_are_recorded_with_their_message_and_forgotten(bench: &mut Bench<'_>) {
    let client = with_messages(bench, 0);
    let dedup = |id| Some((client.clone(), packet_id(id)));
    bench.stored(StoreOp::Append { message: message(1, "x"), queues: vec![slot(&client, 0)], dedup: dedup(8) });
    bench.stored(StoreOp::Append { message: message(2, "nobody's"), queues: Vec::new(), dedup: dedup(3) });
    bench.stored(StoreOp::RecordInbound { client: client.clone(), packet_id: packet_id(5) });
    bench.stored(StoreOp::ReleaseInbound { client: client.clone(), packet_id: packet_id(8) });
    bench.stored(StoreOp::ReleaseInbound { client: client.clone(), packet_id: packet_id(4) });
    let mut inbound = session(bench, &client).inbound;
    inbound.sort_unstable_by_key(|id: &PacketId| id.value());
    assert_eq!(inbound, [3, 5].map(packet_id));
    assert_eq!(bench.queue(&client).len(), 1, "the message stays when its packet id is forgotten");
}
