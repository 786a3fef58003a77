//! A test-suite for stores: what `lmq_broker`'s contract of the store demands, checked against any implementation of it.
//!
//! Implement [`TestStore`] for your store and run every case, in a test of your own crate:
//!
//! ```
//! use lmq_sim::store_tests::{CASES, MemoryUnderTest};
//!
//! for case in CASES {
//!     case.run(&mut |setup| Box::new(MemoryUnderTest::new(setup)));
//! }
//! ```
//!
//! A case panics where the store does not do what the contract says; the message says in which case and what it expected.
//! [`Ledger`] is the judge of longer stories: random operations, faults and crashes, compared with a reference in memory. [`tell`] writes such
//! stories from a seed.
//!
//! | file | what it is about |
//! |---|---|
//! | `sessions` | opening, detaching, subscriptions, dropping, wills |
//! | `queues` | order, limits of a fetch, removal, one message in many queues |
//! | `exchanges` | packet ids, outbound and inbound |
//! | `retained` | messages of topics, versions |
//! | `pages` | what a start reads: whole, in order, each shard its own, after another number of shards |
//! | `quotas` | what gives way, and that it is told |
//! | `failures` | a failed operation fails the later ones, and leaves nothing behind |
//! | `restarts` | clean stops and crashes |
//! | `stories` | all of it mixed |

mod bench;
mod exchanges;
mod failures;
mod ledger;
mod memory;
mod pages;
mod queues;
mod quotas;
mod restarts;
mod retained;
mod sessions;
mod stories;

use std::sync::Arc;

use lmq_broker::{Done, Evicted, Failed, Quota, Settings, ShardId, StoreOp};

pub use ledger::Ledger;
pub use memory::MemoryUnderTest;
pub use stories::{Story, Told, tell};

use bench::Bench;

/// A store to be tested.
///
/// Operations are handed in with [`submit`](Self::submit) and answered by [`pump`](Self::pump). When `pump` returns, the shards have been told:
/// what is handed in from then on is not fenced by a failure that was among the answers.
pub trait TestStore {
    /// Takes an operation of a shard. A ticket is never used twice in the life of a store.
    fn submit(&mut self, shard: ShardId, ticket: u64, op: StoreOp);

    /// Carries out what was handed in, all of it, and returns the answers: those of each shard in the order of its operations.
    fn pump(&mut self) -> Vec<Answer>;

    /// Carries out what was handed in and keeps the answers for the next [`pump`](Self::pump): the shards are told nothing yet, and may hand in
    /// more. False: that cannot be had, and nothing was done. Then the cases that need it are over.
    fn work(&mut self) -> bool {
        false
    }

    /// Ends the store, and begins again with what it kept, for a broker with these settings.
    ///
    /// False: it keeps nothing beyond its end, and has not been touched. Then the cases that restart are over.
    fn reopen(&mut self, how: Stop, setup: &Setup) -> bool;

    /// Makes the next operation that writes fail, as a disk does. False: that cannot be had. Then the cases that need it are over.
    fn fail_next(&mut self) -> bool {
        false
    }
}

/// How a store ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Everything handed in is carried out first.
    Clean,
    /// The process, or the machine, is gone at once. Operations without answer may be lost, the last ones first.
    Crash,
}

/// What a store is made for.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Shards and instances, and so who owns which client and topic.
    pub settings: Arc<Settings>,
    /// How much one session may keep.
    pub quota: Quota,
}

/// The answer to one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whose operation.
    pub shard: ShardId,
    /// Which one.
    pub ticket: u64,
    /// How it ended.
    pub result: Result<Done, Failed>,
    /// What was given up for it.
    pub evicted: Vec<Evicted>,
}

/// One test.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it demands, as a sentence with `_` for spaces.
    pub name: &'static str,
    run: fn(&mut Bench<'_>),
}

/// Makes a store that is empty.
pub type Make<'m> = &'m mut dyn FnMut(&Setup) -> Box<dyn TestStore>;

impl Case {
    /// Runs it with stores of its own.
    ///
    /// # Panics
    /// Where the store breaks the contract.
    pub fn run(&self, make: Make<'_>) {
        (self.run)(&mut Bench::new(self.name, make));
    }
}

macro_rules! cases {
    ($($file:ident: $($name:ident,)*;)*) => {
        /// Every case.
        pub const CASES: &[Case] = &[$($(Case { name: stringify!($name), run: $file::$name },)*)*];
    };
}

cases! {
    sessions:
        a_session_is_made_once_and_found_again,
        a_clean_open_and_a_drop_leave_nothing,
        what_was_said_of_expiry_and_will_comes_back,
        subscriptions_are_added_changed_and_removed,
        sessions_of_clients_and_instances_do_not_meet,
        operations_on_a_session_that_is_not_there_do_nothing,;
    queues:
        messages_come_back_whole_and_in_order,
        a_fetch_stops_at_its_count_and_behind_the_message_that_reaches_its_bytes,
        what_is_removed_is_gone_and_positions_go_on,
        a_message_in_many_queues_lives_as_long_as_the_last,
        the_same_message_may_come_from_two_shards,
        operations_handed_in_together_see_each_other,;
    exchanges:
        an_exchange_is_remembered_until_it_is_over,
        a_released_exchange_has_no_message,
        exchanges_come_back_in_the_order_they_were_begun,
        inbound_ids_are_recorded_with_their_message_and_forgotten,;
    retained:
        the_last_change_of_a_topic_counts,
        retained_messages_of_instances_do_not_meet,;
    pages:
        every_session_is_read_once_and_in_order,
        every_retained_message_is_read_once_and_in_order,
        a_shard_reads_its_own_after_their_number_changed,;
    quotas:
        the_oldest_messages_give_way_by_count,
        the_oldest_messages_give_way_by_bytes,;
    failures:
        a_failed_operation_fails_the_later_ones_and_leaves_nothing,
        what_is_handed_in_before_the_shard_is_told_fails_as_well,
        other_operations_go_on_after_a_failure,;
    restarts:
        everything_answered_survives_a_clean_stop,
        everything_answered_survives_a_crash,
        what_was_not_answered_is_there_as_a_prefix,
        positions_and_messages_are_not_mixed_up_by_a_dropped_queue,;
    stories:
        a_hundred_random_stories_end_as_in_memory,;
}
