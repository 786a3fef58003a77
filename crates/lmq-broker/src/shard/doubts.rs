//! QoS 2 messages whose store was too slow to say whether it has them: what their publisher and the store say next decides.

use alloc::vec::Vec;

use lmq_codec::PacketId;

use super::{
    Shard,
    effects::{Addressee, Forward, Waiter},
    fan::Fan,
    keep::{LateChange, TopicKey},
};
use crate::{Ticket, slab::Key};

impl Shard {
    /// A message that may or may not be stored: if the store turns out to know its packet id, its publisher will not send it
    /// again: who is served from memory gets it then, and what it retains is kept.
    pub(super) fn keep_in_doubt(&mut self, op: Key, mut forward: Forward) {
        let Some(Waiter::Received { session, packet_id, .. }) = self.ops.get(op).map(|op| op.waiter) else {
            return;
        };
        forward.receivers.retain(|receiver| receiver.seq.is_none());
        if !forward.receivers.is_empty() || forward.late.is_some() {
            self.in_doubt.insert((session, packet_id), forward);
        }
    }

    /// What a message retains was not stored in time. If that message is in doubt as well, both are stored or neither is.
    pub(super) fn doubt_change(&mut self, op: Key, late: LateChange) {
        let Some(Waiter::Retained { publish: Some(publish), .. }) = self.ops.get(op).map(|op| op.waiter) else {
            return;
        };
        if let Some(forward) = self.ops.get_mut(publish).and_then(|op| op.forward.as_mut()) {
            forward.late = Some(late);
        }
    }

    /// A later change of a topic is entered.
    pub(super) fn forget_doubted_changes(&mut self, place: &TopicKey, version: u64) {
        for forward in self.in_doubt.values_mut() {
            forward.late.take_if(|late| late.is_replaced_by(place, version));
        }
    }

    /// The store says late that it does not have a message.
    pub(super) fn drop_doubt(&mut self, ticket: Ticket) {
        self.in_doubt.retain(|_, forward| forward.ticket != ticket);
    }

    /// The store works in order: what it was given before something it has done is done as well.
    pub(super) fn confirm_older(&mut self, ordinal: u64) {
        let older = self.in_doubt.iter().filter(|(_, forward)| forward.ordinal < ordinal);
        let mut older: Vec<_> = older.map(|(key, forward)| (forward.ordinal, *key)).collect();
        older.sort_unstable();
        for (_, key) in older {
            if let Some(forward) = self.in_doubt.remove(&key) {
                self.forward_doubted(forward);
            }
        }
    }

    fn forward_doubted(&mut self, forward: Forward) {
        let Forward { message, receivers, late, .. } = forward;
        if let Some(late) = late {
            self.enter_late(late);
        }
        let Some(mut fan) = Fan::of_message(&message, self.settings.limits.shared_payload_bytes_min) else { return };
        for Addressee { session, options, .. } in receivers.into_iter().filter(|receiver| !receiver.barred) {
            self.deliver(session, options.terms(), &mut fan, &message);
        }
    }

    /// The store knows these packet ids of a session whose messages were in doubt, and no others.
    pub(super) fn resolve_doubts(&mut self, session: Key, recorded: &[PacketId]) {
        let known = self.in_doubt.range((session, PacketId::MIN)..=(session, PacketId::MAX));
        for key in known.map(|(key, _)| *key).collect::<Vec<_>>() {
            let Some(forward) = self.in_doubt.remove(&key) else { continue };
            if recorded.contains(&key.1) {
                self.forward_doubted(forward);
            }
        }
    }
}
