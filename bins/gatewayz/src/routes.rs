//! What is served, room by room.

pub(crate) mod breakers;
pub(crate) mod cache;
mod compare;
mod cut;
mod figures;
mod gateways;
pub(crate) mod health;
mod latency;
pub(crate) mod meta;
pub(crate) mod models;
mod modelz;
pub(crate) mod parsed_metrics;
mod providers;
#[cfg(test)]
mod rules;
mod schemas;
mod search;
mod single;
pub(crate) mod sync;
#[cfg(test)]
mod tests;
mod unique;

use crate::http::Route;

/// All routes, in the order of the documentation.
pub(crate) fn all() -> Vec<&'static Route> {
    [
        meta::ROUTES,
        models::ROUTES,
        search::ROUTES,
        unique::ROUTES,
        latency::ROUTES,
        single::ROUTES,
        compare::ROUTES,
        gateways::ROUTES,
        providers::ROUTES,
        modelz::ROUTES,
        &health::routes(),
        breakers::ROUTES,
        &cache::routes(),
        sync::ROUTES,
        parsed_metrics::ROUTES,
    ]
    .concat()
}
