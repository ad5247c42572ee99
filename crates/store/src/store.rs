//! One of the databases.

use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::{
    CatalogStore, Changes, Listing, ModelHealth, ModelId, Pricing, Provider, RowFilter, RowKey, Slug, StoreError,
    StoredModel, WriteMode,
};

#[cfg(feature = "postgres")]
use crate::postgres::PostgresStore;
#[cfg(feature = "sqlite")]
use crate::sqlite::SqliteStore;
use crate::{
    accounts::{
        AccountStore, KeyDigest, KeyId, KeyRecord, NewKey, NewUser, Plan, PlanOfUser, RateLimits, Receipt,
        TransactionKind, Trial, TrialConfig, UsageRecord, User, UserId,
    },
    config::{StoreConfig, Target},
    error::{AccountError, MigrateError, OpenError},
    migrate::{self, Migrated},
    usd::Usd,
};

/// The source of truth for the catalogue and the accounts. Clones share it.
///
/// Its futures need a tokio runtime with timers. None of them blocks its threads, and none takes longer than the limit
/// of a call: what takes longer is an error that is transient.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Store {
    /// One file, or memory.
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteStore),
    /// A server.
    #[cfg(feature = "postgres")]
    Postgres(PostgresStore),
}

/// The same call on whichever database it is.
macro_rules! on {
    ($store:expr, $name:ident => $call:expr) => {
        match $store {
            #[cfg(feature = "sqlite")]
            Store::Sqlite($name) => $call,
            #[cfg(feature = "postgres")]
            Store::Postgres($name) => $call,
        }
    };
}

impl Store {
    /// Opens a store. A file is made where there is none; a server is asked at the first call, and may be away until then.
    ///
    /// The schema is as it was: see [`migrate`](Self::migrate).
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is wrong with the settings or the file.
    #[cfg_attr(
        not(feature = "sqlite"),
        expect(
            clippy::unused_async,
            reason = "only files are opened here, but callers need not know"
        )
    )]
    pub async fn open(config: StoreConfig) -> Result<Self, OpenError> {
        match &config.target {
            #[cfg(feature = "sqlite")]
            Target::Memory => SqliteStore::memory(&config).map(Self::Sqlite),
            #[cfg(feature = "sqlite")]
            Target::File(path) => SqliteStore::file(path, &config).await.map(Self::Sqlite),
            #[cfg(feature = "postgres")]
            Target::Postgres(server) => PostgresStore::new(server, &config).map(Self::Postgres),
        }
    }

    /// Brings the schema to the version of this program: every missing step, each in a transaction of its own. Other
    /// processes that do the same wait for each other.
    ///
    /// # Errors
    ///
    /// [`MigrateError`] says which step failed. The database then has the version before that step, and works as before.
    pub async fn migrate(&self) -> Result<Migrated, MigrateError> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(store) => store.migrate(migrate::SQLITE).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(store) => store.migrate(migrate::POSTGRES).await,
        }
    }

    /// The version of the schema; 0: there is none yet. Also tells whether the database can be reached.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as any other call.
    pub async fn schema_version(&self) -> Result<u32, StoreError> {
        on!(self, store => store.schema_version().await)
    }
}

impl CatalogStore for Store {
    async fn put_providers(&self, providers: &[Provider]) -> Result<Changes, StoreError> {
        on!(self, store => store.put_providers(providers).await)
    }

    async fn providers(&self) -> Result<Vec<Provider>, StoreError> {
        on!(self, store => store.providers().await)
    }

    async fn replace_models(
        &self,
        provider: &Slug,
        listed: &[Listing],
        now: UnixMillis,
        mode: WriteMode,
    ) -> Result<Changes, StoreError> {
        on!(self, store => store.replace_models(provider, listed, now, mode).await)
    }

    async fn models_page(
        &self,
        filter: &RowFilter,
        after: Option<RowKey>,
        limit: u32,
    ) -> Result<Vec<StoredModel>, StoreError> {
        on!(self, store => store.models_page(filter, after, limit).await)
    }

    async fn model(&self, provider: &Slug, id: &ModelId) -> Result<Option<StoredModel>, StoreError> {
        on!(self, store => store.model(provider, id).await)
    }

    async fn set_operator_pricing(
        &self,
        provider: &Slug,
        id: &ModelId,
        pricing: Option<&Pricing>,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        on!(self, store => store.set_operator_pricing(provider, id, pricing, now).await)
    }

    async fn set_model_health(&self, provider: &Slug, id: &ModelId, health: &ModelHealth) -> Result<bool, StoreError> {
        on!(self, store => store.set_model_health(provider, id, health).await)
    }
}

impl AccountStore for Store {
    async fn key_by_digest(&self, digest: KeyDigest) -> Result<Option<KeyRecord>, StoreError> {
        on!(self, store => store.key_by_digest(digest).await)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        on!(self, store => store.user(id).await)
    }

    async fn plan_of(&self, user: UserId, now: UnixMillis) -> Result<Option<PlanOfUser>, StoreError> {
        on!(self, store => store.plan_of(user, now).await)
    }

    async fn trial_of(&self, key: KeyId) -> Result<Option<Trial>, StoreError> {
        on!(self, store => store.trial_of(key).await)
    }

    async fn limits_of(&self, key: KeyId) -> Result<Option<RateLimits>, StoreError> {
        on!(self, store => store.limits_of(key).await)
    }

    async fn credits(&self, user: UserId) -> Result<Option<Usd>, StoreError> {
        on!(self, store => store.credits(user).await)
    }

    async fn trial_config(&self) -> Result<Option<TrialConfig>, StoreError> {
        on!(self, store => store.trial_config().await)
    }

    async fn create_user(&self, user: &NewUser) -> Result<UserId, AccountError> {
        on!(self, store => store.create_user(user).await)
    }

    async fn set_user_active(&self, user: UserId, active: bool) -> Result<bool, StoreError> {
        on!(self, store => store.set_user_active(user, active).await)
    }

    async fn create_key(&self, key: &NewKey) -> Result<KeyId, AccountError> {
        on!(self, store => store.create_key(key).await)
    }

    async fn revoke_key(&self, key: KeyId) -> Result<bool, StoreError> {
        on!(self, store => store.revoke_key(key).await)
    }

    async fn put_plan(&self, plan: &Plan) -> Result<(), AccountError> {
        on!(self, store => store.put_plan(plan).await)
    }

    async fn set_plan(
        &self,
        user: UserId,
        plan: Option<&str>,
        since: UnixMillis,
        expires_at: Option<UnixMillis>,
    ) -> Result<(), AccountError> {
        on!(self, store => store.set_plan(user, plan, since, expires_at).await)
    }

    async fn set_limits(&self, key: KeyId, limits: Option<&RateLimits>) -> Result<(), AccountError> {
        on!(self, store => store.set_limits(key, limits).await)
    }

    async fn set_trial_config(&self, config: &TrialConfig) -> Result<(), StoreError> {
        on!(self, store => store.set_trial_config(config).await)
    }

    async fn charge(&self, user: UserId, amount: Usd, reference: &str) -> Result<Receipt, AccountError> {
        on!(self, store => store.charge(user, amount, reference).await)
    }

    async fn add_credits(
        &self,
        user: UserId,
        amount: Usd,
        kind: TransactionKind,
        reference: &str,
    ) -> Result<Receipt, AccountError> {
        on!(self, store => store.add_credits(user, amount, kind, reference).await)
    }

    async fn record_usage(&self, records: &[UsageRecord]) -> Result<u64, AccountError> {
        on!(self, store => store.record_usage(records).await)
    }
}

#[cfg(test)]
mod tests;
