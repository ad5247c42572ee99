//! What callers find, by gateway, and how large each gateway is. Labels are the slugs of the directory, and `all`.

use std::collections::HashMap;

use metrics::{Counter, Gauge, counter, gauge};

use crate::{
    provider::{Directory, Slug},
    query::Gateway,
    snapshot::Snapshot,
};

/// Handles, registered once.
#[derive(Debug)]
pub(super) struct CatalogMetrics {
    all: GatewayMetrics,
    by_slug: HashMap<Slug, GatewayMetrics, foldhash::fast::RandomState>,
}

#[derive(Debug)]
struct GatewayMetrics {
    hits: Counter,
    misses: Counter,
    models: Gauge,
}

impl GatewayMetrics {
    fn new(gateway: &str) -> Self {
        let gateway = gateway.to_owned();
        Self {
            hits: counter!("catalog_cache_hits", "gateway" => gateway.clone()),
            misses: counter!("catalog_cache_misses", "gateway" => gateway.clone()),
            models: gauge!("gateway_model_count", "gateway" => gateway),
        }
    }
}

impl CatalogMetrics {
    pub(super) fn new(directory: &Directory) -> Self {
        let slugs = directory.iter().map(|provider| provider.slug.clone());
        Self {
            all: GatewayMetrics::new("all"),
            by_slug: slugs
                .map(|slug| (slug.clone(), GatewayMetrics::new(slug.as_str())))
                .collect(),
        }
    }

    /// Counts a look at a page of a gateway. Nobody is counted whom the directory does not know.
    pub(super) fn count(&self, gateway: &Gateway, is_hit: bool) {
        let of_gateway = match gateway {
            Gateway::All => Some(&self.all),
            Gateway::Provider(slug) => self.by_slug.get(slug),
        };
        if let Some(metrics) = of_gateway {
            let counter = if is_hit { &metrics.hits } else { &metrics.misses };
            counter.increment(1);
        }
    }

    /// Tells how many models each gateway has.
    pub(super) fn tell(&self, snapshot: &Snapshot) {
        let count = |gauge: &Gauge, models: usize| gauge.set(u32::try_from(models).unwrap_or(u32::MAX));
        count(&self.all.models, snapshot.len());
        for (slug, metrics) in &self.by_slug {
            count(&metrics.models, snapshot.provider_rows(slug.as_str()).len());
        }
    }
}
