//! How a cache is made and registered with its node.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicUsize},
};

use foldhash::fast::RandomState;
use tokio::sync::Semaphore;

use super::{
    Cache, LocalSide,
    core::{Core, Shared, Tally, Weigh},
};
use crate::{
    codec::Codec,
    counters::Counters,
    flight::FlightTable,
    key::CacheKey,
    keyspace::{InvalidKeyspace, Keyspace},
    memory::{Capacity, MemoryTier},
    metrics::CacheMetrics,
    node::Node,
    tier::{Attachment, LocalTier},
    warmer::Warmer,
};

/// A cache in the making. See [`Node::cache`].
#[must_use]
pub struct CacheBuilder<V> {
    node: Node,
    keyspace: Keyspace,
    codec: Option<Arc<dyn Codec<V>>>,
    capacity: Capacity,
    weigh: Option<Weigh<V>>,
}

impl<V: Send + Sync + 'static> CacheBuilder<V> {
    pub(crate) fn new(node: Node, keyspace: Keyspace, codec: Option<Arc<dyn Codec<V>>>) -> Self {
        Self {
            node,
            keyspace,
            codec,
            capacity: Capacity::default(),
            weigh: None,
        }
    }

    /// Bounds the entries in memory. 16 MiB otherwise.
    pub fn capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = capacity;
        self
    }

    /// Says what a value weighs in memory, in bytes. Otherwise it is the length of its encoded form, or the size of
    /// its type in a cache that shares nothing.
    pub fn weigh(mut self, weigh: impl Fn(&V) -> usize + Send + Sync + 'static) -> Self {
        self.weigh = Some(Arc::new(weigh));
        self
    }

    /// Encodes values for the shared tier in another way than as JSON.
    pub fn codec(mut self, codec: impl Codec<V>) -> Self {
        self.codec = Some(Arc::new(codec));
        self
    }

    /// Makes the cache and registers it.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyspace`] when the keyspace's name or policy cannot work, or its keys are another cache's.
    pub fn build<K: CacheKey>(self) -> Result<Cache<K, V>, InvalidKeyspace> {
        let local = MemoryTier::new(self.capacity);
        self.build_on(local)
    }

    /// Makes the cache on a local tier of the caller's own, and registers it.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_on<K: CacheKey, L: LocalTier<K, V>>(self, local: L) -> Result<Cache<K, V, L>, InvalidKeyspace> {
        self.keyspace.check()?;
        let Self {
            node,
            keyspace,
            codec,
            capacity,
            weigh,
        } = self;
        let policy = keyspace.policy;
        // Values that never change under their key need no right to be served.
        let attachment = if policy.coherent {
            node.attachment()
        } else {
            Arc::new(Attachment::alone())
        };
        let core = Arc::new(Core {
            keyspace,
            local,
            flights: FlightTable::new(RandomState::default()),
            attachment,
            time: node.time().clone(),
            shared: node.shared().cloned().zip(codec).map(|(tier, codec)| Shared {
                tier,
                codec,
                last_len: AtomicUsize::new(0),
            }),
            weigh,
            loads: Semaphore::new(usize::try_from(policy.max_loads).unwrap_or(Semaphore::MAX_PERMITS)),
            // A stale entry is never left without a refresh for longer than it was fresh.
            warmer: Warmer::new(policy.refresh_interval.min(policy.ttl / 2)),
            tally: Tally::default(),
            metrics: CacheMetrics::new(keyspace.name),
            hits: Counters::new(),
            max_entries: capacity.entries as u64,
        });
        let side: Arc<dyn LocalSide> = core.clone();
        node.register(side)?;
        Ok(Cache { core, node })
    }
}

impl<V> fmt::Debug for CacheBuilder<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("keyspace", &self.keyspace.name)
            .finish_non_exhaustive()
    }
}
