//! What is served, room by room.

mod compare;
mod cut;
mod figures;
mod gateways;
pub(crate) mod health;
mod latency;
pub(crate) mod meta;
pub(crate) mod models;
mod modelz;
mod providers;
mod schemas;
mod search;
mod single;
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
        health::ROUTES,
    ]
    .concat()
    .into_iter()
    .collect()
}
