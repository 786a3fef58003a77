//! The shared subscriptions of one instance that a shard owns, and their members in every shard.

use alloc::{sync::Arc, vec::Vec};

use foldhash::{SharedSeed, fast::SeedableRandomState};
use hashbrown::HashMap;
use lmq_codec::{TopicFilter, TopicName};
use lmq_route::{Fit, Group, SharedGroups};

use crate::{
    MemberState, ShardId,
    slab::{Key, Slab},
};

/// How the filter of a shared subscription begins.
pub(super) const SHARE: &str = "$share/";

/// Share name and filter of `$share/<share name>/<filter>`.
pub(super) fn parts(share: &str) -> Option<(&str, TopicFilter<'_>)> {
    TopicFilter::new(share).ok()?.share()
}

/// Members are numbers here, so that a group costs no text for each.
pub(super) struct Shares {
    /// Keys are slots of `members`, values are keys of `names`.
    groups: SharedGroups<u32, Key>,
    names: Slab<Name>,
    members: Slab<Member>,
    /// Slots of `members`, by client id.
    clients: HashMap<Arc<str>, u32, SeedableRandomState>,
}

/// One group.
struct Name {
    /// As in the filter of its members.
    share: Arc<str>,
    members: u32,
}

/// One client that is in at least one group.
struct Member {
    client: Arc<str>,
    place: MemberPlace,
    groups: u32,
}

/// Where the session of a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberPlace {
    Here(Key),
    /// In another shard, which says what it can take.
    There(ShardId, MemberState),
}

/// The member of a group that gets a message.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    pub(super) share: &'a Arc<str>,
    pub(super) client: &'a Arc<str>,
    pub(super) place: MemberPlace,
}

impl Shares {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            groups: SharedGroups::new(seed),
            names: Slab::new(),
            members: Slab::new(),
            clients: HashMap::with_hasher(SeedableRandomState::with_seed(!seed, SharedSeed::global_fixed())),
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Puts a client into a group, where it may be already. Says whether that founds the group.
    pub(super) fn join(&mut self, share: &str, client: &Arc<str>, place: MemberPlace) -> bool {
        let Some((name, filter)) = parts(share) else {
            return false;
        };
        let members = self.groups.group(name, filter);
        let known = members.and_then(|group| self.groups.members(group).next()).map(|(_, key)| key);
        let key = known.unwrap_or_else(|| self.names.insert(Name { share: share.into(), members: 0 }));
        let slot = self.member(client, place);
        if self.groups.insert(name, filter, slot, key).is_none() {
            if let (Some(group), Some(member)) = (self.names.get_mut(key), self.members.at_mut(slot)) {
                group.members += 1;
                member.groups += 1;
            }
        }
        known.is_none()
    }

    /// Takes a client out of a group. Says whether that ends the group.
    pub(super) fn leave(&mut self, share: &str, client: &str) -> bool {
        let Some(((name, filter), slot)) = parts(share).zip(self.clients.get(client).copied()) else {
            return false;
        };
        let Some(key) = self.groups.remove(name, filter, slot) else {
            return false;
        };
        if let Some(member) = self.members.at_mut(slot) {
            member.groups -= 1;
            if member.groups == 0 {
                self.clients.remove(client);
                self.members.key(slot).map(|key| self.members.remove(key));
            }
        }
        let Some(group) = self.names.get_mut(key) else {
            return false;
        };
        group.members -= 1;
        let ends = group.members == 0;
        if ends {
            self.names.remove(key);
        }
        ends
    }

    /// What a member in another shard can take has changed.
    pub(super) fn set_state(&mut self, client: &str, state: MemberState) {
        let member = self.clients.get(client).and_then(|slot| self.members.at_mut(*slot));
        if let Some(MemberPlace::There(_, known)) = member.map(|member| &mut member.place) {
            *known = state;
        }
    }

    /// Puts the groups whose filter matches the topic into a list.
    pub(super) fn find(&mut self, topic: TopicName<'_>, found: &mut Vec<Group>) {
        found.clear();
        self.groups.for_each_cached(topic, |group| found.push(group));
    }

    /// The group of this name, and how many members it has.
    pub(super) fn named(&self, share: &str) -> Option<(Group, u32)> {
        let (name, filter) = parts(share)?;
        let group = self.groups.group(name, filter)?;
        let (_, key) = self.groups.members(group).next()?;
        Some((group, self.names.get(key)?.members))
    }

    /// Lets a group choose; `fit` is told the place of a member, and the group.
    pub(super) fn choose(
        &mut self,
        group: Group,
        asks_max: u32,
        mut fit: impl FnMut(MemberPlace, &str) -> Fit,
    ) -> Option<Chosen<'_>> {
        let Self { groups, names, members, .. } = self;
        let (slot, key) =
            groups.choose(group, asks_max as usize, |slot, key| match (members.at(slot), names.get(key)) {
                (Some(member), Some(name)) => fit(member.place, &name.share),
                _ => Fit::Never,
            })?;
        let (member, name) = (members.at(slot)?, names.get(key)?);
        Some(Chosen { share: &name.share, client: &member.client, place: member.place })
    }

    fn member(&mut self, client: &Arc<str>, place: MemberPlace) -> u32 {
        let known = self.clients.get(client).copied();
        if let Some((slot, member)) = known.and_then(|slot| Some((slot, self.members.at_mut(slot)?))) {
            member.place = place;
            return slot;
        }
        let Key { slot, .. } = self.members.insert(Member { client: client.clone(), place, groups: 0 });
        self.clients.insert(client.clone(), slot);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(shares: &mut Shares, topic: &str) -> Vec<(alloc::string::String, u16)> {
        let mut found = Vec::new();
        shares.find(TopicName::new(topic).unwrap(), &mut found);
        let mut all = Vec::new();
        for group in found {
            let Chosen { share, place: MemberPlace::There(shard, _), .. } =
                shares.choose(group, 9, |_, _| Fit::Ready).unwrap()
            else {
                panic!("nobody is here")
            };
            all.push((alloc::string::String::from(&**share), shard.0));
        }
        all
    }

    #[test]
    fn a_group_is_founded_once_and_ends_with_its_last_member() {
        let mut shares = Shares::new(1);
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let at = |shard| MemberPlace::There(ShardId(shard), MemberState::Ready);
        assert!(shares.join("$share/g/t", &a, at(1)));
        assert!(!shares.join("$share/g/t", &b, at(2)));
        assert!(!shares.join("$share/g/t", &b, at(2)));
        assert!(shares.join("$share/h/t", &b, at(2)));
        assert_eq!(shares.named("$share/g/t").unwrap().1, 2);
        assert_eq!(chosen(&mut shares, "t"), [("$share/g/t".into(), 1), ("$share/h/t".into(), 2)]);
        assert!(!shares.leave("$share/g/t", "a"));
        assert!(!shares.leave("$share/g/t", "a"));
        assert_eq!(chosen(&mut shares, "t"), [("$share/g/t".into(), 2), ("$share/h/t".into(), 2)]);
        assert!(shares.leave("$share/g/t", "b"));
        assert!(shares.leave("$share/h/t", "b"));
        assert!(shares.is_empty() && shares.clients.is_empty());
        assert_eq!((shares.names.len(), shares.members.len()), (0, 0));
    }
}
