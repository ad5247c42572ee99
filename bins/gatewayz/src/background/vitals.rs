//! What is known of the database and of Redis: asked every few seconds in the background, read by everybody.

use std::time::Duration;

use gatewayz_cache_core::{Tick, UnixMillis};
use gatewayz_cache_redis::ServerInfo;
use gatewayz_catalog::StoreError;
use metrics::{counter, gauge};
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::app::App;

/// How often the database is asked.
const DATABASE: Duration = Duration::from_secs(5);
/// How often while it does not answer.
const DATABASE_GONE: Duration = Duration::from_secs(1);
/// How often Redis is.
const REDIS: Duration = Duration::from_secs(15);
/// How often while it says nothing, such as before the first connection.
const REDIS_GONE: Duration = Duration::from_secs(1);
/// How long the database may take.
const DATABASE_LIMIT: Duration = Duration::from_secs(3);
/// How long Redis may.
const REDIS_LIMIT: Duration = Duration::from_secs(1);
/// An answer of the database that is no older stands for one of now.
const RECENT: Duration = Duration::from_secs(1);

/// What was found out last.
#[derive(Debug, Default)]
pub(crate) struct Vitals {
    database: Mutex<Option<DatabaseProbe>>,
    /// One at a time: who comes meanwhile takes the answer of the other.
    probing: tokio::sync::Mutex<()>,
    redis: Mutex<Option<(ServerInfo, UnixMillis)>>,
}

/// How the database answered when it was asked last.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseProbe {
    /// The version of its schema, or a sentence without particulars: it is shown to everybody.
    pub(crate) outcome: Result<u32, &'static str>,
    /// How long it took.
    pub(crate) took: Duration,
    /// When that was.
    pub(crate) at: UnixMillis,
    ended: Tick,
}

impl Vitals {
    /// How the database answered last; `None`: it was not asked yet.
    pub(crate) fn database(&self) -> Option<DatabaseProbe> {
        self.database.lock().clone()
    }

    /// Forgets how the database answered: it has just done what it was asked by others.
    pub(crate) fn forget_database(&self) {
        *self.database.lock() = None;
    }

    /// What Redis said of itself last, and when.
    pub(crate) fn redis(&self) -> Option<(ServerInfo, UnixMillis)> {
        self.redis.lock().clone()
    }
}

/// Asks the database, unless somebody has just done so. Never takes much longer than three seconds.
pub(crate) async fn probe_database(app: &App) -> DatabaseProbe {
    let _only_one = app.vitals.probing.lock().await;
    let time = app.node.time();
    if let Some(probe) = app.vitals.database()
        && time.now().since(probe.ended) < RECENT
    {
        return probe;
    }
    let started = time.now();
    let outcome = match timeout(DATABASE_LIMIT, app.store.schema_version()).await {
        Ok(Ok(version)) => Ok(version),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the database does not answer a probe");
            Err(match error {
                StoreError::Refused(_) => "the database refuses",
                _ => "the database cannot be used now",
            })
        }
        Err(_elapsed) => Err("the database did not answer within 3 seconds"),
    };
    let ended = time.now();
    let probe = DatabaseProbe {
        outcome,
        took: ended.since(started),
        at: time.wall(),
        ended,
    };
    let before = app.vitals.database.lock().replace(probe.clone());
    if let (Err(why), true) = (probe.outcome, before.is_none_or(|before| before.outcome.is_ok())) {
        tracing::warn!(why, "the database is out of reach");
    }
    probe
}

/// Asks the database for ever.
pub(super) async fn watch_database(app: &App) {
    loop {
        let is_up = probe_database(app).await.outcome.is_ok();
        gauge!("database_up").set(f64::from(u8::from(is_up)));
        tokio::time::sleep(if is_up { DATABASE } else { DATABASE_GONE }).await;
    }
}

/// Asks Redis for ever, if there is one.
pub(super) async fn watch_redis(app: &App) {
    let Some(tier) = &app.tier else { return };
    let mut totals = Totals::default();
    loop {
        match timeout(REDIS_LIMIT, tier.server_info()).await {
            Ok(Ok(info)) => {
                publish(&info, &mut totals);
                *app.vitals.redis.lock() = Some((info, app.node.time().wall()));
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "redis does not say how it is");
                *app.vitals.redis.lock() = None;
            }
            Err(_elapsed) => *app.vitals.redis.lock() = None,
        }
        let is_up = app.vitals.redis.lock().is_some();
        tokio::time::sleep(if is_up { REDIS } else { REDIS_GONE }).await;
    }
}

/// The server's totals as they were last: it begins anew with each start of its own, and a counter must not.
#[derive(Debug, Default)]
struct Totals {
    hits: u64,
    misses: u64,
    commands: u64,
}

/// By how much a total has grown.
fn growth(last: &mut u64, now: u64) -> u64 {
    let before = std::mem::replace(last, now);
    now.checked_sub(before).unwrap_or(now)
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn publish(info: &ServerInfo, totals: &mut Totals) {
    let gauges = [
        (
            ["redis_memory_used_bytes", "redis_used_memory_bytes"].as_slice(),
            info.used_memory,
        ),
        (&["redis_used_memory_rss_bytes"], info.used_memory_rss),
        (&["redis_memory_max_bytes"], info.max_memory),
        (&["redis_connected_clients"], info.connected_clients),
        (&["redis_expired_keys"], info.expired_keys),
        (&["redis_evicted_keys"], info.evicted_keys),
    ];
    for (names, value) in gauges {
        if let Some(value) = value {
            for &name in names {
                gauge!(name).set(value as f64);
            }
        }
    }
    let counters = [
        ("redis_keyspace_hits", info.keyspace_hits, &mut totals.hits),
        ("redis_keyspace_misses", info.keyspace_misses, &mut totals.misses),
        (
            "redis_commands_processed",
            info.commands_processed,
            &mut totals.commands,
        ),
    ];
    for (name, value, last) in counters {
        if let Some(value) = value {
            counter!(name).increment(growth(last, value));
        }
    }
    if let Some(rate) = info.hit_rate_percent() {
        gauge!("redis_hit_rate").set(rate);
    }
}

#[cfg(test)]
mod tests {
    use super::growth;

    #[test]
    fn a_server_that_began_anew_takes_nothing_back() {
        let mut last = 0;
        assert_eq!(growth(&mut last, 10), 10);
        assert_eq!(growth(&mut last, 15), 5);
        assert_eq!(growth(&mut last, 15), 0);
        assert_eq!(growth(&mut last, 3), 3);
    }
}
