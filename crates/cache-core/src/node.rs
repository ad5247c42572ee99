//! A node: the caches of one process, its right to serve, and the way its invalidations go.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::RwLock;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::{
    cache::{CacheBuilder, LocalSide},
    clock::Time,
    codec::Json,
    debounce::Debouncer,
    invalidation::{Invalidation, InvalidationGraph, UnknownSubject},
    keyspace::{InvalidKeyspace, Keyspace},
    stats::{CacheStats, DebouncerStats},
    tier::{
        Attachment, FillLease, InvalidationSink, NodePort, Propagation, SharedError, SharedHandle, SharedKey,
        SharedTier, Stored,
    },
};

/// The caches of one process. Cheap to clone; every cache holds one.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Arc<Registry>,
    attachment: Arc<Attachment>,
    shared: Option<SharedHandle>,
    graph: InvalidationGraph,
    time: Time,
    debouncer: Arc<Debouncer>,
}

/// One entry, as an operator looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspected {
    /// The name of its key, without the deployment's prefix.
    pub name: String,
    /// The name of its keyspace.
    pub keyspace: &'static str,
    /// Whether this node has it in memory, in whatever condition.
    pub held: bool,
    /// Whether values of its keyspace are shared at all.
    pub is_shared: bool,
    /// What the shared tier has.
    pub stored: Option<Stored>,
}

