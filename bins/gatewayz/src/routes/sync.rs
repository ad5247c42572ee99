//! Administration of syncs: fetching the providers' lists and writing them, when an operator wants it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use gatewayz_cache_core::Propagation;
use gatewayz_catalog::{
    FetchedList, ListError, ListSource, Outcome as Synced, Phase, Progress, ProviderReport, Skipped, Slug, Sync,
    SyncOptions, SyncReport, WriteMode,
};
use serde_json::{Value, json as value};
use tokio::sync::OwnedMutexGuard;

use super::{cache::put_providers, models::unknown_provider};
use crate::{
    admin::{Deed, carry_out},
    app::App,
    background::Job,
    http::{Access, Call, Code, Deadline, Handler, Kind, Outcome, Param, Payload, Problem, Route, Verb, json},
    openapi::{Answers, Shape as _, shape},
};

pub(crate) static ROUTES: &[&Route] = &[
    &PROVIDERS,
    &STATUS,
    &HEALTH,
    &ONE,
    &ALL,
    &FULL,
    &PROVIDERS_ONLY,
    &FLUSH_MODELS,
    &FLUSH_PROVIDERS,
    &RESET,
];

/// All lists, and writing them.
const LONG: Deadline = Deadline::Long(Duration::from_secs(240));
const PROBLEMS: &[Code] = &[Code::Conflict, Code::Unavailable];

const BASE: Route = Route {
    name: "",
    verb: Verb::Post,
    paths: &[],
    access: Access::Admin,
    deadline: LONG,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(|_app, _call| json(&())),
    chapter: "Model sync",
    summary: "",
    answers: Answers::json(SyncDone::schema).or(PROBLEMS),
};

const DRY_RUN: Param = Param::query("dry_run", Kind::Flag, "Whether the store is left as it is.").default("false");

static PROVIDERS: Route = Route {
    name: "syncProviders",
    verb: Verb::Get,
    paths: &["/admin/model-sync/providers"],
    deadline: Deadline::Usual,
    handler: Handler::Now(providers),
    summary: "Whose lists can be fetched.",
    ..BASE
};

static STATUS: Route = Route {
    name: "syncStatus",
    verb: Verb::Get,
    paths: &["/admin/model-sync/status"],
    deadline: Deadline::Usual,
    handler: Handler::Later(status),
    summary: "How far a sync is that runs on this node, and what became of the last scheduled one.",
    ..BASE
};

static HEALTH: Route = Route {
    name: "syncHealth",
    verb: Verb::Get,
    paths: &["/admin/model-sync/health"],
    deadline: Deadline::Usual,
    handler: Handler::Later(health),
    summary: "Whether syncs can work: the database, and how many providers are configured.",
    ..BASE
};

static ONE: Route = Route {
    name: "syncProvider",
    paths: &["/admin/model-sync/provider/{slug}"],
    params: &[Param::path("slug", Kind::Gateway, "A provider's name."), DRY_RUN],
    handler: Handler::Later(one),
    summary: "Fetches the list of one provider and writes it.",
    answers: Answers::json(SyncDone::schema).or(&[Code::ProviderNotFound, Code::Conflict, Code::Unavailable]),
    ..BASE
};

static ALL: Route = Route {
    name: "syncAll",
    paths: &["/admin/model-sync/all"],
    params: &[DRY_RUN],
    handler: Handler::Later(all),
    summary: "Fetches the lists of all active providers and writes them.",
    ..BASE
};

static FULL: Route = Route {
    name: "syncFull",
    paths: &["/admin/model-sync/full", "/admin/model-sync/trigger"],
    handler: Handler::Later(full),
    summary: "Writes all known providers, then fetches the lists of the active ones and writes them.",
    ..BASE
};

static PROVIDERS_ONLY: Route = Route {
    name: "syncProvidersOnly",
    paths: &["/admin/model-sync/providers-only"],
    handler: Handler::Later(providers_only),
    summary: "Writes all known providers.",
    ..BASE
};

static FLUSH_MODELS: Route = Route {
    name: "flushModels",
    verb: Verb::Delete,
    paths: &["/admin/model-sync/flush-models"],
    handler: Handler::Later(flush_models),
    summary: "Deactivates all models of all providers, until their lists are fetched again. Nothing is deleted.",
    ..BASE
};

