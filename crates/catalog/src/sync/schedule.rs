//! Syncing again and again, on one node of many.

use std::{sync::Arc, time::Duration};

use gatewayz_cache_core::{Cache, InvalidKeyspace, Jitter, Keyspace, LoadError, Loaded, Policy, loader_fn};
use tokio::sync::watch;

use super::{Sync, SyncOptions, SyncReport};
use crate::{
    cache::Catalog,
    source::{CatalogStore, ListSource},
};

/// The report of the last run is a cached value, and a run is its load: so there is one at a time among all nodes, and
/// every node sees what came of it.
const REPORT: Keyspace = Keyspace::new(
    "models:sync:report",
    Policy::new(Duration::from_secs(30 * 60))
        .with_jitter(Jitter::NONE)
        .with_timeouts(Duration::from_secs(120), Duration::from_secs(120))
        .with_max_loads(1)
        .without_refresh_ahead()
        .incoherent(),
);

/// When syncs run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Schedule {
    /// How long the outcome of a run stands.
    pub interval: Duration,
    /// How long that of a run stands in which no list could be had.
    pub after_failure: Duration,
    /// How often each node looks whether a run is due.
    pub look: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30 * 60),
            after_failure: Duration::from_secs(60),
            look: Duration::from_secs(15),
        }
    }
}

/// Runs a sync whenever one is due, on whichever node sees it first.
#[derive(Debug)]
pub struct ScheduledSync<S, L> {
    sync: Sync<S, L>,
    options: SyncOptions,
    schedule: Schedule,
    report: Cache<(), SyncReport>,
}

impl<S, L> Clone for ScheduledSync<S, L> {
    fn clone(&self) -> Self {
        Self {
            sync: self.sync.clone(),
            options: self.options.clone(),
            schedule: self.schedule,
            report: self.report.clone(),
        }
    }
}

impl<S: CatalogStore, L: ListSource> ScheduledSync<S, L> {
    /// Creates a schedule for a sync.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyspace`] when the node has another schedule already.
    pub fn new(
        catalog: &Catalog<S>,
        sync: Sync<S, L>,
        options: SyncOptions,
        schedule: Schedule,
    ) -> Result<Self, InvalidKeyspace> {
        Ok(Self {
            sync,
            options,
            schedule,
            report: catalog.node().cache(REPORT).build()?,
        })
    }

    /// The outcome of the last run; runs if there is none that still stands, on this node unless another one is at it.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when the run did not end.
    pub async fn due(&self) -> Result<Arc<SyncReport>, LoadError> {
        let this = self.clone();
        let loader = loader_fn(move |(): ()| {
            let this = this.clone();
            async move {
                let report = this.sync.run(&this.options).await;
                let schedule = this.schedule;
                let stands = if report.synced() > 0 {
                    schedule.interval
                } else {
                    schedule.after_failure
                };
                Ok::<_, std::convert::Infallible>(Loaded::found(report).with_ttl(stands))
            }
        });
        let lookup = self.report.get_or_load(&(), &loader).await?;
        Ok(lookup.value.unwrap_or_default())
    }

    /// The outcome of the last run, if it still stands.
    pub async fn last(&self) -> Option<Arc<SyncReport>> {
        self.report.get(&()).await?.value
    }

    /// Runs syncs until `stop` becomes true or its sender is gone.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut looks = tokio::time::interval(self.schedule.look);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stop.wait_for(|&stop| stop) => return,
                _ = looks.tick() => {}
            }
            tokio::select! {
                _ = stop.wait_for(|&stop| stop) => return,
                due = self.due() => if let Err(error) = due {
                    tracing::warn!(%error, "a scheduled sync did not end");
                },
            }
        }
    }
}
