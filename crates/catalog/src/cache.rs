//! The catalogue's caches: the snapshot, what is cut out of it, and rendered pages, kept coherent on all nodes.
//!
//! Everything is cut out of the one snapshot, whose keyspace every invalidation of the others covers too: a page that
//! is made after an invalidation is made of a snapshot that was read after it.

mod forget;
mod load;
mod metadata;
mod metrics;
mod patience;
mod rendered;
mod surface;

use std::{sync::Arc, time::Duration};

use gatewayz_cache_core::{
    Cache, CacheStatus, Capacity, InvalidKeyspace, Keyspace, LoadError, Loaded, Lookup, Node, Pace, loader_fn,
};
use thiserror::Error;

pub(crate) use self::load::WriteGate;
pub use self::{forget::Invalidated, metadata::PageMetadata, rendered::Rendered, surface::CatalogStats};
use self::{
    forget::Keep, load::SnapshotLoader, metadata::MetadataBook, metrics::CatalogMetrics, patience::Pulse,
    rendered::RenderedCodec,
};
use crate::{
    enrich::ManualPrices,
    keyspaces::{self, ModelKey},
    page::{Extras, Page, PageCodec, PageKey, UniqueShape},
    provider::{Directory, Slug},
    query::{Gateway, Query},
    snapshot::{Snapshot, SnapshotCodec},
    source::CatalogStore,
    stats::Stats,
    unique::UniqueQuery,
};

/// How much memory the caches may take, and how long they keep things.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CacheOptions {
    /// The memory of snapshots, in bytes: the present one, and the next while it is being read.
    pub snapshots: u64,
    /// That of rendered pages.
    pub pages: u64,
    /// That of everything else, each.
    pub others: u64,
    /// How long the whole catalogue is fresh; `None`: as [`keyspaces::FULL`] says.
    pub full_ttl: Option<Duration>,
    /// The longest that anything is fresh, whatever its keyspace says.
    pub longest_ttl: Option<Duration>,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            snapshots: 256 << 20,
            pages: 64 << 20,
            others: 8 << 20,
            full_ttl: None,
            longest_ttl: None,
        }
    }
}

impl CacheOptions {
    /// A keyspace with the times of these options.
    fn applied(&self, mut keyspace: Keyspace) -> Keyspace {
        if keyspace.name == keyspaces::FULL.name {
            keyspace.policy.ttl = self.full_ttl.unwrap_or(keyspace.policy.ttl);
        }
        if let Some(longest) = self.longest_ttl {
            keyspace.policy.ttl = keyspace.policy.ttl.min(longest);
            keyspace.policy.negative = keyspace.policy.negative.map(|ttl| ttl.min(longest));
        }
        keyspace
    }
}

/// Why the catalogue could not be read.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// Nothing that may be served is in memory or in the shared tier, and the store could not be read.
    #[error("the catalogue cannot be read: {0}")]
    Load(#[from] LoadError),
    /// Nobody is called so.
    #[error("there is no provider `{0}`")]
    UnknownProvider(String),
}

impl CatalogError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Load(error) => error.is_transient(),
            Self::UnknownProvider(_) => false,
        }
    }
}

/// The catalogue as a service reads it. Cheap to clone; all clones are one.
///
/// # Consistency
///
/// A read that begins after an invalidation was acknowledged sees what the store held when the invalidation was asked
/// for, or something newer, on every node.
#[derive(Debug)]
pub struct Catalog<S> {
    inner: Arc<Inner<S>>,
}

impl<S> Clone for Catalog<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

#[derive(Debug)]
struct Inner<S> {
    node: Node,
    directory: Arc<Directory>,
    store: Arc<S>,
    loader: SnapshotLoader<S>,
    full: Cache<(), Snapshot>,
    full_ttl: Duration,
    provider: Cache<Slug, Rendered>,
    gateway: Cache<Slug, Rendered>,
    index: Cache<Slug, Rendered>,
    model: Cache<ModelKey, Rendered>,
    pricing: Cache<String, Rendered>,
    unique: Cache<(), Rendered>,
    stats: Cache<(), Stats>,
    pages: Cache<PageKey, Page>,
    metadata: MetadataBook,
    metrics: CatalogMetrics,
    pulse: Pulse,
}

