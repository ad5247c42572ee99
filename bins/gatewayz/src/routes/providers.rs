//! DeveloperList and providers of models, under the one name that the earlier system had for both.

use std::collections::HashSet;

use gatewayz_catalog::{DeveloperSummary, Filter, Gateway, Query, Snapshot, Sort, SortBy, Start, Window};

use super::{
    cut::{self, Made, ModelObject, TIME_RANGE, UNRECORDED, USUAL_RANGE, changed_at, count, written},
    figures::Figures,
    models::{OFFSET, gateway, unknown_provider},
};
use crate::{
    app::App,
    http::{Access, Call, Code, Deadline, Handler, Kind, Param, Params, Payload, Problem, Route, Verb},
    openapi::{Answers, Shape as _, shape},
    spelling,
};

pub(crate) static ROUTES: &[&Route] = &[&LIST, &STATS, &TOP];

const CHAPTER: &str = "Providers";

const NAME: Param = Param::path(
    "name",
    Kind::Text(80),
    "A developer, or a provider by any of its names. A developer, where both are called so.",
);

static LIST: Route = Route {
    name: "developers",
    verb: Verb::Get,
    paths: &[
        "/v1/provider",
        "/provider",
        "/v1/providers",
        "/providers",
        "/catalog/providers",
        "/v1/catalog/providers",
    ],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[
        Param::query(
            "moderated_only",
            Kind::Flag,
            "Those alone that OpenRouter moderates: of none it is known that it does.",
        )
        .default("false"),
        Param::query(
            "limit",
            Kind::Whole { least: 1, most: 10_000 },
            "How many at most; all where it is absent.",
        ),
        OFFSET,
        gateway("all"),
    ],
    payload: Payload::None,
    handler: Handler::Later(|app, call| cut::later(app, call, list)),
    chapter: CHAPTER,
    summary: "Who makes the models, and who serves those.",
    answers: Answers::kept(DeveloperList::schema).or(&[Code::ProviderNotFound, Code::Unavailable]),
};

