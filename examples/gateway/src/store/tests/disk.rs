//! A disk in memory that loses what no sync covered, tears writes, fails, and goes dark.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use redb::{Database, DatabaseError, StorageBackend};

use crate::store::database::Medium;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A handle: clones are the same disk.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Mutex<Image>>);

#[derive(Debug, Default)]
struct Image {
    /// What survives.
    durable: Vec<u8>,
    /// What a read sees.
    visible: Vec<u8>,
    /// What no sync covered, in order.
    unsynced: Vec<Change>,
    chance: u64,
    /// So many calls until the power is gone; `None`: never.
    dark_after: Option<u32>,
    faults: Faults,
}

#[derive(Clone, Debug)]
enum Change {
    Len(usize),
    Write(usize, Vec<u8>),
}

/// What goes wrong, and after how many calls of its kind: 1 is the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// A sync fails. What it was to cover is durable or not, by chance, and a later sync does not cover it any more.
    pub(super) sync: u32,
    /// A read gives too little.
    pub(super) read: u32,
    /// A write fails.
    pub(super) write: u32,
    /// The file cannot grow, until this is unset.
    pub(super) full: bool,
    /// The file cannot be written, until this is unset.
    pub(super) read_only: bool,
}

impl Disk {
    pub(super) fn new(chance: u64) -> Self {
        Self(Arc::new(Mutex::new(Image { chance, ..Image::default() })))
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.image().faults = faults;
    }

    pub(super) fn faults(&self) -> Faults {
        self.image().faults
    }

    /// The power goes after so many calls.
    pub(super) fn go_dark_after(&self, calls: u32) {
        self.image().dark_after = Some(calls);
    }

    /// What is found when the power is back. Whoever still holds this disk writes into the void.
    pub(super) fn after_power_loss(&self) -> Self {
        let mut image = self.image();
        image.dark_after = Some(0);
        let mut durable = image.durable.clone();
        for change in std::mem::take(&mut image.unsynced) {
            match change {
                Change::Len(len) if image.draw(2) == 0 => durable.resize(len, 0),
                Change::Len(_) => {}
                Change::Write(offset, data) => image.tear(&mut durable, offset, &data),
            }
        }
        let chance = image.draw(u64::MAX);
        Self(Arc::new(Mutex::new(Image { visible: durable.clone(), durable, chance, ..Image::default() })))
    }

    /// How many bytes the file has.
    pub(super) fn len(&self) -> usize {
        self.image().visible.len()
    }

    fn image(&self) -> MutexGuard<'_, Image> {
        self.0.lock().unwrap()
    }

    fn call(&self) -> io::Result<MutexGuard<'_, Image>> {
        let mut image = self.image();
        match &mut image.dark_after {
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(image)
    }
}

impl Image {
    fn draw(&mut self, bound: u64) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) % bound
    }

    /// Some sectors of a write arrive, in any order.
    fn tear(&mut self, durable: &mut Vec<u8>, offset: usize, data: &[u8]) {
        let kept = self.draw(3);
        let mut at = 0;
        while at < data.len() {
            let end = data.len().min((offset + at) / SECTOR * SECTOR + SECTOR - offset);
            if kept == 0 || (kept == 1 && self.draw(2) == 0) {
                put(durable, offset + at, &data[at..end]);
            }
            at = end;
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        if count_down(&mut self.faults.sync) {
            for change in std::mem::take(&mut self.unsynced) {
                let mut durable = std::mem::take(&mut self.durable);
                match change {
                    Change::Len(len) => durable.resize(len, 0),
                    Change::Write(offset, data) => self.tear(&mut durable, offset, &data),
                }
                self.durable = durable;
            }
            return Err(io::Error::other("input/output error"));
        }
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Len(len) => self.durable.resize(len, 0),
                Change::Write(offset, data) => put(&mut self.durable, offset, &data),
            }
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.call()?.visible.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let mut image = self.call()?;
        let offset = offset as usize;
        if count_down(&mut image.faults.read) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let found = image.visible.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut image = self.call()?;
        if image.faults.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        if image.faults.full && len as usize > image.visible.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        image.visible.resize(len as usize, 0);
        image.unsynced.push(Change::Len(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.call()?.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut image = self.call()?;
        if image.faults.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        if count_down(&mut image.faults.write) {
            return Err(io::Error::other("input/output error"));
        }
        put(&mut image.visible, offset as usize, data);
        image.unsynced.push(Change::Write(offset as usize, data.to_vec()));
        Ok(())
    }
}

impl Medium for Disk {
    fn open(&self) -> Result<Database, DatabaseError> {
        // A small cache, so that pages are read from the disk.
        Database::builder().set_cache_size(64 * 1024).create_with_backend(self.clone())
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    if bytes.len() < offset + data.len() {
        bytes.resize(offset + data.len(), 0);
    }
    bytes[offset..offset + data.len()].copy_from_slice(data);
}

fn count_down(left: &mut u32) -> bool {
    let now = *left == 1;
    *left = left.saturating_sub(1);
    now
}
