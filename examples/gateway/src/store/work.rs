//! What is done in one transaction.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use lmq_broker::{ClientKey, Done, Evicted, InstanceIndex, Settings, ShardId, StoreOp, UnixMillis};
use redb::{ReadableTable, WriteTransaction};

use super::{
    Keep,
    fault::Fault,
    record::SessionRecord,
    tables::{Tables, meta},
};

/// The numbers of the instances that are configured, by their place in [`Settings::instances`].
#[derive(Clone, Debug, Default)]
pub(super) struct Names(pub(super) Vec<u32>);

/// What a transaction knows of a queue.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queue {
    pub(super) next_seq: u64,
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) changed: bool,
}

/// Everything operations need. What is kept beside the tables is written by [`Work::finish`].
pub(super) struct Work<'t> {
    pub(super) tables: Tables<'t>,
    pub(super) settings: &'t Settings,
    pub(super) names: &'t Names,
    pub(super) keep: &'t Keep,
    pub(super) now: UnixMillis,
    /// Given up in this operation.
    pub(super) evicted: Vec<Evicted>,
    /// Given up for instances and for age: not for one operation.
    pub(super) aged: Vec<Evicted>,
    /// Something was changed.
    pub(super) wrote: bool,
    next: u64,
    commits: u64,
    queues: BTreeMap<u64, Queue>,
    pairs: BTreeMap<u32, u64>,
    numbers: HashMap<ClientKey, Option<u64>>,
}

impl Names {
    pub(super) fn number(&self, instance: InstanceIndex) -> Result<u32, Fault> {
        self.0.get(usize::from(instance.0)).copied().ok_or(Fault::Damaged("instance"))
    }

    /// `None`: it is not configured any more.
    pub(super) fn index(&self, number: u32) -> Option<InstanceIndex> {
        let at = self.0.iter().position(|known| *known == number)?;
        u16::try_from(at).ok().map(InstanceIndex)
    }
}

impl<'t> Work<'t> {
    pub(super) fn begin(
        transaction: &'t WriteTransaction,
        settings: &'t Settings,
        names: &'t Names,
        keep: &'t Keep,
        now: UnixMillis,
    ) -> Result<Self, Fault> {
        let tables = Tables::open(transaction)?;
        let read = |name| Ok::<u64, Fault>(tables.meta.get(name)?.map_or(0, |value| value.value()));
        let (next, commits) = (read(meta::NEXT)?, read(meta::COMMITS)?);
        Ok(Self {
            tables,
            settings,
            names,
            keep,
            now,
            evicted: Vec::new(),
            aged: Vec::new(),
            wrote: false,
            next,
            commits,
            queues: BTreeMap::new(),
            pairs: BTreeMap::new(),
            numbers: HashMap::new(),
        })
    }

    /// Carries one operation of a shard out. After an error the transaction must not be committed.
    pub(super) fn apply(&mut self, shard: ShardId, op: &StoreOp) -> Result<Done, Fault> {
        match op {
            StoreOp::Restore { after } => return self.restore(shard, after.as_ref()),
            StoreOp::RestoreRetained { after } => return self.restore_retained(shard, after.as_ref()),
            StoreOp::Fetch { client, from, count_max, bytes_max } => {
                return self.fetch(client, *from, *count_max as usize, *bytes_max as usize);
            }
            _ => self.wrote = true,
        }
        match op {
            StoreOp::OpenSession { client, clean, expiry_secs, will } => {
                return self.open_session(client, *clean, *expiry_secs, will.clone());
            }
            StoreOp::SetRetained { instance, topic, version, message } => {
                self.set_retained(*instance, topic, *version, message.as_deref())?;
            }
            StoreOp::Detach { client, expiry_secs, expires_at, will_at } => {
                self.detach(client, *expiry_secs, *expires_at, *will_at)?;
            }
            StoreOp::SaveSession { client, subscribed, unsubscribed } => {
                self.save_session(client, subscribed, unsubscribed)?;
            }
            StoreOp::DropSession { client } => self.drop_session(client)?,
            StoreOp::Append { message, queues, dedup } => {
                self.append(message, queues)?;
                if let Some((client, packet_id)) = dedup {
                    self.record_inbound(client, *packet_id)?;
                }
            }
            StoreOp::Remove { client, seqs } => self.remove_all(client, seqs)?,
            StoreOp::SetInflight { client, packet_id, state } => self.set_inflight(client, *packet_id, *state)?,
            StoreOp::RecordInbound { client, packet_id } => self.record_inbound(client, *packet_id)?,
            StoreOp::ReleaseInbound { client, packet_id } => self.release_inbound(client, *packet_id)?,
            _ => return Err(Fault::Damaged("operation")),
        }
        Ok(Done::Stored)
    }

