//! What the cases are written with.

use std::sync::Arc;

use bytes::Bytes;
use lmq_broker::{
    ClientKey, DeliveryOptions, Done, Evicted, Failed, Instance, InstanceIndex, Message, MessageId, Profile, QueueSlot,
    Quota, Settings, ShardId, StoreOp, StoredMessage, StoredRetained, StoredSession,
};
use lmq_codec::{PacketId, QoS};

use super::{Answer, Make, Setup, Stop, TestStore};

/// A store and the name of the case, for messages.
pub(super) struct Bench<'m> {
    case: &'static str,
    make: Make<'m>,
    pub(super) setup: Setup,
    pub(super) store: Box<dyn TestStore>,
    tickets: u64,
}

/// Two instances, so many shards.
pub(super) fn settings(shards: u16) -> Arc<Settings> {
    let mut settings = Settings::new(Profile::mqtt(), shards);
    settings.instances = ["one", "two"].map(|name| Instance { name: name.into(), ..Instance::default() }).into();
    Arc::new(settings)
}

/// A client of the first instance.
pub(super) fn client(client_id: &str) -> ClientKey {
    ClientKey { instance: InstanceIndex(0), client_id: client_id.into() }
}

pub(super) fn packet_id(id: u16) -> PacketId {
    PacketId::new(id).expect("no case uses 0")
}

pub(super) fn message(id: u128, payload: &str) -> Arc<Message> {
    Arc::new(Message::new(MessageId(id), "t", Bytes::copy_from_slice(payload.as_bytes())))
}

pub(super) fn slot(client: &ClientKey, seq: u64) -> QueueSlot {
    QueueSlot { client: client.clone(), seq, options: DeliveryOptions::new(QoS::AtLeastOnce) }
}

impl<'m> Bench<'m> {
    pub(super) fn new(case: &'static str, make: Make<'m>) -> Self {
        let setup = Setup { settings: settings(1), quota: Quota::default() };
        let store = make(&setup);
        Self { case, make, setup, store, tickets: 0 }
    }

    /// Begins anew with an empty store.
    pub(super) fn renew(&mut self, setup: Setup) {
        self.store = (self.make)(&setup);
        self.setup = setup;
    }

    /// Ends the store and begins again; false if it keeps nothing.
    pub(super) fn reopen(&mut self, how: Stop) -> bool {
        self.store.reopen(how, &self.setup)
    }

    pub(super) fn submit(&mut self, shard: ShardId, op: StoreOp) -> u64 {
        self.tickets += 1;
        self.store.submit(shard, self.tickets, op);
        self.tickets
    }

    /// Answers of all shards; each shard's in its order.
    pub(super) fn pump(&mut self) -> Vec<Answer> {
        self.store.pump()
    }

    /// Hands operations of the first shard in together, and takes their results.
    pub(super) fn together(&mut self, ops: Vec<StoreOp>) -> Vec<Result<Done, Failed>> {
        let tickets: Vec<u64> = ops.into_iter().map(|op| self.submit(ShardId(0), op)).collect();
        let answers = self.pump();
        let answered: Vec<u64> = answers.iter().map(|answer| answer.ticket).collect();
        assert_eq!(answered, tickets, "{}: every operation is answered once, in order", self.case);
        answers.into_iter().map(|answer| answer.result).collect()
    }

    /// One operation of a shard, which must succeed.
    pub(super) fn on(&mut self, shard: ShardId, op: StoreOp) -> (Done, Vec<Evicted>) {
        let text = format!("{op:?}");
        let ticket = self.submit(shard, op);
        let mut answers = self.pump();
        assert_eq!(answers.len(), 1, "{}: one answer to {text}", self.case);
        let answer = answers.remove(0);
        assert_eq!((answer.shard, answer.ticket), (shard, ticket), "{}: {text}", self.case);
        match answer.result {
            Ok(done) => (done, answer.evicted),
            Err(failed) => panic!("{}: {text}: {failed}", self.case),
        }
    }

    /// One operation of the shard that owns its client or topic; it must be answered with `Stored`.
    pub(super) fn stored(&mut self, op: StoreOp) -> Vec<Evicted> {
        let shard = self.owner(&op);
        let text = format!("{op:?}");
        let (done, evicted) = self.on(shard, op);
        assert_eq!(done, Done::Stored, "{}: {text}", self.case);
        evicted
    }

