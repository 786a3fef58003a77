//! Wills: which must be published, which must not, and not before when.

use super::{Ledger, Sent, entry::Entry};
use crate::{
    clock::MILLI,
    violation::{Checker, Violation},
};

/// What became of the connection that left a will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is there, or never came to be.
    Open,
    /// Its client said goodbye. A crash may make the broker forget that.
    Clean {
        crashes: u32,
    },
    Lost(Loss),
    /// Its client came back before the delay was over [MQTT-3.1.3-9].
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    /// Not before.
    due: u64,
    /// How long it waits at most.
    delay: u64,
    /// It must reach its receivers.
    must: bool,
    /// Nothing that follows decides about it.
    decided: bool,
    crashes: u32,
}

/// How a client came back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Return {
    /// At least so long it was away, and nobody came in between.
    pub(crate) away: Option<u64>,
    /// With a session that is new.
    pub(crate) clean: bool,
    /// Deadlines may have moved.
    pub(crate) unsure: bool,
}

impl Ledger {
    /// A CONNECT brings a will; returns its number.
    pub(crate) fn leave_will(&mut self, will: Sent) -> u64 {
        let number = self.publish(will);
        self.entry(number, |entry| (entry.will, entry.behind) = (Some(Fate::Open), vec![None]));
        number
    }

    /// The connection ended with DISCONNECT [MQTT-3.14.4-3].
    pub(crate) fn will_cleared(&mut self, number: u64) {
        let crashes = self.crashes;
        self.entry(number, |entry| entry.will = Some(Fate::Clean { crashes }));
    }

    /// The connection was lost. Its will is not published before `due`, and waits for `delay` at most if nothing happens to its session.
    pub(crate) fn will_lost(&mut self, number: u64, due: u64, delay: u64) {
        let (at, crashes) = (self.next_tick(), self.crashes);
        let loss = Loss { due, delay, must: delay == 0, decided: delay == 0, crashes };
        self.entry(number, |entry| {
            (entry.first_sent, entry.last_sent, entry.crashes) = (at, at, crashes);
            entry.will = Some(Fate::Lost(loss));
        });
    }

    /// The connection was lost, and nobody knows whether the broker had taken it.
    pub(crate) fn will_unknown(&mut self, number: u64) {
        self.will_lost(number, 0, 0);
        self.entry(number, |entry| entry.change_loss(|loss| loss.must = false));
    }

    /// The token of a client has ended: with it goes what it left to be said.
    pub(super) fn will_barred(&mut self, client: usize) {
        let wills = self.messages.iter_mut().filter(|entry| entry.publisher == client);
        wills.for_each(|entry| entry.change_loss(|loss| (loss.must, loss.decided) = (false, true)));
    }

    /// A client asks for a new session: what waits for the end of the old one waits no longer.
    pub(crate) fn asks_for_new(&mut self, client: usize) {
        let wills = self.messages.iter_mut().filter(|entry| entry.publisher == client);
        wills.for_each(|entry| entry.change_loss(|loss| loss.due = 0));
    }

    /// A client is back: decides about the wills of its earlier connections. Returns how many are not published for that.
    pub(crate) fn returned(&mut self, client: usize, how: Return, lateness: u64) -> u64 {
        let now = self.now;
        let mut cancelled = 0;
        for entry in self.messages.iter_mut().filter(|entry| entry.publisher == client) {
            let Some(Fate::Lost(loss)) = entry.will else { continue };
            if loss.decided {
                continue;
            }
            let waited = !how.unsure && how.away.is_some_and(|away| away > loss.delay + lateness);
            let in_time = !how.clean && !how.unsure && now + 2 * MILLI < loss.due;
            cancelled += u64::from(in_time);
            entry.will = Some(if in_time {
                Fate::Cancelled
            } else {
                Fate::Lost(Loss { must: how.clean || waited, decided: true, ..loss })
            });
        }
        cancelled
    }

    /// Whether a will has to arrive. What a store or a crash has lost is not demanded: nobody was told that it is kept.
    pub(super) fn is_due(&self, entry: &Entry) -> bool {
        let kept = |loss: Loss| loss.must && loss.crashes == self.crashes && !self.rules.store_fails;
        matches!(entry.will, Some(Fate::Lost(loss)) if kept(loss))
    }

    /// A will arrives.
    pub(super) fn check_will(&self, entry: &Entry) -> Result<(), Violation> {
        let text = match entry.will {
            None => return Ok(()),
            Some(Fate::Lost(loss))
                if loss.due <= self.now || self.rules.wall_jumps && (self.crashes > 0 || self.stopped_at > 0) =>
            {
                return Ok(());
            }
            Some(Fate::Clean { crashes }) if crashes < self.crashes => return Ok(()),
            // The store was not told.
            Some(Fate::Clean { .. }) if self.stopped_at > 0 && self.rules.store_fails => return Ok(()),
            Some(Fate::Lost(_)) => "before its time",
            Some(Fate::Clean { .. }) => "after DISCONNECT",
            Some(Fate::Cancelled) => "although its client came back in time",
            Some(Fate::Open) => "while its client is there",
        };
        Err(Violation::new(Checker::Will, format!("a will came {text}: {entry:?}")))
    }

    fn entry(&mut self, number: u64, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.messages.get_mut(number as usize - 1) {
            change(entry);
        }
    }
}

impl Entry {
    fn change_loss(&mut self, change: impl FnOnce(&mut Loss)) {
        if let Some(Fate::Lost(loss)) = &mut self.will {
            change(loss);
        }
    }
}
