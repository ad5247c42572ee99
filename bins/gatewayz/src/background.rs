//! What the gateway does without being asked: preparing the store, warming and refreshing the catalogue, syncing, and
//! keeping its figures up to date. Every wait ends when the server does.

mod jobs;
mod vitals;
mod warm;

use std::{sync::Arc, time::Duration};

use gatewayz_catalog::{Phase, keyspaces};
use tokio::{sync::watch, task::JoinSet};

pub(crate) use self::{
    jobs::{Job, JobReport, Jobs},
    vitals::{Vitals, probe_database},
    warm::{Warmed, warm},
};
use crate::app::App;

/// How often figures are brought up to date.
const UPKEEP: Duration = Duration::from_secs(5);
/// The longest pause between two tries to reach the database.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long the first read of the catalogue waits for the shared tier, where other nodes may have left it. It takes a
/// quarter of a second to get there.
const ATTACHING: Duration = Duration::from_secs(2);

/// Starts it all, until `stop` becomes true.
pub(crate) fn start(app: &Arc<App>, stop: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    jobs.spawn(until(stop.clone(), prepare_then_refresh(Arc::clone(app))));
    jobs.spawn(until(stop.clone(), upkeep(Arc::clone(app))));
    jobs.spawn(until(stop.clone(), give_up_waiting(Arc::clone(app))));
    let watched = Arc::clone(app);
    jobs.spawn(until(
        stop.clone(),
        async move { vitals::watch_database(&watched).await },
    ));
    let watched = Arc::clone(app);
    jobs.spawn(until(stop.clone(), async move { vitals::watch_redis(&watched).await }));
    jobs.spawn(until(stop.clone(), count_syncs(Arc::clone(app))));
    if app.config().sync.enabled {
        jobs.spawn(sync(Arc::clone(app), stop.clone()));
    }
    jobs
}

async fn until(mut stop: watch::Receiver<bool>, work: impl Future<Output = ()> + Send) {
    tokio::select! {
        _ = stop.wait_for(|&stop| stop) => {}
        () = work => {}
    }
}

/// The server says that it is ready after a while, prepared or not: what it cannot answer says so by itself.
async fn give_up_waiting(app: Arc<App>) {
    tokio::time::sleep(app.config().cache.warm_timeout).await;
    if app.jobs.set_ready() {
        tracing::warn!("the catalogue could not be read in time; serving what there is");
    }
}

async fn prepare_then_refresh(app: Arc<App>) {
    tokio::join!(prepare(&app), attached(&app));
    if app.config().cache.warm_on_startup {
        refresh(&app, Job::Warm).await;
    }
    app.jobs.set_ready();
    let first = app.config().cache.first_refresh;
    app.jobs.due_in(Job::Refresh, first, app.node.time().wall());
    tokio::time::sleep(first).await;
    loop {
        refresh(&app, Job::Refresh).await;
        let interval = app.config().cache.refresh_interval;
        app.jobs.due_in(Job::Refresh, interval, app.node.time().wall());
        tokio::time::sleep(interval).await;
    }
}

