//! Sessions: opened, changed, ended, and read back at the start.

use std::{ops::Bound, sync::Arc};

use lmq_broker::{
    ClientKey, Done, InstanceIndex, ShardId, StoredInflight, StoredSession, Subscription, UnixMillis, Will,
};
use lmq_codec::PacketId;
use redb::ReadableTable;

use super::{
    fault::Fault,
    record::{SessionRecord, decode_subscription, encode_subscription},
    work::Work,
};

/// Sessions in one answer to `Restore`.
const PAGE: usize = 256;

const SENT: u8 = 0;
const RELEASED: u8 = 1;

impl Work<'_> {
    pub(super) fn open_session(
        &mut self,
        client: &ClientKey,
        clean: bool,
        expiry_secs: u32,
        will: Option<Arc<Will>>,
    ) -> Result<Done, Fault> {
        let mut found = self.record(client)?;
        if let Some(old) = found.take_if(|_| clean) {
            self.end(client, old.number)?;
        }
        let known = found.as_ref().map(|record| self.session(record)).transpose()?.map(Box::new);
        let number = match found {
            Some(record) => record.number,
            None => self.begin_session(client)?,
        };
        let epoch = self.stamp();
        let record = SessionRecord { number, epoch, expiry_secs, expires_at: None, will_at: None, will };
        self.write(client, &record)?;
        Ok(Done::Opened(known))
    }

    fn begin_session(&mut self, client: &ClientKey) -> Result<u64, Fault> {
        let number = self.stamp();
        let instance = self.names.number(client.instance)?;
        self.tables.clients.insert(number, (instance, &*client.client_id))?;
        self.note_number(client, Some(number));
        Ok(number)
    }

    pub(super) fn detach(
        &mut self,
        client: &ClientKey,
        expiry_secs: u32,
        expires_at: Option<UnixMillis>,
        will_at: Option<UnixMillis>,
    ) -> Result<(), Fault> {
        let Some(record) = self.record(client)? else { return Ok(()) };
        let will = record.will.clone().filter(|_| will_at.is_some());
        self.write(client, &SessionRecord { expiry_secs, expires_at, will_at, will, ..record })
    }

    pub(super) fn save_session(
        &mut self,
        client: &ClientKey,
        subscribed: &[(Box<str>, Subscription)],
        unsubscribed: &[Box<str>],
    ) -> Result<(), Fault> {
        let Some(number) = self.number(client)? else { return Ok(()) };
        for filter in unsubscribed {
            self.tables.filters.remove((number, &**filter))?;
        }
        for (filter, granted) in subscribed {
            self.tables.filters.insert((number, &**filter), encode_subscription(granted))?;
        }
        Ok(())
    }

    pub(super) fn drop_session(&mut self, client: &ClientKey) -> Result<(), Fault> {
        match self.number(client)? {
            Some(number) => self.end(client, number),
            None => Ok(()),
        }
    }

    /// From now on nobody finds it. Its rows go later: a queue of a million must not hold everybody up.
    fn end(&mut self, client: &ClientKey, number: u64) -> Result<(), Fault> {
        let instance = self.names.number(client.instance)?;
        self.tables.sessions.remove((instance, &*client.client_id))?;
        self.tables.ended.insert(number, ())?;
        self.note_number(client, None);
        Ok(())
    }

    /// A page of the sessions of a shard. However many sessions others have, it is not empty unless it is the last.
    pub(super) fn restore(&mut self, shard: ShardId, after: Option<&ClientKey>) -> Result<Done, Fault> {
        let first = after.map_or(0, |client| client.instance.0);
        let (mut sessions, mut more) = (Vec::new(), false);
        for at in first..u16::try_from(self.names.0.len()).unwrap_or(u16::MAX) {
            let instance = InstanceIndex(at);
            let start = after.filter(|client| client.instance == instance).map(|client| &*client.client_id);
            more = self.restore_instance(shard, instance, start, &mut sessions)?;
            if more {
                break;
            }
        }
        Ok(Done::Restored { sessions, more })
    }

    /// Says whether there are more than the page holds.
    fn restore_instance(
        &self,
        shard: ShardId,
        instance: InstanceIndex,
        after: Option<&str>,
        page: &mut Vec<(ClientKey, StoredSession)>,
    ) -> Result<bool, Fault> {
        let number = self.names.number(instance)?;
        let start = after.map_or(Bound::Included((number, "")), |after| Bound::Excluded((number, after)));
        for row in self.tables.sessions.range((start, Bound::Excluded((number + 1, ""))))? {
            let (key, record) = row?;
            let client_id = key.value().1;
            if self.settings.shard_of(instance, client_id) != shard {
                continue;
            }
            if page.len() == PAGE {
                return Ok(true);
            }
            let stored = self.session(&SessionRecord::decode(record.value())?)?;
            page.push((ClientKey { instance, client_id: client_id.into() }, stored));
        }
        Ok(false)
    }

    fn record(&self, client: &ClientKey) -> Result<Option<SessionRecord>, Fault> {
        let key = (self.names.number(client.instance)?, &*client.client_id);
        self.tables.sessions.get(key)?.map(|bytes| SessionRecord::decode(bytes.value())).transpose()
    }

    fn write(&mut self, client: &ClientKey, record: &SessionRecord) -> Result<(), Fault> {
        let key = (self.names.number(client.instance)?, &*client.client_id);
        self.tables.sessions.insert(key, &*record.encode()?)?;
        Ok(())
    }

    /// The session as shards know it.
    fn session(&self, record: &SessionRecord) -> Result<StoredSession, Fault> {
        let number = record.number;
        // Sums may be newer in memory, positions as well.
        let next_seq = self.next_seq(number)?;
        let first = self.tables.queue.range((number, 0)..=(number, u64::MAX))?.next().transpose()?;
        Ok(StoredSession {
            subscriptions: self.subscriptions(number)?,
            inflight: self.exchanges(number)?,
            inbound: self.received(number)?,
            first_seq: first.map_or(next_seq, |(place, _)| place.value().1),
            next_seq,
            expiry_secs: record.expiry_secs,
            expires_at: record.expires_at,
            will: record.will.clone(),
            will_at: record.will_at,
        })
    }

    fn subscriptions(&self, number: u64) -> Result<Vec<(Box<str>, Subscription)>, Fault> {
        let rows = self.tables.filters.range((number, "")..(number + 1, ""))?;
        rows.map(|row| {
            let (key, options) = row?;
            Ok((key.value().1.into(), decode_subscription(options.value())?))
        })
        .collect()
    }

    fn exchanges(&self, number: u64) -> Result<Vec<(PacketId, StoredInflight)>, Fault> {
        let mut exchanges = Vec::new();
        for row in self.tables.exchanges.range((number, 0)..=(number, u16::MAX))? {
            let (key, value) = row?;
            let (begun, state, seq) = value.value();
            let id = PacketId::new(key.value().1).ok_or(Fault::Damaged("packet id"))?;
            let state = match state {
                SENT => StoredInflight::Sent(seq),
                RELEASED => StoredInflight::Released(seq),
                _ => return Err(Fault::Damaged("exchange")),
            };
            exchanges.push((begun, id, state));
        }
        exchanges.sort_unstable_by_key(|(begun, ..)| *begun);
        Ok(exchanges.into_iter().map(|(_, id, state)| (id, state)).collect())
    }

    fn received(&self, number: u64) -> Result<Vec<PacketId>, Fault> {
        let rows = self.tables.received.range((number, 0)..=(number, u16::MAX))?;
        rows.map(|row| PacketId::new(row?.0.value().1).ok_or(Fault::Damaged("packet id"))).collect()
    }

    pub(super) fn record_inbound(&mut self, client: &ClientKey, packet_id: PacketId) -> Result<(), Fault> {
        if let Some(number) = self.number(client)? {
            self.tables.received.insert((number, packet_id.value()), ())?;
        }
        Ok(())
    }

    pub(super) fn release_inbound(&mut self, client: &ClientKey, packet_id: PacketId) -> Result<(), Fault> {
        if let Some(number) = self.number(client)? {
            self.tables.received.remove((number, packet_id.value()))?;
        }
        Ok(())
    }

    pub(super) fn set_inflight(
        &mut self,
        client: &ClientKey,
        packet_id: PacketId,
        state: Option<StoredInflight>,
    ) -> Result<(), Fault> {
        let Some(number) = self.number(client)? else { return Ok(()) };
        let key = (number, packet_id.value());
        let known = self.tables.exchanges.remove(key)?.map(|value| value.value());
        let begun = known.map(|(begun, ..)| begun);
        match state {
            Some(StoredInflight::Sent(seq)) => self.set_exchange(key, begun, SENT, seq),
            Some(StoredInflight::Released(seq)) => {
                self.remove((number, seq))?;
                self.set_exchange(key, begun, RELEASED, seq)
            }
            None => match known {
                Some((_, SENT, seq)) => self.remove((number, seq)).map(drop),
                _ => Ok(()),
            },
            Some(_) => Err(Fault::Damaged("exchange")),
        }
    }

    fn set_exchange(&mut self, key: (u64, u16), begun: Option<u64>, state: u8, seq: u64) -> Result<(), Fault> {
        let begun = begun.unwrap_or_else(|| self.stamp());
        self.tables.exchanges.insert(key, (begun, state, seq))?;
        Ok(())
    }
}