static STATS: Route = Route {
    name: "developerStats",
    verb: Verb::Get,
    paths: &["/v1/provider/{name}/stats", "/provider/{name}/stats"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[NAME, gateway("all"), TIME_RANGE],
    payload: Payload::None,
    handler: Handler::Later(|app, call| cut::later(app, call, stats)),
    chapter: CHAPTER,
    summary: "Figures of a developer's models, or of a provider's.",
    answers: Answers::kept(ProviderStats::schema).or(&[Code::ProviderNotFound, Code::Unavailable]),
};

static TOP: Route = Route {
    name: "topModels",
    verb: Verb::Get,
    paths: &["/v1/provider/{name}/top-models", "/provider/{name}/top-models"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[
        NAME,
        gateway("all"),
        TIME_RANGE,
        Param::query("limit", Kind::Whole { least: 1, most: 100 }, "How many models at most.").default("10"),
    ],
    payload: Payload::None,
    handler: Handler::Later(|app, call| cut::later(app, call, top)),
    chapter: CHAPTER,
    summary: "Those of a developer's or a provider's models that most providers serve.",
    answers: Answers::kept(TopModels::schema).or(&[Code::ProviderNotFound, Code::Unavailable]),
};

shape! {
    /// Who makes models.
    pub(super) struct DeveloperList {
        data: Vec<DeveloperSummary>,
        total: u32,
        returned: u32,
        offset: u32,
        limit: Option<u32>,
        gateway: String,
        /// When the catalogue changed last.
        timestamp: String,
    }

    /// Figures of a developer's models, or of a provider's.
    pub(super) struct ProviderStats {
        success: bool,
        data: ProviderFigures,
        note: &'static str,
        /// When the catalogue changed last.
        timestamp: String,
    }

    /// Figures of what has a name.
    struct ProviderFigures {
        name: String,
        /// `developer` or `provider`.
        kind: &'static str,
        gateway: String,
        time_range: String,
        models: Figures,
    }

    /// The models that most providers serve.
    pub(super) struct TopModels {
        success: bool,
        data: Vec<ModelObject>,
        count: u32,
        name: String,
        /// `developer` or `provider`.
        kind: &'static str,
        gateway: String,
        time_range: String,
        /// By what they are ordered.
        sort_by: &'static str,
        note: &'static str,
        /// When the catalogue changed last.
        timestamp: String,
    }
}

fn list(app: &App, call: &Call, snapshot: &Snapshot) -> Made {
    let params = call.params()?;
    let gateway = cut::gateway_or_nobody(app, params.text("gateway").unwrap_or("all"))?;
    let (limit, offset) = (params.number("limit"), params.number("offset").unwrap_or(0));
    let mut developers = snapshot.developer_summaries(&gateway);
    if params.flag("moderated_only") {
        // Of nobody is it known.
        developers.clear();
    }
    let total = count(developers.len());
    let data: Vec<DeveloperSummary> = developers
        .into_iter()
        .skip(offset as usize)
        .take(limit.map_or(usize::MAX, |limit| limit as usize))
        .collect();
    written(&DeveloperList {
        total,
        returned: count(data.len()),
        data,
        offset,
        limit,
        gateway: gateway.as_str().to_owned(),
        timestamp: changed_at(snapshot),
    })
}

/// Whom a name means.
struct Who {
    name: String,
    kind: &'static str,
    gateway: String,
    filter: Filter,
}

impl Who {
    fn read(app: &App, params: &Params<'_>, snapshot: &Snapshot) -> Result<Self, Problem> {
        let gateway = cut::gateway_or_nobody(app, params.text("gateway").unwrap_or("all"))?;
        let name = params.always("name");
        let lower = name.to_ascii_lowercase();
        if !snapshot.with_developer(&lower).is_empty() {
            return Ok(Self {
                name: lower.clone(),
                kind: "developer",
                gateway: gateway.as_str().to_owned(),
                filter: Filter {
                    gateway,
                    developer: Some(lower),
                    ..Filter::default()
                },
            });
        }
        let Some(provider) = snapshot.directory().resolve(name) else {
            return Err(unknown(app, snapshot, name));
        };
        let slug = provider.slug.clone();
        match gateway {
            Gateway::Provider(other) if other != slug => Err(Problem::parameter(
                "gateway",
                other.as_str(),
                "`all`, or the provider itself",
            )),
            _ => Ok(Self {
                name: slug.to_string(),
                kind: "provider",
                gateway: slug.to_string(),
                filter: Filter {
                    gateway: Gateway::Provider(slug),
                    ..Filter::default()
                },
            }),
        }
    }

    /// Its rows, the most popular first where that is asked for.
    fn rows(&self, snapshot: &Snapshot, by: SortBy) -> Vec<u32> {
        let query = Query {
            filter: self.filter.clone(),
            sort: Sort {
                by,
                descending: by == SortBy::Popularity,
            },
            window: Window {
                start: Start::Offset(0),
                limit: None,
            },
        };
        snapshot.select(&query).rows
    }
}

/// Neither a developer nor a provider is called so.
fn unknown(app: &App, snapshot: &Snapshot, name: &str) -> Problem {
    let developers = snapshot.developer_summaries(&Gateway::All);
    let about_as_long = developers
        .iter()
        .map(|developer| &*developer.slug)
        .filter(|slug| slug.len().abs_diff(name.len()) <= 3);
    let near = spelling::nearest(name, about_as_long);
    let shown: String = name.chars().take(80).collect();
    unknown_provider(app, name)
        .suggest(near.into_iter().map(str::to_owned))
        .context(serde_json::json!({ "parameter": "name", "value": shown }))
}

fn stats(app: &App, call: &Call, snapshot: &Snapshot) -> Made {
    let params = call.params()?;
    let who = Who::read(app, &params, snapshot)?;
    let rows = who.rows(snapshot, SortBy::Default);
    written(&ProviderStats {
        success: true,
        data: ProviderFigures {
            name: who.name,
            kind: who.kind,
            gateway: who.gateway,
            time_range: params.text("time_range").unwrap_or(USUAL_RANGE).to_owned(),
            models: Figures::of(snapshot, rows.into_iter()),
        },
        note: UNRECORDED,
        timestamp: changed_at(snapshot),
    })
}

fn top(app: &App, call: &Call, snapshot: &Snapshot) -> Made {
    let params = call.params()?;
    let who = Who::read(app, &params, snapshot)?;
    let limit = params.number("limit").unwrap_or(10);
    // Each model once, as the first of its providers lists it.
    let mut models = HashSet::with_hasher(foldhash::fast::RandomState::default());
    let rows = who.rows(snapshot, SortBy::Popularity).into_iter();
    let first = rows.filter(|&row| models.insert(&*snapshot.rows()[row as usize].canonical));
    let data = ModelObject::all(snapshot, first.take(limit as usize))?;
    written(&TopModels {
        success: true,
        count: count(data.len()),
        data,
        name: who.name,
        kind: who.kind,
        gateway: who.gateway,
        time_range: params.text("time_range").unwrap_or(USUAL_RANGE).to_owned(),
        sort_by: SortBy::Popularity.as_str(),
        note: UNRECORDED,
        timestamp: changed_at(snapshot),
    })
}
