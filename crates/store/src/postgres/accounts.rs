//! Accounts on a server.

use std::time::SystemTime;

use deadpool_postgres::Client;
use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::StoreError;
use tokio_postgres::{Row, error::SqlState, types::ToSql};

use super::{
    PostgresStore,
    lease::{timed, timed_if, timestamp},
};
use crate::{
    accounts::{
        AccountStore, Booking, KeyDigest, KeyId, KeyRecord, NO_USE, NewKey, NewUser, Plan, PlanOfUser, RateLimits,
        Receipt, TransactionKind, Trial, TrialConfig, UsageRecord, User, UserId, check_amount, check_name, key_columns,
        user_columns, word,
    },
    convert::{count, counted, counted_if, from_json, json},
    error::{AccountError, Fail},
    usd::Usd,
};

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

impl AccountStore for PostgresStore {
    async fn key_by_digest(&self, digest: KeyDigest) -> Result<Option<KeyRecord>, StoreError> {
        let select = concat!(
            "SELECT ",
            user_columns!(),
            ", ",
            key_columns!(),
            " FROM api_keys_new k JOIN users u ON u.id = k.user_id WHERE k.key_hash = $1"
        );
        self.one(select, &[&digest.to_hex()], key).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let select = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");
        self.one(select, &[&id.0], user).await
    }

    async fn plan_of(&self, user: UserId, now: UnixMillis) -> Result<Option<PlanOfUser>, StoreError> {
        let select = "SELECT p.name, p.price_per_month_nano_usd, p.daily_request_limit, p.monthly_request_limit,
                p.daily_token_limit, p.monthly_token_limit, p.max_concurrent_requests, p.is_active, u.started_at,
                u.expires_at
            FROM user_plans u JOIN plans p ON p.id = u.plan_id
            WHERE u.user_id = $1 AND p.is_active AND u.started_at <= $2 AND (u.expires_at IS NULL OR u.expires_at > $2)";
        self.one(select, &[&user.0, &timestamp(now)], plan).await
    }

    async fn trial_of(&self, key: KeyId) -> Result<Option<Trial>, StoreError> {
        let select = "SELECT trial_start_date, trial_end_date, trial_credits_nano_usd, trial_max_tokens,
                trial_max_requests, trial_used_nano_usd, trial_used_tokens, trial_used_requests, trial_converted
            FROM api_keys_new WHERE id = $1 AND trial_end_date IS NOT NULL";
        self.one(select, &[&key.0], trial).await
    }

    async fn limits_of(&self, key: KeyId) -> Result<Option<RateLimits>, StoreError> {
        let select = "SELECT window_size, max_requests, max_tokens, burst_limit, concurrency_limit
            FROM rate_limit_configs WHERE api_key_id = $1";
        self.one(select, &[&key.0], limits).await
    }

    async fn credits(&self, user: UserId) -> Result<Option<Usd>, StoreError> {
        let select = "SELECT credits_nano_usd FROM users WHERE id = $1";
        self.one(select, &[&user.0], |row| Ok(Usd::from_nanos(row.try_get(0)?)))
            .await
    }

    async fn trial_config(&self) -> Result<Option<TrialConfig>, StoreError> {
        let select = "SELECT trial_days, trial_credits_nano_usd, trial_tokens, trial_requests,
            trial_max_concurrent_requests, is_active FROM trial_config";
        self.one(select, &[], trial_config).await
    }

