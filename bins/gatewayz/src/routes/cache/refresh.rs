//! Reading the catalogue anew, fetching a provider's list anew, and making what will be asked for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use gatewayz_cache_core::{Clock as _, KernelClock, Propagation, UnixMillis};
use gatewayz_catalog::{Outcome as Synced, Provider, Slug};

use super::{BASE, GATEWAY, named, now, status::Cached, timestamp};
use crate::{
    admin::{Deed, carry_out},
    app::App,
    background::{Warmed, warm},
    http::{Call, Code, Deadline, Handler, Kind, Outcome, Param, Problem, Route, Verb, json},
    openapi::{Answers, Shape as _, shape},
    routes::{models::unavailable, sync},
};

pub(super) static ROUTES: &[&Route] = &[&REFRESH, &REFRESH_ONE, &WARM, &PRICING];

/// As long as a whole list may take, and writing it.
const LONG: Deadline = Deadline::Long(Duration::from_secs(120));

static REFRESH: Route = Route {
    name: "refreshCache",
    verb: Verb::Post,
    paths: &["/cache/refresh"],
    deadline: LONG,
    params: &[GATEWAY.default("all")],
    handler: Handler::Later(refresh),
    summary: "Reads the catalogue anew from the store, or fetches a provider's list anew.",
    answers: Answers::json(CacheRefreshed::schema).or(&[
        Code::ProviderNotFound,
        Code::ProviderFailed,
        Code::Conflict,
        Code::Unavailable,
    ]),
    ..BASE
};

static REFRESH_ONE: Route = Route {
    name: "refreshGatewayCache",
    verb: Verb::Post,
    paths: &["/cache/refresh/{gateway}"],
    deadline: LONG,
    params: &[
        Param::path("gateway", Kind::Gateway, "Whose: a provider's name, or `all`."),
        Param::query(
            "force",
            Kind::Flag,
            "Whether the list is fetched although it came less than a sync's interval ago.",
        )
        .default("false"),
    ],
    handler: Handler::Later(refresh_one),
    summary: "Fetches a provider's list anew, unless it is a recent one.",
    answers: Answers::json(GatewayCacheRefreshed::schema).or(&[
        Code::ProviderNotFound,
        Code::ProviderFailed,
        Code::Conflict,
        Code::Unavailable,
    ]),
    ..BASE
};

static WARM: Route = Route {
    name: "warmCache",
    verb: Verb::Post,
    paths: &["/api/system/cache/warm"],
    deadline: LONG,
    handler: Handler::Later(warm_up),
    summary: "Makes what is asked for most, on this node and for the others.",
    answers: Answers::json(CacheWarmed::schema).or(&[Code::Unavailable]),
    ..BASE
};

static PRICING: Route = Route {
    name: "refreshPricing",
    verb: Verb::Post,
    paths: &["/cache/pricing/refresh"],
    deadline: LONG,
    handler: Handler::Later(pricing),
    summary: "Reads all prices anew, those that operators set in the store among them.",
    answers: Answers::json(PricingRefreshed::schema).or(&[Code::Unavailable]),
    ..BASE
};

shape! {
    /// What was read anew.
    struct CacheRefreshed {
        success: bool,
        gateway: String,
        models_count: u64,
        cached_at: String,
        message: String,
        /// `acknowledged`: no node serves what was there before. `deferred`: the others hear of it when Redis answers.
        propagation: &'static str,
    }

    /// What became of a provider's list.
    struct GatewayCacheRefreshed {
        success: bool,
        message: String,
        gateway: String,
        /// How many rows its list has now.
        #[serde(skip_serializing_if = "Option::is_none")]
        models_cached: Option<u64>,
        /// `refreshed`; `skipped`: the list is a recent one; `not_supported`: it has none, or lacks a setting.
        action: &'static str,
        /// As in the answer of `/cache/refresh`.
        propagation: &'static str,
        timestamp: String,
    }

    /// What was made.
    struct CacheWarmed {
        success: bool,
        warmed: CacheWarmedRows,
        duration_ms: u64,
        timestamp: String,
    }

    /// How many rows were made of what.
    struct CacheWarmedRows {
        full: u64,
        unique: u64,
        gateways: BTreeMap<&'static str, u64>,
    }

    /// Whose prices are known.
    struct PricingRefreshed {
        success: bool,
        message: &'static str,
        /// How many providers have a price that is known.
        providers_loaded: u64,
        /// As in the answer of `/cache/refresh`.
        propagation: &'static str,
        timestamp: String,
    }
}

