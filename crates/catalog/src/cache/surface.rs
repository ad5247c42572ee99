//! The documented operations of the unified catalogue cache, by their names.

use std::sync::Arc;

use bytes::Bytes;
use gatewayz_cache_core::{LoadError, Loaded, loader_fn};
use serde::Serialize;

use super::{Catalog, CatalogError, PageMetadata, Rendered, forget::Keep};
use crate::{
    keyspaces::ModelKey,
    model::PricingJson,
    provider::{Provider, Slug},
    query::Gateway,
    snapshot::{Snapshot, render},
    source::CatalogStore,
    stats::Stats,
};

/// What the catalogue's caches did, with the documented field names.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CatalogStats {
    /// Lookups that a tier answered.
    pub hits: u64,
    /// Lookups that none could.
    pub misses: u64,
    /// Values written.
    pub sets: u64,
    /// Failures of the shared tier, of loaders and of codecs.
    pub errors: u64,
    /// Invalidations applied.
    pub invalidations: u64,
    /// `hits / (hits + misses) * 100` with two decimals; 0 without requests.
    pub hit_rate_percent: f64,
    /// `hits + misses`.
    pub total_requests: u64,
    /// Whether the shared tier answers at present.
    pub redis_available: bool,
    /// Whether the whole catalogue is in memory.
    pub full_catalog_cached: bool,
    /// How many providers' lists are in memory.
    pub provider_catalogs_count: u64,
    /// How many models are in memory one by one.
    pub models_cached_count: u64,
    /// How many models' prices are.
    pub pricing_cached_count: u64,
}

impl<S: CatalogStore> Catalog<S> {
    /// The provider that a name or an alias means.
    ///
    /// # Errors
    ///
    /// [`CatalogError::UnknownProvider`]
    pub fn provider(&self, name: &str) -> Result<&Arc<Provider>, CatalogError> {
        let known = self.inner.directory.resolve(name);
        known.ok_or_else(|| CatalogError::UnknownProvider(name.chars().take(80).collect()))
    }

    /// The whole catalogue.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when nothing may be served and the store cannot be read.
    pub async fn cached_full_catalog(&self) -> Result<Arc<Snapshot>, CatalogError> {
        self.snapshot().await
    }

    /// The JSON array of a provider's models, by any of its names; also kept under `models:gateway:{slug}`.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when nobody is called so, or nothing may be served and the store cannot be read.
    pub async fn cached_gateway_catalog(&self, name: &str) -> Result<Arc<Rendered>, CatalogError> {
        let slug = &self.provider(name)?.slug;
        let catalog = self.clone();
        let loader = loader_fn(move |slug: Slug| {
            let catalog = catalog.clone();
            async move {
                let (list, keep) = catalog.provider_list(&slug).await?;
                Ok::<_, CatalogError>(keep.apply(Loaded::found((*list).clone())))
            }
        });
        let lookup = self.inner.gateway.get_or_load(slug, &loader).await?;
        Ok(lookup.value.unwrap_or_else(|| Arc::new(Rendered::array(b""))))
    }

    /// The JSON array of a provider's models: `models:provider:{slug}`.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when nothing may be served and the store cannot be read.
    pub async fn cached_provider_catalog(&self, slug: &Slug) -> Result<Arc<Rendered>, CatalogError> {
        self.provider_list(slug).await.map(|(list, _)| list)
    }

    /// The same for a copy of it, and how long that may be kept.
    async fn provider_list(&self, slug: &Slug) -> Result<(Arc<Rendered>, Keep), CatalogError> {
        let began = self.inner.node.time().now();
        let loader = self.cut(|snapshot, slug: &Slug| {
            Some(Rendered::array(
                &snapshot.objects(snapshot.provider_rows(slug.as_str())),
            ))
        });
        let lookup = self.inner.provider.get_or_load(slug, &loader).await?;
        let keep = Keep::of(&lookup, self.inner.node.time().now().since(began));
        let list = lookup.value.unwrap_or_else(|| Arc::new(Rendered::array(b"")));
        Ok((list, keep))
    }

    /// The JSON array of the ids of a provider's models: `models:index:{slug}`.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when nobody is called so, or nothing may be served and the store cannot be read.
    pub async fn cached_gateway_index(&self, name: &str) -> Result<Arc<Rendered>, CatalogError> {
        let slug = &self.provider(name)?.slug;
        let loader = self.cut(|snapshot, slug: &Slug| {
            let range = snapshot.provider_rows(slug.as_str());
            let rows = snapshot.rows().get(range.start as usize..range.end as usize)?;
            let ids: Vec<&str> = rows.iter().map(|row| &*row.id).collect();
            Some(json(&ids))
        });
        let lookup = self.inner.index.get_or_load(slug, &loader).await?;
        Ok(lookup.value.unwrap_or_else(|| Arc::new(Rendered::array(b""))))
    }

    /// The JSON object of a model: of one provider's, or of the first provider's that has it. `None`: there is none.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when nothing may be served and the store cannot be read.
    pub async fn cached_model(&self, key: &ModelKey) -> Result<Option<Arc<Rendered>>, CatalogError> {
        let loader = self.cut(|snapshot, key: &ModelKey| {
            // A copy: a slice of a kilobyte would keep the whole snapshot in memory for as long as the entry is there.
            let object = snapshot.object_bytes(row_of(snapshot, key)?);
            Some(Rendered::new(Bytes::copy_from_slice(object)))
        });
        Ok(self.inner.model.get_or_load(key, &loader).await?.value)
    }