    async fn create_user(&self, user: &NewUser) -> Result<UserId, AccountError> {
        user.check()?;
        let insert = "INSERT INTO users (username, email, credits_nano_usd, is_active, role, subscription_status, tier,
                trial_expires_at, subscription_end_date, registration_date, updated_at)
            VALUES ($1, $2, 0, true, $3, $4, $5, $6, $7, $8, $8) RETURNING id";
        let (role, subscription) = (user.role.as_str(), user.subscription.as_str());
        let (trial, end) = (
            user.trial_expires_at.map(timestamp),
            user.subscription_ends_at.map(timestamp),
        );
        let now = timestamp(self.now());
        let params: Params<'_> = &[
            &user.username,
            &user.email,
            &role,
            &subscription,
            &user.tier,
            &trial,
            &end,
            &now,
        ];
        self.insert(insert, params, "user name or e-mail address", None)
            .await
            .map(UserId)
    }

    async fn set_user_active(&self, user: UserId, active: bool) -> Result<bool, StoreError> {
        let update = "UPDATE users SET is_active = $2, updated_at = $3 WHERE id = $1";
        let changed = self.execute(update, &[&user.0, &active, &timestamp(self.now())]).await;
        Ok(changed.map_err(Fail::store)? > 0)
    }

    async fn create_key(&self, key: &NewKey) -> Result<KeyId, AccountError> {
        key.check()?;
        let insert = "INSERT INTO api_keys_new (user_id, key_hash, last4, key_name, environment_tag, is_primary,
                is_active, scope_permissions, ip_allowlist, domain_referrers, expiration_date, max_requests,
                trial_start_date, trial_end_date, trial_credits_nano_usd, trial_max_tokens, trial_max_requests,
                created_at)
            VALUES ($1, $2, $3, $4, $5, $6, true, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) RETURNING id";
        let trial = key.trial;
        let params: Params<'_> = &[
            &key.user.0,
            &key.digest.to_hex(),
            &key.last4,
            &key.name,
            &key.environment.as_str(),
            &key.primary,
            &json(&key.scopes)?,
            &json(&key.ip_allowlist)?,
            &json(&key.domain_referrers)?,
            &key.expires_at.map(timestamp),
            &key.max_requests.map(count),
            &trial.map(|trial| timestamp(trial.started_at)),
            &trial.map(|trial| timestamp(trial.ends_at)),
            &trial.map(|trial| trial.credits.nanos()),
            &trial.map(|trial| count(trial.max_tokens)),
            &trial.map(|trial| count(trial.max_requests)),
            &timestamp(self.now()),
        ];
        self.insert(insert, params, "key", Some(AccountError::NoUser(key.user)))
            .await
            .map(KeyId)
    }

    async fn revoke_key(&self, key: KeyId) -> Result<bool, StoreError> {
        let update = "UPDATE api_keys_new SET is_active = false, revoked_at = $2 WHERE id = $1 AND is_active";
        let changed = self.execute(update, &[&key.0, &timestamp(self.now())]).await;
        Ok(changed.map_err(Fail::store)? > 0)
    }

    async fn put_plan(&self, plan: &Plan) -> Result<(), AccountError> {
        check_name("name of the plan", &plan.name)?;
        let upsert = "INSERT INTO plans (name, price_per_month_nano_usd, daily_request_limit, monthly_request_limit,
                daily_token_limit, monthly_token_limit, max_concurrent_requests, is_active)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (name) DO UPDATE SET price_per_month_nano_usd = excluded.price_per_month_nano_usd,
                daily_request_limit = excluded.daily_request_limit,
                monthly_request_limit = excluded.monthly_request_limit,
                daily_token_limit = excluded.daily_token_limit, monthly_token_limit = excluded.monthly_token_limit,
                max_concurrent_requests = excluded.max_concurrent_requests, is_active = excluded.is_active";
        let params: Params<'_> = &[
            &plan.name,
            &plan.price_per_month.nanos(),
            &count(plan.daily_requests),
            &count(plan.monthly_requests),
            &count(plan.daily_tokens),
            &count(plan.monthly_tokens),
            &i64::from(plan.max_concurrent),
            &plan.active,
        ];
        self.execute(upsert, params).await.map_err(Fail::account)?;
        Ok(())
    }

    async fn set_plan(
        &self,
        user: UserId,
        plan: Option<&str>,
        since: UnixMillis,
        expires_at: Option<UnixMillis>,
    ) -> Result<(), AccountError> {
        let set = async {
            let mut lease = self.lease().await?;
            let times = (timestamp(since), expires_at.map(timestamp));
            let result = set_plan(lease.client()?, user, plan, times).await;
            lease.settle(result)
        };
        self.within(set).await.map_err(Fail::account)
    }

    async fn set_limits(&self, key: KeyId, limits: Option<&RateLimits>) -> Result<(), AccountError> {
        let now = timestamp(self.now());
        let set = async {
            let mut lease = self.lease().await?;
            let result = set_limits(lease.client()?, key, limits, now).await;
            lease.settle(result)
        };
        self.within(set).await.map_err(Fail::account)
    }

    async fn set_trial_config(&self, config: &TrialConfig) -> Result<(), StoreError> {
        let put = "INSERT INTO trial_config (id, trial_days, trial_credits_nano_usd, trial_tokens, trial_requests,
                trial_max_concurrent_requests, is_active) VALUES (1, $1, $2, $3, $4, $5, $6)
            ON CONFLICT (id) DO UPDATE SET trial_days = excluded.trial_days,
                trial_credits_nano_usd = excluded.trial_credits_nano_usd, trial_tokens = excluded.trial_tokens,
                trial_requests = excluded.trial_requests,
                trial_max_concurrent_requests = excluded.trial_max_concurrent_requests,
                is_active = excluded.is_active";
        let params: Params<'_> = &[
            &i64::from(config.days),
            &config.credits.nanos(),
            &count(config.max_tokens),
            &count(config.max_requests),
            &i64::from(config.max_concurrent),
            &config.active,
        ];
        self.execute(put, params).await.map_err(Fail::store)?;
        Ok(())
    }

    async fn charge(&self, user: UserId, amount: Usd, reference: &str) -> Result<Receipt, AccountError> {
        self.book(Booking::charge(user, amount)?, reference).await
    }

    async fn add_credits(
        &self,
        user: UserId,
        amount: Usd,
        kind: TransactionKind,
        reference: &str,
    ) -> Result<Receipt, AccountError> {
        check_amount(amount)?;
        self.book(Booking { user, amount, kind }, reference).await
    }

    async fn record_usage(&self, records: &[UsageRecord]) -> Result<u64, AccountError> {
        records.iter().try_for_each(UsageRecord::check)?;
        if records.is_empty() {
            return Ok(0);
        }
        let record = async {
            let mut lease = self.lease().await?;
            let result = record_usage(lease.client()?, records).await;
            lease.settle(result)
        };
        self.within(record).await.map_err(Fail::account)
    }
}

