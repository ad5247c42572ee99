//! What became of a sync.

use std::{collections::BTreeMap, time::Duration};

use gatewayz_cache_core::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::{
    provider::Slug,
    source::{Changes, FetchedList, ListError, Skipped, StoreError, WriteMode},
};

/// What became of all lists.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SyncReport {
    /// When it began, milliseconds since 1970.
    pub started_at: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Whether the store was left as it was.
    pub dry_run: bool,
    /// What became of each provider's list.
    pub providers: BTreeMap<Slug, ProviderReport>,
    /// All changes together.
    pub total: Changes,
    /// How many lists could not be had or written.
    pub failed: u64,
    /// Whether every node has forgotten what changed; `None`: nothing changed.
    pub invalidated: Option<bool>,
}

impl SyncReport {
    pub(super) fn new(now: UnixMillis, mode: WriteMode) -> Self {
        Self {
            started_at: now.0,
            dry_run: mode == WriteMode::DryRun,
            ..Self::default()
        }
    }

    /// Notes a list that was fetched; what became of it is told later.
    pub(super) fn note(&mut self, slug: &Slug, list: &FetchedList, took: Duration) {
        let mut report = ProviderReport::new(Outcome::Kept, took);
        report.rows = list.listings.len() as u64;
        report.skipped = list.skipped.clone();
        report.bytes = list.bytes;
        report.pages = list.pages;
        self.providers.insert(slug.clone(), report);
    }

    pub(super) fn finish(&mut self, took: Duration) {
        self.duration_ms = millis(took);
        for report in self.providers.values() {
            match &report.outcome {
                Outcome::Synced(changes) => self.total = self.total.and(*changes),
                Outcome::Failed { .. } => self.failed += 1,
                Outcome::Kept => {}
            }
        }
    }

    /// How many providers' lists were written or found unchanged.
    #[must_use]
    pub fn synced(&self) -> usize {
        let synced = |report: &&ProviderReport| matches!(report.outcome, Outcome::Synced(_));
        self.providers.values().filter(synced).count()
    }
}

/// What became of one provider's list.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProviderReport {
    /// What became of it.
    pub outcome: Outcome,
    /// How many usable rows it has.
    pub rows: u64,
    /// What was left out of it.
    pub skipped: Skipped,
    /// How many bytes were read, unpacked.
    pub bytes: u64,
    /// In how many pages.
    pub pages: u32,
    /// How long the fetch took, in milliseconds.
    pub duration_ms: u64,
}

impl ProviderReport {
    pub(super) fn new(outcome: Outcome, took: Duration) -> Self {
        Self {
            outcome,
            rows: 0,
            skipped: Skipped::default(),
            bytes: 0,
            pages: 0,
            duration_ms: millis(took),
        }
    }
}

/// What became of a list.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The store has it; it took these changes.
    Synced(Changes),
    /// The store keeps the rows that it has: the provider's own, which an import does not replace.
    Kept,
    /// There is no usable list, or it could not be written. The store keeps the rows that it has.
    Failed {
        /// A word for why, from a closed set.
        kind: String,
        /// Why.
        message: String,
        /// Whether the same may work later.
        transient: bool,
    },
}

impl Outcome {
    pub(super) fn failed(error: &ListError) -> Self {
        Self::Failed {
            kind: error.as_str().to_owned(),
            message: error.to_string(),
            transient: error.is_transient(),
        }
    }

    pub(super) fn not_written(error: &StoreError) -> Self {
        Self::Failed {
            kind: "store".to_owned(),
            message: error.to_string(),
            transient: error.is_transient(),
        }
    }
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Progress {
    /// What it does.
    pub phase: Phase,
    /// How many lists are wanted.
    pub total: usize,
    /// Whose are being fetched.
    pub running: Vec<Slug>,
    /// How many were fetched.
    pub fetched: usize,
    /// How many could not be; when the run is over, those that could not be written as well.
    pub failed: usize,
    /// How many rows there are so far.
    pub rows: u64,
}

impl Progress {
    pub(super) fn fetching(total: usize) -> Self {
        Self {
            phase: Phase::Fetching,
            total,
            ..Self::default()
        }
    }
}

/// What a run does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// There is no run.
    #[default]
    Idle,
    /// It fetches lists.
    Fetching,
    /// It writes them.
    Writing,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
