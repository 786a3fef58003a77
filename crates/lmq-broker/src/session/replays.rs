//! Retained messages on their way to one session: how far each of its subscriptions has come.

use alloc::{boxed::Box, collections::BTreeMap};

use lmq_route::Cursor;

use crate::Subscription;

/// The retained messages that one subscription brings. The filter is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replay {
    /// What was granted.
    pub(crate) subscription: Subscription,
    /// How many messages with RETAIN the shard had delivered when the subscription began: later ones reached it as they came.
    pub(crate) since: u64,
    /// Where to go on; `None`: at the beginning.
    pub(crate) cursor: Option<Cursor>,
}

/// At most one per filter, served one after another in the order of the filters.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    open: BTreeMap<Box<str>, Replay>,
    /// Those that are through, while the store has not answered for everything they handed it.
    handed_over: BTreeMap<Box<str>, Replay>,
    /// Messages that the store has not answered for.
    pub(crate) unanswered: u32,
    /// The shard goes on with them in its next call.
    pub(crate) listed: bool,
}

impl Replays {
    /// Begins one, from the first topic on, whether or not its filter is being served.
    pub(crate) fn begin(&mut self, filter: Box<str>, replay: Replay) {
        self.handed_over.remove(&filter);
        self.open.insert(filter, replay);
    }

    pub(crate) fn cancel(&mut self, filter: &str) {
        self.open.remove(filter);
        self.handed_over.remove(filter);
    }

    /// Takes the one that is served now out, for a step.
    pub(crate) fn take(&mut self) -> Option<(Box<str>, Replay)> {
        self.open.pop_first()
    }

    /// Puts one back that has a next step.
    pub(crate) fn put_back(&mut self, filter: Box<str>, replay: Replay) {
        self.open.insert(filter, replay);
    }

    /// One has looked at every topic.
    pub(crate) fn through(&mut self, filter: Box<str>, replay: Replay) {
        if self.unanswered > 0 {
            self.handed_over.insert(filter, replay);
        }
    }

    /// The store has answered for a message. If it failed, everything that may depend on it is sent once more.
    pub(crate) fn answered(&mut self, ok: bool) {
        self.unanswered = self.unanswered.saturating_sub(1);
        if !ok {
            let again = core::mem::take(&mut self.handed_over);
            self.open.extend(again);
            self.open.values_mut().for_each(|replay| replay.cursor = None);
        }
        if self.unanswered == 0 {
            self.handed_over.clear();
        }
    }

    /// The client is back: what was delivered while it was away may not have reached it.
    pub(crate) fn resume(&mut self, since: u64) {
        let all = self.open.values_mut().chain(self.handed_over.values_mut());
        all.for_each(|replay| replay.since = since);
    }

    /// The one that is served now.
    pub(crate) fn first(&self) -> Option<&Replay> {
        self.open.first_key_value().map(|(_, replay)| replay)
    }

    /// How many have a next step.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether nothing is left to be remembered.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.is_empty() && self.unanswered == 0 && !self.listed
    }
}

#[cfg(test)]
mod tests {
    use lmq_codec::QoS;

    use super::*;

    fn replay(since: u64) -> Replay {
        Replay { subscription: Subscription::new(QoS::AtLeastOnce), since, cursor: None }
    }

    #[test]
    fn what_the_store_lost_is_sent_once_more() {
        let mut replays = Replays::default();
        replays.begin("a".into(), replay(1));
        replays.begin("b".into(), replay(2));
        let (filter, first) = replays.take().unwrap();
        replays.unanswered = 2;
        replays.through(filter, first);
        assert_eq!(replays.len(), 1);
        replays.answered(true);
        replays.answered(false);
        assert_eq!((replays.len(), replays.first().map(|replay| replay.since)), (2, Some(1)));
    }

    #[test]
    fn what_is_stored_is_forgotten_and_what_is_cancelled_never_comes_back() {
        let mut replays = Replays::default();
        for filter in ["a", "b"] {
            replays.begin(filter.into(), replay(1));
            let (filter, first) = replays.take().unwrap();
            replays.unanswered = 2;
            replays.through(filter, first);
        }
        replays.cancel("a");
        replays.answered(false);
        assert_eq!(replays.len(), 1);
        replays.cancel("b");
        replays.answered(true);
        assert!(replays.is_idle());
    }
}
