//! Who sent what, who wanted it, who got it; and what must hold of that.
//!
//! [`entry`] is what the books have of each, [`arrive`] looks at what comes, [`duty`] says what must. [`retained`], [`shared`], [`wills`]
//! and [`expiry`] are the rules of one kind of message each.

mod arrive;
mod duty;
mod entry;
mod expiry;
mod retained;
mod shared;
mod uploads;
mod wills;

use std::collections::BTreeMap;

use lmq_codec::QoS;

use self::{
    duty::Duty,
    entry::{Entry, Interest, Receiver},
    shared::Receipt,
    uploads::Upload,
};
pub(crate) use self::{
    entry::{Arrival, Sent, Terms, Way},
    wills::Return,
};
use crate::violation::{Checker, Violation};

/// What may be expected in this run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// `Profile::stored_qos_max`.
    pub(crate) stored_qos_max: QoS,
    /// Stores may fail operations, or answer too late.
    pub(crate) store_fails: bool,
    pub(crate) shards: u16,
    /// Acknowledgements wait for the MQ side.
    pub(crate) uplink: bool,
    /// The MQ side may refuse, or not answer.
    pub(crate) uplink_fails: bool,
    /// What siblings do one after another may take longer than an effect may.
    pub(crate) siblings_late: bool,
    /// The wall clock may be set.
    pub(crate) wall_jumps: bool,
    /// There may be no room for what is to be kept.
    pub(crate) retained_limited: bool,
    /// What comes while a client is there may overtake what waited for it.
    pub(crate) live_overtakes: bool,
}

/// How often something came that only the books can tell from the rest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// A subscription brought a message that was kept.
    pub(crate) replayed: u64,
    /// A message came to a member of a shared subscription, and to another one after it.
    pub(crate) shared: u64,
    pub(crate) passed_on: u64,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    rules: Rules,
    /// Microseconds since the beginning of the run.
    pub(crate) now: u64,
    tick: u64,
    messages: Vec<Entry>,
    receivers: Vec<Receiver>,
    /// What clients said of their rights, in the order they said it.
    uploads: Vec<Upload>,
    /// Who of a group got a message.
    receipts: BTreeMap<(String, u64), Vec<Receipt>>,
    counts: Counts,
    /// How often the broker ended without a word.
    crashes: u32,
    /// When it was stopped gently last.
    stopped_at: u64,
}

impl Ledger {
    /// For clients of which each has a session that outlives its connection, or not.
    pub(crate) fn new(rules: Rules, persistent: &[bool]) -> Self {
        let receiver = |persistent: &bool| Receiver { persistent: *persistent, ..Receiver::default() };
        let (messages, receivers) = (Vec::new(), persistent.iter().map(receiver).collect());
        let (receipts, counts, uploads) = (BTreeMap::new(), Counts::default(), Vec::new());
        Self { uploads, rules, now: 0, tick: 0, messages, receivers, receipts, counts, crashes: 0, stopped_at: 0 }
    }

    /// Somebody who publishes and is no client: a source of the MQ side. Returns its number.
    pub(crate) fn add_source(&mut self) -> usize {
        self.receivers.push(Receiver { persistent: true, mq_side: true, ..Receiver::default() });
        self.receivers.len() - 1
    }

    /// A new message is sent; returns its number.
    pub(crate) fn publish(&mut self, sent: Sent) -> u64 {
        let (at, sent_at, crashes) = (self.next_tick(), self.now, self.crashes);
        let Sent { publisher, way, qos, length, expiry, retain } = sent;
        let behind = vec![self.receivers[publisher].upload];
        self.messages.push(Entry {
            publisher,
            way,
            qos,
            length,
            retain,
            expiry,
            sent_at,
            acked_at: None,
            first_sent: at,
            last_sent: at,
            acked: None,
            crashes,
            will: None,
            behind,
        });
        self.messages.len() as u64
    }

    /// A message is sent again.
    pub(crate) fn resend(&mut self, number: u64) {
        let at = self.next_tick();
        if let Some(entry) = self.messages.get_mut(number as usize - 1) {
            entry.last_sent = at;
            entry.behind.push(self.receivers[entry.publisher].upload);
        }
    }

