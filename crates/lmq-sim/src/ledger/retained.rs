//! What is kept of a topic, as a register: whoever reads it gets what was written last, or something that was being written then.
//!
//! A write is over when it was acknowledged, and may have its effect at any moment before. So a value is superseded once another write began
//! behind its end and has ended as well.

use lmq_codec::{QoS, TopicFilter, TopicName};

use super::{
    Arrival, Ledger,
    entry::{Entry, Receiver},
};
use crate::violation::{Checker, Violation};

/// A SUBSCRIBE that may bring retained messages.
#[derive(Clone, Debug)]
pub(super) struct Entitlement {
    filter: String,
    /// When it was sent.
    since: u64,
}

/// A SUBSCRIBE that must bring them, because it was acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    filter: String,
    qos: QoS,
    since: u64,
    /// Its connection ended meanwhile.
    broken: bool,
}

/// Whether a message with RETAIN came because of what was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Live,
    Replay,
    /// It may be either.
    Unknown,
}

impl Ledger {
    /// A client sends a SUBSCRIBE that brings retained messages. Returns when.
    pub(crate) fn entitle(&mut self, client: usize, filter: &str) -> u64 {
        let since = self.next_tick();
        self.receivers[client].entitled.push(Entitlement { filter: filter.to_owned(), since });
        since
    }

    /// It was acknowledged.
    pub(crate) fn claim(&mut self, client: usize, filter: &str, qos: QoS, since: u64) {
        self.receivers[client].claims.push(Claim { filter: filter.to_owned(), qos, since, broken: false });
    }

    /// A connection ended: a session that stays goes on with the next one.
    pub(super) fn break_claims(&mut self, client: usize) {
        self.receivers[client].claims.iter_mut().for_each(|claim| claim.broken = true);
    }

    /// UNSUBSCRIBE ends it.
    pub(super) fn drop_claims(&mut self, client: usize, filter: &str) {
        self.receivers[client].claims.retain(|claim| claim.filter != filter);
    }

    /// A restart ends all of them.
    pub(super) fn forget_claims(&mut self) {
        self.receivers.iter_mut().for_each(|receiver| receiver.claims.clear());
    }

    /// Why a message came with RETAIN, or without.
    pub(super) fn origin(&self, arrival: &Arrival, entry: &Entry) -> Result<Origin, Violation> {
        let receiver = &self.receivers[arrival.receiver];
        let wrong = |text: &str| {
            Err(Violation::new(Checker::Retained, format!("{text}: sent as {entry:?}, came as {arrival:?}")))
        };
        let live = || receiver.interests.iter().filter(|interest| entry.is_for(arrival.receiver, interest));
        let as_published = live().any(|interest| interest.terms.as_published);
        if !arrival.retain {
            let surely = live().any(|interest| {
                interest.terms.as_published && interest.since.is_some_and(|since| since < entry.first_sent)
            });
            let shared = live().any(|interest| interest.is_shared());
            // [MQTT-3.3.1-13]
            return if entry.retain && surely && !shared { wrong("without RETAIN") } else { Ok(Origin::Live) };
        }
        if !entry.retain {
            return wrong("with RETAIN");
        }
        let entitled = receiver.entitled.iter().any(|one| one.brings(&arrival.topic));
        match (as_published, entitled) {
            (true, false) => Ok(Origin::Live),
            (false, true) => Ok(Origin::Replay),
            (true, true) => Ok(Origin::Unknown),
            // [MQTT-3.3.1-12] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
            (false, false) => wrong("with RETAIN, which nobody asked for"),
        }
    }

    /// A message that was kept arrives because of a SUBSCRIBE.
    pub(super) fn replayed(&mut self, arrival: &Arrival, number: u64) -> Result<(), Violation> {
        self.counts.replayed += 1;
        let receiver = &self.receivers[arrival.receiver];
        let brought = || receiver.entitled.iter().filter(|one| one.brings(&arrival.topic));
        if brought().all(|one| self.is_superseded(number, one.since)) {
            let text = format!("client {} got retained message {number}, which was replaced", arrival.receiver);
            return Err(Violation::new(Checker::Retained, format!("{text} before it subscribed: {arrival:?}")));
        }
        let at = self.tick;
        let (allowed, exact) = (brought().count(), arrival.qos != QoS::AtLeastOnce && !self.rules.store_fails);
        self.receivers[arrival.receiver].brought.insert(number, at);
        let count = self.receivers[arrival.receiver].replayed.entry(arrival.topic.clone()).or_default();
        // With QoS 1 one may come again.
        *count += usize::from(arrival.qos != QoS::AtLeastOnce);
        if exact && *count > allowed {
            let text = format!("client {} got {count} retained messages of {}", arrival.receiver, arrival.topic);
            return Err(Violation::new(Checker::Retained, format!("{text} for {allowed} subscriptions")));
        }
        Ok(())
    }

    /// Whether a write is over at a moment, and another one behind it.
    fn is_superseded(&self, number: u64, at: u64) -> bool {
        let one = &self.messages[number as usize - 1];
        let later = |other: &Entry| {
            // One publisher's messages take the same way.
            let same_way = other.publisher == one.publisher && one.will.is_none() && one.last_sent < other.first_sent;
            one.acked.is_some_and(|acked| acked < other.first_sent) || same_way
        };
        self.writes(one.way.topic()).any(|other| other.acked.is_some_and(|acked| acked <= at) && later(other))
    }

