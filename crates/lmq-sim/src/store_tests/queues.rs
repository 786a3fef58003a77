use std::sync::Arc;

use bytes::Bytes;
use lmq_broker::{
    DeliveryOptions, InstanceIndex, Message, MessageId, QueueSlot, ShardId, StoreOp, SubscriptionIds, UnixMillis,
};
use lmq_codec::{MessageProperties, Properties, Property, QoS, SubscriptionId, TopicName, UserProperty};

use super::{
    Setup,
    bench::{Bench, client, message, settings, slot},
};

fn full_message() -> Arc<Message> {
    let list = [
        Property::PayloadFormatIndicator(true),
        Property::ContentType("text/plain"),
        Property::ResponseTopic(TopicName::new("r/1").expect("a topic")),
        Property::CorrelationData(b"\0\xff"),
        Property::UserProperty(UserProperty { name: "a", value: "1" }),
        Property::UserProperty(UserProperty { name: "a", value: "2" }),
    ];
    let properties = Properties::new(&list).expect("short values");
    Arc::new(Message {
        id: MessageId(u128::MAX),
        instance: InstanceIndex(0),
        topic: "a/ü/".into(),
        payload: Bytes::from(vec![0xa5; 100_000]),
        qos: QoS::ExactlyOnce,
        retain: true,
        properties: MessageProperties::of(&properties).expect("each stands once"),
        expires_at: Some(UnixMillis::new(u64::MAX)),
        expiry_secs: Some(3600),
        publisher_persistent: true,
        publisher: "p".into(),
    })
}

pub(super) fn messages_come_back_whole_and_in_order(bench: &mut Bench<'_>) {
    let client = client("c");
    bench.open(&client, false);
    let ids = [7, 1, 268_435_455].map(|id| SubscriptionId::new(id).expect("within bounds"));
    let options =
        DeliveryOptions { qos: QoS::ExactlyOnce, retain: true, subscription_ids: SubscriptionIds::from(&ids[..]) };
    let queues = vec![QueueSlot { client: client.clone(), seq: 3, options: options.clone() }];
    bench.append(&full_message(), queues);
    // Positions may leave gaps; message ids need not grow with them.
    bench.append(&message(1, ""), vec![slot(&client, 9)]);
    let stored = bench.fetch(&client, 0, 10, u32::MAX);
    assert_eq!(stored.iter().map(|stored| stored.seq).collect::<Vec<_>>(), [3, 9]);
    assert_eq!((&stored[0].message, &stored[0].options), (&full_message(), &options));
    assert_eq!((&stored[1].message, &stored[1].options), (&message(1, ""), &DeliveryOptions::new(QoS::AtLeastOnce)));
    let session = bench.open(&client, false).expect("it was made");
    assert_eq!((session.first_seq, session.next_seq), (3, 10));
}

pub(super) fn a_fetch_stops_at_its_count_and_behind_the_message_that_reaches_its_bytes(bench: &mut Bench<'_>) {
    let client = client("c");
    bench.open(&client, false);
    for seq in 0..5 {
        // Topic and payload: four bytes each.
        bench.append(&message(seq.into(), "123"), vec![slot(&client, seq)]);
    }
    let mut seqs = |from, count_max, bytes_max| {
        let fetched = bench.fetch(&client, from, count_max, bytes_max);
        fetched.iter().map(|stored| stored.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(1, 2, 1000), [1, 2]);
    assert_eq!(seqs(0, 9, 4), [0]);
    assert_eq!(seqs(0, 9, 5), [0, 1]);
    assert_eq!(seqs(4, 9, 1), [4], "one comes in any case");
    assert_eq!(seqs(5, 9, 1000), [0_u64; 0]);
    assert_eq!(seqs(0, 9, 1000), [0, 1, 2, 3, 4], "reading takes nothing out");
}

pub(super) fn what_is_removed_is_gone_and_positions_go_on(bench: &mut Bench<'_>) {
    let client = client("c");
    bench.open(&client, false);
    for seq in 0..4 {
        bench.append(&message(seq.into(), &seq.to_string()), vec![slot(&client, seq)]);
    }
    bench.stored(StoreOp::Remove { client: client.clone(), seqs: vec![2, 0, 0, 77] });
    assert_eq!(bench.queue(&client), [(1, "1".to_owned()), (3, "3".to_owned())]);
    bench.stored(StoreOp::Remove { client: client.clone(), seqs: vec![1, 3] });
    let session = bench.open(&client, false).expect("it was made");
    assert_eq!((session.first_seq, session.next_seq), (4, 4), "an empty queue remembers where it was");
}

pub(super) fn a_message_in_many_queues_lives_as_long_as_the_last(bench: &mut Bench<'_>) {
    let clients = ["a", "b", "c"].map(client);
    for client in &clients {
        bench.open(client, false);
    }
    let slots = clients.iter().map(|client| slot(client, 0)).collect();
    bench.append(&message(1, "shared"), slots);
    bench.stored(StoreOp::Remove { client: clients[0].clone(), seqs: vec![0] });
    bench.open(&clients[1], true);
    assert!(bench.queue(&clients[0]).is_empty() && bench.queue(&clients[1]).is_empty());
    assert_eq!(bench.queue(&clients[2]), [(0, "shared".to_owned())]);
    bench.stored(StoreOp::Remove { client: clients[2].clone(), seqs: vec![0] });
    assert!(bench.queue(&clients[2]).is_empty());
}

pub(super) fn the_same_message_may_come_from_two_shards(bench: &mut Bench<'_>) {
    let settings = settings(2);
    let of_shard = |shard| {
        (0..)
            .map(|n| client(&format!("c{n}")))
            .find(|client| settings.shard_of(client.instance, &client.client_id) == ShardId(shard))
    };
    let clients = [0, 1].map(|shard| of_shard(shard).expect("each shard owns some"));
    bench.renew(Setup { settings: settings.clone(), ..bench.setup.clone() });
    for client in &clients {
        bench.open(client, false);
        bench.append(&message(5, "both"), vec![slot(client, 0)]);
    }
    bench.stored(StoreOp::Remove { client: clients[0].clone(), seqs: vec![0] });
    assert_eq!(bench.queue(&clients[1]), [(0, "both".to_owned())]);
}

pub(super) fn operations_handed_in_together_see_each_other(bench: &mut Bench<'_>) {
    let client = client("c");
    let append =
        |seq: u64| StoreOp::Append { message: message(seq.into(), "x"), queues: vec![slot(&client, seq)], dedup: None };
    let results = bench.together(vec![
        StoreOp::OpenSession { client: client.clone(), clean: true, expiry_secs: 1, will: None },
        append(0),
        append(1),
        StoreOp::Remove { client: client.clone(), seqs: vec![0] },
        StoreOp::Fetch { client: client.clone(), from: 0, count_max: 9, bytes_max: 99 },
        StoreOp::DropSession { client: client.clone() },
        StoreOp::Fetch { client: client.clone(), from: 0, count_max: 9, bytes_max: 99 },
    ]);
    let seqs = |at: usize| match &results[at] {
        Ok(lmq_broker::Done::Fetched(messages)) => messages.iter().map(|stored| stored.seq).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!((seqs(4), seqs(6)), (vec![1], vec![]));
}
