//! Small catalogues for tests.

pub(crate) mod arbitrary;

use std::sync::Arc;

use gatewayz_cache_core::UnixMillis;

use crate::{
    Directory, Listing, ModelHealth, ModelId, Priority, Provider, Quote, RowKey, Slug, Snapshot, StoredModel,
    enrich::ManualPrices,
};

/// A provider with a slug for its name.
pub(crate) fn provider(slug: &str, priority: Priority) -> Provider {
    Provider {
        priority,
        site_url: Some(format!("https://{slug}.example")),
        ..Provider::new(Slug::new(slug).unwrap(), slug)
    }
}

/// `openrouter` and `groq` (fast), `together` and `novita` (slow).
pub(crate) fn directory() -> Arc<Directory> {
    let fast = ["openrouter", "groq"].map(|slug| provider(slug, Priority::Fast));
    let slow = ["together", "novita"].map(|slug| provider(slug, Priority::Slow));
    Arc::new(Directory::new(fast.into_iter().chain(slow)).unwrap())
}

/// A listing with prices per million tokens.
pub(crate) fn listing(id: &str, prompt: Option<&str>, completion: Option<&str>) -> Listing {
    let mut listing = Listing::new(ModelId::new(id).unwrap());
    let price = |text: Option<&str>| text.and_then(|text| Quote::UsdPerMillion.price(text).unwrap());
    listing.pricing.prompt = price(prompt);
    listing.pricing.completion = price(completion);
    listing
}

/// A row of the store.
pub(crate) fn stored(key: i64, provider: &str, listing: Listing) -> StoredModel {
    StoredModel {
        key: RowKey(key),
        provider: Slug::new(provider).unwrap(),
        listing,
        operator_pricing: None,
        health: ModelHealth::default(),
        removed_at: None,
        updated_at: UnixMillis(1_770_638_400_000),
    }
}

/// A snapshot of these rows without the table of prices.
pub(crate) fn snapshot(rows: Vec<StoredModel>) -> Snapshot {
    Snapshot::build(directory(), &ManualPrices::default(), rows)
}
