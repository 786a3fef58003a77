use super::table::{Direction, Owner, Table};
use crate::Denial;

/// What is allowed and what is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) allowed: Table,
    pub(super) denied: Table,
}

impl Rules {
    pub(super) const fn new() -> Self {
        Self { allowed: Table::new(), denied: Table::new() }
    }

    pub(super) fn replace(&mut self, owner: Owner, other: Self) {
        self.allowed.replace(owner, other.allowed);
        self.denied.replace(owner, other.denied);
    }

    pub(super) fn len(&self) -> usize {
        self.allowed.len() + self.denied.len()
    }

    pub(super) fn len_without(&self, owner: Owner) -> usize {
        self.allowed.len_without(owner) + self.denied.len_without(owner)
    }

    /// Asks, where `everything` says whether all is allowed that is not denied.
    pub(super) fn decide(&self, everything: bool, direction: Direction, filter: &str) -> Result<(), Denial> {
        if self.denied.is_about(direction) && self.denied.overlaps(direction, filter) {
            Err(Denial::Resource)
        } else if everything {
            Ok(())
        } else if !self.allowed.is_about(direction) {
            Err(Denial::Action)
        } else if self.allowed.covers(direction, filter) {
            Ok(())
        } else {
            Err(Denial::Resource)
        }
    }
}