impl<S: CatalogStore> Catalog<S> {
    /// Registers the catalogue's caches with a node, whose graph [`keyspaces::declare`] has to have been part of.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyspace`] when another cache of the node has keys of these.
    pub fn new(
        node: &Node,
        store: Arc<S>,
        directory: Arc<Directory>,
        manual: ManualPrices,
        options: CacheOptions,
    ) -> Result<Self, InvalidKeyspace> {
        let others = Capacity::bytes(options.others).with_largest(options.others / 2);
        let rendered = |keyspace| {
            node.local_cache::<Rendered>(options.applied(keyspace))
                .codec(RenderedCodec)
                .capacity(others)
                .weigh(Rendered::weight)
        };
        let snapshots = Capacity::bytes(options.snapshots)
            .with_entries(2)
            .with_largest(options.snapshots / 2);
        let gate = WriteGate::new(node)?;
        Ok(Self {
            inner: Arc::new(Inner {
                full_ttl: options.applied(keyspaces::FULL).policy.ttl,
                full: node
                    .local_cache(options.applied(keyspaces::FULL))
                    .codec(SnapshotCodec::new(Arc::clone(&directory)))
                    .capacity(snapshots)
                    .weigh(Snapshot::weight)
                    .build()?,
                provider: rendered(keyspaces::PROVIDER).build()?,
                gateway: rendered(keyspaces::GATEWAY).build()?,
                index: rendered(keyspaces::INDEX).build()?,
                model: rendered(keyspaces::MODEL).build()?,
                pricing: rendered(keyspaces::PRICING).build()?,
                unique: rendered(keyspaces::UNIQUE).build()?,
                stats: node.cache(options.applied(keyspaces::STATS)).capacity(others).build()?,
                pages: node
                    .local_cache(options.applied(keyspaces::PAGES))
                    .codec(PageCodec)
                    .capacity(
                        Capacity::bytes(options.pages)
                            .with_entries(4096)
                            .with_largest(options.pages / 4 * 3),
                    )
                    .weigh(Page::weight)
                    .build()?,
                metadata: MetadataBook::new(node)?,
                metrics: CatalogMetrics::new(&directory),
                pulse: Pulse::default(),
                loader: SnapshotLoader::new(Arc::clone(&store), Arc::clone(&directory), manual, gate),
                node: node.clone(),
                directory,
                store,
            }),
        })
    }

    /// All providers that are known.
    #[must_use]
    pub fn directory(&self) -> &Arc<Directory> {
        &self.inner.directory
    }

    /// The store that the catalogue is read from.
    #[must_use]
    pub fn store(&self) -> &Arc<S> {
        &self.inner.store
    }

    pub(crate) fn node(&self) -> &Node {
        &self.inner.node
    }

    pub(crate) fn gate(&self) -> &WriteGate {
        self.inner.loader.gate()
    }

    /// The present snapshot if it is at hand. Never loads, never waits.
    #[must_use]
    pub fn peek(&self) -> Option<Arc<Snapshot>> {
        self.inner.full.hit(&())?.value
    }

    /// The same with its age, for those who only look at what is cached: counts nothing.
    #[must_use]
    pub fn at_hand(&self) -> Option<Lookup<Snapshot>> {
        self.inner.full.peek(&())
    }