impl PostgresStore {
    async fn one<T: Send>(
        &self,
        select: &str,
        params: Params<'_>,
        read: fn(&Row) -> Result<T, Fail>,
    ) -> Result<Option<T>, StoreError> {
        let one = async {
            let mut lease = self.lease().await?;
            let client = lease.client()?;
            let result = async {
                let select = client.prepare_cached(select).await?;
                Ok(client.query_opt(&select, params).await?)
            };
            let result = result.await;
            let row = lease.settle(result)?;
            row.as_ref().map(read).transpose()
        };
        self.within(one).await.map_err(Fail::store)
    }

    async fn execute(&self, statement: &str, params: Params<'_>) -> Result<u64, Fail> {
        let execute = async {
            let mut lease = self.lease().await?;
            let result = lease.client()?.execute(statement, params).await;
            lease.settle(result.map_err(Fail::from))
        };
        self.within(execute).await
    }

    /// Inserts a row and returns its key.
    async fn insert(
        &self,
        insert: &str,
        params: Params<'_>,
        taken: &'static str,
        unknown: Option<AccountError>,
    ) -> Result<i64, AccountError> {
        let insert = async {
            let mut lease = self.lease().await?;
            let result = lease.client()?.query_one(insert, params).await;
            let row = lease.settle(result.map_err(|error| violated(error, taken, unknown)))?;
            Ok(row.try_get(0)?)
        };
        self.within(insert).await.map_err(Fail::account)
    }

    async fn book(&self, booking: Booking, reference: &str) -> Result<Receipt, AccountError> {
        check_name("reference", reference)?;
        let now = timestamp(self.now());
        let book = async {
            let mut lease = self.lease().await?;
            let result = book(lease.client()?, booking, reference, now).await;
            lease.settle(result)
        };
        self.within(book).await.map_err(Fail::account)
    }
}