static FLUSH_PROVIDERS: Route = Route {
    name: "flushProviders",
    verb: Verb::Delete,
    paths: &["/admin/model-sync/flush-providers"],
    handler: Handler::Later(flush_providers),
    summary: "Deactivates all models of all providers, and writes all known providers anew. Nothing is deleted.",
    ..BASE
};

static RESET: Route = Route {
    name: "resetAndResync",
    paths: &["/admin/model-sync/reset-and-resync"],
    handler: Handler::Later(reset),
    summary: "Deactivates all models, writes all known providers, fetches all lists and writes them.",
    ..BASE
};

shape! {
    /// What was done.
    struct SyncDone {
        success: bool,
        message: String,
        details: Value,
    }

    /// What became of one provider's list.
    struct SyncedList {
        /// `synced`, `kept` or `failed`.
        outcome: &'static str,
        /// Rows that the list had.
        models_fetched: u64,
        /// Those that could be used.
        models_transformed: u64,
        /// Those that could not.
        models_skipped: u64,
        /// Those that the store has now because of it.
        models_synced: u64,
        added: u64,
        changed: u64,
        removed: u64,
        unchanged: u64,
        duration_ms: u64,
        /// Why there is no list, or why it was not written.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    }
}

/// The right to sync: one at a time in this process.
#[derive(Debug)]
pub(crate) struct Turn {
    _guard: OwnedMutexGuard<()>,
}

impl Turn {
    /// Takes it, unless a sync is under way: then the problem says how far it is.
    pub(crate) fn take(app: &App) -> Result<Self, Problem> {
        let progress = app.sync.progress().borrow().clone();
        let free = Arc::clone(&app.sync_turn).try_lock_owned();
        match free {
            // The scheduled one takes no turn.
            Ok(guard) if progress.phase == Phase::Idle => Ok(Self { _guard: guard }),
            _ => Err(under_way(&progress)),
        }
    }
}

fn under_way(progress: &Progress) -> Problem {
    let message = match progress.phase {
        Phase::Fetching => format!(
            "a sync is under way: {} of {} lists were fetched, {} could not be",
            progress.fetched, progress.total, progress.failed
        ),
        Phase::Writing => format!("a sync is under way: it writes {} lists", progress.fetched),
        Phase::Idle => "a sync, or a flush, is under way".to_owned(),
    };
    Problem::new(Code::Conflict, message)
        .retry_after(15)
        .context(value!({ "progress": progress }))
}

/// How far the changes of a sync have reached.
pub(crate) fn propagation(report: &SyncReport) -> Propagation {
    // Nothing changed: nobody has anything to forget.
    if report.invalidated.unwrap_or(true) {
        Propagation::Acknowledged
    } else {
        Propagation::Deferred
    }
}

/// How many rows were left out, as opposed to single fields of rows that were not.
fn rows_left_out(skipped: &Skipped) -> u64 {
    let is_field = |reason: &str| reason.starts_with("price-") || reason.starts_with("modality-");
    let rows = skipped.reasons.iter().filter(|(reason, _)| !is_field(reason));
    rows.map(|(_, rows)| rows.count).sum()
}

impl SyncedList {
    fn of(report: &ProviderReport, dry_run: bool) -> Self {
        let left_out = rows_left_out(&report.skipped);
        let (outcome, changes, error) = match &report.outcome {
            Synced::Synced(changes) => ("synced", *changes, None),
            Synced::Kept => ("kept", gatewayz_catalog::Changes::default(), None),
            Synced::Failed { message, .. } => ("failed", gatewayz_catalog::Changes::default(), Some(message.clone())),
        };
        Self {
            outcome,
            models_fetched: report.rows + left_out,
            models_transformed: report.rows,
            models_skipped: left_out,
            models_synced: if dry_run {
                0
            } else {
                changes.added + changes.changed + changes.unchanged
            },
            added: changes.added,
            changed: changes.changed,
            removed: changes.removed,
            unchanged: changes.unchanged,
            duration_ms: report.duration_ms,
            error,
        }
    }
}

/// What a sync did, for an answer.
fn details(report: &SyncReport) -> Value {
    let listed: BTreeMap<&Slug, SyncedList> = report
        .providers
        .iter()
        .map(|(slug, provider)| (slug, SyncedList::of(provider, report.dry_run)))
        .collect();
    let sum = |of: fn(&SyncedList) -> u64| listed.values().map(of).sum::<u64>();
    value!({
        "dry_run": report.dry_run,
        "started_at": gatewayz_cache_core::UnixMillis(report.started_at).to_string(),
        "duration_ms": report.duration_ms,
        "providers_synced": report.synced(),
        "providers_failed": report.failed,
        "models_fetched": sum(|of| of.models_fetched),
        "models_transformed": sum(|of| of.models_transformed),
        "models_skipped": sum(|of| of.models_skipped),
        "models_synced": sum(|of| of.models_synced),
        "changes": report.total,
        "propagation": propagation(report).as_str(),
        "providers": listed,
    })
}

fn mode(dry_run: bool) -> WriteMode {
    if dry_run { WriteMode::DryRun } else { WriteMode::Apply }
}

/// Whether a sync got anything done, and the answer that says so.
fn told(report: &SyncReport, what: &str) -> SyncDone {
    let success = report.synced() > 0 || report.failed == 0;
    let (synced, failed) = (report.synced(), report.failed);
    let dry = if report.dry_run { "; nothing was written" } else { "" };
    SyncDone {
        success,
        message: format!("{what}: {synced} lists synced, {failed} not{dry}"),
        details: details(report),
    }
}

/// What is to be done in one turn, step by step.
#[derive(Clone, Debug, Default)]
struct Plan {
    /// For the log.
    what: &'static str,
    /// For the answer.
    done: &'static str,
    /// Whether all models are deactivated first.
    flush: bool,
    /// Whether the providers are written.
    put_providers: bool,
    /// Which lists are fetched.
    sync: Option<Lists>,
    dry_run: bool,
}

#[derive(Clone, Debug)]
enum Lists {
    Active,
    One(Slug),
}

/// Carries a plan out, in one turn, and tells of it.
async fn carried_out(app: Arc<App>, call: Call, on: &str, plan: Plan) -> Outcome {
    let deed = Deed::begin(&call, plan.what, on);
    let turn = match Turn::take(&app) {
        Ok(turn) => turn,
        Err(conflict) => {
            deed.failed("a sync is under way");
            return Err(conflict);
        }
    };
    let done = carry_out(async move {
        let _until_all_is_done = turn;
        let outcome = steps(&app, &plan).await;
        match &outcome {
            Ok((_, propagation)) => deed.done(Some(*propagation)),
            Err(problem) => deed.failed(problem.message()),
        }
        outcome
    });
    let (done, _) = done.await?;
    json(&done)
}

async fn steps(app: &Arc<App>, plan: &Plan) -> Result<(SyncDone, Propagation), Problem> {
    let mut reached = Propagation::Acknowledged;
    let mut more = value!({});
    // Rows have to have somebody to belong to.
    if plan.put_providers || plan.flush {
        let (changes, propagation) = put_providers(app).await?;
        reached = reached.and(propagation);
        more["providers_written"] = value!(changes);
    }
    if plan.flush {
        let report = flush(app).await;
        reached = reached.and(propagation(&report));
        more["models_deactivated"] = value!(report.total.removed);
        more["providers_flushed"] = value!(report.synced());
        if report.synced() == 0 && report.failed > 0 {
            return Err(Problem::new(
                Code::Unavailable,
                "the models could not be deactivated: the database cannot be written at present",
            ));
        }
    }
    let mut done = match &plan.sync {
        None => SyncDone {
            success: true,
            message: plan.done.to_owned(),
            details: value!({}),
        },
        Some(lists) => {
            let mut options = crate::engine::sync_options(&app.config());
            options.mode = mode(plan.dry_run);
            options.providers = match lists {
                Lists::Active => None,
                Lists::One(slug) => Some(vec![slug.clone()]),
            };
            let report = app.sync.run(&options).await;
            reached = reached.and(propagation(&report));
            told(&report, plan.done)
        }
    };
    if let (Some(into), Value::Object(more)) = (done.details.as_object_mut(), more) {
        into.extend(more);
        into.insert("propagation".to_owned(), value!(reached.as_str()));
    }
    Ok((done, reached))
}

/// A list of nothing, for everybody.
#[derive(Debug)]
struct Nothing;

impl ListSource for Nothing {
    async fn list(&self, _provider: &Slug) -> Result<FetchedList, ListError> {
        std::future::ready(Ok(FetchedList::default())).await
    }

    fn time_limit(&self, _provider: &Slug) -> Duration {
        Duration::from_secs(1)
    }
}

/// Deactivates all models, as a sync of empty lists: readers never see a part of it, and every node forgets.
async fn flush(app: &App) -> SyncReport {
    let mut options = SyncOptions::default();
    options.providers = Some(
        app.catalog
            .directory()
            .iter()
            .map(|provider| provider.slug.clone())
            .collect(),
    );
    options.allow_shrink = true;
    Sync::new(app.catalog.clone(), Arc::new(Nothing)).run(&options).await
}

fn one(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let params = call.params()?;
        let (name, dry_run) = (params.always("slug"), params.flag("dry_run"));
        let known = app.catalog.directory().resolve(name);
        let slug = known.ok_or_else(|| unknown_provider(&app, name))?.slug.clone();
        let plan = Plan {
            what: "sync one provider",
            done: "Model sync of one provider",
            sync: Some(Lists::One(slug.clone())),
            dry_run,
            ..Plan::default()
        };
        carried_out(app, call, slug.as_str(), plan).await
    })
}

