//! What operators do about many clients at once, and about what they may do.

use lmq_auth::Permissions;
use lmq_broker::{CloseReason, Command, InstanceIndex, Selector};
use lmq_id::Access;

use super::{World, tokens::principal_of};
use crate::{
    link::{Link, LinkId, Place},
    marks::Mark,
};

const DISMISSED: &str = "an operator closed it";

impl World {
    pub(super) fn order_rights(&mut self) {
        let tokens = &self.options.features.tokens;
        if !tokens.are_there() || self.nodes.is_empty() {
            return;
        }
        let (revoke, close, permit) = (tokens.revoke, tokens.close, tokens.permit);
        if self.rng.per_mille(revoke) {
            self.revoke_one();
        }
        if self.rng.per_mille(close) {
            self.close_some();
        }
        let client = self.rng.below(self.clients.len() as u64) as usize;
        // Elsewhere a message without the right to it is taken and dropped.
        if self.rng.per_mille(permit) && self.options.lmq {
            self.take_rights(client);
        }
    }

    fn command(&mut self, command: &Command) {
        let now = self.clock.now();
        for node in &mut self.nodes {
            node.shard.handle_command(now, command.clone());
        }
    }

    /// All of a group, or of an account.
    fn close_some(&mut self) {
        let client = self.rng.below(self.clients.len() as u64) as usize;
        let principal = principal_of(client);
        let group = self.options.lmq && self.rng.below(4) == 0;
        let whom = if group {
            Selector::Group { instance: InstanceIndex(0), group: "GID_Sim".into() }
        } else {
            Selector::Principal(principal)
        };
        self.drain();
        self.say(|| format!("an operator closes {whom:?}"));
        self.command(&Command::Close { whom, reason: CloseReason::Kicked });
        let here = |link: &Link| matches!(link.place, Place::Shard(..)) && !link.closing;
        let meant = |link: &Link| group || principal_of(link.client) == principal;
        for link in self.links.values_mut().filter(|link| here(link) && meant(link)) {
            if link.is_live() {
                link.doomed = link.doomed.or(Some(DISMISSED));
                self.marks.hit(Mark::ClosedByOrder);
            } else if group || link.dossier.asked {
                link.unwanted = true;
                self.marks.hit(Mark::UnwantedBeforeIn);
            }
        }
        self.drain();
        self.check_doomed();
    }

    /// A client may publish nothing more, on the connection that it has; its subscriptions stay covered.
    fn take_rights(&mut self, client: usize) {
        self.drain();
        let live = self.links.iter().find(|(_, link)| link.client == client && link.is_live());
        let Some(id) = live.map(|(id, _)| *id).filter(|id| self.is_sure_of(client, *id)) else { return };
        self.say(|| format!("client {client} may publish nothing more"));
        self.marks.hit(Mark::RightsTaken);
        let whom = Selector::Client(self.keys[client].clone());
        let mut permissions = Permissions::nothing();
        permissions.grant(Access::Read, "#").expect("a filter");
        self.command(&Command::SetPermissions { whom, permissions });
        let forbidden = self.ledger.forbid(client, id);
        self.link(id, |link| link.forbidden = Some(forbidden));
    }

    /// Whether nothing is under way that gives a client other rights.
    fn is_sure_of(&self, client: usize, id: LinkId) -> bool {
        let client = &self.clients[client];
        client.link == Some(id) && !client.waits_for_token() && self.ledger.is_decided(id)
    }
}
