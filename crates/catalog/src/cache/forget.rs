//! Forgetting what is no longer true, on every node.

use std::time::Duration;

use gatewayz_cache_core::{CacheStatus, Invalidation, InvalidationGraph, Loaded, Lookup, Propagation};
use serde::Serialize;

use super::{Catalog, CatalogError, Rendered};
use crate::{
    keyspaces,
    provider::Slug,
    snapshot::{REFERENCE, Snapshot},
    source::CatalogStore,
};

/// What a batch of invalidations did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Invalidated {
    /// Whether every node that may serve old entries has forgotten them.
    pub success: bool,
    /// How many providers were named.
    pub providers_invalidated: usize,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Whether the aggregates went with them; they always do.
    pub cascade: bool,
}

/// How long a value may be kept that was made of another cached one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// As long as its policy says.
    Policy,
    /// Not at all: what it was made of came from the memory of a node that cannot prove that it hears invalidations.
    /// In the shared tier it would be served by nodes that can.
    Nowhere,
}

impl Keep {
    /// What may be made of the answer to a lookup that took so long.
    pub(super) fn of<V>(lookup: &Lookup<V>, took: Duration) -> Self {
        // What the source gave while the lookup was under way is no older than that.
        if lookup.status == CacheStatus::Degraded && lookup.age() >= took {
            Self::Nowhere
        } else {
            Self::Policy
        }
    }

    pub(super) fn apply<V>(self, loaded: Loaded<V>) -> Loaded<V> {
        match self {
            Self::Policy => loaded,
            Self::Nowhere => loaded.with_ttl(Duration::ZERO),
        }
    }
}

impl<S: CatalogStore> Catalog<S> {
    /// Carries invalidations out floor by floor: the snapshot, what is cut out of it, what is copied of that.
    ///
    /// One after the other, since a node that has not heard yet goes on to make pages of the snapshot that it has, and
    /// may store one right after the shared tier dropped it. When all nodes are known to have forgotten a floor,
    /// nothing old can be made of it any more, and what was is dropped with the next.
    async fn forget(&self, snapshot: bool, cut: Invalidation, copied: Invalidation) -> Propagation {
        let node = self.inner.node.clone();
        // A task of its own: the caller may go, the floors that are left may not.
        let told = tokio::spawn(async move {
            let whole = Invalidation::new().keyspace(&keyspaces::FULL);
            let mut reached = Propagation::Acknowledged;
            for floor in snapshot.then_some(whole).into_iter().chain([cut, copied]) {
                if node.invalidate(floor).await != Propagation::Acknowledged {
                    reached = Propagation::Deferred;
                }
            }
            reached
        });
        told.await.unwrap_or(Propagation::Deferred)
    }

