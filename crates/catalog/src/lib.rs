#![doc = include_str!("../README.md")]

mod cache;
mod compare;
pub mod enrich;
#[cfg(test)]
mod fixture;
mod iso;
pub mod keyspaces;
mod listing;
mod modality;
mod model;
pub mod name;
mod page;
mod price;
mod pricing;
mod provider;
mod query;
mod snapshot;
mod source;
mod stats;
mod summary;
mod sync;
mod unique;

pub use self::{
    cache::{CacheOptions, Catalog, CatalogError, CatalogStats, Invalidated, PageMetadata, Rendered},
    compare::{BatchComparison, Comparison, Criterion},
    listing::{Abilities, InvalidModelId, Listing, ListingDigest, ModelId},
    modality::{Modalities, Modality},
    model::Model,
    page::{Encoding, Extras, Page, PageKey, UniqueShape},
    price::{Image, InvalidPrice, Price, Quote, Request, Search, Token, Unit, scaled_price},
    pricing::{Pricing, PricingSource, Tier},
    provider::{AmbiguousName, Directory, InvalidSlug, Priority, Provider, Slug},
    query::{
        AppliedFilters, Cursor, Filter, Gateway, InvalidCursor, LOW_LATENCY_MS, Query, Selection, Sort, SortBy, Start,
        ULTRA_LOW_LATENCY_MS, Window,
    },
    snapshot::{Epoch, Snapshot},
    source::{
        CatalogStore, Changes, FetchedList, HealthStatus, ListError, ListSource, ModelHealth, RowFilter, RowKey,
        Skipped, SkippedRows, StoreError, StoredModel, WriteMode,
    },
    stats::{HealthCounts, Percentiles, PriceCounts, Stats},
    summary::{DeveloperSummary, GatewayStatus, GatewayStatusSummary, GatewayStatuses, ProviderSummary, logo_url},
    sync::{Outcome, Phase, Progress, ProviderReport, Schedule, ScheduledSync, Sync, SyncOptions, SyncReport},
    unique::{UniqueModel, UniquePage, UniqueQuery, UniqueSortBy},
};
