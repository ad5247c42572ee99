//! The versions of the schema.

use gatewayz_catalog::StoreError;
use sha2::{Digest as _, Sha256};

use crate::error::MigrateError;

/// One step of the schema. Its text never changes once it was released: a database remembers what it was made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    pub(crate) version: u32,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

macro_rules! migrations {
    ($folder:literal: $($version:literal $name:literal),+ $(,)?) => {
        &[$(Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("migrate/", $folder, "/", $name, ".sql")),
        }),+]
    };
}

#[cfg(feature = "sqlite")]
pub(crate) const SQLITE: &[Migration] = migrations!("sqlite": 1 "0001_catalogue_and_accounts");
#[cfg(feature = "postgres")]
pub(crate) const POSTGRES: &[Migration] = migrations!("postgres": 1 "0001_catalogue_and_accounts");

impl Migration {
    /// The digest of its text, in hexadecimal.
    pub(crate) fn checksum(&self) -> String {
        crate::convert::hex(&Sha256::digest(self.sql))
    }

    pub(crate) fn failed(&self, cause: StoreError) -> MigrateError {
        // A database that is away says nothing about the step.
        if cause.is_transient() {
            return MigrateError::Store(cause);
        }
        MigrateError::Step {
            version: self.version,
            name: self.name.to_owned(),
            cause,
        }
    }
}

/// What a migration did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migrated {
    /// The version before; 0: an empty database.
    pub from: u32,
    /// The version now.
    pub to: u32,
}

/// A row of `schema_migrations`.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) version: u32,
    pub(crate) checksum: String,
}

/// Whether those that were applied, in order, are the first of `known`; and which comes next.
pub(crate) fn next<'a>(applied: &[Applied], known: &'a [Migration]) -> Result<Option<&'a Migration>, MigrateError> {
    let program = known.last().map_or(0, |last| last.version);
    if let Some(last) = applied.last()
        && last.version > program
    {
        return Err(MigrateError::Newer {
            database: last.version,
            program,
        });
    }
    for (at, migration) in known.iter().enumerate() {
        match applied.get(at) {
            None => return Ok(Some(migration)),
            Some(row) if row.version == migration.version && row.checksum == migration.checksum() => {}
            Some(_) => {
                return Err(MigrateError::Altered {
                    version: migration.version,
                    name: migration.name.to_owned(),
                });
            }
        }
    }
    Ok(None)
}
