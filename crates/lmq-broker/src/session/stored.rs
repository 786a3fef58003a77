//! What a session that outlives its connection knows of its queue in the store.
//!
//! ```text
//!   positions   0 … first sent … │ sent_end … ready_end │ … durable_end │ … next_seq
//!               acknowledged or  │ in `ready`, to be    │ stored, to be │ handed to the
//!               in the window    │ sent next            │ fetched       │ store, no answer yet
//! ```

use alloc::collections::VecDeque;
use core::ops::Range;

use super::{Stage, Window};
use crate::{
    StoredMessage, Ticket,
    planted::{Bug, planted},
};

/// At most so many messages wait in memory for room in the window; the store has the rest.
const READY_MAX: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct StoredQueue {
    pub(crate) next_seq: u64,
    pub(crate) sent_end: u64,
    ready_end: u64,
    durable_end: u64,
    ready: VecDeque<StoredMessage>,
    /// The fetch whose answer is awaited.
    fetching: Option<Ticket>,
    /// Messages below may be in the window already: they are sent again under their packet id, or not at all.
    pub(crate) resume_end: u64,
}

impl StoredQueue {
    /// Takes the position for a message that is about to be stored.
    pub(crate) fn assign(&mut self) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    /// A message is stored; it is kept at hand if everything before it is.
    pub(crate) fn appended(&mut self, stored: StoredMessage, online: bool) {
        let contiguous = self.ready_end == self.durable_end && stored.seq == self.durable_end;
        let contiguous = contiguous || planted(Bug::StoredOvertakes);
        let at_hand = online && self.fetching.is_none() && contiguous && self.ready.len() < READY_MAX;
        self.durable_end = self.durable_end.max(stored.seq + 1);
        if at_hand {
            self.ready_end = self.durable_end;
            self.ready.push_back(stored);
        }
    }

    /// Nobody knows whether a message was stored: what the store has at this place is read from it.
    pub(crate) fn doubt(&mut self, seq: u64) {
        self.durable_end = self.durable_end.max(seq + 1);
    }

    /// A client came: everything that is in `window`, or was never sent, is read again.
    pub(crate) fn attach(&mut self, window: &Window) {
        let unfinished =
            || window.iter().filter(|entry| entry.stage != Stage::AwaitPubComp).filter_map(|entry| entry.seq);
        self.ready.clear();
        self.ready_end = unfinished().min().map_or(self.sent_end, |first| first.min(self.sent_end));
        self.resume_end = unfinished().max().map_or(0, |last| last + 1);
        self.fetching = None;
    }

    /// Takes what the store remembers of a queue this shard has not seen yet.
    pub(crate) fn load(&mut self, first_seq: u64, next_seq: u64) {
        self.sent_end = if planted(Bug::QueueNotRestored) { next_seq } else { first_seq };
        // Positions handed out since the store was asked are still ours.
        self.next_seq = self.next_seq.max(next_seq);
        self.durable_end = self.durable_end.max(next_seq);
    }

    pub(crate) fn detach(&mut self) {
        self.ready = VecDeque::new();
        self.fetching = None;
    }

    /// The next range to fetch, as (from, end), if nothing is at hand and something is stored.
    pub(crate) fn want(&self) -> Option<(u64, u64)> {
        if self.fetching.is_some() || !self.ready.is_empty() || self.ready_end >= self.durable_end {
            return None;
        }
        Some((self.ready_end, self.durable_end))
    }

    pub(crate) fn fetch_begun(&mut self, ticket: Ticket) {
        self.fetching = Some(ticket);
    }

    /// Whether this is the fetch whose answer is awaited, not one of an earlier connection.
    pub(crate) fn awaits(&self, ticket: Ticket) -> bool {
        self.fetching == Some(ticket)
    }

    /// The answer to a fetch of the positions up to `end`; nothing in it means that nothing is left there. Returns the positions
    /// that were read; those that are not in `messages` are gone.
    pub(crate) fn fetched(&mut self, messages: impl IntoIterator<Item = StoredMessage>, end: u64) -> Range<u64> {
        self.fetching = None;
        let before = self.ready_end;
        for stored in messages {
            if stored.seq >= self.ready_end {
                self.ready_end = stored.seq + 1;
                self.ready.push_back(stored);
            }
        }
        if self.ready_end == before {
            self.ready_end = end;
        }
        self.pass_over_gaps();
        before..self.ready_end
    }

    /// Where nothing is at hand, what was read is sent or gone.
    fn pass_over_gaps(&mut self) {
        if self.ready.is_empty() {
            self.sent_end = self.sent_end.max(self.ready_end);
        }
    }