/// Reads the store anew, lets every node forget the rest, and makes what is asked for most.
///
/// In this order: where the store cannot be read, what is cached stays.
async fn everything(app: &App, deed: Deed) -> Result<(Warmed, Propagation), Problem> {
    if let Err(error) = app.catalog.reload().await {
        deed.failed(&error.to_string());
        return Err(unavailable(&error));
    }
    let propagation = app.catalog.invalidate_full_catalog().await;
    match warm(app).await {
        Ok(warmed) => {
            deed.done(Some(propagation));
            Ok((warmed, propagation))
        }
        Err(error) => {
            deed.failed(&error.to_string());
            Err(unavailable(&error))
        }
    }
}

/// What became of one provider's list.
pub(super) enum Fetched {
    /// It came, with so many rows.
    Refreshed(u64, Propagation),
    /// It cannot come, for this reason.
    NotSupported(String),
}

/// Fetches and writes one list.
pub(super) async fn one(app: &Arc<App>, provider: &Provider, deed: Deed) -> Result<Fetched, Problem> {
    let slug = &provider.slug;
    let turn = match sync::Turn::take(app) {
        Ok(turn) => turn,
        Err(conflict) => {
            deed.failed("a sync is under way");
            return Err(conflict);
        }
    };
    let mut options = crate::engine::sync_options(&app.config());
    options.providers = Some(vec![slug.clone()]);
    let report = app.sync.run(&options).await;
    drop(turn);
    let propagation = sync::propagation(&report);
    let Some(of) = report.providers.get(slug) else {
        deed.failed("nothing became of it");
        return Err(Problem::new(Code::Internal, "the sync says nothing of this provider"));
    };
    match &of.outcome {
        Synced::Synced(_) | Synced::Kept => {
            deed.done(Some(propagation));
            Ok(Fetched::Refreshed(of.rows, propagation))
        }
        Synced::Failed { kind, message, .. } if matches!(kind.as_str(), "no-list" | "not-configured") => {
            deed.done(None);
            Ok(Fetched::NotSupported(message.clone()))
        }
        Synced::Failed { kind, message, .. } => {
            deed.failed(message);
            let code = if kind == "store" {
                Code::Unavailable
            } else {
                Code::ProviderFailed
            };
            let problem = Problem::new(code, format!("the list of {slug} was not refreshed: {message}"));
            Err(if kind == "backed-off" {
                problem.suggest([format!("POST /circuit-breakers/{slug}/reset lets it be asked at once")])
            } else {
                problem
            })
        }
    }
}

fn refresh(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let Some(provider) = named(&app, &call.params()?)? else {
            let deed = Deed::begin(&call, "refresh the cache", "all");
            let (warmed, propagation) = carry_out({
                let app = Arc::clone(&app);
                async move { everything(&app, deed).await }
            })
            .await?;
            return json(&CacheRefreshed {
                success: true,
                gateway: "all".to_owned(),
                models_count: warmed.full,
                cached_at: timestamp(&app),
                message: "Cache refreshed successfully for all".to_owned(),
                propagation: propagation.as_str(),
            });
        };
        let deed = Deed::begin(&call, "refresh the cache", provider.slug.as_str());
        let (app_, of) = (Arc::clone(&app), Arc::clone(&provider));
        let fetched = carry_out(async move { one(&app_, &of, deed).await }).await?;
        let slug = provider.slug.as_str();
        let (success, models_count, propagation, message) = match fetched {
            Fetched::Refreshed(rows, propagation) => (
                true,
                rows,
                propagation,
                format!("Cache refreshed successfully for {slug}"),
            ),
            Fetched::NotSupported(why) => {
                let rows = Cached::of(&app).rows(Some(&provider));
                (
                    false,
                    rows,
                    Propagation::Acknowledged,
                    format!("Not supported for {slug}: {why}"),
                )
            }
        };
        json(&CacheRefreshed {
            success,
            gateway: slug.to_owned(),
            models_count,
            cached_at: timestamp(&app),
            message,
            propagation: propagation.as_str(),
        })
    })
}

/// When a provider's list came last, as far as this node knows: fetched by itself, or by the last scheduled sync of any.
pub(crate) async fn last_listed(app: &App, slug: &Slug) -> Option<UnixMillis> {
    let own = app.lists.states().state(slug).await.last_success;
    own.max(listed_by_schedule(app, slug).await)
}

async fn listed_by_schedule(app: &App, slug: &Slug) -> Option<UnixMillis> {
    let report = app.schedule.last().await?;
    let listed = matches!(report.providers.get(slug)?.outcome, Synced::Synced(_));
    listed.then_some(UnixMillis(report.started_at))
}

