//! Every public error of the crate.

use std::{io, path::PathBuf, time::Duration};

/// A private server could not be started, reached or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Neither `redis-server` nor `valkey-server` is installed.
    #[error("redis-server not found: run `cargo xtask test`, which installs it, or install the package redis-server")]
    NotFound,
    /// `initdb` and `postgres` are not installed, or not in the folder that `POSTGRES_BIN` names.
    #[error(
        "PostgreSQL not found: run `cargo xtask test`, which installs it, or install the package postgresql, or set \
         POSTGRES_BIN to the folder with initdb and postgres"
    )]
    PostgresNotFound,
    /// A program that a test needs, other than the server, is not installed.
    #[error("{program} not found: install the package {program}")]
    ToolNotFound {
        /// Its name.
        program: &'static str,
    },
    /// The operating system refused something.
    #[error("could not {action}")]
    Io {
        /// What was to be done.
        action: &'static str,
        /// Why it was not.
        source: io::Error,
    },
    /// The server ended while it started: look for a wrong argument in its log.
    #[error("the server ended while it started; correct its arguments. Its log ends with:\n{log}")]
    Exited {
        /// The end of its log.
        log: String,
    },
    /// Other processes took every port that was tried.
    #[error("no free port for the server: other processes took each one tried. The last log ends with:\n{log}")]
    PortTaken {
        /// The end of its log.
        log: String,
    },
    /// The server runs, but was not ready by the deadline.
    #[error("not ready after {waited:?}: {what}. The log ends with:\n{log}")]
    NotReady {
        /// What was waited for.
        what: &'static str,
        /// For how long.
        waited: Duration,
        /// The end of its log.
        log: String,
    },
    /// The server was killed: start it again first, with `restart_empty` or `restart`.
    #[error("the server is not running: start it again first, with `restart_empty` or `restart`")]
    NotRunning,
    /// The server did not answer in time: it is frozen, or very busy.
    #[error("no answer within {0:?}: the server is frozen or very busy")]
    TimedOut(Duration),
    /// The server's answer is not of its protocol: RESP2, or version 3 of PostgreSQL's.
    #[error("the answer is not of the server's protocol ({0}): is something else listening on this port?")]
    Protocol(&'static str),
    /// The server answered a command of the testkit's own with something unexpected.
    #[error("{command} was answered {answer}: is this version of the server supported?")]
    Unexpected {
        /// The command.
        command: String,
        /// The answer, for reading.
        answer: String,
    },
    /// PostgreSQL refused a statement.
    #[error("PostgreSQL refused the statement: {code}: {message}")]
    Refused {
        /// The `SQLSTATE`, five letters and digits.
        code: String,
        /// What it says.
        message: String,
    },
}

impl ServerError {
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }

    /// Whether the same call may succeed later without a change to the test.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Io { .. } | Self::PortTaken { .. } | Self::NotReady { .. } | Self::TimedOut(_)
        )
    }
}

/// A condition did not hold by its deadline.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the condition did not hold within {deadline:?} (looked at {looks} times)")]
#[non_exhaustive]
pub struct NotInTime {
    /// The time it was given.
    pub deadline: Duration,
    /// How often it was looked at.
    pub looks: u32,
}

/// The recorded lists could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordedError {
    /// The data folder is absent.
    #[error(transparent)]
    Absent(#[from] DataAbsent),
    /// One of its files is absent, or damaged.
    #[error("a recorded list cannot be read")]
    Io(#[from] io::Error),
}

/// The data folder beside the workspace is absent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{} is absent: the tests that need it are skipped; put the shared data folder beside the workspace to run them", path.display())]
#[non_exhaustive]
pub struct DataAbsent {
    /// Where it was looked for.
    pub path: PathBuf,
}
