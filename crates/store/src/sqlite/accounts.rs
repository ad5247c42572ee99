//! Accounts in `SQLite`.

use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::StoreError;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Params, Row, params};

use super::{
    SqliteStore,
    catalog::{time, timed},
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

impl AccountStore for SqliteStore {
    async fn key_by_digest(&self, digest: KeyDigest) -> Result<Option<KeyRecord>, StoreError> {
        const SELECT: &str = concat!(
            "SELECT ",
            user_columns!(),
            ", ",
            key_columns!(),
            " FROM api_keys_new k JOIN users u ON u.id = k.user_id WHERE k.key_hash = ?1"
        );
        self.one(SELECT, (digest.to_hex(),), key).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        const SELECT: &str = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = ?1");
        self.one(SELECT, (id.0,), user).await
    }

    async fn plan_of(&self, user: UserId, now: UnixMillis) -> Result<Option<PlanOfUser>, StoreError> {
        const SELECT: &str = "SELECT p.name, p.price_per_month_nano_usd, p.daily_request_limit, p.monthly_request_limit,
                p.daily_token_limit, p.monthly_token_limit, p.max_concurrent_requests, p.is_active, u.started_at,
                u.expires_at
            FROM user_plans u JOIN plans p ON p.id = u.plan_id
            WHERE u.user_id = ?1 AND p.is_active AND u.started_at <= ?2 AND (u.expires_at IS NULL OR u.expires_at > ?2)";
        self.one(SELECT, (user.0, time(now)), plan).await
    }

    async fn trial_of(&self, key: KeyId) -> Result<Option<Trial>, StoreError> {
        const SELECT: &str = "SELECT trial_start_date, trial_end_date, trial_credits_nano_usd, trial_max_tokens,
                trial_max_requests, trial_used_nano_usd, trial_used_tokens, trial_used_requests, trial_converted
            FROM api_keys_new WHERE id = ?1 AND trial_end_date IS NOT NULL";
        self.one(SELECT, (key.0,), trial).await
    }

    async fn limits_of(&self, key: KeyId) -> Result<Option<RateLimits>, StoreError> {
        const SELECT: &str = "SELECT window_size, max_requests, max_tokens, burst_limit, concurrency_limit
            FROM rate_limit_configs WHERE api_key_id = ?1";
        self.one(SELECT, (key.0,), limits).await
    }

    async fn credits(&self, user: UserId) -> Result<Option<Usd>, StoreError> {
        let select = "SELECT credits_nano_usd FROM users WHERE id = ?1";
        self.one(select, (user.0,), |row| Ok(Usd::from_nanos(row.get(0)?)))
            .await
    }

    async fn trial_config(&self) -> Result<Option<TrialConfig>, StoreError> {
        const SELECT: &str = "SELECT trial_days, trial_credits_nano_usd, trial_tokens, trial_requests,
            trial_max_concurrent_requests, is_active FROM trial_config";
        self.one(SELECT, (), trial_config).await
    }

    async fn create_user(&self, user: &NewUser) -> Result<UserId, AccountError> {
        user.check()?;
        let (user, now) = (user.clone(), time(self.now()));
        let create = move |connection: &Connection| {
            let insert = "INSERT INTO users (username, email, credits_nano_usd, is_active, role, subscription_status,
                    tier, trial_expires_at, subscription_end_date, registration_date, updated_at)
                VALUES (?1, ?2, 0, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?8)";
            let inserted = connection.execute(
                insert,
                params![
                    user.username,
                    user.email,
                    user.role.as_str(),
                    user.subscription.as_str(),
                    user.tier,
                    user.trial_expires_at.map(time),
                    user.subscription_ends_at.map(time),
                    now
                ],
            );
            inserted.map_err(|error| violated(error, "user name or e-mail address", None))?;
            Ok(UserId(connection.last_insert_rowid()))
        };
        self.write(create).await.map_err(Fail::account)
    }

    async fn set_user_active(&self, user: UserId, active: bool) -> Result<bool, StoreError> {
        let now = time(self.now());
        let set = move |connection: &Connection| {
            let update = "UPDATE users SET is_active = ?2, updated_at = ?3 WHERE id = ?1";
            Ok(connection.execute(update, params![user.0, active, now])? > 0)
        };
        self.write(set).await.map_err(Fail::store)
    }

    async fn create_key(&self, key: &NewKey) -> Result<KeyId, AccountError> {
        key.check()?;
        let (key, now) = (key.clone(), time(self.now()));
        let lists = (
            json(&key.scopes)?,
            json(&key.ip_allowlist)?,
            json(&key.domain_referrers)?,
        );
        let create = move |connection: &Connection| {
            let insert = "INSERT INTO api_keys_new (user_id, key_hash, last4, key_name, environment_tag, is_primary,
                    is_active, scope_permissions, ip_allowlist, domain_referrers, expiration_date, max_requests,
                    trial_start_date, trial_end_date, trial_credits_nano_usd, trial_max_tokens, trial_max_requests,
                    created_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
            let trial = key.trial;
            let inserted = connection.execute(
                insert,
                params![
                    key.user.0,
                    key.digest.to_hex(),
                    key.last4,
                    key.name,
                    key.environment.as_str(),
                    key.primary,
                    lists.0,
                    lists.1,
                    lists.2,
                    key.expires_at.map(time),
                    key.max_requests.map(count),
                    trial.map(|trial| time(trial.started_at)),
                    trial.map(|trial| time(trial.ends_at)),
                    trial.map(|trial| trial.credits.nanos()),
                    trial.map(|trial| count(trial.max_tokens)),
                    trial.map(|trial| count(trial.max_requests)),
                    now
                ],
            );
            inserted.map_err(|error| violated(error, "key", Some(AccountError::NoUser(key.user))))?;
            Ok(KeyId(connection.last_insert_rowid()))
        };
        self.write(create).await.map_err(Fail::account)
    }

    async fn revoke_key(&self, key: KeyId) -> Result<bool, StoreError> {
        let now = time(self.now());
        let revoke = move |connection: &Connection| {
            let update = "UPDATE api_keys_new SET is_active = 0, revoked_at = ?2 WHERE id = ?1 AND is_active";
            Ok(connection.execute(update, params![key.0, now])? > 0)
        };
        self.write(revoke).await.map_err(Fail::store)
    }

    async fn put_plan(&self, plan: &Plan) -> Result<(), AccountError> {
        check_name("name of the plan", &plan.name)?;
        let plan = plan.clone();
        let put = move |connection: &Connection| {
            let upsert =
                "INSERT INTO plans (name, price_per_month_nano_usd, daily_request_limit, monthly_request_limit,
                    daily_token_limit, monthly_token_limit, max_concurrent_requests, is_active)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                ON CONFLICT (name) DO UPDATE SET price_per_month_nano_usd = excluded.price_per_month_nano_usd,
                    daily_request_limit = excluded.daily_request_limit,
                    monthly_request_limit = excluded.monthly_request_limit,
                    daily_token_limit = excluded.daily_token_limit,
                    monthly_token_limit = excluded.monthly_token_limit,
                    max_concurrent_requests = excluded.max_concurrent_requests, is_active = excluded.is_active";
            connection.execute(
                upsert,
                params![
                    plan.name,
                    plan.price_per_month.nanos(),
                    count(plan.daily_requests),
                    count(plan.monthly_requests),
                    count(plan.daily_tokens),
                    count(plan.monthly_tokens),
                    plan.max_concurrent,
                    plan.active
                ],
            )?;
            Ok(())
        };
        self.write(put).await.map_err(Fail::account)
    }

    async fn set_plan(
        &self,
        user: UserId,
        plan: Option<&str>,
        since: UnixMillis,
        expires_at: Option<UnixMillis>,
    ) -> Result<(), AccountError> {
        let plan = plan.map(str::to_owned);
        let set = move |connection: &Connection| {
            if !exists(connection, "SELECT 1 FROM users WHERE id = ?1", user.0)? {
                return Err(AccountError::NoUser(user).into());
            }
            let Some(plan) = plan else {
                connection.execute("DELETE FROM user_plans WHERE user_id = ?1", (user.0,))?;
                return Ok(());
            };
            let upsert = "INSERT INTO user_plans (user_id, plan_id, started_at, expires_at)
                SELECT ?1, id, ?3, ?4 FROM plans WHERE name = ?2
                ON CONFLICT (user_id) DO UPDATE SET plan_id = excluded.plan_id, started_at = excluded.started_at,
                    expires_at = excluded.expires_at";
            match connection.execute(upsert, params![user.0, plan, time(since), expires_at.map(time)])? {
                0 => Err(AccountError::NoPlan(plan).into()),
                _ => Ok(()),
            }
        };
        self.write(set).await.map_err(Fail::account)
    }

    async fn set_limits(&self, key: KeyId, limits: Option<&RateLimits>) -> Result<(), AccountError> {
        let (limits, now) = (limits.copied(), time(self.now()));
        let set = move |connection: &Connection| {
            if !exists(connection, "SELECT 1 FROM api_keys_new WHERE id = ?1", key.0)? {
                return Err(AccountError::NoKey(key).into());
            }
            let Some(limits) = limits else {
                connection.execute("DELETE FROM rate_limit_configs WHERE api_key_id = ?1", (key.0,))?;
                return Ok(());
            };
            let put = "INSERT OR REPLACE INTO rate_limit_configs (api_key_id, window_size, max_requests, max_tokens,
                burst_limit, concurrency_limit, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            connection.execute(
                put,
                params![
                    key.0,
                    limits.window_seconds,
                    count(limits.max_requests),
                    count(limits.max_tokens),
                    limits.burst,
                    limits.concurrency,
                    now
                ],
            )?;
            Ok(())
        };
        self.write(set).await.map_err(Fail::account)
    }

    async fn set_trial_config(&self, config: &TrialConfig) -> Result<(), StoreError> {
        let config = *config;
        let set = move |connection: &Connection| {
            let put = "INSERT OR REPLACE INTO trial_config (id, trial_days, trial_credits_nano_usd, trial_tokens,
                trial_requests, trial_max_concurrent_requests, is_active) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)";
            connection.execute(
                put,
                params![
                    config.days,
                    config.credits.nanos(),
                    count(config.max_tokens),
                    count(config.max_requests),
                    config.max_concurrent,
                    config.active
                ],
            )?;
            Ok(())
        };
        self.write(set).await.map_err(Fail::store)
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
        let records = records.to_vec();
        let record = move |connection: &Connection| {
            let mut new = 0;
            for record in &records {
                new += u64::from(record_one(connection, record)?);
            }
            Ok(new)
        };
        self.write(record).await.map_err(Fail::account)
    }
}

