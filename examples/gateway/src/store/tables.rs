//! What is in the file, table by table.
//!
//! Sessions are numbered when they begin, and a number is never used again: whatever belongs to a session stands under its number, and a
//! session is ended by forgetting the number; its rows are cleared away later, some at a time.
//!
//! ```text
//!   sessions   (instance, client id)  ─▶ record with number, expiry, will     queue     (number, position) ─▶ message id, options
//!   clients    number                 ─▶ (instance, client id)                queues    number             ─▶ next position, sums
//!   filters    (number, filter)       ─▶ options                              messages  message id         ─▶ the message, once
//!   exchanges  (number, packet id)    ─▶ outbound QoS 2                       holders   message id         ─▶ queues that hold it, if not one
//!   received   (number, packet id)    ─▶ inbound QoS 2                        ages      (instance, stamp)  ─▶ place in a queue, by age
//!   ended      number                 ─▶ to be cleared away                   expiring  (moment, stamp)    ─▶ place in a queue
//!   retained   (instance, topic)      ─▶ version, message                     pairs     instance           ─▶ places in queues
//!   instances  name                   ─▶ number                               meta      name               ─▶ number
//! ```

use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, TableError, WriteTransaction};

/// The version of this layout. A file with another one is refused.
pub(super) const SCHEMA: u64 = 1;

/// Names in `meta`.
pub(super) mod meta {
    /// [`SCHEMA`](super::SCHEMA).
    pub(in crate::store) const SCHEMA: &str = "schema";
    /// Transactions so far: says after a failed commit whether it took place.
    pub(in crate::store) const COMMITS: &str = "commits";
    /// The next number or stamp; none was used twice.
    pub(in crate::store) const NEXT: &str = "next";
}

/// A place in a queue: the number of the session and the position.
pub(super) type Place = (u64, u64);

pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
pub(super) const INSTANCES: TableDefinition<'_, &str, u32> = TableDefinition::new("instances");
pub(super) const SESSIONS: TableDefinition<'_, (u32, &str), &[u8]> = TableDefinition::new("sessions");
pub(super) const CLIENTS: TableDefinition<'_, u64, (u32, &str)> = TableDefinition::new("clients");
pub(super) const FILTERS: TableDefinition<'_, (u64, &str), (u8, u32)> = TableDefinition::new("filters");
pub(super) const EXCHANGES: TableDefinition<'_, (u64, u16), (u64, u8, u64)> = TableDefinition::new("exchanges");
pub(super) const RECEIVED: TableDefinition<'_, (u64, u16), ()> = TableDefinition::new("received");
pub(super) const ENDED: TableDefinition<'_, u64, ()> = TableDefinition::new("ended");
pub(super) const QUEUE: TableDefinition<'_, Place, &[u8]> = TableDefinition::new("queue");
pub(super) const QUEUES: TableDefinition<'_, u64, (u64, u64, u64)> = TableDefinition::new("queues");
pub(super) const MESSAGES: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("messages");
pub(super) const HOLDERS: TableDefinition<'_, u128, u32> = TableDefinition::new("holders");
pub(super) const AGES: TableDefinition<'_, (u32, u64), (u64, u64, u64)> = TableDefinition::new("ages");
pub(super) const EXPIRING: TableDefinition<'_, (u64, u64), Place> = TableDefinition::new("expiring");
pub(super) const RETAINED: TableDefinition<'_, (u32, &str), &[u8]> = TableDefinition::new("retained");
pub(super) const PAIRS: TableDefinition<'_, u32, u64> = TableDefinition::new("pairs");

macro_rules! tables {
    ($($name:ident: $definition:ident, $key:ty, $value:ty;)*) => {
        /// All tables of a transaction that writes.
        pub(super) struct Tables<'t> {
            $(pub(super) $name: Table<'t, $key, $value>,)*
        }

        impl<'t> Tables<'t> {
            /// Opens all tables; those that are not there are made.
            pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, TableError> {
                Ok(Self { $($name: transaction.open_table($definition)?,)* })
            }
        }
    };
}

tables! {
    meta: META, &'static str, u64;
    instances: INSTANCES, &'static str, u32;
    sessions: SESSIONS, (u32, &'static str), &'static [u8];
    clients: CLIENTS, u64, (u32, &'static str);
    filters: FILTERS, (u64, &'static str), (u8, u32);
    exchanges: EXCHANGES, (u64, u16), (u64, u8, u64);
    received: RECEIVED, (u64, u16), ();
    ended: ENDED, u64, ();
    queue: QUEUE, Place, &'static [u8];
    queues: QUEUES, u64, (u64, u64, u64);
    messages: MESSAGES, u128, &'static [u8];
    holders: HOLDERS, u128, u32;
    ages: AGES, (u32, u64), (u64, u64, u64);
    expiring: EXPIRING, (u64, u64), Place;
    retained: RETAINED, (u32, &'static str), &'static [u8];
    pairs: PAIRS, u32, u64;
}

/// A number of `meta`; `None` where it was never written.
pub(super) fn read_meta(transaction: &ReadTransaction, name: &str) -> Result<Option<u64>, TableError> {
    match transaction.open_table(META) {
        Ok(table) => Ok(ReadableTable::get(&table, name)?.map(|value| value.value())),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
