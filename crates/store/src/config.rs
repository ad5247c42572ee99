//! Which database, and how long one waits for it.

use std::{fmt, time::Duration};

use gatewayz_cache_core::Time;

use crate::error::OpenError;

/// Where a store is and how it is used.
#[derive(Clone)]
pub struct StoreConfig {
    pub(crate) target: Target,
    pub(crate) connections: u16,
    pub(crate) call_limit: Duration,
    pub(crate) busy_limit: Duration,
    pub(crate) migrate_limit: Duration,
    pub(crate) time: Time,
}

#[derive(Clone)]
pub(crate) enum Target {
    #[cfg(feature = "sqlite")]
    Memory,
    #[cfg(feature = "sqlite")]
    File(std::path::PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(Box<crate::postgres::Server>),
}

impl StoreConfig {
    /// The settings of a URL: `sqlite:path`, a plain path, `sqlite::memory:`, or `postgres://user:password@host/database`.
    ///
    /// Of the parameters of `PostgreSQL` those of `tokio-postgres` are known, and `sslrootcert`. Without `sslmode`, or with
    /// `prefer`, a connection is encrypted where program and server both can; `require` and `verify-full` both insist,
    /// and a certificate is verified whenever there is one. `verify-ca` is refused: it would be `verify-full`.
    ///
    /// # Errors
    ///
    /// [`OpenError::InvalidUrl`], and [`OpenError::NotBuilt`] where the URL needs a feature that is turned off.
    pub fn from_url(url: &str) -> Result<Self, OpenError> {
        Ok(Self {
            target: Target::parse(url)?,
            connections: 4,
            call_limit: Duration::from_secs(5),
            busy_limit: Duration::from_secs(1),
            migrate_limit: Duration::from_secs(60),
            time: Time::default(),
        })
    }

    /// At most so many connections read at once (SQLite; one more writes), or are open at all (PostgreSQL). 4; at least 1.
    #[must_use]
    pub fn with_connections(mut self, connections: u16) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// The longest that any call takes, waiting for its turn and for the database. 5 s.
    #[must_use]
    pub const fn with_call_limit(mut self, limit: Duration) -> Self {
        self.call_limit = limit;
        self
    }

    /// The longest that one waits for another's lock, and for a connection. 1 s.
    #[must_use]
    pub const fn with_busy_limit(mut self, limit: Duration) -> Self {
        self.busy_limit = limit;
        self
    }

    /// The longest that one step of a migration takes, waiting for others' migrations included. 60 s.
    #[must_use]
    pub const fn with_migrate_limit(mut self, limit: Duration) -> Self {
        self.migrate_limit = limit;
        self
    }

    /// The clock that dates rows where a call has no time of its own.
    #[must_use]
    pub fn with_time(mut self, time: Time) -> Self {
        self.time = time;
        self
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("target", &self.target)
            .field("connections", &self.connections)
            .field("call_limit", &self.call_limit)
            .field("busy_limit", &self.busy_limit)
            .field("migrate_limit", &self.migrate_limit)
            .finish_non_exhaustive()
    }
}

impl Target {
    fn parse(url: &str) -> Result<Self, OpenError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::postgres(url);
        }
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Self::sqlite(path.strip_prefix("//").unwrap_or(path));
        }
        match url.split_once("://") {
            Some(_) => Err(OpenError::InvalidUrl("has an unknown scheme".to_owned())),
            None => Self::sqlite(url),
        }
    }

    #[cfg(feature = "sqlite")]
    fn sqlite(path: &str) -> Result<Self, OpenError> {
        match path {
            "" => Err(OpenError::InvalidUrl("names no file".to_owned())),
            ":memory:" => Ok(Self::Memory),
            path if path.contains(['?', '\0']) => Err(OpenError::InvalidUrl(
                "has a `?` or a NUL: files have no parameters".to_owned(),
            )),
            path => Ok(Self::File(path.into())),
        }
    }

    #[cfg(not(feature = "sqlite"))]
    fn sqlite(_path: &str) -> Result<Self, OpenError> {
        Err(OpenError::NotBuilt("SQLite"))
    }

    #[cfg(feature = "postgres")]
    fn postgres(url: &str) -> Result<Self, OpenError> {
        Ok(Self::Postgres(Box::new(crate::postgres::Server::parse(url)?)))
    }

    #[cfg(not(feature = "postgres"))]
    fn postgres(_url: &str) -> Result<Self, OpenError> {
        Err(OpenError::NotBuilt("PostgreSQL"))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Memory => f.write_str("sqlite::memory:"),
            #[cfg(feature = "sqlite")]
            Self::File(path) => write!(f, "sqlite:{}", path.display()),
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => server.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
