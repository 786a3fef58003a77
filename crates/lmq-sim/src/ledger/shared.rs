//! Shared subscriptions: one member of a group gets a message, and one it is.

use lmq_codec::QoS;

use super::{
    Arrival, Ledger,
    entry::{Entry, Interest, Receiver, Way},
};
use crate::violation::{Checker, Violation};

/// A member of a group got a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receipt {
    client: usize,
    qos: QoS,
    at: u64,
    /// The broker had ended its connection already: it read what was written before.
    late: bool,
}

impl Ledger {
    /// The group by which a message can have come to a client, if it came by no ordinary subscription.
    pub(super) fn group_of(&self, client: usize, entry: &Entry) -> Option<String> {
        let Way::Topic(topic) = &entry.way else { return None };
        let interests = || self.receivers[client].interests.iter().filter(|interest| interest.matches(topic));
        let shared = interests().find(|interest| interest.is_shared())?;
        interests().all(Interest::is_shared).then(|| shared.filter.clone())?
    }

    /// A message comes to a member: nobody else of the group may have it, as far as the broker can know.
    pub(super) fn shared(&mut self, group: String, arrival: &Arrival, number: u64) -> Result<(), Violation> {
        let at = self.next_tick();
        let receipts = self.receipts.get(&(group.clone(), number)).map_or(&[][..], Vec::as_slice);
        let entry = &self.messages[number as usize - 1];
        let wrong = receipts.iter().find(|one| one.client != arrival.receiver && !self.may_pass_on(one, entry));
        let receiver = &self.receivers[arrival.receiver];
        let late = receiver.online_since.is_some_and(|since| since < receiver.ended_at);
        if let Some(first) = wrong.filter(|_| !(late && arrival.qos == QoS::AtLeastOnce)) {
            let text = format!("message {number} reached client {} of {group}, and {first:?} before", arrival.receiver);
            return Err(Violation::new(Checker::SharedOnce, text));
        }
        self.counts.shared += 1;
        self.counts.passed_on += u64::from(receipts.iter().any(|one| one.client != arrival.receiver));
        let receipt = Receipt { client: arrival.receiver, qos: arrival.qos, at, late };
        self.receipts.entry((group, number)).or_default().push(receipt);
        Ok(())
    }

    /// Whether somebody else may get a message that a member got. With QoS 1, if that member was lost and its acknowledgement with it
    /// [MQTT-4.8.2-4], or if the publisher sent it again; with QoS 2 never [MQTT-4.8.2-5], the exceptions aside that it has everywhere.
    fn may_pass_on(&self, receipt: &Receipt, entry: &Entry) -> bool {
        let Receiver { lost_at, ended_at, .. } = &self.receivers[receipt.client];
        let lost = receipt.late || *lost_at.max(ended_at) > receipt.at;
        let unacknowledged = receipt.qos == QoS::AtLeastOnce && lost;
        let resent = entry.qos == QoS::AtLeastOnce && entry.last_sent > entry.first_sent;
        let faulty = self.rules.store_fails || self.crashes > entry.crashes;
        unacknowledged || resent || faulty || self.may_come_twice(entry)
    }

    /// In the end: what was acknowledged has reached somebody of every group that was there to take it.
    pub(super) fn check_shared(&self) -> Result<(), Violation> {
        for number in self.numbers().filter(|number| self.is_owed(*number)) {
            for group in self.groups_of(number) {
                let receivers = 0..self.receivers.len();
                let came = receivers
                    .clone()
                    .any(|client| self.is_member(client, &group) && self.receivers[client].got.contains_key(&number));
                if !came && self.group_must_have(number, &group) {
                    let text = format!("message {number} was acknowledged and reached nobody of {group}");
                    return Err(Violation::new(Checker::SharedLost, text));
                }
            }
        }
        Ok(())
    }

    /// A message is acknowledged: somebody's queue in the store has it, where all members have one.
    pub(super) fn check_shared_kept(&self, number: u64, is_kept: &impl Fn(usize) -> bool) -> Result<(), Violation> {
        for group in self.groups_of(number) {
            let mut members = (0..self.receivers.len()).filter(|client| self.is_member(*client, &group));
            let stores = members.clone().all(|client| self.member_stores(client, number, &group));
            let stores = stores && self.group_must_have(number, &group);
            if stores && !members.any(is_kept) {
                let text = format!("message {number} was acknowledged, and no queue of {group} ever had it");
                return Err(Violation::new(Checker::AckedMeansStored, text));
            }
        }
        Ok(())
    }

    /// Whether one member keeps it in any case, and no other one may have lost it.
    fn group_must_have(&self, number: u64, group: &str) -> bool {
        let entry = &self.messages[number as usize - 1];
        let members = || (0..self.receivers.len()).filter(|client| self.is_member(*client, group));
        let keeps = |client: usize| {
            let since = self.member(client, group).and_then(|interest| interest.since);
            self.member_stores(client, number, group) && since.is_some_and(|since| since < entry.first_sent)
        };
        !self.may_be_expired(entry)
            && members().any(keeps)
            && members().all(|client| !self.may_lose(client, number, group))
    }

    fn may_lose(&self, client: usize, number: u64, group: &str) -> bool {
        let entry = &self.messages[number as usize - 1];
        let receiver = &self.receivers[client];
        let since = |at: u64| at > entry.first_sent;
        let qos = self.member(client, group).map_or(QoS::AtMostOnce, |interest| interest.terms.qos).min(entry.qos);
        let memory = !self.member_stores(client, number, group);
        let ended = since(receiver.lost_at.max(receiver.any_ended_at));
        let lost = memory && ended && (qos != QoS::AtLeastOnce || since(self.stopped_at));
        let lost = lost || memory && self.crashes > entry.crashes || since(receiver.dropped_at);
        let discarded = receiver.persistent && since(receiver.discarded_at);
        let lost = lost || self.was_barred(client, entry);
        qos == QoS::AtMostOnce || lost || discarded || receiver.excused.contains(&number)
    }

    fn member_stores(&self, client: usize, number: u64, group: &str) -> bool {
        let entry = &self.messages[number as usize - 1];
        let qos = self.member(client, group).map_or(QoS::AtMostOnce, |interest| interest.terms.qos).min(entry.qos);
        self.receivers[client].persistent && qos != QoS::AtMostOnce && qos <= self.rules.stored_qos_max
    }

    fn member(&self, client: usize, group: &str) -> Option<&Interest> {
        self.receivers[client].interests.iter().find(|interest| interest.filter.as_deref() == Some(group))
    }

    fn is_member(&self, client: usize, group: &str) -> bool {
        self.member(client, group).is_some()
    }

    fn groups_of(&self, number: u64) -> Vec<String> {
        let entry = &self.messages[number as usize - 1];
        let Some(Way::Topic(topic)) = Some(&entry.way).filter(|_| entry.length > 0) else { return Vec::new() };
        let shared = |receiver: &'_ Receiver| -> Vec<String> {
            let matching = receiver.interests.iter().filter(|one| one.is_shared() && one.matches(topic));
            matching.filter_map(|interest| interest.filter.clone()).collect()
        };
        let mut groups: Vec<String> = self.receivers.iter().flat_map(shared).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}