impl SqliteStore {
    async fn one<T: Send + 'static>(
        &self,
        select: &'static str,
        params: impl Params + Send + 'static,
        read: fn(&Row<'_>) -> Result<T, Fail>,
    ) -> Result<Option<T>, StoreError> {
        let one = move |connection: &mut Connection| {
            let mut rows = connection.prepare_cached(select)?;
            let mut rows = rows.query(params)?;
            rows.next()?.map(read).transpose()
        };
        self.read(one).await.map_err(Fail::store)
    }

    async fn book(&self, booking: Booking, reference: &str) -> Result<Receipt, AccountError> {
        check_name("reference", reference)?;
        let (reference, now) = (reference.to_owned(), time(self.now()));
        self.write(move |connection| book(connection, booking, &reference, now))
            .await
            .map_err(Fail::account)
    }
}

fn book(connection: &Connection, booking: Booking, reference: &str, now: i64) -> Result<Receipt, Fail> {
    let known = connection
        .prepare_cached(
            "SELECT user_id, amount_nano_usd, transaction_type, balance_before_nano_usd, balance_after_nano_usd
            FROM credit_transactions WHERE reference = ?1",
        )?
        .query_row([reference], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<_, String>(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        })
        .optional()?;
    if let Some((user, amount, kind, before, after)) = known {
        return Ok(booking.repeated(UserId(user), amount, &kind, (before, after))?);
    }
    let balance = connection
        .prepare_cached("SELECT credits_nano_usd FROM users WHERE id = ?1")?
        .query_row([booking.user.0], |row| row.get(0))
        .optional()?;
    let Some(before) = balance.map(Usd::from_nanos) else {
        return Err(AccountError::NoUser(booking.user).into());
    };
    let after = booking.balance_after(before)?;
    connection
        .prepare_cached("UPDATE users SET credits_nano_usd = ?2, updated_at = ?3 WHERE id = ?1")?
        .execute(params![booking.user.0, after.nanos(), now])?;
    connection
        .prepare_cached(
            "INSERT INTO credit_transactions (user_id, reference, transaction_type, amount_nano_usd,
                balance_before_nano_usd, balance_after_nano_usd, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            booking.user.0,
            reference,
            booking.kind.as_str(),
            booking.amount.nanos(),
            before.nanos(),
            after.nanos(),
            now
        ])?;
    if booking.kind == TransactionKind::Purchase {
        let convert = "UPDATE api_keys_new SET trial_converted = 1 WHERE user_id = ?1 AND trial_end_date IS NOT NULL";
        connection.execute(convert, (booking.user.0,))?;
    }
    Ok(Receipt {
        before,
        after,
        repeated: false,
    })
}

