//! What was acknowledged against what arrived.

use std::{collections::BTreeSet, fmt};

use lmq_codec::QoS;

use crate::{publisher::Published, subscriber::Received};

/// The sums, and one line for each thing that was checked.
#[derive(Debug)]
pub(crate) struct Report {
    acknowledged: u64,
    delivered: u64,
    duplicated: u64,
    lost: u64,
    /// QoS 2 must come once.
    once: bool,
    checks: Vec<(bool, String)>,
}

/// Whether every acknowledged message is in a log.
pub(crate) fn has_all(published: &[Published], log: &[(usize, u64)]) -> bool {
    let came: BTreeSet<_> = log.iter().copied().collect();
    published.iter().all(|own| (0..own.acknowledged).all(|number| came.contains(&(own.publisher, number))))
}

impl Report {
    pub(crate) fn of(published: &[Published], received: &[Received], once: bool, stopped_well: bool) -> Self {
        let mut report = Self {
            acknowledged: published.iter().map(|own| own.acknowledged).sum(),
            delivered: 0,
            duplicated: 0,
            lost: 0,
            once,
            checks: Vec::new(),
        };
        for own in published {
            let what =
                format!("p{} has {} messages acknowledged and its session kept", own.publisher, own.acknowledged);
            report.check(own.acknowledged > 0 && own.sessions_lost == 0, what);
        }
        for own in received {
            report.check(own.sessions_lost == 0, format!("{} has its session kept", own.name));
            published.iter().for_each(|publisher| report.compare(publisher, own));
        }
        report.check(stopped_well, "the last gateway stops as it should".to_owned());
        report
    }

    pub(crate) fn passed(&self) -> usize {
        self.checks.len() - self.failed()
    }

    pub(crate) fn failed(&self) -> usize {
        self.checks.iter().filter(|(passed, _)| !passed).count()
    }

    fn compare(&mut self, published: &Published, received: &Received) {
        let of = published.publisher;
        let numbers: Vec<u64> =
            received.messages.iter().filter(|(publisher, _)| *publisher == of).map(|(_, number)| *number).collect();
        let mut seen = BTreeSet::new();
        let first: Vec<u64> = numbers.iter().copied().filter(|number| seen.insert(*number)).collect();
        let lost = (0..published.acknowledged).filter(|number| !seen.contains(number)).count() as u64;
        let duplicated = (numbers.len() - first.len()) as u64;
        self.delivered += seen.len() as u64;
        self.duplicated += duplicated;
        self.lost += lost;
        let way = format!("p{of} to {}", received.name);
        self.check(lost == 0, format!("{way}: {lost} of {} lost", published.acknowledged));
        self.check(first.is_sorted(), format!("{way}: in order"));
        if self.once && published.qos == QoS::ExactlyOnce && received.qos == QoS::ExactlyOnce {
            self.check(duplicated == 0, format!("{way}: {duplicated} twice, with QoS 2"));
        }
    }

    fn check(&mut self, passed: bool, what: String) {
        self.checks.push((passed, what));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, delivered, duplicated, lost, .. } = self;
        writeln!(f, "acknowledged {acknowledged}, delivered {delivered}, duplicated {duplicated}, lost {lost}")?;
        for (_, what) in self.checks.iter().filter(|(passed, _)| !passed) {
            writeln!(f, "FAILED {what}")?;
        }
        Ok(())
    }
}
