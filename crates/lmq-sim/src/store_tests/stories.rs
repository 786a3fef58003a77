//! Long random stories of a store, judged by a [`Ledger`].

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use lmq_broker::{
    ClientKey, DeliveryOptions, InstanceIndex, Message, MessageId, QueueSlot, Quota, ShardId, StoreOp, StoredInflight,
    Subscription, UnixMillis, Will,
};
use lmq_codec::{MessageProperties, QoS};

use super::{
    Ledger, Setup, Stop, TestStore,
    bench::{Bench, packet_id, settings},
};
use crate::rng::Rng;

const CLIENTS: u64 = 6;
const FILTERS: [&str; 4] = ["a/#", "a/+", "$share/g/a", "b"];
const TOPICS: [&str; 3] = ["k/1", "k/2", "l"];

/// What a story is made from.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// The same seed tells the same story.
    pub seed: u64,
    /// Turns: each hands some operations in, and most take the answers.
    pub turns: u32,
    /// How many of a thousand turns end the store at once, and as many cleanly.
    pub restarts: u32,
    /// How many of a thousand turns begin with a failure.
    pub failures: u32,
}

/// What happened in a story, so that a test can demand that something did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Operations carried out.
    pub done: u64,
    /// Operations that failed.
    pub failed: u64,
    /// Ends of the store.
    pub restarts: u64,
}

/// Tells a story to an empty store that was made for `setup`.
///
/// # Errors
/// The first answer that breaks the contract, or an operation that was not answered.
pub fn tell(store: &mut dyn TestStore, setup: &Setup, story: &Story) -> Result<Told, String> {
    let shards = setup.settings.shards;
    let mut teller = Teller {
        store,
        setup: setup.clone(),
        rng: Rng::fork(story.seed, 77),
        ledger: Ledger::new(shards, setup.quota),
        told: Told::default(),
        tickets: 0,
        positions: BTreeMap::new(),
        messages: 0,
        versions: 0,
    };
    for _ in 0..story.turns {
        teller.turn(story)?;
    }
    teller.check()?;
    Ok(teller.told)
}

pub(super) fn a_hundred_random_stories_end_as_in_memory(bench: &mut Bench<'_>) {
    for seed in 0..100 {
        let quota = Quota { messages_max: 5 + 200 * (seed as usize % 2), bytes_max: 2000 };
        bench.renew(Setup { settings: settings(1 + (seed % 3) as u16), quota });
        let story = Story { seed, turns: 60, restarts: 30, failures: 30 };
        let setup = bench.setup.clone();
        if let Err(violation) = tell(&mut *bench.store, &setup, &story) {
            panic!("{story:?}: {violation}");
        }
    }
}

struct Teller<'s> {
    store: &'s mut dyn TestStore,
    setup: Setup,
    rng: Rng,
    ledger: Ledger,
    told: Told,
    tickets: u64,
    /// The next position of each client.
    positions: BTreeMap<ClientKey, u64>,
    messages: u128,
    versions: u64,
}

