//! What the time of a message allows.

use super::{Arrival, Ledger, entry::Entry};
use crate::{
    clock::{MILLI, SECOND},
    violation::{Checker, Violation},
};

impl Ledger {
    /// A client's CONNACK leaves the broker: what the client gets from now on is written later.
    pub(crate) fn accepted(&mut self, client: usize) {
        self.receivers[client].accepted_at = Some(self.now);
    }

    /// Whether the time of a message may be over. A wall clock that is set may end it at any moment.
    pub(super) fn may_be_expired(&self, entry: &Entry) -> bool {
        entry
            .expiry
            .is_some_and(|secs| self.rules.wall_jumps || entry.sent_at + u64::from(secs) * SECOND <= self.now + MILLI)
    }

    /// Whether a message that expired, and could not be removed, may be found again by a clock that was set back.
    pub(super) fn may_rise_again(&self, entry: &Entry) -> bool {
        let restarted = self.crashes > entry.crashes || self.stopped_at > entry.first_sent;
        self.rules.store_fails && restarted && self.may_be_expired(entry)
    }

    /// A message carries what is left of its time [MQTT-3.3.2-6], and does not leave when nothing is left [MQTT-3.3.2-5].
    pub(super) fn check_expiry(&self, arrival: &Arrival, entry: &Entry) -> Result<(), Violation> {
        let wanted = entry.expiry.filter(|_| arrival.version5);
        let wrong = |text: &str| {
            let text = format!("{text}: sent as {entry:?}, came as {arrival:?}");
            Err(Violation::new(Checker::Expiry, text))
        };
        match (wanted, arrival.expiry) {
            (None, None) => {}
            (Some(secs), Some(left)) if left <= secs => {}
            _ => return wrong("not the time it was given"),
        }
        let Some(secs) = entry.expiry.filter(|_| !self.rules.wall_jumps) else { return Ok(()) };
        // At least so long it was with the broker.
        let spent = self.receivers[arrival.receiver].accepted_at.zip(entry.acked_at);
        let spent = spent.map_or(0, |(accepted, acked)| accepted.saturating_sub(acked).saturating_sub(MILLI));
        let left = (u64::from(secs) * SECOND).saturating_sub(spent);
        if left == 0 && !arrival.dup {
            return wrong("its time was over");
        }
        if arrival.expiry.is_some_and(|said| u64::from(said) > left.div_ceil(SECOND)) {
            return wrong("more than what is left of its time");
        }
        Ok(())
    }
}
