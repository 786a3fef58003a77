use std::collections::BTreeSet;

use lmq_broker::{ClientKey, InstanceIndex, ShardId, StoreOp};

use super::{
    Setup, Stop,
    bench::{Bench, message, settings},
};

const CLIENTS: u16 = 700;

fn clients() -> Vec<ClientKey> {
    let client = |n| ClientKey { instance: InstanceIndex(n % 2), client_id: format!("client-{n}").into() };
    (0..CLIENTS).map(client).collect()
}

fn open_all(bench: &mut Bench<'_>) {
    for client in clients() {
        let shard = bench.setup.settings.shard_of(client.instance, &client.client_id);
        bench.submit(shard, StoreOp::OpenSession { client, clean: false, expiry_secs: 9, will: None });
    }
    let answers = bench.pump();
    assert!(answers.len() == usize::from(CLIENTS) && answers.iter().all(|answer| answer.result.is_ok()));
}

fn read_all(bench: &mut Bench<'_>) -> BTreeSet<ClientKey> {
    let settings = bench.setup.settings.clone();
    let mut all = BTreeSet::new();
    for shard in (0..settings.shards).map(ShardId) {
        let own: Vec<ClientKey> = bench.sessions(shard).into_iter().map(|(client, _)| client).collect();
        assert!(own.is_sorted(), "pages ascend by instance and client id");
        assert!(own.iter().all(|client| settings.shard_of(client.instance, &client.client_id) == shard));
        let before = all.len();
        all.extend(own.iter().cloned());
        assert_eq!(all.len(), before + own.len(), "no session is read twice");
    }
    all
}

pub(super) fn every_session_is_read_once_and_in_order(bench: &mut Bench<'_>) {
    for shards in [1, 3] {
        bench.renew(Setup { settings: settings(shards), ..bench.setup.clone() });
        assert!(read_all(bench).is_empty());
        open_all(bench);
        assert_eq!(read_all(bench), clients().into_iter().collect());
    }
}

pub(super) fn every_retained_message_is_read_once_and_in_order(bench: &mut Bench<'_>) {
    bench.renew(Setup { settings: settings(2), ..bench.setup.clone() });
    let settings = bench.setup.settings.clone();
    let mut expected = BTreeSet::new();
    for n in 0..CLIENTS {
        let (instance, topic) = (InstanceIndex(n % 2), format!("t/{n}"));
        let mut message = (*message(n.into(), "x")).clone();
        (message.instance, message.topic) = (instance, topic.as_str().into());
        let shard = settings.owner_of_topic(instance, &topic);
        let (topic, version) = (topic.into(), u64::from(n) + 1);
        expected.insert((instance, std::sync::Arc::clone(&topic)));
        bench.submit(shard, StoreOp::SetRetained { instance, topic, version, message: Some(message.into()) });
    }
    assert!(bench.pump().iter().all(|answer| answer.result.is_ok()));
    let mut read = BTreeSet::new();
    for shard in [ShardId(0), ShardId(1)] {
        let own: Vec<_> = bench.retained(shard).into_iter().map(|kept| (kept.instance, kept.topic)).collect();
        assert!(
            own.is_sorted() && own.iter().all(|(instance, topic)| settings.owner_of_topic(*instance, topic) == shard)
        );
        assert!(own.into_iter().all(|place| read.insert(place)), "no message is read twice");
    }
    assert_eq!(read, expected);
}

pub(super) fn a_shard_reads_its_own_after_their_number_changed(bench: &mut Bench<'_>) {
    bench.renew(Setup { settings: settings(2), ..bench.setup.clone() });
    open_all(bench);
    for shards in [5, 1] {
        bench.setup.settings = settings(shards);
        if !bench.reopen(Stop::Clean) {
            return;
        }
        assert_eq!(read_all(bench), clients().into_iter().collect());
    }
}
