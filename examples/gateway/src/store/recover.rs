//! What is done when the disk failed: finding out what took place, and when it works again.

use std::time::Instant;

use lmq_broker::UnixMillis;
use redb::{ReadableDatabase, TableDefinition};

use super::{
    database::{Store, begin},
    fault::Fault,
    tables::{meta, read_meta},
    work::Work,
};

/// Attempts to find out whether a failed commit took place.
const RESOLVE_ATTEMPTS: u32 = 3;
/// Something of a size that tells a full disk, written and removed.
const PROBE: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("probe");
const PROBE_BYTES: usize = 256 * 1024;

impl Store {
    /// Tries whether the disk works again, if it did not.
    pub(crate) fn heal(&mut self) {
        if self.trouble.is_none() {
            return;
        }
        match self.reopened().and_then(|()| self.probe()) {
            Ok(()) => {
                tracing::info!("the store works again");
                (self.trouble, self.quiet_until) = (None, None);
            }
            Err(fault) => {
                self.trouble = Some(fault.to_string());
                self.database = None;
            }
        }
    }

    /// Why operations fail; `None` while they do not.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether a transaction took place whose commit failed; `None` if that cannot be found out.
    ///
    /// What the file says is believed only after another commit: what a failed sync left may be in no more than memory.
    pub(super) fn resolve(&mut self, number: u64) -> Option<bool> {
        for attempt in 0..RESOLVE_ATTEMPTS {
            if attempt > 0 {
                std::thread::sleep(self.resolve_pause);
            }
            let found = self.reopened().and_then(|()| self.commits());
            match found.and_then(|commits| self.mark().map(|()| commits)) {
                Ok(commits) => return Some(commits >= number),
                Err(_) => self.database = None,
            }
        }
        None
    }

    fn commits(&self) -> Result<u64, Fault> {
        let Some(database) = &self.database else { return Err(Fault::Disk("not open".to_owned())) };
        Ok(read_meta(&database.begin_read()?, meta::COMMITS)?.unwrap_or(0))
    }

    /// A commit of nothing but its number.
    fn mark(&self) -> Result<(), Fault> {
        let Some(database) = &self.database else { return Err(Fault::Disk("not open".to_owned())) };
        let transaction = begin(database)?;
        let mut work = Work::begin(&transaction, &self.settings, &self.names, &self.keep, UnixMillis::new(0))?;
        work.wrote = true;
        work.finish()?;
        Ok(transaction.commit()?)
    }

    fn probe(&self) -> Result<(), Fault> {
        let Some(database) = &self.database else { return Err(Fault::Disk("not open".to_owned())) };
        let written = begin(database)?;
        written.open_table(PROBE)?.insert(0, &*vec![0; PROBE_BYTES])?;
        written.commit()?;
        let removed = begin(database)?;
        removed.open_table(PROBE)?.remove(0)?;
        Ok(removed.commit()?)
    }

    pub(super) fn reopened(&mut self) -> Result<(), Fault> {
        if self.database.is_none() {
            self.database = Some(self.medium.open()?);
        }
        Ok(())
    }

    pub(super) fn note_trouble(&mut self, fault: &Fault) {
        self.quiet_until = Some(Instant::now() + self.quiet);
        if self.trouble.replace(fault.to_string()).is_none() {
            tracing::error!(%fault, "the store fails: what needs it is refused until it works again");
        }
    }
}
