//! The file, opened, and the transactions on it.

use std::{
    collections::BTreeSet,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use lmq_broker::{Done, Evicted, Failed, Instance, InstanceIndex, Settings, ShardId, StoreOp, UnixMillis};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, WriteTransaction};

use super::{
    Keep,
    fault::Fault,
    purge,
    tables::{SCHEMA, Tables, meta},
    work::{Names, Work},
};

/// After a failure operations that write fail at once for so long: a disk in trouble is not asked a thousand times a second.
const QUIET: Duration = Duration::from_millis(250);
const RESOLVE_PAUSE: Duration = Duration::from_millis(50);

/// Opens the database, again after every failure: redb does nothing more once its file failed it.
pub(crate) trait Medium: fmt::Debug + Send {
    /// Opens the database, or makes it.
    fn open(&self) -> Result<Database, DatabaseError>;
}

/// One operation of a shard.
#[derive(Debug)]
pub(crate) struct Request<T> {
    pub(crate) shard: ShardId,
    /// How many failures the shard had been told of when it handed the operation out.
    pub(crate) era: u64,
    /// Names it in the answer.
    pub(crate) ticket: T,
    pub(crate) op: StoreOp,
}

/// What becomes of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer<T> {
    pub(crate) shard: ShardId,
    pub(crate) era: u64,
    pub(crate) ticket: T,
    pub(crate) result: Result<Done, Failed>,
    /// Given up for it: to be told before the answer.
    pub(crate) evicted: Vec<Evicted>,
}

/// The store, used by one thread.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) medium: Box<dyn Medium>,
    pub(super) database: Option<Database>,
    pub(super) settings: Arc<Settings>,
    pub(super) names: Names,
    pub(super) keep: Keep,
    /// By shard: operations of earlier eras fail.
    fences: Vec<u64>,
    pub(super) trouble: Option<String>,
    pub(super) quiet_until: Option<Instant>,
    pub(super) quiet: Duration,
    pub(super) resolve_pause: Duration,
    /// A damaged record stands in the way of the purge.
    purge_stopped: bool,
}

/// What a transaction did.
struct Filled {
    /// By operation; `None` where it was not tried.
    results: Vec<Option<(Done, Vec<Evicted>)>>,
    /// Given up for age, or for an instance.
    aged: Vec<Evicted>,
    /// The number of the transaction, if something was written.
    written: Option<u64>,
}

/// How a transaction ended.
enum Attempt {
    Done(Filled),
    /// This operation found a damaged record; nothing was carried out.
    Rejected(usize, Fault),
    /// The purge did; nothing was carried out.
    PurgeRejected(Fault),
    /// Nothing was carried out, but where it says [`Failed::TimedOut`]: then nobody knows.
    Failed(Failed, Fault),
}

impl Filled {
    fn nothing(operations: usize) -> Self {
        Self { results: (0..operations).map(|_| None).collect(), aged: Vec::new(), written: None }
    }
}

