//! What goes wrong with a command, by kind.

use std::sync::Arc;

use fred::error::{Error, ErrorKind};
use gatewayz_cache_core::SharedError;
use thiserror::Error as ThisError;

/// Why a command brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No connection, or it broke.
    Disconnected,
    /// No answer in time.
    Timeout,
    /// Our own queue is full.
    Backpressure,
    /// The server is out of memory.
    OutOfMemory,
    /// The server is a replica.
    ReadOnly,
    /// The server wants a password, or another one, or refuses this user the command.
    NoAuth,
    /// The server reads its data from disk, or waits for its primary.
    Loading,
    /// The key holds another type.
    WrongType,
    /// The server refuses writes because it cannot save or replicate them.
    NotDurable,
    /// A slot of the cluster is not served.
    Cluster,
    /// The server does not have the script.
    NoScript,
    /// Anything else that the server refused.
    Refused,
    /// An answer that is none.
    Protocol,
}

impl Kind {
    pub(crate) const ALL: [Self; 13] = [
        Self::Disconnected,
        Self::Timeout,
        Self::Backpressure,
        Self::OutOfMemory,
        Self::ReadOnly,
        Self::NoAuth,
        Self::Loading,
        Self::WrongType,
        Self::NotDurable,
        Self::Cluster,
        Self::NoScript,
        Self::Refused,
        Self::Protocol,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Timeout => "timeout",
            Self::Backpressure => "backpressure",
            Self::OutOfMemory => "out_of_memory",
            Self::ReadOnly => "read_only",
            Self::NoAuth => "no_auth",
            Self::Loading => "loading",
            Self::WrongType => "wrong_type",
            Self::NotDurable => "not_durable",
            Self::Cluster => "cluster",
            Self::NoScript => "no_script",
            Self::Refused => "refused",
            Self::Protocol => "protocol",
        }
    }

    /// Whether the server did not answer at all, so that the next call will hardly fare better.
    pub(crate) const fn is_silence(self) -> bool {
        matches!(self, Self::Disconnected | Self::Timeout)
    }

    /// Whether the server answered that it will not.
    pub(crate) const fn is_refusal(self) -> bool {
        !matches!(self, Self::Disconnected | Self::Timeout | Self::Backpressure)
    }
}

/// A command that brought no answer.
#[derive(Clone, Debug, ThisError)]
#[error("{text}")]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// What the server or the client said. The server quotes no value, and neither quotes a password.
    text: Arc<str>,
}

impl Fault {
    pub(crate) fn new(kind: Kind, text: &str) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    pub(crate) fn protocol(what: &'static str) -> Self {
        Self::new(Kind::Protocol, what)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::new(kind(&error), error.details())
    }
}

fn kind(error: &Error) -> Kind {
    // Redis before 7 wraps what a script's command says, so the words are looked for anywhere.
    const WORDS: [(&str, Kind); 15] = [
        ("NOSCRIPT", Kind::NoScript),
        ("WRONGTYPE", Kind::WrongType),
        ("OOM command", Kind::OutOfMemory),
        ("READONLY", Kind::ReadOnly),
        ("NOAUTH", Kind::NoAuth),
        ("WRONGPASS", Kind::NoAuth),
        ("NOPERM", Kind::NoAuth),
        ("LOADING", Kind::Loading),
        ("MASTERDOWN", Kind::Loading),
        ("BUSY", Kind::Loading),
        ("MISCONF", Kind::NotDurable),
        ("NOREPLICAS", Kind::NotDurable),
        ("CLUSTERDOWN", Kind::Cluster),
        ("CROSSSLOT", Kind::Cluster),
        ("TRYAGAIN", Kind::Cluster),
    ];
    match error.kind() {
        ErrorKind::Timeout => return Kind::Timeout,
        ErrorKind::Backpressure => return Kind::Backpressure,
        ErrorKind::Auth => return Kind::NoAuth,
        ErrorKind::IO | ErrorKind::Canceled | ErrorKind::Routing | ErrorKind::Sentinel => return Kind::Disconnected,
        ErrorKind::Parse | ErrorKind::Protocol | ErrorKind::NotFound => return Kind::Protocol,
        _ => {}
    }
    let details = error.details();
    for (word, kind) in WORDS {
        if details.contains(word) {
            return kind;
        }
    }
    match error.kind() {
        ErrorKind::Cluster => Kind::Cluster,
        // The words with which fred says that its connection task has ended or not begun.
        ErrorKind::Unknown if details.contains("router") || details.contains("not initialized") => Kind::Disconnected,
        ErrorKind::Unknown if details.contains("route command") => Kind::Disconnected,
        _ => Kind::Refused,
    }
}

impl From<Fault> for SharedError {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            Kind::Disconnected => Self::Unavailable(Some(Arc::new(fault))),
            Kind::Timeout => Self::Timeout,
            Kind::Backpressure => Self::Backpressure,
            _ => Self::Refused(Arc::new(fault)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error_kind: ErrorKind, details: &'static str, expect: Kind) {
        assert_eq!(Fault::from(Error::new(error_kind, details)).kind, expect);
    }

    #[test]
    fn errors_are_sorted_by_what_they_mean() {
        check(
            ErrorKind::Unknown,
            "OOM command not allowed when used memory > 'maxmemory'.",
            Kind::OutOfMemory,
        );
        check(
            ErrorKind::Unknown,
            "ERR Error running script (call to f_1): @user_script:1: -OOM command not allowed when",
            Kind::OutOfMemory,
        );
        check(
            ErrorKind::Unknown,
            "READONLY You can't write against a read only replica.",
            Kind::ReadOnly,
        );
        check(
            ErrorKind::Unknown,
            "NOSCRIPT No matching script. Please use EVAL.",
            Kind::NoScript,
        );
        check(
            ErrorKind::InvalidArgument,
            "WRONGTYPE Operation against a key",
            Kind::WrongType,
        );
        check(ErrorKind::Auth, "NOAUTH Authentication required.", Kind::NoAuth);
        check(ErrorKind::Unknown, "Client is not initialized.", Kind::Disconnected);
        check(ErrorKind::Canceled, "Canceled.", Kind::Disconnected);
        check(ErrorKind::Timeout, "Request timed out.", Kind::Timeout);
        check(ErrorKind::Unknown, "ERR something new", Kind::Refused);
    }

    #[test]
    fn only_a_refusal_is_permanent() {
        let shared = |kind| SharedError::from(Fault::new(kind, ""));
        assert!(shared(Kind::Timeout).is_transient());
        assert!(shared(Kind::Disconnected).is_transient());
        assert!(!shared(Kind::OutOfMemory).is_transient());
    }
}
