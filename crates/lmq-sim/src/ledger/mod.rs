//! Who sent what, who wanted it, who got it; and what must hold of that.

mod expiry;
mod wills;

use std::collections::{BTreeMap, BTreeSet};

use self::wills::Fate;
pub(crate) use self::wills::Return;
use lmq_codec::{QoS, TopicFilter, TopicName};

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
    /// The wall clock may be set.
    pub(crate) wall_jumps: bool,
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Topic(String),
    Client(usize, String),
}

impl Way {
    pub(crate) fn topic(&self) -> &str {
        match self {
            Self::Topic(topic) | Self::Client(_, topic) => topic,
        }
    }
}

#[derive(Debug)]
struct Entry {
    publisher: usize,
    way: Way,
    qos: QoS,
    length: usize,
    /// Seconds until it is worth nothing, and when it was sent first.
    expiry: Option<u32>,
    sent_at: u64,
    acked_at: Option<u64>,
    first_sent: u64,
    last_sent: u64,
    acked: bool,
    crashes: u32,
    /// It is a will.
    will: Option<Fate>,
}

#[derive(Debug)]
struct Interest {
    /// `None`: messages for the client itself.
    filter: Option<String>,
    qos: QoS,
    since: Option<u64>,
}

#[derive(Debug, Default)]
struct Receiver {
    persistent: bool,
    interests: Vec<Interest>,
    /// When its latest CONNACK left, by the clock.
    accepted_at: Option<u64>,
    /// When its current connection began; `None` while it has none.
    online_since: Option<u64>,
    /// Counts its sessions.
    session: u32,
    /// First deliveries and, for QoS 2, the session they were made in.
    got: BTreeMap<u64, (QoS, u32)>,
    /// The latest first delivery, by publisher, topic, QoS of the publisher and of the receiver.
    latest: BTreeMap<(usize, String, QoS, QoS), u64>,
    excused: BTreeSet<u64>,
    /// Messages that the broker said it dropped from memory.
    dropped: u64,
}

/// How a message must reach a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duty {
    /// By way of the store: whatever happens.
    Stored,
    /// From memory: if nothing happens to its connection.
    Memory,
}

/// A message as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) receiver: usize,
    pub(crate) number: Option<u64>,
    pub(crate) topic: String,
    pub(crate) qos: QoS,
    pub(crate) length: usize,
    pub(crate) intact: bool,
    pub(crate) dup: bool,
    /// What the packet said of its time, in a version that can say it.
    pub(crate) expiry: Option<u32>,
    pub(crate) version5: bool,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    rules: Rules,
    /// Microseconds since the beginning of the run.
    pub(crate) now: u64,
    tick: u64,
    messages: Vec<Entry>,
    receivers: Vec<Receiver>,
    crashes: u32,
}

impl Ledger {
    /// For clients of which each has a session that outlives its connection, or not.
    pub(crate) fn new(rules: Rules, persistent: &[bool]) -> Self {
        let receiver = |persistent: &bool| Receiver { persistent: *persistent, ..Receiver::default() };
        let receivers = persistent.iter().map(receiver);
        Self { rules, now: 0, tick: 0, messages: Vec::new(), receivers: receivers.collect(), crashes: 0 }
    }

    /// A client sends a new message; returns its number.
    pub(crate) fn publish(&mut self, publisher: usize, way: Way, qos: QoS, length: usize, expiry: Option<u32>) -> u64 {
        let (at, sent_at, crashes) = (self.next_tick(), self.now, self.crashes);
        let (first_sent, last_sent) = (at, at);
        let (acked, acked_at, will) = (false, None, None);
        let entry = Entry {
            publisher,
            way,
            qos,
            length,
            expiry,
            sent_at,
            acked_at,
            first_sent,
            last_sent,
            acked,
            crashes,
            will,
        };
        self.messages.push(entry);
        self.messages.len() as u64
    }

    /// A client sends a message again.
    pub(crate) fn resend(&mut self, number: u64) {
        let at = self.next_tick();
        if let Some(entry) = self.messages.get_mut(number as usize - 1) {
            entry.last_sent = at;
        }
    }

    /// PUBACK or PUBREC came. `is_kept` says whether a message was durable in the queue of a client.
    pub(crate) fn acked(&mut self, number: u64, is_kept: impl Fn(usize) -> bool) -> Result<(), Violation> {
        let Some(entry) = self.messages.get_mut(number as usize - 1) else { return Ok(()) };
        entry.acked = true;
        entry.acked_at.get_or_insert(self.now);
        for receiver in 0..self.receivers.len() {
            if self.duty(number, receiver) == Some(Duty::Stored) && !is_kept(receiver) {
                let text = format!("message {number} was acknowledged, the queue of client {receiver} never had it");
                return Err(Violation::new(Checker::AckedMeansStored, text));
            }
        }
        Ok(())
    }

