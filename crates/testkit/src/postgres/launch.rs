//! Starting a server, and starting it again.

use std::{ffi::OsString, io, path::PathBuf, time::Duration};

use tempfile::TempDir;

use super::{
    cluster,
    programs::{self, Programs},
    server::Postgres,
    wire::{Row, Session},
};
use crate::{
    error::ServerError,
    ports::{Also, free_port},
    process::{Process, Program, User},
    real_time::{Backoff, Deadline},
};

/// For a start on a busy machine; an idle one takes 50 ms.
const START_LIMIT: Duration = Duration::from_secs(30);
/// For one look whether it answers.
const LOOK_LIMIT: Duration = Duration::from_secs(1);
/// Ports are tried this often when other processes are faster.
const PORT_ATTEMPTS: usize = 8;
/// The database that every server has.
pub(super) const DATABASE: &str = "postgres";

/// What a test's server needs, and no more. A commit is in the kernel's hands before it is acknowledged (so it survives a kill
/// of the server), but not on the disk.
const SETTINGS: [(&str, &str); 14] = [
    ("autovacuum", "off"),
    ("bgwriter_lru_maxpages", "0"),
    ("dynamic_shared_memory_type", "mmap"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("jit", "off"),
    ("listen_addresses", "127.0.0.1"),
    ("log_min_messages", "warning"),
    ("max_connections", "100"),
    ("max_logical_replication_workers", "0"),
    ("max_wal_size", "64MB"),
    ("shared_buffers", "16MB"),
    ("synchronous_commit", "on"),
    ("timezone", "UTC"),
];

/// How a [`Postgres`] is started.
#[derive(Clone, Debug, Default)]
pub struct PostgresBuilder {
    pub(super) settings: Vec<(String, String)>,
}

impl PostgresBuilder {
    /// Sets `name` as in `postgresql.conf`; it wins over what the testkit sets.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Starts the server, and returns when it has answered a query.
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::PostgresNotFound`] when PostgreSQL is not installed, [`ServerError::Exited`] when it does not
    /// like its settings, and others when the machine is out of ports, files or time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills and reaps what was started.
    pub async fn start(self) -> Result<Postgres, ServerError> {
        let (programs, user) = (Programs::find()?, programs::user()?);
        let found = programs.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "copies some thirty megabytes, once for each server"
        )]
        let made = tokio::task::spawn_blocking(move || cluster::folder(&found, user)).await;
        let dir = made.map_err(|error| ServerError::Io {
            action: "make the server's folder",
            source: io::Error::other(error),
        })??;
        let mut place = Place {
            program: programs.postgres,
            user,
            port: 0,
            dir,
        };
        let mut attempt = 1;
        loop {
            place.port = free_port(Also::Nothing).ok_or(ServerError::PortTaken { log: String::new() })?;
            match place.launch(&self).await {
                Ok(process) => return Ok(Postgres::new(process, self, place)),
                Err(ServerError::PortTaken { .. }) if attempt < PORT_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The arguments for the server at `place`; the caller's come last and win.
    fn all_args(&self, place: &Place) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["-D".into(), place.data().into(), "-k".into(), place.dir.path().into()];
        args.extend(["-p".into(), place.port.to_string().into()]);
        let own = SETTINGS.map(|(name, value)| format!("{name}={value}"));
        let callers = self.settings.iter().map(|(name, value)| format!("{name}={value}"));
        args.extend(own.into_iter().chain(callers).flat_map(|set| ["-c".into(), set.into()]));
        args
    }
}

/// Where a server lives, over all its restarts.
#[derive(Debug)]
pub(super) struct Place {
    program: PathBuf,
    user: Option<User>,
    pub(super) port: u16,
    pub(super) dir: TempDir,
}

impl Place {
    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("postgres.log")
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join(format!(".s.PGSQL.{}", self.port))
    }

    pub(super) fn log_end(&self) -> String {
        let log = std::fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines
            .get(lines.len().saturating_sub(20)..)
            .unwrap_or_default()
            .join("\n")
    }

    /// Starts the process and waits until it answers.
    pub(super) async fn launch(&self, settings: &PostgresBuilder) -> Result<Process, ServerError> {
        self.clear()?;
        let args = settings.all_args(self);
        let program = Program {
            path: &self.program,
            args: &args,
            dir: self.dir.path(),
            user: self.user,
        };
        let process = Process::spawn(&program, &self.log()).await?;
        let deadline = Deadline::after(START_LIMIT);
        let mut backoff = Backoff::new();
        while let Some(left) = deadline.remaining() {
            // The socket lies in the server's own folder: nobody else answers there.
            let answer = tokio::time::timeout(left.min(LOOK_LIMIT), self.query(DATABASE, "SELECT 1")).await;
            if let Ok(Ok(_)) = answer {
                return Ok(process);
            }
            if process.has_ended() {
                let log = self.log_end();
                return Err(if log.contains("Address already in use") {
                    ServerError::PortTaken { log }
                } else {
                    ServerError::Exited { log }
                });
            }
            backoff.pause(&deadline).await;
        }
        Err(ServerError::NotReady {
            what: "the server does not answer SELECT 1",
            waited: START_LIMIT,
            log: self.log_end(),
        })
    }

    /// Removes what a killed server left: its lock files name a process that another one may be by now. And the log, of which
    /// only the last start is of interest.
    fn clear(&self) -> Result<(), ServerError> {
        let socket = self.socket();
        for path in [
            self.data().join("postmaster.pid"),
            socket.with_added_extension("lock"),
            socket,
            self.log(),
        ] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(ServerError::Io {
                        action: "remove the server's lock",
                        source: error,
                    });
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    pub(super) async fn query(&self, database: &str, sql: &str) -> Result<Vec<Row>, ServerError> {
        Session::open(&self.socket(), database).await?.query(sql).await
    }
}
