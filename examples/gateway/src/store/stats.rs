//! What is in the file, in numbers.

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableError};

use super::{
    fault::Fault,
    tables::{AGES, ENDED, EXCHANGES, FILTERS, INSTANCES, MESSAGES, META, QUEUE, RECEIVED, RETAINED, SESSIONS, meta},
};

/// Rows of the file, by what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) sessions: u64,
    pub(crate) filters: u64,
    /// Places in queues: a message in two queues counts twice.
    pub(crate) places: u64,
    pub(crate) messages: u64,
    pub(crate) exchanges: u64,
    pub(crate) received: u64,
    pub(crate) retained: u64,
    /// Sessions that ended and whose rows are not all cleared away.
    pub(crate) ended: u64,
    pub(crate) transactions: u64,
    /// Instances by name, with their sessions and places in queues.
    pub(crate) instances: Vec<(String, u64, u64)>,
    /// When the oldest message that waits was stored, in milliseconds since 1970.
    pub(crate) oldest: Option<u64>,
    /// Bytes of the pages that hold something.
    pub(crate) bytes_used: u64,
}

/// Reads them.
pub(super) fn of(database: &Database) -> Result<Stats, Fault> {
    let mut stats = Stats::default();
    let transaction = database.begin_read()?;
    macro_rules! rows {
        ($($field:ident: $table:ident,)*) => {
            $(stats.$field = match transaction.open_table($table) {
                Ok(table) => table.len()?,
                Err(TableError::TableDoesNotExist(_)) => 0,
                Err(error) => return Err(error.into()),
            };)*
        };
    }
    rows! {
        filters: FILTERS,
        places: QUEUE,
        messages: MESSAGES,
        exchanges: EXCHANGES,
        received: RECEIVED,
        retained: RETAINED,
        ended: ENDED,
        sessions: SESSIONS,
    }
    // A file of ours has them all, or none.
    if let Ok(table) = transaction.open_table(META) {
        stats.transactions = ReadableTable::get(&table, meta::COMMITS)?.map_or(0, |value| value.value());
    }
    if let (Ok(instances), Ok(sessions), Ok(ages)) =
        (transaction.open_table(INSTANCES), transaction.open_table(SESSIONS), transaction.open_table(AGES))
    {
        for row in instances.iter()? {
            let (name, number) = row?;
            let number = number.value();
            let own = ReadableTable::range(&sessions, (number, "")..(number + 1, ""))?.count() as u64;
            let mut places = ReadableTable::range(&ages, (number, 0)..=(number, u64::MAX))?;
            let oldest = places.next().transpose()?.map(|(_, row)| row.value().2);
            let count = places.count() as u64 + u64::from(oldest.is_some());
            stats.instances.push((name.value().to_owned(), own, count));
            stats.oldest = stats.oldest.into_iter().chain(oldest).min();
        }
    }
    drop(transaction);
    let written = database.begin_write()?;
    let pages = written.stats()?;
    stats.bytes_used = pages.allocated_pages() * pages.page_size() as u64;
    written.abort()?;
    Ok(stats)
}
