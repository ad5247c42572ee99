//! A server, through `tokio-postgres`.

mod accounts;
mod catalog;
mod lease;
mod server;
#[cfg(feature = "tls")]
mod tls;

use std::{fmt, sync::Arc, time::Duration};

use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use gatewayz_cache_core::{Time, UnixMillis};
use gatewayz_catalog::StoreError;
use tokio_postgres::error::SqlState;

use self::lease::{Lease, timestamp};
pub(crate) use self::server::Server;
use crate::{
    config::StoreConfig,
    convert::{count, counted},
    error::{Fail, MigrateError, OpenError},
    migrate::{self, Applied, Migrated, Migration},
};

/// The lock under which the schema changes. Any constant would do; others' locks should not be it.
const SCHEMA_LOCK: i64 = 0x6777_7a00_0000_0000;

/// A store on a server. Clones share its connections.
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    pool: Pool,
    server: Server,
    time: Time,
    call_limit: Duration,
    migrate_limit: Duration,
}

impl PostgresStore {
    /// Prepares connections, and makes none.
    pub(crate) fn new(server: &Server, config: &StoreConfig) -> Result<Self, OpenError> {
        let client = server.client(config.call_limit, config.busy_limit);
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        #[cfg(feature = "tls")]
        let tls = tls::Rustls::new(server.root_cert())?;
        #[cfg(not(feature = "tls"))]
        let tls = tokio_postgres::NoTls;
        let pool = Pool::builder(Manager::from_config(client, tls, recycling))
            .max_size(usize::from(config.connections))
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(config.call_limit),
                create: Some(config.busy_limit),
                recycle: Some(config.busy_limit),
            })
            .build()
            .map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok(Self(Arc::new(Inner {
            pool,
            server: server.clone(),
            time: config.time.clone(),
            call_limit: config.call_limit,
            migrate_limit: config.migrate_limit,
        })))
    }

    fn now(&self) -> UnixMillis {
        self.0.time.wall()
    }

    async fn lease(&self) -> Result<Lease, Fail> {
        Lease::take(&self.0.pool).await
    }

    /// A call, within its time.
    async fn within<T>(&self, work: impl Future<Output = Result<T, Fail>> + Send) -> Result<T, Fail> {
        within(self.0.call_limit, work).await
    }

    /// Applies what is missing of `migrations`, each in a transaction of its own.
    pub(crate) async fn migrate(&self, migrations: &'static [Migration]) -> Result<Migrated, MigrateError> {
        let mut from = None;
        loop {
            let step = async {
                let mut lease = self.lease().await?;
                let result = self.step(lease.client()?, migrations).await;
                lease.settle(result)
            };
            let (before, done) = within(self.0.migrate_limit, step).await.map_err(Fail::store)??;
            let from = *from.get_or_insert(before);
            let Some(done) = done else {
                return Ok(Migrated { from, to: before });
            };
            tracing::info!(version = done.version, name = done.name, "applied a schema");
        }
    }

    /// Applies the next step, if there is one. Answers the version before.
    async fn step(&self, client: &mut Client, migrations: &'static [Migration]) -> Result<Step, Fail> {
        let transaction = client.transaction().await?;
        let limit = format!("{}ms", self.0.migrate_limit.as_millis());
        let patience = "SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $1, true)";
        transaction.execute(patience, &[&limit]).await?;
        transaction
            .execute("SELECT pg_advisory_xact_lock($1)", &[&SCHEMA_LOCK])
            .await?;
        let known = "SELECT to_regclass('schema_migrations') IS NOT NULL";
        if !transaction.query_one(known, &[]).await?.get::<_, bool>(0) {
            let create = "CREATE TABLE schema_migrations (
                    version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at TIMESTAMPTZ NOT NULL,
                    checksum TEXT NOT NULL
                )";
            transaction.execute(create, &[]).await?;
        }
        let rows = transaction
            .query("SELECT version, checksum FROM schema_migrations ORDER BY version", &[])
            .await?;
        let applied = rows
            .iter()
            .map(|row| {
                Ok(Applied {
                    version: counted("schema_migrations.version", row.try_get(0)?)?,
                    checksum: row.try_get(1)?,
                })
            })
            .collect::<Result<Vec<_>, Fail>>()?;
        let before = applied.last().map_or(0, |last| last.version);
        let next = match migrate::next(&applied, migrations) {
            Ok(Some(next)) => next,
            Ok(None) => return Ok(Ok((before, None))),
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = transaction.batch_execute(next.sql).await {
            return Ok(Err(next.failed(Fail::from(error).store())));
        }
        let note = "INSERT INTO schema_migrations (version, name, applied_at, checksum) VALUES ($1, $2, $3, $4)";
        let (version, now) = (i64::from(next.version), timestamp(self.now()));
        transaction
            .execute(note, &[&version, &next.name, &now, &next.checksum()])
            .await?;
        match transaction.commit().await {
            Ok(()) => Ok(Ok((before, Some(next)))),
            // What a step defers is checked here.
            Err(error) => Ok(Err(next.failed(Fail::from(error).store()))),
        }
    }

    pub(crate) async fn schema_version(&self) -> Result<u32, StoreError> {
        let version = async {
            let mut lease = self.lease().await?;
            let result = schema_version(lease.client()?).await;
            lease.settle(result)
        };
        self.within(version).await.map_err(Fail::store)
    }
}

