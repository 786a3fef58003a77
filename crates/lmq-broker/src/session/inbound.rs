//! Packet ids of QoS 2 messages that a client has sent and not released [MQTT-4.3.3-2].

use alloc::vec::Vec;

use lmq_codec::PacketId;

use crate::slab::Key;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InboundStage {
    /// The message waits for this operation; PUBREC follows it.
    Pending(Key),
    /// The message is forwarded; PUBREC was sent or is on its way.
    Received,
}

/// At most 65,535 entries, because that is how many packet ids there are.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    /// Sorted by id.
    entries: Vec<(PacketId, InboundStage)>,
}

impl Inbound {
    pub(crate) fn set(&mut self, id: PacketId, stage: InboundStage) {
        match self.find(id) {
            Ok(at) => self.entries[at].1 = stage,
            Err(at) => self.entries.insert(at, (id, stage)),
        }
    }

    /// What the store knows takes the place of what was received; what is pending stays so.
    pub(crate) fn reload(&mut self, recorded: &[PacketId]) {
        self.entries.retain(|(_, stage)| matches!(stage, InboundStage::Pending(_)));
        for id in recorded {
            if self.stage(*id).is_none() {
                self.set(*id, InboundStage::Received);
            }
        }
    }

    pub(crate) fn remove(&mut self, id: PacketId) -> Option<InboundStage> {
        let at = self.find(id).ok()?;
        let (_, stage) = self.entries.remove(at);
        Some(stage)
    }

    pub(crate) fn stage(&self, id: PacketId) -> Option<InboundStage> {
        self.find(id).ok().map(|at| self.entries[at].1)
    }

    fn find(&self, id: PacketId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&id, |entry| entry.0)
    }
}
