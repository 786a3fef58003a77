use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
};

use redb::{Database, DatabaseError};

use super::database::Medium;
use crate::{error::Error, files};

/// The name of the file in the data folder.
const FILE: &str = "store.redb";
/// Pages of the file that stay in memory, in bytes.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// A file of the system.
#[derive(Debug)]
pub(crate) struct FileMedium {
    path: PathBuf,
}

impl FileMedium {
    /// The file in a data folder. It is made if it is not there, the folder as well; both are for the owner alone.
    pub(crate) fn create(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let failed = |e: io::Error| Error::io(format_args!("cannot open {}", path.display()), &e);
        files::create_private_folder(folder).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).map_err(failed)?;
        Ok(Self { path })
    }

    /// The file in a data folder where it must be.
    pub(crate) fn existing(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        match path.metadata() {
            Ok(_) => Ok(Self { path }),
            Err(e) => Err(Error::io(format_args!("cannot open {}", path.display()), &e)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Medium for FileMedium {
    fn open(&self) -> Result<Database, DatabaseError> {
        Database::builder().set_cache_size(CACHE_BYTES).create(&self.path)
    }
}
