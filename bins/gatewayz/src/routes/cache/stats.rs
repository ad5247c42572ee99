//! What the caches have done.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gatewayz_cache_core::{CacheStats, Keyspace, LocalMode, LocalStats, WarmerStats};
use serde_json::{Value, json as value};

use super::{BASE, seconds, timestamp};
use crate::{
    app::App,
    background::JobReport,
    http::{Call, Handler, Outcome, Route, json},
    openapi::{Answers, Shape as _, shape},
};

pub(super) static ROUTES: &[&Route] = &[&STATS, &WARMER, &DEBOUNCER, &TTL];

static STATS: Route = Route {
    name: "cacheStats",
    paths: &["/cache/stats"],
    handler: Handler::Now(stats),
    summary: "What the catalogue's caches have done, and all others.",
    answers: Answers::json(AllCacheStats::schema),
    ..BASE
};

static WARMER: Route = Route {
    name: "cacheWarmerStats",
    paths: &["/cache/warmer/stats"],
    handler: Handler::Now(warmer),
    summary: "What refreshes before the end of a lifetime have done.",
    answers: Answers::json(WarmerAnswer::schema),
    ..BASE
};

static DEBOUNCER: Route = Route {
    name: "cacheDebouncerStats",
    paths: &["/cache/debouncer/stats"],
    handler: Handler::Now(debouncer),
    summary: "How many invalidations were put together.",
    answers: Answers::json(DebouncerAnswer::schema),
    ..BASE
};

static TTL: Route = Route {
    name: "cacheTtl",
    paths: &["/cache/ttl"],
    handler: Handler::Now(ttl),
    summary: "How long each keyspace keeps its values.",
    answers: Answers::json(CacheLifetimes::schema),
    ..BASE
};

shape! {
    /// What the caches have done since the start: first the catalogue's together, then each.
    struct AllCacheStats {
        hits: u64,
        misses: u64,
        sets: u64,
        errors: u64,
        invalidations: u64,
        hit_rate_percent: f64,
        total_requests: u64,
        redis_available: bool,
        /// Whether the whole catalogue is in memory.
        full_catalog_cached: bool,
        /// How many providers' lists are.
        provider_catalogs_count: u64,
        models_cached_count: u64,
        pricing_cached_count: u64,
        /// By keyspace.
        caches: BTreeMap<&'static str, Value>,
        /// The memory of this node, over all keyspaces.
        local: Value,
        /// Refreshes before the end of a lifetime, over all keyspaces.
        warmer: Value,
        /// Invalidations that were put together.
        debouncer: Value,
        /// The shared tier; `null` where there is none.
        shared: Option<SharedTierState>,
        /// What is done in the background.
        jobs: Vec<JobReport>,
        timestamp: String,
    }

    /// How the shared tier stands.
    pub(crate) struct SharedTierState {
        /// Whether this node hears of invalidations, and so may serve from memory.
        attached: bool,
        /// Whether calls are refused without being tried.
        breaker_open: bool,
        epoch: String,
        /// The number of the last invalidation that this node has applied.
        applied: u64,
        /// The number of the last that it has heard of.
        announced: u64,
        rejoins: u64,
        reconnections: u64,
        /// Invalidations that wait until Redis answers.
        journal: u64,
        damaged: u64,
        errors: u64,
        /// What the server said of itself last.
        server: Option<RedisServerInfo>,
    }

    /// What a Redis server says of itself.
    struct RedisServerInfo {
        version: Option<String>,
        role: Option<String>,
        uptime_seconds: Option<u64>,
        connected_clients: Option<u64>,
        used_memory_bytes: Option<u64>,
        used_memory_rss_bytes: Option<u64>,
        max_memory_bytes: Option<u64>,
        commands_processed: Option<u64>,
        expired_keys: Option<u64>,
        evicted_keys: Option<u64>,
        keyspace_hits: Option<u64>,
        keyspace_misses: Option<u64>,
        hit_rate_percent: Option<f64>,
        /// When it said so.
        asked_at: String,
    }

    /// What refreshes before the end of a lifetime have done.
    struct WarmerAnswer {
        cache_warmer: WarmerState,
        /// The catalogue's caches together.
        redis_cache: Value,
        /// The memory of this node, over all keyspaces.
        local_memory_cache: Value,
        health_summary: WarmerHealth,
    }

    /// What refreshes have done.
    struct WarmerState {
        status: &'static str,
        refreshes: u64,
        coalesced_requests: u64,
        errors: u64,
        skipped: u64,
        in_flight: u64,
        description: &'static str,
    }

    /// Figures in short.
    struct WarmerHealth {
        redis_available: bool,
        local_cache_entries: u64,
        /// Stale entries served, of all look-ups in memory, in percent.
        stale_hit_rate: f64,
        /// Refreshes that ended with a value, of all that ended, in percent.
        cache_warmer_effectiveness: f64,
    }

    /// How many invalidations were put together.
    struct DebouncerAnswer {
        success: bool,
        debouncer: DebouncerState,
        impact: DebouncerImpact,
        timestamp: String,
    }

    /// What the debouncer did.
    struct DebouncerState {
        status: &'static str,
        delay_seconds: f64,
        scheduled: u64,
        executed: u64,
        coalesced: u64,
        pending: u64,
        efficiency_percent: f64,
        description: &'static str,
    }

    /// What that saved.
    struct DebouncerImpact {
        operations_prevented: u64,
        operations_saved_percent: f64,
        status: &'static str,
    }

    /// How long each keyspace keeps its values.
    struct CacheLifetimes {
        success: bool,
        keyspaces: BTreeMap<&'static str, KeyspaceLifetime>,
        timestamp: String,
    }

    /// How a keyspace keeps its values.
    struct KeyspaceLifetime {
        /// How long they are fresh.
        ttl_seconds: f64,
        /// How long they may be served after that while they are loaded anew.
        stale_seconds: f64,
        /// How long it is remembered that there is none; `null`: not at all.
        negative_seconds: Option<f64>,
        /// By how much chance shortens lifetimes in memory, at most.
        jitter_percent: f64,
        /// `front`: memory first; `fallback`: the shared tier first; `off`: the shared tier alone.
        mode: &'static str,
        /// Whether memory is served only while this node is known to hear of invalidations.
        coherent: bool,
        /// How long it is served otherwise.
        degraded_seconds: f64,
        schema: u32,
    }
}

