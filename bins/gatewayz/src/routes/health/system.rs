//! How the system, its providers and its models are, for those who have a key.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::{HealthStatus, Model, Snapshot};
use serde_json::{Value, json as value};

use super::{
    BASE, KEYED,
    judge::{GatewayCounts, Standing, percent},
    picture::{Gateway, Picture, picture},
};
use crate::{
    app::App,
    http::{Call, Code, Handler, Kind, Outcome, Param, Params, Problem, Route, json},
    openapi::{Answers, Book, Shape as _, shape},
    routes::{breakers::CircuitBreaker, models::unknown_provider},
};

pub(super) static ROUTES: &[&Route] = &[
    &WHOLE,
    &SYSTEM,
    &PROVIDERS,
    &PROVIDER,
    &PROVIDER_STATS,
    &CATALOG_PROVIDERS,
    &MODELS,
    &MODEL,
    &MODEL_STATS,
    &CATALOG_MODELS,
    &SUMMARY,
    &UPTIME,
    &DASHBOARD,
    &STATUS,
    &MONITORING,
];

/// How long ago something may have been found out for the system to count as watched.
const WATCHED: u64 = 300;
/// How many rows of each kind a summary has.
const IN_SUMMARY: usize = 100;

const GATEWAY: Param = Param::query(
    "gateway",
    Kind::Gateway,
    "Whose: a provider's name, or `all`. All where it is absent.",
);
const STATUS_OF_MODELS: Param = Param::query(
    "status",
    Kind::Word(&["healthy", "degraded", "down", "unknown"]),
    "Those that are so.",
);
const LIMIT: Param =
    Param::query("limit", Kind::Whole { least: 1, most: 1000 }, "How many rows at most.").default("100");
const OFFSET: Param = Param::query(
    "offset",
    Kind::Whole {
        least: 0,
        most: super::super::models::MAX_OFFSET,
    },
    "How many rows are left out before the first.",
)
.default("0");

static WHOLE: Route = Route {
    name: "healthAll",
    paths: &["/health/all"],
    handler: Handler::Later(whole),
    summary: "The system, its providers, its models and its database in short.",
    answers: Answers::json(HealthAll::schema),
    ..BASE
};

static SYSTEM: Route = Route {
    name: "healthSystem",
    paths: &["/health/system"],
    handler: Handler::Later(system),
    summary: "How the system is as a whole.",
    answers: Answers::json(SystemHealth::schema),
    ..KEYED
};

static PROVIDERS: Route = Route {
    name: "healthProviders",
    paths: &["/health/providers"],
    params: &[GATEWAY],
    handler: Handler::Later(providers),
    summary: "How the providers are.",
    answers: Answers::json(anything).or(&[Code::ProviderNotFound]),
    ..KEYED
};

static PROVIDER: Route = Route {
    name: "healthProvider",
    paths: &["/health/provider/{provider}"],
    params: &[Param::path("provider", Kind::Gateway, "A provider's name.")],
    handler: Handler::Later(provider),
    summary: "How one provider is.",
    answers: Answers::json(ProviderHealth::schema).or(&[Code::ProviderNotFound]),
    ..KEYED
};

static PROVIDER_STATS: Route = Route {
    name: "healthProviderStats",
    paths: &["/health/providers/stats"],
    handler: Handler::Later(provider_stats),
    summary: "How many providers are how.",
    answers: Answers::json(anything),
    ..KEYED
};

static CATALOG_PROVIDERS: Route = Route {
    name: "healthCatalogProviders",
    paths: &["/health/catalog/providers"],
    handler: Handler::Later(catalog_providers),
    summary: "All providers that have models, and how they are.",
    answers: Answers::json(anything),
    ..KEYED
};

static MODELS: Route = Route {
    name: "healthModels",
    paths: &["/health/models"],
    params: &[GATEWAY, STATUS_OF_MODELS, LIMIT, OFFSET],
    handler: Handler::Later(models),
    summary: "How the models are.",
    answers: Answers::json(anything).or(&[Code::ProviderNotFound]),
    ..KEYED
};

