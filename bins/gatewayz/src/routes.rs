//! What is served, room by room.

pub(crate) mod health;
pub(crate) mod meta;
pub(crate) mod models;
mod schemas;

use crate::http::Route;

/// All routes, in the order of the documentation.
pub(crate) fn all() -> Vec<&'static Route> {
    [meta::ROUTES, models::ROUTES, health::ROUTES]
        .concat()
        .into_iter()
        .collect()
}