/// Waits for the shared tier, but not for one that does not come: what is read before is read for this node alone.
async fn attached(app: &App) {
    if app.tier.is_none() {
        return;
    }
    let attached = async {
        while !app.node.is_attached() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(ATTACHING, attached).await.is_err() {
        tracing::warn!("Redis does not answer; going on without it");
    }
}

/// Brings the schema up to date and tells the store of the providers; tries until the database answers.
async fn prepare(app: &App) {
    let mut pause = Duration::from_millis(250);
    loop {
        let run = app.jobs.begin(Job::Prepare, app.node.time().wall());
        let outcome = async {
            app.migrate().await.map_err(|error| error.to_string())?;
            let seeds = app.config().sync.seed;
            app.furnish(seeds).await.map(drop).map_err(|error| error.to_string())
        };
        match outcome.await {
            Ok(()) => {
                app.vitals.forget_database();
                run.done();
                return;
            }
            Err(error) => {
                tracing::warn!(error, "the database is not ready; trying again");
                run.failed(error);
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn refresh(app: &App, job: Job) {
    let run = app.jobs.begin(job, app.node.time().wall());
    if job == Job::Refresh
        && let Err(error) = app.catalog.reload().await
    {
        tracing::warn!(%error, "the catalogue was not refreshed; what is cached goes on being served");
        run.failed(error.to_string());
        return;
    }
    match warm(app).await {
        Ok(warmed) => {
            tracing::info!(models = warmed.full, job = job.as_str(), "the catalogue is warm");
            run.done();
        }
        Err(error) => {
            tracing::warn!(%error, "the catalogue could not be warmed");
            run.failed(error.to_string());
        }
    }
}

/// Scheduled syncs, of which one node of many has each turn.
async fn sync(app: Arc<App>, stop: watch::Receiver<bool>) {
    // Rows have to have somebody to belong to.
    until(stop.clone(), app.jobs.prepared()).await;
    if *stop.borrow() {
        return;
    }
    if app.config().sync.on_startup {
        let options = crate::engine::sync_options(&app.config());
        let mut stopped = stop.clone();
        tokio::select! {
            _ = stopped.wait_for(|&stop| stop) => return,
            report = app.sync.run(&options) => {
                tracing::info!(synced = report.synced(), failed = report.failed, "the first sync is over");
            }
        }
    }
    app.schedule.run(stop).await;
}

/// Keeps count of the syncs that this node runs, whoever asked for them.
async fn count_syncs(app: Arc<App>) {
    let mut progress = app.sync.progress();
    while progress.wait_for(|at| at.phase != Phase::Idle).await.is_ok() {
        let run = app.jobs.begin(Job::Sync, app.node.time().wall());
        let Ok(ended) = progress
            .wait_for(|at| at.phase == Phase::Idle)
            .await
            .map(|at| at.clone())
        else {
            return;
        };
        if ended.fetched + ended.failed < ended.total {
            run.failed("broken off".to_owned());
        } else if ended.total > 0 && ended.failed >= ended.total {
            run.failed("no list could be had".to_owned());
        } else {
            run.done();
        }
    }
}

async fn upkeep(app: Arc<App>) {
    let mut turns = tokio::time::interval(UPKEEP);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        app.catalog.maintain().await;
        publish(&app);
        app.recorder.upkeep();
    }
}

/// Hands what the parts know of themselves to the recorder.
#[expect(
    clippy::cast_precision_loss,
    reason = "gauges are floats; counts stay far below 2^52"
)]
pub(crate) fn publish(app: &App) {
    app.node.publish_metrics();
    app.gate.publish();
    metrics::gauge!("active_connections", "connection_type" => "http").set(app.connections.count() as f64);
    metrics::gauge!("gatewayz_ready").set(f64::from(u8::from(app.jobs.is_ready())));
    let attached = app.tier.as_ref().map(gatewayz_cache_redis::RedisTier::stats);
    if let Some(stats) = attached {
        metrics::gauge!("redis_up").set(f64::from(u8::from(!stats.breaker_open && stats.attached)));
    }
    app.jobs.publish();
    publish_model_caches(app);
}

/// The catalogue's caches under the names that dashboards have for them.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats; sizes stay far below 2^52")]
fn publish_model_caches(app: &App) {
    let keyspaces = app.node.keyspaces();
    for (name, stats) in app.node.stats() {
        let Some(cache) = model_cache(name) else { continue };
        metrics::counter!("model_cache_hits", "cache" => cache).absolute(stats.hits);
        metrics::counter!("model_cache_misses", "cache" => cache).absolute(stats.misses);
        metrics::counter!("model_cache_invalidations", "cache" => cache).absolute(stats.invalidations);
        metrics::gauge!("model_cache_size_bytes", "cache" => cache).set(stats.local.weight_bytes as f64);
        if let Some(keyspace) = keyspaces.iter().find(|keyspace| keyspace.name == name) {
            metrics::gauge!("model_cache_ttl_seconds", "cache" => cache).set(keyspace.policy.ttl.as_secs_f64());
        }
    }
}

/// The label of a keyspace, if it is one of the catalogue's.
fn model_cache(keyspace: &str) -> Option<&'static str> {
    let known = [
        (keyspaces::FULL, "full"),
        (keyspaces::PROVIDER, "provider"),
        (keyspaces::GATEWAY, "gateway"),
        (keyspaces::INDEX, "index"),
        (keyspaces::UNIQUE, "unique"),
        (keyspaces::STATS, "stats"),
        (keyspaces::MODEL, "model"),
        (keyspaces::PRICING, "pricing"),
        (keyspaces::PAGES, "pages"),
    ];
    known
        .iter()
        .find(|(known, _)| known.name == keyspace)
        .map(|(_, label)| *label)
}