static MODEL: Route = Route {
    name: "healthModel",
    paths: &["/health/model/{*id}"],
    params: &[Param::path("id", Kind::Text(512), "A model's id."), GATEWAY],
    handler: Handler::Later(model),
    summary: "How one model is, at each provider that serves it.",
    answers: Answers::json(ModelHealthDetail::schema).or(&[Code::ModelNotFound, Code::ProviderNotFound]),
    ..KEYED
};

static MODEL_STATS: Route = Route {
    name: "healthModelStats",
    paths: &["/health/models/stats"],
    handler: Handler::Later(model_stats),
    summary: "How many models are how.",
    answers: Answers::json(anything),
    ..KEYED
};

static CATALOG_MODELS: Route = Route {
    name: "healthCatalogModels",
    paths: &["/health/catalog/models"],
    params: &[GATEWAY, LIMIT, OFFSET],
    handler: Handler::Later(models),
    summary: "All models of the catalogue, and how they are.",
    answers: Answers::json(anything).or(&[Code::ProviderNotFound]),
    ..KEYED
};

static SUMMARY: Route = Route {
    name: "healthSummary",
    paths: &["/health/summary"],
    handler: Handler::Later(summary),
    summary: "The system, its providers, and the models of which something is known.",
    answers: Answers::json(HealthSummary::schema),
    ..KEYED
};

static UPTIME: Route = Route {
    name: "healthUptime",
    paths: &["/health/uptime"],
    handler: Handler::Later(uptime),
    summary: "How long the gateway has been running.",
    answers: Answers::json(HealthUptime::schema),
    ..KEYED
};

static DASHBOARD: Route = Route {
    name: "healthDashboard",
    paths: &["/health/dashboard"],
    handler: Handler::Later(dashboard),
    summary: "What a dashboard of the whole shows.",
    answers: Answers::json(anything),
    ..KEYED
};

static STATUS: Route = Route {
    name: "healthStatus",
    paths: &["/health/status"],
    handler: Handler::Later(status),
    summary: "How the system is, in a few words.",
    answers: Answers::json(SystemStatus::schema),
    ..KEYED
};

static MONITORING: Route = Route {
    name: "healthMonitoringStatus",
    paths: &["/health/monitoring/status"],
    handler: Handler::Later(monitoring),
    summary: "Whether something was found out lately. Nobody is asked for the sake of it.",
    answers: Answers::json(MonitoringStatus::schema),
    ..KEYED
};