    /// The present snapshot.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when nothing may be served and the store cannot be read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels nothing that others wait for.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, CatalogError> {
        self.whole().await.map(|(snapshot, _)| snapshot)
    }

    /// The present snapshot if it is at hand, and how it was found. Never loads, never waits.
    #[must_use]
    pub fn snapshot_at_hand(&self) -> Option<Lookup<Snapshot>> {
        self.inner.full.hit(&()).filter(|hit| hit.value.is_some())
    }

    /// The present snapshot, and how it was found: it always has a value.
    ///
    /// Where nothing may be served and the store does not answer at all, it fails after about a second. The load goes
    /// on for others.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot).
    pub async fn snapshot_lookup(&self) -> Result<Lookup<Snapshot>, CatalogError> {
        let loading = self.inner.full.get_or_load(&(), &self.inner.loader);
        let lookup = self.inner.pulse.while_it_beats(&self.inner.store, loading).await?;
        match &lookup.value {
            Some(snapshot) => {
                self.tell(snapshot, &lookup);
                Ok(lookup)
            }
            // The loader always finds a snapshot, be it an empty one.
            None => Err(CatalogError::Load(LoadError::Abandoned)),
        }
    }

    /// Says how the present snapshot was found.
    fn tell(&self, snapshot: &Snapshot, lookup: &Lookup<Snapshot>) {
        match lookup.status {
            CacheStatus::SharedHit => {
                let (models, age) = (snapshot.len(), lookup.age().as_secs());
                tracing::debug!("Cache HIT: Full model catalog ({models} models of {age}s ago, source: redis)");
            }
            CacheStatus::Fill => {
                let (models, ttl) = (snapshot.len(), self.inner.full_ttl.as_secs());
                tracing::info!("Cache SET: Full model catalog ({models} models, TTL: {ttl}s)");
            }
            _ => tracing::debug!("Cache HIT: Full model catalog"),
        }
    }

    /// The present snapshot for a value that is cut out of it, and how long that may be kept.
    async fn whole(&self) -> Result<(Arc<Snapshot>, Keep), CatalogError> {
        let began = self.inner.node.time().now();
        let lookup = self.snapshot_lookup().await?;
        let keep = Keep::of(&lookup, self.inner.node.time().now().since(began));
        let snapshot = lookup.value.ok_or(CatalogError::Load(LoadError::Abandoned))?;
        Ok((snapshot, keep))
    }

    /// Reads the store anew, whatever is cached.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when the store cannot be read; the present snapshot stays.
    pub async fn reload(&self) -> Result<(), CatalogError> {
        let _refreshed = self.inner.full.refresh(&(), &self.inner.loader, Pace::Force).await?;
        Ok(())
    }

    /// The page of a query if it is at hand. Never loads, never waits, allocates nothing.
    #[inline]
    #[must_use]
    pub fn page_at_hand(&self, key: &PageKey) -> Option<Lookup<Page>> {
        // A page is one of a catalogue: when that changes, all pages of the old one are missing at once.
        let whole = self.inner.full.peek(&())?;
        let hit = self.inner.pages.hit(&key.at(whole.value.as_ref()?.epoch()))?;
        self.inner.metrics.count(key.gateway(), true);
        tracing::debug!("Cache HIT: {}", key.gateway().as_str());
        Some(hit.made_of(&whole))
    }

    /// The page of a query.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when nothing may be served and the store cannot be read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels nothing that others wait for.
    pub async fn page(&self, query: &Query, extras: &Extras) -> Result<Lookup<Page>, CatalogError> {
        let key = PageKey::new(query, extras);
        if let Some(hit) = self.page_at_hand(&key) {
            return Ok(hit);
        }
        let (query, extras) = (query.clone(), *extras);
        self.rendered(key, move |snapshot| Page::render(snapshot, &query, &extras))
            .await
    }

    /// The page of a search: the same rows in the shape of search results.
    ///
    /// # Errors
    ///
    /// As [`page`](Self::page).
    pub async fn search_page(&self, query: &Query) -> Result<Lookup<Page>, CatalogError> {
        let key = PageKey::search(query);
        if let Some(hit) = self.page_at_hand(&key) {
            return Ok(hit);
        }
        let query = query.clone();
        self.rendered(key, move |snapshot| Page::render_search(snapshot, &query))
            .await
    }

    /// The page of unique models with their offers.
    ///
    /// # Errors
    ///
    /// As [`page`](Self::page).
    pub async fn unique_page(&self, query: &UniqueQuery, shape: UniqueShape) -> Result<Lookup<Page>, CatalogError> {
        let key = PageKey::unique(query, shape);
        if let Some(hit) = self.page_at_hand(&key) {
            return Ok(hit);
        }
        let query = query.clone();
        self.rendered(key, move |snapshot| Page::render_unique(snapshot, &query, shape))
            .await
    }

    async fn rendered(
        &self,
        key: PageKey,
        render: impl Fn(&Snapshot) -> Page + Clone + Send + Sync + 'static,
    ) -> Result<Lookup<Page>, CatalogError> {
        self.inner.metrics.count(key.gateway(), false);
        tracing::debug!("Cache MISS: {}", key.gateway().as_str());
        let whole = self.snapshot_lookup().await?;
        let snapshot = whole.value.clone().ok_or(CatalogError::Load(LoadError::Abandoned))?;
        let catalog = self.clone();
        let key = key.at(snapshot.epoch());
        let loader = loader_fn(move |key: PageKey| {
            let (catalog, snapshot, render) = (catalog.clone(), Arc::clone(&snapshot), render.clone());
            async move {
                let page = render(&snapshot);
                catalog.inner.metadata.note(key.gateway(), page.len());
                Ok::<_, CatalogError>(Loaded::found(page))
            }
        });
        Ok(self.inner.pages.get_or_load(&key, &loader).await?.made_of(&whole))
    }

    /// How many pages of a gateway were rendered, on all nodes together, within a day of each other.
    pub async fn page_metadata(&self, gateway: &Gateway) -> PageMetadata {
        self.inner.metadata.read(gateway).await
    }

    /// Keeps what is written in the background, and the sizes in the metrics, up to date: to be called every few
    /// seconds.
    pub async fn maintain(&self) {
        if let Some(snapshot) = self.peek() {
            self.inner.metrics.tell(&snapshot);
        }
        self.inner.metadata.write().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CacheOptions, keyspaces};

    #[test]
    fn options_shorten_what_they_name() {
        let mut options = CacheOptions::default();
        assert_eq!(options.applied(keyspaces::FULL).policy.ttl, keyspaces::FULL.policy.ttl);
        options.full_ttl = Some(Duration::from_secs(60));
        assert_eq!(options.applied(keyspaces::FULL).policy.ttl, Duration::from_secs(60));
        assert_eq!(
            options.applied(keyspaces::UNIQUE).policy.ttl,
            keyspaces::UNIQUE.policy.ttl
        );
        options.longest_ttl = Some(Duration::from_secs(1));
        for keyspace in [keyspaces::FULL, keyspaces::MODEL, keyspaces::PAGES] {
            let applied = options.applied(keyspace).policy;
            assert_eq!(applied.ttl, Duration::from_secs(1));
            assert!(applied.negative.is_none_or(|ttl| ttl <= Duration::from_secs(1)));
        }
    }
}
