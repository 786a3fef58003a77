//! `gateway store check`: every page, then every row against those it must agree with.

use std::collections::HashMap;

use lmq_broker::InstanceIndex;
use redb::{Database, ReadableDatabase, ReadableTable};

use super::{Opened, failed};
use crate::{
    error::Error,
    store::{
        fault::Fault,
        record::{QueueRecord, SessionRecord, decode_message, decode_subscription},
        tables::{
            AGES, CLIENTS, ENDED, FILTERS, HOLDERS, MESSAGES, META, PAIRS, QUEUE, QUEUES, SCHEMA, SESSIONS, meta,
        },
    },
};

/// So many things are said; the rest is counted.
const SAID_MAX: usize = 100;

pub(super) fn run(mut opened: Opened) -> Result<String, Vec<Error>> {
    let path = opened.path.display().to_string();
    let whole = opened.database.check_integrity().map_err(|error| vec![failed(&opened.path, &error)])?;
    let mut report = Report::default();
    if !whole {
        report.say("pages were not as they should be, and were repaired".to_owned());
    }
    rows(&opened.database, &mut report).map_err(|fault| vec![opened.failed(&fault)])?;
    if report.problems == 0 {
        return Ok(format!("{path}: {} rows, no problem found\n", report.rows));
    }
    let mut errors: Vec<_> = report.said.iter().map(|problem| failed(&opened.path, problem)).collect();
    if report.problems > errors.len() {
        errors.push(failed(&opened.path, &format_args!("{} more", report.problems - errors.len())));
    }
    Err(errors)
}

#[derive(Debug, Default)]
struct Report {
    rows: u64,
    problems: usize,
    said: Vec<String>,
}

impl Report {
    fn say(&mut self, problem: String) {
        self.problems += 1;
        if self.said.len() < SAID_MAX {
            self.said.push(problem);
        }
    }

    fn demand(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        self.rows += 1;
        if !holds {
            self.say(problem());
        }
    }
}

fn rows(database: &Database, report: &mut Report) -> Result<(), Fault> {
    let transaction = database.begin_read()?;
    let schema = transaction.open_table(META)?;
    let schema = ReadableTable::get(&schema, meta::SCHEMA)?.map(|value| value.value());
    if schema != Some(SCHEMA) {
        report.say(format!("the version of the layout is {schema:?} instead of {SCHEMA}"));
        return Ok(());
    }
    sessions(&transaction, report)?;
    let (held, queues, pairs) = places(&transaction, report)?;
    messages(&transaction, report, &held)?;
    for row in transaction.open_table(QUEUES)?.iter()? {
        let (number, sums) = row?;
        let (number, (next, count, bytes)) = (number.value(), sums.value());
        let found = queues.get(&number).copied().unwrap_or_default();
        let agrees = (found.count, found.bytes) == (count, bytes) && found.end <= next;
        report.demand(agrees, || {
            format!("queue {number}: {count} messages, {bytes} bytes, next {next}: found {found:?}")
        });
    }
    for row in transaction.open_table(PAIRS)?.iter()? {
        let (instance, count) = row?;
        let found = pairs.get(&instance.value()).copied().unwrap_or(0);
        report.demand(found == count.value(), || {
            format!("instance {}: {} places instead of {found}", instance.value(), count.value())
        });
    }
    Ok(())
}

fn sessions(transaction: &redb::ReadTransaction, report: &mut Report) -> Result<(), Fault> {
    let clients = transaction.open_table(CLIENTS)?;
    let ended = transaction.open_table(ENDED)?;
    for row in transaction.open_table(SESSIONS)?.iter()? {
        let (key, record) = row?;
        let key = key.value();
        let name = format!("session of {:?} in instance {}", key.1, key.0);
        match SessionRecord::decode(record.value()) {
            Ok(record) => {
                let client = ReadableTable::get(&clients, record.number)?;
                let same = client.is_some_and(|client| client.value() == key);
                report.demand(same, || format!("{name}: number {} is that of another one", record.number));
                let over = ReadableTable::get(&ended, record.number)?.is_some();
                report.demand(!over, || format!("{name}: number {} has ended", record.number));
            }
            Err(fault) => report.say(format!("{name}: {fault}")),
        }
    }
    for row in transaction.open_table(FILTERS)?.iter()? {
        let (key, options) = row?;
        let known = ReadableTable::get(&clients, key.value().0)?.is_some();
        let good = decode_subscription(options.value()).is_ok();
        report.demand(known && good, || format!("filter {:?} of session {}", key.value().1, key.value().0));
    }
    Ok(())
}

/// What was counted in one queue.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    count: u64,
    bytes: u64,
    end: u64,
}

type Counted = (HashMap<u128, u32>, HashMap<u64, Found>, HashMap<u32, u64>);

/// Places by message, by queue and by instance.
fn places(transaction: &redb::ReadTransaction, report: &mut Report) -> Result<Counted, Fault> {
    let (mut held, mut queues, mut pairs) = Counted::default();
    let (clients, ages) = (transaction.open_table(CLIENTS)?, transaction.open_table(AGES)?);
    for row in transaction.open_table(QUEUE)?.iter()? {
        let (place, record) = row?;
        let place = place.value();
        let record = match QueueRecord::decode(record.value()) {
            Ok(record) => record,
            Err(fault) => {
                report.say(format!("queue {}, position {}: {fault}", place.0, place.1));
                continue;
            }
        };
        let Some(instance) = ReadableTable::get(&clients, place.0)?.map(|client| client.value().0) else {
            report.say(format!("queue {} is nobody's", place.0));
            continue;
        };
        *held.entry(record.message).or_default() += 1;
        *pairs.entry(instance).or_default() += 1;
        let queue: &mut Found = queues.entry(place.0).or_default();
        queue.count += 1;
        queue.bytes += u64::from(record.weight);
        queue.end = queue.end.max(place.1 + 1);
        let age = ReadableTable::get(&ages, (instance, record.stamp))?.map(|row| row.value());
        let same = age.is_some_and(|(number, seq, _)| (number, seq) == place);
        report.demand(same, || format!("queue {}, position {}: no age", place.0, place.1));
    }
    Ok((held, queues, pairs))
}

fn messages(transaction: &redb::ReadTransaction, report: &mut Report, held: &HashMap<u128, u32>) -> Result<(), Fault> {
    let holders = transaction.open_table(HOLDERS)?;
    let mut found = 0;
    for row in transaction.open_table(MESSAGES)?.iter()? {
        let (id, body) = row?;
        let id = id.value();
        if let Err(fault) = decode_message(id, InstanceIndex(0), body.value()) {
            report.say(format!("message {id:x}: {fault}"));
        }
        let counted = ReadableTable::get(&holders, id)?.map_or(1, |count| count.value());
        let expected = held.get(&id).copied().unwrap_or(0);
        found += usize::from(expected > 0);
        report.demand(counted == expected, || format!("message {id:x} is held {expected} times, not {counted}"));
    }
    report.demand(found == held.len(), || format!("{} messages of queues are missing", held.len() - found));
    Ok(())
}