impl Store {
    /// Opens the store for a broker with these settings. An error says why it cannot be served.
    pub(crate) fn open(medium: Box<dyn Medium>, settings: Arc<Settings>, keep: Keep) -> Result<Self, String> {
        let database = medium.open().map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => "it is in use by another process".to_owned(),
            error => error.to_string(),
        })?;
        let fences = vec![0; usize::from(settings.shards)];
        let mut store = Self {
            medium,
            database: Some(database),
            settings,
            names: Names::default(),
            keep,
            fences,
            trouble: None,
            quiet_until: None,
            quiet: QUIET,
            resolve_pause: RESOLVE_PAUSE,
            purge_stopped: false,
        };
        store.prepare()?;
        Ok(store)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Makes an instance known that was added, and the next write numbers it; of one that was there nothing changes here.
    pub(super) fn set_instance(&mut self, index: InstanceIndex, instance: Instance) {
        if usize::from(index.0) == self.settings.instances.len() {
            Arc::make_mut(&mut self.settings).instances.push(instance);
        }
    }

    /// Carries operations out in one transaction, those of each shard in their order, and answers all of them. The second value was given up
    /// for other reasons than one of them.
    pub(crate) fn execute<T>(&mut self, requests: Vec<Request<T>>, now: UnixMillis) -> (Vec<Answer<T>>, Vec<Evicted>) {
        let mut verdicts: Vec<Option<Failed>> = requests.iter().map(|request| self.is_fenced(request)).collect();
        let Filled { mut results, aged, .. } = loop {
            match self.attempt(&requests, &verdicts, now) {
                Attempt::Done(filled) => break filled,
                Attempt::Rejected(at, fault) => {
                    tracing::error!(%fault, "the store cannot carry out an operation");
                    self.fail_from(at, fault.failed(), &requests, &mut verdicts);
                }
                Attempt::PurgeRejected(fault) => {
                    tracing::error!(%fault, "the store cannot clear away what is old; `gateway store check` says more");
                    self.purge_stopped = true;
                }
                Attempt::Failed(failed, fault) => {
                    self.note_trouble(&fault);
                    self.fail_all(failed, &requests, &mut verdicts);
                    break Filled::nothing(requests.len());
                }
            }
        };
        let answers = requests.into_iter().enumerate().map(|(at, request)| {
            let (result, evicted) = match results[at].take() {
                Some((done, evicted)) => (Ok(done), evicted),
                None => (Err(verdicts[at].unwrap_or(Failed::Unavailable)), Vec::new()),
            };
            Answer { shard: request.shard, era: request.era, ticket: request.ticket, result, evicted }
        });
        (answers.collect(), aged)
    }

    /// Clears something away if anything is due. Says whether more may be.
    pub(crate) fn purge(&mut self, now: UnixMillis) -> (bool, Vec<Evicted>) {
        let Some(database) = self.database.as_ref().filter(|_| self.trouble.is_none() && !self.purge_stopped) else {
            return (false, Vec::new());
        };
        let due = || -> Result<bool, Fault> {
            let transaction = database.begin_read()?;
            purge::is_due(&transaction, &self.keep, &self.names.0, now.value())
        };
        match due() {
            Ok(false) => (false, Vec::new()),
            Ok(true) => (true, self.execute::<()>(Vec::new(), now).1),
            Err(fault) => {
                self.note_trouble(&fault);
                self.database = None;
                (false, Vec::new())
            }
        }
    }

    /// A disk in trouble is asked again at once.
    #[cfg(test)]
    pub(super) fn never_rest(&mut self) {
        (self.quiet, self.resolve_pause) = (Duration::ZERO, Duration::ZERO);
    }

    fn is_fenced<T>(&self, request: &Request<T>) -> Option<Failed> {
        let fence = self.fences.get(usize::from(request.shard.0)).copied().unwrap_or(0);
        (request.era < fence).then_some(Failed::Fenced)
    }

    /// One operation fails, and with it those of its shard that were handed out before the shard is told.
    fn fail_from<T>(&mut self, at: usize, failed: Failed, requests: &[Request<T>], verdicts: &mut [Option<Failed>]) {
        let (shard, era) = (requests[at].shard, requests[at].era);
        if let Some(fence) = self.fences.get_mut(usize::from(shard.0)) {
            *fence = era + 1;
        }
        verdicts[at] = Some(failed);
        for (request, verdict) in requests.iter().zip(verdicts).skip(at + 1) {
            if request.shard == shard && request.era <= era {
                *verdict = Some(Failed::Fenced);
            }
        }
    }

    fn fail_all<T>(&mut self, failed: Failed, requests: &[Request<T>], verdicts: &mut [Option<Failed>]) {
        for at in 0..requests.len() {
            if verdicts[at].is_some() {
                continue;
            }
            self.fail_from(at, failed, requests, verdicts);
            // Where nobody knows whether the first took place, nobody knows it of the others.
            let (shard, in_doubt) = (requests[at].shard, failed == Failed::TimedOut);
            for (request, verdict) in requests.iter().zip(verdicts.iter_mut()).skip(at + 1) {
                if in_doubt && request.shard == shard {
                    *verdict = Some(failed);
                }
            }
        }
    }

    fn attempt<T>(&mut self, requests: &[Request<T>], verdicts: &[Option<Failed>], now: UnixMillis) -> Attempt {
        let open = || requests.iter().zip(verdicts).filter(|(_, verdict)| verdict.is_none());
        if !requests.is_empty() && open().next().is_none() {
            return Attempt::Done(Filled::nothing(requests.len()));
        }
        let writes = open().any(|(request, _)| !reads_only(&request.op));
        if self.quiet_until.is_some_and(|until| writes && Instant::now() < until) {
            let trouble = self.trouble.clone().unwrap_or_default();
            return Attempt::Failed(Failed::Unavailable, Fault::Disk(trouble));
        }
        if let Err(fault) = self.reopened() {
            return Attempt::Failed(fault.failed(), fault);
        }
        let Some(database) = &self.database else {
            return Attempt::Failed(Failed::Unavailable, Fault::Disk("not open".to_owned()));
        };
        if writes && self.names.0.len() < self.settings.instances.len() {
            match number_more(database, &self.settings) {
                Ok(names) => self.names = names,
                Err(fault) => {
                    self.database = None;
                    return Attempt::Failed(fault.failed(), fault);
                }
            }
        }
        let (transaction, filled) = match self.write(database, requests, verdicts, now) {
            Ok(written) => written,
            Err(Attempt::Failed(failed, fault)) => {
                self.database = None;
                return Attempt::Failed(failed, fault);
            }
            Err(attempt) => return attempt,
        };
        let Some(number) = filled.written else {
            drop(transaction.abort());
            return Attempt::Done(filled);
        };
        match transaction.commit().map_err(Fault::from) {
            Ok(()) => {
                self.quiet_until = None;
                Attempt::Done(filled)
            }
            Err(fault) => {
                self.database = None;
                match self.resolve(number) {
                    Some(true) => Attempt::Done(filled),
                    Some(false) => Attempt::Failed(fault.failed(), fault),
                    None => Attempt::Failed(Failed::TimedOut, fault),
                }
            }
        }
    }

    /// Everything but the commit.
    fn write<T>(
        &self,
        database: &Database,
        requests: &[Request<T>],
        verdicts: &[Option<Failed>],
        now: UnixMillis,
    ) -> Result<(WriteTransaction, Filled), Attempt> {
        let transaction = begin(database).map_err(|fault| Attempt::Failed(fault.failed(), fault))?;
        let filled = self.fill(&transaction, requests, verdicts, now)?;
        Ok((transaction, filled))
    }

    fn fill<T>(
        &self,
        transaction: &WriteTransaction,
        requests: &[Request<T>],
        verdicts: &[Option<Failed>],
        now: UnixMillis,
    ) -> Result<Filled, Attempt> {
        let failed = |fault: Fault| Attempt::Failed(fault.failed(), fault);
        let mut results = Vec::with_capacity(requests.len());
        let mut work = Work::begin(transaction, &self.settings, &self.names, &self.keep, now).map_err(failed)?;
        for (at, (request, verdict)) in requests.iter().zip(verdicts).enumerate() {
            results.push(match verdict {
                Some(_) => None,
                None => match work.apply(request.shard, &request.op) {
                    Ok(done) => Some((done, std::mem::take(&mut work.evicted))),
                    Err(fault @ Fault::Damaged(_)) => return Err(Attempt::Rejected(at, fault)),
                    Err(fault) => return Err(failed(fault)),
                },
            });
        }
        // What only reads must work on a disk that takes nothing.
        if (work.wrote || requests.is_empty()) && !self.purge_stopped {
            work.purge().map_err(|fault| match fault {
                Fault::Damaged(_) => Attempt::PurgeRejected(fault),
                fault => failed(fault),
            })?;
        }
        let aged = std::mem::take(&mut work.aged);
        let written = if work.wrote { Some(work.finish().map_err(failed)?) } else { None };
        Ok(Filled { results, aged, written })
    }

    /// Checks the version, or writes it, and numbers the instances.
    fn prepare(&mut self) -> Result<(), String> {
        let Some(database) = &self.database else { return Ok(()) };
        let prepared = || -> Result<(u64, Names), Fault> {
            let transaction = begin(database)?;
            let mut tables = Tables::open(&transaction)?;
            let found = tables.meta.get(meta::SCHEMA)?.map(|value| value.value());
            if found.is_some_and(|found| found != SCHEMA) {
                return Ok((found.unwrap_or(SCHEMA), Names::default()));
            }
            tables.meta.insert(meta::SCHEMA, SCHEMA)?;
            let names = number_instances(&mut tables, &self.settings)?;
            drop(tables);
            transaction.commit()?;
            Ok((SCHEMA, names))
        };
        let (schema, names) = prepared().map_err(|fault| fault.to_string())?;
        if schema != SCHEMA {
            return Err(format!("it has version {schema} of the layout, and this gateway knows version {SCHEMA} only"));
        }
        self.names = names;
        Ok(())
    }
}

