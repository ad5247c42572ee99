//! Invalidations that repeat within a moment, carried out once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    invalidation::Invalidation,
    stats::{DebouncerStats, percent},
};

/// What waits, and which moment it waits for.
#[derive(Debug, Default)]
struct Pending {
    moment: u64,
    invalidation: Option<Invalidation>,
}

/// Collects invalidations for a moment. The first one starts the moment.
#[derive(Debug)]
pub(crate) struct Debouncer {
    pending: Mutex<Pending>,
    /// Held while something is carried out.
    carrying_out: tokio::sync::Mutex<()>,
    moment: Duration,
    scheduled: AtomicU64,
    executed: AtomicU64,
    coalesced: AtomicU64,
}

impl Debouncer {
    pub(crate) fn new(moment: Duration) -> Self {
        Self {
            pending: Mutex::default(),
            carrying_out: tokio::sync::Mutex::default(),
            moment,
            scheduled: AtomicU64::new(0),
            executed: AtomicU64::new(0),
            coalesced: AtomicU64::new(0),
        }
    }

    /// Adds to what is pending; `execute` gets all of it when the moment is over.
    pub(crate) fn schedule<F, Fut>(self: &Arc<Self>, invalidation: Invalidation, execute: F)
    where
        F: FnOnce(Invalidation) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let asked = invalidation.len() as u64;
        self.scheduled.fetch_add(asked, Ordering::Relaxed);
        let moment = {
            let mut pending = self.pending.lock();
            if let Some(waiting) = pending.invalidation.as_mut() {
                let before = waiting.len() as u64;
                waiting.merge(invalidation);
                self.coalesced
                    .fetch_add(asked.saturating_sub(waiting.len() as u64 - before), Ordering::Relaxed);
                return;
            }
            pending.invalidation = Some(invalidation);
            pending.moment
        };
        let debouncer = Arc::clone(self);
        drop(tokio::spawn(async move {
            tokio::time::sleep(debouncer.moment).await;
            let _one_at_a_time = debouncer.carrying_out.lock().await;
            // A flush may have taken it already; what came after that waits for a moment of its own.
            if let Some(due) = debouncer.take(Some(moment)) {
                execute(due).await;
            }
        }));
    }

    /// Carries out what is pending now, after what is being carried out.
    pub(crate) async fn flush<F, Fut, T>(&self, execute: F) -> Option<T>
    where
        F: FnOnce(Invalidation) -> Fut,
        Fut: Future<Output = T>,
    {
        let _one_at_a_time = self.carrying_out.lock().await;
        match self.take(None) {
            Some(due) => Some(execute(due).await),
            None => None,
        }
    }

    /// Takes what is pending, if it is of that moment.
    fn take(&self, moment: Option<u64>) -> Option<Invalidation> {
        let mut pending = self.pending.lock();
        if moment.is_some_and(|moment| moment != pending.moment) {
            return None;
        }
        let due = pending.invalidation.take()?;
        pending.moment += 1;
        self.executed.fetch_add(due.len() as u64, Ordering::Relaxed);
        Some(due)
    }

    pub(crate) fn stats(&self) -> DebouncerStats {
        let scheduled = self.scheduled.load(Ordering::Relaxed);
        let coalesced = self.coalesced.load(Ordering::Relaxed);
        DebouncerStats {
            scheduled,
            executed: self.executed.load(Ordering::Relaxed),
            coalesced,
            pending_count: self
                .pending
                .lock()
                .invalidation
                .as_ref()
                .map_or(0, |waiting| waiting.len() as u64),
            efficiency_percent: percent(coalesced, scheduled),
        }
    }
}