impl Teller<'_> {
    fn turn(&mut self, story: &Story) -> Result<(), String> {
        let fails = self.rng.per_mille(story.failures) && self.store.fail_next();
        for _ in 0..self.rng.range(1, 12) {
            let (shard, op) = self.operation();
            self.submit(shard, op);
        }
        if self.rng.per_mille(story.restarts) {
            return self.restart(Stop::Crash);
        }
        if self.rng.per_mille(story.restarts) {
            self.pump()?;
            return self.restart(Stop::Clean);
        }
        if fails || self.rng.per_mille(800) {
            self.pump()?;
        }
        if fails { self.check() } else { Ok(()) }
    }

    fn restart(&mut self, how: Stop) -> Result<(), String> {
        if !self.store.reopen(how, &self.setup) {
            return self.pump();
        }
        self.told.restarts += 1;
        self.ledger.crashed();
        self.check()
    }

    fn submit(&mut self, shard: ShardId, op: StoreOp) {
        self.tickets += 1;
        self.ledger.submitted(shard, self.tickets, op.clone());
        self.store.submit(shard, self.tickets, op);
    }

    fn pump(&mut self) -> Result<(), String> {
        for answer in self.store.pump() {
            self.told.done += u64::from(answer.result.is_ok());
            self.told.failed += u64::from(answer.result.is_err());
            self.ledger.answered(&answer)?;
        }
        match self.ledger.waiting() {
            0 => Ok(()),
            open => Err(format!("{open} operations were not answered")),
        }
    }

    /// Reads everything.
    fn check(&mut self) -> Result<(), String> {
        self.pump()?;
        for shard in (0..self.setup.settings.shards).map(ShardId) {
            self.submit(shard, StoreOp::Restore { after: None });
            self.submit(shard, StoreOp::RestoreRetained { after: None });
        }
        for n in 0..CLIENTS {
            let client = self.client(n);
            let shard = self.owner(&client);
            self.submit(shard, StoreOp::Fetch { client, from: 0, count_max: u32::MAX, bytes_max: u32::MAX });
        }
        self.pump()
    }

    fn owner(&self, client: &ClientKey) -> ShardId {
        self.setup.settings.shard_of(client.instance, &client.client_id)
    }

    fn client(&self, n: u64) -> ClientKey {
        ClientKey { instance: InstanceIndex((n % 2) as u16), client_id: format!("c{}", n / 2).into() }
    }

    fn operation(&mut self) -> (ShardId, StoreOp) {
        let n = self.rng.below(CLIENTS);
        let client = self.client(n);
        let shard = self.owner(&client);
        let op = match self.rng.below(100) {
            0..35 => self.append(shard, client),
            35..45 => {
                StoreOp::Remove { seqs: (0..self.rng.below(4)).map(|_| self.position(&client)).collect(), client }
            }
            45..57 => self.set_inflight(client),
            57..62 => StoreOp::ReleaseInbound { client, packet_id: packet_id(self.rng.range(1, 4) as u16) },
            62..65 => StoreOp::RecordInbound { client, packet_id: packet_id(self.rng.range(1, 4) as u16) },
            65..75 => self.open(client),
            75..79 => self.detach(client),
            79..83 => self.subscribe(client),
            83..85 => StoreOp::DropSession { client },
            85..92 => self.fetch(client),
            _ => return self.retain(),
        };
        (shard, op)
    }

    fn position(&mut self, client: &ClientKey) -> u64 {
        let next = self.positions.get(client).copied().unwrap_or(0);
        next.saturating_sub(self.rng.below(8))
    }

    fn message(&mut self, instance: InstanceIndex) -> Arc<Message> {
        self.messages += 1;
        let payload = vec![b'x'; self.rng.below(200) as usize];
        let mut message = Message::new(MessageId(self.messages), "a/b", Bytes::from(payload));
        message.instance = instance;
        message.expires_at = self.rng.per_mille(200).then_some(UnixMillis::new(u64::MAX));
        Arc::new(message)
    }

    /// Into the queues of some clients that the shard owns.
    fn append(&mut self, shard: ShardId, client: ClientKey) -> StoreOp {
        let message = self.message(client.instance);
        let mut queues = Vec::new();
        for n in 0..CLIENTS {
            let other = self.client(n);
            let wanted = other == client || (other.instance == client.instance && self.rng.coin());
            if wanted && self.owner(&other) == shard {
                let next = self.positions.entry(other.clone()).or_default();
                let options = DeliveryOptions::new(QoS::ExactlyOnce);
                queues.push(QueueSlot { client: other, seq: *next, options });
                *next += 1 + u64::from(n == 0);
            }
        }
        let id = packet_id(self.rng.range(1, 4) as u16);
        let dedup = self.rng.per_mille(300).then_some((client, id));
        StoreOp::Append { message, queues, dedup }
    }

    fn set_inflight(&mut self, client: ClientKey) -> StoreOp {
        let seq = self.position(&client);
        let states = [None, Some(StoredInflight::Sent(seq)), Some(StoredInflight::Released(seq))];
        let state = self.rng.pick(&states);
        StoreOp::SetInflight { client, packet_id: packet_id(self.rng.range(1, 4) as u16), state }
    }

    fn open(&mut self, client: ClientKey) -> StoreOp {
        let will = self.rng.coin().then(|| {
            Arc::new(Will {
                topic: "w".into(),
                payload: Bytes::from_static(b"gone"),
                qos: QoS::AtLeastOnce,
                retain: false,
                properties: MessageProperties::EMPTY,
                expiry_secs: None,
                delay_secs: 1,
            })
        });
        let (clean, expiry_secs) = (self.rng.per_mille(200), self.rng.below(3) as u32);
        StoreOp::OpenSession { client, clean, expiry_secs, will }
    }

    fn detach(&mut self, client: ClientKey) -> StoreOp {
        let mut moment = || self.rng.coin().then_some(UnixMillis::new(5_000_000_000_000));
        let (expires_at, will_at) = (moment(), moment());
        StoreOp::Detach { client, expiry_secs: 7, expires_at, will_at }
    }

    fn subscribe(&mut self, client: ClientKey) -> StoreOp {
        let granted = Subscription::new(self.rng.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]));
        let subscribed = vec![(self.rng.pick(&FILTERS).into(), granted)];
        StoreOp::SaveSession { client, subscribed, unsubscribed: vec![self.rng.pick(&FILTERS).into()] }
    }

    fn fetch(&mut self, client: ClientKey) -> StoreOp {
        let from = self.position(&client);
        let (count_max, bytes_max) = (self.rng.range(1, 10) as u32, self.rng.range(1, 1000) as u32);
        StoreOp::Fetch { client, from, count_max, bytes_max }
    }

    fn retain(&mut self) -> (ShardId, StoreOp) {
        let (instance, topic) = (InstanceIndex(self.rng.below(2) as u16), self.rng.pick(&TOPICS));
        let message = self.rng.per_mille(700).then(|| self.message(instance));
        self.versions += 1;
        let shard = self.setup.settings.owner_of_topic(instance, topic);
        (shard, StoreOp::SetRetained { instance, topic: topic.into(), version: self.versions, message })
    }
}
