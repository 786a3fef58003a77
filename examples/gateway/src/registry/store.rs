//! The file `registry.redb`: what was made at run time. Every batch is one transaction, synced before it returns.

use std::{io, path::Path, sync::Arc};

use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use zeroize::Zeroizing;

use super::Kind;
use crate::{
    error::Error,
    files::{self, Readers},
};

const FILE: &str = "registry.redb";
/// By instance, kind and name: JSON.
const OBJECTS: TableDefinition<'_, (&str, u8, &str), &[u8]> = TableDefinition::new("objects");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const SCHEMA_KEY: &str = "schema";
/// Counted up when what is stored changes its form.
const SCHEMA: u64 = 1;
/// Pages that redb may hold in memory.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// The open file. No other process can open it meanwhile.
pub(crate) struct Store(Arc<Database>);

/// Operations that belong together.
#[derive(Default)]
pub(super) struct Batch(Vec<Op>);

enum Op {
    Put { instance: Box<str>, kind: Kind, name: Box<str>, value: Zeroizing<Vec<u8>> },
    Remove { instance: Box<str>, kind: Kind, name: Box<str> },
    RemoveInstance { instance: Box<str> },
}

/// One stored object.
pub(super) struct Row {
    pub(super) instance: Box<str>,
    pub(super) kind: u8,
    pub(super) name: Box<str>,
    pub(super) value: Zeroizing<Vec<u8>>,
}

impl Batch {
    pub(super) fn put(&mut self, instance: &str, kind: Kind, name: &str, value: Vec<u8>) {
        self.0.push(Op::Put { instance: instance.into(), kind, name: name.into(), value: Zeroizing::new(value) });
    }

    pub(super) fn remove(&mut self, instance: &str, kind: Kind, name: &str) {
        self.0.push(Op::Remove { instance: instance.into(), kind, name: name.into() });
    }

    /// Everything of an instance, and the instance itself.
    pub(super) fn remove_instance(&mut self, instance: &str) {
        self.0.push(Op::RemoveInstance { instance: instance.into() });
    }
}

impl Store {
    /// Opens the file in `folder`; both are made if they are not there, for the owner alone.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let failed = |e: io::Error| Error::io(format_args!("cannot write {}", path.display()), &e);
        files::create_private_folder(folder).map_err(failed)?;
        match files::create(&path, "", Readers::Owner) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(failed(e)),
            _ => files::check_private(&path)?,
        }
        let database = Builder::new().set_cache_size(CACHE_BYTES).create(&path).map_err(|e| match e {
            DatabaseError::DatabaseAlreadyOpen => {
                Error::new(format_args!("{} is in use by another gateway; give each its own --data", folder.display()))
            }
            e => Error::new(format_args!("cannot open {}: {e}", path.display())),
        })?;
        let store = Self(Arc::new(database));
        let schema = store.prepare().map_err(|e| Error::new(format_args!("cannot open {}: {e}", path.display())))?;
        if schema != SCHEMA {
            let text = format_args!("{} has form {schema}; this gateway knows {SCHEMA}", path.display());
            return Err(Error::new(text));
        }
        Ok(store)
    }

    /// The file itself, for what else is kept in it.
    pub(crate) fn database(&self) -> Arc<Database> {
        self.0.clone()
    }

    /// Makes the tables; the form of what is there.
    fn prepare(&self) -> Result<u64, redb::Error> {
        let transaction = self.0.begin_write()?;
        let schema = {
            transaction.open_table(OBJECTS)?;
            let mut meta = transaction.open_table(META)?;
            let found = meta.get(SCHEMA_KEY)?.map(|value| value.value());
            if found.is_none() {
                meta.insert(SCHEMA_KEY, SCHEMA)?;
            }
            found.unwrap_or(SCHEMA)
        };
        transaction.commit()?;
        Ok(schema)
    }

    /// All rows: instance by instance, within one by kind.
    pub(super) fn rows(&self) -> Result<Vec<Row>, redb::Error> {
        let transaction = self.0.begin_read()?;
        let table = transaction.open_table(OBJECTS)?;
        let mut rows = Vec::new();
        for row in table.iter()? {
            let (key, value) = row?;
            let (instance, kind, name) = key.value();
            let value = Zeroizing::new(value.value().to_vec());
            rows.push(Row { instance: instance.into(), kind, name: name.into(), value });
        }
        Ok(rows)
    }

    /// All of it or nothing; on the disk when it returns.
    pub(super) fn apply(&self, batch: &Batch) -> Result<(), redb::Error> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(OBJECTS)?;
            for op in &batch.0 {
                match op {
                    Op::Put { instance, kind, name, value } => {
                        table.insert((&**instance, *kind as u8, &**name), value.as_slice())?;
                    }
                    Op::Remove { instance, kind, name } => {
                        table.remove((&**instance, *kind as u8, &**name))?;
                    }
                    Op::RemoveInstance { instance } => {
                        table.retain_in((&**instance, 0, "")..(&**instance, u8::MAX, ""), |_, _| false)?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}
