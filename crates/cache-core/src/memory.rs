//! The local tier on `quick_cache`.

use std::{
    fmt,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use foldhash::fast::RandomState;
use quick_cache::{Equivalent, Lifecycle, OptionsBuilder, Weighter, sync};

use crate::{
    entry::Entry,
    key::CacheKey,
    tier::{LocalTier, Usage},
};

/// What an entry costs beside its key and value: slots of the map, reference counts, ages.
const OVERHEAD: u64 = 136;

/// How large a local tier may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The weight at which entries are evicted, in bytes.
    pub bytes: u64,
    /// About how many entries that will be; a tenth or ten times of it does no harm.
    pub entries: usize,
    /// The heaviest single entry that must still be held, in bytes. The tier has fewer, larger shards for it.
    pub largest: u64,
}

impl Capacity {
    /// Creates a capacity for entries of ordinary size: the largest may take a sixteenth of it.
    #[must_use]
    pub const fn bytes(bytes: u64) -> Self {
        let entries = bytes / 1024;
        let entries = if entries < 64 {
            64
        } else if entries > 1 << 24 {
            1 << 24
        } else {
            entries as usize
        };
        Self {
            bytes,
            entries,
            largest: bytes / 16,
        }
    }

    /// The same capacity, expecting this many entries.
    #[must_use]
    pub const fn with_entries(mut self, entries: usize) -> Self {
        self.entries = entries;
        self
    }

    /// The same capacity, holding single entries up to this weight.
    #[must_use]
    pub const fn with_largest(mut self, bytes: u64) -> Self {
        self.largest = bytes;
        self
    }

    /// As many shards as leave room for the largest entry in each, at most 64.
    fn shards(&self) -> usize {
        let mut shards = 64;
        while shards > 1 && self.bytes / shards < self.largest.saturating_mul(2) {
            shards /= 2;
        }
        usize::try_from(shards).unwrap_or(1)
    }
}

impl Default for Capacity {
    /// 16 MiB.
    fn default() -> Self {
        Self::bytes(16 << 20)
    }
}

/// An entry weighs what was said of its value, and what its key and its place cost.
#[derive(Clone)]
struct Weigher;

impl<K: CacheKey, V> Weighter<K, Entry<V>> for Weigher {
    fn weight(&self, key: &K, entry: &Entry<V>) -> u64 {
        OVERHEAD + u64::from(entry.weight()) + (size_of::<K>() + key.heap_size()) as u64
    }
}

/// Counts what goes for want of room.
#[derive(Clone)]
struct Evictions(Arc<AtomicU64>);

impl<K, V> Lifecycle<K, V> for Evictions {
    /// What was evicted, freed after the shard's lock is.
    type RequestState = Vec<(K, V)>;

    fn on_evict(&self, evicted: &mut Self::RequestState, key: K, value: V) {
        self.0.fetch_add(1, Ordering::Relaxed);
        evicted.push((key, value));
    }
}

/// Entries in memory, bounded by weight, evicted by frequency and recency.
pub struct MemoryTier<K, V> {
    map: sync::Cache<K, Entry<V>, Weigher, RandomState, Evictions>,
    evictions: Arc<AtomicU64>,
}

impl<K: CacheKey, V: Send + Sync + 'static> MemoryTier<K, V> {
    /// Creates an empty tier.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        let evictions = Arc::new(AtomicU64::new(0));
        let lifecycle = Evictions(Arc::clone(&evictions));
        let options = OptionsBuilder::new()
            .shards(capacity.shards())
            .estimated_items_capacity(capacity.entries)
            .weight_capacity(capacity.bytes)
            .build();
        let map = match options {
            Ok(options) => sync::Cache::with_options(options, Weigher, RandomState::default(), lifecycle),
            // Not reached: both values that may be missing are set above.
            Err(_) => sync::Cache::with(
                capacity.entries,
                capacity.bytes,
                Weigher,
                RandomState::default(),
                lifecycle,
            ),
        };
        Self { map, evictions }
    }
}

impl<K: CacheKey, V: Send + Sync + 'static> LocalTier<K, V> for MemoryTier<K, V> {
    #[inline]
    fn get<Q>(&self, key: &Q) -> Option<Entry<V>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.map.get(key)
    }

    fn insert(&self, key: K, entry: Entry<V>) {
        self.map.insert(key, entry);
    }

    fn remove(&self, key: &K) {
        self.map.remove(key);
    }

    fn retain(&self, keep: impl Fn(&K) -> bool) {
        self.map.retain(|key, _| keep(key));
    }

    fn clear(&self) {
        self.map.clear();
    }

    fn usage(&self) -> Usage {
        Usage {
            entries: self.map.len() as u64,
            weight: self.map.weight(),
            capacity: self.map.capacity(),
            evictions: self.evictions.load(Ordering::Relaxed),
        }
    }
}

impl<K, V> fmt::Debug for MemoryTier<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTier").finish_non_exhaustive()
    }
}
