//! What is said of the health of the system, its providers and its models.

use std::sync::Arc;

use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::{HealthCounts, Model, Snapshot};

use super::{
    judge::{GatewayCounts, percent},
    picture::Gateway,
};
use crate::openapi::shape;

shape! {
    /// How the system is.
    pub(super) struct SystemHealth {
        /// `healthy`, `degraded`, `unhealthy` or `unknown`.
        pub(super) overall_status: &'static str,
        pub(super) total_providers: u32,
        pub(super) healthy_providers: u32,
        pub(super) degraded_providers: u32,
        pub(super) unhealthy_providers: u32,
        pub(super) total_models: u32,
        pub(super) healthy_models: u32,
        pub(super) degraded_models: u32,
        pub(super) unhealthy_models: u32,
        pub(super) total_gateways: u32,
        pub(super) healthy_gateways: u32,
        /// Models of which something is known.
        pub(super) tracked_models: u32,
        /// Providers of which something is known.
        pub(super) tracked_providers: u32,
        /// The providers that may be called, of those of which something is known, in percent; 0 while nothing is.
        pub(super) system_uptime: f64,
        /// When something was found out last.
        pub(super) last_updated: Option<String>,
    }

    /// How a provider is.
    pub(super) struct ProviderHealth {
        pub(super) provider: String,
        pub(super) gateway: String,
        /// `online`, `offline`, `degraded`, `maintenance` or `unknown`.
        pub(super) status: &'static str,
        pub(super) total_models: u32,
        pub(super) healthy_models: u32,
        pub(super) degraded_models: u32,
        pub(super) unhealthy_models: u32,
        /// The mean over the models of which it is known; `null` where it is of none.
        pub(super) avg_response_time_ms: Option<f64>,
        /// The models that answer, of those of which something is known, in percent; `null` where it is of none.
        pub(super) overall_uptime: Option<f64>,
        pub(super) last_checked: Option<String>,
        pub(super) error_message: Option<String>,
    }

    /// How a model is. What nobody has measured is `null`.
    pub(super) struct ModelHealth {
        pub(super) model_id: String,
        pub(super) provider: String,
        pub(super) gateway: String,
        /// `healthy`, `degraded`, `down` or `unknown`.
        pub(super) status: &'static str,
        pub(super) response_time_ms: Option<f64>,
        pub(super) success_rate: Option<f64>,
        pub(super) last_checked: Option<String>,
        pub(super) last_success: Option<String>,
        pub(super) last_failure: Option<String>,
        pub(super) error_count: Option<u64>,
        pub(super) total_requests: Option<u64>,
        pub(super) avg_response_time_ms: Option<f64>,
        pub(super) uptime_percentage: Option<f64>,
        pub(super) error_message: Option<String>,
    }

    /// How a model is, at each provider that serves it.
    pub(super) struct ModelHealthDetail {
        pub(super) model_id: String,
        /// The best of them.
        pub(super) status: &'static str,
        pub(super) data: Vec<ModelHealth>,
        pub(super) timestamp: String,
    }

    /// How many models are how.
    pub(super) struct ModelCounts {
        pub(super) total: u32,
        pub(super) tracked: u32,
        pub(super) healthy: u32,
        pub(super) degraded: u32,
        pub(super) unhealthy: u32,
        pub(super) unknown: u32,
    }

    /// The whole in short.
    pub(super) struct HealthAll {
        pub(super) status: &'static str,
        pub(super) overall_status: &'static str,
        pub(super) timestamp: String,
        pub(super) system: SystemHealth,
        pub(super) providers: HealthAllProviders,
        pub(super) models: HealthAllModels,
        pub(super) database: HealthAllDatabase,
    }

    /// The providers in short.
    pub(super) struct HealthAllProviders {
        pub(super) total: u32,
        pub(super) healthy: u32,
        pub(super) degraded: u32,
        pub(super) unhealthy: u32,
        /// Ten of them at most, the worst first.
        pub(super) details: Vec<ProviderHealth>,
    }

    /// The models in short.
    pub(super) struct HealthAllModels {
        pub(super) total: u32,
        pub(super) healthy: u32,
        pub(super) unhealthy: u32,
    }

    /// The database in short.
    pub(super) struct HealthAllDatabase {
        /// `connected`, `unavailable` or `not_initialized`.
        pub(super) status: &'static str,
        pub(super) initialized: bool,
        pub(super) error: Option<&'static str>,
    }

    /// The system, its providers and its models.
    pub(super) struct HealthSummary {
        pub(super) system: SystemHealth,
        pub(super) providers: Vec<ProviderHealth>,
        /// A hundred at most, of which something is known.
        pub(super) models: Vec<ModelHealth>,
        /// Whether something was found out within the last five minutes.
        pub(super) monitoring_active: bool,
        pub(super) last_check: Option<String>,
    }

    /// How long the gateway has been running.
    pub(super) struct HealthUptime {
        pub(super) status: &'static str,
        pub(super) uptime_seconds: f64,
        pub(super) started_at: String,
        /// As in `/health/system`.
        pub(super) system_uptime: f64,
        pub(super) timestamp: String,
    }

    /// How the system is, in a few words.
    pub(super) struct SystemStatus {
        pub(super) status: &'static str,
        pub(super) monitoring_active: bool,
        pub(super) last_check: Option<String>,
        pub(super) healthy_gateways: u32,
        pub(super) tracked_gateways: u32,
        pub(super) timestamp: String,
    }

    /// Whether something was found out lately.
    pub(super) struct MonitoringStatus {
        pub(super) monitoring_active: bool,
        /// Where health comes from: the lists and calls that are made anyway.
        pub(super) source: &'static str,
        pub(super) last_check: Option<String>,
        pub(super) tracked_models: u32,
        pub(super) tracked_providers: u32,
        pub(super) timestamp: String,
    }
}

impl ModelCounts {
    pub(super) fn of<'m>(rows: impl IntoIterator<Item = &'m Model>) -> Self {
        let mut counts = HealthCounts::default();
        rows.into_iter().for_each(|row| counts.count(row));
        let tracked = counts.healthy + counts.degraded + counts.down;
        Self {
            total: tracked + counts.unknown,
            tracked,
            healthy: counts.healthy,
            degraded: counts.degraded,
            unhealthy: counts.down,
            unknown: counts.unknown,
        }
    }
}

impl ModelHealth {
    pub(super) fn of(row: &Model) -> Self {
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
pub(super) fn rows_of<'s>(snapshot: Option<&'s Arc<Snapshot>>, slug: &str) -> &'s [Model] {
    let Some(snapshot) = snapshot else { return &[] };
    let rows = snapshot.provider_rows(slug);
    snapshot
        .rows()
        .get(rows.start as usize..rows.end as usize)
        .unwrap_or_default()
}

impl ProviderHealth {
    pub(super) fn of(gateway: &Gateway, rows: &[Model]) -> Self {
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
    pub(super) fn of(counts: &GatewayCounts, models: &ModelCounts, last: Option<UnixMillis>, database: bool) -> Self {
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
