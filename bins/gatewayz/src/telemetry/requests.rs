//! Requests by route and status, and the time that their answers took.

use std::{sync::OnceLock, time::Duration};

use http::StatusCode;
use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

use crate::http::Route;

/// The statuses that are answered.
const STATUSES: [u16; 22] = [
    200, 201, 202, 204, 304, 400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 500, 502, 503, 504,
];

/// The counters of one route, registered when they are used first.
#[derive(Debug)]
pub(crate) struct RouteMetrics {
    method: &'static str,
    endpoint: &'static str,
    by_status: [OnceLock<Counter>; STATUSES.len()],
    other: OnceLock<Counter>,
    duration: OnceLock<Histogram>,
}

impl RouteMetrics {
    fn new(method: &'static str, endpoint: &'static str) -> Self {
        Self {
            method,
            endpoint,
            by_status: [const { OnceLock::new() }; STATUSES.len()],
            other: OnceLock::new(),
            duration: OnceLock::new(),
        }
    }

    /// The route's usual path.
    #[cfg(feature = "traces")]
    pub(crate) const fn endpoint(&self) -> &'static str {
        self.endpoint
    }

    /// Counts an answer.
    pub(crate) fn count(&self, status: StatusCode, took: Duration) {
        let at = STATUSES.iter().position(|known| *known == status.as_u16());
        let slot = at.and_then(|at| self.by_status.get(at)).unwrap_or(&self.other);
        let (method, endpoint) = (self.method, self.endpoint);
        slot.get_or_init(|| {
            let word = at.map_or_else(|| "other".to_owned(), |at| STATUSES[at].to_string());
            counter!("http_requests", "method" => method, "endpoint" => endpoint, "status_code" => word)
        })
        .increment(1);
        self.duration
            .get_or_init(|| histogram!("http_request_duration", "method" => method, "endpoint" => endpoint))
            .record(took);
    }
}

/// The counters of all routes. The label is the route's usual path, whichever of its names was asked for.
#[derive(Debug)]
pub(crate) struct HttpMetrics {
    routes: Vec<(&'static str, RouteMetrics)>,
    /// Those of requests without a route.
    pub(crate) unmatched: RouteMetrics,
}

impl HttpMetrics {
    /// Those of these routes.
    pub(crate) fn new(routes: &[&'static Route]) -> Self {
        describe_counter!("http_requests", Unit::Count, "requests by route and status");
        describe_histogram!(
            "http_request_duration",
            Unit::Seconds,
            "time from the head of a request to the head of its answer"
        );
        let metrics = |route: &&'static Route| {
            let metrics = RouteMetrics::new(route.verb.as_str(), route.paths[0]);
            (route.name, metrics)
        };
        let mut routes: Vec<_> = routes.iter().map(metrics).collect();
        routes.sort_unstable_by_key(|(name, _)| *name);
        Self {
            routes,
            unmatched: RouteMetrics::new("other", "unmatched"),
        }
    }

    /// Those of a route.
    pub(crate) fn of(&self, route: &Route) -> &RouteMetrics {
        self.routes
            .binary_search_by_key(&route.name, |(name, _)| name)
            .ok()
            .and_then(|at| self.routes.get(at))
            .map_or(&self.unmatched, |(_, metrics)| metrics)
    }
}
