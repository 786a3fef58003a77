//! Who shares a subscription, and whose turn it is.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::fmt;

use lmq_codec::{TopicFilter, TopicName};

use crate::Subscriptions;
use crate::compact::Text;
use crate::subscriptions::hash::Hasher;
use crate::subscriptions::keys::Keys;
use crate::subscriptions::table::Table;

/// Shared subscriptions: groups of keys, each group with a share name and a filter; one key of a group gets a message.
///
/// A message is served in two steps. [`for_each`](Self::for_each) names the groups whose filter matches its topic;
/// [`choose`](Self::choose) then picks a member of each. A key may be in any number of groups and gets one copy from
/// each that picks it, besides those of its subscriptions that are not shared.
///
/// # Whose turn it is
/// The one with the next higher key after the member that was chosen last, and after the highest the lowest. Nothing
/// but that key is remembered: who comes or leaves changes nothing in the order of the others, and of n members that
/// are always ready each gets every nth message. The same calls give the same choices, whatever the seed.
///
/// # Left to the caller
/// A choice binds: once a QoS 2 message is on its way to a session it is completed there or dies with it
/// \[MQTT-4.8.2-4\], \[MQTT-4.8.2-5\], and one refused with a reason code of 0x80 or more is discarded
/// \[MQTT-4.8.2-6\]. For a QoS 1 message of a session that ended, choose again. The member's granted QoS holds
/// \[MQTT-4.8.2-3\]: it belongs into the value.
///
/// # Limits
/// At most 2^32 - 1 groups. How many a peer may found is for the caller to bound: a group costs what its filter does in
/// [`Subscriptions`] unless another group has it too, and 150 bytes on average with keys and values of 8 bytes
/// together; the share name and filter are kept apart if they are longer than 37 bytes together. A further member costs
/// at most twice the size of its key and value.
pub struct SharedGroups<K, V> {
    /// Which groups have a filter: keys are numbers of groups.
    index: Subscriptions<u32, ()>,
    groups: Vec<Option<Members<K, V>>>,
    vacant: Vec<u32>,
    /// Numbers of groups, by the hash of their name.
    names: Table<u32>,
    hasher: Hasher,
    len: usize,
}

/// Names a group of [`SharedGroups`], until the next call of [`SharedGroups::insert`] or [`SharedGroups::remove`].
///
/// A number that is kept longer may name no group or another one. That is harmless: at worst a wrong group is served.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Group(u32);

/// What a member of a group can do with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    /// It takes the message now: online, and with room in its window.
    Ready,
    /// It takes the message if nobody is ready: its session keeps it for later.
    Later,
    /// It does not take the message.
    Never,
}

struct Members<K, V> {
    /// The share name, `/` and the filter.
    name: Text,
    keys: Keys<K, V>,
    /// Who was chosen last, or looked at last in vain.
    last: Option<K>,
}