/// Whether it was new.
fn record_one(connection: &Connection, record: &UsageRecord) -> Result<bool, Fail> {
    let at = time(record.at);
    let mut insert = connection.prepare_cached(
        "INSERT INTO usage_records (request_id, user_id, api_key_id, provider, model, input_tokens, output_tokens,
            cost_nano_usd, processing_time_ms, at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (request_id) DO NOTHING",
    )?;
    let inserted = insert.execute(params![
        record.request_id,
        record.user.0,
        record.key.0,
        record.provider,
        record.model,
        count(record.input_tokens),
        count(record.output_tokens),
        record.cost.nanos(),
        count(record.duration_ms),
        at
    ]);
    let inserted = inserted.map_err(|error| violated(error, "request id", Some(NO_USE)))?;
    if inserted == 0 {
        return Ok(false);
    }
    let mut tally = connection.prepare_cached(
        "UPDATE api_keys_new SET requests_used = requests_used + 1,
            last_used_at = max(coalesce(last_used_at, 0), ?2),
            trial_used_requests = trial_used_requests + (trial_end_date IS NOT NULL),
            trial_used_tokens = trial_used_tokens + iif(trial_end_date IS NULL, 0, ?3),
            trial_used_nano_usd = trial_used_nano_usd + iif(trial_end_date IS NULL, 0, ?4)
        WHERE id = ?1 AND user_id = ?5",
    )?;
    let tokens = count(record.input_tokens.saturating_add(record.output_tokens));
    match tally.execute(params![record.key.0, at, tokens, record.cost.nanos(), record.user.0])? {
        0 => Err(NO_USE.into()),
        _ => Ok(true),
    }
}

