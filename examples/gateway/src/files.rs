//! Small files, read and written whole.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

use crate::error::Error;

/// The most bytes of any file read here, so that a wrong path (a device, a log) is an error and not a full memory.
pub(crate) const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// As the process's umask says.
    All,
    /// The owner only: mode 0600.
    Owner,
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |e: io::Error| Error::io(format_args!("cannot read {}", path.display()), &e);
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Error::new(format_args!("cannot read {}: more than {FILE_BYTES_MAX} bytes", path.display())));
    }
    Ok(bytes)
}

pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Error::new(format_args!("{}:{line}: not UTF-8", path.display()))
    })
}

/// Writes a file that must not exist yet.
pub(crate) fn create(path: &Path, content: &str, readers: Readers) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// Refuses a file that others than its owner can read.
pub(crate) fn check_private(path: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    {
        let failed = |e: io::Error| Error::io(format_args!("cannot read {}", path.display()), &e);
        let metadata = fs::metadata(path).map_err(failed)?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            return Err(Error::new(format_args!("{} has mode {mode:04o} and must have 0600", path.display())));
        }
    }
    Ok(())
}

/// Makes a folder with its parents; those that are new belong to the owner alone.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