fn all(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let dry_run = call.params()?.flag("dry_run");
        let plan = Plan {
            what: "sync all providers",
            done: "Model sync of all providers",
            sync: Some(Lists::Active),
            dry_run,
            ..Plan::default()
        };
        carried_out(app, call, "all", plan).await
    })
}

fn full(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    let plan = Plan {
        what: "sync providers and models",
        done: "Full sync of providers and models",
        put_providers: true,
        sync: Some(Lists::Active),
        ..Plan::default()
    };
    Box::pin(carried_out(app, call, "all", plan))
}

fn providers_only(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    let plan = Plan {
        what: "write the providers",
        done: "All known providers were written to the store",
        put_providers: true,
        ..Plan::default()
    };
    Box::pin(carried_out(app, call, "all", plan))
}

fn flush_models(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    let plan = Plan {
        what: "flush the models",
        done: "All models were deactivated; the next sync of a provider brings its models back",
        flush: true,
        ..Plan::default()
    };
    Box::pin(carried_out(app, call, "all", plan))
}

fn flush_providers(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    let plan = Plan {
        what: "flush the providers",
        done: "All models were deactivated, and all known providers were written anew; providers are never deleted",
        flush: true,
        put_providers: true,
        ..Plan::default()
    };
    Box::pin(carried_out(app, call, "all", plan))
}

