//! `gateway store purge`.

use lmq_broker::{ClientKey, InstanceIndex};
use lmq_codec::{TopicFilter, TopicName};
use redb::{ReadableDatabase, ReadableTable};

use super::{Opened, offline::Offline};
use crate::{
    cli::PurgeArgs,
    config::environment,
    error::Error,
    store::{
        fault::Fault,
        record::{QueueRecord, decode_message},
        tables::{CLIENTS, MESSAGES, Place, QUEUE, RETAINED, SESSIONS},
    },
};

/// Places and sessions in one transaction.
const SLICE: usize = 4096;

pub(super) fn run(args: &PurgeArgs, opened: Opened) -> Result<String, Error> {
    let instance = match &args.instance {
        Some(instance) => Some(instance.clone()),
        None => environment::text("instance")?,
    };
    let purge = || -> Result<Result<String, Error>, Fault> {
        let offline = Offline::new(&opened.database)?;
        let instances: Vec<u16> = (0..)
            .zip(&offline.settings.instances)
            .filter(|(_, known)| instance.as_ref().is_none_or(|wanted| **wanted == *known.name))
            .map(|(at, _)| at)
            .collect();
        if instances.is_empty() {
            return Ok(Err(Error::new("--instance: the store has nothing of this instance")));
        }
        let purge = Purge { opened: &opened, offline, instances };
        Ok(match (&args.what.client, &args.what.group, &args.what.topic) {
            (Some(client), ..) => Ok(purge.sessions(|client_id| client_id == client)?),
            (_, Some(group), _) => {
                let prefix = format!("{group}@@@");
                Ok(purge.sessions(|client_id| client_id.starts_with(&prefix))?)
            }
            (.., Some(filter)) => match TopicFilter::new(filter) {
                Ok(filter) => Ok(purge.messages(filter)?),
                Err(error) => Err(Error::new(format_args!("--topic: {error}"))),
            },
            _ => Err(Error::new("purge needs --client, --group or --topic")),
        })
    };
    purge().unwrap_or_else(|fault| Err(opened.failed(&fault)))
}

struct Purge<'o> {
    opened: &'o Opened,
    offline: Offline<'o>,
    /// By their places in the offline settings.
    instances: Vec<u16>,
}

impl Purge<'_> {
    fn sessions(&self, wanted: impl Fn(&str) -> bool) -> Result<String, Fault> {
        let mut found = Vec::new();
        let transaction = self.opened.database.begin_read()?;
        let table = transaction.open_table(SESSIONS)?;
        for instance in self.instances.iter().copied().map(InstanceIndex) {
            let number = self.offline.names.number(instance)?;
            for row in ReadableTable::range(&table, (number, "")..(number + 1, ""))? {
                let (key, _) = row?;
                let client_id = key.value().1;
                if wanted(client_id) {
                    found.push(ClientKey { instance, client_id: client_id.into() });
                }
            }
        }
        drop((table, transaction));
        for some in found.chunks(SLICE) {
            self.offline.change(|work| some.iter().try_for_each(|client| work.drop_session(client)))?;
        }
        // What they left goes at once: nobody serves meanwhile.
        while self.offline.change(|work| work.clear_left_over())? {}
        Ok(format!("{} sessions removed\n", found.len()))
    }

    fn messages(&self, filter: TopicFilter<'_>) -> Result<String, Fault> {
        let (mut after, mut removed): (Option<Place>, u64) = (None, 0);
        loop {
            let (found, last) = self.matching(filter, after)?;
            if !found.is_empty() {
                self.offline.change(|work| found.iter().try_for_each(|place| work.remove(*place).map(drop)))?;
            }
            removed += found.len() as u64;
            match last {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        let retained = self.retained(filter)?;
        Ok(format!("{removed} waiting messages and {retained} retained messages removed\n"))
    }

    /// Some places whose messages match, and the last one that was looked at, unless that was the last of all.
    fn matching(&self, filter: TopicFilter<'_>, after: Option<Place>) -> Result<(Vec<Place>, Option<Place>), Fault> {
        let transaction = self.opened.database.begin_read()?;
        let (queue, messages) = (transaction.open_table(QUEUE)?, transaction.open_table(MESSAGES)?);
        let clients = transaction.open_table(CLIENTS)?;
        let first = after.map_or((0, 0), |(number, seq)| (number, seq + 1));
        let (mut found, mut looked, mut last) = (Vec::new(), 0, None);
        for row in ReadableTable::range(&queue, first..)? {
            let (place, record) = row?;
            let place = place.value();
            looked += 1;
            if looked > SLICE {
                return Ok((found, last));
            }
            last = Some(place);
            let client = ReadableTable::get(&clients, place.0)?.ok_or(Fault::Damaged("client of a queue"))?;
            let instance = self.offline.names.index(client.value().0);
            let Some(instance) = instance.filter(|instance| self.instances.contains(&instance.0)) else { continue };
            let id = QueueRecord::decode(record.value())?.message;
            let body = ReadableTable::get(&messages, id)?.ok_or(Fault::Damaged("message of a queue"))?;
            let message = decode_message(id, instance, body.value())?;
            if TopicName::new(&message.topic).is_ok_and(|topic| filter.matches(topic)) {
                found.push(place);
            }
        }
        Ok((found, None))
    }

    fn retained(&self, filter: TopicFilter<'_>) -> Result<usize, Fault> {
        let transaction = self.opened.database.begin_read()?;
        let table = transaction.open_table(RETAINED)?;
        let mut found = Vec::new();
        for instance in self.instances.iter().copied().map(InstanceIndex) {
            let number = self.offline.names.number(instance)?;
            for row in ReadableTable::range(&table, (number, "")..(number + 1, ""))? {
                let (key, _) = row?;
                let topic = key.value().1;
                if TopicName::new(topic).is_ok_and(|topic| filter.matches(topic)) {
                    found.push((instance, topic.to_owned()));
                }
            }
        }
        drop((table, transaction));
        for some in found.chunks(SLICE) {
            self.offline.change(|work| {
                some.iter().try_for_each(|(instance, topic)| work.set_retained(*instance, topic, 0, None))
            })?;
        }
        Ok(found.len())
    }
}
