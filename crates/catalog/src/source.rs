//! Where the catalogue comes from: the store that keeps it, and the lists that fill it. Implemented on the floor above.

use std::{collections::BTreeMap, future::Future, time::Duration};

use gatewayz_cache_core::UnixMillis;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    listing::{Listing, ModelId},
    pricing::Pricing,
    provider::{Provider, Slug},
};

/// The source of truth for providers, models and operators' prices.
///
/// Every read sees all writes that were answered before it began. Futures may be dropped at any time: a write then
/// either happened whole or not at all.
pub trait CatalogStore: Send + Sync + 'static {
    /// Writes the providers whose rows differ, and adds those that are missing. Providers that are not named stay.
    fn put_providers(&self, providers: &[Provider]) -> impl Future<Output = Result<Changes, StoreError>> + Send;

    /// All providers, by slug.
    fn providers(&self) -> impl Future<Output = Result<Vec<Provider>, StoreError>> + Send;

    /// Makes `listed` the whole list of a provider, in one transaction: rows that differ are written, new ones added,
    /// and active ones that are not listed become inactive at `now`. Rows that are equal are not written; where none
    /// differs, nothing is.
    ///
    /// A model that is listed twice counts once: its last row.
    fn replace_models(
        &self,
        provider: &Slug,
        listed: &[Listing],
        now: UnixMillis,
        mode: WriteMode,
    ) -> impl Future<Output = Result<Changes, StoreError>> + Send;

    /// The next rows of the catalogue by rising key, after `after`, as they stood at one moment. Fewer than `limit`
    /// rows: it was the last page. Pages of several moments are not one catalogue: see [`catalogue`](Self::catalogue).
    fn models_page(
        &self,
        filter: &RowFilter,
        after: Option<RowKey>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredModel>, StoreError>> + Send;

    /// All rows of the catalogue, by rising key, as they stood at one moment: a page of any length is one statement.
    fn catalogue(&self, filter: &RowFilter) -> impl Future<Output = Result<Vec<StoredModel>, StoreError>> + Send {
        self.models_page(filter, None, u32::MAX)
    }

    /// One model of a provider, whether active or not.
    fn model(
        &self,
        provider: &Slug,
        id: &ModelId,
    ) -> impl Future<Output = Result<Option<StoredModel>, StoreError>> + Send;

    /// Sets or, with `None`, removes an operator's prices of a model. `false`: there is no such model.
    fn set_operator_pricing(
        &self,
        provider: &Slug,
        id: &ModelId,
        pricing: Option<&Pricing>,
        now: UnixMillis,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Writes what health checks found out. `false`: there is no such model.
    fn set_model_health(
        &self,
        provider: &Slug,
        id: &ModelId,
        health: &ModelHealth,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// Whether a change is made or only counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteMode {
    /// The change is made.
    #[default]
    Apply,
    /// The change is counted as if it were made, and nothing is written.
    DryRun,
}

/// How many rows a write found to be what.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Rows that were not there.
    pub added: u64,
    /// Rows that were different.
    pub changed: u64,
    /// Rows that are no longer listed.
    pub removed: u64,
    /// Rows that were equal.
    pub unchanged: u64,
}

impl Changes {
    /// How many rows were written.
    #[must_use]
    pub const fn written(self) -> u64 {
        self.added + self.changed + self.removed
    }

    /// The sum of two.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            added: self.added + other.added,
            changed: self.changed + other.changed,
            removed: self.removed + other.removed,
            unchanged: self.unchanged + other.unchanged,
        }
    }
}

/// The position of a row in the catalogue: the key of its table. Rows that come later have a greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey(pub i64);

/// Which rows a page has.
#[derive(Clone, Debug, Default)]
pub struct RowFilter {
    /// Those of one provider; `None`: of all active providers.
    pub provider: Option<Slug>,
    /// Also those that are no longer listed.
    pub inactive: bool,
}

/// A row of the store.
#[derive(Clone, Debug)]
pub struct StoredModel {
    /// Its position.
    pub key: RowKey,
    /// Who serves it.
    pub provider: Slug,
    /// What the provider lists.
    pub listing: Listing,
    /// Prices that an operator set.
    pub operator_pricing: Option<Pricing>,
    /// What health checks found out.
    pub health: ModelHealth,
    /// When it was no longer listed; `None`: it is.
    pub removed_at: Option<UnixMillis>,
    /// When the row was written last.
    pub updated_at: UnixMillis,
}

/// What is known of how well a model answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelHealth {
    /// How it is.
    pub status: HealthStatus,
    /// The mean time of an answer in milliseconds.
    pub average_response_time_ms: Option<u32>,
    /// When it was checked last.
    pub checked_at: Option<UnixMillis>,
}

