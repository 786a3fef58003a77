//! The first snapshot: the configuration file, then what was stored.

use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;
use serde::{Deserialize, de::DeserializeOwned};
use tracing::warn;

use super::{
    Account, Banned, Device, EventTopic, Fault, Group, Identity, Instance, Key, Kind, Object, Permission, Principals,
    Registry, Rule, Snapshot, Spec, Topic, Writer,
    secret::Secret,
    store::{Row, Store},
    table::{Entry, Origin},
};
use crate::{clock::now_ms, config, error::Error};

impl Registry {
    /// The instances of the configuration file in their order, the first of them the default one, then those of `store`. Without
    /// `store` nothing outlives the process. With `nameless` an instance without name comes first, for clients without user name.
    pub(crate) fn open(instances: &[config::Instance], nameless: bool, store: Option<Store>) -> Result<Self, Error> {
        let mut loader = Loader { snapshot: Snapshot::new(nameless), principals: Principals::new(), now_ms: now_ms() };
        for instance in instances {
            loader.file(instance)?;
        }
        if let Some(store) = &store {
            let rows = store.rows().map_err(|e| Error::new(format_args!("cannot read the registry: {e}")))?;
            for row in &rows {
                loader.row(row)?;
            }
        }
        let Loader { snapshot, principals, .. } = loader;
        Ok(Self {
            current: ArcSwap::from_pointee(snapshot),
            writer: Mutex::new(Writer { store, principals }),
            listener: OnceLock::new(),
        })
    }
}

struct Loader {
    snapshot: Snapshot,
    principals: Principals,
    now_ms: u64,
}

/// How an entry stands in the store.
#[derive(Deserialize)]
struct Stored<T> {
    created_ms: u64,
    updated_ms: u64,
    value: T,
}

impl Loader {
    fn file(&mut self, configured: &config::Instance) -> Result<(), Error> {
        let index = self
            .snapshot
            .index_for(configured.id.as_str())
            .ok_or_else(|| Error::new("there are too many instances"))?;
        let spec = Spec {
            limits: configured.quota.into(),
            thresholds: configured.thresholds,
            awaits_tokens: configured.awaits_tokens,
        };
        let spec = Arc::new(self.of_file(spec));
        let mut instance = Instance::new(configured.id.as_str().into(), index, spec);
        for account in &configured.accounts {
            self.account(&mut instance, account)?;
        }
        for (topic, kind) in &configured.topics {
            self.add(&mut instance, topic.as_str().into(), Topic { kind: *kind })?;
        }
        for topic in &configured.event_topics {
            self.add(&mut instance, topic.as_str().into(), EventTopic {})?;
        }
        for (name, rule) in &configured.rules {
            self.add(&mut instance, name.as_str().into(), rule.clone())?;
        }
        self.snapshot.put(Arc::new(instance));
        Ok(())
    }

    fn account(&mut self, instance: &mut Instance, configured: &config::Account) -> Result<(), Error> {
        let name: Arc<str> = configured.name.as_str().into();
        let account = Account { parent: configured.parent.as_deref().map(Into::into), enabled: true };
        self.add(instance, name.clone(), account)?;
        for (access_key, secret_key) in &configured.keys {
            let key = Key { account: name.clone(), secret_key: Secret::new(secret_key.clone()), enabled: true };
            self.add(instance, access_key.as_str().into(), key)?;
        }
        for (group, status) in &configured.groups {
            self.add(instance, group.as_str().into(), Group { account: name.clone(), status: *status })?;
        }
        Ok(())
    }

    /// The file was checked line by line; here are the bounds, and whatever else an object must hold to.
    fn add<T: Object>(&mut self, instance: &mut Instance, name: Arc<str>, value: T) -> Result<(), Error> {
        let id = instance.id.clone();
        let refused = |fault: Fault| Error::new(format_args!("instance {id:?}: {} {name:?}: {fault}", T::WHAT));
        if T::table(instance).len() >= T::MAX {
            return Err(refused(Fault::Full { what: T::WHAT, max: T::MAX }));
        }
        value.check(&name, instance).map_err(refused)?;
        let entry = self.of_file(value);
        T::table_mut(instance).insert(name, Arc::new(entry));
        Ok(())
    }

    fn of_file<T>(&mut self, value: T) -> Entry<T> {
        let (created_ms, updated_ms) = (self.now_ms, self.now_ms);
        Entry { value, origin: Origin::File, created_ms, updated_ms, principal: self.principals.next() }
    }

    /// Rows come instance by instance, the instance itself first.
    fn row(&mut self, row: &Row) -> Result<(), Error> {
        if row.kind == Kind::Instance as u8 {
            return self.instance(row);
        }
        let Some(instance) = self.snapshot.instance(&row.instance) else {
            warn!(instance = %row.instance, name = %row.name, "an object of an instance that the configuration no longer has");
            return Ok(());
        };
        let mut instance = Instance::clone(instance);
        match row.kind {
            kind if kind == Kind::Account as u8 => self.object::<Account>(&mut instance, row),
            kind if kind == Kind::Key as u8 => self.object::<Key>(&mut instance, row),
            kind if kind == Kind::Group as u8 => self.object::<Group>(&mut instance, row),
            kind if kind == Kind::Topic as u8 => self.object::<Topic>(&mut instance, row),
            kind if kind == Kind::EventTopic as u8 => self.object::<EventTopic>(&mut instance, row),
            kind if kind == Kind::Rule as u8 => self.object::<Rule>(&mut instance, row),
            kind if kind == Kind::Device as u8 => self.object::<Device>(&mut instance, row),
            kind if kind == Kind::Identity as u8 => self.object::<Identity>(&mut instance, row),
            kind if kind == Kind::Permission as u8 => self.object::<Permission>(&mut instance, row),
            kind if kind == Kind::Banned as u8 => self.object::<Banned>(&mut instance, row),
            kind => Err(Error::new(format_args!("the registry holds objects of a kind {kind} that is not known here"))),
        }?;
        self.snapshot.put(Arc::new(instance));
        Ok(())
    }

    fn instance(&mut self, row: &Row) -> Result<(), Error> {
        if self.snapshot.instance(&row.instance).is_some() {
            warn!(instance = %row.instance, "the configuration has an instance that was made at run time, too, and wins");
            return Ok(());
        }
        let index = self.snapshot.index_for(&row.instance).ok_or_else(|| Error::new("there are too many instances"))?;
        let entry = Arc::new(self.stored::<Spec>(row)?);
        self.snapshot.put(Arc::new(Instance::new((*row.instance).into(), index, entry)));
        Ok(())
    }

    fn object<T: Object>(&mut self, instance: &mut Instance, row: &Row) -> Result<(), Error> {
        if T::table(instance).contains(&row.name) {
            warn!(instance = %row.instance, what = T::WHAT, name = %row.name, "the configuration has it, too, and wins");
            return Ok(());
        }
        let entry = self.stored::<T>(row)?;
        T::table_mut(instance).insert((*row.name).into(), Arc::new(entry));
        Ok(())
    }

    fn stored<T: DeserializeOwned>(&mut self, row: &Row) -> Result<Entry<T>, Error> {
        let damaged = |_| {
            // The error of the parser might quote a secret.
            Error::new(format_args!("the registry is damaged: {:?} of instance {:?}", row.name, row.instance))
        };
        let Stored { created_ms, updated_ms, value } = serde_json::from_slice(&row.value).map_err(damaged)?;
        Ok(Entry { value, origin: Origin::Api, created_ms, updated_ms, principal: self.principals.next() })
    }
}
