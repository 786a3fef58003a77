//! A message reaches the application of a client.

use lmq_codec::QoS;

use super::{
    Arrival, Duty, Ledger, Way,
    entry::{Entry, Interest},
    retained::Origin,
};
use crate::violation::{Checker, Violation};

impl Ledger {
    /// A message reached the application of a client.
    pub(crate) fn delivered(&mut self, arrival: &Arrival) -> Result<(), Violation> {
        if arrival.length == 0 {
            return self.check_empty(arrival);
        }
        let number = self.check_content(arrival)?;
        let entry = &self.messages[number as usize - 1];
        let (origin, is_write) = (self.origin(arrival, entry)?, entry.retain);
        if is_write {
            let at = self.next_tick();
            self.receivers[arrival.receiver].seen.insert(number, at);
        }
        match origin {
            Origin::Live => self.first_or_again(arrival, number),
            Origin::Replay => self.replayed(arrival, number),
            Origin::Unknown => {
                let session = self.receivers[arrival.receiver].session;
                self.receivers[arrival.receiver].got.entry(number).or_insert((arrival.qos, session));
                Ok(())
            }
        }
    }

    fn first_or_again(&mut self, arrival: &Arrival, number: u64) -> Result<(), Violation> {
        let (receiver, qos) = (arrival.receiver, arrival.qos);
        let group = self.group_of(receiver, &self.messages[number as usize - 1]);
        if let Some(group) = group.clone() {
            self.shared(group, arrival, number)?;
        }
        let entry = &self.messages[number as usize - 1];
        let session = self.receivers[receiver].session;
        if let Some((first_qos, first_session)) = self.receivers[receiver].got.get(&number).copied() {
            let twice = qos == QoS::ExactlyOnce && first_qos == QoS::ExactlyOnce && first_session == session;
            // One copy may be that of a group.
            let mixed = group.is_none() && self.is_in_a_group(receiver, entry);
            if twice && !mixed && !self.may_come_twice(entry) {
                let text = format!("message {number} reached client {receiver} twice");
                return Err(Violation::new(Checker::ExactlyOnce, text));
            }
            return Ok(());
        }
        let key = (entry.publisher, entry.way.topic().to_owned(), entry.qos, qos);
        let latest = self.receivers[receiver].latest.get(&key).copied();
        // What the store gave up may come again, as a later try of its publisher; what a member does not take goes to another one, later.
        let excused = self.receivers[receiver].excused.contains(&number);
        let aside = entry.will.is_some() || self.is_in_a_group(receiver, entry);
        let excused = excused || aside || self.may_rise_again(entry);
        if let Some(latest) = latest.filter(|latest| !excused && self.is_before(receiver, number, *latest)) {
            let text = format!("client {receiver} got message {number} behind {latest} (QoS {})", u8::from(qos));
            return Err(Violation::new(Checker::Order, text));
        }
        let receiver = &mut self.receivers[receiver];
        receiver.got.insert(number, (qos, session));
        if !aside {
            receiver.latest.insert(key, number.max(latest.unwrap_or(0)));
        }
        Ok(())
    }

    /// A message of a client's queue comes, for the first time on this connection: the queue is sent in its order.
    ///
    /// `below`: the position at which those begin that came while the client was there; they may overtake the others where the profile is
    /// the product's.
    pub(crate) fn drained(&mut self, client: usize, qos: QoS, seq: u64, is_live: bool) -> Result<(), Violation> {
        let class = (qos, is_live && self.rules.live_overtakes);
        let latest = self.receivers[client].drained.entry(class).or_default();
        // What a store did not answer for is read again, later.
        if seq < *latest && !self.rules.store_fails {
            let text =
                format!("client {client} got position {seq} of its queue behind {latest} (QoS {})", u8::from(qos));
            return Err(Violation::new(Checker::QueueOrder, text));
        }
        *latest = seq;
        Ok(())
    }

    /// A message without payload says nothing but what it removes: somebody sent one like it.
    fn check_empty(&self, arrival: &Arrival) -> Result<(), Violation> {
        let like = |entry: &&Entry| entry.clears() && entry.way.topic() == arrival.topic && entry.qos >= arrival.qos;
        let as_published = self.receivers[arrival.receiver]
            .interests
            .iter()
            .any(|one| one.terms.as_published && one.matches(&arrival.topic));
        let wanted = self.may_want(arrival.receiver, &arrival.topic) && (!arrival.retain || as_published);
        if wanted && self.messages.iter().any(|entry| like(&entry)) {
            return Ok(());
        }
        Err(Violation::new(Checker::Content, format!("nobody sent {arrival:?}")))
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
        self.check_rights(entry)?;
        self.check_expiry(arrival, entry)?;
        self.check_will(entry)?;
        Ok(number)
    }

    fn may_want(&self, client: usize, topic: &str) -> bool {
        self.receivers[client].interests.iter().any(|interest| interest.matches(topic))
    }

    fn is_in_a_group(&self, client: usize, entry: &Entry) -> bool {
        let Way::Topic(topic) = &entry.way else { return false };
        let shared = |one: &&Interest| one.is_shared() && one.matches(topic);
        self.receivers[client].interests.iter().any(|one| shared(&one))
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
    pub(super) fn may_come_twice(&self, entry: &Entry) -> bool {
        let publisher = &self.receivers[entry.publisher];
        let recorded = publisher.persistent && !publisher.mq_side && self.rules.stored_qos_max == QoS::ExactlyOnce;
        // Where others have something to do, the packet id is recorded behind that.
        let recorded_late = self.rules.shards > 1 || self.rules.uplink;
        let recorded = recorded && entry.will.is_none();
        let late = self.rules.uplink_fails || self.rules.siblings_late;
        let faulty = self.rules.store_fails || late || self.crashes > entry.crashes;
        (!recorded || recorded_late) && faulty || !recorded && self.stopped_at > entry.first_sent
    }
}
