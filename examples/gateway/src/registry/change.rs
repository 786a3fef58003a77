//! Changes: one at a time, checked, stored, made visible, told, answered.

use std::sync::{Arc, PoisonError};

use lmq_id::InstanceId;
use serde::Serialize;

use super::{
    Account, Banned, Device, EventTopic, Fault, Group, INSTANCES_MAX, Identity, Instance, Key, Kind, Object, Order,
    Permission, Principals, Registry, Rule, Snapshot, Spec, Topic, Whom,
    object::Changed,
    store::Batch,
    table::{Entry, Origin},
};
use crate::clock::now_ms;

const INSTANCE: &str = "instance";

impl Registry {
    /// Makes an instance without anything in it.
    pub(crate) fn create_instance(&self, id: &str, spec: Spec) -> Result<Arc<Instance>, Fault> {
        InstanceId::check(id).map_err(|e| Fault::invalid(INSTANCE, e))?;
        spec.check()?;
        self.write(|draft| {
            if draft.snapshot.instance(id).is_some() {
                return Err(Fault::Exists { what: INSTANCE, name: id.to_owned() });
            }
            let full = Fault::Full { what: INSTANCE, max: INSTANCES_MAX };
            let index = draft.snapshot.index_for(id).filter(|_| draft.snapshot.len() < INSTANCES_MAX).ok_or(full)?;
            let entry = draft.entry(spec, None);
            // What an instance of the file had under this id belongs to nobody.
            draft.batch.remove_instance(id);
            draft.batch.put(id, Kind::Instance, "", stored(&entry)?);
            let instance = Arc::new(Instance::new(id.into(), index, Arc::new(entry)));
            draft.orders.push(Order::Instance { index, instance: instance.for_broker() });
            draft.snapshot.put(instance.clone());
            Ok(instance)
        })
    }

    /// Gives an instance the specification that `change` makes of the one it has.
    pub(crate) fn change_instance(
        &self,
        id: &str,
        change: impl FnOnce(&Spec) -> Result<Spec, Fault>,
    ) -> Result<Arc<Instance>, Fault> {
        self.write(|draft| {
            let mut instance = draft.instance(id)?;
            if instance.spec.origin == Origin::File {
                return Err(Fault::ReadOnly { what: INSTANCE, name: id.to_owned() });
            }
            let spec = change(&instance.spec.value)?;
            spec.check()?;
            instance.spec = Arc::new(draft.entry(spec, Some(&instance.spec)));
            draft.batch.put(id, Kind::Instance, "", stored(&*instance.spec)?);
            let instance = Arc::new(instance);
            draft.orders.push(Order::Instance { index: instance.index, instance: instance.for_broker() });
            draft.snapshot.put(instance.clone());
            Ok(instance)
        })
    }

    /// Deletes an instance with everything in it. Sessions that its clients left stay with the broker: an instance of the same id finds them.
    pub(crate) fn delete_instance(&self, id: &str) -> Result<(), Fault> {
        self.write(|draft| {
            let instance = draft.instance(id)?;
            if instance.spec.origin == Origin::File {
                return Err(Fault::ReadOnly { what: INSTANCE, name: id.to_owned() });
            }
            draft.batch.remove_instance(id);
            draft.snapshot.remove(id);
            let index = instance.index;
            let empty = lmq_broker::Instance { name: id.into(), ..lmq_broker::Instance::default() };
            draft.orders.push(Order::Instance { index, instance: empty });
            draft.orders.push(Order::Close(Whom::Instance(index)));
            Ok(())
        })
    }

    /// Makes an object.
    pub(crate) fn create<T: Object>(&self, instance: &str, name: &str, value: T) -> Result<Arc<Entry<T>>, Fault> {
        self.put(instance, name, |old| match old {
            Some(_) => Err(Fault::Exists { what: T::WHAT, name: name.to_owned() }),
            None => Ok(value),
        })
    }

    /// Gives an object the value that `change` makes of the one it has.
    pub(crate) fn change<T: Object>(
        &self,
        instance: &str,
        name: &str,
        change: impl FnOnce(&T) -> Result<T, Fault>,
    ) -> Result<Arc<Entry<T>>, Fault> {
        self.put(instance, name, |old| change(old.ok_or_else(|| Fault::missing(T::WHAT, name))?))
    }

    /// Makes or changes an object: `value` is given what is there.
    pub(crate) fn put<T: Object>(
        &self,
        instance: &str,
        name: &str,
        value: impl FnOnce(Option<&T>) -> Result<T, Fault>,
    ) -> Result<Arc<Entry<T>>, Fault> {
        self.write(|draft| {
            let mut instance = draft.instance(instance)?;
            let old = T::table(&instance).get(name).cloned();
            let value = value(old.as_ref().map(|old| &old.value))?;
            match &old {
                Some(old) if old.origin == Origin::File => {
                    return Err(Fault::ReadOnly { what: T::WHAT, name: name.to_owned() });
                }
                None if T::table(&instance).len() >= T::MAX => {
                    return Err(Fault::Full { what: T::WHAT, max: T::MAX });
                }
                _ => {}
            }
            T::check_name(name).map_err(|text| Fault::invalid(T::FIELD, text))?;
            value.check(name, &instance)?;
            let name: Arc<str> = name.into();
            let entry = Arc::new(draft.entry(value, old.as_deref()));
            draft.batch.put(&instance.id, T::KIND, &name, stored(&*entry)?);
            T::table_mut(&mut instance).insert(name.clone(), entry.clone());
            let changed = Changed { instance: &instance, name: &name, old: old.as_deref(), new: Some(&entry) };
            T::orders(&changed, &mut draft.orders);
            draft.snapshot.put(Arc::new(instance));
            Ok(entry)
        })
    }

