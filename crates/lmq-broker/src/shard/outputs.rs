//! What the driver is to do next, in order.

use alloc::collections::VecDeque;

use crate::{ConnId, Output, slab::Key};

/// A queue of outputs. `Transmit`, of which a message to many has one for each, takes 8 bytes in a line of its own.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    transmits: VecDeque<Key>,
    /// Everything else, and how many `Transmit` were ever put in before it.
    others: VecDeque<(u64, Output)>,
    /// How many `Transmit` were ever put in, and taken out.
    put: u64,
    taken: u64,
}

impl Outputs {
    #[inline]
    pub(super) fn push_transmit(&mut self, conn: Key) {
        self.put += 1;
        self.transmits.push_back(conn);
    }

    pub(super) fn push_back(&mut self, output: Output) {
        debug_assert!(!matches!(output, Output::Transmit(_)), "it has a line of its own");
        self.others.push_back((self.put, output));
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<Output> {
        if self.others.front().is_some_and(|(before, _)| *before == self.taken) {
            return self.others.pop_front().map(|(_, output)| output);
        }
        let conn = self.transmits.pop_front()?;
        self.taken += 1;
        Some(Output::Transmit(ConnId(conn)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.transmits.is_empty() && self.others.is_empty()
    }
}

impl Extend<Output> for Outputs {
    fn extend<I: IntoIterator<Item = Output>>(&mut self, outputs: I) {
        outputs.into_iter().for_each(|output| self.push_back(output));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_leave_in_the_order_they_came() {
        let key = |slot| Key { slot, generation: 0 };
        let resume = |slot| Output::Resume(ConnId(key(slot)));
        let mut outputs = Outputs::default();
        let mut left = alloc::vec::Vec::new();
        for slot in 0..40 {
            match slot % 5 {
                0 | 3 => outputs.push_back(resume(slot)),
                _ => outputs.push_transmit(key(slot)),
            }
            if slot % 7 > 3 {
                left.extend(outputs.pop_front());
            }
        }
        left.extend(core::iter::from_fn(|| outputs.pop_front()));
        let slots = left.iter().map(|output| match output {
            Output::Resume(conn) if [0, 3].contains(&(conn.0.slot % 5)) => conn.0.slot,
            Output::Transmit(conn) if ![0, 3].contains(&(conn.0.slot % 5)) => conn.0.slot,
            other => panic!("{other:?}"),
        });
        assert!(slots.eq(0..40) && outputs.is_empty());
    }
}