shape! {
    /// How the system is.
    struct SystemHealth {
        /// `healthy`, `degraded`, `unhealthy` or `unknown`.
        overall_status: &'static str,
        total_providers: u32,
        healthy_providers: u32,
        degraded_providers: u32,
        unhealthy_providers: u32,
        total_models: u32,
        healthy_models: u32,
        degraded_models: u32,
        unhealthy_models: u32,
        total_gateways: u32,
        healthy_gateways: u32,
        /// Models of which something is known.
        tracked_models: u32,
        /// Providers of which something is known.
        tracked_providers: u32,
        /// The providers that may be called, of those of which something is known, in percent; 0 while nothing is.
        system_uptime: f64,
        /// When something was found out last.
        last_updated: Option<String>,
    }

    /// How a provider is.
    struct ProviderHealth {
        provider: String,
        gateway: String,
        /// `online`, `offline`, `degraded`, `maintenance` or `unknown`.
        status: &'static str,
        total_models: u32,
        healthy_models: u32,
        degraded_models: u32,
        unhealthy_models: u32,
        /// The mean over the models of which it is known; `null` where it is of none.
        avg_response_time_ms: Option<f64>,
        /// The models that answer, of those of which something is known, in percent; `null` where it is of none.
        overall_uptime: Option<f64>,
        last_checked: Option<String>,
        error_message: Option<String>,
    }

    /// How a model is. What nobody has measured is `null`.
    struct ModelHealth {
        model_id: String,
        provider: String,
        gateway: String,
        /// `healthy`, `degraded`, `down` or `unknown`.
        status: &'static str,
        response_time_ms: Option<f64>,
        success_rate: Option<f64>,
        last_checked: Option<String>,
        last_success: Option<String>,
        last_failure: Option<String>,
        error_count: Option<u64>,
        total_requests: Option<u64>,
        avg_response_time_ms: Option<f64>,
        uptime_percentage: Option<f64>,
        error_message: Option<String>,
    }

    /// How a model is, at each provider that serves it.
    struct ModelHealthDetail {
        model_id: String,
        /// The best of them.
        status: &'static str,
        data: Vec<ModelHealth>,
        timestamp: String,
    }

    /// How many models are how.
    struct ModelCounts {
        total: u32,
        tracked: u32,
        healthy: u32,
        degraded: u32,
        unhealthy: u32,
        unknown: u32,
    }

    /// The whole in short.
    struct HealthAll {
        status: &'static str,
        overall_status: &'static str,
        timestamp: String,
        system: SystemHealth,
        providers: HealthAllProviders,
        models: HealthAllModels,
        database: HealthAllDatabase,
    }

    /// The providers in short.
    struct HealthAllProviders {
        total: u32,
        healthy: u32,
        degraded: u32,
        unhealthy: u32,
        /// Ten of them at most, the worst first.
        details: Vec<ProviderHealth>,
    }

    /// The models in short.
    struct HealthAllModels {
        total: u32,
        healthy: u32,
        unhealthy: u32,
    }

    /// The database in short.
    struct HealthAllDatabase {
        /// `connected`, `unavailable` or `not_initialized`.
        status: &'static str,
        initialized: bool,
        error: Option<&'static str>,
    }

    /// The system, its providers and its models.
    struct HealthSummary {
        system: SystemHealth,
        providers: Vec<ProviderHealth>,
        /// A hundred at most, of which something is known.
        models: Vec<ModelHealth>,
        /// Whether something was found out within the last five minutes.
        monitoring_active: bool,
        last_check: Option<String>,
    }

    /// How long the gateway has been running.
    struct HealthUptime {
        status: &'static str,
        uptime_seconds: f64,
        started_at: String,
        /// As in `/health/system`.
        system_uptime: f64,
        timestamp: String,
    }

    /// How the system is, in a few words.
    struct SystemStatus {
        status: &'static str,
        monitoring_active: bool,
        last_check: Option<String>,
        healthy_gateways: u32,
        tracked_gateways: u32,
        timestamp: String,
    }

    /// Whether something was found out lately.
    struct MonitoringStatus {
        monitoring_active: bool,
        /// Where health comes from: the lists and calls that are made anyway.
        source: &'static str,
        last_check: Option<String>,
        tracked_models: u32,
        tracked_providers: u32,
        timestamp: String,
    }
}

fn anything(_book: &mut Book) -> Value {
    value!({ "type": "object" })
}

impl ModelCounts {
    fn of<'m>(rows: impl IntoIterator<Item = &'m Model>) -> Self {
        let mut counts = [0_u32; 4];
        for row in rows {
            counts[match row.health {
                HealthStatus::Healthy => 0,
                HealthStatus::Degraded => 1,
                HealthStatus::Down => 2,
                HealthStatus::Unknown => 3,
            }] += 1;
        }
        let [healthy, degraded, unhealthy, unknown] = counts;
        Self {
            total: counts.iter().sum(),
            tracked: healthy + degraded + unhealthy,
            healthy,
            degraded,
            unhealthy,
            unknown,
        }
    }
}

impl ModelHealth {
    fn of(row: &Model) -> Self {
        let time = row.average_response_time_ms.map(f64::from);
        Self {
            model_id: row.id.to_string(),
            provider: row.provider.slug.as_str().to_owned(),
            gateway: row.provider.slug.as_str().to_owned(),
            status: row.health.as_str(),
            response_time_ms: time,
            success_rate: None,
            last_checked: None,
            last_success: None,
            last_failure: None,
            error_count: None,
            total_requests: None,
            avg_response_time_ms: time,
            uptime_percentage: None,
            error_message: None,
        }
    }
}

