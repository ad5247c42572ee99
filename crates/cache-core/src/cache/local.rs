//! The local side of a cache, as its node sees it: without types, by names.

use std::{fmt, sync::atomic::Ordering};

use super::core::{Core, DEGRADED, LOCAL, STALE, bump};
use crate::{
    invalidation::Invalidation,
    key::CacheKey,
    keyspace::Keyspace,
    stats::{CacheStats, LocalStats, WarmerStats, percent},
    tier::{LocalTier, SharedKey, SharedTier},
};

/// What a node does to the local side of each of its caches.
pub(crate) trait LocalSide: fmt::Debug + Send + Sync {
    fn keyspace(&self) -> &Keyspace;
    fn has_variable_part(&self) -> bool;
    fn apply(&self, invalidation: &Invalidation);
    fn clear(&self);
    fn holds(&self, name: &str) -> bool;
    /// The key of a name as the shared tier sees it, if the name is one of this keyspace.
    fn shared_key_of(&self, name: &str) -> Option<SharedKey>;
    fn is_shared(&self) -> bool;
    fn stats(&self) -> CacheStats;
    fn publish(&self);
}

impl<K, V, L> Core<K, V, L>
where
    K: CacheKey,
    V: Send + Sync + 'static,
    L: LocalTier<K, V>,
{
    fn forget_where(&self, gone: impl Fn(&K) -> bool) {
        self.flights.detach_where(&gone);
        self.local.retain(|key| !gone(key));
    }

    fn forget_all(&self) {
        self.flights.detach_where(|_| true);
        self.local.clear();
    }
}

impl<K, V, L> LocalSide for Core<K, V, L>
where
    K: CacheKey,
    V: Send + Sync + 'static,
    L: LocalTier<K, V>,
{
    fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    fn has_variable_part(&self) -> bool {
        K::VARIABLE
    }

    fn apply(&self, invalidation: &Invalidation) {
        for name in invalidation.keys() {
            if let Some(key) = self.keyspace.key::<K>(name) {
                self.flights.detach(&key, || self.local.remove(&key));
                bump(&self.tally.invalidations);
            }
        }
        for prefix in invalidation.prefixes() {
            let own = self.keyspace.name;
            let rest = prefix.strip_prefix(own).and_then(|rest| rest.strip_prefix(':'));
            if own.starts_with(prefix) || (K::VARIABLE && rest == Some("")) {
                self.forget_all();
            } else if K::VARIABLE && rest.is_some() {
                self.forget_where(|key| self.keyspace.shared_name(key).starts_with(prefix));
            } else {
                continue;
            }
            bump(&self.tally.invalidations);
        }
    }

    fn clear(&self) {
        self.forget_all();
        bump(&self.tally.invalidations);
    }

    fn holds(&self, name: &str) -> bool {
        self.keyspace
            .key::<K>(name)
            .is_some_and(|key| self.local.get(&key).is_some())
    }

    fn shared_key_of(&self, name: &str) -> Option<SharedKey> {
        self.keyspace.key::<K>(name).map(|key| self.shared_key(&key))
    }

    fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    fn stats(&self) -> CacheStats {
        stats(self)
    }

    fn publish(&self) {
        self.metrics.publish(&stats(self));
    }
}

pub(super) fn stats<K, V, L>(core: &Core<K, V, L>) -> CacheStats
where
    K: CacheKey,
    V: Send + Sync + 'static,
    L: LocalTier<K, V>,
{
    let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let usage = core.local.usage();
    let tally = &core.tally;
    let (fresh, stale, degraded) = (core.hits.sum(LOCAL), core.hits.sum(STALE), core.hits.sum(DEGRADED));
    let (shared_hits, misses) = (of(&tally.shared_hits), of(&tally.misses));
    let served = fresh + stale + degraded;
    let (hits, local_misses) = (served + shared_hits, of(&tally.local_misses));
    CacheStats {
        hits,
        misses,
        sets: of(&tally.sets),
        errors: of(&tally.errors),
        invalidations: of(&tally.invalidations),
        hit_rate_percent: percent(hits, hits + misses),
        total_requests: hits + misses,
        redis_available: core.shared.as_ref().is_some_and(|shared| shared.tier.is_available()),
        loads: of(&tally.loads),
        coalesced: of(&tally.coalesced),
        shared_hits,
        degraded_hits: degraded,
        fenced: of(&tally.fenced),
        undecodable: of(&tally.undecodable),
        local: LocalStats {
            entries: usage.entries,
            max_entries: core.max_entries,
            hits: fresh,
            stale_hits: stale,
            misses: local_misses,
            sets: of(&tally.local_sets),
            evictions: usage.evictions,
            expirations: of(&tally.expirations),
            hit_rate: percent(served, served + local_misses),
            total_requests: served + local_misses,
            weight_bytes: usage.weight,
            capacity_bytes: usage.capacity,
        },
        warmer: WarmerStats {
            refreshes: of(&core.warmer.refreshes),
            coalesced: of(&core.warmer.coalesced),
            errors: of(&core.warmer.errors),
            skipped: of(&core.warmer.skipped),
            in_flight: of(&core.warmer.in_flight),
        },
    }
}

impl<K, V, L> fmt::Debug for Core<K, V, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("keyspace", &self.keyspace.name)
            .finish_non_exhaustive()
    }
}
