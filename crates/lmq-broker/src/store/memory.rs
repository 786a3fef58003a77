use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};
use core::ops::Bound;

use lmq_codec::PacketId;
use lmq_model::UnixMillis;

use super::{Done, Evicted, Failed, QueueSlot, StoreOp, StoredInflight, StoredMessage, StoredRetained, StoredSession};
use crate::{ClientKey, DeliveryOptions, InstanceIndex, Message, Subscription, Will};

/// A store that keeps everything in memory: for tests, for brokers that may forget, and to show what each operation means.
///
/// One store serves one shard. It never fails; what exceeds its [`Quota`] is given up, oldest first, and reported.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryStore {
    sessions: BTreeMap<ClientKey, Record>,
    retained: BTreeMap<(InstanceIndex, Arc<str>), (u64, Arc<Message>)>,
    quota: Quota,
}

/// How much one session may keep in a [`MemoryStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Messages per queue; 100,000 by default.
    pub messages_max: usize,
    /// Bytes (topics and payloads) per queue; 64 MiB by default.
    pub bytes_max: usize,
}

/// A page of [`StoreOp::Restore`] has so many sessions, and one of [`StoreOp::RestoreRetained`] so many messages.
const PAGE: usize = 256;

#[derive(Clone, Debug, Default, PartialEq)]
struct Record {
    subscriptions: BTreeMap<Box<str>, Subscription>,
    queue: BTreeMap<u64, (DeliveryOptions, Arc<Message>)>,
    bytes: usize,
    inflight: Vec<(PacketId, StoredInflight)>,
    inbound: Vec<PacketId>,
    next_seq: u64,
    expiry_secs: u32,
    expires_at: Option<UnixMillis>,
    will: Option<Arc<Will>>,
    will_at: Option<UnixMillis>,
}