    /// The JSON object of a model's prices, at the first provider that has it. `None`: there is no such model, or
    /// nobody knows its prices.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when nothing may be served and the store cannot be read.
    pub async fn cached_pricing(&self, id: &str) -> Result<Option<Arc<Rendered>>, CatalogError> {
        let loader = self.cut(|snapshot, id: &String| {
            let rows = snapshot.with_id(id).iter();
            let mut prices = rows.filter_map(|&row| PricingJson::of(&snapshot.rows().get(row as usize)?.pricing));
            Some(json(&prices.next()?))
        });
        Ok(self.inner.pricing.get_or_load(id, &loader).await?.value)
    }

    /// The JSON array of unique models with their offers: `models:unique`.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when nothing may be served and the store cannot be read.
    pub async fn cached_unique_models(&self) -> Result<Arc<Rendered>, CatalogError> {
        let catalog = self.clone();
        let loader = loader_fn(move |(): ()| {
            let catalog = catalog.clone();
            async move {
                let (snapshot, keep) = catalog.whole().await?;
                #[expect(
                    clippy::disallowed_methods,
                    reason = "computes for some 50 ms, once per fill; the fill's deadline is the cache's"
                )]
                let rendered = tokio::task::spawn_blocking(move || Rendered::new(snapshot.unique_json())).await;
                rendered
                    .map(|rendered| keep.apply(Loaded::found(rendered)))
                    .map_err(|_ended| CatalogError::Load(LoadError::Panicked))
            }
        });
        let lookup = self.inner.unique.get_or_load(&(), &loader).await?;
        Ok(lookup.value.unwrap_or_else(|| Arc::new(Rendered::array(b""))))
    }

    /// Figures of the whole: `models:stats`.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when nothing may be served and the store cannot be read.
    pub async fn cached_catalog_stats(&self) -> Result<Arc<Stats>, CatalogError> {
        let loader = self.cut(|snapshot, (): &()| Some(snapshot.stats()));
        let lookup = self.inner.stats.get_or_load(&(), &loader).await?;
        // The loader always finds figures, be it of nothing.
        lookup.value.ok_or(CatalogError::Load(LoadError::Abandoned))
    }

    /// A loader that cuts a value out of the present snapshot.
    fn cut<K, V>(
        &self,
        cut: impl Fn(&Snapshot, &K) -> Option<V> + Clone + Send + Sync + 'static,
    ) -> impl gatewayz_cache_core::Loader<K, V, Error = CatalogError> + Clone
    where
        K: Clone + Send + Sync + 'static,
        V: Send + 'static,
    {
        let catalog = self.clone();
        loader_fn(move |key: K| {
            let (catalog, cut) = (catalog.clone(), cut.clone());
            async move {
                let (snapshot, keep) = catalog.whole().await?;
                Ok(keep.apply(Loaded::from(cut(&snapshot, &key))))
            }
        })
    }

    /// How many pages of a gateway were rendered; `all` or any name of a provider.
    ///
    /// # Errors
    ///
    /// [`CatalogError::UnknownProvider`]
    pub async fn gateway_cache_metadata(&self, name: &str) -> Result<PageMetadata, CatalogError> {
        let gateway = match name {
            "all" => Gateway::All,
            name => Gateway::Provider(self.provider(name)?.slug.clone()),
        };
        Ok(self.page_metadata(&gateway).await)
    }

    /// What the catalogue's caches did.
    #[must_use]
    pub fn catalog_cache_stats(&self) -> CatalogStats {
        let Self { inner } = self;
        let caches = [
            inner.full.stats(),
            inner.provider.stats(),
            inner.gateway.stats(),
            inner.index.stats(),
            inner.model.stats(),
            inner.pricing.stats(),
            inner.unique.stats(),
            inner.stats.stats(),
            inner.pages.stats(),
        ];
        let mut total = CatalogStats {
            redis_available: caches[0].redis_available,
            full_catalog_cached: inner.full.peek(&()).is_some(),
            provider_catalogs_count: caches[1].local.entries,
            models_cached_count: caches[4].local.entries,
            pricing_cached_count: caches[5].local.entries,
            ..CatalogStats::default()
        };
        for stats in caches {
            total.hits += stats.hits;
            total.misses += stats.misses;
            total.sets += stats.sets;
            total.errors += stats.errors;
            total.invalidations += stats.invalidations;
        }
        total.total_requests = total.hits + total.misses;
        total.hit_rate_percent = percent(total.hits, total.total_requests);
        total
    }
}

/// The row that a key means: with several providers, the first in their order.
fn row_of(snapshot: &Snapshot, key: &ModelKey) -> Option<u32> {
    match key {
        ModelKey::Id(id) => snapshot.with_id(id).first().copied(),
        ModelKey::Of(provider, id) => snapshot.find(provider, id),
    }
}

fn json(value: &impl Serialize) -> Rendered {
    let mut out = Vec::new();
    render(value, &mut out);
    Rendered::new(out)
}

/// A share in percent with two decimals; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (part as f64 / whole as f64 * 10_000.0).round() / 100.0
}
