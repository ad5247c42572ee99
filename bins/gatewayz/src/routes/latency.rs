//! Models that answer soon, and models that are asked much.

use std::{collections::BTreeMap, sync::Arc};

use gatewayz_catalog::{LOW_LATENCY_MS, Model, Snapshot, ULTRA_LOW_LATENCY_MS};

use super::{
    cut::{self, Made, ModelObject, TIME_RANGE, UNRECORDED, USUAL_RANGE, changed_at, count, written},
    figures::mean,
    models::{gateway, gateway_named},
};
use crate::{
    app::App,
    http::{Access, Call, Code, Deadline, Handler, Kind, Outcome, Param, Payload, Route, Verb, json},
    openapi::{Answers, Shape as _, shape},
};

pub(crate) static ROUTES: &[&Route] = &[&LOW_LATENCY, &TRENDING];

static LOW_LATENCY: Route = Route {
    name: "lowLatencyModels",
    verb: Verb::Get,
    paths: &["/v1/models/low-latency", "/models/low-latency"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[
        Param::query(
            "include_ultra_only",
            Kind::Flag,
            "Those alone that answer in less than 100 ms on average, instead of 500.",
        )
        .default("false"),
        Param::query(
            "include_alternatives",
            Kind::Flag,
            "Whether faster offers of models that are slow elsewhere are told.",
        )
        .default("true"),
        Param::query(
            "limit",
            Kind::Whole { least: 1, most: 1000 },
            "How many models at most.",
        )
        .default("100"),
    ],
    payload: Payload::None,
    handler: Handler::Later(|app, call| cut::later(app, call, low_latency)),
    chapter: "Models",
    summary: "Models that answer soon, as far as it was measured, the fastest first.",
    answers: Answers::kept(LowLatencyModels::schema).or(&[Code::Unavailable]),
};

static TRENDING: Route = Route {
    name: "trendingModels",
    verb: Verb::Get,
    paths: &["/v1/models/trending", "/models/trending"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[
        gateway("all"),
        TIME_RANGE,
        Param::query("limit", Kind::Whole { least: 1, most: 100 }, "How many models at most.").default("10"),
        Param::query(
            "sort_by",
            Kind::Word(&["requests", "tokens", "users"]),
            "By what they are ordered.",
        )
        .default("requests"),
    ],
    payload: Payload::None,
    handler: Handler::Now(trending),
    chapter: "Models",
    summary: "Models that are asked much: none yet, since requests are not recorded.",
    answers: Answers::json(TrendingModels::schema).or(&[Code::ProviderNotFound]),
};

shape! {
    /// Models that answer soon.
    pub(super) struct LowLatencyModels {
        models: Vec<ModelObject>,
        /// How many of them are in this answer.
        count: u32,
        /// How many there are.
        total: u32,
        /// In less than so many milliseconds.
        threshold_ms: u32,
        /// Providers of which it was measured, the fastest first.
        providers_by_speed: Vec<String>,
        /// How fast each of them is.
        provider_tiers: BTreeMap<String, ProviderTier>,
        /// For models that are slow at some provider, the fastest offer that is not: a provider, a slash and its id.
        #[serde(skip_serializing_if = "Option::is_none")]
        alternatives: Option<BTreeMap<String, String>>,
        /// When the catalogue changed last.
        timestamp: String,
    }

    /// How fast a provider is.
    struct ProviderTier {
        /// 1 to 4; 1 is the fastest.
        tier: u32,
        description: &'static str,
        /// The mean over its models.
        average_response_time_ms: u32,
        /// Of how many models it was measured.
        measured_models: u32,
    }

    /// Models that are asked much.
    pub(super) struct TrendingModels {
        success: bool,
        data: Vec<ModelObject>,
        count: u32,
        gateway: String,
        time_range: String,
        sort_by: String,
        note: &'static str,
        timestamp: String,
    }
}

/// The tier of a time.
fn tier(time: u32) -> (u32, &'static str) {
    if time < ULTRA_LOW_LATENCY_MS {
        (1, "at once: less than 100 ms on average")
    } else if time < LOW_LATENCY_MS {
        (2, "soon: less than 500 ms on average")
    } else if time < 2000 {
        (3, "usual: less than 2 s on average")
    } else {
        (4, "slow: 2 s on average, or more")
    }
}

fn low_latency(_app: &App, call: &Call, snapshot: &Snapshot) -> Made {
    let params = call.params()?;
    let threshold_ms = if params.flag("include_ultra_only") {
        ULTRA_LOW_LATENCY_MS
    } else {
        LOW_LATENCY_MS
    };
    let rows = snapshot.faster_than(threshold_ms);
    let limit = params.number("limit").unwrap_or(100);
    let models = ModelObject::all(snapshot, rows.iter().copied().take(limit as usize))?;
    let mut tiers: Vec<(u32, &str, u32)> = Vec::new();
    for (provider, range) in snapshot.providers() {
        let of_provider = snapshot.rows().get(range.start as usize..range.end as usize);
        let times = of_provider
            .into_iter()
            .flatten()
            .filter_map(|row| row.average_response_time_ms);
        if let Some(mean) = mean(times.clone()) {
            tiers.push((mean, provider.slug.as_str(), count(times.count())));
        }
    }
    tiers.sort_unstable();
    let alternatives = params.maybe_flag("include_alternatives") != Some(false);
    written(&LowLatencyModels {
        count: count(models.len()),
        models,
        total: count(rows.len()),
        threshold_ms,
        providers_by_speed: tiers.iter().map(|(_, slug, _)| (*slug).to_owned()).collect(),
        provider_tiers: tiers
            .iter()
            .map(|&(average_response_time_ms, slug, measured_models)| {
                let (tier, description) = tier(average_response_time_ms);
                let tier = ProviderTier {
                    tier,
                    description,
                    average_response_time_ms,
                    measured_models,
                };
                (slug.to_owned(), tier)
            })
            .collect(),
        alternatives: alternatives.then(|| faster(snapshot)),
        timestamp: changed_at(snapshot),
    })
}

/// By canonical name, the fastest offer of each model that answers soon at one provider and not at another.
fn faster(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let of_group = |group: &[u32]| {
        let rows = group.iter().filter_map(|&row| snapshot.rows().get(row as usize));
        let measured = rows.filter_map(|row: &Model| Some((row.average_response_time_ms?, row)));
        let is_slow_somewhere = measured.clone().any(|(time, _)| time >= LOW_LATENCY_MS);
        let (time, row) = measured.min_by_key(|(time, _)| *time)?;
        let offer = format!("{}/{}", row.provider.slug, row.id);
        (is_slow_somewhere && time < LOW_LATENCY_MS).then(|| (row.canonical.to_string(), offer))
    };
    snapshot.groups().filter_map(of_group).collect()
}

fn trending(app: &Arc<App>, call: &Call) -> Outcome {
    let params = call.params()?;
    let gateway = gateway_named(app, params.text("gateway").unwrap_or("all"))?;
    json(&TrendingModels {
        success: true,
        data: Vec::new(),
        count: 0,
        gateway: gateway.map_or_else(|| "unknown".to_owned(), |gateway| gateway.as_str().to_owned()),
        time_range: params.text("time_range").unwrap_or(USUAL_RANGE).to_owned(),
        sort_by: params.text("sort_by").unwrap_or("requests").to_owned(),
        note: UNRECORDED,
        timestamp: app.node.time().wall().to_string(),
    })
}