    /// Forgets, on every node, what these providers' lists say, and all that was made of it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the invalidation.
    pub async fn invalidate_providers<'a>(&self, providers: impl IntoIterator<Item = &'a Slug>) -> Propagation {
        let graph = keyspaces::cuts(InvalidationGraph::new());
        let (mut cut, mut copied) = (Invalidation::new(), Invalidation::new());
        for name in providers {
            // Keys are made of slugs, never of other names.
            let slug = self
                .directory()
                .resolve(name.as_str())
                .map_or(name, |known| &known.slug);
            if slug.as_str() == REFERENCE {
                // Rows of all providers may have its prices.
                return self.invalidate_full_catalog().await;
            }
            tracing::debug!("Cache INVALIDATE: Gateway catalog for {slug}");
            cut.merge(graph.expand(keyspaces::PROVIDER_CHANGED, slug.as_str()));
            copied = copied.key(&keyspaces::GATEWAY, slug);
        }
        if cut.is_empty() {
            return Propagation::Acknowledged;
        }
        self.forget(true, cut, copied).await
    }

    /// Puts a snapshot, made of what was just written to the store, in the place of the present one, and forgets all
    /// that was made of that.
    pub async fn cache_full_catalog(&self, snapshot: Snapshot) -> Propagation {
        let models = snapshot.len();
        let placed = self.inner.full.insert(&(), snapshot).await;
        let ttl = self.inner.full_ttl.as_secs();
        tracing::info!("Cache SET: Full model catalog ({models} models, TTL: {ttl}s)");
        let forgotten = self.forget(false, everything_cut(), everything_copied()).await;
        both(placed, forgotten)
    }

    /// Puts a JSON array of models, just written to the store, in the place of a provider's present one, and forgets
    /// all else that was made of what the store had.
    ///
    /// # Errors
    ///
    /// [`CatalogError::UnknownProvider`]
    pub async fn cache_gateway_catalog(&self, name: &str, models: Rendered) -> Result<Propagation, CatalogError> {
        let slug = &self.provider(name)?.slug;
        let forgotten = self.invalidate_providers([slug]).await;
        let placed = self.inner.provider.insert(slug, models).await;
        tracing::info!("Cache SET: Gateway catalog for {slug}");
        Ok(both(forgotten, placed))
    }

    /// Forgets a provider's list, by any of its names, with all that was made of it.
    ///
    /// # Errors
    ///
    /// [`CatalogError::UnknownProvider`]
    pub async fn invalidate_gateway_catalog(&self, name: &str) -> Result<Propagation, CatalogError> {
        let slug = self.provider(name)?.slug.clone();
        Ok(self.invalidate_providers([&slug]).await)
    }

    /// Forgets several providers' lists at once.
    ///
    /// # Errors
    ///
    /// [`CatalogError::UnknownProvider`]; then nothing is forgotten.
    pub async fn invalidate_gateway_catalogs(&self, names: &[&str]) -> Result<Invalidated, CatalogError> {
        let slug = |name: &&str| self.provider(name).map(|provider| provider.slug.clone());
        let slugs = names.iter().map(slug).collect::<Result<Vec<_>, _>>()?;
        let start = self.inner.node.time().now();
        let propagation = self.invalidate_providers(&slugs).await;
        let took = self.inner.node.time().now().since(start);
        Ok(Invalidated {
            success: propagation == Propagation::Acknowledged,
            providers_invalidated: slugs.len(),
            duration_ms: millis(took),
            cascade: true,
        })
    }

    /// Forgets the whole catalogue and all that was made of it.
    pub async fn invalidate_full_catalog(&self) -> Propagation {
        tracing::info!("Cache INVALIDATE: Full model catalog");
        self.forget(true, everything_cut(), everything_copied()).await
    }

    /// Forgets the unique models, with the snapshot that they are cut out of.
    pub async fn invalidate_unique_models(&self) -> Propagation {
        tracing::debug!("Cache INVALIDATE: Unique models");
        let unique = Invalidation::new().keyspace(&keyspaces::UNIQUE);
        self.forget(true, unique, Invalidation::new()).await
    }

    /// Forgets the figures, with the snapshot that they are cut out of.
    pub async fn invalidate_catalog_stats(&self) -> Propagation {
        tracing::debug!("Cache INVALIDATE: Catalog statistics");
        let stats = Invalidation::new().keyspace(&keyspaces::STATS);
        self.forget(true, stats, Invalidation::new()).await
    }

    /// Forgets one model and its prices, and with them all that shows them: the lists and pages of its provider.
    pub async fn invalidate_model(&self, provider: &Slug, _id: &str) -> Propagation {
        self.invalidate_providers([provider]).await
    }

    /// Forgets all: the same as [`invalidate_full_catalog`](Self::invalidate_full_catalog).
    pub async fn clear_all_model_caches(&self) -> Propagation {
        self.invalidate_full_catalog().await
    }

    /// Forgets a provider's list, or all where `None` or `all` is named.
    ///
    /// # Errors
    ///
    /// [`CatalogError::UnknownProvider`]
    pub async fn clear_models_cache(&self, name: Option<&str>) -> Result<Propagation, CatalogError> {
        match name {
            None | Some("all") => Ok(self.invalidate_full_catalog().await),
            Some(name) => self.invalidate_gateway_catalog(name).await,
        }
    }
}

fn everything_cut() -> Invalidation {
    keyspaces::cuts(InvalidationGraph::new()).expand(keyspaces::CATALOG_CHANGED, "all")
}

fn everything_copied() -> Invalidation {
    Invalidation::new().keyspace(&keyspaces::GATEWAY)
}

fn both(one: Propagation, other: Propagation) -> Propagation {
    if one == Propagation::Acknowledged { other } else { one }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
