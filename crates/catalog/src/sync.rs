//! Bringing the store up to date with the providers' lists.
//!
//! All lists are fetched first, several at a time; then they are written, one transaction per provider, while no node
//! reads the catalogue; then everything that changed is invalidated at once. A provider without a usable list keeps
//! its rows. Where nothing changed, nothing is written and nothing is invalidated.

mod fetch;
mod report;
mod schedule;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gatewayz_cache_core::Propagation;
use tokio::sync::watch;

pub use self::{
    report::{Outcome, Phase, Progress, ProviderReport, SyncReport},
    schedule::{Schedule, ScheduledSync},
};
use crate::{
    cache::Catalog,
    listing::Listing,
    provider::Slug,
    source::{CatalogStore, Changes, FetchedList, ListError, ListSource, RowFilter, StoreError, WriteMode},
};

/// Which lists are fetched, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SyncOptions {
    /// Whose; `None`: of all active providers.
    pub providers: Option<Vec<Slug>>,
    /// Whose not, unless they are named.
    pub skip: Vec<Slug>,
    /// How many at a time.
    pub parallel: usize,
    /// How long all fetches together may take.
    pub time_limit: Duration,
    /// Whether the store is written.
    pub mode: WriteMode,
    /// Whether a list may lose more than half of the rows that the store has of its provider.
    pub allow_shrink: bool,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            providers: None,
            skip: Vec::new(),
            parallel: 12,
            time_limit: Duration::from_secs(45),
            mode: WriteMode::Apply,
            allow_shrink: false,
        }
    }
}

/// Lists shorter than this are never held to be half of a list.
const SHRINK_MATTERS: u64 = 20;

/// Fetches lists and writes them. Cheap to clone; all clones share their progress.
#[derive(Debug)]
pub struct Sync<S, L> {
    catalog: Catalog<S>,
    lists: Arc<L>,
    progress: watch::Sender<Progress>,
}

impl<S, L> Clone for Sync<S, L> {
    fn clone(&self) -> Self {
        Self {
            catalog: self.catalog.clone(),
            lists: Arc::clone(&self.lists),
            progress: self.progress.clone(),
        }
    }
}

impl<S: CatalogStore, L: ListSource> Sync<S, L> {
    /// Creates a sync of a catalogue with these lists.
    #[must_use]
    pub fn new(catalog: Catalog<S>, lists: Arc<L>) -> Self {
        Self {
            catalog,
            lists,
            progress: watch::Sender::new(Progress::default()),
        }
    }

    /// How far the present run is, as it goes on.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Writes what the directory knows of the providers, so that their models have somebody to belong to.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be written.
    pub async fn put_providers(&self) -> Result<Changes, StoreError> {
        let known = self.catalog.directory().iter().map(|provider| (**provider).clone());
        self.catalog.store().put_providers(&known.collect::<Vec<_>>()).await
    }

    /// Fetches, writes, invalidates, and reads the catalogue anew. Says of each provider what became of its list.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops it: providers that were written stay so, and the catalogue may be stale until it is
    /// invalidated or its ttl ends. Run it in a task of its own.
    pub async fn run(&self, options: &SyncOptions) -> SyncReport {
        let wanted = self.wanted(options);
        let started = self.catalog.node().time().now();
        let mut report = SyncReport::new(self.catalog.node().time().wall(), options.mode);
        self.progress.send_replace(Progress::fetching(wanted.len()));
        let fetched = fetch::all(&self.lists, wanted, options, &self.progress).await;

        self.progress.send_modify(|progress| progress.phase = Phase::Writing);
        let mut lists = BTreeMap::new();
        for (slug, fetch) in fetched {
            let outcome = match fetch.outcome {
                Ok(list) => {
                    report.note(&slug, &list, fetch.took);
                    lists.insert(slug, list.listings);
                    continue;
                }
                Err(error) => Outcome::failed(&error),
            };
            report.providers.insert(slug, ProviderReport::new(outcome, fetch.took));
        }
        for (slug, outcome) in self
            .catalog
            .write(lists, options.mode, options.allow_shrink, &mut report)
            .await
        {
            if let Some(provider) = report.providers.get_mut(&slug) {
                provider.outcome = outcome;
            }
        }
        report.finish(self.catalog.node().time().now().since(started));
        self.progress.send_modify(|progress| progress.phase = Phase::Idle);
        report
    }

    /// The providers whose lists are wanted: fast ones first, so that they get the first places.
    fn wanted(&self, options: &SyncOptions) -> Vec<Slug> {
        let mut providers: Vec<_> = match &options.providers {
            Some(slugs) => {
                let known = |slug: &Slug| self.catalog.directory().resolve(slug.as_str()).cloned();
                slugs.iter().filter_map(known).collect()
            }
            None => {
                let skipped = |slug: &Slug| options.skip.contains(slug);
                let all = self.catalog.directory().iter();
                all.filter(|provider| provider.active && !skipped(&provider.slug))
                    .cloned()
                    .collect()
            }
        };
        providers.sort_by_key(|provider| provider.priority != crate::provider::Priority::Fast);
        providers.iter().map(|provider| provider.slug.clone()).collect()
    }
}