impl Default for Quota {
    fn default() -> Self {
        Self { messages_max: 100_000, bytes_max: 64 * 1024 * 1024 }
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new(quota: Quota) -> Self {
        Self { sessions: BTreeMap::new(), retained: BTreeMap::new(), quota }
    }

    /// Carries an operation out. The second value is what had to be given up for it: hand it to
    /// [`Shard::handle_evicted`](crate::Shard::handle_evicted).
    pub fn execute(&mut self, op: StoreOp) -> (Result<Done, Failed>, Vec<Evicted>) {
        let mut evicted = Vec::new();
        let done = match op {
            StoreOp::Restore { after } => self.restore(after),
            StoreOp::RestoreRetained { after } => self.restore_retained(after),
            StoreOp::SetRetained { instance, topic, version, message } => {
                match message {
                    Some(message) => self.retained.insert((instance, topic), (version, message)),
                    None => self.retained.remove(&(instance, topic)),
                };
                Done::Stored
            }
            StoreOp::OpenSession { client, clean, expiry_secs, will } => {
                let done = self.open(&client, clean);
                let record = self.sessions.entry(client).or_default();
                (record.expiry_secs, record.expires_at) = (expiry_secs, None);
                (record.will, record.will_at) = (will, None);
                done
            }
            StoreOp::Detach { client, expiry_secs, expires_at, will_at } => {
                self.with(&client, |record| {
                    record.expiry_secs = expiry_secs;
                    (record.expires_at, record.will_at) = (expires_at, will_at);
                    record.will = record.will.take().filter(|_| will_at.is_some());
                });
                Done::Stored
            }
            StoreOp::SaveSession { client, subscribed, unsubscribed } => {
                self.with(&client, |record| {
                    for filter in &unsubscribed {
                        record.subscriptions.remove(filter);
                    }
                    record.subscriptions.extend(subscribed);
                });
                Done::Stored
            }
            StoreOp::DropSession { client } => {
                self.sessions.remove(&client);
                Done::Stored
            }
            StoreOp::Append { message, queues, dedup } => {
                evicted.extend(queues.into_iter().filter_map(|slot| self.append(&message, slot)));
                if let Some((client, packet_id)) = dedup {
                    self.with(&client, |record| record.inbound.push(packet_id));
                }
                Done::Stored
            }
            StoreOp::Fetch { client, from, count_max, bytes_max } => {
                Done::Fetched(self.fetch(&client, from, count_max as usize, bytes_max as usize))
            }
            StoreOp::Remove { client, seqs } => {
                self.with(&client, |record| seqs.iter().for_each(|seq| record.remove(*seq)));
                Done::Stored
            }
            StoreOp::SetInflight { client, packet_id, state } => {
                self.with(&client, |record| record.set_inflight(packet_id, state));
                Done::Stored
            }
            StoreOp::RecordInbound { client, packet_id } => {
                self.with(&client, |record| record.inbound.push(packet_id));
                Done::Stored
            }
            StoreOp::ReleaseInbound { client, packet_id } => {
                self.with(&client, |record| record.inbound.retain(|id| *id != packet_id));
                Done::Stored
            }
        };
        (Ok(done), evicted)
    }

    /// How many sessions are kept.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// How many retained messages are kept.
    pub fn retained(&self) -> usize {
        self.retained.len()
    }

    fn with(&mut self, client: &ClientKey, change: impl FnOnce(&mut Record)) {
        if let Some(record) = self.sessions.get_mut(client) {
            change(record);
        }
    }

    fn restore(&self, after: Option<ClientKey>) -> Done {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut page = self.sessions.range((start, Bound::Unbounded));
        let sessions = page.by_ref().take(PAGE).map(|(client, record)| (client.clone(), record.session())).collect();
        Done::Restored { sessions, more: page.next().is_some() }
    }

    fn restore_retained(&self, after: Option<(InstanceIndex, Arc<str>)>) -> Done {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut page = self.retained.range((start, Bound::Unbounded));
        let messages = page.by_ref().take(PAGE).map(|((instance, topic), (version, message))| StoredRetained {
            instance: *instance,
            topic: topic.clone(),
            version: *version,
            message: message.clone(),
        });
        let messages = messages.collect();
        Done::RestoredRetained { messages, more: page.next().is_some() }
    }

    fn open(&mut self, client: &ClientKey, clean: bool) -> Done {
        if clean {
            self.sessions.remove(client);
        }
        let known = self.sessions.get(client).map(|record| Box::new(record.session()));
        Done::Opened(known)
    }

    fn append(&mut self, message: &Arc<Message>, slot: QueueSlot) -> Option<Evicted> {
        let quota = self.quota;
        let record = self.sessions.get_mut(&slot.client)?;
        record.next_seq = record.next_seq.max(slot.seq + 1);
        record.bytes += message.weight();
        record.queue.insert(slot.seq, (slot.options, message.clone()));
        let mut seqs = Vec::new();
        while record.queue.len() > quota.messages_max || record.bytes > quota.bytes_max {
            let Some((seq, (_, oldest))) = record.queue.pop_first() else {
                break;
            };
            record.bytes -= oldest.weight();
            seqs.push(seq);
        }
        (!seqs.is_empty()).then_some(Evicted { client: slot.client, seqs })
    }

    fn fetch(&self, client: &ClientKey, from: u64, count_max: usize, bytes_max: usize) -> Vec<StoredMessage> {
        let Some(record) = self.sessions.get(client) else {
            return Vec::new();
        };
        let mut bytes = 0;
        let within = |stored: &StoredMessage| {
            let fits = bytes < bytes_max;
            bytes += stored.message.weight();
            fits
        };
        let stored = record.queue.range(from..).take(count_max);
        stored
            .map(|(seq, (options, message))| StoredMessage {
                seq: *seq,
                options: options.clone(),
                message: message.clone(),
            })
            .take_while(within)
            .collect()
    }
}

impl Record {
    fn remove(&mut self, seq: u64) {
        if let Some((_, message)) = self.queue.remove(&seq) {
            self.bytes -= message.weight();
        }
    }

    fn set_inflight(&mut self, id: PacketId, state: Option<StoredInflight>) {
        match state {
            None => {
                let over = self.inflight.iter().find(|(known, _)| *known == id).map(|(_, state)| *state);
                self.inflight.retain(|(known, _)| *known != id);
                if let Some(StoredInflight::Sent(seq)) = over {
                    self.remove(seq);
                }
            }
            Some(state) => {
                if let StoredInflight::Released(seq) = state {
                    self.remove(seq);
                }
                match self.inflight.iter_mut().find(|(known, _)| *known == id) {
                    Some((_, known)) => *known = state,
                    None => self.inflight.push((id, state)),
                }
            }
        }
    }

