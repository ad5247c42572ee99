//! One private server.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::OnceCell;

use super::{
    launch::{DATABASE, Place, PostgresBuilder},
    wire::Row,
};
use crate::{error::ServerError, ports::loopback, process::Process};

/// For the statements of a test.
const QUERY_LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct State {
    process: Option<Process>,
    last_pid: u32,
}

/// A PostgreSQL server of the test's own, on loopback, with one superuser `postgres` and no passwords.
///
/// It starts from a copy of a template that `initdb` makes once a day, in the temporary folder. As root, it runs as the user
/// `postgres` or `nobody`, because PostgreSQL refuses to run as root; the temporary folder must then be open to that user.
///
/// Dropping it kills and reaps the process and removes its folder. If the test process itself is killed, a watchdog does the
/// same. All methods take `&self`, so several tasks can share it.
///
/// # Examples
///
/// ```
/// # use gatewayz_testkit::{Postgres, ServerError};
/// # async fn a_test() -> Result<(), ServerError> {
/// let url = Postgres::shared().await?.fresh_database().await?; // for the code under test
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Postgres {
    // Dropped before the folder that the process uses.
    state: Mutex<State>,
    settings: PostgresBuilder,
    n_databases: AtomicU64,
    place: Place,
}

impl Postgres {
    pub(super) fn new(process: Process, settings: PostgresBuilder, place: Place) -> Self {
        let last_pid = process.pid();
        Self {
            state: Mutex::new(State {
                process: Some(process),
                last_pid,
            }),
            settings,
            n_databases: AtomicU64::new(0),
            place,
        }
    }

    /// Starts a server with the testkit's settings. See [`PostgresBuilder::start`].
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::start`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills and reaps what was started.
    pub async fn start() -> Result<Self, ServerError> {
        Self::builder().start().await
    }

    /// Returns a builder for a server with settings of its own.
    #[must_use]
    pub const fn builder() -> PostgresBuilder {
        PostgresBuilder { settings: Vec::new() }
    }

    /// Returns the server that all tests of this process share, started by the first who asks.
    ///
    /// For tests that neither freeze nor kill it; each takes a [`fresh_database`](Self::fresh_database). It ends after the
    /// process has. Under nextest a test is a process, and the server its own.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::start`]; the next call tries again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills and reaps what was started.
    pub async fn shared() -> Result<&'static Self, ServerError> {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await
    }

    /// Returns the TCP address, the same over restarts.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        loopback(self.place.port)
    }

    /// Returns `postgres://postgres@127.0.0.1:port/postgres`: the database that every server has.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    /// Returns [`url`](Self::url) with another database, whose name goes in as it is: use letters, digits and `_`.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        Self::url_at(self.addr(), database)
    }

    /// Returns [`url_of`](Self::url_of) with another address, for instance that of a proxy before this server.
    #[must_use]
    pub fn url_at(addr: SocketAddr, database: &str) -> String {
        format!("postgres://postgres@{addr}/{database}")
    }

    /// Returns the folder of the unix socket, which clients want instead of a host.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.place.dir.path()
    }

    /// Returns the pid of the server started last.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.state().last_pid
    }

    /// Returns the end of the log since the last start, for messages.
    #[must_use]
    pub fn log_end(&self) -> String {
        self.place.log_end()
    }

    /// Makes an empty database, and returns its URL. Takes some tens of milliseconds.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query); [`ServerError::Refused`] with the code `42P04` when there is such a database.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have made it.
    pub async fn create_database(&self, name: &str) -> Result<String, ServerError> {
        let quoted = name.replace('"', "\"\"");
        self.query(&format!("CREATE DATABASE \"{quoted}\"")).await?;
        Ok(self.url_of(name))
    }

    /// Makes an empty database with a name of its own, and returns its URL.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have made it.
    pub async fn fresh_database(&self) -> Result<String, ServerError> {
        let n = self.n_databases.fetch_add(1, Ordering::Relaxed);
        self.create_database(&format!("fresh_{n}")).await
    }

    /// Runs `sql`, one statement or several, over a connection of its own to the database `postgres`, within ten seconds.
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::Refused`] with the server's refusal, [`ServerError::TimedOut`] when the server is frozen, and
    /// [`ServerError::Io`] when it is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropped statements may or may not have been carried out.
    pub async fn query(&self, sql: &str) -> Result<Vec<Row>, ServerError> {
        self.query_in(DATABASE, QUERY_LIMIT, sql).await
    }

    /// As [`query`](Self::query), in another database and within `limit`.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    ///
    /// # Cancel safety
    ///
    /// Dropped statements may or may not have been carried out.
    pub async fn query_in(&self, database: &str, limit: Duration, sql: &str) -> Result<Vec<Row>, ServerError> {
        tokio::time::timeout(limit, self.place.query(database, sql))
            .await
            .unwrap_or(Err(ServerError::TimedOut(limit)))
    }

    /// Stops the server and its children (`SIGSTOP`): connections stay, nothing is answered. On return they have stopped.
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::NotRunning`] after [`kill`](Self::kill).
    pub fn freeze(&self) -> Result<(), ServerError> {
        self.state().process.as_ref().ok_or(ServerError::NotRunning)?.freeze()
    }

    /// Lets the server and its children go on (`SIGCONT`).
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::NotRunning`] after [`kill`](Self::kill).
    pub fn thaw(&self) -> Result<(), ServerError> {
        self.state().process.as_ref().ok_or(ServerError::NotRunning)?.thaw()
    }

    /// Kills the server and its children (`SIGKILL`), and returns when it is reaped. Killing twice is fine.
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::TimedOut`] when the kernel does not end the process in ten seconds.
    ///
    /// # Cancel safety
    ///
    /// The process is killed and reaped also when the future is dropped after the first poll.
    pub async fn kill(&self) -> Result<(), ServerError> {
        let process = self.state().process.take();
        match process {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Kills the server if it runs, and starts it again on the same port and with its data: whatever was committed is there.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::start`]; [`ServerError::PortTaken`] means that another process took the port meanwhile.
    ///
    /// # Cancel safety
    ///
    /// After a drop the server does not run; call it again.
    pub async fn restart(&self) -> Result<(), ServerError> {
        self.kill().await?;
        let process = self.place.launch(&self.settings).await?;
        let mut state = self.state();
        state.last_pid = process.pid();
        let raced = state.process.replace(process);
        drop(state);
        drop(raced);
        Ok(())
    }

    /// Nothing can panic while it is held, so a poisoned lock is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
