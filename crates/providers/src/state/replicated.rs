//! Small values that every node of a cluster knows, and that each keeps for itself while the shared tier is gone.
//!
//! What a node writes it holds itself until it expires: that is the source from which its cache is filled. What another
//! node writes reaches it through the shared tier and takes the place of its own. While a write is under way, the
//! writer sees what it writes.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use foldhash::fast::RandomState;
use gatewayz_cache_core::{Cache, CacheKey, Loaded, Loader, Propagation, Tick, Time};
use parking_lot::Mutex;
use tokio::time::timeout;

/// A shared tier that answers later than this is not waited for: what this node knows itself is good enough.
const READ_LIMIT: Duration = Duration::from_millis(100);
/// Writers wait so long until the others know; after that it goes on without them.
const WRITE_LIMIT: Duration = Duration::from_millis(250);

/// Values that the nodes share.
pub(crate) struct Replicated<K, V> {
    cache: Cache<K, V>,
    own: Arc<OwnValues<K, V>>,
}

/// What this node knows by itself.
struct OwnValues<K, V> {
    values: Mutex<HashMap<K, Own<V>, RandomState>>,
    /// Grows with every write, so that a look from before it replaces nothing.
    n_writes: AtomicU64,
    time: Time,
    ttl: Duration,
}

struct Own<V> {
    value: Option<V>,
    born: Tick,
    /// Writes that the others do not know of yet.
    n_pending: u32,
    /// Writes of one key go out one after the other.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl<V> Own<V> {
    fn new(born: Tick) -> Self {
        Self {
            value: None,
            born,
            n_pending: 0,
            turn: Arc::default(),
        }
    }
}

impl<K: CacheKey, V: Clone + PartialEq + Send + Sync + 'static> Replicated<K, V> {
    pub(crate) fn new(cache: Cache<K, V>, time: Time) -> Self {
        let ttl = cache.keyspace().policy.ttl;
        Self {
            cache,
            own: Arc::new(OwnValues {
                values: Mutex::default(),
                n_writes: AtomicU64::new(0),
                time,
                ttl,
            }),
        }
    }

    /// The value of a key, with its age. In the normal case one look-up in memory.
    pub(crate) async fn read(&self, key: &K) -> Option<(V, Duration)> {
        if let Some(pending) = self.own.pending(key) {
            return pending;
        }
        let n_writes = self.own.n_writes.load(Ordering::Acquire);
        let found = timeout(READ_LIMIT, self.cache.get_or_load(key, &self.own)).await;
        let Ok(Ok(lookup)) = found else {
            return self.own.value(key);
        };
        let found = lookup.value.as_deref().map(|value| (value.clone(), lookup.age()));
        self.own.adopt(key, found, n_writes)
    }

    /// Whether the value of a key is this, as far as this node knows.
    pub(crate) fn knows(&self, key: &K, value: Option<&V>) -> bool {
        self.own.value(key).map(|(value, _age)| value).as_ref() == value
    }

    /// Replaces values here at once, and everywhere as soon as may be, in this order. Says whether the others know.
    pub(crate) async fn write(&self, values: impl IntoIterator<Item = (K, Option<V>)>) -> Propagation {
        let mut turns = Vec::new();
        for (key, value) in values {
            let turn = self.own.put(&key, value);
            turns.push((key, turn));
        }
        let (cache, own) = (self.cache.clone(), Arc::clone(&self.own));
        let publish = tokio::spawn(async move {
            let mut reached = Propagation::Acknowledged;
            for (key, turn) in turns {
                let turn = turn.lock().await;
                // The last value counts, whoever's turn it is.
                reached = reached.and(match own.value(&key) {
                    Some((value, _age)) => cache.insert(&key, value).await,
                    None => cache.invalidate([&key]).await,
                });
                own.published(&key);
                drop(turn);
            }
            reached
        });
        // Whatever becomes of it, this node knows.
        match timeout(WRITE_LIMIT, publish).await {
            Ok(Ok(reached)) => reached,
            _ => Propagation::Deferred,
        }
    }
}

impl<K: CacheKey, V: Clone + PartialEq + Send + Sync + 'static> OwnValues<K, V> {
    /// The value under way to the others, if there is one.
    fn pending(&self, key: &K) -> Option<Option<(V, Duration)>> {
        let values = self.values.lock();
        let own = values.get(key).filter(|own| own.n_pending > 0)?;
        Some(self.alive(own))
    }

    fn value(&self, key: &K) -> Option<(V, Duration)> {
        self.alive(self.values.lock().get(key)?)
    }

    fn alive(&self, own: &Own<V>) -> Option<(V, Duration)> {
        let age = self.time.now().since(own.born);
        own.value.clone().filter(|_| age < self.ttl).map(|value| (value, age))
    }

    fn put(&self, key: &K, value: Option<V>) -> Arc<tokio::sync::Mutex<()>> {
        let now = self.time.now();
        let mut values = self.values.lock();
        let own = values.entry(key.clone()).or_insert_with(|| Own::new(now));
        own.value = value;
        own.born = now;
        own.n_pending += 1;
        self.n_writes.fetch_add(1, Ordering::Release);
        Arc::clone(&own.turn)
    }

    fn published(&self, key: &K) {
        let mut values = self.values.lock();
        if let Some(own) = values.get_mut(key) {
            own.n_pending -= 1;
            if own.n_pending == 0 && own.value.is_none() {
                values.remove(key);
            }
        }
    }

    /// Takes over what the cluster said, unless we have written since.
    fn adopt(&self, key: &K, found: Option<(V, Duration)>, n_writes: u64) -> Option<(V, Duration)> {
        let mut values = self.values.lock();
        if self.n_writes.load(Ordering::Acquire) != n_writes {
            return match values.get(key) {
                Some(own) => self.alive(own),
                None => found,
            };
        }
        match values.get_mut(key) {
            Some(own) => match &found {
                // As old as we know it to be: it was told to the others somewhat later.
                Some((value, _)) if own.value.as_ref() == Some(value) => return self.alive(own),
                Some((value, age)) => {
                    own.value = Some(value.clone());
                    own.born = self.time.now().before(*age);
                }
                None => drop(values.remove(key)),
            },
            None => {
                if let Some((value, age)) = &found {
                    let mut own = Own::new(self.time.now().before(*age));
                    own.value = Some(value.clone());
                    values.insert(key.clone(), own);
                }
            }
        }
        found
    }
}

impl<K: CacheKey, V: Clone + PartialEq + Send + Sync + 'static> Loader<K, V> for OwnValues<K, V> {
    type Error = Infallible;

    async fn load(&self, key: &K) -> Result<Loaded<V>, Infallible> {
        std::future::ready(Ok(match self.value(key) {
            Some((value, age)) => Loaded::found(value).with_ttl(self.ttl.saturating_sub(age)),
            None => Loaded::absent(),
        }))
        .await
    }
}

impl<K, V> fmt::Debug for Replicated<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replicated").finish_non_exhaustive()
    }
}