/// `part` of `whole` in percent with two decimals; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (part as f64 / whole as f64 * 10_000.0).round() / 100.0
}

fn as_value(of: &impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap_or(Value::Null)
}

/// The memory of all caches together.
pub(crate) fn memory(caches: &[(&'static str, CacheStats)]) -> LocalStats {
    let mut total = LocalStats::default();
    for (_, CacheStats { local, .. }) in caches {
        total.entries += local.entries;
        total.max_entries = total.max_entries.saturating_add(local.max_entries);
        total.hits += local.hits;
        total.stale_hits += local.stale_hits;
        total.misses += local.misses;
        total.sets += local.sets;
        total.evictions += local.evictions;
        total.expirations += local.expirations;
        total.total_requests += local.total_requests;
        total.weight_bytes += local.weight_bytes;
        total.capacity_bytes = total.capacity_bytes.saturating_add(local.capacity_bytes);
    }
    let served = total.total_requests.saturating_sub(total.misses);
    total.hit_rate = percent(served, total.total_requests);
    total
}

fn refreshes(caches: &[(&'static str, CacheStats)]) -> WarmerStats {
    let mut total = WarmerStats::default();
    for (_, CacheStats { warmer, .. }) in caches {
        total.refreshes += warmer.refreshes;
        total.coalesced += warmer.coalesced;
        total.errors += warmer.errors;
        total.skipped += warmer.skipped;
        total.in_flight += warmer.in_flight;
    }
    total
}

/// How the shared tier stands; `None` where there is none.
pub(crate) fn shared(app: &App) -> Option<SharedTierState> {
    let stats = app.tier.as_ref()?.stats();
    let server = app.vitals.redis().map(|(info, asked_at)| RedisServerInfo {
        hit_rate_percent: info.hit_rate_percent(),
        version: info.version,
        role: info.role,
        uptime_seconds: info.uptime_secs,
        connected_clients: info.connected_clients,
        used_memory_bytes: info.used_memory,
        used_memory_rss_bytes: info.used_memory_rss,
        max_memory_bytes: info.max_memory,
        commands_processed: info.commands_processed,
        expired_keys: info.expired_keys,
        evicted_keys: info.evicted_keys,
        keyspace_hits: info.keyspace_hits,
        keyspace_misses: info.keyspace_misses,
        asked_at: asked_at.to_string(),
    });
    Some(SharedTierState {
        attached: stats.attached,
        breaker_open: stats.breaker_open,
        epoch: stats.epoch,
        applied: stats.applied,
        announced: stats.announced,
        rejoins: stats.rejoins,
        reconnections: stats.reconnections,
        journal: stats.journal,
        damaged: stats.damaged,
        errors: stats.errors,
        server,
    })
}

fn stats(app: &Arc<App>, _call: &Call) -> Outcome {
    let catalog = app.catalog.catalog_cache_stats();
    let caches = app.node.stats();
    json(&AllCacheStats {
        hits: catalog.hits,
        misses: catalog.misses,
        sets: catalog.sets,
        errors: catalog.errors,
        invalidations: catalog.invalidations,
        hit_rate_percent: catalog.hit_rate_percent,
        total_requests: catalog.total_requests,
        redis_available: catalog.redis_available,
        full_catalog_cached: catalog.full_catalog_cached,
        provider_catalogs_count: catalog.provider_catalogs_count,
        models_cached_count: catalog.models_cached_count,
        pricing_cached_count: catalog.pricing_cached_count,
        local: as_value(&memory(&caches)),
        warmer: as_value(&refreshes(&caches)),
        debouncer: as_value(&app.node.debouncer_stats()),
        shared: shared(app),
        jobs: app.jobs.reports(),
        caches: caches.iter().map(|(name, stats)| (*name, as_value(stats))).collect(),
        timestamp: timestamp(app),
    })
}

fn warmer(app: &Arc<App>, _call: &Call) -> Outcome {
    let caches = app.node.stats();
    let (memory, refreshes) = (memory(&caches), refreshes(&caches));
    let catalog = app.catalog.catalog_cache_stats();
    let redis_available = catalog.redis_available;
    let ended = refreshes.refreshes + refreshes.errors;
    let mut local = as_value(&memory);
    local["description"] = value!("what this node holds in memory, over all keyspaces");
    json(&WarmerAnswer {
        cache_warmer: WarmerState {
            status: if refreshes.errors > refreshes.refreshes {
                "degraded"
            } else {
                "healthy"
            },
            refreshes: refreshes.refreshes,
            coalesced_requests: refreshes.coalesced,
            errors: refreshes.errors,
            skipped: refreshes.skipped,
            in_flight: refreshes.in_flight,
            description: "refreshes values that are about to expire, or are stale, while the old ones are served",
        },
        redis_cache: as_value(&catalog),
        health_summary: WarmerHealth {
            redis_available,
            local_cache_entries: memory.entries,
            stale_hit_rate: percent(memory.stale_hits, memory.total_requests),
            cache_warmer_effectiveness: percent(refreshes.refreshes, ended),
        },
        local_memory_cache: local,
    })
}

fn debouncer(app: &Arc<App>, _call: &Call) -> Outcome {
    let stats = app.node.debouncer_stats();
    json(&DebouncerAnswer {
        success: true,
        debouncer: DebouncerState {
            status: "active",
            delay_seconds: 1.0,
            scheduled: stats.scheduled,
            executed: stats.executed,
            coalesced: stats.coalesced,
            pending: stats.pending_count,
            efficiency_percent: stats.efficiency_percent,
            description: "repeated invalidations of the same key wait for each other and are carried out once",
        },
        impact: DebouncerImpact {
            operations_prevented: stats.coalesced,
            operations_saved_percent: stats.efficiency_percent,
            status: if stats.scheduled > 0 { "healthy" } else { "idle" },
        },
        timestamp: timestamp(app),
    })
}

impl KeyspaceLifetime {
    fn of(keyspace: &Keyspace) -> Self {
        let policy = &keyspace.policy;
        // What chance takes away of a second at its strongest.
        let jitter = Duration::from_secs(1).saturating_sub(policy.jitter.shorten(Duration::from_secs(1), u32::MAX));
        Self {
            ttl_seconds: seconds(policy.ttl),
            stale_seconds: seconds(policy.stale),
            negative_seconds: policy.negative.map(seconds),
            jitter_percent: jitter.as_secs_f64() * 100.0,
            mode: match policy.local {
                LocalMode::Front => "front",
                LocalMode::Fallback => "fallback",
                LocalMode::Off => "off",
            },
            coherent: policy.coherent,
            degraded_seconds: seconds(policy.degraded_ttl),
            schema: keyspace.schema,
        }
    }
}

fn ttl(app: &Arc<App>, _call: &Call) -> Outcome {
    let keyspaces = app.node.keyspaces();
    json(&CacheLifetimes {
        success: true,
        keyspaces: keyspaces
            .iter()
            .map(|keyspace| (keyspace.name, KeyspaceLifetime::of(keyspace)))
            .collect(),
        timestamp: timestamp(app),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatewayz_cache_core::{CacheStats, Jitter, Keyspace, Policy};

    use super::{KeyspaceLifetime, memory, percent};

    #[test]
    fn the_memory_of_all_caches_is_added_up() {
        let of = |hits, misses| {
            let mut stats = CacheStats::default();
            stats.local.hits = hits;
            stats.local.misses = misses;
            stats.local.total_requests = hits + misses;
            stats.local.max_entries = u64::MAX;
            stats
        };
        let total = memory(&[("a", of(30, 10)), ("b", of(60, 0))]);
        assert_eq!((total.hits, total.misses, total.hit_rate), (90, 10, 90.0));
        assert_eq!(total.max_entries, u64::MAX);
        assert_eq!(percent(1, 3), 33.33);
    }

    #[test]
    fn a_keyspace_says_how_long_it_keeps_its_values() {
        let policy = Policy::new(Duration::from_secs(900)).with_stale(Duration::from_secs(3600));
        let said = KeyspaceLifetime::of(&Keyspace::new("models:x", policy).with_schema(3));
        assert_eq!(
            (said.ttl_seconds, said.stale_seconds, said.negative_seconds),
            (900.0, 3600.0, None)
        );
        assert_eq!(
            (said.jitter_percent, said.mode, said.coherent, said.schema),
            (10.0, "front", true, 3)
        );
        let none = KeyspaceLifetime::of(&Keyspace::new("x", policy.with_jitter(Jitter::NONE)));
        assert_eq!(none.jitter_percent, 0.0);
    }
}