fn reset(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    let plan = Plan {
        what: "reset and sync",
        done: "Reset and full sync",
        flush: true,
        put_providers: true,
        sync: Some(Lists::Active),
        ..Plan::default()
    };
    Box::pin(carried_out(app, call, "all", plan))
}

fn providers(app: &Arc<App>, _call: &Call) -> Outcome {
    let lists = app.lists.present();
    let config = app.config();
    let cached = app.catalog.at_hand().and_then(|lookup| lookup.value);
    let provider = |provider: &Arc<gatewayz_catalog::Provider>| {
        let slug = &provider.slug;
        let check = lists.check(slug);
        let count = cached
            .as_ref()
            .map(|snapshot| snapshot.provider_rows(slug.as_str()).len());
        value!({
            "slug": slug,
            "name": provider.name,
            "active": provider.active,
            "has_list": !matches!(check, Err(ListError::NoList(_))),
            "configured": check.is_ok(),
            "missing": check.err().map(|error| error.to_string()),
            "skipped_by_schedule": config.sync.skip.contains(slug),
            "models_cached": count,
        })
    };
    let rows: Vec<Value> = app.catalog.directory().iter().map(provider).collect();
    json(&SyncDone {
        success: true,
        message: format!("{} providers are known", rows.len()),
        details: value!({ "total": rows.len(), "providers": rows }),
    })
}