async fn book(client: &mut Client, booking: Booking, reference: &str, now: SystemTime) -> Result<Receipt, Fail> {
    let transaction = client.transaction().await?;
    // First the user, so that bookings of one user come one after the other: also two of one reference.
    let lock = transaction
        .prepare_cached("SELECT credits_nano_usd FROM users WHERE id = $1 FOR NO KEY UPDATE")
        .await?;
    let balance = transaction.query_opt(&lock, &[&booking.user.0]).await?;
    let known = transaction
        .prepare_cached(
            "SELECT user_id, amount_nano_usd, transaction_type, balance_before_nano_usd, balance_after_nano_usd
            FROM credit_transactions WHERE reference = $1",
        )
        .await?;
    if let Some(row) = transaction.query_opt(&known, &[&reference]).await? {
        let balances = (row.try_get(3)?, row.try_get(4)?);
        return Ok(booking.repeated(UserId(row.try_get(0)?), row.try_get(1)?, row.try_get(2)?, balances)?);
    }
    let Some(row) = balance else {
        return Err(AccountError::NoUser(booking.user).into());
    };
    let before = Usd::from_nanos(row.try_get(0)?);
    let after = booking.balance_after(before)?;
    let write = transaction
        .prepare_cached(
            "WITH booked AS (
                INSERT INTO credit_transactions (user_id, reference, transaction_type, amount_nano_usd,
                    balance_before_nano_usd, balance_after_nano_usd, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
            )
            UPDATE users SET credits_nano_usd = $6, updated_at = $7 WHERE id = $1",
        )
        .await?;
    let (kind, amount) = (booking.kind.as_str(), booking.amount.nanos());
    let params: Params<'_> = &[
        &booking.user.0,
        &reference,
        &kind,
        &amount,
        &before.nanos(),
        &after.nanos(),
        &now,
    ];
    let written = transaction.execute(&write, params).await;
    // Only another user's booking of the same moment can have come between.
    written.map_err(|error| match error.code() {
        Some(&SqlState::UNIQUE_VIOLATION) => AccountError::ReferenceReused.into(),
        _ => Fail::from(error),
    })?;
    if booking.kind == TransactionKind::Purchase {
        let convert = "UPDATE api_keys_new SET trial_converted = true
            WHERE user_id = $1 AND trial_end_date IS NOT NULL";
        transaction.execute(convert, &[&booking.user.0]).await?;
    }
    transaction.commit().await?;
    Ok(Receipt {
        before,
        after,
        repeated: false,
    })
}

async fn record_usage(client: &mut Client, records: &[UsageRecord]) -> Result<u64, Fail> {
    let transaction = client.transaction().await?;
    let column = |value: fn(&UsageRecord) -> i64| records.iter().map(value).collect::<Vec<_>>();
    let users = column(|record| record.user.0);
    let keys = column(|record| record.key.0);
    // In one order, so that two calls never wait for each other.
    let lock = "SELECT id FROM api_keys_new WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
    transaction.query(lock, &[&keys]).await?;
    let owned = "SELECT count(*) FROM unnest($1::bigint[], $2::bigint[]) AS used (user_id, id)
        JOIN api_keys_new USING (id, user_id)";
    let owned: i64 = transaction.query_one(owned, &[&users, &keys]).await?.try_get(0)?;
    if usize::try_from(owned) != Ok(records.len()) {
        return Err(NO_USE.into());
    }
    let record = transaction
        .prepare_cached(
            "WITH new AS (
                INSERT INTO usage_records (request_id, user_id, api_key_id, provider, model, input_tokens,
                    output_tokens, cost_nano_usd, processing_time_ms, at)
                SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[],
                    $7::bigint[], $8::bigint[], $9::bigint[], $10::timestamptz[])
                ON CONFLICT (request_id) DO NOTHING
                RETURNING api_key_id, input_tokens + output_tokens AS tokens, cost_nano_usd AS cost, at
            ), sums AS (
                SELECT api_key_id, count(*) AS requests, sum(tokens)::bigint AS tokens, sum(cost)::bigint AS cost,
                    max(at) AS last
                FROM new GROUP BY api_key_id
            ), counted AS (
                UPDATE api_keys_new k SET requests_used = requests_used + requests,
                    last_used_at = greatest(last_used_at, last),
                    trial_used_requests = trial_used_requests + CASE WHEN trial_end_date IS NULL THEN 0 ELSE requests END,
                    trial_used_tokens = trial_used_tokens + CASE WHEN trial_end_date IS NULL THEN 0 ELSE tokens END,
                    trial_used_nano_usd = trial_used_nano_usd + CASE WHEN trial_end_date IS NULL THEN 0 ELSE cost END
                FROM sums WHERE k.id = sums.api_key_id
            )
            SELECT count(*) FROM new",
        )
        .await?;
    let texts = |value: fn(&UsageRecord) -> &str| records.iter().map(value).collect::<Vec<_>>();
    let times: Vec<_> = records.iter().map(|record| timestamp(record.at)).collect();
    let params: Params<'_> = &[
        &texts(|record| &record.request_id),
        &users,
        &keys,
        &texts(|record| &record.provider),
        &texts(|record| &record.model),
        &column(|record| count(record.input_tokens)),
        &column(|record| count(record.output_tokens)),
        &column(|record| record.cost.nanos()),
        &column(|record| count(record.duration_ms)),
        &times,
    ];
    let new: i64 = transaction.query_one(&record, params).await?.try_get(0)?;
    transaction.commit().await?;
    Ok(counted("usage_records", new)?)
}

