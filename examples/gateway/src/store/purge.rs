//! What is given up for age and for want of room, and what ended sessions left: in small slices.

use lmq_broker::Evicted;
use redb::{ReadTransaction, ReadableTable, TableError};

use super::{
    Keep,
    fault::Fault,
    tables::{AGES, ENDED, EXPIRING, Place},
    work::Work,
};

/// Rows that one slice clears away.
const SLICE: usize = 512;

/// Whether a slice would find something to do; reads only.
pub(super) fn is_due(transaction: &ReadTransaction, keep: &Keep, instances: &[u32], now: u64) -> Result<bool, Fault> {
    let opened = (transaction.open_table(ENDED), transaction.open_table(EXPIRING), transaction.open_table(AGES));
    let (ended, expiring, ages) = match opened {
        (Ok(ended), Ok(expiring), Ok(ages)) => (ended, expiring, ages),
        (Err(TableError::TableDoesNotExist(_)), ..) => return Ok(false),
        (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => return Err(error.into()),
    };
    if ended.first()?.is_some() || expiring.first()?.is_some_and(|(key, _)| key.value().0 <= now) {
        return Ok(true);
    }
    for instance in instances {
        let oldest = ReadableTable::range(&ages, (*instance, 0)..=(*instance, u64::MAX))?.next().transpose()?;
        if oldest.is_some_and(|(_, row)| keep.is_too_old(row.value().2, now)) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Work<'_> {
    /// Clears some of it away.
    pub(super) fn purge(&mut self) -> Result<(), Fault> {
        let mut left = SLICE;
        self.clear_ended(&mut left)?;
        self.clear_expired(&mut left)?;
        for instance in self.names.0.clone() {
            self.clear_old(instance, &mut left)?;
        }
        Ok(())
    }

    /// Clears away some of what ended sessions left, and says whether there is more.
    pub(super) fn clear_left_over(&mut self) -> Result<bool, Fault> {
        let mut left = 8 * SLICE;
        self.clear_ended(&mut left)?;
        Ok(left == 0)
    }

    fn clear_ended(&mut self, left: &mut usize) -> Result<(), Fault> {
        while *left > 0 {
            let Some(number) = self.tables.ended.first()?.map(|(number, _)| number.value()) else { return Ok(()) };
            self.wrote = true;
            if self.clear_session(number, left)? {
                self.forget_queue(number);
                self.tables.queues.remove(number)?;
                self.tables.clients.remove(number)?;
                self.tables.ended.remove(number)?;
            }
        }
        Ok(())
    }

    /// Says whether nothing is left.
    fn clear_session(&mut self, number: u64, left: &mut usize) -> Result<bool, Fault> {
        while *left > 0 {
            let first = self.tables.queue.range((number, 0)..=(number, u64::MAX))?.next().transpose()?;
            let Some(place) = first.map(|(place, _)| place.value()) else { break };
            self.remove(place)?;
            *left -= 1;
        }
        while *left > 0 {
            let first = self.tables.filters.range((number, "")..(number + 1, ""))?.next().transpose()?;
            let Some(filter) = first.map(|(key, _)| key.value().1.to_owned()) else { break };
            self.tables.filters.remove((number, &*filter))?;
            *left -= 1;
        }
        if *left == 0 {
            return Ok(false);
        }
        // Packet ids: as many as there are windows, at most.
        self.tables.exchanges.retain_in((number, 0)..=(number, u16::MAX), |_, _| false)?;
        self.tables.received.retain_in((number, 0)..=(number, u16::MAX), |_, ()| false)?;
        *left -= 1;
        Ok(true)
    }

    fn clear_expired(&mut self, left: &mut usize) -> Result<(), Fault> {
        while *left > 0 {
            let first = self.tables.expiring.first()?.map(|(key, place)| (key.value(), place.value()));
            let Some((key, place)) = first.filter(|((at, _), _)| *at <= self.now.value()) else { return Ok(()) };
            self.give_up(place)?;
            self.tables.expiring.remove(key)?;
            *left -= 1;
        }
        Ok(())
    }

    fn clear_old(&mut self, instance: u32, left: &mut usize) -> Result<(), Fault> {
        while *left > 0 {
            let Some((stamp, place, at)) = self.oldest(instance)? else { return Ok(()) };
            let too_many = self.pairs(instance)? > self.keep.instance_messages_max;
            if !too_many && !self.keep.is_too_old(at, self.now.value()) {
                return Ok(());
            }
            self.give_up(place)?;
            self.tables.ages.remove((instance, stamp))?;
            *left -= 1;
        }
        Ok(())
    }

    /// The oldest messages of an instance give way to its newest; a lower limit than before takes effect a slice at a time.
    pub(super) fn keep_within_instance(&mut self, instance: u32) -> Result<(), Fault> {
        if self.pairs(instance)? > self.keep.instance_messages_max {
            let mut left = SLICE;
            self.clear_old(instance, &mut left)?;
        }
        Ok(())
    }

    fn oldest(&self, instance: u32) -> Result<Option<(u64, Place, u64)>, Fault> {
        let first = self.tables.ages.range((instance, 0)..=(instance, u64::MAX))?.next().transpose()?;
        Ok(first.map(|(key, row)| {
            let (number, seq, at) = row.value();
            (key.value().1, (number, seq), at)
        }))
    }

    fn give_up(&mut self, place: Place) -> Result<(), Fault> {
        self.wrote = true;
        if !self.remove(place)? {
            return Ok(());
        }
        let Some(client) = self.client(place.0)? else { return Ok(()) };
        match self.aged.last_mut().filter(|last| last.client == client) {
            Some(last) => last.seqs.push(place.1),
            None => self.aged.push(Evicted { client, seqs: vec![place.1] }),
        }
        Ok(())
    }
}
