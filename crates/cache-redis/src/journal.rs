//! The invalidations that the server has not taken yet, and those that a new epoch must hear again.

use std::{collections::VecDeque, time::Duration};

use gatewayz_cache_core::{Invalidation, Tick};

/// How far back a new epoch must hear what the old one was told: longer than any replica lags.
const MEMORY: Duration = Duration::from_secs(10);

/// Invalidations that go out before anything else when the server answers again.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pending: Invalidation,
    /// What is being told. It stays here until the server has it: whoever tells may be cut off in the middle.
    sent: Invalidation,
}

impl Journal {
    /// Adds what `more` names. Over `bound` names, the keyspaces named by `prefixes` take their place; what is in none
    /// of them then means everything.
    pub(crate) fn add(&mut self, more: Invalidation, bound: usize, prefixes: impl FnOnce() -> Vec<String>) {
        self.pending.merge(more);
        if self.pending.len() <= bound {
            return;
        }
        let mut whole = Invalidation::new();
        for prefix in prefixes() {
            whole = whole.prefix(format!("{prefix}:")).name(prefix);
        }
        let covered = self
            .pending
            .keys()
            .chain(self.pending.prefixes())
            .all(|name| whole.covers(name));
        self.pending = if covered && whole.len() <= bound {
            whole
        } else {
            Invalidation::new().prefix("")
        };
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.sent.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len() + self.sent.len()
    }

    /// What is to be told, with all that an earlier teller did not get through.
    pub(crate) fn send(&mut self) -> Invalidation {
        self.sent.merge(std::mem::take(&mut self.pending));
        self.sent.clone()
    }

    /// The server has what was sent.
    pub(crate) fn sent(&mut self) {
        self.sent = Invalidation::new();
    }
}

/// The last seconds' invalidations.
#[derive(Debug)]
pub(crate) struct Recent {
    bound: usize,
    names: usize,
    entries: VecDeque<(Tick, Invalidation)>,
}

impl Recent {
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            bound,
            names: 0,
            entries: VecDeque::new(),
        }
    }

    pub(crate) fn add(&mut self, now: Tick, invalidation: &Invalidation) {
        self.forget(now);
        self.names += invalidation.len();
        self.entries.push_back((now, invalidation.clone()));
        while self.names > self.bound && self.entries.len() > 1 {
            self.pop();
        }
    }

    /// All of them as one.
    pub(crate) fn merged(&mut self, now: Tick) -> Invalidation {
        self.forget(now);
        let mut merged = Invalidation::new();
        for (_, invalidation) in &self.entries {
            merged.merge(invalidation.clone());
        }
        merged
    }

    fn forget(&mut self, now: Tick) {
        while self.entries.front().is_some_and(|(at, _)| now.since(*at) > MEMORY) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some((_, invalidation)) = self.entries.pop_front() {
            self.names -= invalidation.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(range: std::ops::Range<u32>) -> Invalidation {
        range.fold(Invalidation::new(), |all, i| all.name(format!("models:id:{i}")))
    }

    #[test]
    fn a_full_journal_names_whole_keyspaces() {
        let mut journal = Journal::default();
        let prefixes = || vec!["models:id".to_owned()];
        journal.add(names(0..3), 4, prefixes);
        assert_eq!(journal.len(), 3);
        journal.add(names(2..9), 4, prefixes);
        let taken = journal.send();
        assert_eq!(taken, Invalidation::new().name("models:id").prefix("models:id:"));
        assert!(!journal.is_empty(), "nothing says that the server has it");
        journal.sent();
        assert!(journal.is_empty());
    }

    #[test]
    fn what_a_teller_did_not_get_through_is_sent_again() {
        let mut journal = Journal::default();
        journal.add(names(0..2), 9, Vec::new);
        assert_eq!(journal.send(), names(0..2));
        // The teller is cut off; more comes meanwhile.
        journal.add(names(2..3), 9, Vec::new);
        assert_eq!(journal.send(), names(0..3));
        journal.add(names(3..4), 9, Vec::new);
        journal.sent();
        assert!(!journal.is_empty());
        assert_eq!(journal.send(), names(3..4));
    }

    #[test]
    fn what_is_in_no_keyspace_means_everything() {
        let mut journal = Journal::default();
        journal.add(names(0..9).name("other"), 4, || vec!["models:id".to_owned()]);
        assert_eq!(journal.send(), Invalidation::new().prefix(""));
    }

    #[test]
    fn the_past_is_forgotten() {
        let second = |s| Tick::PAST.after(Duration::from_secs(s));
        let mut recent = Recent::new(100);
        recent.add(second(0), &names(0..1));
        recent.add(second(8), &names(1..2));
        assert_eq!(recent.merged(second(9)), names(0..2));
        assert_eq!(recent.merged(second(11)), names(1..2));
        assert!(recent.merged(second(60)).is_empty());
    }

    #[test]
    fn the_past_has_a_bound() {
        let mut recent = Recent::new(5);
        for i in 0..10 {
            recent.add(Tick::PAST, &names(i..i + 1));
        }
        assert_eq!(recent.merged(Tick::PAST), names(5..10));
    }
}
