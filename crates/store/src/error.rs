//! Every error of the crate that is not the catalogue's own `StoreError`.

use gatewayz_catalog::StoreError;
use thiserror::Error;

use crate::{
    accounts::{KeyId, UserId},
    usd::Usd,
};

/// Why a store cannot be opened. Never holds a password.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL is not one of a store.
    #[error(
        "the database URL {0}; write `sqlite:path/to/file`, `sqlite::memory:` or `postgres://user@host:5432/database`"
    )]
    InvalidUrl(String),
    /// The program was built without what the URL asks for.
    #[error("this program was built without {0}; build it with the feature, or choose another URL")]
    NotBuilt(&'static str),
    /// The certificates of TLS cannot be used.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The database was found and cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a database could not be brought to the program's version. It still has the version that it had before the step.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// A later version of the program has written it.
    #[error(
        "the database has schema {database}, this program knows {program} at most; run the newer program, or restore a \
         backup from before"
    )]
    Newer {
        /// The version of the database.
        database: u32,
        /// The latest version that the program knows.
        program: u32,
    },
    /// A step that was applied differs from the program's step of that number.
    #[error(
        "schema {version} (`{name}`) was applied with another text than this program has; the database belongs to \
         another program, or a migration was edited after it was released"
    )]
    Altered {
        /// The step.
        version: u32,
        /// Its name in the program.
        name: String,
    },
    /// A step failed and was taken back.
    #[error("schema {version} (`{name}`) cannot be applied, the database stays at {}: {cause}", version - 1)]
    Step {
        /// The step.
        version: u32,
        /// Its name.
        name: String,
        /// Why.
        cause: StoreError,
    },
    /// The database cannot be used now, or holds what cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an operation on accounts was not done.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The database cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another row has the value that must be unique.
    #[error("the {0} is taken")]
    Taken(&'static str),
    /// There is no such user.
    #[error("there is no user {0}")]
    NoUser(UserId),
    /// There is no such key.
    #[error("there is no key {0}")]
    NoKey(KeyId),
    /// There is no such plan.
    #[error("there is no plan `{0}`")]
    NoPlan(String),
    /// The user has less than is to be charged. Nothing was booked.
    #[error("the balance of {balance} is not enough")]
    Insufficient {
        /// What the user has.
        balance: Usd,
    },
    /// The reference was used for another user, amount or kind. Nothing was booked.
    #[error("the reference was used for another transaction")]
    ReferenceReused,
    /// A value that no account can have.
    #[error("the {what} {wrong}")]
    Invalid {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        wrong: &'static str,
    },
}

impl AccountError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Store(cause) if cause.is_transient())
    }
}

/// A value in the database that has no meaning: nothing is guessed from it.
pub(crate) fn unreadable(column: &str, wrong: impl std::fmt::Display) -> StoreError {
    StoreError::Refused(format!("the column {column} holds what cannot be read: {wrong}"))
}

/// What the work inside a backend fails with: `?` takes the driver's errors, too.
#[derive(Debug)]
pub(crate) struct Fail(AccountError);

impl Fail {
    pub(crate) fn account(self) -> AccountError {
        self.0
    }

    /// For work that knows no errors of accounts.
    pub(crate) fn store(self) -> StoreError {
        match self.0 {
            AccountError::Store(error) => error,
            other => StoreError::Refused(other.to_string()),
        }
    }
}

impl From<AccountError> for Fail {
    fn from(error: AccountError) -> Self {
        Self(error)
    }
}

impl From<StoreError> for Fail {
    fn from(error: StoreError) -> Self {
        Self(AccountError::Store(error))
    }
}