async fn set_plan(
    client: &mut Client,
    user: UserId,
    plan: Option<&str>,
    (since, expires_at): (SystemTime, Option<SystemTime>),
) -> Result<(), Fail> {
    let transaction = client.transaction().await?;
    let known = "SELECT 1 FROM users WHERE id = $1 FOR KEY SHARE";
    if transaction.query_opt(known, &[&user.0]).await?.is_none() {
        return Err(AccountError::NoUser(user).into());
    }
    match plan {
        None => {
            transaction
                .execute("DELETE FROM user_plans WHERE user_id = $1", &[&user.0])
                .await?;
        }
        Some(plan) => {
            let upsert = "INSERT INTO user_plans (user_id, plan_id, started_at, expires_at)
                SELECT $1, id, $3, $4 FROM plans WHERE name = $2
                ON CONFLICT (user_id) DO UPDATE SET plan_id = excluded.plan_id, started_at = excluded.started_at,
                    expires_at = excluded.expires_at";
            let params: Params<'_> = &[&user.0, &plan, &since, &expires_at];
            if transaction.execute(upsert, params).await? == 0 {
                return Err(AccountError::NoPlan(plan.to_owned()).into());
            }
        }
    }
    Ok(transaction.commit().await?)
}

async fn set_limits(client: &mut Client, key: KeyId, limits: Option<&RateLimits>, now: SystemTime) -> Result<(), Fail> {
    let transaction = client.transaction().await?;
    let known = "SELECT 1 FROM api_keys_new WHERE id = $1 FOR KEY SHARE";
    if transaction.query_opt(known, &[&key.0]).await?.is_none() {
        return Err(AccountError::NoKey(key).into());
    }
    match limits {
        None => {
            transaction
                .execute("DELETE FROM rate_limit_configs WHERE api_key_id = $1", &[&key.0])
                .await?;
        }
        Some(limits) => {
            let put = "INSERT INTO rate_limit_configs (api_key_id, window_size, max_requests, max_tokens, burst_limit,
                    concurrency_limit, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
                ON CONFLICT (api_key_id) DO UPDATE SET window_size = excluded.window_size,
                    max_requests = excluded.max_requests, max_tokens = excluded.max_tokens,
                    burst_limit = excluded.burst_limit, concurrency_limit = excluded.concurrency_limit,
                    updated_at = excluded.updated_at";
            let params: Params<'_> = &[
                &key.0,
                &i64::from(limits.window_seconds),
                &count(limits.max_requests),
                &count(limits.max_tokens),
                &i64::from(limits.burst),
                &i64::from(limits.concurrency),
                &now,
            ];
            transaction.execute(put, params).await?;
        }
    }
    Ok(transaction.commit().await?)
}

/// What a violated constraint means.
fn violated(error: tokio_postgres::Error, taken: &'static str, unknown: Option<AccountError>) -> Fail {
    match (error.code(), unknown) {
        (Some(&SqlState::UNIQUE_VIOLATION), _) => AccountError::Taken(taken).into(),
        (Some(&SqlState::FOREIGN_KEY_VIOLATION), Some(unknown)) => unknown.into(),
        _ => error.into(),
    }
}

fn user(row: &Row) -> Result<User, Fail> {
    Ok(User {
        id: UserId(row.try_get(0)?),
        username: row.try_get(1)?,
        email: row.try_get(2)?,
        credits: Usd::from_nanos(row.try_get(3)?),
        active: row.try_get(4)?,
        role: word("users.role", row.try_get(5)?)?,
        subscription: word("users.subscription_status", row.try_get(6)?)?,
        tier: row.try_get(7)?,
        trial_expires_at: timed_if("users.trial_expires_at", row.try_get(8)?)?,
        subscription_ends_at: timed_if("users.subscription_end_date", row.try_get(9)?)?,
        registered_at: timed("users.registration_date", row.try_get(10)?)?,
    })
}

