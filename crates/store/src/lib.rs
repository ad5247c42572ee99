#![doc = include_str!("../README.md")]

mod config;
mod error;
mod store;
mod usd;

mod accounts;
mod convert;
mod listed;
mod migrate;

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use gatewayz_cache_core::UnixMillis;

#[cfg(feature = "postgres")]
pub use self::postgres::PostgresStore;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
pub use self::{
    accounts::{
        AccountStore, Environment, KeyDigest, KeyId, KeyRecord, NewKey, NewUser, Plan, PlanOfUser, RateLimits, Receipt,
        Role, Subscription, TransactionKind, Trial, TrialConfig, UsageRecord, User, UserId,
    },
    config::StoreConfig,
    error::{AccountError, MigrateError, OpenError},
    migrate::Migrated,
    store::Store,
    usd::{InvalidUsd, Usd},
};

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("a store needs a database: turn on the feature `sqlite` or `postgres`");
