//! Queues: each message once, each place in a queue under its session.

use std::sync::Arc;

use lmq_broker::{ClientKey, Done, Evicted, Message, QueueSlot, StoredMessage};
use redb::ReadableTable;

use super::{
    fault::Fault,
    record::{QueueRecord, decode_message, encode_message},
    tables::Place,
    work::{Queue, Work},
};

impl Work<'_> {
    /// Puts a message into the queues of the sessions that are there.
    pub(super) fn append(&mut self, message: &Message, slots: &[QueueSlot]) -> Result<(), Fault> {
        let mut holders = 0;
        for slot in slots {
            if let Some(number) = self.number(&slot.client)? {
                self.append_one(message, slot, number)?;
                holders += 1;
            }
        }
        if holders == 0 {
            return Ok(());
        }
        self.hold(message, holders)?;
        for slot in slots {
            self.keep_within_session(&slot.client)?;
        }
        self.keep_within_instance(self.names.number(message.instance)?)
    }

    fn append_one(&mut self, message: &Message, slot: &QueueSlot, number: u64) -> Result<(), Fault> {
        let instance = self.names.number(slot.client.instance)?;
        let (place, stamp) = ((number, slot.seq), self.stamp());
        // Contract: positions grow. One that is there already makes way all the same, lest sums go wrong.
        self.remove(place)?;
        let weight = u32::try_from(message.weight()).unwrap_or(u32::MAX);
        let options = slot.options.clone();
        let record = QueueRecord { stamp, message: message.id.0, weight, options, expires_at: message.expires_at };
        self.tables.queue.insert(place, &*record.encode())?;
        self.tables.ages.insert((instance, stamp), (place.0, place.1, self.now.value()))?;
        if let Some(at) = message.expires_at {
            self.tables.expiring.insert((at.value(), stamp), place)?;
        }
        let queue = self.queue(number)?;
        let next_seq = queue.next_seq.max(slot.seq + 1);
        let (count, bytes) = (queue.count + 1, queue.bytes + u64::from(weight));
        self.set_queue(number, Queue { next_seq, count, bytes, ..queue });
        let pairs = self.pairs(instance)?;
        self.set_pairs(instance, pairs + 1);
        Ok(())
    }

    /// Keeps a message for so many places more.
    fn hold(&mut self, message: &Message, more: u32) -> Result<(), Fault> {
        let id = message.id.0;
        let known = self.tables.messages.insert(id, &*encode_message(message)?)?.is_some();
        let before = if known { self.holders(id)? } else { 0 };
        if before + more > 1 {
            self.tables.holders.insert(id, before + more)?;
        }
        Ok(())
    }

    fn holders(&self, id: u128) -> Result<u32, Fault> {
        Ok(self.tables.holders.get(id)?.map_or(1, |count| count.value()))
    }

    /// One place fewer holds a message.
    fn release(&mut self, id: u128) -> Result<(), Fault> {
        match self.holders(id)? {
            0 | 1 => {
                self.tables.messages.remove(id)?;
            }
            2 => {
                self.tables.holders.remove(id)?;
            }
            count => {
                self.tables.holders.insert(id, count - 1)?;
            }
        }
        Ok(())
    }

    pub(super) fn remove_all(&mut self, client: &ClientKey, seqs: &[u64]) -> Result<(), Fault> {
        let Some(number) = self.number(client)? else { return Ok(()) };
        for seq in seqs {
            self.remove((number, *seq))?;
        }
        Ok(())
    }

    /// Empties a place, and says whether something was there.
    pub(super) fn remove(&mut self, place: Place) -> Result<bool, Fault> {
        let removed = self.tables.queue.remove(place)?.map(|row| QueueRecord::decode(row.value()));
        let Some(record) = removed.transpose()? else { return Ok(false) };
        let instance = self.instance(place.0)?;
        self.tables.ages.remove((instance, record.stamp))?;
        if let Some(at) = record.expires_at {
            self.tables.expiring.remove((at.value(), record.stamp))?;
        }
        let queue = self.queue(place.0)?;
        let (count, bytes) = (queue.count.saturating_sub(1), queue.bytes.saturating_sub(record.weight.into()));
        self.set_queue(place.0, Queue { count, bytes, ..queue });
        let pairs = self.pairs(instance)?;
        self.set_pairs(instance, pairs.saturating_sub(1));
        self.release(record.message)?;
        Ok(true)
    }

    pub(super) fn next_seq(&self, number: u64) -> Result<u64, Fault> {
        match self.known_queue(number) {
            Some(queue) => Ok(queue.next_seq),
            None => Ok(self.tables.queues.get(number)?.map_or(0, |row| row.value().0)),
        }
    }

    pub(super) fn fetch(
        &mut self,
        client: &ClientKey,
        from: u64,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Done, Fault> {
        let Some(number) = self.number(client)? else { return Ok(Done::Fetched(Vec::new())) };
        let (mut messages, mut bytes) = (Vec::new(), 0);
        for row in self.tables.queue.range((number, from)..=(number, u64::MAX))?.take(count_max) {
            if bytes >= bytes_max {
                break;
            }
            let (place, record) = row?;
            let record = QueueRecord::decode(record.value())?;
            let body = self.tables.messages.get(record.message)?.ok_or(Fault::Damaged("message of a queue"))?;
            let message = decode_message(record.message, client.instance, body.value())?;
            bytes += message.weight();
            messages.push(StoredMessage { seq: place.value().1, options: record.options, message: Arc::new(message) });
        }
        Ok(Done::Fetched(messages))
    }

    /// The oldest messages of a session give way to its newest.
    fn keep_within_session(&mut self, client: &ClientKey) -> Result<(), Fault> {
        let Some(number) = self.number(client)? else { return Ok(()) };
        let mut seqs = Vec::new();
        loop {
            let Queue { count, bytes, .. } = self.queue(number)?;
            if count <= self.keep.session_messages_max && bytes <= self.keep.session_bytes_max {
                break;
            }
            let first = self.tables.queue.range((number, 0)..=(number, u64::MAX))?.next().transpose()?;
            let Some(place) = first.map(|(place, _)| place.value()) else { break };
            self.remove(place)?;
            seqs.push(place.1);
        }
        if !seqs.is_empty() {
            self.evicted.push(Evicted { client: client.clone(), seqs });
        }
        Ok(())
    }
}
