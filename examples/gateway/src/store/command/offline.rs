//! Work on the file without a broker.

use lmq_broker::{Instance, Profile, Settings, UnixMillis};
use redb::{Database, ReadableDatabase, ReadableTable};

use crate::store::{
    Keep,
    database::begin,
    fault::Fault,
    tables::INSTANCES,
    work::{Names, Work},
};

/// All instances that the file knows, in the place of those that are configured.
pub(super) struct Offline<'d> {
    database: &'d Database,
    pub(super) settings: Settings,
    pub(super) names: Names,
    keep: Keep,
}

impl<'d> Offline<'d> {
    pub(super) fn new(database: &'d Database) -> Result<Self, Fault> {
        let transaction = database.begin_read()?;
        let mut settings = Settings::new(Profile::mqtt(), 1);
        settings.instances.clear();
        let mut names = Names::default();
        for row in transaction.open_table(INSTANCES)?.iter()? {
            let (name, number) = row?;
            settings.instances.push(Instance { name: name.value().into(), ..Instance::default() });
            names.0.push(number.value());
        }
        Ok(Self { database, settings, names, keep: Keep::default() })
    }

    /// A transaction that changes nothing.
    pub(super) fn read<R>(&self, read: impl FnOnce(&mut Work<'_>) -> Result<R, Fault>) -> Result<R, Fault> {
        let transaction = begin(self.database)?;
        let result = {
            let mut work = Work::begin(&transaction, &self.settings, &self.names, &self.keep, UnixMillis::new(0))?;
            read(&mut work)?
        };
        transaction.abort()?;
        Ok(result)
    }

    /// One transaction.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Work<'_>) -> Result<R, Fault>) -> Result<R, Fault> {
        let transaction = begin(self.database)?;
        // The moment counts only for what is given up for its age, which nothing is here.
        let mut work = Work::begin(&transaction, &self.settings, &self.names, &self.keep, UnixMillis::new(0))?;
        let result = change(&mut work)?;
        work.finish()?;
        transaction.commit()?;
        Ok(result)
    }
}