/// Numbers those that were added while the store is open.
fn number_more(database: &Database, settings: &Settings) -> Result<Names, Fault> {
    let transaction = begin(database)?;
    let mut tables = Tables::open(&transaction)?;
    let names = number_instances(&mut tables, settings)?;
    drop(tables);
    transaction.commit()?;
    Ok(names)
}

fn number_instances(tables: &mut Tables<'_>, settings: &Settings) -> Result<Names, Fault> {
    let mut used = BTreeSet::new();
    for row in tables.instances.iter()? {
        used.insert(row?.1.value());
    }
    let mut numbers = Vec::with_capacity(settings.instances.len());
    for instance in &settings.instances {
        let known = tables.instances.get(&*instance.name)?.map(|number| number.value());
        let number = match known {
            Some(number) => number,
            None => {
                let number = used.last().map_or(0, |last| last + 1);
                tables.instances.insert(&*instance.name, number)?;
                used.insert(number);
                number
            }
        };
        numbers.push(number);
    }
    Ok(Names(numbers))
}

/// A transaction that survives the power and is found at once after a crash.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, Fault> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    Ok(transaction)
}

const fn reads_only(op: &StoreOp) -> bool {
    matches!(op, StoreOp::Restore { .. } | StoreOp::RestoreRetained { .. } | StoreOp::Fetch { .. })
}
