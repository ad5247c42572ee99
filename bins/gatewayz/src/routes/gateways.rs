//! Providers: who serves models.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gatewayz_catalog::{
    Gateway, GatewayStatus, GatewayStatusSummary, HealthCounts, Priority, ProviderSummary, Snapshot,
};

use super::{
    cut::{self, Made, TIME_RANGE, UNRECORDED, USUAL_RANGE, changed_at, count, present, written},
    figures::Figures,
    health::picture,
};
use crate::{
    app::App,
    http::{Access, Call, Code, Deadline, Handler, Kind, Outcome, Param, Payload, Route, Verb, json},
    openapi::{Answers, Shape as _, shape},
};

pub(crate) static ROUTES: &[&Route] = &[&GATEWAYS, &STATUS, &SUMMARY, &STATS, &ROUTERS];

const CHAPTER: &str = "Providers";
const NO_ROUTERS: &str = "This gateway has no router: every request names its model.";

static GATEWAYS: Route = Route {
    name: "gateways",
    verb: Verb::Get,
    paths: &["/v1/gateways", "/gateways"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Later(|app, call| cut::later(app, call, gateways)),
    chapter: CHAPTER,
    summary: "All active providers: those that answer fast first, then by name.",
    answers: Answers::kept(GatewayList::schema).or(&[Code::Unavailable]),
};

static STATUS: Route = Route {
    name: "gatewaysStatus",
    verb: Verb::Get,
    paths: &["/v1/gateways/status", "/gateways/status"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Later(status),
    chapter: CHAPTER,
    summary: "How the providers' lists are doing at present.",
    answers: Answers::json(GatewaysStatus::schema).or(&[Code::Unavailable]),
};

static SUMMARY: Route = Route {
    name: "gatewaysSummary",
    verb: Verb::Get,
    paths: &["/v1/gateways/summary", "/gateways/summary"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[TIME_RANGE],
    payload: Payload::None,
    handler: Handler::Later(|app, call| cut::later(app, call, summary)),
    chapter: CHAPTER,
    summary: "Figures of all providers, together and one by one.",
    answers: Answers::kept(GatewaysSummary::schema).or(&[Code::Unavailable]),
};

static STATS: Route = Route {
    name: "gatewayStats",
    verb: Verb::Get,
    paths: &["/v1/gateway/{gateway}/stats", "/gateway/{gateway}/stats"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[
        Param::path("gateway", Kind::Gateway, "A provider, by any of its names, or `all`."),
        TIME_RANGE,
    ],
    payload: Payload::None,
    handler: Handler::Later(|app, call| cut::later(app, call, stats)),
    chapter: CHAPTER,
    summary: "Figures of a provider.",
    answers: Answers::kept(GatewayStats::schema).or(&[Code::ProviderNotFound, Code::Unavailable]),
};

static ROUTERS: Route = Route {
    name: "routers",
    verb: Verb::Get,
    paths: &["/v1/routers", "/routers"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(routers),
    chapter: CHAPTER,
    summary: "What chooses among providers: nothing yet.",
    answers: Answers::json(RouterList::schema),
};

shape! {
    /// All active providers.
    pub(super) struct GatewayList {
        data: Vec<ProviderSummary>,
        routers: Vec<RouterEntry>,
        total: u32,
        /// When the catalogue changed last.
        timestamp: String,
    }

    /// What chooses among providers.
    pub(super) struct RouterEntry {
        id: String,
        name: String,
    }

    /// All routers.
    struct RouterList {
        data: Vec<RouterEntry>,
        total: u32,
        note: &'static str,
        timestamp: String,
    }

    /// How all active providers are doing.
    pub(super) struct GatewaysStatus {
        data: Vec<GatewayStatus>,
        summary: GatewayStatusSummary,
        /// When they were asked.
        timestamp: String,
    }

    /// Figures of a provider.
    pub(super) struct GatewayStats {
        success: bool,
        data: GatewayFigures,
        note: &'static str,
        /// When the catalogue changed last.
        timestamp: String,
    }

    /// Figures of a provider's models.
    struct GatewayFigures {
        gateway: String,
        /// The name for people.
        name: String,
        time_range: String,
        models: Figures,
    }

    /// Figures of all providers.
    pub(super) struct GatewaysSummary {
        success: bool,
        data: AllFigures,
        note: &'static str,
        /// When the catalogue changed last.
        timestamp: String,
    }

    /// Figures of all providers, together and one by one.
    struct AllFigures {
        time_range: String,
        total_gateways: u32,
        models: Figures,
        gateways: Vec<GatewayBrief>,
    }

    /// A provider in one line.
    struct GatewayBrief {
        id: String,
        name: String,
        /// Whether it answers fast.
        is_fast: bool,
        model_count: u32,
        free_models: u32,
        health: HealthCounts,
        average_response_time_ms: Option<u32>,
    }
}

fn gateways(_app: &App, _call: &Call, snapshot: &Snapshot) -> Made {
    let data = snapshot.provider_summaries();
    written(&GatewayList {
        total: count(data.len()),
        data,
        routers: Vec::new(),
        timestamp: changed_at(snapshot),
    })
}

fn status(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let lookup = cut::snapshot(&app).await?;
        let snapshot = present(&lookup)?;
        let picture = picture(&app).await;
        let statuses = snapshot.gateway_statuses(|slug| {
            let at = picture
                .gateways
                .binary_search_by(|gateway| gateway.provider.slug.cmp(slug))
                .ok()?;
            let state = &picture.gateways.get(at)?.state;
            Some((state.in_error_state, state.error.clone()))
        });
        json(&GatewaysStatus {
            data: statuses.data,
            summary: statuses.summary,
            timestamp: app.node.time().wall().to_string(),
        })
    })
}

fn summary(_app: &App, call: &Call, snapshot: &Snapshot) -> Made {
    let params = call.params()?;
    let brief = |of: ProviderSummary| {
        let slug = of.provider.slug.as_str();
        let figures = Figures::of(snapshot, snapshot.provider_rows(slug));
        GatewayBrief {
            id: slug.to_owned(),
            name: of.provider.name.clone(),
            is_fast: of.provider.priority == Priority::Fast,
            model_count: of.model_count,
            free_models: figures.prices.free,
            health: figures.health,
            average_response_time_ms: figures.average_response_time_ms,
        }
    };
    let gateways: Vec<GatewayBrief> = snapshot.provider_summaries().into_iter().map(brief).collect();
    written(&GatewaysSummary {
        success: true,
        data: AllFigures {
            time_range: params.text("time_range").unwrap_or(USUAL_RANGE).to_owned(),
            total_gateways: count(gateways.len()),
            models: Figures::of(snapshot, 0..count(snapshot.len())),
            gateways,
        },
        note: UNRECORDED,
        timestamp: changed_at(snapshot),
    })
}

fn stats(app: &App, call: &Call, snapshot: &Snapshot) -> Made {
    let params = call.params()?;
    let asked = params.always("gateway");
    let (gateway, name, rows) = match cut::gateway_or_nobody(app, asked)? {
        Gateway::All => ("all".to_owned(), "All providers".to_owned(), 0..count(snapshot.len())),
        Gateway::Provider(slug) => {
            let known = snapshot.directory().resolve(slug.as_str());
            let name = known.map_or_else(|| asked.to_owned(), |provider| provider.name.clone());
            (slug.to_string(), name, snapshot.provider_rows(slug.as_str()))
        }
    };
    written(&GatewayStats {
        success: true,
        data: GatewayFigures {
            gateway,
            name,
            time_range: params.text("time_range").unwrap_or(USUAL_RANGE).to_owned(),
            models: Figures::of(snapshot, rows),
        },
        note: UNRECORDED,
        timestamp: changed_at(snapshot),
    })
}

fn routers(app: &Arc<App>, _call: &Call) -> Outcome {
    json(&RouterList {
        data: Vec::new(),
        total: 0,
        note: NO_ROUTERS,
        timestamp: app.node.time().wall().to_string(),
    })
}