    pub(crate) fn is_at_hand(&self, seq: u64) -> bool {
        self.ready.iter().any(|stored| stored.seq == seq)
    }

    pub(crate) fn peek(&self) -> Option<&StoredMessage> {
        self.ready.front()
    }

    pub(crate) fn pop(&mut self) -> Option<StoredMessage> {
        let stored = self.ready.pop_front()?;
        self.sent_end = self.sent_end.max(stored.seq + 1);
        self.pass_over_gaps();
        Some(stored)
    }

    /// Whether something is at hand or in the store that this connection has not been sent.
    pub(crate) fn has_more(&self) -> bool {
        !self.ready.is_empty() || self.ready_end < self.durable_end
    }

    /// How many positions the present connection has not been sent, as far as is known.
    pub(crate) fn behind(&self) -> u64 {
        self.ready.len() as u64 + self.durable_end.saturating_sub(self.ready_end)
    }

    /// How many positions are not sent yet, evicted ones included.
    pub(crate) fn waiting(&self) -> u64 {
        self.durable_end.saturating_sub(self.sent_end)
    }

    pub(crate) const fn batch() -> u32 {
        READY_MAX as u32
    }
}

#[cfg(test)]
mod tests {
    use alloc::{sync::Arc, vec::Vec};

    use bytes::Bytes;
    use lmq_codec::QoS;

    use super::*;
    use crate::{DeliveryOptions, Message, MessageId};

    fn stored(seq: u64) -> StoredMessage {
        let message = Arc::new(Message::new(MessageId(seq.into()), "t", Bytes::new()));
        StoredMessage { seq, options: DeliveryOptions::new(QoS::AtLeastOnce), message }
    }

    fn append(queue: &mut StoredQueue, count: u64) {
        for _ in 0..count {
            let seq = queue.assign();
            queue.appended(stored(seq), true);
        }
    }

    fn pop_all(queue: &mut StoredQueue) -> Vec<u64> {
        core::iter::from_fn(|| queue.pop()).map(|stored| stored.seq).collect()
    }

    #[test]
    fn what_does_not_fit_at_hand_is_read_from_the_store() {
        let mut queue = StoredQueue::default();
        let room = READY_MAX as u64;
        append(&mut queue, room + 2);
        assert_eq!(queue.want(), None);
        assert_eq!(pop_all(&mut queue), (0..room).collect::<Vec<_>>());
        assert_eq!(queue.want(), Some((room, room + 2)));
        queue.fetch_begun(Ticket(1));
        assert_eq!(queue.want(), None);
        // Stored while the answer is awaited: not at hand, lest it overtakes.
        append(&mut queue, 1);
        assert!(queue.awaits(Ticket(1)) && !queue.awaits(Ticket(2)));
        assert_eq!(queue.fetched([stored(room), stored(room + 1)], room + 2), room..room + 2);
        assert_eq!(pop_all(&mut queue), [room, room + 1]);
        assert_eq!(queue.want(), Some((room + 2, room + 3)));
        assert_eq!(queue.waiting(), 1);
    }

    #[test]
    fn a_range_that_is_gone_is_passed_over() {
        let mut queue = StoredQueue::default();
        queue.load(0, 10);
        assert_eq!(queue.want(), Some((0, 10)));
        queue.fetch_begun(Ticket(1));
        assert_eq!(queue.fetched([], 10), 0..10);
        assert!(!queue.has_more());
        append(&mut queue, 1);
        assert_eq!(pop_all(&mut queue), [10]);
    }

    #[test]
    fn a_later_look_at_the_store_takes_no_position_back() {
        let mut queue = StoredQueue::default();
        queue.load(3, 5);
        assert_eq!(queue.assign(), 5);
        queue.load(3, 5);
        assert_eq!(queue.assign(), 6);
    }

    #[test]
    fn a_new_connection_reads_what_is_in_the_window_again() {
        let mut queue = StoredQueue::default();
        let mut window = Window::default();
        append(&mut queue, 4);
        let ids: Vec<_> =
            pop_all(&mut queue).into_iter().map(|seq| window.open(Stage::AwaitPubAck, Some(seq))).collect();
        window.finish(ids[0], Stage::AwaitPubAck);
        window.finish(ids[3], Stage::AwaitPubAck);
        queue.detach();
        queue.attach(&window);
        assert_eq!((queue.want(), queue.resume_end), (Some((1, 4)), 3));
    }
}
