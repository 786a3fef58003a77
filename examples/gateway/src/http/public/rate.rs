//! How often an account may call.

use std::collections::HashMap;

/// Accounts and kinds of calls that are remembered; at about 100 bytes each.
const ENTRIES_MAX: usize = 65_536;
const SECOND_US: u64 = 1_000_000;

/// A kind of call, and how many of it an account may make in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rate {
    /// Tells kinds apart that are counted apart.
    pub(super) kind: &'static str,
    /// Calls a second, in bursts of as many: 1 to 1,000,000.
    pub(super) per_sec: u32,
}

/// The calls of the last second. Only for accounts that proved who they are: nobody fills this for another.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// When the account would be even if it called at exactly its rate, in microseconds.
    even_us: HashMap<(Box<str>, &'static str), u64>,
}

impl Rates {
    /// Counts a call at `now_us`, any clock that does not go back; false if it is one too many, and then it does not count.
    pub(super) fn allows(&mut self, account: &str, rate: Rate, now_us: u64) -> bool {
        let key = (account.into(), rate.kind);
        if !self.even_us.contains_key(&key) && self.even_us.len() >= ENTRIES_MAX {
            self.even_us.retain(|_, even_us| *even_us > now_us);
            if self.even_us.len() >= ENTRIES_MAX {
                return false;
            }
        }
        let even_us = self.even_us.entry(key).or_default();
        let next_us = now_us.max(*even_us) + SECOND_US / u64::from(rate.per_sec);
        if next_us > now_us + SECOND_US {
            return false;
        }
        *even_us = next_us;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Rate = Rate { kind: "ten", per_sec: 10 };

    fn allowed(rates: &mut Rates, account: &str, calls: usize, now_us: u64) -> usize {
        (0..calls).filter(|_| rates.allows(account, TEN, now_us)).count()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut rates = Rates::default();
        assert_eq!(allowed(&mut rates, "a", 50, 5), 10);
        assert_eq!(allowed(&mut rates, "a", 50, 5 + SECOND_US / 2), 5);
        assert_eq!(allowed(&mut rates, "b", 50, 5 + SECOND_US / 2), 10, "each account has its own");
        assert!(rates.allows("a", Rate { kind: "other", ..TEN }, 5 + SECOND_US / 2), "each kind as well");
        assert_eq!(allowed(&mut rates, "a", 50, 100 * SECOND_US), 10, "what is not used is not saved up");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let mut rates = Rates::default();
        for account in 0..ENTRIES_MAX {
            assert!(rates.allows(&account.to_string(), TEN, 0));
        }
        assert!(!rates.allows("one more", TEN, 0));
        assert!(rates.allows("one more", TEN, SECOND_US));
        assert_eq!(rates.even_us.len(), 1);
    }
}
