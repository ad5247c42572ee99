//! How the system, its providers and its models are, for those who have a key.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::{HealthStatus, Model, Snapshot};
use serde_json::{Value, json as value};

use super::{
    BASE, KEYED,
    forms::{
        HealthAll, HealthAllDatabase, HealthAllModels, HealthAllProviders, HealthSummary, HealthUptime, ModelCounts,
        ModelHealth, ModelHealthDetail, MonitoringStatus, ProviderHealth, SystemHealth, SystemStatus, rows_of,
    },
    judge::Standing,
    picture::{Gateway, Picture, picture},
};
use crate::{
    app::App,
    http::{Call, Code, Handler, Kind, Outcome, Param, Params, Problem, Route, json},
    openapi::{Answers, Book, Shape as _},
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

fn anything(_book: &mut Book) -> Value {
    value!({ "type": "object" })
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