impl<K: Copy + Ord, V: Copy> SharedGroups<K, V> {
    /// Without a group. Allocates nothing.
    ///
    /// The seed is secret and new for each start of a program, as that of [`Subscriptions::new`].
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            index: Subscriptions::new(seed),
            groups: Vec::new(),
            vacant: Vec::new(),
            names: Table::new(),
            hasher: Hasher::new(!seed),
            len: 0,
        }
    }

    /// Makes the key a member of the group with this share name and filter, which is founded by its first member.
    ///
    /// Of a member replaces the value and returns the old one. Share name and filter are the two parts that
    /// [`TopicFilter::share`] returns \[MQTT-4.8.2-1\], \[MQTT-4.8.2-2\].
    pub fn insert(&mut self, share: &str, filter: TopicFilter<'_>, key: K, value: V) -> Option<V> {
        let known = self.group(share, filter).and_then(|group| self.members_mut(group));
        let replaced = match known {
            Some(members) => members.keys.insert(key, value),
            None => {
                self.found(share, filter, key, value);
                None
            }
        };
        self.len += usize::from(replaced.is_none());
        replaced
    }

    /// Takes the key out of the group and returns its value; `None` if it is not a member. A group ends with its last
    /// member.
    pub fn remove(&mut self, share: &str, filter: TopicFilter<'_>, key: K) -> Option<V> {
        let group = self.group(share, filter)?;
        let members = self.members_mut(group)?;
        let value = members.keys.remove(key)?;
        let ends = members.keys.len() == 0;
        self.len -= 1;
        if ends {
            self.end(group, self.hash(share, filter), filter);
        }
        Some(value)
    }

    /// Picks the member that gets a message, and makes it the last one chosen.
    ///
    /// Asks members in turn how they fit, `asks_max` of them or all if there are fewer: the first that is
    /// [`Fit::Ready`] is chosen; without one, the first that said [`Fit::Later`]. `None` if there is no such either, or
    /// no such group; the next turn then begins after those that were asked.
    ///
    /// Allocates nothing. If the first member asked is ready it costs the same for every size of a group up to 512;
    /// above that, it grows with the logarithm. `asks_max` bounds what a group of members costs that are all offline.
    pub fn choose(&mut self, group: Group, asks_max: usize, mut fit: impl FnMut(K, V) -> Fit) -> Option<(K, V)> {
        let members = self.members_mut(group)?;
        let (mut later, mut asked) = (None, None);
        for (key, value) in members.keys.around(members.last).take(asks_max) {
            match fit(key, value) {
                Fit::Ready => {
                    members.last = Some(key);
                    return Some((key, value));
                }
                Fit::Later => later = later.or(Some((key, value))),
                Fit::Never => {}
            }
            asked = Some(key);
        }
        members.last = later.map(|(key, _)| key).or(asked).or(members.last);
        later
    }

    /// Calls back with each group whose filter matches the topic, and remembers it for topics that come again, as
    /// [`Subscriptions::for_each_cached`] does.
    #[inline]
    pub fn for_each_cached(&mut self, topic: TopicName<'_>, mut each: impl FnMut(Group)) {
        self.index.for_each_cached(topic, |group, ()| each(Group(group)));
    }

    /// Calls back with each group whose filter matches the topic. Allocates nothing.
    ///
    /// The order is that of [`Subscriptions::for_each`], for groups of one filter that of their founding if none has
    /// ended.
    #[inline]
    pub fn for_each(&self, topic: TopicName<'_>, mut each: impl FnMut(Group)) {
        self.index.for_each(topic, |group, ()| each(Group(group)));
    }

    /// The group with this share name and filter.
    #[must_use]
    pub fn group(&self, share: &str, filter: TopicFilter<'_>) -> Option<Group> {
        let is_it = |id: &u32| self.parts(*id) == Some((share.as_bytes(), filter.as_bytes()));
        let at = self.names.find(self.hash(share, filter), is_it)?;
        Some(Group(self.names.item(at)))
    }

    /// The share name of a group.
    #[must_use]
    pub fn share(&self, group: Group) -> Option<&str> {
        core::str::from_utf8(self.parts(group.0)?.0).ok()
    }

    /// The members of a group and their values, by ascending key. Without any if there is no such group.
    pub fn members(&self, group: Group) -> impl Iterator<Item = (K, V)> {
        let members = self.groups.get(group.0 as usize).and_then(Option::as_ref);
        members.into_iter().flat_map(|members| members.keys.around(None))
    }

    /// The value of a member of this very group.
    #[must_use]
    pub fn value(&self, share: &str, filter: TopicFilter<'_>, key: K) -> Option<V> {
        let Group(id) = self.group(share, filter)?;
        self.groups.get(id as usize)?.as_ref()?.keys.value(key)
    }

    /// The number of memberships: pairs of a group and a key.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no group.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of groups.
    #[must_use]
    pub const fn groups(&self) -> usize {
        self.index.len()
    }

    fn found(&mut self, share: &str, filter: TopicFilter<'_>, key: K, value: V) {
        let name = [share.as_bytes(), filter.as_bytes()].join(&b'/');
        let members = Members { name: Text::new(&name), keys: Keys::One((key, value)), last: None };
        let id = match self.vacant.pop() {
            Some(id) => {
                self.groups[id as usize] = Some(members);
                id
            }
            None => {
                self.groups.push(Some(members));
                self.groups.len() as u32 - 1
            }
        };
        self.names.insert(self.hash(share, filter), id);
        self.index.insert(filter, id, ());
    }

    fn end(&mut self, Group(id): Group, hash: u64, filter: TopicFilter<'_>) {
        if let Some(at) = self.names.find(hash, |other| *other == id) {
            self.names.remove(at);
        }
        self.index.remove(filter, id);
        self.groups[id as usize] = None;
        self.vacant.push(id);
        if self.vacant.len() == self.groups.len() {
            (self.groups, self.vacant) = (Vec::new(), Vec::new());
        }
    }

    fn members_mut(&mut self, group: Group) -> Option<&mut Members<K, V>> {
        self.groups.get_mut(group.0 as usize)?.as_mut()
    }

    /// Share name and filter. There is no `/` in a share name.
    fn parts(&self, id: u32) -> Option<(&[u8], &[u8])> {
        let name = self.groups.get(id as usize)?.as_ref()?.name.as_bytes();
        let slash = name.iter().position(|byte| *byte == b'/')?;
        Some((name.get(..slash)?, name.get(slash + 1..)?))
    }

    fn hash(&self, share: &str, filter: TopicFilter<'_>) -> u64 {
        self.hasher.text(share.as_bytes()).rotate_left(32) ^ self.hasher.text(filter.as_bytes())
    }
}

impl<K, V> fmt::Debug for SharedGroups<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedGroups").field("len", &self.len).finish_non_exhaustive()
    }
}