    /// A client may declare a subscription; it counts from its SUBACK on.
    pub(crate) fn declare(&mut self, client: usize, filter: Option<&str>, qos: QoS) {
        self.receivers[client].interests.push(Interest { filter: filter.map(str::to_owned), qos, since: None });
    }

    pub(crate) fn subscribed(&mut self, client: usize, filter: Option<&str>) {
        let at = self.next_tick();
        let interests = self.receivers[client].interests.iter_mut();
        for interest in interests.filter(|interest| interest.filter.as_deref() == filter) {
            interest.since.get_or_insert(at);
        }
    }

    pub(crate) fn unsubscribed(&mut self, client: usize, filter: &str) {
        let interests = self.receivers[client].interests.iter_mut();
        interests
            .filter(|interest| interest.filter.as_deref() == Some(filter))
            .for_each(|interest| interest.since = None);
    }

    /// A client discards its session, or has it discarded by ending its connection.
    pub(crate) fn discarded(&mut self, client: usize) {
        self.receivers[client].interests.iter_mut().for_each(|interest| interest.since = None);
    }

    /// CONNACK came. `new`: the session is a new one.
    pub(crate) fn connected(&mut self, client: usize, new: bool) {
        let at = self.next_tick();
        let receiver = &mut self.receivers[client];
        receiver.online_since = Some(at);
        receiver.session += u32::from(new);
    }

    pub(crate) fn disconnected(&mut self, client: usize) {
        self.receivers[client].online_since = None;
    }

    pub(crate) fn crashed(&mut self) {
        self.crashes += 1;
    }

    /// The store gave a message up.
    pub(crate) fn excuse(&mut self, client: usize, number: u64) {
        self.receivers[client].excused.insert(number);
    }

    /// The broker said that it dropped messages of a client from memory.
    pub(crate) fn dropped(&mut self, client: usize, count: u32) {
        self.receivers[client].dropped += u64::from(count);
    }

    /// A message reached the application of a client.
    pub(crate) fn delivered(&mut self, arrival: &Arrival) -> Result<(), Violation> {
        let (receiver, qos) = (arrival.receiver, arrival.qos);
        let number = self.check_content(arrival)?;
        let entry = &self.messages[number as usize - 1];
        let session = self.receivers[receiver].session;
        if let Some((first_qos, first_session)) = self.receivers[receiver].got.get(&number).copied() {
            let twice = qos == QoS::ExactlyOnce && first_qos == QoS::ExactlyOnce && first_session == session;
            if twice && !self.may_come_twice(entry) {
                let text = format!("message {number} reached client {receiver} twice");
                return Err(Violation::new(Checker::ExactlyOnce, text));
            }
            return Ok(());
        }
        let key = (entry.publisher, entry.way.topic().to_owned(), entry.qos, qos);
        let latest = self.receivers[receiver].latest.get(&key).copied();
        // What the store gave up may come again, as a later try of its publisher.
        let excused = self.receivers[receiver].excused.contains(&number);
        let is_will = entry.will.is_some();
        let excused = excused || is_will || self.may_rise_again(entry);
        if let Some(latest) = latest.filter(|latest| !excused && self.is_before(receiver, number, *latest)) {
            let text = format!("client {receiver} got message {number} behind {latest} (QoS {})", u8::from(qos));
            return Err(Violation::new(Checker::Order, text));
        }
        let receiver = &mut self.receivers[receiver];
        receiver.got.insert(number, (qos, session));
        if !is_will {
            receiver.latest.insert(key, number.max(latest.unwrap_or(0)));
        }
        Ok(())
    }

    /// In the end: whatever was acknowledged has arrived.
    pub(crate) fn check_delivered(&self) -> Result<(), Violation> {
        for client in 0..self.receivers.len() {
            let mut lost = Vec::new();
            for number in self.numbers().filter(|number| self.is_owed(*number)) {
                let receiver = &self.receivers[client];
                if receiver.got.contains_key(&number) || receiver.excused.contains(&number) {
                    continue;
                }
                match self.duty(number, client) {
                    Some(Duty::Stored) if !self.may_be_expired(&self.messages[number as usize - 1]) => {
                        let text = format!("message {number} was acknowledged and never reached client {client}");
                        return Err(Violation::new(Checker::Delivered, text));
                    }
                    Some(_) => lost.push(number),
                    None => {}
                }
            }
            let dropped = self.receivers[client].dropped;
            if lost.len() as u64 > dropped {
                let text = format!("client {client} misses {lost:?}, and only {dropped} were reported as dropped");
                return Err(Violation::new(Checker::Delivered, text));
            }
        }
        Ok(())
    }

    pub(crate) fn length(&self, number: u64) -> usize {
        self.messages.get(number as usize - 1).map_or(0, |entry| entry.length)
    }

    pub(crate) fn is_will(&self, number: u64) -> bool {
        self.messages.get(number as usize - 1).is_some_and(|entry| entry.will.is_some())
    }