/// Whether a list that came then is a recent one.
fn is_recent(listed: Option<UnixMillis>, now: UnixMillis, interval: Duration) -> bool {
    listed.is_some_and(|listed| now.since(listed) < interval)
}

fn refresh_one(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let params = call.params()?;
        let force = params.flag("force");
        let answer = |app: &App, gateway: &str, action: &'static str| GatewayCacheRefreshed {
            success: true,
            message: format!("Cache refreshed for {gateway}"),
            gateway: gateway.to_owned(),
            models_cached: None,
            action,
            propagation: Propagation::Acknowledged.as_str(),
            timestamp: timestamp(app),
        };
        let Some(provider) = named(&app, &params)? else {
            let deed = Deed::begin(&call, "refresh the cache", "all");
            let (warmed, propagation) = carry_out({
                let app = Arc::clone(&app);
                async move { everything(&app, deed).await }
            })
            .await?;
            let mut all = answer(&app, "all", "refreshed");
            all.models_cached = Some(warmed.full);
            all.propagation = propagation.as_str();
            return json(&all);
        };
        let slug = provider.slug.as_str();
        let interval = app.config().sync.interval;
        if !force && is_recent(last_listed(&app, &provider.slug).await, now(&app), interval) {
            let mut skipped = answer(&app, slug, "skipped");
            skipped.message = format!("The list of {slug} is a recent one; ask with force=true to fetch it anyway");
            return json(&skipped);
        }
        let deed = Deed::begin(&call, "refresh the cache", slug);
        let (app_, of) = (Arc::clone(&app), Arc::clone(&provider));
        match carry_out(async move { one(&app_, &of, deed).await }).await? {
            Fetched::Refreshed(rows, propagation) => {
                let mut refreshed = answer(&app, slug, "refreshed");
                refreshed.models_cached = Some(rows);
                refreshed.propagation = propagation.as_str();
                json(&refreshed)
            }
            Fetched::NotSupported(why) => {
                let mut refused = answer(&app, slug, "not_supported");
                refused.success = false;
                refused.message = format!("Not supported for {slug}: {why}");
                json(&refused)
            }
        }
    })
}

fn warm_up(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let deed = Deed::begin(&call, "warm the cache", "all");
        let started = KernelClock.now();
        let warmed = match warm(&app).await {
            Ok(warmed) => warmed,
            Err(error) => {
                deed.failed(&error.to_string());
                return Err(unavailable(&error));
            }
        };
        deed.done(None);
        let took = KernelClock.now().since(started);
        json(&CacheWarmed {
            success: true,
            warmed: CacheWarmedRows {
                full: warmed.full,
                unique: warmed.unique,
                gateways: warmed.gateways,
            },
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            timestamp: timestamp(&app),
        })
    })
}

fn pricing(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let deed = Deed::begin(&call, "refresh the prices", "all");
        // Where the store cannot be read, what is cached stays.
        if let Err(error) = app.catalog.reload().await {
            deed.failed(&error.to_string());
            return Err(unavailable(&error));
        }
        let propagation = app.catalog.invalidate_full_catalog().await;
        let snapshot = match app.catalog.snapshot().await {
            Ok(snapshot) => snapshot,
            Err(error) => {
                deed.failed(&error.to_string());
                return Err(unavailable(&error));
            }
        };
        deed.done(Some(propagation));
        let priced = |rows: &std::ops::Range<u32>| {
            let rows = snapshot
                .rows()
                .get(rows.start as usize..rows.end as usize)
                .unwrap_or_default();
            rows.iter().any(|row| !row.pricing.is_unknown())
        };
        let providers_loaded = snapshot.providers().iter().filter(|(_, rows)| priced(rows)).count() as u64;
        json(&PricingRefreshed {
            success: true,
            message: "Prices were read anew",
            providers_loaded,
            propagation: propagation.as_str(),
            timestamp: timestamp(&app),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatewayz_cache_core::UnixMillis;

    use super::is_recent;

    #[test]
    fn a_list_is_recent_for_an_interval() {
        let interval = Duration::from_secs(60);
        let now = UnixMillis(1_000_000);
        assert!(!is_recent(None, now, interval));
        assert!(is_recent(Some(UnixMillis(940_001)), now, interval));
        assert!(!is_recent(Some(UnixMillis(940_000)), now, interval));
        assert!(
            is_recent(Some(UnixMillis(2_000_000)), now, interval),
            "a clock that is ahead"
        );
    }
}
