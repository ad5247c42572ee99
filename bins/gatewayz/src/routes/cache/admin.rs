//! The same under the names that the administration had.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use gatewayz_cache_core::Propagation;
use gatewayz_catalog::Changes;

use super::{BASE, refresh, seconds, status::Cached, timestamp};
use crate::{
    admin::{Deed, carry_out},
    app::App,
    http::{Access, Call, Code, Deadline, Handler, Outcome, Problem, Route, Verb, json},
    openapi::{Answers, Shape as _, shape},
};

pub(super) static ROUTES: &[&Route] = &[&STATUS, &PROVIDERS, &HUGGINGFACE, &REFRESH_HUGGINGFACE];

/// How many ids an answer has at most.
const IDS: usize = 1000;
const HUGGINGFACE_SLUG: &str = "huggingface";

const ADMIN: Route = Route {
    access: Access::Admin,
    ..BASE
};

static STATUS: Route = Route {
    name: "adminCacheStatus",
    paths: &["/admin/cache-status"],
    handler: Handler::Now(status),
    summary: "Whether the catalogue is cached, and for how many providers.",
    answers: Answers::json(AdminStatus::schema),
    ..ADMIN
};

static PROVIDERS: Route = Route {
    name: "refreshProviders",
    verb: Verb::Post,
    paths: &["/admin/refresh-providers"],
    handler: Handler::Later(providers),
    summary: "Writes all known providers to the store; where one is new or different, the catalogue is forgotten.",
    answers: Answers::json(ProvidersRefreshed::schema).or(&[Code::Unavailable]),
    ..ADMIN
};

static HUGGINGFACE: Route = Route {
    name: "huggingfaceCacheStatus",
    paths: &["/admin/huggingface-cache-status"],
    handler: Handler::Now(huggingface),
    summary: "What is cached of Hugging Face, which is a provider like the others.",
    answers: Answers::json(HuggingFaceStatus::schema),
    ..ADMIN
};

static REFRESH_HUGGINGFACE: Route = Route {
    name: "refreshHuggingfaceCache",
    verb: Verb::Post,
    paths: &["/admin/refresh-huggingface-cache"],
    deadline: Deadline::Long(Duration::from_secs(120)),
    handler: Handler::Later(refresh_huggingface),
    summary: "Fetches the list of Hugging Face anew.",
    answers: Answers::json(HuggingFaceRefreshed::schema).or(&[
        Code::ProviderNotFound,
        Code::ProviderFailed,
        Code::Conflict,
        Code::Unavailable,
    ]),
    ..ADMIN
};

shape! {
    /// Whether the catalogue is cached.
    struct AdminStatus {
        status: &'static str,
        cache_info: CacheInfo,
        timestamp: String,
    }

    /// How old what is cached is.
    struct CacheInfo {
        has_data: bool,
        cache_age_seconds: Option<f64>,
        ttl_seconds: u64,
        /// Whether it is fresh.
        is_valid: bool,
        total_cached_providers: u64,
    }

    /// Which providers were written.
    struct ProvidersRefreshed {
        status: &'static str,
        message: &'static str,
        total_providers: usize,
        added: u64,
        changed: u64,
        unchanged: u64,
        /// `acknowledged`: no node serves what was there before. `deferred`: the others hear of it when Redis answers.
        propagation: &'static str,
        timestamp: String,
    }

    /// What is cached of Hugging Face.
    struct HuggingFaceStatus {
        huggingface_cache: HuggingFaceCache,
        timestamp: String,
    }

    /// Its rows.
    struct HuggingFaceCache {
        age_seconds: Option<f64>,
        is_valid: bool,
        total_cached_models: u64,
        /// A thousand of them at most.
        cached_model_ids: Vec<String>,
    }

    /// That the list of Hugging Face was fetched.
    struct HuggingFaceRefreshed {
        message: String,
        /// As in the answer of `/admin/refresh-providers`.
        propagation: &'static str,
        timestamp: String,
    }
}

fn status(app: &Arc<App>, _call: &Call) -> Outcome {
    let cached = Cached::of(app);
    json(&AdminStatus {
        status: "success",
        cache_info: CacheInfo {
            has_data: cached.rows(None) > 0,
            cache_age_seconds: cached.age().map(seconds),
            ttl_seconds: cached.ttl().as_secs(),
            is_valid: cached.is_valid(),
            total_cached_providers: cached.providers(),
        },
        timestamp: timestamp(app),
    })
}

/// Writes the providers, and forgets what shows them where one is different.
pub(crate) async fn put_providers(app: &App) -> Result<(Changes, Propagation), Problem> {
    let changes = app.sync.put_providers().await.map_err(|error| {
        tracing::warn!(%error, "the providers could not be written");
        Problem::new(Code::Unavailable, "the database cannot be written at present")
    })?;
    let propagation = if changes.written() > 0 {
        app.catalog.invalidate_full_catalog().await
    } else {
        Propagation::Acknowledged
    };
    Ok((changes, propagation))
}

fn providers(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let deed = Deed::begin(&call, "refresh the providers", "all");
        let (changes, propagation) = carry_out({
            let app = Arc::clone(&app);
            async move {
                let outcome = put_providers(&app).await;
                match &outcome {
                    Ok((_, propagation)) => deed.done(Some(*propagation)),
                    Err(problem) => deed.failed(problem.message()),
                }
                outcome
            }
        })
        .await?;
        json(&ProvidersRefreshed {
            status: "success",
            message: "The store has all known providers",
            total_providers: app.catalog.directory().iter().len(),
            added: changes.added,
            changed: changes.changed,
            unchanged: changes.unchanged,
            propagation: propagation.as_str(),
            timestamp: timestamp(&app),
        })
    })
}

fn huggingface(app: &Arc<App>, _call: &Call) -> Outcome {
    let cached = Cached::of(app);
    let ids: Vec<String> = cached.snapshot().map_or_else(Vec::new, |snapshot| {
        let rows = snapshot.provider_rows(HUGGINGFACE_SLUG);
        let rows = snapshot
            .rows()
            .get(rows.start as usize..rows.end as usize)
            .unwrap_or_default();
        rows.iter().take(IDS).map(|row| row.id.to_string()).collect()
    });
    let provider = app.catalog.directory().resolve(HUGGINGFACE_SLUG);
    let total = provider.map_or(0, |provider| cached.rows(Some(&**provider)));
    json(&HuggingFaceStatus {
        huggingface_cache: HuggingFaceCache {
            age_seconds: cached.age().map(seconds),
            is_valid: total > 0 && cached.is_valid(),
            total_cached_models: total,
            cached_model_ids: ids,
        },
        timestamp: timestamp(app),
    })
}

fn refresh_huggingface(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let known = app.catalog.directory().resolve(HUGGINGFACE_SLUG).cloned();
        let provider = known.ok_or_else(|| crate::routes::models::unknown_provider(&app, HUGGINGFACE_SLUG))?;
        let deed = Deed::begin(&call, "refresh the cache", HUGGINGFACE_SLUG);
        let app_ = Arc::clone(&app);
        let fetched = carry_out(async move { refresh::one(&app_, &provider, deed).await }).await?;
        let (message, propagation) = match fetched {
            refresh::Fetched::Refreshed(rows, propagation) => (
                format!("The list of Hugging Face was fetched: {rows} models"),
                propagation,
            ),
            refresh::Fetched::NotSupported(why) => (
                format!("The list of Hugging Face was not fetched: {why}"),
                Propagation::Acknowledged,
            ),
        };
        json(&HuggingFaceRefreshed {
            message,
            propagation: propagation.as_str(),
            timestamp: timestamp(&app),
        })
    })
}