    pub(super) fn open(&mut self, client: &ClientKey, clean: bool) -> Option<StoredSession> {
        let op = StoreOp::OpenSession { client: client.clone(), clean, expiry_secs: u32::MAX, will: None };
        self.open_with(op)
    }

    pub(super) fn open_with(&mut self, op: StoreOp) -> Option<StoredSession> {
        let shard = self.owner(&op);
        match self.on(shard, op).0 {
            Done::Opened(session) => session.map(|session| *session),
            other => panic!("{}: {other:?} instead of Opened", self.case),
        }
    }

    pub(super) fn append(&mut self, message: &Arc<Message>, queues: Vec<QueueSlot>) -> Vec<Evicted> {
        self.stored(StoreOp::Append { message: message.clone(), queues, dedup: None })
    }

    pub(super) fn fetch(
        &mut self,
        client: &ClientKey,
        from: u64,
        count_max: u32,
        bytes_max: u32,
    ) -> Vec<StoredMessage> {
        let op = StoreOp::Fetch { client: client.clone(), from, count_max, bytes_max };
        let shard = self.owner(&op);
        match self.on(shard, op).0 {
            Done::Fetched(messages) => messages,
            other => panic!("{}: {other:?} instead of Fetched", self.case),
        }
    }

    /// The positions and payloads of a queue.
    pub(super) fn queue(&mut self, client: &ClientKey) -> Vec<(u64, String)> {
        let all = self.fetch(client, 0, u32::MAX, u32::MAX);
        let text = |stored: &StoredMessage| String::from_utf8_lossy(&stored.message.payload).into_owned();
        all.iter().map(|stored| (stored.seq, text(stored))).collect()
    }

    /// All pages of the sessions of a shard.
    pub(super) fn sessions(&mut self, shard: ShardId) -> Vec<(ClientKey, StoredSession)> {
        let mut all: Vec<(ClientKey, StoredSession)> = Vec::new();
        loop {
            let after = all.last().map(|(client, _)| client.clone());
            match self.on(shard, StoreOp::Restore { after }).0 {
                Done::Restored { sessions, more } => {
                    assert!(!(more && sessions.is_empty()), "{}: a page that is not the last is empty", self.case);
                    all.extend(sessions);
                    if !more {
                        return all;
                    }
                }
                other => panic!("{}: {other:?} instead of Restored", self.case),
            }
        }
    }

    /// All pages of the retained messages of a shard.
    pub(super) fn retained(&mut self, shard: ShardId) -> Vec<StoredRetained> {
        let mut all: Vec<StoredRetained> = Vec::new();
        loop {
            let after = all.last().map(|stored| (stored.instance, stored.topic.clone()));
            match self.on(shard, StoreOp::RestoreRetained { after }).0 {
                Done::RestoredRetained { messages, more } => {
                    assert!(!(more && messages.is_empty()), "{}: a page that is not the last is empty", self.case);
                    all.extend(messages);
                    if !more {
                        return all;
                    }
                }
                other => panic!("{}: {other:?} instead of RestoredRetained", self.case),
            }
        }
    }

    fn owner(&self, op: &StoreOp) -> ShardId {
        let settings = &self.setup.settings;
        let of = |client: &ClientKey| settings.shard_of(client.instance, &client.client_id);
        match op {
            StoreOp::SetRetained { instance, topic, .. } => settings.owner_of_topic(*instance, topic),
            StoreOp::OpenSession { client, .. }
            | StoreOp::Detach { client, .. }
            | StoreOp::SaveSession { client, .. }
            | StoreOp::DropSession { client }
            | StoreOp::Fetch { client, .. }
            | StoreOp::Remove { client, .. }
            | StoreOp::SetInflight { client, .. }
            | StoreOp::RecordInbound { client, .. }
            | StoreOp::ReleaseInbound { client, .. } => of(client),
            StoreOp::Append { queues, dedup, .. } => {
                let client = queues.first().map(|slot| &slot.client).or(dedup.as_ref().map(|(client, _)| client));
                client.map_or(ShardId(0), of)
            }
            _ => ShardId(0),
        }
    }
}
