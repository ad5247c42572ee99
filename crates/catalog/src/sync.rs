//! Bringing the store up to date with the providers' lists.
//!
//! All lists are fetched first, several at a time; then they are written, one transaction per provider, while no node
//! reads the catalogue; then everything that changed is invalidated at once. A provider without a usable list keeps
//! its rows. Where nothing changed, nothing is written and nothing is invalidated.

mod fetch;
mod report;
mod schedule;
mod write;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::watch;

pub use self::{
    report::{Outcome, Phase, Progress, ProviderReport, SyncReport},
    schedule::{Schedule, ScheduledSync},
};
use crate::{
    cache::Catalog,
    provider::Slug,
    source::{CatalogStore, Changes, ListSource, StoreError, WriteMode},
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
    /// Dropping the future stops the fetches. Once lists are being written, all of them are, and what changed is
    /// invalidated.
    pub async fn run(&self, options: &SyncOptions) -> SyncReport {
        let wanted = self.wanted(options);
        let started = self.catalog.node().time().now();
        let mut report = SyncReport::new(self.catalog.node().time().wall(), options.mode);
        let _ending = Ending(&self.progress);
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
        let failed = usize::try_from(report.failed).unwrap_or(usize::MAX);
        self.progress.send_modify(|progress| progress.failed = failed);
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

/// Says that a run is over, also where its future was dropped.
struct Ending<'p>(&'p watch::Sender<Progress>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|progress| {
            progress.phase = Phase::Idle;
            // Fetches that were given up did not say that they ended.
            progress.running.clear();
        });
    }
}
