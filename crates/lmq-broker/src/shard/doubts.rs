//! QoS 2 messages whose store was too slow to say whether it has them: what their publisher and the store say next decides.

use alloc::vec::Vec;

use lmq_codec::PacketId;

use super::{
    Shard,
    effects::{Addressee, Forward, Waiter},
    fan::Fan,
};
use crate::slab::Key;

impl Shard {
    /// A message that may or may not be stored: if the store turns out to know its packet id, its publisher will not send it
    /// again, and who is served from memory gets it then.
    pub(super) fn keep_in_doubt(&mut self, op: Key, mut forward: Forward) {
        let Some(Waiter::Received { session, packet_id, .. }) = self.ops.get(op).map(|op| op.waiter) else {
            return;
        };
        forward.receivers.retain(|receiver| receiver.seq.is_none());
        if !forward.receivers.is_empty() {
            self.in_doubt.insert((session, packet_id), forward);
        }
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
        let Forward { message, receivers, .. } = forward;
        let Some(mut fan) = Fan::of_message(&message, self.settings.limits.shared_payload_bytes_min) else { return };
        for Addressee { session, options, .. } in receivers {
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
