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

/// Collects invalidations for a moment. The first one starts the moment.
#[derive(Debug)]
pub(crate) struct Debouncer {
    pending: Mutex<Option<Invalidation>>,
    moment: Duration,
    scheduled: AtomicU64,
    executed: AtomicU64,
    coalesced: AtomicU64,
}

impl Debouncer {
    pub(crate) fn new(moment: Duration) -> Self {
        Self {
            pending: Mutex::new(None),
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
        {
            let mut pending = self.pending.lock();
            if let Some(pending) = pending.as_mut() {
                let before = pending.len() as u64;
                pending.merge(invalidation);
                self.coalesced
                    .fetch_add(asked.saturating_sub(pending.len() as u64 - before), Ordering::Relaxed);
                return;
            }
            *pending = Some(invalidation);
        }
        let debouncer = Arc::clone(self);
        drop(tokio::spawn(async move {
            tokio::time::sleep(debouncer.moment).await;
            execute(debouncer.take()).await;
        }));
    }

    /// Takes what is pending, to carry it out.
    pub(crate) fn take(&self) -> Invalidation {
        let due = self.pending.lock().take().unwrap_or_default();
        self.executed.fetch_add(due.len() as u64, Ordering::Relaxed);
        due
    }

    pub(crate) fn stats(&self) -> DebouncerStats {
        let scheduled = self.scheduled.load(Ordering::Relaxed);
        let coalesced = self.coalesced.load(Ordering::Relaxed);
        DebouncerStats {
            scheduled,
            executed: self.executed.load(Ordering::Relaxed),
            coalesced,
            pending_count: self.pending.lock().as_ref().map_or(0, |pending| pending.len() as u64),
            efficiency_percent: percent(coalesced, scheduled),
        }
    }
}
