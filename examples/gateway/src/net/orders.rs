//! From a change of the registry to commands of the broker.

use std::sync::Arc;

use lmq_broker::{ClientKey, CloseReason, Command, Selector};

use super::mail::{Mail, Mailbox};
use crate::{
    registry::{Order, Whom},
    store::Desk,
};

/// Makes instances known to the store, before any thread can hand it something of theirs.
pub(super) fn tell_store(desk: &Desk, orders: &[Order]) {
    for order in orders {
        if let Order::Instance { index, instance } = order {
            desk.set_instance(*index, instance.clone());
        }
    }
}

/// Gives every thread the commands of one change.
pub(super) fn give(mailboxes: &[Arc<Mailbox>], orders: Vec<Order>) {
    let commands: Vec<_> = orders.into_iter().map(command).collect();
    let shards = |command: &Command| Mail::Command(command.clone());
    post(mailboxes, || commands.iter().map(shards).collect());
    // A front hands connections to all shards: it may know of an instance when the letters to them are under way.
    let for_fronts = |command: &&Command| matches!(command, Command::SetInstance { .. });
    let fronts = |command: &Command| Mail::FrontCommand(command.clone());
    post(mailboxes, || commands.iter().filter(for_fronts).map(fronts).collect());
}

fn post(mailboxes: &[Arc<Mailbox>], letters: impl Fn() -> Vec<Mail>) {
    for mailbox in mailboxes {
        let mut letters = letters();
        if !letters.is_empty() {
            // A box that cannot wake its thread belongs to a thread that is gone.
            let _ = mailbox.post(&mut letters);
        }
    }
}

fn command(order: Order) -> Command {
    match order {
        Order::Instance { index, instance } => Command::SetInstance { index, instance },
        Order::RevokeToken(id) => Command::RevokeToken(id),
        Order::Close(whom) => Command::Close { whom: selector(whom), reason: CloseReason::NotAuthorized },
    }
}

fn selector(whom: Whom) -> Selector {
    match whom {
        Whom::Client { instance, client_id } => Selector::Client(ClientKey { instance, client_id }),
        Whom::Group { instance, group } => Selector::Group { instance, group: (*group).into() },
        Whom::Instance(instance) => Selector::Instance(instance),
        Whom::Principal(principal) => Selector::Principal(principal),
    }
}