    /// Writes what was kept beside the tables; to be called before the commit. Says which transaction this is.
    pub(super) fn finish(mut self) -> Result<u64, Fault> {
        for (number, queue) in self.queues.iter().filter(|(_, queue)| queue.changed) {
            self.tables.queues.insert(number, (queue.next_seq, queue.count, queue.bytes))?;
        }
        for (instance, count) in &self.pairs {
            self.tables.pairs.insert(instance, count)?;
        }
        self.tables.meta.insert(meta::NEXT, self.next)?;
        self.tables.meta.insert(meta::COMMITS, self.commits + 1)?;
        Ok(self.commits + 1)
    }

    /// A number that was never used.
    pub(super) fn stamp(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The number of a client's session; `None` if there is none.
    pub(super) fn number(&mut self, client: &ClientKey) -> Result<Option<u64>, Fault> {
        if let Some(known) = self.numbers.get(client) {
            return Ok(*known);
        }
        let key = (self.names.number(client.instance)?, &*client.client_id);
        let number = match self.tables.sessions.get(key)? {
            Some(record) => Some(SessionRecord::number_of(record.value())?),
            None => None,
        };
        self.numbers.insert(client.clone(), number);
        Ok(number)
    }

    pub(super) fn note_number(&mut self, client: &ClientKey, number: Option<u64>) {
        self.numbers.insert(client.clone(), number);
    }

    pub(super) fn queue(&mut self, number: u64) -> Result<Queue, Fault> {
        if let Some(queue) = self.queues.get(&number) {
            return Ok(*queue);
        }
        let stored = self.tables.queues.get(number)?.map(|value| value.value());
        let (next_seq, count, bytes) = stored.unwrap_or_default();
        let queue = Queue { next_seq, count, bytes, changed: false };
        self.queues.insert(number, queue);
        Ok(queue)
    }

    pub(super) fn known_queue(&self, number: u64) -> Option<Queue> {
        self.queues.get(&number).copied()
    }

    pub(super) fn set_queue(&mut self, number: u64, queue: Queue) {
        self.queues.insert(number, Queue { changed: true, ..queue });
    }

    /// The row is removed by the caller.
    pub(super) fn forget_queue(&mut self, number: u64) {
        self.queues.remove(&number);
    }

    /// How many places in queues an instance has.
    pub(super) fn pairs(&mut self, instance: u32) -> Result<u64, Fault> {
        if let Some(count) = self.pairs.get(&instance) {
            return Ok(*count);
        }
        let count = self.tables.pairs.get(instance)?.map_or(0, |value| value.value());
        self.pairs.insert(instance, count);
        Ok(count)
    }

    pub(super) fn set_pairs(&mut self, instance: u32, count: u64) {
        self.pairs.insert(instance, count);
    }

    /// Whose session has this number; `None` if it ended or its instance is not configured.
    pub(super) fn client(&self, number: u64) -> Result<Option<ClientKey>, Fault> {
        if self.tables.ended.get(number)?.is_some() {
            return Ok(None);
        }
        let Some(row) = self.tables.clients.get(number)? else { return Ok(None) };
        let (instance, client_id) = row.value();
        let client_id: Arc<str> = client_id.into();
        Ok(self.names.index(instance).map(|instance| ClientKey { instance, client_id }))
    }

    /// The instance of a session, ended or not.
    pub(super) fn instance(&self, number: u64) -> Result<u32, Fault> {
        let row = self.tables.clients.get(number)?.ok_or(Fault::Damaged("client of a queue"))?;
        Ok(row.value().0)
    }
}
