//! The cache's metrics, registered once, through the `metrics` facade.

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::stats::CacheStats;

/// Handles of one cache. Hits are counted elsewhere and set here when somebody asks (`Node::publish_metrics`).
pub(crate) struct CacheMetrics {
    local_hits: Counter,
    stale_hits: Counter,
    degraded_hits: Counter,
    shared_hits: Counter,
    fills: Counter,
    coalesced: Counter,
    hits: Counter,
    misses: Counter,
    errors: Counter,
    invalidations: Counter,
    evictions: Counter,
    fenced: Counter,
    undecodable: Counter,
    weight: Gauge,
    size_bytes: Gauge,
    entries: Gauge,
    pub(crate) fill_duration: Histogram,
}

impl CacheMetrics {
    pub(crate) fn new(cache: &'static str) -> Self {
        describe();
        let lookups = |outcome: &'static str| counter!("cache_lookups", "cache" => cache, "outcome" => outcome);
        Self {
            local_hits: lookups("local_hit"),
            stale_hits: lookups("stale_hit"),
            degraded_hits: lookups("degraded"),
            shared_hits: lookups("shared_hit"),
            fills: lookups("fill"),
            coalesced: lookups("coalesced"),
            hits: counter!("cache_hits", "cache_name" => cache),
            misses: counter!("cache_misses", "cache_name" => cache),
            errors: counter!("cache_errors", "cache" => cache),
            invalidations: counter!("cache_invalidations", "cache" => cache),
            evictions: counter!("cache_evictions", "cache" => cache),
            fenced: counter!("cache_fenced_fills", "cache" => cache),
            undecodable: counter!("cache_undecodable", "cache" => cache),
            weight: gauge!("cache_weight", "cache" => cache),
            size_bytes: gauge!("cache_size_bytes", "cache_name" => cache),
            entries: gauge!("cache_entries", "cache" => cache),
            fill_duration: histogram!("cache_fill_duration", "cache" => cache),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floats; sizes stay far below 2^52")]
    pub(crate) fn publish(&self, stats: &CacheStats) {
        self.local_hits.absolute(stats.local.hits);
        self.stale_hits.absolute(stats.local.stale_hits);
        self.degraded_hits.absolute(stats.degraded_hits);
        self.shared_hits.absolute(stats.shared_hits);
        self.fills.absolute(stats.loads);
        self.coalesced.absolute(stats.coalesced);
        self.hits.absolute(stats.hits);
        self.misses.absolute(stats.misses);
        self.errors.absolute(stats.errors);
        self.invalidations.absolute(stats.invalidations);
        self.evictions.absolute(stats.local.evictions);
        self.fenced.absolute(stats.fenced);
        self.undecodable.absolute(stats.undecodable);
        self.weight.set(stats.local.weight_bytes as f64);
        self.size_bytes.set(stats.local.weight_bytes as f64);
        self.entries.set(stats.local.entries as f64);
    }
}

fn describe() {
    describe_counter!("cache_lookups", Unit::Count, "lookups by how they were answered");
    describe_counter!("cache_hits", Unit::Count, "lookups answered from a tier");
    describe_counter!("cache_misses", Unit::Count, "lookups that no tier could answer");
    describe_counter!(
        "cache_errors",
        Unit::Count,
        "failures of the shared tier, loaders and codecs"
    );
    describe_counter!(
        "cache_invalidations",
        Unit::Count,
        "invalidations applied in this process"
    );
    describe_counter!("cache_evictions", Unit::Count, "entries evicted for room");
    describe_counter!(
        "cache_fenced_fills",
        Unit::Count,
        "loads whose key was invalidated before they ended"
    );
    describe_counter!(
        "cache_undecodable",
        Unit::Count,
        "shared values that could not be decoded"
    );
    describe_gauge!("cache_weight", Unit::Bytes, "weight of the entries in memory");
    describe_gauge!("cache_size_bytes", Unit::Bytes, "weight of the entries in memory");
    describe_gauge!("cache_entries", Unit::Count, "entries in memory");
    describe_histogram!("cache_fill_duration", Unit::Seconds, "time of one load of the source");
}