/// The rows of a provider.
fn rows_of<'s>(snapshot: Option<&'s Arc<Snapshot>>, slug: &str) -> &'s [Model] {
    let Some(snapshot) = snapshot else { return &[] };
    let rows = snapshot.provider_rows(slug);
    snapshot
        .rows()
        .get(rows.start as usize..rows.end as usize)
        .unwrap_or_default()
}

impl ProviderHealth {
    fn of(gateway: &Gateway, rows: &[Model]) -> Self {
        let counts = ModelCounts::of(rows);
        let times: Vec<u32> = rows.iter().filter_map(|row| row.average_response_time_ms).collect();
        let sum: f64 = times.iter().copied().map(f64::from).sum();
        let known = u32::try_from(times.len()).ok().filter(|n| *n > 0);
        Self {
            provider: gateway.provider.slug.as_str().to_owned(),
            gateway: gateway.provider.slug.as_str().to_owned(),
            status: gateway.standing.as_provider_status(),
            total_models: gateway.models.max(counts.total),
            healthy_models: counts.healthy,
            degraded_models: counts.degraded,
            unhealthy_models: counts.unhealthy,
            avg_response_time_ms: known.map(|n| sum / f64::from(n)),
            overall_uptime: (counts.tracked > 0).then(|| percent(counts.healthy + counts.degraded, counts.tracked)),
            last_checked: gateway.listed_at.map(|at| at.to_string()),
            error_message: gateway.error.clone(),
        }
    }
}

impl SystemHealth {
    fn of(counts: &GatewayCounts, models: &ModelCounts, last: Option<UnixMillis>, database: bool) -> Self {
        Self {
            overall_status: counts.overall(database).as_str(),
            total_providers: counts.total_gateways,
            healthy_providers: counts.healthy,
            degraded_providers: counts.degraded,
            unhealthy_providers: counts.unhealthy,
            total_models: models.total,
            healthy_models: models.healthy,
            degraded_models: models.degraded,
            unhealthy_models: models.unhealthy,
            total_gateways: counts.total_gateways,
            healthy_gateways: counts.healthy,
            tracked_models: models.tracked,
            tracked_providers: counts.tracked(),
            system_uptime: percent(counts.healthy + counts.degraded, counts.tracked()),
            last_updated: last.map(|at| at.to_string()),
        }
    }
}

/// What most answers of this room are made of.
struct View {
    picture: Arc<Picture>,
    snapshot: Option<Arc<Snapshot>>,
    system: SystemHealth,
    now: UnixMillis,
}

impl View {
    async fn of(app: &Arc<App>) -> Self {
        let picture = picture(app).await;
        // What is at hand: nobody reads the catalogue for the sake of health.
        let snapshot = app.catalog.at_hand().and_then(|lookup| lookup.value);
        let models = ModelCounts::of(snapshot.as_deref().map(Snapshot::rows).unwrap_or_default());
        let database = super::database(app).1.is_none();
        Self {
            system: SystemHealth::of(&picture.counts, &models, picture.last_listed(), database),
            now: app.node.time().wall(),
            picture,
            snapshot,
        }
    }

    fn provider(&self, gateway: &Gateway) -> ProviderHealth {
        ProviderHealth::of(gateway, rows_of(self.snapshot.as_ref(), gateway.provider.slug.as_str()))
    }

    fn providers(&self) -> Vec<ProviderHealth> {
        self.picture
            .gateways
            .iter()
            .map(|gateway| self.provider(gateway))
            .collect()
    }

    fn is_watched(&self) -> bool {
        let last = self.picture.last_listed();
        last.is_some_and(|last| self.now.since(last).as_secs() < WATCHED)
    }

    fn last_check(&self) -> Option<String> {
        self.picture.last_listed().map(|at| at.to_string())
    }
}

