//! Writing whole lists, and telling everybody.

use std::{collections::BTreeMap, time::Duration};

use gatewayz_cache_core::{Propagation, UnixMillis};

use super::{Outcome, SyncReport};
use crate::{
    cache::Catalog,
    listing::Listing,
    provider::Slug,
    source::{CatalogStore, FetchedList, ListError, RowFilter, StoreError, WriteMode},
};

/// Lists shorter than this are never held to be half of a list.
const SHRINK_MATTERS: u64 = 20;

/// What became of all lists.
struct Written {
    outcomes: Vec<(Slug, Outcome)>,
    /// Whether every node has forgotten what changed; `None`: nothing changed.
    invalidated: Option<bool>,
}

/// A write that did not end well.
struct Unwritten {
    error: StoreError,
    /// Whether it may have been done all the same.
    perhaps_done: bool,
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
        for (name, listings) in lists {
            let known = self.directory().resolve(name.as_str());
            // Rows and keys have the provider's own name, whichever one the list came under.
            let slug = known.map_or(name, |provider| provider.slug.clone());
            let outcome = if known.is_none() {
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
    pub(super) async fn write(
        &self,
        lists: BTreeMap<Slug, Vec<Listing>>,
        mode: WriteMode,
        allow_shrink: bool,
        report: &mut SyncReport,
    ) -> Vec<(Slug, Outcome)> {
        let failed: Vec<Slug> = lists.keys().cloned().collect();
        let catalog = self.clone();
        // A task of its own: the caller may go. What was written has to be invalidated, since the next sync will find
        // it unchanged; and the gate has to be opened.
        let task = tokio::spawn(async move { catalog.write_all(lists, mode, allow_shrink).await });
        match task.await {
            Ok(written) => {
                report.invalidated = written.invalidated;
                written.outcomes
            }
            Err(_ended) => {
                let error = StoreError::Unavailable("the runtime is shutting down".to_owned());
                let outcome = Outcome::not_written(&error);
                failed.into_iter().map(|slug| (slug, outcome.clone())).collect()
            }
        }
    }

    async fn write_all(&self, lists: BTreeMap<Slug, Vec<Listing>>, mode: WriteMode, allow_shrink: bool) -> Written {
        let now = self.node().time().wall();
        let guard = match mode {
            WriteMode::Apply => Some(self.gate().close().await),
            WriteMode::DryRun => None,
        };
        let mut outcomes = Vec::new();
        let mut changed = Vec::new();
        let mut doubtful = Vec::new();
        let mut unavailable: Option<StoreError> = None;
        for (slug, listings) in lists {
            let outcome = match &unavailable {
                // The store is gone: the rest would wait for it one by one.
                Some(error) => Outcome::not_written(error),
                None => match self.write_one(&slug, listings, now, mode, allow_shrink).await {
                    Ok(outcome) => outcome,
                    Err(Unwritten { error, perhaps_done }) => {
                        if perhaps_done {
                            doubtful.push(slug.clone());
                        }
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
        // Where the store cannot be read, what is cached is better than nothing.
        if !doubtful.is_empty() && self.store().models_page(&RowFilter::default(), None, 1).await.is_ok() {
            changed.append(&mut doubtful);
        }
        let mut invalidated = None;
        if mode == WriteMode::Apply && !changed.is_empty() {
            // While the gate is closed, so that nobody reads in between and keeps what it read.
            let propagation = self.invalidate_providers(&changed).await;
            invalidated = Some(propagation == Propagation::Acknowledged);
        }
        if let Some(guard) = guard {
            self.gate().open(guard).await;
        }
        if invalidated.is_some()
            && let Err(error) = self.snapshot().await
        {
            tracing::warn!(%error, "the catalogue could not be read after a sync");
        }
        Written { outcomes, invalidated }
    }

    async fn write_one(
        &self,
        slug: &Slug,
        listings: Vec<Listing>,
        now: UnixMillis,
        mode: WriteMode,
        allow_shrink: bool,
    ) -> Result<Outcome, Unwritten> {
        let (catalog, slug) = (self.clone(), slug.clone());
        // A task of its own: a store that panics ends one write, not all that has to come after it.
        let task = tokio::spawn(async move {
            let store = catalog.store();
            if !allow_shrink {
                let counted = store.replace_models(&slug, &listings, now, WriteMode::DryRun).await;
                let present = counted.map_err(|error| Unwritten {
                    error,
                    perhaps_done: false,
                })?;
                let before = present.changed + present.removed + present.unchanged;
                if before >= SHRINK_MATTERS && present.removed * 2 > before {
                    return Ok(Outcome::failed(&ListError::TooFew {
                        rows: listings.len() as u64,
                        least: before.div_ceil(2),
                    }));
                }
            }
            let written = store.replace_models(&slug, &listings, now, mode).await;
            written.map(Outcome::Synced).map_err(|error| Unwritten {
                // The answer may be what was lost.
                perhaps_done: mode == WriteMode::Apply && error.is_transient(),
                error,
            })
        });
        task.await.unwrap_or_else(|_ended| {
            Err(Unwritten {
                error: StoreError::Refused("the write ended by a panic".to_owned()),
                perhaps_done: mode == WriteMode::Apply,
            })
        })
    }
}
