//! Making what will be asked for before it is.

use std::collections::BTreeMap;

use gatewayz_catalog::{CatalogError, Extras, Filter, Gateway, Query, UniqueQuery, UniqueShape};

use crate::app::App;

/// The providers whose lists are made first, as far as they are known.
const TOP: [&str; 7] = [
    "openrouter",
    "anthropic",
    "openai",
    "groq",
    "together",
    "fireworks",
    "vercel-ai-gateway",
];

/// What was made.
#[derive(Clone, Debug)]
pub(crate) struct Warmed {
    /// How many rows the catalogue has.
    pub(crate) full: u64,
    /// How many models there are, whoever serves them.
    pub(crate) unique: u64,
    /// How many rows the first providers have.
    pub(crate) gateways: BTreeMap<&'static str, u64>,
}

/// Reads the catalogue once, and cuts out of it what is asked for most.
///
/// Lists and unique models as a whole are made for other nodes only: answers of this one are pages.
///
/// # Errors
///
/// [`CatalogError`] when there is no catalogue to be had.
pub(crate) async fn warm(app: &App) -> Result<Warmed, CatalogError> {
    let catalog = &app.catalog;
    let snapshot = catalog.snapshot().await?;
    let unique = snapshot.stats().unique_models;
    let mut gateways = BTreeMap::new();
    let first = |gateway: Gateway| Query {
        filter: Filter {
            gateway,
            ..Filter::default()
        },
        ..Query::default()
    };
    let extras = crate::routes::models::extras(false, true);
    catalog.page(&first(Gateway::All), &extras).await?;
    let is_shared = app.tier.is_some();
    for name in TOP {
        let Some(provider) = catalog.directory().resolve(name) else {
            continue;
        };
        let rows = snapshot.provider_rows(provider.slug.as_str());
        gateways.insert(name, u64::from(rows.end - rows.start));
        if is_shared {
            catalog.cached_gateway_catalog(name).await?;
        }
    }
    let default: Extras = crate::routes::models::extras(false, false);
    if let Some(provider) = catalog.directory().resolve(crate::routes::models::DEFAULT_GATEWAY) {
        let query = first(Gateway::Provider(provider.slug.clone()));
        catalog.page(&query, &default).await?;
    }
    catalog
        .unique_page(&UniqueQuery::default(), UniqueShape::Models)
        .await?;
    if is_shared {
        catalog.cached_unique_models().await?;
    }
    Ok(Warmed {
        full: snapshot.len() as u64,
        unique: u64::from(unique),
        gateways,
    })
}