    pub(crate) fn expiry(&self, number: u64) -> Option<u32> {
        self.messages.get(number as usize - 1).and_then(|entry| entry.expiry)
    }

    pub(crate) const fn wall_jumps(&self) -> bool {
        self.rules.wall_jumps
    }

    pub(crate) const fn store_fails(&self) -> bool {
        self.rules.store_fails
    }

    fn is_owed(&self, number: u64) -> bool {
        let entry = &self.messages[number as usize - 1];
        entry.acked || self.is_due(entry)
    }

    fn numbers(&self) -> impl Iterator<Item = u64> + use<> {
        1..=self.messages.len() as u64
    }

    fn check_content(&self, arrival: &Arrival) -> Result<u64, Violation> {
        let number = arrival.number.filter(|number| (1..=self.messages.len() as u64).contains(number));
        let Some(number) = number else {
            return Err(Violation::new(Checker::Content, format!("nobody sent {arrival:?}")));
        };
        let entry = &self.messages[number as usize - 1];
        let wanted = match &entry.way {
            Way::Client(target, _) => *target == arrival.receiver,
            Way::Topic(topic) => self.may_want(arrival.receiver, topic),
        };
        let same = entry.way.topic() == arrival.topic && entry.length == arrival.length && arrival.intact;
        if !same || !wanted || arrival.qos > entry.qos {
            return Err(Violation::new(Checker::Content, format!("sent as {entry:?}, came as {arrival:?}")));
        }
        self.check_expiry(arrival, entry)?;
        self.check_will(entry)?;
        Ok(number)
    }

    fn may_want(&self, client: usize, topic: &str) -> bool {
        self.receivers[client].interests.iter().any(|interest| interest.matches(topic))
    }

    /// Whether a message must come before another one of the same publisher, topic and QoS.
    ///
    /// Where the first copy may have been lost, or failed in one shard and not in another, a message counts from its latest try on.
    fn is_before(&self, receiver: usize, number: u64, later: u64) -> bool {
        let (one, other) = (&self.messages[number as usize - 1], &self.messages[later as usize - 1]);
        // What expired in a queue may come again, as a later try.
        let surely =
            !self.rules.store_fails && !self.may_be_expired(one) && self.duty(number, receiver) == Some(Duty::Stored);
        if surely { one.first_sent < other.first_sent } else { one.last_sent < other.first_sent }
    }

    /// What the broker does not promise: a QoS 2 message comes again if a store fails or the broker crashes while it is on its way to
    /// other shards or to the MQ side, or if its packet id is not stored at all.
    fn may_come_twice(&self, entry: &Entry) -> bool {
        let publisher = &self.receivers[entry.publisher];
        let recorded = publisher.persistent && self.rules.stored_qos_max == QoS::ExactlyOnce;
        // Where others have something to do, the packet id is recorded behind that.
        let recorded_late = self.rules.shards > 1 || self.rules.uplink;
        let recorded = recorded && entry.will.is_none();
        let faulty = self.rules.store_fails || self.crashes > entry.crashes;
        (!recorded || recorded_late) && faulty
    }

    /// Whether, and how, a receiver must get a message once it is acknowledged.
    fn duty(&self, number: u64, client: usize) -> Option<Duty> {
        let entry = self.messages.get(number as usize - 1)?;
        let receiver = &self.receivers[client];
        let publisher = &self.receivers[entry.publisher];
        let before = |since: Option<u64>| since.is_some_and(|since| since < entry.first_sent);
        let interests = || receiver.interests.iter().filter(|interest| entry.is_for(client, interest));
        let surely = interests().filter(|interest| before(interest.since)).map(|interest| interest.qos).max()?;
        let perhaps = interests().map(|interest| interest.qos).max()?;
        let (low, high) = (surely.min(entry.qos), perhaps.min(entry.qos));
        if low == QoS::AtMostOnce {
            return None;
        }
        let may_store = matches!(entry.way, Way::Topic(_)) || publisher.persistent;
        if receiver.persistent && may_store && high <= self.rules.stored_qos_max {
            return Some(Duty::Stored);
        }
        before(receiver.online_since).then_some(Duty::Memory)
    }
}

impl Entry {
    fn is_for(&self, client: usize, interest: &Interest) -> bool {
        match &self.way {
            Way::Client(target, _) => *target == client && interest.filter.is_none(),
            Way::Topic(topic) => interest.matches(topic),
        }
    }
}

impl Interest {
    fn matches(&self, topic: &str) -> bool {
        let Some(filter) = &self.filter else { return false };
        match (TopicFilter::new(filter), TopicName::new(topic)) {
            (Ok(filter), Ok(topic)) => filter.matches(topic),
            _ => false,
        }
    }
}

impl Ledger {
    fn next_tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }
}

#[cfg(test)]
mod tests;
