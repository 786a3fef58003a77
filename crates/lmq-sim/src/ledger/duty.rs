//! What a receiver must get once it is acknowledged.

use lmq_codec::QoS;

use super::{Ledger, Way, entry::Entry};
use crate::violation::{Checker, Violation};

/// How a message must reach a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// By way of the store: whatever happens.
    Stored,
    /// From memory: if nothing happens to its connection.
    Memory,
}

impl Ledger {
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
        self.check_shared()
    }

    /// A message without payload has no number by which its arrival could be told from another one's.
    pub(super) fn is_owed(&self, number: u64) -> bool {
        let entry = &self.messages[number as usize - 1];
        entry.length > 0 && (entry.acked.is_some() || self.is_due(entry))
    }

    /// Whether, and how, a receiver must get a message once it is acknowledged.
    pub(super) fn duty(&self, number: u64, client: usize) -> Option<Duty> {
        let entry: &Entry = self.messages.get(number as usize - 1).filter(|entry| entry.length > 0)?;
        let receiver = &self.receivers[client];
        let publisher = &self.receivers[entry.publisher];
        let before = |since: Option<u64>| since.is_some_and(|since| since < entry.first_sent);
        let ordinary = receiver.interests.iter().filter(|interest| !interest.is_shared());
        let interests = || ordinary.clone().filter(|interest| entry.is_for(client, interest));
        let surely = interests().filter(|interest| before(interest.since)).map(|interest| interest.terms.qos).max()?;
        let perhaps = interests().map(|interest| interest.terms.qos).max()?;
        let (low, high) = (surely.min(entry.qos), perhaps.min(entry.qos));
        if low == QoS::AtMostOnce {
            return None;
        }
        let may_store = matches!(entry.way, Way::Topic(_)) || publisher.persistent;
        // Nothing is stored for a client whose token has ended, and it is not there to take it.
        if self.was_barred(client, entry) {
            return None;
        }
        if receiver.persistent && may_store && high <= self.rules.stored_qos_max {
            return Some(Duty::Stored);
        }
        before(receiver.online_since).then_some(Duty::Memory)
    }
}
