//! `gateway store`: looking after the file of a gateway that does not run.

mod check;
mod export;
mod offline;
mod purge;

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use redb::{Database, DatabaseError};

use super::{FileMedium, database::Medium, fault::Fault, stats};
use crate::{
    cli::{StoreArgs, StoreCommand},
    config::environment,
    error::Error,
};

/// What is printed; the errors of `check` are what is wrong with the file.
pub(crate) fn run(command: &StoreCommand) -> Result<String, Vec<Error>> {
    let one = |error| vec![error];
    match command {
        StoreCommand::Check(args) => check::run(Opened::of(args).map_err(one)?),
        StoreCommand::Stats(args) => print_stats(&Opened::of(args).map_err(one)?).map_err(one),
        StoreCommand::Compact(args) => compact(Opened::of(args).map_err(one)?).map_err(one),
        StoreCommand::Export(args) => export::run(&Opened::of(args).map_err(one)?).map_err(one),
        StoreCommand::Purge(args) => purge::run(args, Opened::of(&args.store).map_err(one)?).map_err(one),
    }
}

/// The database of a data folder.
struct Opened {
    path: PathBuf,
    database: Database,
}

impl Opened {
    fn of(args: &StoreArgs) -> Result<Self, Error> {
        let folder = args.data.clone().or_else(|| environment::path("data"));
        let medium = FileMedium::existing(&folder.unwrap_or_else(|| "lmq-data".into()))?;
        let path = medium.path().to_owned();
        let database = medium.open().map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => failed(&path, &"it is in use by another process"),
            error => failed(&path, &error),
        })?;
        Ok(Self { path, database })
    }

    fn failed(&self, fault: &Fault) -> Error {
        failed(&self.path, fault)
    }

    fn file_bytes(&self) -> u64 {
        self.path.metadata().map_or(0, |metadata| metadata.len())
    }
}

fn failed(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::new(format_args!("{}: {why}", path.display()))
}

fn print_stats(opened: &Opened) -> Result<String, Error> {
    let stats = stats::of(&opened.database).map_err(|fault| opened.failed(&fault))?;
    let mut lines = vec![
        ("file", format!("{} bytes, {} in use", opened.file_bytes(), stats.bytes_used)),
        ("sessions", stats.sessions.to_string()),
        ("subscriptions", stats.filters.to_string()),
        ("waiting", format!("{} messages in {} places of queues", stats.messages, stats.places)),
        ("exchanges", format!("{} outbound, {} inbound", stats.exchanges, stats.received)),
        ("retained", stats.retained.to_string()),
        ("ended", format!("{} sessions not cleared away yet", stats.ended)),
        ("transactions", stats.transactions.to_string()),
    ];
    if let Some(at) = stats.oldest {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = wall.saturating_sub(Duration::from_millis(at)).as_secs();
        lines.push(("oldest", format!("stored {age} s ago")));
    }
    let mut text: String = lines.iter().map(|(name, value)| format!("{name:<14}{value}\n")).collect();
    for (name, sessions, places) in &stats.instances {
        let name = if name.is_empty() { "(none)" } else { name };
        text.push_str(&format!("{:<14}{name}: {sessions} sessions, {places} places\n", "instance"));
    }
    Ok(text)
}

fn compact(mut opened: Opened) -> Result<String, Error> {
    let before = opened.file_bytes();
    opened.database.compact().map_err(|error| failed(&opened.path, &error))?;
    // The file is shortened when it is closed.
    let Opened { path, database } = opened;
    database.close().map_err(|error| failed(&path, &error))?;
    let after = path.metadata().map_or(0, |metadata| metadata.len());
    Ok(format!("{} bytes became {after}\n", before))
}
