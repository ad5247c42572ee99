//! The crates put together: one node, its caches, the catalogue, the store and the providers.

mod lists;

use std::{sync::Arc, time::Duration};

use gatewayz_cache_core::{InvalidKeyspace, InvalidationGraph, Node, Propagation, UnknownSubject};
use gatewayz_cache_redis::RedisTier;
use gatewayz_catalog::{
    CacheOptions, Catalog, Schedule, ScheduledSync, StoreError, Sync, SyncOptions, SyncReport, WriteMode,
    enrich::ManualPrices, keyspaces,
};
use gatewayz_providers::{Client, ClientConfig, EgressPolicy, InvalidClient, ModelzTokens, seed};
use gatewayz_store::{MigrateError, OpenError, Store};
use thiserror::Error;

pub(crate) use self::lists::Lists;
use crate::config::Config;

/// Why the parts cannot be put together.
#[derive(Debug, Error)]
pub(crate) enum OpenFailed {
    /// The database cannot be used as it is configured.
    #[error("the database cannot be opened: {0}")]
    Store(#[from] OpenError),
    /// Redis cannot be used as it is configured.
    #[error("Redis cannot be used: {0}")]
    Redis(#[from] gatewayz_cache_redis::InvalidConfig),
    /// Providers cannot be asked.
    #[error("providers cannot be asked: {0}")]
    Client(#[from] InvalidClient),
    /// A bug: two caches have the same keys.
    #[error("the caches overlap: {0}")]
    Keyspaces(#[from] InvalidKeyspace),
    /// A bug: the invalidations lead nowhere.
    #[error("the invalidations are wrong: {0}")]
    Graph(#[from] UnknownSubject),
}

/// Why the catalogue that comes with the gateway was not written.
#[derive(Debug, Error)]
pub(crate) enum SeedFailed {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug: it cannot be read.
    #[error(transparent)]
    Seed(#[from] seed::SeedError),
}

/// Everything below the server.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) node: Node,
    pub(crate) tier: Option<RedisTier>,
    pub(crate) store: Arc<Store>,
    pub(crate) catalog: Catalog<Store>,
    pub(crate) lists: Arc<Lists>,
    pub(crate) sync: Sync<Store, Lists>,
    pub(crate) schedule: ScheduledSync<Store, Lists>,
    pub(crate) modelz: ModelzTokens,
}

impl Engine {
    /// Puts the parts together. Nothing is asked of the database, of Redis or of providers yet, but that a SQLite file
    /// is opened. Must be called within a tokio runtime: the shared tier lives on it.
    ///
    /// # Errors
    ///
    /// [`OpenFailed`]
    pub(crate) async fn open(config: &Config) -> Result<Self, OpenFailed> {
        let store = Arc::new(Store::open(config.store.clone()).await?);
        let tier = config
            .redis
            .clone()
            .filter(|redis| redis.enabled && config.cache.enabled)
            .map(RedisTier::new)
            .transpose()?;
        let mut node = Node::builder().graph(keyspaces::declare(InvalidationGraph::new()));
        if let Some(tier) = &tier {
            node = node.shared(tier.clone());
        }
        let node = node.build()?;
        let mut client = ClientConfig::default();
        client.egress = config
            .providers
            .private_hosts
            .iter()
            .fold(EgressPolicy::new(), |policy, host| policy.with_allowed_host(host));
        let client = Client::new(&client)?;
        let lists = Arc::new(Lists::new(&node, config, client.clone())?);
        let directory = Arc::new(config.providers.registry.directory().clone());
        let manual = ManualPrices::builtin();
        let catalog = Catalog::new(&node, Arc::clone(&store), directory, manual, cache_options(config))?;
        let sync = Sync::new(catalog.clone(), Arc::clone(&lists));
        let schedule = ScheduledSync::new(&catalog, sync.clone(), sync_options(config), schedule(config))?;
        let modelz = ModelzTokens::new(&node, client, node.time().clone())?;
        Ok(Self {
            node,
            tier,
            store,
            catalog,
            lists,
            sync,
            schedule,
            modelz,
        })
    }

    /// Brings the schema to this version.
    ///
    /// # Errors
    ///
    /// [`MigrateError`]
    pub(crate) async fn migrate(&self) -> Result<(), MigrateError> {
        let migrated = self.store.migrate().await?;
        if migrated.from != migrated.to {
            tracing::info!(
                from = migrated.from,
                to = migrated.to,
                "the schema was brought up to date"
            );
        }
        Ok(())
    }

    /// Tells the store of all providers, and fills an empty one with the models that come with the gateway.
    ///
    /// # Errors
    ///
    /// [`SeedFailed`]
    pub(crate) async fn furnish(&self, seeds: bool) -> Result<Option<SyncReport>, SeedFailed> {
        self.sync.put_providers().await?;
        let filter = gatewayz_catalog::RowFilter::default();
        use gatewayz_catalog::CatalogStore as _;
        if !seeds || !self.store.models_page(&filter, None, 1).await?.is_empty() {
            return Ok(None);
        }
        let report = self.catalog.import(seed::builtin()?, WriteMode::Apply, false).await?;
        tracing::info!(
            models = report.total.written(),
            "the store was empty: it has the models that come with the gateway now"
        );
        Ok(Some(report))
    }

    /// Tells the other nodes that this one is going, and carries out what is pending.
    pub(crate) async fn close(&self) {
        if self.node.flush().await != Propagation::Acknowledged {
            tracing::warn!("some invalidations have not reached every node yet");
        }
        if let Some(tier) = &self.tier {
            tier.shutdown().await;
        }
    }
}

/// What a sync fetches that was not asked for anything in particular.
pub(crate) fn sync_options(config: &Config) -> SyncOptions {
    let mut options = SyncOptions::default();
    options.skip.clone_from(&config.sync.skip);
    options
}

/// Without a cache, the last good catalogue is still there for when the database is not.
const UNCACHED: Duration = Duration::from_secs(1);

fn cache_options(config: &Config) -> CacheOptions {
    let mut options = CacheOptions::default();
    options.snapshots = config.cache.snapshot_memory;
    options.pages = config.cache.page_memory;
    options.full_ttl = config.cache.full_ttl;
    options.longest_ttl = (!config.cache.enabled).then_some(UNCACHED);
    options
}

fn schedule(config: &Config) -> Schedule {
    let mut schedule = Schedule::default();
    schedule.interval = config.sync.interval;
    schedule
}