impl<S: CatalogStore> Catalog<S> {
    /// Writes lists that come from elsewhere than their providers: an imported file, the catalogue that ships with the
    /// gateway. A provider that has rows of its own list keeps them, unless `overwrite`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot say whose rows it has.
    pub async fn import(
        &self,
        lists: BTreeMap<Slug, Vec<Listing>>,
        mode: WriteMode,
        overwrite: bool,
    ) -> Result<SyncReport, StoreError> {
        let started = self.node().time().now();
        let mut report = SyncReport::new(self.node().time().wall(), mode);
        let mut wanted = BTreeMap::new();
        for (slug, listings) in lists {
            let outcome = if self.directory().resolve(slug.as_str()).is_none() {
                Some(Outcome::failed(&ListError::NoList(slug.clone())))
            } else if !overwrite && self.has_own_rows(&slug).await? {
                Some(Outcome::Kept)
            } else {
                None
            };
            let fetched = FetchedList {
                listings,
                ..FetchedList::default()
            };
            report.note(&slug, &fetched, Duration::ZERO);
            match (outcome, report.providers.get_mut(&slug)) {
                (Some(outcome), Some(provider)) => provider.outcome = outcome,
                _ => drop(wanted.insert(slug, fetched.listings)),
            }
        }
        for (slug, outcome) in self.write(wanted, mode, true, &mut report).await {
            if let Some(provider) = report.providers.get_mut(&slug) {
                provider.outcome = outcome;
            }
        }
        report.finish(self.node().time().now().since(started));
        Ok(report)
    }

    async fn has_own_rows(&self, slug: &Slug) -> Result<bool, StoreError> {
        let filter = RowFilter {
            provider: Some(slug.clone()),
            inactive: false,
        };
        // One row tells: a list is imported whole or not at all.
        let rows = self.store().models_page(&filter, None, 1).await?;
        Ok(rows.first().is_some_and(|row| row.listing.imported_from.is_none()))
    }

    /// Writes whole lists, invalidates what changed, and reads the catalogue anew.
    async fn write(
        &self,
        lists: BTreeMap<Slug, Vec<Listing>>,
        mode: WriteMode,
        allow_shrink: bool,
        report: &mut SyncReport,
    ) -> Vec<(Slug, Outcome)> {
        let now = self.node().time().wall();
        let guard = match mode {
            WriteMode::Apply => Some(self.gate().close().await),
            WriteMode::DryRun => None,
        };
        let mut outcomes = Vec::new();
        let mut changed = Vec::new();
        let mut unavailable: Option<StoreError> = None;
        for (slug, listings) in lists {
            let outcome = match &unavailable {
                // The store is gone: the rest would wait for it one by one.
                Some(error) => Outcome::not_written(error),
                None => match self.write_one(&slug, &listings, now, mode, allow_shrink).await {
                    Ok(outcome) => outcome,
                    Err(error) => {
                        let outcome = Outcome::not_written(&error);
                        if error.is_transient() {
                            unavailable = Some(error);
                        }
                        outcome
                    }
                },
            };
            if matches!(outcome, Outcome::Synced(changes) if changes.written() > 0) {
                changed.push(slug.clone());
            }
            outcomes.push((slug, outcome));
        }
        if mode == WriteMode::Apply && !changed.is_empty() {
            // While the gate is closed, so that nobody reads in between and keeps what it read.
            let propagation = self.invalidate_providers(&changed).await;
            report.invalidated = Some(propagation == Propagation::Acknowledged);
        }
        if let Some(guard) = guard {
            self.gate().open(guard).await;
        }
        if report.invalidated.is_some()
            && let Err(error) = self.snapshot().await
        {
            tracing::warn!(%error, "the catalogue could not be read after a sync");
        }
        outcomes
    }

    async fn write_one(
        &self,
        slug: &Slug,
        listings: &[Listing],
        now: gatewayz_cache_core::UnixMillis,
        mode: WriteMode,
        allow_shrink: bool,
    ) -> Result<Outcome, StoreError> {
        if !allow_shrink {
            let present = self
                .store()
                .replace_models(slug, listings, now, WriteMode::DryRun)
                .await?;
            let before = present.changed + present.removed + present.unchanged;
            if before >= SHRINK_MATTERS && present.removed * 2 > before {
                return Ok(Outcome::failed(&ListError::TooFew {
                    rows: listings.len() as u64,
                    least: before.div_ceil(2),
                }));
            }
        }
        let changes = self.store().replace_models(slug, listings, now, mode).await?;
        Ok(Outcome::Synced(changes))
    }
}