    fn writes<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.messages.iter().filter(move |entry| entry.retain && entry.way.topic() == topic)
    }

    /// What may be kept from a moment on: the numbers, and whether it may be nothing.
    fn values(&self, topic: &str, at: u64) -> (Vec<u64>, bool) {
        let is_write = |entry: &Entry| entry.retain && entry.way.topic() == topic;
        let numbers = self.numbers().filter(|number| is_write(&self.messages[*number as usize - 1]));
        let open: Vec<u64> = numbers.filter(|number| !self.is_superseded(*number, at)).collect();
        let never = !self.writes(topic).any(|entry| entry.acked.is_some_and(|acked| acked <= at));
        let empties = |number: &u64| {
            let entry = &self.messages[*number as usize - 1];
            // Nobody tries again to keep a message of QoS 0.
            let lost = entry.qos == QoS::AtMostOnce && self.rules.store_fails;
            entry.clears() || lost || self.may_be_expired(entry)
        };
        // What there is no room for takes the older message along.
        let empty = never || self.rules.retained_limited || open.iter().any(empties);
        (open, empty)
    }

    /// In the end: what a shard has for a topic.
    pub(crate) fn check_kept(&mut self, topic: &str, kept: Option<u64>) -> Result<(), Violation> {
        let at = self.next_tick();
        let (open, empty) = self.values(topic, at);
        let fits = kept.map_or(empty, |number| open.contains(&number));
        if !fits {
            let text = format!("{kept:?} is kept for {topic}, which may be {open:?}, or nothing: {empty}");
            return Err(Violation::new(Checker::Retained, text));
        }
        kept.map_or(Ok(()), |number| self.check_known(topic, number))
    }

    /// Who subscribed knows what is kept in the end: as it came, or because it was kept already.
    fn check_known(&self, topic: &str, number: u64) -> Result<(), Violation> {
        for (client, receiver) in self.receivers.iter().enumerate() {
            let unknown = |claim: &&Claim| {
                let dropped = receiver.dropped_at > claim.since;
                matches(&claim.filter, topic) && !dropped && !self.is_lossy(receiver, claim, number)
            };
            let claim = receiver.claims.iter().find(unknown).filter(|_| !receiver.seen.contains_key(&number));
            if let Some(claim) = claim {
                let text = format!("client {client} never got message {number}, which is kept for {topic}: {claim:?}");
                return Err(Violation::new(Checker::Retained, text));
            }
        }
        Ok(())
    }

    /// In the end: who subscribed has what was kept then, or something later.
    pub(crate) fn check_claims(&self) -> Result<(), Violation> {
        let mut topics: Vec<&str> =
            self.messages.iter().filter(|entry| entry.retain).map(|entry| entry.way.topic()).collect();
        topics.sort_unstable();
        topics.dedup();
        for (client, receiver) in self.receivers.iter().enumerate() {
            for (claim, topic) in
                receiver.claims.iter().flat_map(|claim| topics.iter().map(move |topic| (claim, topic)))
            {
                if matches(&claim.filter, topic) && !self.is_satisfied(client, claim, topic) {
                    let (open, _) = self.values(topic, claim.since);
                    let text = format!("client {client} subscribed to {} and got none of {open:?}", claim.filter);
                    return Err(Violation::new(Checker::Retained, format!("{text}, kept for {topic}: {claim:?}")));
                }
                if let Some(number) = self.gap(client, claim, topic) {
                    let text = format!("client {client} got what was kept for {topic} before message {number}");
                    return Err(Violation::new(Checker::Retained, format!("{text}, and never that: {claim:?}")));
                }
            }
        }
        Ok(())
    }

    fn is_satisfied(&self, client: usize, claim: &Claim, topic: &str) -> bool {
        let receiver = &self.receivers[client];
        let (open, empty) = self.values(topic, claim.since);
        let came = |number: &u64| receiver.seen.get(number).is_some_and(|at| *at > claim.since);
        // What passed as it came, and was dropped, is not brought again.
        let dropped = receiver.dropped_at > claim.since;
        empty || dropped || open.iter().any(|number| came(number) || self.is_lossy(receiver, claim, *number))
    }

    /// A message that is neither in what was brought nor came behind it: who subscribed while it was on its way has one or the other.
    fn gap(&self, client: usize, claim: &Claim, topic: &str) -> Option<u64> {
        let receiver = &self.receivers[client];
        let alone =
            matches(&claim.filter, topic) && receiver.entitled.iter().filter(|one| one.brings(topic)).count() == 1;
        if !alone || receiver.dropped_at > claim.since {
            return None;
        }
        let entry = |number: u64| &self.messages[number as usize - 1];
        let is_write = |number: &u64| entry(*number).retain && entry(*number).way.topic() == topic;
        let brought = receiver.brought.keys().copied().filter(is_write);
        let read = brought.filter_map(|number| entry(number).acked).min()?;
        let missed = |number: &u64| {
            let one = entry(*number);
            let open = one.length > 0 && one.acked.is_some_and(|acked| acked > claim.since);
            let certain = !self.may_be_expired(one) && !self.is_lossy(receiver, claim, *number);
            open && certain && read < one.first_sent && !receiver.seen.contains_key(number)
        };
        self.numbers().filter(is_write).find(missed)
    }

    /// Whether a message may have been lost on its way to who claims it.
    fn is_lossy(&self, receiver: &Receiver, claim: &Claim, number: u64) -> bool {
        let qos = self.messages[number as usize - 1].qos.min(claim.qos);
        let kept = qos != QoS::AtMostOnce && qos <= self.rules.stored_qos_max && receiver.bars.is_empty();
        (claim.broken && !kept) || receiver.excused.contains(&number)
    }
}

impl Entitlement {
    fn brings(&self, topic: &str) -> bool {
        matches(&self.filter, topic)
    }
}

fn matches(filter: &str, topic: &str) -> bool {
    match (TopicFilter::new(filter), TopicName::new(topic)) {
        (Ok(filter), Ok(topic)) => filter.matches(topic),
        _ => false,
    }
}
