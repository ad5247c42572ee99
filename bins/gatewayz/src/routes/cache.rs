//! Administration of the caches: what they hold, and making them forget or read anew.

mod admin;
mod clear;
mod entry;
mod modelz;
mod refresh;
mod stats;
mod status;

use std::{sync::Arc, time::Duration};

use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::Provider;

pub(crate) use self::{
    admin::put_providers,
    stats::{SharedTierState, memory, shared},
};
use super::models::unknown_provider;
use crate::{
    app::App,
    http::{Access, Deadline, Handler, Kind, Param, Params, Payload, Problem, Route, Verb, json},
    openapi::Answers,
};

/// All routes of this room.
pub(crate) fn routes() -> Vec<&'static Route> {
    [
        status::ROUTES,
        stats::ROUTES,
        clear::ROUTES,
        refresh::ROUTES,
        entry::ROUTES,
        modelz::ROUTES,
        admin::ROUTES,
    ]
    .concat()
}

/// What most routes of this room have in common. Its handler is never called.
const BASE: Route = Route {
    name: "",
    verb: Verb::Get,
    paths: &[],
    access: Access::CacheAdmin,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(|_app, _call| json(&())),
    chapter: "Caches",
    summary: "",
    answers: Answers::text("text/plain"),
};

const GATEWAY: Param = Param::query(
    "gateway",
    Kind::Gateway,
    "Whose: a provider's name, or `all`. All where it is absent.",
);

/// The provider that a parameter names; `None`: all of them.
fn named(app: &App, params: &Params<'_>) -> Result<Option<Arc<Provider>>, Problem> {
    match params.text("gateway") {
        None | Some("all") => Ok(None),
        Some(name) => {
            let known = app.catalog.directory().resolve(name).cloned();
            known.map(Some).ok_or_else(|| unknown_provider(app, name))
        }
    }
}

/// The name of what was named.
fn target(provider: Option<&Arc<Provider>>) -> &str {
    provider.map_or("all", |provider| provider.slug.as_str())
}

/// Seconds with three decimals.
pub(crate) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

fn now(app: &App) -> UnixMillis {
    app.node.time().wall()
}

fn timestamp(app: &App) -> String {
    now(app).to_string()
}
