//! How the gateway's own parts are doing: places, connections, caches.

use std::sync::Arc;

use gatewayz_catalog::keyspaces;
use serde_json::Value;

use super::KEYED;
use crate::{
    app::App,
    http::{Call, Handler, Outcome, Route, json},
    openapi::{Answers, Shape as _, shape},
    routes::cache::{SharedTierState, memory, shared},
};

pub(super) static ROUTES: &[&Route] = &[&ALL, &POOLS, &CACHE];

static ALL: Route = Route {
    name: "optimizations",
    paths: &["/health/optimizations"],
    handler: Handler::Now(all),
    summary: "How places, connections and caches are doing.",
    answers: Answers::json(Optimizations::schema),
    ..KEYED
};

static POOLS: Route = Route {
    name: "connectionPools",
    paths: &["/health/optimizations/connection-pools"],
    handler: Handler::Now(pools),
    summary: "How many connections there are, and how many calls wait.",
    answers: Answers::json(ConnectionPools::schema),
    ..KEYED
};

static CACHE: Route = Route {
    name: "optimizationsCache",
    paths: &["/health/optimizations/cache"],
    handler: Handler::Now(cache),
    summary: "How the rendered pages are kept.",
    answers: Answers::json(OptimizationsCache::schema),
    ..KEYED
};

shape! {
    /// How the gateway's own parts are doing.
    struct Optimizations {
        status: &'static str,
        connection_pools: ConnectionPoolStats,
        cache: PageCacheStats,
        timestamp: String,
    }

    /// How many connections there are.
    struct ConnectionPools {
        status: &'static str,
        connection_pools: ConnectionPoolStats,
        timestamp: String,
    }

    /// How the rendered pages are kept.
    struct OptimizationsCache {
        status: &'static str,
        cache: PageCacheStats,
        timestamp: String,
    }

    /// Connections and places.
    struct ConnectionPoolStats {
        /// Connections of callers that are open.
        http_connections: u64,
        http_connections_limit: usize,
        /// Calls that have a place, and wait for something.
        concurrency_active: usize,
        concurrency_limit: usize,
        /// Calls that wait for a place.
        concurrency_queued: usize,
        concurrency_queue_limit: usize,
        /// Whether the database answered when it was asked last.
        database_up: bool,
        /// How long that took.
        database_latency_ms: Option<u64>,
        /// The shared tier; `null` where there is none.
        redis: Option<SharedTierState>,
    }

    /// How the rendered pages are kept.
    struct PageCacheStats {
        /// What the pages' cache has done.
        pages: Value,
        /// The memory of this node, over all keyspaces.
        memory: Value,
    }
}

fn pools_of(app: &App) -> ConnectionPoolStats {
    let (gate, config) = (app.gate.stats(), app.config());
    let probe = app.vitals.database();
    let is_up = probe.as_ref().is_some_and(|probe| probe.outcome.is_ok());
    let took = probe.map(|probe| u64::try_from(probe.took.as_millis()).unwrap_or(u64::MAX));
    ConnectionPoolStats {
        http_connections: u64::try_from(app.connections.count()).unwrap_or(u64::MAX),
        http_connections_limit: config.server.max_connections,
        concurrency_active: gate.active,
        concurrency_limit: config.server.concurrency.limit,
        concurrency_queued: gate.queued,
        concurrency_queue_limit: config.server.concurrency.queue,
        database_up: is_up,
        database_latency_ms: took.filter(|_| is_up),
        redis: shared(app),
    }
}

fn pages_of(app: &App) -> PageCacheStats {
    let caches = app.node.stats();
    let pages = caches.iter().find(|(name, _)| *name == keyspaces::PAGES.name);
    let value = |of: Option<Value>| of.unwrap_or(Value::Null);
    PageCacheStats {
        pages: value(pages.and_then(|(_, stats)| serde_json::to_value(stats).ok())),
        memory: value(serde_json::to_value(memory(&caches)).ok()),
    }
}

fn all(app: &Arc<App>, _call: &Call) -> Outcome {
    json(&Optimizations {
        status: "healthy",
        connection_pools: pools_of(app),
        cache: pages_of(app),
        timestamp: app.node.time().wall().to_string(),
    })
}

fn pools(app: &Arc<App>, _call: &Call) -> Outcome {
    json(&ConnectionPools {
        status: "healthy",
        connection_pools: pools_of(app),
        timestamp: app.node.time().wall().to_string(),
    })
}

fn cache(app: &Arc<App>, _call: &Call) -> Outcome {
    json(&OptimizationsCache {
        status: "healthy",
        cache: pages_of(app),
        timestamp: app.node.time().wall().to_string(),
    })
}