    /// Deletes an object with what cannot be without it.
    pub(crate) fn delete<T: Object>(&self, instance: &str, name: &str) -> Result<(), Fault> {
        self.write(|draft| {
            let mut instance = draft.instance(instance)?;
            draft.remove::<T>(&mut instance, name)?;
            draft.snapshot.put(Arc::new(instance));
            Ok(())
        })
    }

    fn write<R>(&self, change: impl FnOnce(&mut Draft<'_>) -> Result<R, Fault>) -> Result<R, Fault> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = &mut *writer;
        let mut draft = Draft {
            snapshot: Snapshot::clone(&self.current.load()),
            principals: &mut writer.principals,
            batch: Batch::default(),
            orders: Vec::new(),
            now_ms: now_ms(),
        };
        let result = change(&mut draft)?;
        if let Some(store) = &writer.store {
            store.apply(&draft.batch).map_err(|e| Fault::Store(e.to_string()))?;
        }
        self.current.store(Arc::new(draft.snapshot));
        // Still under the lock: every thread is told of the changes in their order.
        if let (Some(listener), false) = (self.listener.get(), draft.orders.is_empty()) {
            listener(draft.orders);
        }
        Ok(result)
    }
}

/// A change that nobody has seen yet.
struct Draft<'w> {
    snapshot: Snapshot,
    principals: &'w mut Principals,
    batch: Batch,
    orders: Vec<Order>,
    now_ms: u64,
}

impl Draft<'_> {
    /// A copy to be changed.
    fn instance(&self, id: &str) -> Result<Instance, Fault> {
        let instance = self.snapshot.instance(id).ok_or_else(|| Fault::missing(INSTANCE, id))?;
        Ok(Instance::clone(instance))
    }

    /// A new entry, or one in the place of `old`.
    fn entry<T>(&mut self, value: T, old: Option<&Entry<T>>) -> Entry<T> {
        Entry {
            value,
            origin: Origin::Api,
            created_ms: old.map_or(self.now_ms, |old| old.created_ms),
            updated_ms: self.now_ms,
            principal: old.map_or_else(|| self.principals.next(), |old| old.principal),
        }
    }

    fn remove<T: Object>(&mut self, instance: &mut Instance, name: &str) -> Result<(), Fault> {
        let entry = T::table(instance).get(name).ok_or_else(|| Fault::missing(T::WHAT, name))?;
        if entry.origin == Origin::File {
            return Err(Fault::ReadOnly { what: T::WHAT, name: name.to_owned() });
        }
        if let Some(by) = T::needed_by(name, instance) {
            return Err(Fault::InUse { what: T::WHAT, name: name.to_owned(), by });
        }
        for (kind, dependent) in T::dependents(name, instance) {
            self.remove_of(kind, instance, &dependent)?;
        }
        self.batch.remove(&instance.id, T::KIND, name);
        let old = T::table_mut(instance).remove(name);
        let changed = Changed { instance, name: &name.into(), old: old.as_deref(), new: None };
        T::orders(&changed, &mut self.orders);
        Ok(())
    }

    fn remove_of(&mut self, kind: Kind, instance: &mut Instance, name: &str) -> Result<(), Fault> {
        match kind {
            // An instance is in no other.
            Kind::Instance => Ok(()),
            Kind::Account => self.remove::<Account>(instance, name),
            Kind::Key => self.remove::<Key>(instance, name),
            Kind::Group => self.remove::<Group>(instance, name),
            Kind::Topic => self.remove::<Topic>(instance, name),
            Kind::EventTopic => self.remove::<EventTopic>(instance, name),
            Kind::Rule => self.remove::<Rule>(instance, name),
            Kind::Device => self.remove::<Device>(instance, name),
            Kind::Identity => self.remove::<Identity>(instance, name),
            Kind::Permission => self.remove::<Permission>(instance, name),
            Kind::Banned => self.remove::<Banned>(instance, name),
        }
    }
}

/// How an entry stands in the store.
#[derive(Serialize)]
struct Stored<'a, T> {
    created_ms: u64,
    updated_ms: u64,
    value: &'a T,
}

fn stored<T: Serialize>(entry: &Entry<T>) -> Result<Vec<u8>, Fault> {
    let Entry { value, created_ms, updated_ms, .. } = entry;
    let stored = Stored { created_ms: *created_ms, updated_ms: *updated_ms, value };
    serde_json::to_vec(&stored).map_err(|e| Fault::Store(e.to_string()))
}
