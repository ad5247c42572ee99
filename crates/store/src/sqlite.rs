//! One file, or memory, through `SQLite`.

mod accounts;
mod catalog;
mod worker;

use std::{path::Path, sync::Arc, time::Duration};

use gatewayz_cache_core::{Time, UnixMillis};
use gatewayz_catalog::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, TransactionBehavior, params};

use self::worker::Worker;
use crate::{
    config::StoreConfig,
    convert::count,
    error::{Fail, MigrateError, OpenError},
    migrate::{self, Applied, Migrated, Migration},
};

/// A store in one file, or in memory. Clones share it.
///
/// One thread writes, a few read, and none of them is a thread of the runtime. Other processes may use the file, too.
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    writer: Worker,
    /// `None`: what is in memory belongs to one connection.
    readers: Option<Worker>,
    time: Time,
    migrate_limit: Duration,
}

impl SqliteStore {
    /// Opens or makes a file.
    pub(crate) async fn file(path: &Path, config: &StoreConfig) -> Result<Self, OpenError> {
        let (path, busy, readers) = (path.to_owned(), config.busy_limit, config.connections);
        let open = move || {
            let writer = connect(Some(&path), busy).map_err(|error| opening(&path, error))?;
            let readers = (0..readers).map(|_| {
                let reader = connect(Some(&path), busy)?;
                reader.pragma_update(None, "query_only", true)?;
                Ok(reader)
            });
            let readers = readers
                .collect::<Result<_, _>>()
                .map_err(|error| opening(&path, error))?;
            Ok((writer, readers))
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "opening files blocks, as long as `busy_limit` for each connection at most"
        )]
        let opened = tokio::task::spawn_blocking(open).await;
        let (writer, readers) = match opened {
            Ok(opened) => opened.map_err(Fail::store)?,
            Err(_) => return Err(StoreError::Unavailable("the runtime is shutting down".to_owned()).into()),
        };
        Ok(Self::new(writer, readers, config)?)
    }

    /// Makes an empty store in memory.
    pub(crate) fn memory(config: &StoreConfig) -> Result<Self, OpenError> {
        let writer = connect(None, config.busy_limit).map_err(Fail::store)?;
        Ok(Self::new(writer, Vec::new(), config)?)
    }

    fn new(writer: Connection, readers: Vec<Connection>, config: &StoreConfig) -> Result<Self, StoreError> {
        let limit = config.call_limit;
        let readers = if readers.is_empty() {
            None
        } else {
            Some(Worker::start("store-read", readers, limit)?)
        };
        Ok(Self(Arc::new(Inner {
            writer: Worker::start("store-write", vec![writer], limit)?,
            readers,
            time: config.time.clone(),
            migrate_limit: config.migrate_limit,
        })))
    }

    fn now(&self) -> UnixMillis {
        self.0.time.wall()
    }

    /// Reads, within one snapshot if it is one statement.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Fail> {
        self.0.readers.as_ref().unwrap_or(&self.0.writer).run(work).await
    }

    /// Writes in one transaction, which holds the lock of the file from its beginning.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Fail> {
        let work = move |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        self.0.writer.run(work).await
    }

    /// Applies what is missing of `migrations`, each in a transaction of its own.
    pub(crate) async fn migrate(&self, migrations: &'static [Migration]) -> Result<Migrated, MigrateError> {
        let now = count(crate::convert::millis(self.now()));
        let mut from = None;
        loop {
            let step = move |connection: &mut Connection| Ok(step(connection, migrations, now));
            let stepped = self.0.writer.run_within(self.0.migrate_limit, step).await;
            let (before, done) = stepped.map_err(Fail::store)??;
            let from = *from.get_or_insert(before);
            let Some(done) = done else {
                return Ok(Migrated { from, to: before });
            };
            tracing::info!(version = done.version, name = done.name, "applied a schema");
        }
    }

    pub(crate) async fn schema_version(&self) -> Result<u32, StoreError> {
        let version = |connection: &mut Connection| {
            let known = "SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'";
            if connection.query_row(known, [], |_row| Ok(())).optional()?.is_none() {
                return Ok(0);
            }
            let last = "SELECT coalesce(max(version), 0) FROM schema_migrations";
            Ok(connection.query_row(last, [], |row| row.get(0))?)
        };
        self.read(version).await.map_err(Fail::store)
    }
}

/// Applies the next step, if there is one, in a transaction. Answers the version before.
fn step(
    connection: &mut Connection,
    migrations: &'static [Migration],
    now: i64,
) -> Result<(u32, Option<&'static Migration>), MigrateError> {
    let store = |error: Fail| MigrateError::from(error.store());
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| store(error.into()))?;
    let applied = applied(&transaction).map_err(store)?;
    let before = applied.last().map_or(0, |last| last.version);
    let next = migrate::next(&applied, migrations)?;
    if let Some(next) = next {
        let failed = |error: Fail| next.failed(error.store());
        apply(&transaction, next, now).map_err(failed)?;
        transaction.commit().map_err(|error| failed(error.into()))?;
    }
    Ok((before, next))
}

fn apply(connection: &Connection, next: &Migration, now: i64) -> Result<(), Fail> {
    connection.execute_batch(next.sql)?;
    connection.execute(
        "INSERT INTO schema_migrations (version, name, applied_at, checksum) VALUES (?1, ?2, ?3, ?4)",
        params![next.version, next.name, now, next.checksum()],
    )?;
    Ok(())
}

fn applied(connection: &Connection) -> Result<Vec<Applied>, Fail> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
            version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL, checksum TEXT NOT NULL
        ) STRICT",
    )?;
    let mut rows = connection.prepare("SELECT version, checksum FROM schema_migrations ORDER BY version")?;
    let rows = rows.query_map([], |row| {
        Ok(Applied {
            version: row.get(0)?,
            checksum: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn connect(path: Option<&Path>, busy: Duration) -> Result<Connection, Fail> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match path {
        Some(path) => Connection::open_with_flags(path, flags)?,
        None => Connection::open_in_memory()?,
    };
    connection.busy_timeout(busy)?;
    connection.set_prepared_statement_cache_capacity(64);
    // The answer is the mode that it has; memory has no other than its own.
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_mode| Ok(()))?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

fn opening(path: &Path, error: Fail) -> Fail {
    let path = path.display();
    match error.store() {
        StoreError::Unavailable(why) => StoreError::Unavailable(format!("{path}: {why}")).into(),
        StoreError::Refused(why) => StoreError::Refused(format!("{path}: {why}")).into(),
        other => other.into(),
    }
}

impl From<rusqlite::Error> for Fail {
    fn from(error: rusqlite::Error) -> Self {
        refusal(&error).into()
    }
}

fn refusal(error: &rusqlite::Error) -> StoreError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Unavailable(format!("another process writes to the file: {text}"))
        }
        Some(ErrorCode::OperationInterrupted) => StoreError::Unavailable("the call took too long".to_owned()),
        Some(ErrorCode::CannotOpen) => StoreError::Unavailable(format!(
            "{text}; its folder has to be there and writable, or name another file in the URL of the database"
        )),
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory) => {
            StoreError::Unavailable(text)
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Refused(format!(
            "the file is damaged, or no database ({text}); stop the program and restore a backup, or try `sqlite3 FILE \
             .recover`; where it has no accounts, move it away: the catalogue is filled anew"
        )),
        _ if text.starts_with("no such table") => StoreError::Refused(format!("{text}; migrate the database first")),
        _ => StoreError::Refused(text),
    }
}

#[cfg(test)]
mod tests;