/// Why an entry cannot be looked at.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum InspectError {
    /// No cache of this node has a key of this name.
    #[error("no cache has a key of this name")]
    Unknown,
    /// Values of the keyspace are shown to nobody.
    #[error("values of `{0}` are shown to nobody")]
    Secret(&'static str),
    /// The shared tier cannot say.
    #[error(transparent)]
    Shared(#[from] SharedError),
}

/// A node in the making.
#[derive(Debug, Default)]
#[must_use]
pub struct NodeBuilder {
    shared: Option<SharedHandle>,
    graph: InvalidationGraph,
    time: Time,
    debounce: Option<Duration>,
}

/// How long repeated invalidations wait for each other.
const DEBOUNCE: Duration = Duration::from_secs(1);

impl NodeBuilder {
    /// Shares values and invalidations with other nodes through this tier.
    pub fn shared(mut self, tier: impl SharedTier) -> Self {
        self.shared = Some(SharedHandle::new(tier));
        self
    }

    /// Declares what a change makes untrue beside itself.
    pub fn graph(mut self, graph: InvalidationGraph) -> Self {
        self.graph = graph;
        self
    }

    /// Reads time from another clock than the kernel's.
    pub fn time(mut self, time: impl Into<Time>) -> Self {
        self.time = time.into();
        self
    }

    /// Lets repeated invalidations wait for each other this long. One second otherwise.
    pub fn debounce(mut self, by: Duration) -> Self {
        self.debounce = Some(by);
        self
    }

    /// Makes the node, and starts its shared tier's control plane on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`UnknownSubject`] when an edge of the graph leads nowhere.
    pub fn build(self) -> Result<Node, UnknownSubject> {
        self.graph.check()?;
        let registry = Arc::new(Registry::default());
        let attachment = Arc::new(if self.shared.is_some() {
            Attachment::detached()
        } else {
            Attachment::alone()
        });
        if let Some(shared) = &self.shared {
            shared.start(NodePort {
                sink: Arc::clone(&registry) as Arc<dyn InvalidationSink>,
                attachment: Arc::clone(&attachment),
                time: self.time.clone(),
            });
        }
        Ok(Node {
            inner: Arc::new(Inner {
                registry,
                attachment,
                shared: self.shared,
                graph: self.graph,
                time: self.time,
                debouncer: Arc::new(Debouncer::new(self.debounce.unwrap_or(DEBOUNCE))),
            }),
        })
    }
}

impl Node {
    /// Starts to make a node.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    /// A node without a shared tier: every invalidation is acknowledged at once.
    #[must_use]
    pub fn alone() -> Self {
        // An empty graph has no edge that could lead nowhere.
        NodeBuilder::default()
            .build()
            .unwrap_or_else(|_| unreachable!("an empty graph is valid"))
    }

    /// Starts to make a cache whose values are shared with other nodes, as JSON.
    pub fn cache<V>(&self, keyspace: Keyspace) -> CacheBuilder<V>
    where
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        CacheBuilder::new(self.clone(), keyspace, Some(Arc::new(Json::default())))
    }

    /// Starts to make a cache whose values stay in this process. Its invalidations reach the other nodes all the same.
    pub fn local_cache<V: Send + Sync + 'static>(&self, keyspace: Keyspace) -> CacheBuilder<V> {
        CacheBuilder::new(self.clone(), keyspace, None)
    }

    /// Forgets what the invalidation names, and what the graph says of it, in every tier of every node.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the invalidation.
    pub async fn invalidate(&self, mut invalidation: Invalidation) -> Propagation {
        self.inner.graph.complete(&mut invalidation);
        if invalidation.is_empty() {
            return Propagation::Acknowledged;
        }
        self.inner.registry.apply(&invalidation);
        let Some(shared) = self.inner.shared.clone() else {
            return Propagation::Acknowledged;
        };
        // A task of its own: the caller may go, the invalidation may not. The tier bounds its time.
        let registry = Arc::clone(&self.inner.registry);
        let told = tokio::spawn(async move {
            let reached = shared.invalidate(&invalidation).await;
            registry.apply_deferred(reached, &invalidation);
            reached
        });
        told.await.unwrap_or(Propagation::Deferred)
    }

    /// Forgets all that a change of the subject `id` makes untrue, by the graph.
    pub async fn invalidate_subject(&self, subject: &str, id: &str) -> Propagation {
        self.invalidate(self.inner.graph.expand(subject, id)).await
    }

    /// The same within a second, together with all that is asked for until then: for syncs, which change the same
    /// things over and over. Must be called within a tokio runtime.
    pub fn invalidate_soon(&self, invalidation: Invalidation) {
        let weak = Arc::downgrade(&self.inner);
        self.inner.debouncer.schedule(invalidation, move |due| async move {
            if let Some(inner) = Weak::upgrade(&weak) {
                let reached = Self { inner }.invalidate(due).await;
                tracing::debug!(propagation = reached.as_str(), "debounced invalidation");
            }
        });
    }

    /// Carries out now what [`invalidate_soon`](Self::invalidate_soon) has pending: before a shutdown.
    pub async fn flush(&self) -> Propagation {
        let reached = self.inner.debouncer.flush(|due| self.invalidate(due)).await;
        reached.unwrap_or(Propagation::Acknowledged)
    }

    pub(crate) async fn claim(
        &self,
        key: &SharedKey,
        mut invalidation: Invalidation,
        term: Duration,
    ) -> (Propagation, Option<FillLease>) {
        self.inner.graph.complete(&mut invalidation);
        self.inner.registry.apply(&invalidation);
        let Some(shared) = self.inner.shared.clone() else {
            return (Propagation::Acknowledged, None);
        };
        let key = key.clone();
        let registry = Arc::clone(&self.inner.registry);
        let told = tokio::spawn(async move {
            let (reached, lease) = shared.claim(&key, &invalidation, term).await;
            registry.apply_deferred(reached, &invalidation);
            (reached, lease)
        });
        told.await.unwrap_or((Propagation::Deferred, None))
    }

    /// Whether this node may serve its coherent entries at this moment.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.inner.attachment.holds(self.inner.time.now())
    }

    /// What each cache has done and holds, by the names of their keyspaces.
    #[must_use]
    pub fn stats(&self) -> Vec<(&'static str, CacheStats)> {
        self.inner
            .registry
            .caches
            .read()
            .iter()
            .map(|cache| (cache.keyspace().name, cache.stats()))
            .collect()
    }

    /// What is known of one entry, by the name of its key: for operators. Loads nothing, counts nothing, and changes
    /// nothing but that the shared tier drops a value that it cannot read.
    ///
    /// # Errors
    ///
    /// [`InspectError`] when the name is no cache's, when the values are shown to nobody, or when the shared tier does
    /// not answer.
    pub async fn inspect(&self, name: &str) -> Result<Inspected, InspectError> {
        let (keyspace, key, held, is_shared) = {
            let caches = self.inner.registry.caches.read();
            let found = caches
                .iter()
                .find_map(|cache| Some((cache, cache.shared_key_of(name)?)));
            let (cache, key) = found.ok_or(InspectError::Unknown)?;
            (*cache.keyspace(), key, cache.holds(name), cache.is_shared())
        };
        if keyspace.secret {
            return Err(InspectError::Secret(keyspace.name));
        }
        let stored = match &self.inner.shared {
            Some(shared) if is_shared => shared.get(&key).await?,
            _ => None,
        };
        Ok(Inspected {
            name: key.name,
            keyspace: keyspace.name,
            held,
            is_shared,
            stored,
        })
    }

    /// What the debouncer has done.
    #[must_use]
    pub fn debouncer_stats(&self) -> DebouncerStats {
        self.inner.debouncer.stats()
    }

    /// The keyspaces that are registered.
    #[must_use]
    pub fn keyspaces(&self) -> Vec<Keyspace> {
        self.inner
            .registry
            .caches
            .read()
            .iter()
            .map(|cache| *cache.keyspace())
            .collect()
    }

    /// Hands the counts of all caches to the `metrics` recorder. To be called before each scrape.
    pub fn publish_metrics(&self) {
        for cache in self.inner.registry.caches.read().iter() {
            cache.publish();
        }
    }

    pub(crate) fn attachment(&self) -> Arc<Attachment> {
        Arc::clone(&self.inner.attachment)
    }

    /// The time that the node's caches go by.
    #[must_use]
    pub fn time(&self) -> &Time {
        &self.inner.time
    }

    pub(crate) fn shared(&self) -> Option<&SharedHandle> {
        self.inner.shared.as_ref()
    }

    pub(crate) fn register(&self, cache: Arc<dyn LocalSide>) -> Result<(), InvalidKeyspace> {
        let mut caches = self.inner.registry.caches.write();
        for other in caches.iter() {
            if overlap(&*cache, &**other) {
                return Err(InvalidKeyspace::Overlap {
                    name: cache.keyspace().name,
                    other: other.keyspace().name,
                });
            }
        }
        caches.push(cache);
        Ok(())
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("attached", &self.is_attached())
            .finish_non_exhaustive()
    }
}