fn exists(connection: &Connection, select: &str, id: i64) -> Result<bool, Fail> {
    Ok(connection.query_row(select, [id], |_row| Ok(())).optional()?.is_some())
}

/// What a violated constraint means.
fn violated(error: rusqlite::Error, taken: &'static str, unknown: Option<AccountError>) -> Fail {
    if error.sqlite_error_code() != Some(ErrorCode::ConstraintViolation) {
        return error.into();
    }
    match (error.sqlite_error().map(|error| error.extended_code), unknown) {
        (Some(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE), _) => AccountError::Taken(taken).into(),
        (Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY), Some(unknown)) => unknown.into(),
        _ => error.into(),
    }
}

fn user(row: &Row<'_>) -> Result<User, Fail> {
    Ok(User {
        id: UserId(row.get(0)?),
        username: row.get(1)?,
        email: row.get(2)?,
        credits: Usd::from_nanos(row.get(3)?),
        active: row.get(4)?,
        role: word("users.role", row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?)?,
        subscription: word(
            "users.subscription_status",
            row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?,
        )?,
        tier: row.get(7)?,
        trial_expires_at: timed("users.trial_expires_at", row.get(8)?)?,
        subscription_ends_at: timed("users.subscription_end_date", row.get(9)?)?,
        registered_at: UnixMillis(counted("users.registration_date", row.get(10)?)?),
    })
}

