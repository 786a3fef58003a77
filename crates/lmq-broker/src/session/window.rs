//! The outbound QoS 1 and QoS 2 exchanges of a session that are not finished.
//!
//! ```text
//!            open                 PUBACK
//!   QoS 1  ────────▶ AwaitPubAck ────────▶ (done)
//!
//!            open          saved                PUBREC           saved              PUBCOMP
//!   QoS 2  ────────▶ Saving ────▶ AwaitPubRec ────────▶ Releasing ────▶ AwaitPubComp ────────▶ (done)
//!                    └── a session that is not stored skips Saving and Releasing ──┘
//! ```

use crate::planted::{Bug, planted};
use alloc::collections::VecDeque;

use lmq_codec::PacketId;

/// How many packet ids may be handed out after the oldest open one before the next could meet it again.
const IDS_BEFORE_WRAP: u64 = 65_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Saving,
    AwaitPubAck,
    AwaitPubRec,
    Releasing,
    AwaitPubComp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inflight {
    pub(crate) id: PacketId,
    pub(crate) stage: Stage,
    /// The place of the message in the stored queue; `None` for a message that lives in memory only.
    pub(crate) seq: Option<u64>,
    /// Counts the ids handed out, this one included.
    ordinal: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Window {
    entries: VecDeque<Inflight>,
    last_id: u16,
    opened: u64,
    /// Some ids were not handed out here, so their order says nothing.
    restored: bool,
}

impl Window {
    /// Takes the next free packet id [MQTT-2.3.1-4] for a message.
    #[inline]
    pub(crate) fn open(&mut self, stage: Stage, seq: Option<u64>) -> PacketId {
        let id = self.next_id();
        self.opened += 1;
        self.entries.push_back(Inflight { id, stage, seq, ordinal: self.opened });
        id
    }

    /// Puts an exchange back that the store remembers.
    pub(crate) fn restore(&mut self, id: PacketId, stage: Stage, seq: u64) {
        self.restored = !planted(Bug::RestoredIdReused);
        self.last_id = if planted(Bug::RestoredIdReused) { 0 } else { self.last_id.max(id.value()) };
        self.entries.push_back(Inflight { id, stage, seq: Some(seq), ordinal: self.opened });
    }

    /// Ends the exchange `id` if it is at `stage`.
    #[inline]
    pub(crate) fn finish(&mut self, id: PacketId, stage: Stage) -> Option<Inflight> {
        let at = self.position(id)?;
        if self.entries.get(at)?.stage != stage {
            return None;
        }
        self.entries.remove(at)
    }

    /// Moves the exchange `id` from one stage to the next.
    pub(crate) fn advance(&mut self, id: PacketId, from: Stage, to: Stage) -> Option<Inflight> {
        let at = self.position(id)?;
        let entry = self.entries.get_mut(at)?;
        if entry.stage != from {
            return None;
        }
        entry.stage = to;
        Some(*entry)
    }

    /// The session was opened again: a release that was not recorded on the connection before is asked for again, by way of the
    /// PUBLISH.
    pub(crate) fn settle(&mut self) {
        for entry in &mut self.entries {
            if entry.stage == Stage::Releasing {
                entry.stage = Stage::AwaitPubRec;
            }
        }
    }

    /// Forgets what is not stored: after a disconnection it is not sent again.
    pub(crate) fn keep_stored(&mut self) {
        self.entries.retain(|entry| entry.seq.is_some());
        self.entries.shrink_to_fit();
    }

    pub(crate) fn stage(&self, id: PacketId) -> Option<Stage> {
        self.position(id).and_then(|at| self.entries.get(at)).map(|entry| entry.stage)
    }

    pub(crate) fn seq(&self, id: PacketId) -> Option<u64> {
        self.position(id).and_then(|at| self.entries.get(at)).and_then(|entry| entry.seq)
    }

    pub(crate) fn with_seq(&self, seq: u64) -> Option<Inflight> {
        self.entries.iter().find(|entry| entry.seq == Some(seq)).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Inflight> {
        self.entries.iter()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    fn position(&self, id: PacketId) -> Option<usize> {
        match self.entries.front() {
            Some(first) if first.id == id => Some(0),
            _ => self.entries.iter().position(|entry| entry.id == id),
        }
    }

    #[inline]
    fn next_id(&mut self) -> PacketId {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            let Some(id) = PacketId::new(self.last_id) else {
                continue;
            };
            let Some(oldest) = self.entries.front() else {
                self.restored = false;
                return id;
            };
            let may_meet = self.restored || self.opened - oldest.ordinal >= IDS_BEFORE_WRAP;
            if !may_meet || self.position(id).is_none() {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(value: u16) -> PacketId {
        PacketId::new(value).unwrap()
    }

    #[test]
    fn an_id_in_use_is_skipped_after_the_wrap() {
        let mut window = Window::default();
        assert_eq!(window.open(Stage::AwaitPubAck, None), id(1));
        assert_eq!(window.open(Stage::AwaitPubAck, None), id(2));
        for expected in 3..=u16::MAX {
            assert_eq!(window.open(Stage::AwaitPubAck, None), id(expected));
            assert!(window.finish(id(expected), Stage::AwaitPubAck).is_some());
        }
        assert_eq!(window.open(Stage::AwaitPubAck, None), id(3));
        assert_eq!(window.len(), 3);
    }

    #[test]
    fn an_id_that_the_store_remembers_is_skipped() {
        let mut window = Window::default();
        window.restore(id(1), Stage::AwaitPubRec, 7);
        window.restore(id(u16::MAX), Stage::AwaitPubComp, 8);
        assert_eq!(window.open(Stage::AwaitPubAck, None), id(2));
    }

    #[test]
    fn an_acknowledgement_of_another_stage_changes_nothing() {
        let mut window = Window::default();
        let first = window.open(Stage::AwaitPubRec, None);
        assert!(window.finish(first, Stage::AwaitPubAck).is_none());
        assert!(window.finish(first, Stage::AwaitPubComp).is_none());
        assert!(window.advance(first, Stage::AwaitPubRec, Stage::AwaitPubComp).is_some());
        assert_eq!(window.stage(first), Some(Stage::AwaitPubComp));
        assert!(window.finish(first, Stage::AwaitPubComp).is_some());
        assert_eq!(window.len(), 0);
    }

    #[test]
    fn acknowledgements_may_come_in_any_order() {
        let mut window = Window::default();
        let ids = [window.open(Stage::AwaitPubAck, None), window.open(Stage::AwaitPubAck, Some(4))];
        assert_eq!(window.with_seq(4).map(|entry| entry.id), Some(ids[1]));
        assert!(window.finish(ids[1], Stage::AwaitPubAck).is_some());
        assert!(window.finish(ids[1], Stage::AwaitPubAck).is_none());
        assert!(window.finish(ids[0], Stage::AwaitPubAck).is_some());
    }
}
