use std::{fmt, io};

use lmq_broker::Failed;
use redb::StorageError;

/// Why an operation, or a whole transaction, was not carried out.
#[derive(Debug)]
pub(crate) enum Fault {
    /// There is no room on the disk, or the file may not grow any more.
    Full(String),
    /// The disk, or the file, failed.
    Disk(String),
    /// A record does not say what it should.
    Damaged(&'static str),
}

impl Fault {
    /// What a shard is told.
    pub(crate) const fn failed(&self) -> Failed {
        match self {
            Self::Full(_) => Failed::Full,
            Self::Disk(_) | Self::Damaged(_) => Failed::Unavailable,
        }
    }

    fn io(error: &io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::Full(error.to_string()),
            _ => Self::Disk(error.to_string()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(why) => write!(f, "no room: {why}"),
            Self::Disk(why) => f.write_str(why),
            Self::Damaged(what) => write!(f, "damaged record: {what}"),
        }
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        match &error {
            StorageError::Io(io) => Self::io(io),
            _ => Self::Disk(error.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {
        $(impl From<redb::$error> for Fault {
            fn from(error: redb::$error) -> Self {
                match error {
                    redb::$error::Storage(storage) => storage.into(),
                    error => Self::Disk(error.to_string()),
                }
            }
        })*
    };
}

from_redb!(TableError, TransactionError, CommitError, DatabaseError);
