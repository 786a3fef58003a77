//! Retained messages.

use std::{ops::Bound, sync::Arc};

use lmq_broker::{Done, InstanceIndex, Message, ShardId, StoredRetained};
use redb::ReadableTable;

use super::{
    fault::Fault,
    record::{decode_message, encode_message},
    work::Work,
};

/// Messages in one answer to `RestoreRetained`.
const PAGE: usize = 256;
/// Version and message id, in front of the message.
const HEAD: usize = 8 + 16;

impl Work<'_> {
    pub(super) fn set_retained(
        &mut self,
        instance: InstanceIndex,
        topic: &str,
        version: u64,
        message: Option<&Message>,
    ) -> Result<(), Fault> {
        let key = (self.names.number(instance)?, topic);
        let Some(message) = message else {
            self.tables.retained.remove(key)?;
            return Ok(());
        };
        let mut record = version.to_be_bytes().to_vec();
        record.extend(message.id.0.to_be_bytes());
        record.extend(encode_message(message)?);
        self.tables.retained.insert(key, &*record)?;
        Ok(())
    }

    /// A page of the messages whose topics a shard owns; not empty unless it is the last.
    pub(super) fn restore_retained(
        &mut self,
        shard: ShardId,
        after: Option<&(InstanceIndex, Arc<str>)>,
    ) -> Result<Done, Fault> {
        let first = after.map_or(0, |(instance, _)| instance.0);
        let (mut messages, mut more) = (Vec::new(), false);
        for at in first..u16::try_from(self.names.0.len()).unwrap_or(u16::MAX) {
            let instance = InstanceIndex(at);
            let start = after.filter(|(of, _)| *of == instance).map(|(_, topic)| &**topic);
            more = self.retained_of(shard, instance, start, &mut messages)?;
            if more {
                break;
            }
        }
        Ok(Done::RestoredRetained { messages, more })
    }

    fn retained_of(
        &self,
        shard: ShardId,
        instance: InstanceIndex,
        after: Option<&str>,
        page: &mut Vec<StoredRetained>,
    ) -> Result<bool, Fault> {
        let number = self.names.number(instance)?;
        let start = after.map_or(Bound::Included((number, "")), |after| Bound::Excluded((number, after)));
        for row in self.tables.retained.range((start, Bound::Excluded((number + 1, ""))))? {
            let (key, record) = row?;
            let topic = key.value().1;
            if self.settings.owner_of_topic(instance, topic) != shard {
                continue;
            }
            if page.len() == PAGE {
                return Ok(true);
            }
            page.push(decode(instance, topic, record.value())?);
        }
        Ok(false)
    }
}

fn decode(instance: InstanceIndex, topic: &str, record: &[u8]) -> Result<StoredRetained, Fault> {
    let damaged = || Fault::Damaged("retained message");
    let (head, body) = record.split_at_checked(HEAD).ok_or_else(damaged)?;
    let (version, id) = head.split_first_chunk().ok_or_else(damaged)?;
    let id = u128::from_be_bytes(id.try_into().map_err(|_| damaged())?);
    let message = Arc::new(decode_message(id, instance, body)?);
    Ok(StoredRetained { instance, topic: topic.into(), version: u64::from_be_bytes(*version), message })
}
