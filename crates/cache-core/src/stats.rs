//! Statistics, with the documented field names.

use serde::Serialize;

/// What one cache has done since the start, both tiers together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CacheStats {
    /// Lookups answered from a tier, stale and negative ones included.
    pub hits: u64,
    /// Lookups that no tier could answer.
    pub misses: u64,
    /// Values written after a load or by a caller.
    pub sets: u64,
    /// Failures of the shared tier, of loaders and of codecs.
    pub errors: u64,
    /// Keys, prefixes and clears applied by this node, whoever asked for them.
    pub invalidations: u64,
    /// `hits / (hits + misses) * 100` with two decimals; 0 without requests.
    pub hit_rate_percent: f64,
    /// `hits + misses`.
    pub total_requests: u64,
    /// Whether the shared tier answers at present. `false` for a cache without one.
    pub redis_available: bool,
    /// Calls of the loader.
    pub loads: u64,
    /// Lookups that waited for another caller's load.
    pub coalesced: u64,
    /// Lookups answered by the shared tier.
    pub shared_hits: u64,
    /// Lookups answered without proof that the answer is coherent.
    pub degraded_hits: u64,
    /// Loads whose result came too late to be kept: the key was invalidated meanwhile.
    pub fenced: u64,
    /// Values of the shared tier that could not be decoded.
    pub undecodable: u64,
    /// The local tier alone.
    pub local: LocalStats,
    /// Background refreshes.
    pub warmer: WarmerStats,
}

/// What the local tier has done and holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LocalStats {
    /// Entries held.
    pub entries: u64,
    /// About how many entries there is room for.
    pub max_entries: u64,
    /// Fresh entries served.
    pub hits: u64,
    /// Stale entries served.
    pub stale_hits: u64,
    /// Lookups that found no servable entry.
    pub misses: u64,
    /// Entries written.
    pub sets: u64,
    /// Entries evicted for room.
    pub evictions: u64,
    /// Entries found past their end.
    pub expirations: u64,
    /// Served lookups in percent, with two decimals.
    pub hit_rate: f64,
    /// All lookups.
    pub total_requests: u64,
    /// The weight of what is held, in bytes.
    pub weight_bytes: u64,
    /// The weight at which entries are evicted, in bytes.
    pub capacity_bytes: u64,
}

/// What background refreshes have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WarmerStats {
    /// Refreshes that ended with a value.
    pub refreshes: u64,
    /// Refreshes that found one under way for their key.
    pub coalesced: u64,
    /// Refreshes that failed.
    pub errors: u64,
    /// Refreshes that came too soon after the last one of their key.
    pub skipped: u64,
    /// Refreshes under way.
    pub in_flight: u64,
}

/// What the debouncer of repeated invalidations has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DebouncerStats {
    /// Invalidations asked for.
    pub scheduled: u64,
    /// Invalidations carried out.
    pub executed: u64,
    /// Invalidations that were pending already when they were asked for again.
    pub coalesced: u64,
    /// Invalidations that wait.
    pub pending_count: u64,
    /// `coalesced / scheduled * 100` with two decimals.
    pub efficiency_percent: f64,
}

/// `part / whole * 100`, rounded to two decimals; 0 of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "two decimals are wanted")]
    let ratio = part as f64 / whole as f64;
    (ratio * 10_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn rates_have_two_decimals_and_nothing_is_zero() {
        assert_eq!(percent(1523, 1565), 97.32);
        assert_eq!(percent(0, 0), 0.0);
        assert_eq!(percent(7, 7), 100.0);
    }
}