/// The version before, and the step that was applied.
type Step = Result<(u32, Option<&'static Migration>), MigrateError>;

async fn schema_version(client: &Client) -> Result<u32, Fail> {
    let known = "SELECT to_regclass('schema_migrations') IS NOT NULL";
    if !client.query_one(known, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let last = "SELECT coalesce(max(version), 0) FROM schema_migrations";
    Ok(counted(
        "schema_migrations.version",
        client.query_one(last, &[]).await?.try_get(0)?,
    )?)
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresStore").field(&self.0.server).finish()
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Fail>> + Send) -> Result<T, Fail> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_elapsed) => Err(StoreError::Unavailable(format!("no answer from the server within {limit:?}")).into()),
    }
}

impl From<tokio_postgres::Error> for Fail {
    fn from(error: tokio_postgres::Error) -> Self {
        refusal(&error).into()
    }
}

fn refusal(error: &tokio_postgres::Error) -> StoreError {
    let Some(refused) = error.as_db_error() else {
        return broken(error);
    };
    // Not the details: they show values.
    let code = refused.code();
    let text = format!("{} ({})", refused.message(), code.code());
    if *code == SqlState::UNDEFINED_TABLE {
        return StoreError::Refused(format!("{text}; migrate the database first"));
    }
    // Connection, resources, operator; and what ends by itself: time-outs, deadlocks, conflicts.
    let passing = matches!(code.code().get(..2), Some("08" | "53" | "57" | "40"))
        || *code == SqlState::LOCK_NOT_AVAILABLE
        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION;
    if passing {
        StoreError::Unavailable(text)
    } else {
        StoreError::Refused(text)
    }
}

/// An error that is not the server's answer.
fn broken(error: &tokio_postgres::Error) -> StoreError {
    let cause = std::error::Error::source(error);
    let text = match cause {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let io = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>());
    // A certificate that is not believed is `InvalidData`.
    let lost = io.is_some_and(|io| io.kind() != std::io::ErrorKind::InvalidData);
    let started = ["error connecting", "error communicating", "timeout"];
    if lost || error.is_closed() || (io.is_none() && started.iter().any(|start| text.starts_with(start))) {
        StoreError::Unavailable(text)
    } else {
        StoreError::Refused(text)
    }
}

/// The lock of a provider's rows.
fn provider_lock(provider: i64) -> i64 {
    SCHEMA_LOCK | count(u64::try_from(provider).unwrap_or(0)) | 1 << 40
}
