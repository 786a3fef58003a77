use std::sync::Arc;

use bytes::Bytes;
use lmq_broker::{ClientKey, InstanceIndex, StoreOp, StoredSession, Subscription, UnixMillis, Will};
use lmq_codec::{MessageProperties, QoS, RetainHandling, SubscribeOptions, SubscriptionId};

use super::bench::{Bench, client, message, packet_id, slot};

fn will() -> Arc<Will> {
    Arc::new(Will {
        topic: "will/c".into(),
        payload: Bytes::from_static(b"gone"),
        qos: QoS::ExactlyOnce,
        retain: true,
        properties: MessageProperties::EMPTY,
        expiry_secs: Some(60),
        delay_secs: 5,
    })
}

fn save(client: &ClientKey, subscribed: &[(&str, Subscription)], unsubscribed: &[&str]) -> StoreOp {
    StoreOp::SaveSession {
        client: client.clone(),
        subscribed: subscribed.iter().map(|(filter, granted)| ((*filter).into(), *granted)).collect(),
        unsubscribed: unsubscribed.iter().map(|filter| (*filter).into()).collect(),
    }
}

pub(super) fn a_session_is_made_once_and_found_again(bench: &mut Bench<'_>) {
    let client = client("c");
    assert_eq!(bench.open(&client, false), None);
    let again = bench.open(&client, false);
    assert_eq!(again, Some(StoredSession { expiry_secs: u32::MAX, ..StoredSession::default() }));
}

pub(super) fn a_clean_open_and_a_drop_leave_nothing(bench: &mut Bench<'_>) {
    let client = client("c");
    for drop in [false, true] {
        assert_eq!(bench.open(&client, true), None);
        bench.stored(save(&client, &[("a", Subscription::new(QoS::AtLeastOnce))], &[]));
        bench.append(&message(1, "x"), vec![slot(&client, 4)]);
        bench.stored(StoreOp::RecordInbound { client: client.clone(), packet_id: packet_id(1) });
        if drop {
            bench.stored(StoreOp::DropSession { client: client.clone() });
            assert!(bench.sessions(lmq_broker::ShardId(0)).is_empty());
        }
        assert_eq!(bench.open(&client, !drop), None);
        assert!(bench.queue(&client).is_empty());
        let session = bench.open(&client, false).expect("it was made");
        assert!(session.subscriptions.is_empty() && session.inbound.is_empty());
        assert_eq!((session.first_seq, session.next_seq), (0, 0), "positions begin anew");
    }
}

pub(super) fn what_was_said_of_expiry_and_will_comes_back(bench: &mut Bench<'_>) {
    let client = client("c");
    let open = |expiry_secs, will| StoreOp::OpenSession { client: client.clone(), clean: false, expiry_secs, will };
    let detach =
        |expiry_secs, expires_at, will_at| StoreOp::Detach { client: client.clone(), expiry_secs, expires_at, will_at };
    assert_eq!(bench.open_with(open(7, Some(will()))), None);
    let (ends, wills) = (Some(UnixMillis::new(1_700_000_000_000)), Some(UnixMillis::new(9)));
    bench.stored(detach(8, ends, wills));
    let detached = StoredSession {
        expiry_secs: 8,
        expires_at: ends,
        will: Some(will()),
        will_at: wills,
        ..StoredSession::default()
    };
    assert_eq!(bench.open_with(open(9, Some(will()))), Some(detached));
    let opened = StoredSession { expiry_secs: 9, will: Some(will()), ..StoredSession::default() };
    assert_eq!(bench.open_with(open(u32::MAX, Some(will()))), Some(opened), "opening forgets when it would have ended");
    bench.stored(detach(u32::MAX, None, None));
    let published = StoredSession { expiry_secs: u32::MAX, ..StoredSession::default() };
    assert_eq!(bench.open_with(open(0, None)), Some(published), "a will without moment is forgotten");
}

pub(super) fn subscriptions_are_added_changed_and_removed(bench: &mut Bench<'_>) {
    let client = client("c");
    bench.open(&client, false);
    let plain = Subscription::new(QoS::AtLeastOnce);
    let options = SubscribeOptions {
        qos: QoS::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    };
    let full = Subscription { options, id: SubscriptionId::new(268_435_455) };
    bench.stored(save(&client, &[("b/#", plain), ("a", plain), ("$share/g/b", full)], &[]));
    bench.stored(save(&client, &[("a", full), ("ü", plain)], &["b/#", "never"]));
    let mut subscriptions = bench.open(&client, false).expect("it was made").subscriptions;
    subscriptions.sort_by(|one, other| one.0.cmp(&other.0));
    let expected: [(Box<str>, _); 3] = [("$share/g/b".into(), full), ("a".into(), full), ("ü".into(), plain)];
    assert_eq!(subscriptions, expected);
}

pub(super) fn sessions_of_clients_and_instances_do_not_meet(bench: &mut Bench<'_>) {
    let clients = ["c", "cc", "c/", ""].map(client).into_iter();
    let elsewhere = ClientKey { instance: InstanceIndex(1), client_id: "c".into() };
    let clients: Vec<_> = clients.chain([elsewhere]).collect();
    for (at, client) in clients.iter().enumerate() {
        assert_eq!(bench.open(client, false), None, "{client:?}");
        let mut message = (*message(at as u128 + 1, &format!("for {at}"))).clone();
        message.instance = client.instance;
        bench.append(&Arc::new(message), vec![slot(client, 0)]);
    }
    bench.stored(StoreOp::DropSession { client: clients[0].clone() });
    assert!(bench.queue(&clients[0]).is_empty());
    for (at, client) in clients.iter().enumerate().skip(1) {
        assert_eq!(bench.queue(client), [(0, format!("for {at}"))]);
    }
    let fetched = bench.fetch(&clients[4], 0, 1, 1000);
    assert_eq!(fetched[0].message.instance, InstanceIndex(1));
}

pub(super) fn operations_on_a_session_that_is_not_there_do_nothing(bench: &mut Bench<'_>) {
    let (client, id) = (client("nobody"), packet_id(1));
    bench.stored(StoreOp::DropSession { client: client.clone() });
    bench.stored(StoreOp::Detach { client: client.clone(), expiry_secs: 1, expires_at: None, will_at: None });
    bench.stored(save(&client, &[("a", Subscription::new(QoS::AtLeastOnce))], &["b"]));
    bench.stored(StoreOp::Remove { client: client.clone(), seqs: vec![0, 1] });
    bench.stored(StoreOp::SetInflight { client: client.clone(), packet_id: id, state: None });
    bench.stored(StoreOp::RecordInbound { client: client.clone(), packet_id: id });
    bench.stored(StoreOp::ReleaseInbound { client: client.clone(), packet_id: id });
    assert!(bench.append(&message(1, "x"), vec![slot(&client, 0)]).is_empty());
    assert!(bench.queue(&client).is_empty());
    assert!(bench.sessions(lmq_broker::ShardId(0)).is_empty(), "nothing of it makes a session");
}
