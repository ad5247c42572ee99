//! Reading the store into a snapshot, never in the middle of a sync.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use gatewayz_cache_core::{
    Cache, CacheStatus, InvalidKeyspace, Loaded, Loader, LocalMode, Node, Policy, Time, loader_fn,
};
use tokio::sync::{RwLock, RwLockWriteGuard};

use crate::{
    enrich::ManualPrices,
    provider::Directory,
    snapshot::Snapshot,
    source::{CatalogStore, RowFilter, StoreError},
};

/// How long a sync may hold readers of the store up. Its writes take a tenth of that.
const HELD_UP: Duration = Duration::from_secs(5);
/// How often a reader looks whether another node's sync is over.
const GLANCE: Duration = Duration::from_millis(50);

const IN_PROGRESS: gatewayz_cache_core::Keyspace = gatewayz_cache_core::Keyspace::new(
    "models:sync:in_progress",
    Policy::new(Duration::from_secs(60))
        .with_local(LocalMode::Off)
        .incoherent(),
);

/// When a sync began to write last: so that a reader sees that one came and went while it read.
const LAST: gatewayz_cache_core::Keyspace = gatewayz_cache_core::Keyspace::new(
    "models:sync:last_write",
    Policy::new(Duration::from_secs(60))
        .with_local(LocalMode::Off)
        .incoherent(),
);

/// Keeps snapshots from being read while a sync writes, so that no snapshot has half of it. A sync that dies leaves
/// the gate closed for a minute, and readers pass it all the same after [`HELD_UP`].
#[derive(Debug)]
pub(crate) struct WriteGate {
    here: RwLock<()>,
    elsewhere: Cache<(), bool>,
    last: Cache<(), u64>,
    time: Time,
}

impl WriteGate {
    pub(super) fn new(node: &Node) -> Result<Arc<Self>, InvalidKeyspace> {
        Ok(Arc::new(Self {
            here: RwLock::new(()),
            elsewhere: node.cache(IN_PROGRESS).build()?,
            last: node.cache(LAST).build()?,
            time: node.time().clone(),
        }))
    }

    /// Closes the gate for as long as the guard lives; [`open`](Self::open) tells the other nodes.
    ///
    /// Writers take turns: the first one to be done would open the gate for readers while another still writes. One
    /// that died is waited for no longer than readers wait.
    pub(crate) async fn close(&self) -> RwLockWriteGuard<'_, ()> {
        let guard = self.here.write().await;
        self.close_elsewhere().await;
        // Before the first write. Writers take turns, so that no two of them say the same.
        let _propagation = self.last.insert(&(), self.time.wall().0).await;
        guard
    }

    async fn close_elsewhere(&self) {
        let begun = tokio::time::Instant::now();
        // The mark is loaded like a value: one node of those that miss it at once makes it.
        let mark = loader_fn(|(): ()| async { Ok::<_, Infallible>(Loaded::found(true)) });
        loop {
            match self.elsewhere.get_or_load(&(), &mark).await {
                // Another one's: it was there.
                Ok(lookup) if lookup.status == CacheStatus::SharedHit => {}
                // Ours, also where the others cannot be told.
                _ => return,
            }
            if begun.elapsed() >= HELD_UP {
                tracing::warn!("the catalogue is written while another sync seems to write");
                let _propagation = self.elsewhere.insert(&(), true).await;
                return;
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    pub(crate) async fn open(&self, guard: RwLockWriteGuard<'_, ()>) {
        let _propagation = self.elsewhere.invalidate([&()]).await;
        drop(guard);
    }

    /// Reads while nobody writes: waits for writers, and reads again where one came in between, but for no longer than
    /// [`HELD_UP`] in all.
    async fn read<T, E, F>(&self, read: impl Fn() -> F + Send + Sync) -> Result<T, E>
    where
        T: Send,
        E: Send,
        F: Future<Output = Result<T, E>> + Send,
    {
        let between_writes = async {
            loop {
                let here = self.here.read().await;
                let last = self.last_write().await;
                if !self.is_closed_elsewhere().await {
                    let outcome = read().await;
                    // A sync may also have come and gone.
                    if outcome.is_err() || (!self.is_closed_elsewhere().await && self.last_write().await == last) {
                        return outcome;
                    }
                }
                drop(here);
                tokio::time::sleep(GLANCE).await;
            }
        };
        match tokio::time::timeout(HELD_UP, between_writes).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                tracing::warn!("the catalogue is read while a sync seems to write");
                read().await
            }
        }
    }

    async fn last_write(&self) -> Option<u64> {
        self.last.get(&()).await?.value.as_deref().copied()
    }

    async fn is_closed_elsewhere(&self) -> bool {
        self.elsewhere.get(&()).await.is_some_and(|mark| mark.value.is_some())
    }
}

/// Reads the whole store.
#[derive(Debug)]
pub(super) struct SnapshotLoader<S> {
    source: Arc<Source<S>>,
}

#[derive(Debug)]
struct Source<S> {
    store: Arc<S>,
    directory: Arc<Directory>,
    manual: ManualPrices,
    gate: Arc<WriteGate>,
}

impl<S> Clone for SnapshotLoader<S> {
    fn clone(&self) -> Self {
        Self {
            source: Arc::clone(&self.source),
        }
    }
}

impl<S: CatalogStore> SnapshotLoader<S> {
    pub(super) fn new(store: Arc<S>, directory: Arc<Directory>, manual: ManualPrices, gate: Arc<WriteGate>) -> Self {
        Self {
            source: Arc::new(Source {
                store,
                directory,
                manual,
                gate,
            }),
        }
    }

    pub(super) fn gate(&self) -> &WriteGate {
        &self.source.gate
    }
}

impl<S: CatalogStore> Loader<(), Snapshot> for SnapshotLoader<S> {
    type Error = StoreError;

    async fn load(&self, _key: &()) -> Result<Loaded<Snapshot>, StoreError> {
        tracing::debug!("Cache MISS: Full model catalog (fetching from DB)");
        let begun = tokio::time::Instant::now();
        let source = Arc::clone(&self.source);
        let filter = RowFilter::default();
        let rows = source.gate.read(|| source.store.catalogue(&filter)).await?;
        #[expect(
            clippy::disallowed_methods,
            reason = "computes for some 50 ms, once per fill; the fill's deadline is the cache's"
        )]
        let build =
            tokio::task::spawn_blocking(move || Snapshot::build(Arc::clone(&source.directory), &source.manual, rows));
        let snapshot = build
            .await
            .map_err(|error| StoreError::Refused(format!("the catalogue could not be built: {error}")))?;
        tracing::info!(
            "Catalog build time: {}ms (source: database, {} models)",
            begun.elapsed().as_millis(),
            snapshot.len()
        );
        Ok(Loaded::found(snapshot))
    }
}