/// Whether two caches could have a key of the same name.
fn overlap(a: &dyn LocalSide, b: &dyn LocalSide) -> bool {
    let within = |outer: &dyn LocalSide, inner: &dyn LocalSide| {
        let rest = inner.keyspace().name.strip_prefix(outer.keyspace().name);
        outer.has_variable_part()
            && rest.is_some_and(|rest| rest.starts_with(':') || (rest.is_empty() && inner.has_variable_part()))
    };
    let same = a.keyspace().name == b.keyspace().name && a.has_variable_part() == b.has_variable_part();
    same || within(a, b) || within(b, a)
}

/// The local sides of a node's caches.
#[derive(Debug, Default)]
struct Registry {
    caches: RwLock<Vec<Arc<dyn LocalSide>>>,
}

impl Registry {
    /// Where the others have not heard yet, a reader of this node may have read the old value back from the shared
    /// tier before the tier knew that it must not answer. From now on it does not.
    fn apply_deferred(&self, reached: Propagation, invalidation: &Invalidation) {
        if reached == Propagation::Deferred {
            self.apply(invalidation);
        }
    }
}

impl InvalidationSink for Registry {
    fn apply(&self, invalidation: &Invalidation) {
        for cache in self.caches.read().iter() {
            cache.apply(invalidation);
        }
    }

    fn clear_coherent(&self) {
        for cache in self.caches.read().iter() {
            if cache.keyspace().policy.coherent {
                cache.clear();
            }
        }
    }

    fn holds(&self, name: &str) -> bool {
        self.caches.read().iter().any(|cache| cache.holds(name))
    }

    fn prefixes(&self) -> Vec<String> {
        let coherent = |cache: &&Arc<dyn LocalSide>| cache.keyspace().policy.coherent;
        self.caches
            .read()
            .iter()
            .filter(coherent)
            .map(|cache| cache.keyspace().name.to_owned())
            .collect()
    }
}