/// How well something answers.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It answers.
    Healthy,
    /// It answers slowly, or not always.
    Degraded,
    /// It does not answer.
    Down,
    /// Nobody asked yet.
    #[default]
    Unknown,
}

impl HealthStatus {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// Why the store could not do it.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be reached, is busy, or answers too late. The same call may succeed later.
    #[error("the database cannot be used now: {0}")]
    Unavailable(String),
    /// It refuses, or holds what cannot be read: trying again does not help.
    #[error("the database refuses: {0}")]
    Refused(String),
    /// The provider has no row.
    #[error("the store has no provider `{0}`; write the providers first")]
    UnknownProvider(Slug),
}

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Somebody who can list a provider's models.
pub trait ListSource: Send + Sync + 'static {
    /// The whole list of a provider, or why there is none. Never a part of one.
    fn list(&self, provider: &Slug) -> impl Future<Output = Result<FetchedList, ListError>> + Send;

    /// How long a list may take.
    fn time_limit(&self, provider: &Slug) -> Duration;
}

/// A whole list.
#[derive(Clone, Debug, Default)]
pub struct FetchedList {
    /// Its rows.
    pub listings: Vec<Listing>,
    /// What was left out.
    pub skipped: Skipped,
    /// How many bytes were read, unpacked.
    pub bytes: u64,
    /// In how many pages.
    pub pages: u32,
}

/// Rows that were left out, and single fields that were, counted by reason.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Per reason, how often, and a few of the rows.
    pub reasons: BTreeMap<String, SkippedRows>,
}

/// Rows that were left out for one reason.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct SkippedRows {
    /// How many.
    pub count: u64,
    /// Up to [`Skipped::MAX_SAMPLES`] of them, by id or position.
    pub samples: Vec<String>,
}

impl Skipped {
    /// How many rows are named per reason.
    pub const MAX_SAMPLES: usize = 5;
    /// The greatest length of a sample in characters.
    const MAX_SAMPLE: usize = 80;

    /// Counts one row. Reasons come from a closed set; `row` may be anything.
    pub fn add(&mut self, reason: &'static str, row: &str) {
        let rows = self.reasons.entry(reason.to_owned()).or_default();
        rows.count += 1;
        if rows.samples.len() < Self::MAX_SAMPLES {
            let printable = row.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
            rows.samples.push(printable.take(Self::MAX_SAMPLE).collect());
        }
    }

    /// How many rows and fields were left out.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.reasons.values().map(|rows| rows.count).sum()
    }
}

/// Why there is no list.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ListError {
    /// Nobody has an adapter for it, or it has no list.
    #[error("`{0}` has no list of models")]
    NoList(Slug),
    /// A key or another setting is missing.
    #[error("`{provider}` is not configured: set {setting}")]
    NotConfigured {
        /// The provider.
        provider: Slug,
        /// What to set.
        setting: String,
    },
    /// It is left alone for a while, because of earlier failures.
    #[error("not asked for another {}s: {reason}", retry_after.as_secs())]
    BackedOff {
        /// Why.
        reason: String,
        /// For how long.
        retry_after: Duration,
    },
    /// It could not be reached.
    #[error("no connection: {0}")]
    Connect(String),
    /// It did not answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// It answered with an error.
    #[error("status {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The beginning of what it said, without control characters.
        message: String,
        /// When it may be asked again, where it said so.
        retry_after: Option<Duration>,
    },
    /// The quota is used up.
    #[error("the quota is used up: {0}")]
    Quota(String),
    /// It answered with something that is no list.
    #[error("the answer is no list of models: {0}")]
    Malformed(String),
    /// The list is empty, or much shorter than it must be.
    #[error("the list has {rows} usable rows, at least {least} are expected")]
    TooFew {
        /// How many usable rows it has.
        rows: u64,
        /// How many it must have.
        least: u64,
    },
    /// The answer is larger than any list.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The greatest size.
        limit: u64,
    },
}

impl ListError {
    /// Whether the same call may succeed later without a change of settings.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        !matches!(self, Self::NoList(_) | Self::NotConfigured { .. })
    }

    /// A word for it from a closed set.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NoList(_) => "no-list",
            Self::NotConfigured { .. } => "not-configured",
            Self::BackedOff { .. } => "backed-off",
            Self::Connect(_) => "connect",
            Self::TimedOut(_) => "timed-out",
            Self::Status { .. } => "status",
            Self::Quota(_) => "quota",
            Self::Malformed(_) => "malformed",
            Self::TooFew { .. } => "too-few",
            Self::TooLarge { .. } => "too-large",
        }
    }
}
