//! When a background refresh may start: not twice within the interval, not twice at once.

use std::{borrow::Borrow, collections::HashMap, hash::Hash, sync::atomic::AtomicU64, time::Duration};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::clock::Tick;

/// Over this many remembered keys, those past their interval are forgotten.
const REMEMBERED: usize = 4096;

/// When each key was refreshed last, and what became of refreshes.
pub(crate) struct Warmer<K> {
    started: Mutex<HashMap<K, Tick, RandomState>>,
    interval: Duration,
    pub(crate) refreshes: AtomicU64,
    pub(crate) coalesced: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) in_flight: AtomicU64,
}

impl<K: Eq + Hash> Warmer<K> {
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            started: Mutex::new(HashMap::default()),
            interval,
            refreshes: AtomicU64::new(0),
            coalesced: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
        }
    }

    /// Whether the interval since the key's last refresh is not over. Allocates nothing.
    pub(crate) fn is_too_soon<Q>(&self, key: &Q, now: Tick) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.started
            .lock()
            .get(key)
            .is_some_and(|started| now < started.after(self.interval))
    }

    /// Remembers that a refresh of the key starts now.
    pub(crate) fn note(&self, key: K, now: Tick) {
        let mut started = self.started.lock();
        if started.len() >= REMEMBERED {
            started.retain(|_, at| now < at.after(self.interval));
            if started.len() >= REMEMBERED {
                // Forgetting only lets a refresh come earlier.
                started.clear();
            }
        }
        started.insert(key, now);
    }
}
