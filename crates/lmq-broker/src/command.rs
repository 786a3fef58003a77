use alloc::boxed::Box;
use core::num::NonZeroU64;

use lmq_auth::{Permissions, TokenId};

use crate::{ClientKey, CloseReason, Instance, InstanceIndex, InstanceQuota, Refusal, Settings};

/// What an operator asks of a shard, and, where it says so, of a front.
///
/// Give every command to every shard. One that names something that is not there does nothing.
///
/// What is about more than one connection is carried out on [`Limits::work_per_call_max`](crate::Limits::work_per_call_max) a call; it is
/// about the connections that were adopted before the command, whatever came in between. Who is still being asked who it is, is met when
/// its verdict comes, so that a verdict from before the command does not outlive it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// Close the connection of a client, if it has one.
    Kick(ClientKey),
    /// Close connections. Their sessions stay as their CONNECT said.
    Close {
        /// Whose.
        whom: Selector,
        /// What they are told: [`CloseReason::Kicked`], [`CloseReason::NotAuthorized`] or [`CloseReason::Draining`]; anything else counts as
        /// `Kicked`. Who has no CONNACK yet is refused with return code 5 for `NotAuthorized`, with 3 for the others.
        reason: CloseReason,
    },
    /// Give connections other rights in place of all they have, those of their tokens included. Subscriptions
    /// that they do not cover end.
    SetPermissions {
        /// Whose.
        whom: Selector,
        /// The topics they may publish to and subscribe to from now on.
        permissions: Permissions,
    },
    /// A token is worth nothing any more: who holds it is told so with `$SYS/tokenInvalidNotice`, code 3, and closed; nothing more is stored for
    /// a session that is away and whose client held it.
    RevokeToken(TokenId),
    /// Add an instance, or change one. Also for a [`Front`](crate::Front): shards first, so that nobody comes in to a shard that does not know it.
    ///
    /// An index equal to the number of instances adds one, unless its name is taken; a greater one does nothing. Of an instance that is
    /// there everything changes but its name, by which shards own its clients. Parent topics need not be sorted.
    ///
    /// Where [`Profile::parent_topics`](crate::Profile::parent_topics) is on, nothing more is published to a parent topic that is gone, by
    /// clients, wills or the MQ side, and nothing new is subscribed to; subscriptions that are there stay, cost what they did and get
    /// nothing. What was accepted before is still delivered.
    SetInstance {
        /// Which instance.
        index: InstanceIndex,
        /// What it is from now on.
        instance: Instance,
    },
    /// Give an instance another quota, from now on.
    SetQuota {
        /// Which instance.
        instance: InstanceIndex,
        /// What it may use.
        quota: InstanceQuota,
    },
    /// Take no new connection and close all that are there, [`Limits::work_per_call_max`](crate::Limits::work_per_call_max) a call. Also for a
    /// [`Front`](crate::Front), which closes all at once.
    Drain,
}

/// Which connections a [`Command`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selector {
    /// That of one client.
    Client(ClientKey),
    /// Those whose client id begins with the group, as in `<group>@@@<device>`.
    Group {
        /// The instance of the group.
        instance: InstanceIndex,
        /// The group id.
        group: Box<str>,
    },
    /// All of an instance.
    Instance(InstanceIndex),
    /// Those whose [`Grant::principal`](crate::Grant::principal) is this.
    Principal(NonZeroU64),
}

impl Selector {
    /// Whether a connection of this client, let in as this principal, is meant.
    pub(crate) fn is_about(&self, client: &ClientKey, principal: Option<NonZeroU64>) -> bool {
        match self {
            Self::Client(key) => key == client,
            Self::Group { instance, group } => {
                let device = client.client_id.strip_prefix(&**group);
                *instance == client.instance && device.is_some_and(|rest| rest.starts_with("@@@"))
            }
            Self::Instance(instance) => *instance == client.instance,
            Self::Principal(meant) => Some(*meant) == principal,
        }
    }
}

impl CloseReason {
    /// The reason as an operator may give it.
    pub(crate) fn of_operator(self) -> Self {
        match self {
            Self::NotAuthorized | Self::Draining => self,
            _ => Self::Kicked,
        }
    }

    /// What is said instead to a client that is not in yet.
    pub(crate) fn as_refusal(&self) -> Refusal {
        if *self == Self::NotAuthorized { Refusal::NotAuthorized } else { Refusal::Unavailable }
    }
}

impl Settings {
    /// Adds or changes an instance. False if there is nothing to add it to, or its name is taken.
    pub(crate) fn set_instance(&mut self, index: InstanceIndex, mut instance: Instance) -> bool {
        let at = usize::from(index.0);
        instance.parent_topics.sort();
        instance.parent_topics.dedup();
        if let Some(known) = self.instances.get_mut(at) {
            let name = core::mem::take(&mut known.name);
            *known = Instance { name, ..instance };
            return true;
        }
        let free = at == self.instances.len() && self.instance(&instance.name).is_none();
        if free {
            self.instances.push(instance);
        }
        free
    }
}
