use std::{collections::BTreeMap, sync::Arc};

use lmq_broker::InstanceIndex;

use super::Instance;

/// All instances at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// By index. `None`: deleted, or the nameless instance of a gateway for anonymous clients.
    slots: Vec<Option<Arc<Instance>>>,
    /// Also of those that were deleted: the broker knows them by this name as long as it runs.
    by_id: BTreeMap<Arc<str>, InstanceIndex>,
}

impl Snapshot {
    /// Without instances; with `nameless` the first index belongs to an instance without name, accounts and topics.
    pub(super) fn new(nameless: bool) -> Self {
        Self { slots: if nameless { vec![None] } else { Vec::new() }, by_id: BTreeMap::new() }
    }

    /// The instance called `id`.
    pub(crate) fn instance(&self, id: &str) -> Option<&Arc<Instance>> {
        self.at(*self.by_id.get(id)?)
    }

    /// The instance with this index.
    pub(crate) fn at(&self, index: InstanceIndex) -> Option<&Arc<Instance>> {
        self.slots.get(usize::from(index.0))?.as_ref()
    }

    /// All instances, in the order of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.by_id.values().filter_map(|index| self.at(*index))
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// Every index as the broker is built with it: a place without instance has no name and no topics.
    pub(crate) fn for_broker(&self) -> Vec<lmq_broker::Instance> {
        let of = |slot: &Option<Arc<Instance>>| slot.as_ref().map(|instance| instance.for_broker()).unwrap_or_default();
        self.slots.iter().map(of).collect()
    }

    /// The index for a new instance: the one it had, or the next; `None` when there are as many as may be.
    pub(super) fn index_for(&self, id: &str) -> Option<InstanceIndex> {
        if let Some(index) = self.by_id.get(id) {
            return Some(*index);
        }
        let fits = self.slots.len() < super::INDICES_MAX;
        u16::try_from(self.slots.len()).ok().filter(|_| fits).map(InstanceIndex)
    }

    /// Puts an instance at its index, which is one that is there or the next.
    pub(super) fn put(&mut self, instance: Arc<Instance>) {
        let at = usize::from(instance.index.0);
        self.by_id.insert(instance.id.clone(), instance.index);
        match self.slots.get_mut(at) {
            Some(slot) => *slot = Some(instance),
            None => self.slots.push(Some(instance)),
        }
    }

    pub(super) fn remove(&mut self, id: &str) {
        let slot = self.by_id.get(id).and_then(|index| self.slots.get_mut(usize::from(index.0)));
        if let Some(slot) = slot {
            *slot = None;
        }
    }
}