fn key(row: &Row<'_>) -> Result<KeyRecord, Fail> {
    let list = |at: usize, column| {
        let text = row.get_ref(at)?.as_str().map_err(rusqlite::Error::from)?;
        Ok::<Vec<String>, Fail>(from_json(column, text)?)
    };
    Ok(KeyRecord {
        user: user(row)?,
        id: KeyId(row.get(11)?),
        last4: row.get(12)?,
        name: row.get(13)?,
        environment: word(
            "api_keys_new.environment_tag",
            row.get_ref(14)?.as_str().map_err(rusqlite::Error::from)?,
        )?,
        primary: row.get(15)?,
        active: row.get(16)?,
        scopes: list(17, "api_keys_new.scope_permissions")?,
        ip_allowlist: list(18, "api_keys_new.ip_allowlist")?,
        domain_referrers: list(19, "api_keys_new.domain_referrers")?,
        expires_at: timed("api_keys_new.expiration_date", row.get(20)?)?,
        max_requests: counted_if("api_keys_new.max_requests", row.get(21)?)?,
        requests_used: counted("api_keys_new.requests_used", row.get(22)?)?,
        last_used_at: timed("api_keys_new.last_used_at", row.get(23)?)?,
        trial: row.get(24)?,
        created_at: UnixMillis(counted("api_keys_new.created_at", row.get(25)?)?),
    })
}

fn plan(row: &Row<'_>) -> Result<PlanOfUser, Fail> {
    Ok(PlanOfUser {
        plan: Plan {
            name: row.get(0)?,
            price_per_month: Usd::from_nanos(row.get(1)?),
            daily_requests: counted("plans.daily_request_limit", row.get(2)?)?,
            monthly_requests: counted("plans.monthly_request_limit", row.get(3)?)?,
            daily_tokens: counted("plans.daily_token_limit", row.get(4)?)?,
            monthly_tokens: counted("plans.monthly_token_limit", row.get(5)?)?,
            max_concurrent: counted("plans.max_concurrent_requests", row.get(6)?)?,
            active: row.get(7)?,
        },
        since: UnixMillis(counted("user_plans.started_at", row.get(8)?)?),
        expires_at: timed("user_plans.expires_at", row.get(9)?)?,
    })
}

fn trial(row: &Row<'_>) -> Result<Trial, Fail> {
    Ok(Trial {
        started_at: UnixMillis(counted("api_keys_new.trial_start_date", row.get(0)?)?),
        ends_at: UnixMillis(counted("api_keys_new.trial_end_date", row.get(1)?)?),
        credits: Usd::from_nanos(row.get(2)?),
        max_tokens: counted("api_keys_new.trial_max_tokens", row.get(3)?)?,
        max_requests: counted("api_keys_new.trial_max_requests", row.get(4)?)?,
        used_credits: Usd::from_nanos(row.get(5)?),
        used_tokens: counted("api_keys_new.trial_used_tokens", row.get(6)?)?,
        used_requests: counted("api_keys_new.trial_used_requests", row.get(7)?)?,
        converted: row.get(8)?,
    })
}

fn limits(row: &Row<'_>) -> Result<RateLimits, Fail> {
    Ok(RateLimits {
        window_seconds: counted("rate_limit_configs.window_size", row.get(0)?)?,
        max_requests: counted("rate_limit_configs.max_requests", row.get(1)?)?,
        max_tokens: counted("rate_limit_configs.max_tokens", row.get(2)?)?,
        burst: counted("rate_limit_configs.burst_limit", row.get(3)?)?,
        concurrency: counted("rate_limit_configs.concurrency_limit", row.get(4)?)?,
    })
}

fn trial_config(row: &Row<'_>) -> Result<TrialConfig, Fail> {
    Ok(TrialConfig {
        days: counted("trial_config.trial_days", row.get(0)?)?,
        credits: Usd::from_nanos(row.get(1)?),
        max_tokens: counted("trial_config.trial_tokens", row.get(2)?)?,
        max_requests: counted("trial_config.trial_requests", row.get(3)?)?,
        max_concurrent: counted("trial_config.trial_max_concurrent_requests", row.get(4)?)?,
        active: row.get(5)?,
    })
}