fn key(row: &Row) -> Result<KeyRecord, Fail> {
    let list = |at: usize, column| {
        let text = row.try_get(at)?;
        Ok::<Vec<String>, Fail>(from_json(column, text)?)
    };
    Ok(KeyRecord {
        user: user(row)?,
        id: KeyId(row.try_get(11)?),
        last4: row.try_get(12)?,
        name: row.try_get(13)?,
        environment: word("api_keys_new.environment_tag", row.try_get(14)?)?,
        primary: row.try_get(15)?,
        active: row.try_get(16)?,
        scopes: list(17, "api_keys_new.scope_permissions")?,
        ip_allowlist: list(18, "api_keys_new.ip_allowlist")?,
        domain_referrers: list(19, "api_keys_new.domain_referrers")?,
        expires_at: timed_if("api_keys_new.expiration_date", row.try_get(20)?)?,
        max_requests: counted_if("api_keys_new.max_requests", row.try_get(21)?)?,
        requests_used: counted("api_keys_new.requests_used", row.try_get(22)?)?,
        last_used_at: timed_if("api_keys_new.last_used_at", row.try_get(23)?)?,
        trial: row.try_get(24)?,
        created_at: timed("api_keys_new.created_at", row.try_get(25)?)?,
    })
}

fn plan(row: &Row) -> Result<PlanOfUser, Fail> {
    Ok(PlanOfUser {
        plan: Plan {
            name: row.try_get(0)?,
            price_per_month: Usd::from_nanos(row.try_get(1)?),
            daily_requests: counted("plans.daily_request_limit", row.try_get(2)?)?,
            monthly_requests: counted("plans.monthly_request_limit", row.try_get(3)?)?,
            daily_tokens: counted("plans.daily_token_limit", row.try_get(4)?)?,
            monthly_tokens: counted("plans.monthly_token_limit", row.try_get(5)?)?,
            max_concurrent: counted("plans.max_concurrent_requests", row.try_get(6)?)?,
            active: row.try_get(7)?,
        },
        since: timed("user_plans.started_at", row.try_get(8)?)?,
        expires_at: timed_if("user_plans.expires_at", row.try_get(9)?)?,
    })
}

fn trial(row: &Row) -> Result<Trial, Fail> {
    Ok(Trial {
        started_at: timed("api_keys_new.trial_start_date", row.try_get(0)?)?,
        ends_at: timed("api_keys_new.trial_end_date", row.try_get(1)?)?,
        credits: Usd::from_nanos(row.try_get(2)?),
        max_tokens: counted("api_keys_new.trial_max_tokens", row.try_get(3)?)?,
        max_requests: counted("api_keys_new.trial_max_requests", row.try_get(4)?)?,
        used_credits: Usd::from_nanos(row.try_get(5)?),
        used_tokens: counted("api_keys_new.trial_used_tokens", row.try_get(6)?)?,
        used_requests: counted("api_keys_new.trial_used_requests", row.try_get(7)?)?,
        converted: row.try_get(8)?,
    })
}

fn limits(row: &Row) -> Result<RateLimits, Fail> {
    Ok(RateLimits {
        window_seconds: counted("rate_limit_configs.window_size", row.try_get(0)?)?,
        max_requests: counted("rate_limit_configs.max_requests", row.try_get(1)?)?,
        max_tokens: counted("rate_limit_configs.max_tokens", row.try_get(2)?)?,
        burst: counted("rate_limit_configs.burst_limit", row.try_get(3)?)?,
        concurrency: counted("rate_limit_configs.concurrency_limit", row.try_get(4)?)?,
    })
}

fn trial_config(row: &Row) -> Result<TrialConfig, Fail> {
    Ok(TrialConfig {
        days: counted("trial_config.trial_days", row.try_get(0)?)?,
        credits: Usd::from_nanos(row.try_get(1)?),
        max_tokens: counted("trial_config.trial_tokens", row.try_get(2)?)?,
        max_requests: counted("trial_config.trial_requests", row.try_get(3)?)?,
        max_concurrent: counted("trial_config.trial_max_concurrent_requests", row.try_get(4)?)?,
        active: row.try_get(5)?,
    })
}