/// The catalogue: what is at hand, or read for this call.
async fn read(app: &App) -> Option<Arc<Snapshot>> {
    if let Some(snapshot) = app.catalog.at_hand().and_then(|lookup| lookup.value) {
        return Some(snapshot);
    }
    app.catalog.snapshot().await.ok()
}

/// The provider that a parameter names; `None`: all of them.
fn named(app: &App, params: &Params<'_>) -> Result<Option<gatewayz_catalog::Slug>, Problem> {
    match params.text("gateway") {
        None | Some("all") => Ok(None),
        Some(name) => {
            let known = app.catalog.directory().resolve(name);
            known
                .map(|provider| Some(provider.slug.clone()))
                .ok_or_else(|| unknown_provider(app, name))
        }
    }
}

fn whole(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let view = View::of(&app).await;
        let (status, error) = super::database(&app);
        let mut worst: Vec<&Gateway> = view
            .picture
            .gateways
            .iter()
            .filter(|of| of.standing.is_tracked())
            .collect();
        worst.sort_by_key(|gateway| std::cmp::Reverse(gateway.standing));
        json(&HealthAll {
            status: "success",
            overall_status: view.system.overall_status,
            timestamp: view.now.to_string(),
            providers: HealthAllProviders {
                total: view.system.total_providers,
                healthy: view.system.healthy_providers,
                degraded: view.system.degraded_providers,
                unhealthy: view.system.unhealthy_providers,
                details: worst
                    .into_iter()
                    .take(10)
                    .map(|gateway| view.provider(gateway))
                    .collect(),
            },
            models: HealthAllModels {
                total: view.system.total_models,
                healthy: view.system.healthy_models,
                unhealthy: view.system.unhealthy_models,
            },
            database: HealthAllDatabase {
                status,
                initialized: app.jobs.is_prepared(),
                error,
            },
            system: view.system,
        })
    })
}

fn system(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move { json(&View::of(&app).await.system) })
}

fn provider_list(view: &View, rows: &[ProviderHealth]) -> Value {
    let tracked = view.system.tracked_providers;
    value!({
        "data": rows,
        "providers": rows,
        "total_providers": rows.len(),
        "tracked_providers": tracked,
        "metadata": { "total_providers": rows.len(), "tracked_providers": tracked, "timestamp": view.now.to_string() },
    })
}

fn providers(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let wanted = named(&app, &call.params()?)?;
        let view = View::of(&app).await;
        let mut rows = view.providers();
        if let Some(slug) = wanted {
            rows.retain(|row| row.provider == slug.as_str());
        }
        json(&provider_list(&view, &rows))
    })
}

fn catalog_providers(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let mut view = View::of(&app).await;
        view.snapshot = read(&app).await;
        let rows: Vec<ProviderHealth> = view
            .providers()
            .into_iter()
            .filter(|row| row.total_models > 0)
            .collect();
        json(&provider_list(&view, &rows))
    })
}

fn provider(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let params = call.params()?;
        let name = params.always("provider");
        let unknown = || unknown_provider(&app, name);
        let slug = app.catalog.directory().resolve(name).ok_or_else(unknown)?.slug.clone();
        let view = View::of(&app).await;
        let gateway = view
            .picture
            .gateways
            .iter()
            .find(|gateway| gateway.provider.slug == slug);
        json(&view.provider(gateway.ok_or_else(unknown)?))
    })
}

fn provider_stats(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let view = View::of(&app).await;
        json(&value!({
            "total_providers": view.system.total_providers,
            "tracked_providers": view.system.tracked_providers,
            "by_status": {
                "healthy": view.picture.counts.healthy,
                "degraded": view.picture.counts.degraded,
                "unhealthy": view.picture.counts.unhealthy,
                "unconfigured": view.picture.counts.unconfigured,
                "unknown": view.picture.counts.unknown,
            },
            "overall_health_percentage": view.picture.counts.overall_health_percentage,
            "timestamp": view.now.to_string(),
        }))
    })
}

