use std::sync::Arc;

use lmq_auth::SecretKey;

use crate::registry::{Entry, Instance, Key, Snapshot};

/// Different secrets that one access key may stand for in different instances. More are not tried: a request costs a signature for each.
const SECRETS_MAX: usize = 8;

/// Whoever holds a key pair, and the instances in which it is good.
pub(super) struct Caller {
    /// Never empty. The instance whose index comes first is first.
    places: Vec<Place>,
}

struct Place {
    instance: Arc<Instance>,
    key: Arc<Entry<Key>>,
}

/// One caller for each secret that `access_key` stands for.
pub(super) fn candidates(snapshot: &Snapshot, access_key: &str) -> Vec<Caller> {
    let mut places: Vec<_> = snapshot
        .iter()
        .filter_map(|instance| {
            let key = instance.usable_key(access_key)?.clone();
            Some(Place { instance: instance.clone(), key })
        })
        .collect();
    places.sort_by_key(|place| place.instance.index.0);
    let mut callers: Vec<Caller> = Vec::new();
    for place in places {
        // Both are ours: nothing is learnt from how long this takes.
        let same = |caller: &Caller| caller.secret().expose() == place.key.value.secret_key.key().expose();
        match callers.iter().position(same) {
            Some(at) => callers[at].places.push(place),
            None if callers.len() < SECRETS_MAX => callers.push(Caller { places: vec![place] }),
            None => {}
        }
    }
    callers
}

impl Caller {
    pub(super) fn secret(&self) -> &SecretKey {
        self.places[0].key.value.secret_key.key()
    }

    /// The account, for counting.
    pub(super) fn account(&self) -> &str {
        &self.places[0].key.value.account
    }

    /// The instance `id`, or the first one if none is named; the key has to be good there.
    pub(super) fn instance(&self, id: Option<&str>) -> Option<&Arc<Instance>> {
        match id {
            Some(id) => self.at(id).map(|(instance, _)| instance),
            None => self.places.first().map(|place| &place.instance),
        }
    }

    /// The instance `id` with the caller's account there, if the key is good there.
    pub(super) fn at(&self, id: &str) -> Option<(&Arc<Instance>, &Arc<str>)> {
        let place = self.places.iter().find(|place| *place.instance.id == *id)?;
        Some((&place.instance, &place.key.value.account))
    }
}