    fn session(&self) -> StoredSession {
        StoredSession {
            subscriptions: self.subscriptions.iter().map(|(filter, granted)| (filter.clone(), *granted)).collect(),
            inflight: self.inflight.clone(),
            inbound: self.inbound.clone(),
            first_seq: self.queue.keys().next().copied().unwrap_or(self.next_seq),
            next_seq: self.next_seq,
            expiry_secs: self.expiry_secs,
            expires_at: self.expires_at,
            will: self.will.clone(),
            will_at: self.will_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use bytes::Bytes;
    use lmq_codec::QoS;

    use super::*;
    use crate::MessageId;

    fn client() -> ClientKey {
        ClientKey { instance: InstanceIndex(0), client_id: "c".into() }
    }

    fn append(store: &mut MemoryStore, seq: u64, dedup: Option<u16>) -> Vec<u64> {
        let message = Arc::new(Message::new(MessageId(seq.into()), "t", Bytes::from_static(b"123")));
        let queues = alloc::vec![QueueSlot { client: client(), seq, options: DeliveryOptions::new(QoS::ExactlyOnce) }];
        let dedup = dedup.and_then(PacketId::new).map(|id| (client(), id));
        let (done, evicted) = store.execute(StoreOp::Append { message, queues, dedup });
        assert_eq!(done, Ok(Done::Stored));
        evicted.into_iter().flat_map(|evicted| evicted.seqs).collect()
    }

    fn open(store: &mut MemoryStore, clean: bool) -> Option<StoredSession> {
        match store.execute(StoreOp::OpenSession { client: client(), clean, expiry_secs: u32::MAX, will: None }).0 {
            Ok(Done::Opened(session)) => session.map(|session| *session),
            other => panic!("{other:?}"),
        }
    }

    fn fetch(store: &mut MemoryStore, from: u64, count_max: u32, bytes_max: u32) -> Vec<u64> {
        match store.execute(StoreOp::Fetch { client: client(), from, count_max, bytes_max }).0 {
            Ok(Done::Fetched(messages)) => messages.iter().map(|stored| stored.seq).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_oldest_messages_give_way_by_count_and_by_bytes() {
        for quota in [Quota { messages_max: 2, bytes_max: 100 }, Quota { messages_max: 100, bytes_max: 8 }] {
            let mut store = MemoryStore::new(quota);
            open(&mut store, false);
            assert_eq!([0, 1, 2, 3].map(|seq| append(&mut store, seq, None)), [vec![], vec![], vec![0], vec![1]]);
            let session = open(&mut store, false).unwrap();
            assert_eq!((session.first_seq, session.next_seq), (2, 4));
        }
    }

    #[test]
    fn a_fetch_stops_at_its_count_and_behind_the_message_that_reaches_its_bytes() {
        let mut store = MemoryStore::new(Quota::default());
        open(&mut store, false);
        (0..5).for_each(|seq| assert!(append(&mut store, seq, None).is_empty()));
        assert_eq!(fetch(&mut store, 1, 2, 1000), [1, 2]);
        assert_eq!(fetch(&mut store, 0, 9, 4), [0]);
        assert_eq!(fetch(&mut store, 0, 9, 5), [0, 1]);
        assert_eq!(fetch(&mut store, 4, 9, 1000), [4]);
        assert_eq!(fetch(&mut store, 5, 9, 1000), [0_u64; 0]);
    }

    #[test]
    fn an_exchange_is_remembered_until_it_is_cleared_and_released_without_its_message() {
        let mut store = MemoryStore::new(Quota::default());
        open(&mut store, false);
        append(&mut store, 0, Some(9));
        let id = PacketId::new(1).unwrap();
        let set = |state| StoreOp::SetInflight { client: client(), packet_id: id, state };
        assert_eq!(store.execute(set(Some(StoredInflight::Sent(0)))).0, Ok(Done::Stored));
        assert_eq!(store.execute(set(Some(StoredInflight::Released(0)))).0, Ok(Done::Stored));
        let session = open(&mut store, false).unwrap();
        assert_eq!(session.inflight, [(id, StoredInflight::Released(0))]);
        assert_eq!((session.inbound, session.first_seq), (vec![PacketId::new(9).unwrap()], 1));
        assert_eq!(fetch(&mut store, 0, 9, 1000), [0_u64; 0]);
        assert_eq!(store.execute(set(None)).0, Ok(Done::Stored));
        let release = StoreOp::ReleaseInbound { client: client(), packet_id: PacketId::new(9).unwrap() };
        assert_eq!(store.execute(release).0, Ok(Done::Stored));
        let session = open(&mut store, false).unwrap();
        assert!(session.inflight.is_empty() && session.inbound.is_empty());
    }

    #[test]
    fn a_clean_open_and_a_drop_leave_nothing() {
        let mut store = MemoryStore::new(Quota::default());
        assert_eq!(open(&mut store, false), None);
        append(&mut store, 0, None);
        assert_eq!(open(&mut store, true), None);
        assert_eq!(fetch(&mut store, 0, 9, 1000), [0_u64; 0]);
        assert_eq!(store.execute(StoreOp::DropSession { client: client() }).0, Ok(Done::Stored));
        assert_eq!(store.sessions(), 0);
    }
}