fn models(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let params = call.params()?;
        let wanted = named(&app, &params)?;
        let is_filtered = call.route.params.iter().any(|param| param.name == "status");
        let status = if is_filtered { params.text("status") } else { None };
        let whole = |name| params.whole(name).and_then(|n| usize::try_from(n).ok());
        let (limit, offset) = (whole("limit").unwrap_or(100), whole("offset").unwrap_or(0));
        let snapshot = read(&app).await;
        let all: &[Model] = match &wanted {
            None => snapshot.as_deref().map(Snapshot::rows).unwrap_or_default(),
            Some(slug) => rows_of(snapshot.as_ref(), slug.as_str()),
        };
        let fits = |row: &&Model| status.is_none_or(|status| row.health.as_str() == status);
        let total = all.iter().filter(fits).count();
        let counts = ModelCounts::of(all);
        let rows: Vec<ModelHealth> = all
            .iter()
            .filter(fits)
            .skip(offset)
            .take(limit)
            .map(ModelHealth::of)
            .collect();
        let timestamp = app.node.time().wall().to_string();
        json(&value!({
            "data": rows,
            "models": rows,
            "total_models": total,
            "tracked_models": counts.tracked,
            "limit": limit,
            "offset": offset,
            "has_more": offset.saturating_add(rows.len()) < total,
            "metadata": { "total_models": total, "tracked_models": counts.tracked, "timestamp": timestamp },
        }))
    })
}

fn model(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let params = call.params()?;
        let (id, wanted) = (params.always("id"), named(&app, &params)?);
        let snapshot = read(&app).await;
        let data: Vec<(HealthStatus, ModelHealth)> = snapshot.as_ref().map_or_else(Vec::new, |snapshot| {
            let rows = snapshot.with_id(id).iter();
            let rows = rows.filter_map(|&row| snapshot.rows().get(row as usize));
            rows.filter(|row| wanted.as_ref().is_none_or(|slug| row.provider.slug == *slug))
                .map(|row| (row.health, ModelHealth::of(row)))
                .collect()
        });
        let best = [
            HealthStatus::Healthy,
            HealthStatus::Degraded,
            HealthStatus::Down,
            HealthStatus::Unknown,
        ]
        .into_iter()
        .find(|status| data.iter().any(|(of, _)| of == status));
        let Some(best) = best else {
            let shown: String = id.chars().take(120).collect();
            return Err(Problem::new(
                Code::ModelNotFound,
                format!("there is no model `{shown}`"),
            ));
        };
        json(&ModelHealthDetail {
            model_id: id.to_owned(),
            status: best.as_str(),
            data: data.into_iter().map(|(_, health)| health).collect(),
            timestamp: app.node.time().wall().to_string(),
        })
    })
}

fn model_stats(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let snapshot = read(&app).await;
        let rows = snapshot.as_deref().map(Snapshot::rows).unwrap_or_default();
        let counts = ModelCounts::of(rows);
        json(&value!({
            "total_models": counts.total,
            "tracked_models": counts.tracked,
            "by_status": {
                "healthy": counts.healthy,
                "degraded": counts.degraded,
                "unhealthy": counts.unhealthy,
                "unknown": counts.unknown,
            },
            "timestamp": app.node.time().wall().to_string(),
        }))
    })
}

fn summary(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let view = View::of(&app).await;
        let rows = view.snapshot.as_deref().map(Snapshot::rows).unwrap_or_default();
        let tracked = rows.iter().filter(|row| row.health != HealthStatus::Unknown);
        json(&HealthSummary {
            providers: view.providers(),
            models: tracked.take(IN_SUMMARY).map(ModelHealth::of).collect(),
            monitoring_active: view.is_watched(),
            last_check: view.last_check(),
            system: view.system,
        })
    })
}

fn uptime(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let view = View::of(&app).await;
        json(&HealthUptime {
            status: view.system.overall_status,
            uptime_seconds: view.now.since(app.started).as_secs_f64(),
            started_at: app.started.to_string(),
            system_uptime: view.system.system_uptime,
            timestamp: view.now.to_string(),
        })
    })
}

