use alloc::{boxed::Box, sync::Arc, vec::Vec};

use lmq_codec::Version;

use crate::{InstanceQuota, Limits, Profile};

/// Everything a [`Front`](crate::Front) and a [`Shard`](crate::Shard) are built with. All fronts and shards of a broker get the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The rules.
    pub profile: Profile,
    /// The bounds.
    pub limits: Limits,
    /// The instances (tenants); the first is the default. Their traffic, client ids and sessions never meet.
    pub instances: Vec<Instance>,
    /// How many shards the broker has: 1 to 64.
    pub shards: u16,
}

/// One tenant of a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// The instance id, as it stands in user names and as the first label of TLS server names.
    pub name: Box<str>,
    /// The parent topics that exist, sorted; used where [`Profile::parent_topics`] is on.
    pub parent_topics: Vec<Box<str>>,
    /// Every message that a client publishes here also goes to the MQ side, as [`Output::Uplink`](crate::Output::Uplink), and is
    /// acknowledged only when that is answered. Off by default.
    pub uplink: bool,
    /// Clients of the first edition of the product, which connect without credentials, are let upload a token: a CONNECT that the authenticator
    /// answers with [`Verdict::AwaitToken`](crate::Verdict::AwaitToken) gets CONNACK 0 and is nobody until `$SYS/uploadToken` gave a valid
    /// token. Needs [`Profile::control_topics`]. Off by default.
    pub awaits_tokens: bool,
    /// What it may use; without limits by default.
    pub quota: InstanceQuota,
}

/// An instance by its place in [`Settings::instances`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceIndex(pub u16);

/// A shard by its place among the shards of a broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// Where downlink messages come from, such as a queue of the MQ side. The driver numbers its sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A client id inside its instance. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey {
    /// The instance the client belongs to.
    pub instance: InstanceIndex,
    /// The client id as sent.
    pub client_id: Arc<str>,
}

impl Settings {
    /// One default instance without a name, default limits, `shards` shards.
    pub fn new(profile: Profile, shards: u16) -> Self {
        Self { profile, limits: Limits::default(), instances: alloc::vec![Instance::default()], shards }
    }

    /// The largest packet that a client of this version may send after its CONNECT, in bytes with its header.
    pub fn packet_bytes_max(&self, version: Version) -> u32 {
        let max = self.limits.packet_bytes_max;
        let v5 = self.profile.v5_packet_bytes_max.filter(|_| version.has_properties());
        v5.map_or(max, |v5| v5.get().min(max))
    }

    pub(crate) fn has_publish_rates(&self) -> bool {
        let limited = |instance: &Instance| instance.quota.publishes_per_sec.max.is_some();
        self.limits.publishes_per_sec_max.is_some() || self.instances.iter().any(limited)
    }

    /// The instance called `name`.
    pub fn instance(&self, name: &str) -> Option<InstanceIndex> {
        let at = self.instances.iter().position(|instance| &*instance.name == name)?;
        u16::try_from(at).ok().map(InstanceIndex)
    }

    /// The instance that a TLS server name chooses: its first label, whatever its case, if another one follows.
    pub(crate) fn instance_of_server(&self, name: &str) -> Option<InstanceIndex> {
        let (label, _) = name.split_once('.')?;
        let at = self.instances.iter().position(|instance| instance.name.eq_ignore_ascii_case(label))?;
        u16::try_from(at).ok().map(InstanceIndex)
    }

    /// The shard that owns `client_id`: FNV-1a (64 bit) over the instance name, the byte 0xff and the client id, modulo the number of
    /// shards. The function is part of the contract: every thread and every later version computes the same.
    pub fn shard_of(&self, instance: InstanceIndex, client_id: &str) -> ShardId {
        self.owner(instance, 0xff, client_id.bytes())
    }

    /// The shard that owns the shared subscription `$share/<share>/<filter>`: the function of [`shard_of`](Self::shard_of) over the share
    /// name, the byte `/` and the filter instead of the client id.
    pub fn owner_of_group(&self, instance: InstanceIndex, share: &str, filter: &str) -> ShardId {
        self.owner(instance, 0xff, share.bytes().chain([b'/']).chain(filter.bytes()))
    }

    /// The shard that owns the retained message of `topic`: the function of [`shard_of`](Self::shard_of) over the topic, with the
    /// byte 0xfe in the middle. Where [`Profile::trailing_slash_ignored`] is on, a trailing `/` is not part of the topic.
    pub fn owner_of_topic(&self, instance: InstanceIndex, topic: &str) -> ShardId {
        self.owner(instance, 0xfe, self.profile.routed(topic).bytes())
    }

    fn owner(&self, instance: InstanceIndex, kind: u8, key: impl Iterator<Item = u8>) -> ShardId {
        let name = self.instances.get(usize::from(instance.0)).map_or("", |instance| &instance.name);
        let bytes = name.bytes().chain([kind]).chain(key);
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        ShardId((hash % u64::from(self.shards.max(1))) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_client_is_fixed() {
        let mut settings = Settings::new(Profile::mqtt(), 4);
        settings.instances[0].name = "mqtt-cn-test0001".into();
        let owner = |id| settings.shard_of(InstanceIndex(0), id).0;
        assert_eq!(["GID_Test@@@0001", "GID_Test@@@0002", "GID_Test@@@0003", ""].map(owner), [2, 3, 0, 2]);
    }

    #[test]
    fn the_owner_of_a_topic_is_fixed() {
        let mut settings = Settings::new(Profile::lmq(), 4);
        settings.instances[0].name = "mqtt-cn-test0001".into();
        let owners = |settings: &Settings| {
            ["a", "b", "a/b", "a/b/", "/"].map(|topic| settings.owner_of_topic(InstanceIndex(0), topic).0)
        };
        assert_eq!(owners(&settings), [0, 1, 1, 1, 2]);
        settings.profile.trailing_slash_ignored = false;
        assert_eq!(owners(&settings), [0, 1, 1, 2, 2]);
    }

    #[test]
    fn the_owner_of_a_group_is_fixed() {
        let mut settings = Settings::new(Profile::mqtt(), 4);
        settings.instances[0].name = "mqtt-cn-test0001".into();
        let owner = |share, filter| settings.owner_of_group(InstanceIndex(0), share, filter);
        assert_eq!([owner("g", "t/+"), owner("h", "t/+"), owner("g", "u")].map(|shard| shard.0), [2, 3, 3]);
        assert_eq!(owner("g", "t/+"), settings.shard_of(InstanceIndex(0), "g/t/+"));
    }
}