fn status(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let progress = app.sync.progress().borrow().clone();
        let running = progress.phase != Phase::Idle || app.sync_turn.try_lock().is_err();
        let last = app.schedule.last().await;
        let job = app
            .jobs
            .reports()
            .into_iter()
            .find(|report| report.job == Job::Sync.as_str());
        let config = app.config();
        json(&SyncDone {
            success: true,
            message: if running {
                "A sync is under way"
            } else {
                "No sync is under way"
            }
            .to_owned(),
            details: value!({
                "running": running,
                "progress": progress,
                "last_scheduled": last.as_deref().map(details),
                "schedule": {
                    "enabled": config.sync.enabled,
                    "interval_seconds": config.sync.interval.as_secs(),
                    "skip": config.sync.skip,
                },
                "job": job,
            }),
        })
    })
}

fn health(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let probe = crate::background::probe_database(&app).await;
        let lists = app.lists.present();
        let is_configured = |provider: &&Arc<gatewayz_catalog::Provider>| lists.check(&provider.slug).is_ok();
        let providers = app.catalog.directory().iter();
        let configured = providers
            .filter(|provider| provider.active)
            .filter(is_configured)
            .count();
        let success = probe.outcome.is_ok() && configured > 0;
        json(&SyncDone {
            success,
            message: match (&probe.outcome, configured) {
                (Err(why), _) => format!("syncs cannot work: {why}"),
                (Ok(_), 0) => "syncs cannot work: no provider is configured".to_owned(),
                (Ok(_), configured) => format!("syncs can work: {configured} providers are configured"),
            },
            details: value!({
                "database": probe.outcome.is_ok(),
                "schema_version": probe.outcome.ok(),
                "providers_configured": configured,
                "prepared": app.jobs.is_prepared(),
            }),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gatewayz_catalog::{Outcome as Synced, Phase, Progress, ProviderReport, Skipped, SyncReport};
    use serde_json::json;

    use super::{SyncedList, details, propagation, told, under_way};
    use crate::http::Code;

    fn report(of: serde_json::Value) -> ProviderReport {
        serde_json::from_value(of).unwrap()
    }

    fn groq() -> ProviderReport {
        report(json!({
            "outcome": { "synced": { "added": 3, "changed": 1, "removed": 2, "unchanged": 6 } },
            "rows": 10, "bytes": 0, "pages": 1, "duration_ms": 12,
            "skipped": { "reasons": {
                "id-missing": { "count": 2, "samples": [] },
                "price-absurd": { "count": 5, "samples": [] },
            } },
        }))
    }

    #[test]
    fn rows_that_were_left_out_are_skipped_and_fields_are_not() {
        let wet = SyncedList::of(&groq(), false);
        assert_eq!(
            (
                wet.models_fetched,
                wet.models_transformed,
                wet.models_skipped,
                wet.models_synced
            ),
            (12, 10, 2, 10)
        );
        assert_eq!(SyncedList::of(&groq(), true).models_synced, 0, "nothing was written");
        let failed = report(json!({
            "outcome": { "failed": { "kind": "status", "message": "status 500: oops", "transient": true } },
            "rows": 0, "bytes": 0, "pages": 0, "duration_ms": 1, "skipped": Skipped::default(),
        }));
        let failed = SyncedList::of(&failed, false);
        assert_eq!(
            (failed.outcome, failed.error.as_deref()),
            ("failed", Some("status 500: oops"))
        );
    }

    #[test]
    fn an_answer_has_the_documented_details() {
        let mut whole = SyncReport::default();
        whole.providers = BTreeMap::from([(gatewayz_catalog::Slug::new("groq").unwrap(), groq())]);
        assert!(matches!(
            whole.providers.values().next().unwrap().outcome,
            Synced::Synced(_)
        ));
        let answer = details(&whole);
        let of = &answer["providers"]["groq"];
        for field in [
            "models_fetched",
            "models_transformed",
            "models_skipped",
            "models_synced",
        ] {
            assert!(of[field].is_u64() && answer[field].is_u64(), "{field}");
        }
        assert_eq!(answer["propagation"], "acknowledged", "nothing to be told");
        whole.invalidated = Some(false);
        assert_eq!(propagation(&whole).as_str(), "deferred");
        assert!(told(&whole, "x").success);
    }

    #[test]
    fn who_comes_second_hears_how_far_the_first_is() {
        let mut progress = Progress::default();
        progress.phase = Phase::Fetching;
        progress.total = 83;
        progress.fetched = 12;
        let problem = under_way(&progress);
        assert_eq!(problem.code(), Code::Conflict);
        assert!(problem.message().contains("12 of 83"), "{}", problem.message());
    }
}