    /// It is acknowledged. `is_kept` says whether it was durable in the queue of a client.
    pub(crate) fn acked(&mut self, number: u64, is_kept: impl Fn(usize) -> bool) -> Result<(), Violation> {
        let at = self.next_tick();
        let Some(entry) = self.messages.get_mut(number as usize - 1) else { return Ok(()) };
        entry.acked.get_or_insert(at);
        entry.acked_at.get_or_insert(self.now);
        for receiver in 0..self.receivers.len() {
            if self.duty(number, receiver) == Some(Duty::Stored) && !is_kept(receiver) {
                let text = format!("message {number} was acknowledged, the queue of client {receiver} never had it");
                return Err(Violation::new(Checker::AckedMeansStored, text));
            }
        }
        self.check_shared_kept(number, &is_kept)
    }

    /// A client may declare a subscription; it counts from its SUBACK on.
    pub(crate) fn declare(&mut self, client: usize, filter: Option<&str>, terms: Terms) {
        self.receivers[client].interests.push(Interest { filter: filter.map(str::to_owned), terms, since: None });
    }

    pub(crate) fn subscribed(&mut self, client: usize, filter: Option<&str>) {
        let at = self.next_tick();
        let interests = self.receivers[client].interests.iter_mut();
        for interest in interests.filter(|interest| interest.filter.as_deref() == filter) {
            interest.since.get_or_insert(at);
        }
    }

    pub(crate) fn unsubscribed(&mut self, client: usize, filter: &str) {
        self.drop_claims(client, filter);
        let interests = self.receivers[client].interests.iter_mut();
        interests
            .filter(|interest| interest.filter.as_deref() == Some(filter))
            .for_each(|interest| interest.since = None);
    }

    /// A client discards its session, or has it discarded by ending its connection.
    pub(crate) fn discarded(&mut self, client: usize) {
        let at = self.next_tick();
        let receiver = &mut self.receivers[client];
        receiver.interests.iter_mut().for_each(|interest| interest.since = None);
        receiver.claims.clear();
        (receiver.discarded_at, receiver.discarding) = (at, true);
    }

    /// CONNACK came. `new`: the session is a new one.
    pub(crate) fn connected(&mut self, client: usize, new: bool) {
        let at = self.next_tick();
        let receiver = &mut self.receivers[client];
        receiver.online_since = Some(at);
        receiver.session += u32::from(new);
        receiver.drained.clear();
        if std::mem::take(&mut receiver.discarding) || new {
            receiver.discarded_at = at;
        }
        if new {
            receiver.entitled.clear();
            receiver.replayed.clear();
            receiver.brought.clear();
        }
    }

    pub(crate) fn disconnected(&mut self, client: usize) {
        let at = self.next_tick();
        self.break_claims(client);
        (self.receivers[client].online_since, self.receivers[client].lost_at) = (None, at);
        self.receivers[client].upload = None;
    }

    /// The broker ends a connection of a client: its latest, or one that it has left behind.
    pub(crate) fn ended(&mut self, client: usize, latest: bool) {
        let at = self.next_tick();
        let receiver = &mut self.receivers[client];
        receiver.any_ended_at = at;
        if latest {
            receiver.ended_at = at;
        }
    }

    pub(crate) fn crashed(&mut self) {
        self.crashes += 1;
        self.forget_claims();
    }

    /// The broker was stopped gently.
    pub(crate) fn stopped(&mut self) {
        self.stopped_at = self.next_tick();
        self.forget_claims();
    }

    /// The store gave a message up.
    pub(crate) fn excuse(&mut self, client: usize, number: u64) {
        self.receivers[client].excused.insert(number);
    }

    /// The broker said that it dropped messages of a client from memory.
    pub(crate) fn dropped(&mut self, client: usize, count: u32) {
        let at = self.next_tick();
        self.receivers[client].dropped += u64::from(count);
        self.receivers[client].dropped_at = at;
    }

    /// What a message is like.
    pub(crate) fn sent(&self, number: u64) -> Option<Sent> {
        let entry = self.messages.get(number.checked_sub(1)? as usize)?;
        let Entry { publisher, way, qos, length, expiry, retain, .. } = entry;
        let (publisher, qos, length, expiry, retain) = (*publisher, *qos, *length, *expiry, *retain);
        Some(Sent { publisher, way: way.clone(), qos, length, expiry, retain })
    }

    pub(crate) fn is_will(&self, number: u64) -> bool {
        self.messages.get(number as usize - 1).is_some_and(|entry| entry.will.is_some())
    }

    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) const fn wall_jumps(&self) -> bool {
        self.rules.wall_jumps
    }

    pub(crate) const fn store_fails(&self) -> bool {
        self.rules.store_fails
    }

    fn numbers(&self) -> impl Iterator<Item = u64> + use<> {
        1..=self.messages.len() as u64
    }

    fn next_tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }
}

#[cfg(test)]
mod tests;