fn dashboard(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let view = View::of(&app).await;
        let troubled = |gateway: &&Gateway| matches!(gateway.standing, Standing::Degraded | Standing::Unhealthy);
        let breakers: Vec<CircuitBreaker> = view
            .picture
            .gateways
            .iter()
            .filter(troubled)
            .map(|gateway| CircuitBreaker::of(&gateway.provider.slug, &gateway.state.breaker))
            .collect();
        json(&value!({
            "system": view.system,
            "gateways": view.picture.counts,
            "providers": view.providers(),
            "troubled": breakers,
            "monitoring_active": view.is_watched(),
            "last_check": view.last_check(),
            "uptime_seconds": view.now.since(app.started).as_secs_f64(),
            "timestamp": view.now.to_string(),
        }))
    })
}

fn status(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let view = View::of(&app).await;
        json(&SystemStatus {
            status: view.system.overall_status,
            monitoring_active: view.is_watched(),
            last_check: view.last_check(),
            healthy_gateways: view.system.healthy_gateways,
            tracked_gateways: view.picture.counts.tracked(),
            timestamp: view.now.to_string(),
        })
    })
}

fn monitoring(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let view = View::of(&app).await;
        json(&MonitoringStatus {
            monitoring_active: view.is_watched(),
            source: "the lists and calls that are made anyway",
            last_check: view.last_check(),
            tracked_models: view.system.tracked_models,
            tracked_providers: view.system.tracked_providers,
            timestamp: view.now.to_string(),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gatewayz_cache_core::UnixMillis;
    use gatewayz_catalog::{Provider, Slug};
    use gatewayz_providers::ProviderState;

    use super::{ModelCounts, ProviderHealth, SystemHealth};
    use crate::routes::health::{
        judge::{GatewayCounts, Standing},
        picture::Gateway,
    };

    fn keys(of: &impl serde::Serialize) -> Vec<String> {
        let value = serde_json::to_value(of).unwrap();
        value.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn the_system_has_the_documented_fields() {
        let counts = GatewayCounts::of([
            Standing::Healthy,
            Standing::Degraded,
            Standing::Unhealthy,
            Standing::Unconfigured,
        ]);
        let system = SystemHealth::of(&counts, &ModelCounts::of([]), Some(UnixMillis(0)), true);
        assert_eq!((system.system_uptime, system.tracked_providers), (66.67, 3));
        let mut documented = [
            "overall_status",
            "total_providers",
            "healthy_providers",
            "degraded_providers",
            "unhealthy_providers",
            "total_models",
            "healthy_models",
            "degraded_models",
            "unhealthy_models",
            "total_gateways",
            "healthy_gateways",
            "tracked_models",
            "tracked_providers",
            "system_uptime",
            "last_updated",
        ];
        documented.sort_unstable();
        let mut keys = keys(&system);
        keys.sort_unstable();
        assert_eq!(keys, documented);
    }

    #[test]
    fn a_provider_without_models_has_no_uptime() {
        let gateway = Gateway {
            provider: Arc::new(Provider::new(Slug::new("groq").unwrap(), "Groq")),
            state: ProviderState::default(),
            standing: Standing::Unconfigured,
            listed_at: None,
            list_ms: None,
            error: Some("set GROQ_API_KEY".to_owned()),
            models: 0,
        };
        let health = ProviderHealth::of(&gateway, &[]);
        assert_eq!(
            (health.status, health.overall_uptime, health.avg_response_time_ms),
            ("unknown", None, None)
        );
        let mut documented = [
            "provider",
            "gateway",
            "status",
            "total_models",
            "healthy_models",
            "degraded_models",
            "unhealthy_models",
            "avg_response_time_ms",
            "overall_uptime",
            "last_checked",
            "error_message",
        ];
        documented.sort_unstable();
        let mut keys = keys(&health);
        keys.sort_unstable();
        assert_eq!(keys, documented);
    }
}
