#![doc = include_str!("../README.md")]

pub mod enrich;
mod listing;
mod modality;
pub mod name;
mod price;
mod pricing;
mod provider;
mod source;

pub use self::{
    listing::{Abilities, InvalidModelId, Listing, ListingDigest, ModelId},
    modality::{Modalities, Modality},
    price::{Image, InvalidPrice, Price, Quote, Request, Search, Token, Unit, scaled_price},
    pricing::{Pricing, PricingSource, Tier},
    provider::{AmbiguousName, Directory, InvalidSlug, Priority, Provider, Slug},
    source::{
        CatalogStore, Changes, FetchedList, HealthStatus, ListError, ListSource, ModelHealth, RowFilter, RowKey,
        Skipped, SkippedRows, StoreError, StoredModel, WriteMode,
    },
};
